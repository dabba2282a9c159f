/* signin_request.h: one question or report of Dovecot's auth policy (auth_policy_server_url): a POST with a JSON object.
 *
 * What Dovecot 2.3.19 and 2.4.1 send by themselves (auth_policy_request_attributes; all strings):
 *   {"device_id":"","login":"bob@example.org","protocol":"imap","pwhash":"0c18","remote":"192.0.2.1","session_id":"Y54Ob2lhSIB/AAAB",
 *    "tls":false}
 * and in reports also "success":true|false and "policy_reject":true|false. 2.4 has "fail_type" besides: "" until the sign-in is over, then
 * "", "credentials", "account" (none such), "disabled", "expired", "internal" or "policy". With Postfix in front there is no session_id.
 * pwhash is a hash of nonce, login and password, cut to 12 bits; the same for the same wrong password of one user. login is empty when the
 * client's was none that can be. An administrator may add "mech", the SASL mechanism. Members that are not known are passed over. */
#pragma once
#include <glib.h>

#define SIGNIN_BODY_MAX 65536u /* bytes of a request */
#define SIGNIN_USER_MAX 320u
#define SIGNIN_TEXT_MAX 256u   /* of other values */

enum signin_fail {
    SIGNIN_FAIL_UNTOLD, /* none, or not told */
    SIGNIN_FAIL_GUESS,  /* wrong password, no such account, a disabled one */
    SIGNIN_FAIL_OTHER   /* the database is away, the password has expired: no guess */
};

/* Strings are never NULL; "" where Dovecot sent none. */
struct signin_request {
    char *user;    /* lower case, cut to SIGNIN_USER_MAX bytes */
    char *remote;  /* the client's address as text */
    char *pwhash, *protocol, *session;
    enum signin_fail fail;
    gboolean told; /* has "success", as reports do */
    gboolean success, rejected; /* rejected: by our own answer */
};

/* NULL and *problem_r (a literal, for the log) for what is no request: no JSON object, a member of another type, an overlong value. The
 * body is UTF-8 without NUL, or it is none. *problem_r is NULL for a request. Thread-safe. */
struct signin_request *signin_request_parse(const char *body, gsize length, const char **problem_r);
void signin_request_free(struct signin_request *request); /* NULL-safe */
