/* spam_scanner.c: loads the rules that the section spam names. */
#include "milters/spam_scanner.h"
#include "milters/module.h"

static const char *
path_or_default(const char *path)
{
    return *path != '\0' ? path : NULL;
}

struct scanner *
spam_scanner_open(const struct config_spam *config, GError **error)
{
    const struct scanner_options options = {
        .rules = {.default_rules = path_or_default(config->rules), .site_rules = path_or_default(config->site_rules),
                  .local_tests_only = TRUE},
        .cache = path_or_default(config->cache),
    };
    GError *cause = NULL;
    struct scanner *scanner = scanner_new(&options, &cause);

    if (scanner == NULL) {
        g_set_error(error, MILTER_ERROR, 0, "spam: %s", cause != NULL ? cause->message : "no rules could be read");
        g_clear_error(&cause);
        return NULL;
    }
    const struct spam_ruleset *ruleset = scanner_ruleset(scanner);
    log_text(ruleset->n_errors > 0 ? LOG_SEV_WARNING : LOG_SEV_INFO, "rules",
             "%u rules in %u files, %u errors; `postern rules check` tells them", ruleset->rules->len, ruleset->n_files,
             ruleset->n_errors);
    return scanner;
}
