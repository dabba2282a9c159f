/* archive_reconcile.c: `postern archive reconcile`: which messages of Postfix's log does the archive lack?
 *
 * With milter_default_action = accept mail passes while the milter is dead. Each message that smtpd or pickup
 * took into the queue is asked for by queue id and time; what the archive has no delivery event for is
 * printed and sets the gauge postern_archive_unarchived_messages. What still lies in the milter's spool is
 * not in the archive yet and is counted too, until it is drained. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cli/archive.h"
#include "cli/maillog.h"

#define PART 20000 /* queue ids of one request */

static gboolean
read_log(struct maillog *maillog, const char *path, GError **error)
{
    FILE *file = g_str_equal(path, "-") ? stdin : fopen(path, "re");
    char *line = NULL;
    size_t room = 0;
    ssize_t length;

    if (!file) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s: %s", path, g_strerror(errno));
        return FALSE;
    }
    while ((length = getline(&line, &room, file)) > 0) {
        if (line[length - 1] == '\n')
            length--;
        maillog_line(maillog, line, (gsize)MIN(length, 65536));
    }
    gboolean ok = !ferror(file);
    if (!ok)
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_IO, "%s can't be read to its end", path);
    free(line);
    if (file != stdin)
        fclose(file);
    return ok;
}

/* Asks for messages [from, to); the places of those that are missing go to missing. */
static gboolean
ask_part(struct archive_cli *cli, const GPtrArray *messages, guint from, guint to, GHashTable *missing, GError **error)
{
    json_t *list = json_array(), *body = json_pack("{s:o, s:b}", "queue_ids", list, "add", from > 0);

    for (guint n = from; n < to; n++) {
        const struct maillog_message *message = messages->pdata[n];
        json_array_append_new(list, json_pack("{s:s, s:I}", "id", message->queue_id, "time",
                                              (json_int_t)message->time));
    }
    json_t *report = archive_client_call(cli->client, ARCHIVE_RECONCILE, body, NULL, NULL, NULL, error);
    json_decref(body);
    if (!report)
        return FALSE;
    const json_t *ids = json_object_get(report, "missing");
    for (size_t n = 0; n < json_array_size(ids); n++) {
        const char *id = archive_text(json_array_get(ids, n), "id");
        gint64 time = archive_number(json_array_get(ids, n), "time");
        g_hash_table_add(missing, g_strdup_printf("%s %" G_GINT64_FORMAT, id, time));
    }
    json_decref(report);
    return TRUE;
}

static void
print_missing(struct archive_cli *cli, const struct maillog_message *message)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(message->time);
    g_autofree char *stamp = g_date_time_format(time, "%Y-%m-%d %H:%M:%S");
    g_autofree char *from = g_utf8_make_valid(message->from, -1);
    g_autofree char *message_id = g_utf8_make_valid(message->message_id, -1);

    if (cli->json) {
        json_t *line = json_pack("{s:s, s:I, s:s, s:s, s:s}", "queue_id", message->queue_id, "time",
                                 (json_int_t)message->time, "from", from, "message_id", message_id, "source",
                                 message->local ? "local" : "smtp");
        archive_print_json(line);
        json_decref(line);
        return;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_printf(text, "%s  %-16s  from <%s>  message-id %s", stamp, message->queue_id, from, message_id);
    g_autoptr(GString) clean = g_string_new(NULL);
    terminal_clean(clean, text->str, text->len, FALSE);
    puts(clean->str);
}

/* Those queued at or after since, in a new array of borrowed elements. */
static GPtrArray *
since_filter(const GPtrArray *all, gint64 since)
{
    GPtrArray *kept = g_ptr_array_new();

    for (guint n = 0; n < all->len; n++) {
        if (((struct maillog_message *)all->pdata[n])->time >= since)
            g_ptr_array_add(kept, all->pdata[n]);
    }
    return kept;
}

