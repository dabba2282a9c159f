/* script.h: what Dovecot's own quota_warning says over its "script" protocol, for servers without the plugin.
 *
 * Dovecot connects and writes lines, tab-escaped (\001 and one character), and a connection is one request:
 *     VERSION<TAB>script<TAB>MAJOR<TAB>MINOR
 *     env_NAME=VALUE        any number, from version 4 on
 *     noreply  or  -
 *     ARGUMENT              one a line
 *     <empty line>
 * then a body that is not read. Answer: "+\n" or "-\n", and nothing after noreply.
 *
 * The arguments are ours: KIND PERCENT USER [ROOT], as in  over 80 alice@example.org. */
#pragma once
#include "policyd/quota/event.h"

#define QUOTA_SCRIPT_MAX 8192u /* bytes of a request, with the empty line */

struct quota_script {
    enum quota_kind kind;
    int percent;
    char user[QUOTA_USER_MAX + 1], root[QUOTA_ROOT_MAX + 1]; /* root: "" when it isn't told */
    gboolean answered; /* whether an answer is waited for */
};
/* Bytes of the request with its empty line at the beginning of text; 0 while it is not whole. */
gsize quota_script_length(const char *text, gsize length);
/* A whole request. FALSE and *problem_r (a literal) for what is none; answered is set all the same, when it was told. */
gboolean quota_script_parse(const char *text, gsize length, struct quota_script *script_r, const char **problem_r);
