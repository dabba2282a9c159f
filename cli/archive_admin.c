/* archive_admin.c: `postern archive verify` and `postern archive status`. */
#include <string.h>
#include <unistd.h>
#include "cli/archive.h"

#define VERIFY_SILENCE_MS (24 * 3600 * 1000) /* a whole archive is read; progress comes on the way */

static char *
counted(gint64 n, const char *noun)
{
    return g_strdup_printf("%" G_GINT64_FORMAT " %s%s", n, noun, n == 1 ? "" : "s");
}

static void
print_problems(struct archive_cli *cli, const char *title, const json_t *problems)
{
    for (size_t n = 0; n < json_array_size(problems); n++) {
        const char *text = json_string_value(json_array_get(problems, n));
        g_autoptr(GString) line = g_string_new(NULL);
        terminal_style(line, TERMINAL_BAD, cli->colour);
        g_string_append_printf(line, "%s: ", title);
        terminal_style(line, TERMINAL_PLAIN, cli->colour);
        terminal_clean(line, text ? text : "", text ? strlen(text) : 0, FALSE);
        puts(line->str);
    }
}

int
archive_verify(int argc, char **argv, const char *config_path)
{
    g_auto(archive_cli) cli = {0};
    g_autoptr(GError) error = NULL;

    int status = archive_begin(
        &cli, &argc, &argv, config_path, NULL,
        "Reads everything in the archive again: checksums, encryption tags, content hashes, keys, hash trees and the\n"
        "chain of segments, and the index files. Exit status 1 on any damage.",
        NULL, 0, 0);
    if (status >= 0)
        return status;
    archive_connect(&cli, VERIFY_SILENCE_MS);
    json_t *body = json_object();
    json_t *report = archive_client_call(cli.client, ARCHIVE_VERIFY, body, NULL, archive_show_progress, NULL, &error);
    json_decref(body);
    archive_end_progress();
    if (!report)
        return archive_explain(&cli, g_steal_pointer(&error));
    gboolean ok = json_is_true(json_object_get(report, "ok"));
    if (cli.json) {
        archive_print_json(report);
    } else {
        g_autofree char *size = archive_size(archive_number(report, "bytes"));
        print_problems(&cli, "damaged", json_object_get(report, "problems"));
        print_problems(&cli, "index", json_object_get(report, "index_problems"));
        g_autofree char *segments = counted(archive_number(report, "segments"), "segment");
        g_autofree char *records = counted(archive_number(report, "records"), "record");
        g_autofree char *messages = counted(archive_number(report, "messages"), "message");
        printf("%s, %s, %s, %s read; %" G_GINT64_FORMAT " damaged, %" G_GINT64_FORMAT " erased\n", segments, records,
               messages, size, archive_number(report, "damaged"), archive_number(report, "erased"));
        if (!ok)
            puts("The archive has damage. Keep the files as they are, copy them away, and restore the damaged "
                 "segments from a backup.\nA damaged index alone loses nothing: stop postern-archived, move the "
                 "index directory away, start it: it is built anew.");
    }
    json_decref(report);
    return ok ? ARCHIVE_EXIT_OK : ARCHIVE_EXIT_NO;
}

static void
print_row(const char *name, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void
print_row(const char *name, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_autoptr(GString) clean = g_string_new(NULL);
    terminal_clean(clean, text, strlen(text), FALSE);
    printf("%-14s%s\n", name, clean->str);
}

static void
print_status(const json_t *report)
{
    const json_t *store = json_object_get(report, "store"), *feeders = json_object_get(report, "feeders");
    g_autofree char *raw = archive_size(archive_number(store, "raw_bytes"));
    g_autofree char *disk = archive_size(archive_number(store, "disk_bytes"));
    g_autofree char *segments = counted(archive_number(store, "segments"), "segment");
    gint64 uptime = archive_number(report, "uptime");

    print_row("Version", "%s", archive_text(report, "version"));
    print_row("Up", "%" G_GINT64_FORMAT " d %02d:%02d:%02d", uptime / 86400, (int)(uptime / 3600 % 24),
              (int)(uptime / 60 % 60), (int)(uptime % 60));
    print_row("Messages", "%" G_GINT64_FORMAT " (%" G_GINT64_FORMAT " deliveries)", archive_number(store, "messages"),
              archive_number(store, "events"));
    print_row("Attachments", "%" G_GINT64_FORMAT, archive_number(store, "attachments"));
    print_row("Size", "%s of mail in %s on disk, %s", raw, disk, segments);
    for (size_t n = 0; n < json_array_size(feeders); n++) {
        const json_t *feeder = json_array_get(feeders, n);
        g_autofree char *lag = archive_size(archive_number(feeder, "lag_bytes"));
        const char *problem = archive_text(feeder, "problem");
        if (*problem)
            print_row(archive_text(feeder, "name"), "behind by %s: %s", lag, problem);
        else if (archive_number(feeder, "lag_bytes") > 0)
            print_row(archive_text(feeder, "name"), "behind by %s", lag);
        else
            print_row(archive_text(feeder, "name"), "up to date");
    }
    if (archive_number(report, "pending_expansions") > 0)
        print_row("Expansion", "%" G_GINT64_FORMAT " recipients wait for the accounts database",
                  archive_number(report, "pending_expansions"));
    if (archive_number(report, "damaged") > 0)
        print_row("Damage", "%" G_GINT64_FORMAT " records could not be read since the start: run `postern archive "
                  "verify`", archive_number(report, "damaged"));
    if (archive_number(report, "unarchived") > 0)
        print_row("Unarchived", "%" G_GINT64_FORMAT " messages by the last `postern archive reconcile`",
                  archive_number(report, "unarchived"));
}

int
archive_status(int argc, char **argv, const char *config_path)
{
    g_auto(archive_cli) cli = {0};
    g_autoptr(GError) error = NULL;

    int status = archive_begin(&cli, &argc, &argv, config_path, NULL,
                               "Shows what the archive holds and whether index and SQL are up to date.", NULL, 0, 0);
    if (status >= 0)
        return status;
    archive_connect(&cli, 20000);
    json_t *body = json_object();
    json_t *report = archive_client_call(cli.client, ARCHIVE_STATUS, body, NULL, NULL, NULL, &error);
    json_decref(body);
    if (!report)
        return archive_explain(&cli, g_steal_pointer(&error));
    if (cli.json)
        archive_print_json(report);
    else
        print_status(report);
    json_decref(report);
    return ARCHIVE_EXIT_OK;
}
