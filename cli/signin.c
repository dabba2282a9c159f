/* signin.c: `postern signin`: who is guessing, who is refused, and letting somebody in again. */
#include <stdio.h>
#include <string.h>
#include "cli/policyd.h"
#include "cli/table.h"
#include "cli/terminal.h"

static char *
clean(const char *text)
{
    GString *out = g_string_new(NULL);

    terminal_clean(out, text, strlen(text), FALSE);
    return g_string_free(out, FALSE);
}

static gint
by_last(gconstpointer a, gconstpointer b)
{
    const json_t *const *one = a, *const *two = b;
    gint64 x = policyd_number(*one, "last"), y = policyd_number(*two, "last");

    return x != y ? (x < y) - (x > y) : strcmp(policyd_text(*one, "network"), policyd_text(*two, "network"));
}

/* A row for each user and network, the last one seen first. */
static void
print_pairs(const json_t *rows, const char *first_column, const char *first_name)
{
    struct table *table = table_new((const char *const[]){first_column, ">WRONG", "KNOWN", "FIRST", "LAST", NULL});
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
        g_ptr_array_add(sorted, row);
    g_ptr_array_sort(sorted, by_last);
    for (guint k = 0; k < sorted->len; k++) {
        const json_t *one = g_ptr_array_index(sorted, k);
        g_autofree char *first = policyd_time(policyd_number(one, "first")), *last = policyd_time(policyd_number(one, "last"));
        g_autofree char *wrong = g_strdup_printf("%" G_GINT64_FORMAT, policyd_number(one, "failed"));
        table_add(table, (const char *const[]){policyd_text(one, first_name), wrong, json_is_true(json_object_get(one, "known")) ? "yes" : "no", first, last, NULL});
    }
    table_print(&table);
}

static void
print_subject(const json_t *told)
{
    gboolean user = json_object_get(told, "user") != NULL;
    g_autofree char *subject = clean(policyd_text(told, user ? "user" : "network"));
    gint64 limit = policyd_number(told, "limit");
    g_autofree char *of = limit > 0 ? g_strdup_printf(" of %" G_GINT64_FORMAT, limit) : g_strdup("");

    printf("%s: %" G_GINT64_FORMAT "%s wrong passwords %s%s%s\n", subject, policyd_number(told, "failed"), of,
           user ? "from networks not known for it" : "of users not known there", json_is_true(json_object_get(told, "banned")) ? ", banned" : "",
           json_is_true(json_object_get(told, "suspended")) ? ", sign-in suspended" : "");
    print_pairs(json_object_get(told, "rows"), user ? "NETWORK" : "USER", user ? "network" : "user");
}

static int
signin_show(int argc, char **argv, const char *config_path)
{
    int done = cli_parse(&argc, &argv, "USER|NETWORK",
                         "Shows what is known of the sign-ins of a user (user@example.org), or of a network (192.0.2.0/24, 2001:db8:0:1::/64, or an address in\n"
                         "it): wrong passwords that count now, and for a user the networks of earlier sign-ins.",
                         NULL, 1, 1);

    return done >= 0 ? done : POLICYD_SHOW(config_path, "signin", print_subject, argv[1]);
}

static void
print_bans(const json_t *told)
{
    policyd_print_facts(told, "NETWORK");
}

static int
signin_bans(int argc, char **argv, const char *config_path)
{
    int done = cli_parse(&argc, &argv, NULL, "Lists the networks that may not sign in.", NULL, 0, 0);

    return done >= 0 ? done : POLICYD_SHOW(config_path, "facts", print_bans, "ban");
}

static void
tell_ban(const struct config *config, const json_t *told)
{
    const char *network = policyd_text(told, "network");

    printf("%s is banned\n", network);
    if (json_is_true(json_object_get(told, "known")))
        cli_error("users have signed in from %s before; postern signin allow %s lifts the ban", network, network);
    if (*config->signin.listen == '\0' && *config->signin.ban_file == '\0')
        cli_error("noted, but Dovecot does not ask about sign-ins (signin.listen is empty) and no firewall is told (signin.ban_file), so it has no effect yet");
}

