/* account_limits.h: limits of their own that accounts or domains have, from the table policy_limit:
 *   subject   an address (or a login without a domain), @domain, or * for everybody, in comparison form
 *   meter     what is counted, as the configuration calls it ("messages")
 *   seconds   the window, and
 *   amount    how much in it; below 0: no limit there
 * For each window the most specific subject wins: the address, it without extension, its @domain, *. What a subject says of one
 * window leaves the others as they are. */
#pragma once
#include "policyd/accounts/policy_accounts.h"

#define ACCOUNT_LIMITS_MAX 8
#define ACCOUNT_METER_MAX 64 /* bytes of a meter's name */

enum account_subject { SUBJECT_ADDRESS, SUBJECT_DOMAIN, SUBJECT_ALL };
struct account_limit {
    gint64 amount;  /* -1: none */
    guint seconds;
    enum account_subject subject; /* whose limit it is */
};
struct account_limits {
    struct account_limit limit[ACCOUNT_LIMITS_MAX]; /* by rising seconds */
    guint n;
    gboolean stale;
};
/* YES: *limits_r has one or more; NO: none is in the table. subject: an address in comparison form, a login, or "@domain".
 * A subject with more than ACCOUNT_LIMITS_MAX windows has the shortest of them, and a warning is logged. */
enum lookup account_limits_find(struct policy_accounts *accounts, const char *subject, const char *meter, gboolean may_block,
                                gint64 now_ms, struct account_limits *limits_r);
