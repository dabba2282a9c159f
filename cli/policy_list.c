/* policy_list.c: `postern policy list`: the lists that conditions of checks name as list:NAME. */
#include <stdio.h>
#include <string.h>
#include "cli/members.h"
#include "cli/table.h"

/* ---- whether something asks for a list ---- */

static gboolean
names(char *const *items, const char *list)
{
    for (; *items != NULL; items++) {
        const char *item = **items == '!' ? *items + 1 : *items;
        if (g_str_has_prefix(item, "list:") && strcmp(item + strlen("list:"), list) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean
is_asked_for(const struct config *config, const char *list)
{
    const GPtrArray *kinds[] = {config->access, config->greylist, config->rate, config->sender_login, config->account, config->client,
                                config->quota_check};

    for (guint k = 0; k < G_N_ELEMENTS(kinds); k++)
        for (guint i = 0; i < kinds[k]->len; i++) {
            const struct config_when *when = g_ptr_array_index(kinds[k], i);
            if (names(when->clients, list) || names(when->senders, list) || names(when->recipients, list) || names(when->users, list))
                return TRUE;
        }
    for (guint i = 0; i < config->greylist->len; i++)
        if (names(((const struct config_greylist *)g_ptr_array_index(config->greylist, i))->skip_clients, list))
            return TRUE;
    return names(config->abuse.exempt, list);
}

static void
hint(const struct config *config, const char *list)
{
    if (!is_asked_for(config, list))
        cli_error("noted, but nothing in the configuration asks for the list %s, so it has no effect yet; a check does by senders = {\"list:%s\"}, and so on",
                  list, list);
}

/* ---- commands ---- */

static void
add_list(const json_t *row, gpointer table)
{
    g_autofree char *entries = g_strdup_printf("%" G_GINT64_FORMAT, policyd_number(row, "entries"));

    table_add(table, (const char *const[]){policyd_text(row, "list"), entries, NULL});
}

static int
list_show(int argc, char **argv, const char *config_path)
{
    static const char *const lists[] = {"LIST", ">ENTRIES", NULL}, *const entries[] = {"ENTRY", NULL};
    int done = cli_parse(&argc, &argv, "[NAME]", "Shows the entries of a list; without a name, which lists there are.", NULL, 0, 1);
    struct config *config;
    struct table *table;
    gboolean good;

    if (done >= 0)
        return done;
    config = cli_load_config(config_path);
    if (config == NULL)
        return CLI_FAILED;
    table = table_new(argc > 1 ? entries : lists);
    good = argc > 1 ? members_each(config, "list-show", argv[1], "member", members_add_row, table)
                    : members_each(config, "lists", NULL, "list", add_list, table);
    table_print(&table);
    config_unref(config);
    return good ? CLI_OK : CLI_FAILED;
}

static int
list_add(int argc, char **argv, const char *config_path)
{
    static const struct members_command command = {
        "list-add", "NAME ENTRY...",
        "Puts entries into the list, which is there when it has one: an address, @example.org (the domain), .example.org (the domain and all\n"
        "below it), a login without a domain and without dots, <> (the null sender), an IP address or a network (IPv4 from /8, IPv6 from /16 to /64).\n"
        "Checks go by them at once; other nodes of the same database within a minute.",
        FALSE, hint};

    return members_change(argc, argv, config_path, &command);
}

static int
list_remove(int argc, char **argv, const char *config_path)
{
    static const struct members_command command = {
        "list-remove", "NAME ENTRY...", "Takes entries out of the list. Checks go by it at once; other nodes of the same database within a minute.", TRUE, NULL};

    return members_change(argc, argv, config_path, &command);
}

const struct cli_command cli_policy_list_commands[] = {
    {"show", "which lists there are, or what is in one", list_show, NULL},
    {"add", "put addresses, domains or networks into a list", list_add, NULL},
    {"remove", "take them out", list_remove, NULL},
    {NULL, NULL, NULL, NULL}};
