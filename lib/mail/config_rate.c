/* config_rate.c: what the setting warn_user of checks of the kind rate needs, of its own section and of others. */
#include "lib/mail/config_private.h"
#include "lib/mail/policy_action.h"

/* There is no room for one more when the warning comes. */
static gboolean
is_too_low(gint64 limit, gint64 warn_at)
{
    return limit > 0 && limit * (100 - warn_at) < 100;
}

/* Otherwise a mail would be for nothing, not true, or for the wrong one. */
static void
check_one(const struct config *config, const struct config_rate *rate, struct settings_report *report)
{
    const gboolean of_user = rate->of == CONFIG_RATE_USER || rate->of == CONFIG_RATE_SENDER;
    const gint64 limits[] = {rate->messages_per_hour, rate->messages_per_day, rate->recipients_per_hour, rate->recipients_per_day};
    gboolean any = FALSE, low = FALSE;

    for (guint i = 0; i < G_N_ELEMENTS(limits); i++) {
        any |= limits[i] > 0;
        low |= is_too_low(limits[i], rate->warn_at);
    }
    const struct {
        gboolean wrong;
        const char *text;
    } cases[] = {
        {!of_user, "has nobody to write to; it is for of = user or sender"},
        {rate->of == CONFIG_RATE_SENDER && rate->when.sign_in != CONFIG_WHEN_SIGNED_IN,
         "needs sign_in = yes with of = sender: who does not sign in may name any sender"},
        {rate->warn_at == 0 || rate->warn_at == 100, "needs a warn_at from 1 to 99: there would be no warning before the limit"},
        {!any, "needs a limit by hour or by day: a mail about a minute comes too late"},
        {low && rate->warn_at < 100, "needs limits that let one more through after warn_at percent"},
        {!policy_action_refuses(rate->action), "tells users that mail will be refused, but the action refuses none"},
        {*config->quota.lmtp == '\0' || *config->quota.from == '\0', "needs quota.lmtp and quota.from"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        if (cases[i].wrong)
            settings_complain_item(report, TRUE, "rate", rate, "warn_user", "%s", cases[i].text);
}

void
rate_check_warnings(const struct config *config, struct settings_report *report)
{
    for (guint i = 0; i < config->rate->len; i++) {
        const struct config_rate *rate = g_ptr_array_index(config->rate, i);
        if (rate->warn_user)
            check_one(config, rate, report);
    }
}
