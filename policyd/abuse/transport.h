/* transport.h: an HTTP request, and a mail by SMTP, both by libcurl. Blocking, bounded in time; each call stands for itself. */
#pragma once
#include <glib.h>

#define TRANSPORT_TIMEOUT_MS 10000 /* of a call */
#define TRANSPORT_ANSWER_MAX 65536u /* bytes of an answer that are kept */

/* POSTs JSON; headers: "Name: value", NULL-terminated, or NULL. Redirects are not followed. TRUE: 2xx, and *answer_r (may be NULL) its body,
 * caller frees. Else *why_r, caller frees. When *stop becomes other than 0, it is broken off. */
gboolean transport_post(const char *url, const char *const *headers, const char *body, const gint *stop, char **answer_r, char **why_r);
/* Hands a mail of the null sender to "inet:PORT@HOST" or "unix:/path". */
gboolean transport_mail(const char *server, const char *to, const GString *mail, const gint *stop, char **why_r);
