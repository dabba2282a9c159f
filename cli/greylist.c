/* greylist.c: `postern greylist`: who is put off, who never is, and why. */
#include <stdio.h>
#include <string.h>
#include "cli/greylist.h"
#include "cli/policyd.h"
#include "cli/table.h"
#include "cli/terminal.h"


static const char *const kinds[] = {"greylist", "origin", "correspondent", NULL};

static int
print_marks(const struct config *config, const char *kind, const char *part, const char *limit)
{
    json_t *told = POLICYD_ASK(config, "marks", kind, part, limit), *row;
    struct table *table = table_new((const char *const[]){"FIRST", "LAST", ">PASSED", "WHAT", NULL});
    size_t i;

    json_array_foreach(json_object_get(told, "rows"), i, row) {
        g_autofree char *first = policyd_time(policyd_number(row, "first")), *last = policyd_time(policyd_number(row, "last"));
        g_autofree char *count = g_strdup_printf("%" G_GINT64_FORMAT, policyd_number(row, "count"));
        table_add(table, (const char *const[]){first, last, count, policyd_text(row, "text"), NULL});
    }
    table_print(&table);
    json_decref(told);
    return told != NULL ? CLI_OK : CLI_FAILED;
}

static int
greylist_list(int argc, char **argv, const char *config_path)
{
    g_autofree char *kind = NULL;
    int limit = 100, done, result;
    const GOptionEntry options[] = {
        {"kind", 'k', 0, G_OPTION_ARG_STRING, &kind, "greylist (tries), origin (networks that passed) or correspondent (who was written to)", "KIND"},
        {"limit", 'n', 0, G_OPTION_ARG_INT, &limit, "At most N rows (100)", "N"},
        G_OPTION_ENTRY_NULL};
    g_autofree char *rows = NULL;
    struct config *config;

    done = cli_parse(&argc, &argv, "[TEXT]", "Lists what is remembered, or only what has TEXT in it: part of an address, a domain, a network.", options, 0, 1);
    if (done >= 0)
        return done;
    if (kind != NULL && !g_strv_contains(kinds, kind)) {
        cli_error("there is no kind %s; use greylist, origin or correspondent", kind);
        return CLI_USAGE;
    }
    config = cli_load_config(config_path);
    if (config == NULL)
        return CLI_FAILED;
    rows = g_strdup_printf("%d", CLAMP(limit, 1, 1000));
    result = print_marks(config, kind != NULL ? kind : "greylist", argc > 1 ? argv[1] : "", rows);
    config_unref(config);
    return result;
}

/* ---- exceptions ---- */

static void
print_exceptions(const json_t *told)
{
    policyd_print_facts(told, "SUBJECT");
}

static int
change_fact(const struct config *config, const char *kind, const char *subject, gint64 length, gboolean drop, const char *reason)
{
    g_autofree char *seconds = g_strdup_printf("%" G_GINT64_FORMAT, length), *who = policyd_who();
    g_autofree char *lower = g_utf8_validate(subject, -1, NULL) ? g_utf8_strdown(subject, -1) : g_strdup(subject);
    json_t *told = drop ? POLICYD_ASK(config, "fact-drop", kind, lower, who, reason) : POLICYD_ASK(config, "fact-put", kind, lower, seconds, who, reason);
    gboolean was = json_is_true(json_object_get(told, "was"));

    json_decref(told);
    if (told == NULL)
        return CLI_FAILED;
    if (drop && !was)
        cli_error("%s was not among them", lower);
    return drop && !was ? CLI_FAILED : CLI_OK;
}

static int
exceptions(int argc, char **argv, const char *config_path, const char *kind, const char *usage, const char *doc)
{
    gboolean drop = FALSE;
    g_autofree char *reason = NULL, *time = NULL;
    gint64 length;
    int done, result;
    const GOptionEntry options[] = {
        {"remove", 0, 0, G_OPTION_ARG_NONE, &drop, "Take it out again", NULL},
        {"for", 'f', 0, G_OPTION_ARG_STRING, &time, "For a TIME, as 2h or 7d; else until it is taken out", "TIME"},
        {"reason", 'r', 0, G_OPTION_ARG_STRING, &reason, "Why, for those who look at it later", "TEXT"},
        G_OPTION_ENTRY_NULL};
    struct config *config;

    done = cli_parse(&argc, &argv, usage, doc, options, 0, 1);
    if (done >= 0)
        return done;
    if (argc == 1)
        return POLICYD_SHOW(config_path, "facts", print_exceptions, kind);
    length = policyd_for(time);
    if (length < 0)
        return CLI_USAGE;
    config = cli_load_config(config_path);
    if (config == NULL)
        return CLI_FAILED;
    result = change_fact(config, kind, argv[1], length, drop, reason != NULL ? reason : "");
    config_unref(config);
    return result;
}

