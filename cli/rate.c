/* rate.c: `postern rate`: how much of limits is used, and limits that accounts and domains have of their own. */
#include <stdio.h>
#include <string.h>
#include "cli/policyd.h"
#include "cli/table.h"

static void
add_row(struct table *table, const json_t *row)
{
    const json_t *levels = json_object_get(row, "levels");
    const char *text = policyd_text(row, "text"), *blank = strchr(text, ' ');
    g_autofree char *check = blank != NULL ? g_strndup(text, (gsize)(blank - text)) : g_strdup("");
    g_autofree char *last = policyd_time(policyd_number(row, "last_ms") / 1000);
    g_autofree char *total = g_strdup_printf("%" G_GINT64_FORMAT, policyd_number(row, "total"));
    char level[3][32];

    for (guint i = 0; i < 3; i++)
        if (json_number_value(json_array_get(levels, i)) < 0.05)
            g_strlcpy(level[i], "-", sizeof level[i]);
        else
            g_snprintf(level[i], sizeof level[i], "%.1f", json_number_value(json_array_get(levels, i)));
    table_add(table, (const char *const[]){blank != NULL ? blank + 1 : text, check, policyd_text(row, "counted"), level[0], level[1], level[2], total, last, NULL});
}

static void
print(const json_t *told)
{
    struct table *table = table_new((const char *const[]){"SUBJECT", "CHECK", "COUNTED", ">MINUTE", ">HOUR", ">DAY", ">TOTAL", "LAST", NULL});
    const json_t *row;
    size_t i;

    json_array_foreach(json_object_get(told, "rows"), i, row)
        add_row(table, row);
    table_print(&table);
}

static void
print_limits(const json_t *told)
{
    struct table *table = table_new((const char *const[]){"SUBJECT", "COUNTED", "LIMIT OF ITS OWN", NULL});
    const json_t *row;
    size_t i;

    json_array_foreach(json_object_get(told, "rows"), i, row)
        table_add(table, (const char *const[]){policyd_text(row, "subject"), policyd_text(row, "meter"), policyd_text(row, "limit"), NULL});
    if (table_rows(table) > 0)
        puts("");
    table_print(&table);
    if (json_is_true(json_object_get(told, "more")))
        puts("there are more; name a SUBJECT");
}

static int
rate_show(int argc, char **argv, const char *config_path)
{
    int done = cli_parse(&argc, &argv, "[SUBJECT]",
                         "Shows how much is used of the limits of users, senders, domains or networks with SUBJECT in their name: what is in\n"
                         "the windows of a minute, an hour and a day now, \"-\" where that is nothing, or where there is no limit. Limits fill up\n"
                         "evenly, so these fall as time goes by. Then limits of their own (postern rate limit) of subjects with SUBJECT in their name,\n"
                         "and, of an address, those of its domain and of everybody.",
                         NULL, 0, 1);
    const char *subject = argc > 1 ? argv[1] : "";

    if (done >= 0)
        return done;
    done = POLICYD_SHOW(config_path, "rates", print, subject, "200");
    return done == CLI_OK ? POLICYD_SHOW(config_path, "limits", print_limits, subject) : done;
}

/* ---- limits of their own ---- */

static int
rate_limit(int argc, char **argv, const char *config_path)
{
    g_autofree char *reason = NULL, *who = NULL;
    const GOptionEntry options[] = {{"reason", 'r', 0, G_OPTION_ARG_STRING, &reason, "Why, for those who look at it later", "TEXT"}, G_OPTION_ENTRY_NULL};
    struct config *config;
    json_t *told;
    int done = cli_parse(&argc, &argv, "SUBJECT messages|recipients LIMIT...",
                         "Gives a user or sender (user@example.org, or a login without a domain), a domain (@example.org) or everybody (\"*\") limits of\n"
                         "their own in place of those of the checks: 500/hour, of a minute, an hour or a day; 0/day is nothing at all, none/hour no limit\n"
                         "there, and none alone no limit at all. The most specific one counts. Windows that are not named stay as they are. It takes\n"
                         "effect at once, on other nodes of the same database within a minute.",
                         options, 3, 5);

    if (done >= 0)
        return done;
    config = cli_load_config(config_path);
    if (config == NULL)
        return CLI_FAILED;
    who = policyd_who();
    told = POLICYD_ASK(config, "limit-put", argv[1], argv[2], who, reason != NULL ? reason : "", argv[3], argc > 4 ? argv[4] : NULL, argc > 5 ? argv[5] : NULL);
    if (told != NULL && config->rate->len == 0)
        cli_error("noted, but no check of the kind rate is configured, so it has no effect yet; add: rate outgoing { }");
    if (told != NULL && strchr(argv[1], '@') == NULL && strchr(argv[1], '.') != NULL)
        cli_error("%s is taken for a login; a domain is written as @%s", argv[1], argv[1]);
    json_decref(told);
    config_unref(config);
    return told != NULL ? CLI_OK : CLI_FAILED;
}

static int
rate_unset(int argc, char **argv, const char *config_path)
{
    g_autofree char *reason = NULL, *who = NULL;
    const GOptionEntry options[] = {{"reason", 'r', 0, G_OPTION_ARG_STRING, &reason, "Why, for those who look at it later", "TEXT"}, G_OPTION_ENTRY_NULL};
    struct config *config;
    json_t *told;
    gboolean was;
    int done = cli_parse(&argc, &argv, "SUBJECT [messages|recipients [WINDOW]]",
                         "Takes limits of its own back from a subject of postern rate limit, all, those of messages or recipients, or that of one window\n"
                         "(minute, hour or day), so that those of its domain, of everybody or of the checks count again.",
                         options, 1, 3);

    if (done >= 0)
        return done;
    config = cli_load_config(config_path);
    if (config == NULL)
        return CLI_FAILED;
    who = policyd_who();
    told = POLICYD_ASK(config, "limit-drop", argv[1], argc > 2 ? argv[2] : "", argc > 3 ? argv[3] : "", who, reason != NULL ? reason : "");
    was = policyd_number(told, "dropped") > 0;
    if (told != NULL && !was)
        cli_error("%s has no such limit of its own", argv[1]);
    json_decref(told);
    config_unref(config);
    return was ? CLI_OK : CLI_FAILED;
}

const struct cli_command cli_rate_commands[] = {
    {"show", "how much of the limits is used, and limits of their own", rate_show, NULL},
    {"limit", "give an account, a domain or everybody limits of their own", rate_limit, NULL},
    {"unset", "take these back", rate_unset, NULL},
    {NULL, NULL, NULL, NULL}};
