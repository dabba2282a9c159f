/* rate.c: `postern rate show`: how much of a limit is used. */
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

static int
rate_show(int argc, char **argv, const char *config_path)
{
    int done = cli_parse(&argc, &argv, "[SUBJECT]",
                         "Shows how much is used of the limits of users, senders, domains or networks with SUBJECT in their name: what is in\n"
                         "the windows of a minute, an hour and a day now, \"-\" where that is nothing, or where there is no limit. Limits fill up\n"
                         "evenly, so these fall as time goes by.",
                         NULL, 0, 1);

    return done >= 0 ? done : POLICYD_SHOW(config_path, "rates", print, argc > 1 ? argv[1] : "", "200");
}

const struct cli_command cli_rate_commands[] = {
    {"show", "how much of the limits is used", rate_show, NULL},
    {NULL, NULL, NULL, NULL}};