static int
ask_all(struct archive_cli *cli, struct maillog *maillog, gint64 since)
{
    g_autoptr(GPtrArray) messages = since_filter(maillog_messages(maillog), since);
    g_autoptr(GHashTable) missing = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GError) error = NULL;
    guint n_missing = 0, from = 0;

    archive_connect(cli, 120000);
    do { /* once even for none: the gauge goes to 0 */
        guint to = MIN(from + PART, messages->len);
        if (!ask_part(cli, messages, from, to, missing, &error))
            return archive_explain(cli, g_steal_pointer(&error));
        from = to;
    } while (from < messages->len);
    for (guint n = 0; n < messages->len; n++) {
        const struct maillog_message *message = messages->pdata[n];
        g_autofree char *key = g_strdup_printf("%s %" G_GINT64_FORMAT, message->queue_id, message->time);
        if (!g_hash_table_contains(missing, key))
            continue;
        n_missing++;
        print_missing(cli, message);
    }
    fprintf(stderr, "%u messages in the log, %u not in the archive\n", messages->len, n_missing);
    if (n_missing > 0)
        fprintf(stderr, "They may still lie in the milter's spool (%s): it is drained when the archive is up; then "
                "ask again.\nWhat passed while the milter was dead (milter_default_action = accept) is not "
                "archived.\n", cli->config->archive.spool);
    return n_missing > 0 ? ARCHIVE_EXIT_NO : ARCHIVE_EXIT_OK;
}

static gboolean
parse_since(const char *text, gint64 now, gint64 *since_r)
{
    char *end;
    gint64 number = g_ascii_strtoll(text, &end, 10);
    g_autoptr(GTimeZone) local = g_time_zone_new_local();
    g_autoptr(GDateTime) time = NULL;

    if (end > text && (g_str_equal(end, "h") || g_str_equal(end, "d")) && number >= 0 && number < 100000) {
        *since_r = now - number * (*end == 'h' ? 3600 : 86400);
        return TRUE;
    }
    g_autofree char *full = strlen(text) == 10 ? g_strdup_printf("%sT00:00:00", text) : g_strdup(text);
    g_strdelimit(full, " ", 'T');
    time = g_date_time_new_from_iso8601(full, local);
    if (time)
        *since_r = g_date_time_to_unix(time);
    return time != NULL;
}

int
archive_reconcile(int argc, char **argv, const char *config_path)
{
    g_auto(archive_cli) cli = {0};
    g_autofree char *since_text = NULL;
    const GOptionEntry entries[] = {
        {"since", 's', 0, G_OPTION_ARG_FILENAME, &since_text,
         "Only messages queued since then: 2026-10-05, \"2026-10-05 14:00:00\", 12h or 3d", "TIME"},
        G_OPTION_ENTRY_NULL};
    gint64 now = g_get_real_time() / G_USEC_PER_SEC, since = G_MININT64;

    int status = archive_begin(
        &cli, &argc, &argv, config_path, "MAILLOG...",
        "Reads Postfix's log (- is standard input) and prints each message that came into the queue and is not in\n"
        "the archive; exit status 1 when there are any. Messages that passed while the milter was dead under\n"
        "milter_default_action = accept are found this way.",
        entries, 1, G_MAXINT - 1);
    if (status >= 0)
        return status;
    if (since_text && !parse_since(since_text, now, &since)) {
        archive_complain("--since is not understood: 2026-10-05, \"2026-10-05 14:00:00\", 12h or 3d");
        return ARCHIVE_EXIT_USAGE;
    }
    struct maillog *maillog = maillog_new(now);
    status = ARCHIVE_EXIT_OK;
    for (int n = 1; n < argc && status == ARCHIVE_EXIT_OK; n++) {
        g_autoptr(GError) error = NULL;
        if (!read_log(maillog, argv[n], &error)) {
            archive_complain("%s", error->message);
            status = ARCHIVE_EXIT_FAILED;
        }
    }
    if (status == ARCHIVE_EXIT_OK && maillog_lines(maillog) == 0) {
        archive_complain("no line of Postfix was found in there: is it the right log?");
        status = ARCHIVE_EXIT_FAILED;
    }
    if (status == ARCHIVE_EXIT_OK && maillog_overflow(maillog))
        archive_complain("warning: over 1,000,000 messages began and never ended; not all were followed");
    if (status == ARCHIVE_EXIT_OK)
        status = ask_all(&cli, maillog, since);
    maillog_free(&maillog);
    return status;
}
