/* archive_common.c: options, errors, paging and formats of `postern archive`. */
#include "cli/archive.h"
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#define PAGE 100

void
archive_complain(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_autoptr(GString) clean = g_string_new(NULL);
    terminal_clean(clean, text, strlen(text), TRUE);
    fprintf(stderr, "postern: %s\n", clean->str);
}

int
archive_begin(struct archive_cli *cli, int *argc, char ***argv, const char *config_path, const char *usage,
              const char *doc, const GOptionEntry *entries, int min_args, int max_args)
{
    const GOptionEntry json = {"json", 0, 0, G_OPTION_ARG_NONE, &cli->json,
                               "One JSON object per line on standard output", NULL};
    g_autoptr(GArray) all = g_array_new(TRUE, TRUE, sizeof(GOptionEntry));

    for (; entries && entries->long_name; entries++)
        g_array_append_val(all, *entries);
    g_array_append_val(all, json);
    int status = cli_parse(argc, argv, usage, doc, (const GOptionEntry *)(void *)all->data, min_args, max_args);
    if (status >= 0)
        return status;
    cli->config = cli_load_config(config_path);
    cli->colour = terminal_has_colour() && !cli->json;
    return cli->config ? -1 : ARCHIVE_EXIT_USAGE;
}

void
archive_end(archive_cli *cli)
{
    archive_client_free(&cli->client);
    if (cli->config)
        config_unref(cli->config);
    cli->config = NULL;
}

static const char *
archive_address(const struct archive_cli *cli)
{
    const char *listen = cli->config->archived.listen;

    /* A passed descriptor can't be connected to: then the way the milter goes. */
    if (g_str_has_prefix(listen, "unix:") || g_str_has_prefix(listen, "inet:"))
        return listen;
    return cli->config->archive.connect;
}

void
archive_connect(struct archive_cli *cli, int timeout_ms)
{
    cli->client = archive_client_new(archive_address(cli), timeout_ms);
}

int
archive_explain(struct archive_cli *cli, GError *error)
{
    archive_complain("%s", error->message);
    if (g_error_matches(error, ARCHIVE_ERROR, ARCHIVE_ERROR_AWAY))
        fprintf(stderr,
                "The archive daemon is asked at %s (archived.listen in %s).\n"
                "If it does not run: systemctl start postern-archived (or: postern-archived -c FILE).\n"
                "If it runs: is your user in the socket's group (archived.socket_group), or root?\n",
                archive_address(cli), cli->config->path ? cli->config->path : "the defaults");
    else if (g_error_matches(error, ARCHIVE_ERROR, ARCHIVE_ERROR_TEMPORARY))
        fprintf(stderr, "This may pass: try again in a moment, and look at the daemon's log if it does not.\n");
    g_error_free(error);
    return ARCHIVE_EXIT_FAILED;
}

void
archive_print_json(const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);

    if (text)
        puts(text);
    free(text);
}

const char *
archive_text(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));

    return text ? text : "";
}

gint64
archive_number(const json_t *json, const char *name)
{
    return json_integer_value(json_object_get(json, name));
}

/* `subject:two words` that the shell unquoted becomes `subject:"two words"`. */
static void
append_argument(GString *query, const char *argument)
{
    const char *colon = strchr(argument, ':');
    const char *space = strpbrk(argument, " \t\n");

    if (!space || strchr(argument, '"')) {
        g_string_append(query, argument);
    } else if (colon && colon < space) {
        g_string_append_len(query, argument, colon + 1 - argument);
        g_string_append_printf(query, "\"%s\"", colon + 1);
    } else {
        g_string_append_printf(query, "\"%s\"", argument);
    }
}

char *
archive_join_query(char **arguments)
{
    GString *query = g_string_new(NULL);

    /* One argument alone is the query as the user wrote it. */
    if (arguments[0] && !arguments[1]) {
        g_string_append(query, arguments[0]);
        return g_string_free(query, FALSE);
    }
    for (; *arguments; arguments++) {
        if (query->len > 0)
            g_string_append_c(query, ' ');
        append_argument(query, *arguments);
    }
    return g_string_free(query, FALSE);
}

