/* members.c: see members.h. */
#include "cli/members.h"
#include <stdio.h>
#include <string.h>
#include "cli/table.h"

#define MEMBERS_MAX 1000

/* What was there already is as wanted; what wasn't there to be removed may be a mistake. */
static int
tell(const json_t *told, gboolean remove)
{
    const json_t *same = json_object_get(told, "same"), *text;
    size_t i;

    printf("%" G_GINT64_FORMAT " %s", policyd_number(told, "changed"), remove ? "removed" : "added");
    if (!remove && json_array_size(same) > 0)
        printf(", %zu there already", json_array_size(same));
    puts("");
    if (!remove)
        return CLI_OK;
    json_array_foreach(same, i, text)
        cli_error("%s was not among them", json_string_value(text));
    return json_array_size(same) > 0 ? CLI_FAILED : CLI_OK;
}

static json_t *
ask_change(const struct config *config, const struct members_command *command, char **argv, const char *reason)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    g_autofree char *who = policyd_who();

    g_ptr_array_add(words, argv[1]);
    g_ptr_array_add(words, who);
    g_ptr_array_add(words, (gpointer)reason);
    for (char **member = argv + 2; *member != NULL; member++)
        g_ptr_array_add(words, *member);
    g_ptr_array_add(words, NULL);
    return policyd_ask(config, command->ask, (const char *const *)words->pdata);
}

int
members_change(int argc, char **argv, const char *config_path, const struct members_command *command)
{
    g_autofree char *reason = NULL;
    const GOptionEntry options[] = {{"reason", 'r', 0, G_OPTION_ARG_STRING, &reason, "Why, for those who look at it later", "TEXT"}, G_OPTION_ENTRY_NULL};
    int done = cli_parse(&argc, &argv, command->usage, command->doc, options, 2, 1 + MEMBERS_MAX), result = CLI_FAILED;
    struct config *config;
    json_t *told;

    if (done >= 0)
        return done;
    config = cli_load_config(config_path);
    if (config == NULL)
        return CLI_FAILED;
    told = ask_change(config, command, argv, reason != NULL ? reason : "");
    if (told != NULL)
        result = tell(told, command->remove);
    if (told != NULL && command->hint != NULL)
        command->hint(config, argv[1]);
    json_decref(told);
    config_unref(config);
    return result;
}

gboolean
members_each(const struct config *config, const char *ask, const char *owner, const char *name, void (*each)(const json_t *row, gpointer data),
             gpointer data)
{
    g_autofree char *after = g_strdup("");
    gboolean good = TRUE, more = TRUE;

    while (good && more) {
        json_t *told = owner != NULL ? POLICYD_ASK(config, ask, owner, after) : POLICYD_ASK(config, ask, after), *row;
        g_autofree char *before = g_strdup(after);
        size_t i;
        json_array_foreach(json_object_get(told, "rows"), i, row) {
            each(row, data);
            g_free(after);
            after = g_strdup(policyd_text(row, name));
        }
        good = told != NULL;
        more = json_is_true(json_object_get(told, "more")) && strcmp(before, after) != 0; /* text that isn't UTF-8 comes as another */
        json_decref(told);
    }
    return good;
}

void
members_add_row(const json_t *row, gpointer table)
{
    table_add(table, (const char *const[]){policyd_text(row, "member"), NULL});
}
