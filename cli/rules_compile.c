/* rules_compile.c: `postern rules compile`: fills the milter's cache of compiled patterns beforehand.
 *
 * Whoever changes rules by script runs it before the reload, which then takes a second. Exit status: 0 they are there; 1 they can't be
 * made or kept; 2 called wrongly. */
#include <errno.h>
#include <glib/gstdio.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cli/cli.h"
#include "cli/rules.h"
#include "lib/base/daemon.h"
#include "lib/spam/engine/cache_sweep.h"
#include "lib/spam/scan/scanner.h"

/* The folder, and from then on the milter's user, whom all of it has to belong to. */
static gboolean
become_milter(const struct config *config, GError **error)
{
    struct passwd *user = geteuid() == 0 ? getpwnam(config->milter.user) : NULL;

    if (geteuid() != 0)
        return TRUE;
    if (g_mkdir_with_parents(config->spam.cache, 0750) == 0 && user != NULL && chown(config->spam.cache, user->pw_uid, user->pw_gid) != 0) {
        g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno), "%s: %s", config->spam.cache, g_strerror(errno));
        return FALSE;
    }
    return daemon_drop_privileges(config->milter.user, NULL, error);
}

/* Compiles the rules of the configuration into folder. */
static int
compile(const struct config *config, const char *folder)
{
    const struct rules_options rules = {.default_rules = *config->spam.rules != '\0' ? config->spam.rules : NULL,
                                        .site_rules = config->spam.site, .local_tests_only = !config->spam.network};
    g_autoptr(GError) error = NULL;
    gint64 began = g_get_monotonic_time();
    struct spam_ruleset *set = rules_load(&rules, &error);
    struct scanner *scanner;
    guint removed;

    if (isatty(STDERR_FILENO))
        fputs("compiling; for a new set of rules this takes most of a minute ..\n", stderr);
    scanner = set != NULL ? scanner_of(set, SCANNER_COMPILED, folder, &error) : NULL;
    if (scanner == NULL) {
        cli_error("%s", error->message);
        return CLI_FAILED;
    }
    printf("the patterns are in %s (%.1f s)\n", folder, (double)(g_get_monotonic_time() - began) / G_USEC_PER_SEC);
    scanner_unref(scanner);
    removed = cache_sweep(folder, g_get_real_time() / G_USEC_PER_SEC);
    if (removed > 0)
        printf("files removed that nobody has used for a month: %u\n", removed);
    return CLI_OK;
}

int
cli_rules_compile(int argc, char **argv, const char *config_path)
{
    int code = cli_parse(&argc, &argv, NULL,
                         "Compiles the patterns of the rules that the configuration names, into its spam.cache, so that the milter's next "
                         "start or reload finds them there. Run as root, it does so as the milter's user.",
                         NULL, 0, 0);
    g_autoptr(GError) error = NULL;
    struct config *config;

    if (code >= 0)
        return code;
    config = cli_load_config(config_path);
    if (config == NULL)
        return CLI_FAILED;
    if (*config->spam.cache == '\0') {
        cli_error("spam.cache is empty: there is nowhere to keep them");
        code = CLI_FAILED;
    } else if (!become_milter(config, &error)) {
        cli_error("%s", error->message);
        code = CLI_FAILED;
    } else if (g_mkdir_with_parents(config->spam.cache, 0750) != 0 || g_access(config->spam.cache, W_OK) != 0) {
        cli_error("%s: %s; run it as the milter's user: runuser -u %s -- postern rules compile", config->spam.cache, g_strerror(errno),
                  config->milter.user);
        code = CLI_FAILED;
    } else {
        code = compile(config, config->spam.cache);
    }
    config_unref(config);
    return code;
}