static int
greylist_allow(int argc, char **argv, const char *config_path)
{
    return exceptions(argc, argv, config_path, "allow", "[ADDRESS|@DOMAIN|NETWORK]",
                      "Never puts off mail of this sender, of this sender domain, or from this network (192.0.2.0/24, 2001:db8:0:1::/64, or one\n"
                      "address). Without an argument it lists those that there are.");
}

static int
greylist_skip(int argc, char **argv, const char *config_path)
{
    return exceptions(argc, argv, config_path, "optout", "[ADDRESS|@DOMAIN]",
                      "Never puts off mail to this recipient or domain. Without an argument it lists those that there are.");
}

/* ---- why, forget ---- */

static int
greylist_why(int argc, char **argv, const char *config_path)
{
    g_autofree char *client = NULL, *sender = NULL, *recipient = NULL, *name = NULL;
    json_t *told;
    struct config *config;
    int done = cli_parse(&argc, &argv, "CLIENT SENDER RECIPIENT",
                         "Tells what the daemon would answer now when mail of SENDER (<> for bounces) to RECIPIENT came from the address CLIENT, and why,\n"
                         "and what is remembered of SENDER.",
                         NULL, 3, 3);

    if (done >= 0)
        return done;
    config = cli_load_config(config_path);
    if (config == NULL)
        return CLI_FAILED;
    client = g_strconcat("client_address=", argv[1], NULL);
    sender = g_strconcat("sender=", strcmp(argv[2], "<>") == 0 ? "" : argv[2], NULL);
    recipient = g_strconcat("recipient=", argv[3], NULL);
    told = POLICYD_ASK(config, "test", "protocol_state=RCPT", client, sender, recipient);
    if (told != NULL) {
        g_autoptr(GString) clean = g_string_new(NULL);
        terminal_clean(clean, policyd_text(told, "story"), strlen(policyd_text(told, "story")), TRUE);
        printf("%saction=%s\n", clean->str, policyd_text(told, "action"));
        done = print_marks(config, "greylist", strcmp(argv[2], "<>") == 0 ? argv[3] : argv[2], "20");
    }
    json_decref(told);
    config_unref(config);
    return told != NULL ? done : CLI_FAILED;
}

static void
print_forgotten(const json_t *told)
{
    printf("%" G_GINT64_FORMAT " forgotten%s\n", policyd_number(told, "forgotten"), json_is_true(json_object_get(told, "more")) ? "; there are more, run it again" : "");
}

static int
greylist_forget(int argc, char **argv, const char *config_path)
{
    g_autofree char *kind = NULL;
    const GOptionEntry options[] = {{"kind", 'k', 0, G_OPTION_ARG_STRING, &kind, "greylist, origin or correspondent (greylist)", "KIND"}, G_OPTION_ENTRY_NULL};
    int done = cli_parse(&argc, &argv, "TEXT", "Forgets what is remembered with TEXT in it, so that it is put off anew.", options, 1, 1);

    if (done >= 0)
        return done;
    if ((kind != NULL && !g_strv_contains(kinds, kind)) || *argv[1] == '\0') {
        cli_error("a kind is greylist, origin or correspondent, and TEXT is not empty");
        return CLI_USAGE;
    }
    return POLICYD_SHOW(config_path, "forget", print_forgotten, kind != NULL ? kind : "greylist", argv[1]);
}

const struct cli_command cli_greylist_commands[] = {
    {"list", "what is remembered", greylist_list, NULL},
    {"why", "what would happen to a mail, and why", greylist_why, NULL},
    {"allow", "senders and networks that are never put off", greylist_allow, NULL},
    {"skip", "recipients whose mail is never put off", greylist_skip, NULL},
    {"import", "take over what postgrey remembers", greylist_import, NULL},
    {"forget", "forget tries, so that they begin anew", greylist_forget, NULL},
    {NULL, NULL, NULL, NULL}};
