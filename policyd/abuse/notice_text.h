/* notice_text.h: what is told of a decision about an account, as a mail and as JSON. Pure. */
#pragma once
#include "policyd/abuse/score.h"

struct notice_text {
    enum abuse_level level;
    const char *account, *reason, *node;
    double score;
    gint64 since_ms, expires_ms; /* expires_ms 0: until it is released */
};
/* template with {domain} filled in: the account's domain, or the host's name for a login without one. Caller frees. */
char *notice_address(const char *template, const char *account);
/* A mail by lib/mail/notice.h; the user's is in English and Chinese. Caller frees. */
GString *notice_mail(const struct notice_text *text, const char *from, const char *to, gboolean to_user, gint64 now_ms);
/* {"event":"abuse","account":..,"action":"suspension","score":..,"reason":..,"since":..,"until":..|null,"node":..}. Caller frees. */
char *notice_json(const struct notice_text *text);
/* The body of a doveadm request that ends the account's sessions; NULL for a name that doveadm would take for a pattern or network. Caller
 * frees. */
char *notice_kick(const char *account);
