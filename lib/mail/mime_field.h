/* mime_field.h: the value and parameters of Content-Type and Content-Disposition. Private to lib/mail.
 *
 * RFC 2045 5.1 and RFC 2183 with RFC 2231 parameters, read tolerantly: missing semicolons and quotes,
 * comments, white space around "=", raw 8-bit and encoded words in file names. Of a repeated parameter the
 * first counts. */
#pragma once
#include <glib.h>

struct mime_parameter {
    char *name;       /* lower case, without RFC 2231 marks */
    int section;      /* RFC 2231 continuation number, -1 = none */
    gboolean encoded; /* name*=: value is percent-encoded, its charset in front of section 0 */
    GBytes *value;    /* quotes and folding removed */
};

struct mime_field {
    char *value;           /* "text/plain", "attachment": lower case, "" when it has none */
    GPtrArray *parameters; /* struct mime_parameter * */
    gboolean over;         /* more than max parameters: the rest was not looked at */
};

/* Never NULL; linear in length. */
struct mime_field *mime_field_parse(const char *value, gsize length, guint max_parameters);
void mime_field_free(struct mime_field **field);
/* A parameter's bytes as they stand (RFC 2231 sections joined, percent-encoding removed), charset_r (may be
 * NULL) set to its declared charset or NULL (caller frees). NULL when absent; caller unrefs. */
GBytes *mime_field_bytes(const struct mime_field *field, const char *name, char **charset_r);
/* A parameter for people: valid UTF-8 without control characters, at most 1 KiB; NULL when absent; caller
 * frees. */
char *mime_field_utf8(const struct mime_field *field, const char *name);
