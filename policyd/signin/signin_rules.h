/* signin_rules.h: the settings of the section signin, ready for use. Immutable; shared by reference. */
#pragma once
#include "lib/base/networks.h"
#include "lib/mail/config.h"
#include "policyd/state/meters.h"

struct signin_rules {
    gint refs;
    struct networks *allowed;
    struct meter_limit pair, network, user; /* amount 0: no limit */
    gint64 window_ms, ban_ms;
    guint max_delay_s, ban_limit;           /* ban_limit 0: no bans */
};
struct signin_rules *signin_rules_new(const struct config_signin *config);
struct signin_rules *signin_rules_ref(struct signin_rules *rules);
void signin_rules_unref(struct signin_rules *rules);

/* Seconds to wait at so many counted of a limit: none below a quarter of it, then 1, 2, 4 .. up to max_delay_s. -1: at the limit. */
int signin_rules_status(const struct signin_rules *rules, const struct meter_limit *limit, guint counted);
