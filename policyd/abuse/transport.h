/* transport.h: an HTTP request, and a mail by SMTP, both by libcurl. Blocking, bounded in time; each call stands for
 * itself. curl_global_init has been called. */
#pragma once
#include <glib.h>

#define TRANSPORT_TIMEOUT_MS 10000 /* of a call */

/* POSTs JSON. Redirects are not followed. TRUE: 2xx. Else *why_r, caller frees. When *stop becomes other than 0, it is broken off. */
gboolean transport_post(const char *url, const char *body, const gint *stop, char **why_r);
/* Hands a mail of the null sender to "inet:PORT@HOST" or "unix:/path". */
gboolean transport_mail(const char *server, const char *to, const GString *mail, const gint *stop, char **why_r);
