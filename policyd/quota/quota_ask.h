/* quota_ask.h: asks Dovecot what mailboxes hold, by doveadm's quotaGet.
 *
 * [["quotaGet",{"user":U},TAG], ..] is answered by [["doveadmResponse",[{"root":R,"type":"STORAGE","value":"489","limit":"1024",
 * "percent":"47"},{..,"type":"MESSAGE",..}],TAG],["error",{..},TAG]]; storage is in KiB, "-" stands for no limit. Many users are asked about
 * at once where there is time. */
#pragma once
#include "policyd/doveadm/doveadm.h"
#include "policyd/quota/levels.h"

#define DOVEADM_USERS_MAX 50u /* of one question */

struct doveadm_root {
    char name[QUOTA_ROOT_MAX + 1];
    gint64 used, limit, messages, messages_limit; /* bytes, cut to whole KiB; limit 0: none */
};
struct doveadm_answer {
    gboolean known; /* FALSE: there is no such user, or it could not be told */
    guint n;
    struct doveadm_root roots[QUOTA_ROOTS_MAX];
};

/* Fills answers_r[n_users]. FALSE and error: the server is away, or does not answer as it should; after that it is left alone for a while, and the
 * answer is FALSE at once. Blocks for timeout_ms at most. Thread-safe. */
gboolean doveadm_quota(struct doveadm *doveadm, const char *const *users, guint n_users, int timeout_ms, struct doveadm_answer *answers_r,
                       GError **error);

/* The request for users, whose tags are their numbers. Caller frees. */
char *doveadm_request(const char *const *users, guint n_users);
/* FALSE for what is no answer to such a request. What it does not hold is not known. */
gboolean doveadm_parse(const char *text, gsize length, guint n_users, struct doveadm_answer *answers_r);
