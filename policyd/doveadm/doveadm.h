/* doveadm.h: commands of doveadm over its HTTP API (2.3 and 2.4 alike).
 *
 * POST /doveadm/v1 with [[COMMAND,{PARAMETERS},TAG], ..] is answered by [["doveadmResponse",..,TAG],["error",{..},TAG], ..]. Dovecot makes a
 * process for each request, not for each command. */
#pragma once
#include "lib/mail/config.h"

/* What a configured url means to libcurl: its own path, or that of the API when it has none or only "/"; of unix:/path, that of the API, too. Caller
 * frees. */
char *doveadm_url(const char *url);

struct doveadm;
/* NULL: none is configured. curl_global_init has been called. */
struct doveadm *doveadm_new(const struct config_doveadm *config);
void doveadm_free(struct doveadm **doveadm); /* NULL-safe; nobody may be inside */
/* The text of the answer (caller frees), or NULL and error: the server is away, or refuses; after that it is left alone for a while, and the answer
 * is NULL at once. stop (may be NULL): broken off when it becomes other than 0. Blocks for timeout_ms at most. Thread-safe. */
GString *doveadm_call(struct doveadm *doveadm, const char *body, int timeout_ms, const gint *stop, GError **error);
/* What was answered to a call made no sense: it is left alone, too. */
void doveadm_distrust(struct doveadm *doveadm);
