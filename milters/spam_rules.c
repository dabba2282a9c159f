/* spam_rules.c: loads rules, and tells what is wrong with them. */
#include <errno.h>
#include <glib/gstdio.h>
#include "lib/base/log.h"
#include "milters/module.h"
#include "milters/spam_rules.h"

#define TOLD_MAX 20u /* faults that are logged one by one */

static void
tell(const struct spam_ruleset *set)
{
    guint told = 0;

    for (guint i = 0; i < set->diagnostics->len && told < TOLD_MAX; i++, told++) {
        const struct spam_diagnostic *d = set->diagnostics->pdata[i];
        g_autoptr(GString) text = g_string_new(NULL);
        log_sanitize(text, d->text, strlen(d->text), 500);
        log_text(d->is_error ? LOG_SEV_ERROR : LOG_SEV_WARNING, "rules", "%s:%u: %s", d->file, d->line, text->str);
    }
    if (set->n_errors + set->n_warnings > told)
        log_text(LOG_SEV_WARNING, "rules", "%u more; all of them: postern rules check", set->n_errors + set->n_warnings - told);
}

/* The folder, made if it is missing; NULL when there can be none. */
static const char *
cache_folder(const struct config_spam *config)
{
    if (*config->cache == '\0')
        return NULL;
    if (g_mkdir_with_parents(config->cache, 0750) == 0 && g_access(config->cache, W_OK) == 0)
        return config->cache;
    log_text(LOG_SEV_WARNING, "rules", "spam.cache: %s can't be written (%s): each start costs a minute of CPU",
             config->cache, g_strerror(errno));
    return g_access(config->cache, R_OK) == 0 ? config->cache : NULL;
}

struct scanner *
spam_rules_open(const struct config_spam *config, const struct scanner *former, GError **error)
{
    const struct rules_options options = {.default_rules = *config->rules != '\0' ? config->rules : NULL,
                                          .site_rules = config->site, .local_tests_only = !config->network};
    gint64 began = g_get_monotonic_time();
    struct spam_ruleset *set = rules_load(&options, error);
    guint known = former != NULL ? scanner_ruleset(former)->n_errors : G_MAXUINT;
    struct scanner *scanner;

    if (set == NULL)
        return NULL;
    tell(set);
    if (set->n_errors > known) {
        g_set_error(error, MILTER_ERROR, 0, "the rules have %u new errors (see the log, or postern rules check): the former ones stay",
                    set->n_errors - known);
        rules_free(&set);
        return NULL;
    }
    scanner = scanner_of(set, SCANNER_COMPILING, cache_folder(config), error);
    if (scanner != NULL)
        log_text(LOG_SEV_INFO, "rules", "%u rules from %u files in %.1f s%s", set->rules->len, set->n_files,
                 (double)(g_get_monotonic_time() - began) / G_USEC_PER_SEC,
                 scanner_is_compiling() ? "; their patterns are compiled meanwhile, until then scans cost more" : "");
    return scanner;
}
