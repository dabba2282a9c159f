/* control.c: `postern reload`, `status` and `control`: one line over the daemons' control sockets. */
#include "cli/cli.h"
#include "lib/base/control.h"
#include "lib/base/net.h"
#include <stdio.h>
#include <string.h>

#define CONTROL_TIMEOUT_MS 30000

#define NOT_RUNNING -1 /* no exit code */

/* control_one - sends command to one daemon and prints what it says; a daemon that is out of use need not run */
static int
control_one(const char *daemon, const char *address, const char *command, gboolean out_of_use)
{
    g_autoptr(GString) answer = g_string_new(NULL), shown = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    if (*address == '\0') {
        cli_error("%s has no control socket; set control in its section", daemon);
        return CLI_FAILED;
    }
    if (!control_call(address, command, CONTROL_TIMEOUT_MS, answer, &error)) {
        if (out_of_use && g_error_matches(error, NET_ERROR, NET_ERROR_ABSENT))
            return NOT_RUNNING;
        cli_error("%s: %s", daemon, error->message);
        return CLI_FAILED;
    }
    log_sanitize(shown, answer->str, answer->len, answer->len);
    printf("%s: %s\n", daemon, shown->len > 0 ? shown->str : "ok");
    return CLI_OK;
}

/* control_is_out_of_use - a policy daemon that does nothing by the configuration */
static gboolean
control_is_out_of_use(const struct config *config, const char *address)
{
    gboolean used = *config->policyd.checks != NULL || *config->signin.listen != '\0' || config->abuse.enabled;

    return address == config->policyd.control && !used;
}

/* control_command - to the daemon that is named, or to all that have a control socket */
static int
control_command(int argc, char **argv, const char *config_path, const char *command)
{
    struct config *config = cli_load_config(config_path);
    int result = CLI_OK, done;
    gboolean found = FALSE;
    if (!config)
        return CLI_FAILED;
    const struct {
        const char *name, *address;
    } daemons[] = {{"milter", config->milter.control}, {"archived", config->archived.control}, {"policyd", config->policyd.control}};
    for (guint i = 0; i < G_N_ELEMENTS(daemons); i++) {
        gboolean named = argc > 1 && strcmp(argv[1], daemons[i].name) == 0;
        if (argc > 1 ? !named : *daemons[i].address == '\0')
            continue;
        done = control_one(daemons[i].name, daemons[i].address, command, !named && control_is_out_of_use(config, daemons[i].address));
        if (done == NOT_RUNNING)
            continue;
        found = TRUE;
        if (done != CLI_OK)
            result = CLI_FAILED;
    }
    if (!found && argc > 1) {
        cli_error("there is no daemon \"%s\"; use milter, archived or policyd", argv[1]);
        result = CLI_USAGE;
    } else if (!found) {
        cli_error("no daemon has a control socket in this configuration");
        result = CLI_FAILED;
    }
    config_unref(config);
    return result;
}

int
cli_control(int argc, char **argv, const char *config_path)
{
    int done = cli_parse(&argc, &argv, "milter|archived|policyd COMMAND [ARGUMENT]",
                         "Sends a command to a daemon's control socket and prints its answer. The command help lists\n"
                         "what the daemon knows, as stop, or the milter's restart and flush.",
                         NULL, 2, 3);
    if (done >= 0)
        return done;
    g_autofree char *line = argc > 3 ? g_strdup_printf("%s %s", argv[2], argv[3]) : g_strdup(argv[2]);
    if (strchr(line, '\n')) {
        cli_error("a command is one line");
        return CLI_USAGE;
    }
    return control_command(2, argv, config_path, line);
}

int
cli_reload(int argc, char **argv, const char *config_path)
{
    int done = cli_parse(&argc, &argv, "[milter|archived|policyd]",
                         "Lets the daemon (or all) load the configuration again. A configuration with errors is\n"
                         "refused, and the daemon goes on with the one that it has.",
                         NULL, 0, 1);
    return done >= 0 ? done : control_command(argc, argv, config_path, "reload");
}

int
cli_status(int argc, char **argv, const char *config_path)
{
    int done = cli_parse(&argc, &argv, "[milter|archived|policyd]", "Asks the daemon (or all) how it is.", NULL, 0, 1);
    return done >= 0 ? done : control_command(argc, argv, config_path, "status");
}