static int
signin_ban(int argc, char **argv, const char *config_path)
{
    g_autofree char *reason = NULL, *time = NULL, *who = NULL, *seconds = NULL;
    const GOptionEntry options[] = {{"for", 'f', 0, G_OPTION_ARG_STRING, &time, "For a TIME, as 2h or 7d; else until it is lifted", "TIME"},
                                    {"reason", 'r', 0, G_OPTION_ARG_STRING, &reason, "Why, for those who look at it later", "TEXT"},
                                    G_OPTION_ENTRY_NULL};
    struct config *config;
    json_t *told;
    gint64 length;
    int done = cli_parse(&argc, &argv, "NETWORK",
                         "Lets nobody sign in from the network (192.0.2.0/24, 2001:db8:0:1::/64, or that of an address), and lists it for the firewall, at\n"
                         "once. postern signin allow lifts the ban. What signin.allow_networks holds, and the machine itself, can't be banned.",
                         options, 1, 1);

    if (done >= 0)
        return done;
    length = policyd_for(time);
    if (length < 0)
        return CLI_USAGE;
    config = cli_load_config(config_path);
    if (config == NULL)
        return CLI_FAILED;
    who = policyd_who();
    seconds = g_strdup_printf("%" G_GINT64_FORMAT, length);
    told = POLICYD_ASK(config, "signin-ban", argv[1], seconds, who, reason != NULL ? reason : "");
    if (told != NULL)
        tell_ban(config, told);
    json_decref(told);
    config_unref(config);
    return told != NULL ? CLI_OK : CLI_FAILED;
}

static void
print_allowed(const json_t *told)
{
    if (json_is_true(json_object_get(told, "banned")))
        puts("the ban is lifted");
}

static int
signin_allow(int argc, char **argv, const char *config_path)
{
    g_autofree char *reason = NULL, *who = NULL;
    const GOptionEntry options[] = {{"reason", 'r', 0, G_OPTION_ARG_STRING, &reason, "Why, for those who look at it later", "TEXT"}, G_OPTION_ENTRY_NULL};
    int done = cli_parse(&argc, &argv, "USER|NETWORK",
                         "Forgets the wrong passwords of a user, or of a network and lifts its ban: sign-ins are possible at once. What goes on guessing is\n"
                         "counted anew.",
                         options, 1, 1);

    if (done >= 0)
        return done;
    who = policyd_who();
    return POLICYD_SHOW(config_path, "signin-allow", print_allowed, argv[1], who, reason != NULL ? reason : "");
}

static int
signin_suspend(int argc, char **argv, const char *config_path)
{
    g_autofree char *reason = NULL, *time = NULL, *who = NULL, *seconds = NULL;
    const GOptionEntry options[] = {{"for", 'f', 0, G_OPTION_ARG_STRING, &time, "For a TIME, as 2h or 7d; else until it is released", "TIME"},
                                    {"reason", 'r', 0, G_OPTION_ARG_STRING, &reason, "Why, for those who look at it later", "TEXT"},
                                    G_OPTION_ENTRY_NULL};
    struct config *config;
    json_t *told;
    gint64 length;
    int done = cli_parse(&argc, &argv, "ACCOUNT",
                         "Stops the account (user@example.org, or @example.org for a whole domain) from signing in, from everywhere, and from sending as postern\n"
                         "account suspend does. postern account release takes it back. Sessions that there are go on; doveadm kick ends them.",
                         options, 1, 1);

    if (done >= 0)
        return done;
    length = policyd_for(time);
    if (length < 0)
        return CLI_USAGE;
    config = cli_load_config(config_path);
    if (config == NULL)
        return CLI_FAILED;
    who = policyd_who();
    seconds = g_strdup_printf("%" G_GINT64_FORMAT, length);
    told = POLICYD_ASK(config, "signin-suspend", argv[1], seconds, who, reason != NULL ? reason : "");
    if (told != NULL && *config->signin.listen == '\0')
        cli_error("noted, but Dovecot does not ask about sign-ins (signin.listen is empty), so they go on");
    json_decref(told);
    config_unref(config);
    return told != NULL ? CLI_OK : CLI_FAILED;
}

const struct cli_command cli_signin_commands[] = {
    {"show", "what is known of a user or a network", signin_show, NULL},
    {"bans", "networks that may not sign in", signin_bans, NULL},
    {"ban", "let nobody sign in from a network", signin_ban, NULL},
    {"allow", "let a user or a network in again", signin_allow, NULL},
    {"suspend", "let an account sign in no more", signin_suspend, NULL},
    {NULL, NULL, NULL, NULL}};
