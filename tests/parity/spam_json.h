/* spam_json.h: what the spam engine's parity drivers read from JSON. A string there is [base64 of its bytes, is characters]. */
#pragma once
#include <jansson.h>
#include "lib/spam/view/uris.h"

/* The bytes join `kept`, which frees them. */
struct perl_text spam_json_text(const json_t *value, GPtrArray *kept);
GArray *spam_json_texts(const json_t *array, GPtrArray *kept); /* of struct perl_text */

json_t *spam_json_base64(const char *bytes, gsize length);

/* An HTML part's URIs; all of it joins `kept`. */
struct uris_html spam_json_html(const json_t *html, GPtrArray *kept);

/* The lists of a rule file's util_rb_tld, util_rb_2tld and util_rb_3tld. Ends the program on errors. */
struct registry *spam_json_registry(const char *path);

/* Patterns, one a line. Ends the program on errors. */
struct uri_redirectors *spam_json_redirectors(const char *path);

/* The driver of a stage: its arguments are a rule file of domains and a file of redirector patterns; answer is called for each JSON line of
 * standard input, and prints. The exit status. */
typedef void spam_json_answer(const struct uris_settings *settings, const json_t *item);
int spam_json_main(int argc, char **argv, spam_json_answer *answer);
