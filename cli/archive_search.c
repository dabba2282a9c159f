/* archive_search.c: `postern archive search`.
 *
 * One line per hit (id, time of receipt, sender, subject), newest first, and the snippet below it; with
 * --json one object per line. Exit status 1 when nothing was found. */
#include <string.h>
#include "cli/archive.h"

#define FROM_COLUMNS 26
#define SNIPPET_INDENT 15

struct printer {
    struct archive_cli *cli;
    guint columns; /* 0 = unbounded */
};

/* JSON for scripts has the plain snippet; the marks are for terminals. */
static void
print_json_hit(const json_t *hit)
{
    json_t *copy = json_copy((json_t *)hit);
    g_autoptr(GString) plain = g_string_new(NULL);

    terminal_marked(plain, archive_text(hit, "snippet"), FALSE);
    if (json_object_get(hit, "snippet"))
        json_object_set_new(copy, "snippet", json_string(plain->str));
    json_object_del(copy, "subject_marked");
    archive_print_json(copy);
    json_decref(copy);
}

static void
append_cell(GString *line, const char *text, guint columns, gboolean colour)
{
    g_autoptr(GString) clean = g_string_new(NULL), cell = g_string_new(NULL);

    terminal_clean(clean, text, strlen(text), FALSE);
    terminal_fit(cell, clean->str, columns);
    terminal_marked(line, cell->str, colour);
}

static void
print_hit(const json_t *hit, const struct printer *printer)
{
    g_autoptr(GString) line = g_string_new(NULL);
    g_autofree char *time = archive_local_time(archive_text(hit, "time"), FALSE);
    gboolean colour = printer->cli->colour;
    const char *subject = archive_text(hit, "subject_marked");
    const char *problem = archive_text(hit, "problem"), *snippet = archive_text(hit, "snippet");
    guint before = 13 + 2 + 16 + 2 + FROM_COLUMNS + 2 + 2;

    terminal_style(line, TERMINAL_BOLD, colour);
    append_cell(line, archive_text(hit, "id"), 13, FALSE);
    terminal_style(line, TERMINAL_PLAIN, colour);
    g_string_append(line, "  ");
    append_cell(line, time, 16, FALSE);
    g_string_append(line, "  ");
    append_cell(line, archive_text(hit, "from"), FROM_COLUMNS, colour);
    g_string_append(line, json_array_size(json_object_get(hit, "attachments")) ? "  @ " : "    ");
    if (*problem)
        append_cell(line, problem, 0, FALSE);
    else
        append_cell(line, *subject ? subject : archive_text(hit, "subject"),
                    printer->columns > before + 10 ? printer->columns - before : 0, colour);
    while (line->len > 0 && line->str[line->len - 1] == ' ')
        g_string_truncate(line, line->len - 1);
    if (*snippet) {
        g_string_append_printf(line, "\n%*s", SNIPPET_INDENT, "");
        append_cell(line, snippet,
                    printer->columns > SNIPPET_INDENT + 20 ? printer->columns - SNIPPET_INDENT : 0, colour);
        while (line->str[line->len - 1] == ' ')
            g_string_truncate(line, line->len - 1);
    }
    puts(line->str);
}

static gboolean
on_hit(const json_t *hit, gpointer data, GError **error)
{
    const struct printer *printer = data;

    (void)error;
    if (printer->cli->json)
        print_json_hit(hit);
    else
        print_hit(hit, printer);
    return TRUE;
}

int
archive_search(int argc, char **argv, const char *config_path)
{
    g_auto(archive_cli) cli = {0};
    gint64 limit = 20;
    gboolean all = FALSE, more = FALSE, no_snippets = FALSE;
    g_autofree char *before = NULL, *mailbox = NULL;
    const GOptionEntry entries[] = {
        {"limit", 'n', 0, G_OPTION_ARG_INT64, &limit, "At most N hits (20)", "N"},
        {"all", 'a', 0, G_OPTION_ARG_NONE, &all, "All hits, however many", NULL},
        {"before", 0, 0, G_OPTION_ARG_FILENAME, &before, "Only messages received before this one (next page)", "ID"},
        {"mailbox", 'm', 0, G_OPTION_ARG_FILENAME, &mailbox, "Only what this mailbox sent or was delivered", "ADDRESS"},
        {"no-snippets", 0, 0, G_OPTION_ARG_NONE, &no_snippets, "Without lines of text; faster", NULL},
        G_OPTION_ENTRY_NULL};
    g_autoptr(GError) error = NULL;
    guint64 count = 0;

    int status = archive_begin(
        &cli, &argc, &argv, config_path, "QUERY...",
        "Finds messages, newest first. Words must all occur (Chinese: any part of the text; Traditional finds\n"
        "Simplified and the reverse). Fields: from: to: subject: after:YYYY-MM-DD before:YYYY-MM-DD has:attachment;\n"
        "\"exact phrase\"; -word after -- leaves out. An argument with spaces is a phrase.",
        entries, 1, G_MAXINT - 1);
    if (status >= 0)
        return status;
    if (limit < 1) {
        archive_complain("--limit must be 1 or more");
        return ARCHIVE_EXIT_USAGE;
    }
    g_autofree char *text = archive_join_query(argv + 1);
    const struct archive_query query = {.text = text, .before = before, .mailbox = mailbox,
                                        .limit = all ? 0 : (guint64)limit, .snippets = !no_snippets};
    struct printer printer = {.cli = &cli, .columns = cli.json ? 0 : terminal_columns()};
    archive_connect(&cli, 60000);
    if (!archive_each_hit(&cli, &query, on_hit, &printer, &count, &more, &error))
        return archive_explain(&cli, g_steal_pointer(&error));
    if (!cli.json && count == 0)
        fprintf(stderr, "Nothing found.\n");
    if (!cli.json && cli.lag > 0)
        fprintf(stderr, "The index is not up to date: the newest messages may be missing (postern archive status).\n");
    if (!cli.json && more && !all)
        fprintf(stderr, "There is more: --limit N, --all, or --before with the last id above.\n");
    return count > 0 ? ARCHIVE_EXIT_OK : ARCHIVE_EXIT_NO;
}
