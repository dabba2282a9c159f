/* archive_show.c: `postern archive show`: one message with its envelope, its deliveries and its text.
 *
 * --raw writes the stored bytes, untouched (to a terminal: made harmless). X-Envelope-To is rendered here,
 * for the admin; it never was a field of the delivered message. */
#include <string.h>
#include <unistd.h>
#include "cli/archive.h"
#include "lib/mail/message.h"

static void
print_clean(const char *text, gsize length)
{
    g_autoptr(GString) clean = g_string_new(NULL);
    g_autoptr(GString) plain = g_string_new(NULL);

    terminal_clean(clean, text, length, TRUE);
    terminal_marked(plain, clean->str, FALSE);
    fwrite(plain->str, 1, plain->len, stdout);
    if (plain->len > 0 && plain->str[plain->len - 1] != '\n')
        putchar('\n');
}

static void
print_field(struct archive_cli *cli, const char *name, const char *value)
{
    g_autoptr(GString) line = g_string_new(NULL), clean = g_string_new(NULL);

    if (!value || !*value)
        return;
    terminal_style(line, TERMINAL_DIM, cli->colour);
    g_string_append_printf(line, "%-15s", name);
    terminal_style(line, TERMINAL_PLAIN, cli->colour);
    terminal_clean(clean, value, strlen(value), FALSE);
    terminal_marked(line, clean->str, FALSE);
    puts(line->str);
}

static char *
join_strings(const json_t *list, const char *separator)
{
    GString *joined = g_string_new(NULL);

    for (size_t n = 0; n < json_array_size(list); n++) {
        const char *text = json_string_value(json_array_get(list, n));
        g_string_append_printf(joined, "%s%s", n ? separator : "", text ? text : "");
    }
    return g_string_free(joined, FALSE);
}

/* "to <a@b>, delivered to c@d, e@f" for each recipient of an event. */
static void
print_recipients(struct archive_cli *cli, const json_t *envelope)
{
    const json_t *recipients = json_object_get(envelope, "recipients");

    for (size_t n = 0; n < json_array_size(recipients); n++) {
        const json_t *recipient = json_array_get(recipients, n);
        g_autofree char *mailboxes = join_strings(json_object_get(recipient, "mailboxes"), ", ");
        const char *expansion = archive_text(recipient, "expansion");
        g_autoptr(GString) line = g_string_new(NULL);
        g_string_append_printf(line, "<%s>", archive_text(recipient, "original"));
        if (g_str_equal(expansion, "pending"))
            g_string_append(line, " (not expanded yet: the accounts database was away)");
        else if (g_str_equal(expansion, "expanded"))
            g_string_append_printf(line, " = %s", *mailboxes ? mailboxes : "nobody");
        print_field(cli, n ? "" : "  to", line->str);
    }
}

static void
print_event(struct archive_cli *cli, const json_t *event, size_t n, size_t total)
{
    const json_t *client = json_object_get(event, "client"), *envelope = json_object_get(event, "envelope");
    g_autofree char *time = archive_local_time(archive_text(event, "time"), TRUE);
    g_autofree char *title = g_strdup_printf("Delivery %" G_GSIZE_FORMAT "/%" G_GSIZE_FORMAT, n + 1, total);
    g_autofree char *summary = g_strdup_printf("%s  %s by %s", archive_text(event, "event"), time,
                                               archive_text(event, "source"));
    g_autoptr(GString) from = g_string_new(NULL), how = g_string_new(NULL);

    print_field(cli, title, summary);
    g_string_append_printf(from, "<%s>", archive_text(envelope, "from"));
    print_field(cli, "  from", from->str);
    print_recipients(cli, envelope);
    if (*archive_text(client, "address"))
        g_string_append_printf(how, "%s[%s] helo=%s %s", archive_text(client, "name"),
                               archive_text(client, "address"), archive_text(client, "helo"),
                               archive_text(event, "protocol"));
    if (*archive_text(client, "auth_user"))
        g_string_append_printf(how, " user=%s", archive_text(client, "auth_user"));
    print_field(cli, "  client", how->str);
    print_field(cli, "  queue id", archive_text(event, "queue_id"));
    g_autofree char *notes = join_strings(json_object_get(event, "notes"), "  ");
    print_field(cli, "  notes", notes);
    const json_t *edits = json_object_get(json_object_get(event, "verdict"), "edits");
    for (size_t e = 0; e < json_array_size(edits); e++) {
        const json_t *edit = json_array_get(edits, e);
        g_autofree char *text = g_strdup_printf("%s %s: %s", archive_text(edit, "kind"), archive_text(edit, "name"),
                                                archive_text(edit, "value"));
        print_field(cli, e ? "" : "  our edits", text);
    }
}

