/* spam_findings.c: levels, and what the log says of a judgement. */
#include <math.h>
#include "milters/spam_findings.h"

#define TESTS_LOGGED_MAX 1000u /* bytes */

const char *const spam_level_names[] = {"clean", "spam", "killed", NULL};

void
spam_findings_free(struct spam_findings **findings)
{
    struct spam_findings *self = g_steal_pointer(findings);

    if (self == NULL)
        return;
    g_free(self->tests);
    g_free(self);
}

void
spam_findings_log(const struct spam_findings *findings, struct log_line *line)
{
    g_autofree char *score = g_strdup_printf("%.1f", findings->score), *required = g_strdup_printf("%.1f", findings->required);
    g_autofree char *tests = g_strndup(findings->tests, TESTS_LOGGED_MAX);

    log_line_str(line, "spam", spam_level_names[findings->level]);
    log_line_str(line, "score", score);
    log_line_str(line, "required", required);
    log_line_str(line, "tests", *tests != '\0' ? tests : NULL);
    log_line_str(line, "spam_own", findings->is_own ? "yes" : NULL);
    log_line_str(line, "spam_over_time", findings->over_time ? "yes" : NULL);
    log_line_str(line, "spam_cut", findings->cut ? "yes" : NULL);
    if (findings->gave_up > 0)
        log_line_int(line, "spam_gave_up", findings->gave_up);
    log_line_ms(line, "spam_ms", findings->took_us);
}

void
spam_levels_get(const struct config_spam *config, double required_score, const char *recipient, struct spam_levels *levels_r)
{
    (void)recipient;
    *levels_r = (struct spam_levels){
        config->tag_level, config->tag2_level > 0 ? config->tag2_level : (gint64)lround(required_score * 1000), config->kill_level};
}

/* As SpamAssassin rounds before it compares. */
static gint64
points_of(double score)
{
    return (gint64)lround(score * 1000);
}

gboolean
spam_levels_tell(const struct spam_levels *levels, double score)
{
    return points_of(score) >= levels->tag;
}

enum spam_level
spam_level_of(const struct spam_levels *levels, double score)
{
    gint64 points = points_of(score);

    if (levels->kill > 0 && points >= levels->kill)
        return SPAM_KILLED;
    return points >= levels->tag2 ? SPAM_SPAM : SPAM_CLEAN;
}