char *
archive_local_time(const char *rfc3339, gboolean seconds)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(rfc3339, NULL);

    if (!time)
        return g_strdup(rfc3339);
    g_autoptr(GDateTime) local = g_date_time_to_local(time);
    return g_date_time_format(local, seconds ? "%Y-%m-%d %H:%M:%S %z" : "%Y-%m-%d %H:%M");
}

char *
archive_size(gint64 bytes)
{
    return g_format_size((guint64)MAX(bytes, 0));
}

void
archive_show_progress(const json_t *progress, gpointer data)
{
    gint64 done = archive_number(progress, "done"), total = archive_number(progress, "total");
    const char *what = archive_text(progress, "what");

    (void)data;
    if (!isatty(STDERR_FILENO))
        return;
    if (total > 0)
        fprintf(stderr, "\r\033[K%3d %%  %s", (int)(100.0 * (double)done / (double)total), what);
    else
        fprintf(stderr, "\r\033[K%s", what);
    fflush(stderr);
}

void
archive_end_progress(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

/* One page. *before_r becomes the id to go on from. */
static json_t *
search_page(struct archive_cli *cli, const struct archive_query *query, const char *before, guint64 limit,
            GError **error)
{
    json_t *body = json_pack("{s:s, s:I, s:b}", "query", query->text, "limit", (json_int_t)limit, "snippets",
                             query->snippets);

    if (!body) {
        g_set_error(error, ARCHIVE_ERROR, ARCHIVE_ERROR_PERMANENT, "the query is not valid UTF-8 text");
        return NULL;
    }
    if (before)
        json_object_set_new(body, "before", json_string(before));
    if (query->mailbox)
        json_object_set_new(body, "mailbox", json_string(query->mailbox));
    json_t *reply = archive_client_call(cli->client, ARCHIVE_SEARCH, body, NULL, NULL, NULL, error);
    json_decref(body);
    return reply;
}

gboolean
archive_each_hit(struct archive_cli *cli, const struct archive_query *query, archive_hit each, gpointer data,
                 guint64 *count_r, gboolean *more_r, GError **error)
{
    g_autofree char *before = g_strdup(query->before);
    gboolean more = TRUE, going = TRUE, ok = TRUE;
    guint64 count = 0;

    while (going && more && (query->limit == 0 || count < query->limit)) {
        guint64 limit = query->limit == 0 ? PAGE : MIN(query->limit - count, PAGE);
        json_t *reply = search_page(cli, query, before, limit, error);
        if (!reply) {
            ok = FALSE;
            break;
        }
        const json_t *hits = json_object_get(reply, "hits");
        more = json_is_true(json_object_get(reply, "more")) && json_array_size(hits) > 0;
        cli->lag = archive_number(reply, "lag");
        if (json_is_true(json_object_get(reply, "incomplete")) && json_array_size(hits) == 0) {
            /* With hits, the next page goes on where the time was up; without, there is no way on. */
            g_set_error(error, ARCHIVE_ERROR, ARCHIVE_ERROR_PERMANENT,
                        "the search took too long and was given up (archived.search_budget); narrow it with rarer "
                        "words or after: and before:");
            json_decref(reply);
            ok = FALSE;
            break;
        }
        for (size_t n = 0; going && n < json_array_size(hits); n++) {
            const json_t *hit = json_array_get(hits, n);
            g_free(before);
            before = g_strdup(archive_text(hit, "id"));
            going = each(hit, data, error);
            count++;
        }
        json_decref(reply);
        if (!going)
            ok = FALSE;
    }
    if (count_r)
        *count_r = count;
    if (more_r)
        *more_r = more;
    return ok;
}

json_t *
archive_fetch(struct archive_cli *cli, const char *id, GByteArray *raw, GError **error)
{
    json_t *body = json_pack("{s:s}", "id", id);

    if (!body) {
        g_set_error(error, ARCHIVE_ERROR, ARCHIVE_ERROR_PERMANENT, "that is no archive id");
        return NULL;
    }
    json_t *meta = archive_client_call(cli->client, ARCHIVE_FETCH, body, raw, NULL, NULL, error);
    json_decref(body);
    return meta;
}
