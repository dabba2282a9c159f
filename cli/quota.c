/* quota.c: `postern quota show|list`: what the policy daemon knows of mailboxes. */
#include <stdio.h>
#include <stdlib.h>
#include "cli/policyd.h"
#include "cli/table.h"

/* "861.0 MB", "-" for none. */
static char *
size_text(gint64 bytes)
{
    g_autofree char *text = NULL;

    if (bytes == 0)
        return g_strdup("-");
    text = g_format_size_full((guint64)bytes, G_FORMAT_SIZE_IEC_UNITS);
    return g_str_to_ascii(text, "C"); /* a plain blank before the unit */
}

static char *
count_text(gint64 count)
{
    return count == 0 ? g_strdup("-") : g_strdup_printf("%" G_GINT64_FORMAT, count);
}

static void
add_row(struct table *table, const json_t *row)
{
    g_autofree char *percent = g_strdup_printf("%" G_GINT64_FORMAT " %%", policyd_number(row, "percent"));
    g_autofree char *used = size_text(policyd_number(row, "used")), *limit = size_text(policyd_number(row, "limit"));
    g_autofree char *messages = count_text(policyd_number(row, "messages")), *most = count_text(policyd_number(row, "messages_limit"));
    gint64 level = policyd_number(row, "told"), rejected = policyd_number(row, "rejected_ms");
    g_autofree char *told = level > 0 ? g_strdup_printf("%" G_GINT64_FORMAT " %%", level) : g_strdup("-");
    g_autofree char *refused = policyd_time(rejected / 1000), *at = policyd_time(policyd_number(row, "at_ms") / 1000);

    table_add(table, (const char *const[]){policyd_text(row, "user"), policyd_text(row, "root"), percent, used, limit, messages, most, told, refused, at, NULL});
}

static void
print(const json_t *told)
{
    const json_t *rows = json_object_get(told, "rows"), *row;
    struct table *table = table_new((const char *const[]){"USER", "ROOT", ">FULL", ">USED", ">LIMIT", ">MESSAGES", ">MOST", ">WARNED", "REFUSED", "AS OF", NULL});
    size_t i;

    json_array_foreach(rows, i, row)
        add_row(table, row);
    table_print(&table);
    if (json_array_size(rows) == 0)
        puts("no such mailbox is known");
    else if (json_is_true(json_object_get(told, "more")))
        puts("There are more; narrow it down with --over.");
}

static int
quota_show(int argc, char **argv, const char *config_path)
{
    int done = cli_parse(&argc, &argv, "USER",
                         "Shows what the mailbox of USER holds, as Dovecot said last, of which level the user was warned, and when mail was refused\n"
                         "for it that the user was told of.",
                         NULL, 1, 1);

    return done >= 0 ? done : POLICYD_SHOW(config_path, "quota-show", print, argv[1]);
}

static int
quota_list(int argc, char **argv, const char *config_path)
{
    int over = 0;
    const GOptionEntry options[] = {{"over", 0, 0, G_OPTION_ARG_INT, &over, "Only mailboxes that are at least PERCENT full", "PERCENT"}, G_OPTION_ENTRY_NULL};
    int done = cli_parse(&argc, &argv, "", "Lists the mailboxes that the policy daemon knows of, the fullest first, a thousand at most.", options, 0, 0);
    char percent[16];

    g_snprintf(percent, sizeof percent, "%d", over);
    return done >= 0 ? done : POLICYD_SHOW(config_path, "quota-list", print, percent, "1000");
}

const struct cli_command cli_quota_commands[] = {
    {"show", "what a mailbox holds", quota_show, NULL},
    {"list", "mailboxes, the fullest first", quota_list, NULL},
    {NULL, NULL, NULL, NULL}};