static void
print_summary(struct archive_cli *cli, const json_t *meta)
{
    g_autofree char *time = archive_local_time(archive_text(meta, "time"), TRUE);
    g_autofree char *size = archive_size(archive_number(meta, "size"));
    g_autofree char *date = archive_local_time(archive_text(meta, "date"), TRUE);
    g_autofree char *to = join_strings(json_object_get(meta, "to"), ", ");
    g_autofree char *attachments = join_strings(json_object_get(meta, "attachments"), ", ");
    g_autofree char *envelope_to = join_strings(json_object_get(meta, "x_envelope_to"), ", ");
    const json_t *events = json_object_get(meta, "events");

    print_field(cli, "Archive id", archive_text(meta, "id"));
    print_field(cli, "Received", time);
    print_field(cli, "Size", size);
    print_field(cli, "Subject", archive_text(meta, "subject"));
    print_field(cli, "From", archive_text(meta, "from"));
    print_field(cli, "To", to);
    print_field(cli, "Date", date);
    print_field(cli, "Message-ID", archive_text(meta, "message_id"));
    print_field(cli, "Attachments", attachments);
    print_field(cli, "X-Envelope-To", envelope_to);
    for (size_t n = 0; n < json_array_size(events); n++)
        print_event(cli, json_array_get(events, n), n, json_array_size(events));
    if (!json_is_true(json_object_get(meta, "events_complete")))
        print_field(cli, "Note", "SQL is away or behind: there may be more deliveries than shown");
}

static void
write_raw(const GByteArray *raw)
{
    if (isatty(STDOUT_FILENO))
        print_clean((const char *)raw->data, raw->len);
    else
        fwrite(raw->data, 1, raw->len, stdout);
}

static void
print_message(struct archive_cli *cli, const json_t *meta, const GByteArray *raw, gboolean headers, gboolean text)
{
    g_autoptr(GBytes) bytes = g_bytes_new(raw->data, raw->len);
    struct message *message = message_new(bytes, NULL);

    if (headers) {
        print_clean((const char *)raw->data, message_body_offset(message));
    } else {
        gsize length;
        const char *body = message_text(message, &length);
        if (!text) {
            print_summary(cli, meta);
            putchar('\n');
        }
        print_clean(body, length);
    }
    message_free(&message);
}

/* META as one object, with the text when asked. */
static void
print_json_message(json_t *meta, const GByteArray *raw, gboolean text)
{
    if (text) {
        g_autoptr(GBytes) bytes = g_bytes_new(raw->data, raw->len);
        struct message *message = message_new(bytes, NULL);
        gsize length;
        const char *body = message_text(message, &length);
        json_object_set_new(meta, "text", json_stringn(body, length));
        message_free(&message);
    }
    archive_print_json(meta);
}

int
archive_show(int argc, char **argv, const char *config_path)
{
    g_auto(archive_cli) cli = {0};
    gboolean headers = FALSE, raw_wanted = FALSE, text = FALSE;
    const GOptionEntry entries[] = {
        {"headers", 0, 0, G_OPTION_ARG_NONE, &headers, "Only the message's header, as received", NULL},
        {"raw", 0, 0, G_OPTION_ARG_NONE, &raw_wanted, "Only the message's bytes, as received", NULL},
        {"text", 0, 0, G_OPTION_ARG_NONE, &text, "Only the text (with --json: \"text\" too)", NULL},
        G_OPTION_ENTRY_NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) raw = g_byte_array_new();

    int status = archive_begin(
        &cli, &argc, &argv, config_path, "ID",
        "Shows one message: who sent it to whom, each delivery, X-Envelope-To, and its text.\n"
        "ID is an id of `postern archive search`, or of a delivery.",
        entries, 1, 1);
    if (status >= 0)
        return status;
    if (headers + raw_wanted + text > 1) {
        archive_complain("--headers, --raw and --text exclude each other");
        return ARCHIVE_EXIT_USAGE;
    }
    archive_connect(&cli, 60000);
    json_t *meta = archive_fetch(&cli, argv[1], raw, &error);
    if (!meta)
        return archive_explain(&cli, g_steal_pointer(&error));
    if (cli.json)
        print_json_message(meta, raw, text);
    else if (raw_wanted)
        write_raw(raw);
    else
        print_message(&cli, meta, raw, headers, text);
    json_decref(meta);
    return ARCHIVE_EXIT_OK;
}
