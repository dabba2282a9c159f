/* show.c: an account's score and what it is made of, for `postern account show`. */
#include <jansson.h>
#include "policyd/abuse/abuse_private.h"

gboolean
abuse_show(struct abuse *abuse, const char *account, gint64 now_ms, GString *answer)
{
    struct abuse_rules *rules = abuse_rules_of(abuse);
    const struct config_abuse *config = &rules->config->abuse;
    json_t *list = json_array(), *whole;
    char *text;

    for (enum abuse_signal signal = 0; signal < ABUSE_SIGNALS; signal++) {
        double count = abuse_score_count(abuse->state, config, signal, account, now_ms);
        if (count > 0)
            json_array_append_new(list, json_pack("{s:s, s:f, s:I}", "signal", abuse_signal_names[signal], "count", count, "points",
                                                  (json_int_t)abuse_points(config, signal)));
    }
    whole = json_pack("{s:b, s:b, s:f, s:I, s:I, s:I, s:f, s:o}", "enabled", config->enabled, "dry_run", config->dry_run, "score",
                      abuse_score(abuse->state, config, account, now_ms), "slow_at", (json_int_t)config->slow_at, "hold_at",
                      (json_int_t)config->hold_at, "suspend_at", (json_int_t)config->suspend_at, "sent",
                      abuse_recent(abuse->state, METER_SENT, account, 0, now_ms), "signals", list);
    text = json_dumps(whole, JSON_COMPACT | JSON_REAL_PRECISION(6));
    g_string_append(answer, text);
    free(text);
    json_decref(whole);
    abuse_rules_unref(rules);
    return TRUE;
}
