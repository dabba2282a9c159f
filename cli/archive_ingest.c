/* archive_ingest.c: `postern archive ingest`: files straight into the archive.
 *
 * For tests and for mail that never passed the milter. Each file is one message, kept byte for byte, of
 * source "ingest". Nothing is read from the header to make up an envelope: without --from and --to the
 * envelope is empty, and no mailbox may see the message. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "cli/archive.h"
#include "lib/mail/address.h"

struct envelope {
    char *from;
    char **to;
};

static GBytes *
read_file(const char *path, GError **error)
{
    char *contents;
    gsize length;

    if (g_str_equal(path, "-")) {
        g_autoptr(GByteArray) all = g_byte_array_new();
        char buffer[65536];
        gsize n;
        while ((n = fread(buffer, 1, sizeof buffer, stdin)) > 0 && all->len < ARCHIVE_FRAME_MAX)
            g_byte_array_append(all, (guint8 *)buffer, (guint)n);
        return g_byte_array_free_to_bytes(g_steal_pointer(&all));
    }
    if (!g_file_get_contents(path, &contents, &length, error))
        return NULL;
    return g_bytes_new_take(contents, length);
}

static struct capture *
make_capture(const char *path, const struct envelope *envelope, GError **error)
{
    GBytes *message = read_file(path, error);
    struct capture *capture;

    if (!message)
        return NULL;
    capture = capture_new();
    capture->source = CAPTURE_INGEST;
    capture->message = message;
    g_free(capture->mail_from);
    capture->mail_from = g_strdup(envelope->from ? envelope->from : "");
    for (char **to = envelope->to; to && *to; to++) {
        struct capture_recipient *recipient = capture_add_recipient(capture, *to);
        char *mailboxes[] = {address_normalise(*to), NULL};
        recipient->expansion = CAPTURE_NOT_CONFIGURED;
        g_strfreev(recipient->mailboxes);
        recipient->mailboxes = g_strdupv(mailboxes);
        g_free(mailboxes[0]);
    }
    return capture;
}

static gboolean
ingest_file(struct archive_cli *cli, const char *path, const struct envelope *envelope, GError **error)
{
    struct archive_stored stored;
    struct capture *capture = make_capture(path, envelope, error);

    if (!capture)
        return FALSE;
    g_autoptr(GBytes) encoded = capture_encode(capture, TRUE);
    capture_free(&capture);
    if (!archive_client_ingest(cli->client, encoded, &stored, error))
        return FALSE;
    const char *outcome = stored.repeat ? "repeat" : stored.known ? "known" : "new";
    if (cli->json) {
        g_autofree char *valid = g_utf8_make_valid(path, -1);
        json_t *line = json_pack("{s:s, s:s, s:s, s:s}", "file", valid, "id", stored.id, "event", stored.event,
                                 "outcome", outcome);
        archive_print_json(line);
        json_decref(line);
    } else {
        g_autoptr(GString) name = g_string_new(NULL);
        terminal_clean(name, path, strlen(path), FALSE);
        printf("%s  %-6s  %s\n", stored.id, outcome, name->str);
    }
    return TRUE;
}

int
archive_ingest(int argc, char **argv, const char *config_path)
{
    g_auto(archive_cli) cli = {0};
    struct envelope envelope = {0};
    const GOptionEntry entries[] = {
        {"from", 'f', 0, G_OPTION_ARG_FILENAME, &envelope.from, "Envelope sender", "ADDRESS"},
        {"to", 't', 0, G_OPTION_ARG_FILENAME_ARRAY, &envelope.to, "Envelope recipient (may be given often)", "ADDRESS"},
        G_OPTION_ENTRY_NULL};
    int failed = ARCHIVE_EXIT_OK;

    int status = archive_begin(&cli, &argc, &argv, config_path, "FILE...",
                               "Puts files (- is standard input) into the archive, each one message, byte for byte.",
                               entries, 1, G_MAXINT - 1);
    if (status >= 0)
        return status;
    archive_connect(&cli, 60000);
    for (int n = 1; n < argc; n++) {
        GError *error = NULL;
        if (ingest_file(&cli, argv[n], &envelope, &error))
            continue;
        g_prefix_error(&error, "%s: ", argv[n]);
        gboolean away = g_error_matches(error, ARCHIVE_ERROR, ARCHIVE_ERROR_AWAY);
        failed = archive_explain(&cli, error);
        if (away)
            break;
    }
    g_free(envelope.from);
    g_strfreev(envelope.to);
    return failed;
}
