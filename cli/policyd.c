/* policyd.c: the control socket of postern-policyd, for the commands about it. */
#include "cli/policyd.h"
#include <pwd.h>
#include <string.h>
#include <unistd.h>
#include "cli/table.h"
#include "lib/base/control.h"
#include "lib/base/settings.h"

#define TIMEOUT_MS 30000

json_t *
policyd_ask(const struct config *config, const char *command, const char *const *words)
{
    g_autoptr(GString) line = g_string_new(command), answer = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    json_t *told;

    for (; *words != NULL; words++) {
        const char *word = **words != '\0' ? *words : " "; /* so that there is one */
        g_autofree char *plain = g_uri_escape_bytes((const guint8 *)word, strlen(word), "@/:.=-_");
        g_string_append_printf(line, " %s", plain);
    }
    if (line->len > CONTROL_REQUEST_MAX) {
        cli_error("this is too much for one command; give it in parts");
        return NULL;
    }
    if (*config->policyd.control == '\0') {
        cli_error("policyd has no control socket; set policyd.control");
        return NULL;
    }
    if (!control_call(config->policyd.control, line->str, TIMEOUT_MS, answer, &error)) {
        cli_error("policyd: %s", error->message);
        return NULL;
    }
    told = json_loadb(answer->str, answer->len, 0, NULL);
    if (told == NULL)
        cli_error("policyd: it answered something else than JSON; is it of another version than this command?");
    return told;
}

int
policyd_show(const char *config_path, const char *command, const char *const *words, void (*print)(const json_t *told))
{
    struct config *config = cli_load_config(config_path);
    json_t *told = config != NULL ? policyd_ask(config, command, words) : NULL;

    if (told != NULL)
        print(told);
    json_decref(told);
    config_unref(config);
    return told != NULL ? CLI_OK : CLI_FAILED;
}

const char *
policyd_text(const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));

    return text != NULL ? text : "";
}

gint64
policyd_number(const json_t *row, const char *name)
{
    return json_integer_value(json_object_get(row, name));
}

char *
policyd_time(gint64 seconds)
{
    g_autoptr(GDateTime) time = seconds > 0 ? g_date_time_new_from_unix_local(seconds) : NULL;

    return time != NULL ? g_date_time_format(time, "%Y-%m-%d %H:%M") : g_strdup("-");
}

gint64
policyd_for(const char *text)
{
    g_autofree char *problem = NULL;
    gint64 ms = 0;

    if (text == NULL)
        return 0;
    problem = settings_parse_time(text, &ms);
    if (problem == NULL && ms > 0)
        return (ms - 1) / 1000 + 1;
    cli_error("--for: %s", problem != NULL ? problem : "no time at all");
    return -1;
}

char *
policyd_who(void)
{
    const char *sudo = g_getenv("SUDO_USER");
    const struct passwd *entry = getpwuid(getuid());

    if (sudo != NULL && *sudo != '\0' && getuid() == 0)
        return g_strdup(sudo);
    return entry != NULL ? g_strdup(entry->pw_name) : g_strdup_printf("uid %u", (guint)getuid());
}

void
policyd_print_facts(const json_t *told, const char *heading)
{
    struct table *table = table_new((const char *const[]){heading, "SINCE", "UNTIL", "BY", "WHY", NULL});
    const json_t *row;
    size_t i;

    json_array_foreach(json_object_get(told, "rows"), i, row) {
        g_autofree char *since = policyd_time(policyd_number(row, "since_ms") / 1000), *until = policyd_time(policyd_number(row, "expires_ms") / 1000);
        json_t *value = json_loads(policyd_text(row, "value"), 0, NULL);
        table_add(table, (const char *const[]){policyd_text(row, "subject"), since, until, policyd_text(row, "by"), policyd_text(value, "reason"), NULL});
        json_decref(value);
    }
    table_print(&table);
}
