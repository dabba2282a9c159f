/* transaction.c: rebuilds the message from the milter protocol's pieces, byte for byte as received.
 *
 * The protocol sends a header field as name and value, folds as LF, and the body without the empty line
 * before it. What is rebuilt: "name:value" with CRLF line ends, an empty line, the body. With
 * SMFIP_HDR_LEADSPC that equals what Postfix has in its queue file, less white space between a field's name
 * and its colon, which Postfix does not hand over. */
#include <string.h>
#include "lib/mail/address.h"
#include "milters/transaction.h"

const char *const transaction_archive_names[] = {"stored", "spooled", "failed", "none", NULL};

struct transaction *
transaction_new(const char *instance, gsize max_content)
{
    struct transaction *tx = g_new0(struct transaction, 1);

    tx->capture = capture_new();
    g_free(tx->capture->instance);
    tx->capture->instance = g_strdup(instance);
    for (guint i = 0; i < 6; i++)
        g_snprintf(tx->ref + 2 * i, 3, "%02x", tx->capture->transaction[i]);
    tx->rcpt_arguments = g_ptr_array_new_with_free_func(g_free);
    tx->content = g_byte_array_new();
    tx->max_content = max_content;
    tx->archive = ARCHIVE_NONE;
    tx->began_us = g_get_monotonic_time();
    return tx;
}

void
transaction_free(struct transaction **tx)
{
    if (*tx == NULL)
        return;
    auth_findings_free(&(*tx)->auth);
    spam_findings_free(&(*tx)->spam);
    message_free(&(*tx)->message);
    capture_free(&(*tx)->capture);
    g_ptr_array_unref((*tx)->rcpt_arguments);
    if ((*tx)->content != NULL)
        g_byte_array_unref((*tx)->content);
    g_clear_pointer(&(*tx)->new_body, g_bytes_unref);
    g_free((*tx)->signed_by);
    g_free((*tx)->message_id);
    g_clear_pointer(tx, g_free);
}

static void
over(struct transaction *tx, enum transaction_limit limit)
{
    if (tx->limit == TRANSACTION_WHOLE)
        tx->limit = limit;
}

/* The address in a MAIL or RCPT argument. One that is no address by RFC 5321 (control characters, too long)
 * is recorded as it came: what the MTA accepted is what the archive has to know. NULL only over our cap. */
static char *
address_of(const char *argument)
{
    gsize length = strlen(argument);
    char *address;

    if (length > TRANSACTION_ARGUMENT_MAX)
        return NULL;
    address = address_from_path(argument, length);
    if (address != NULL)
        return address;
    if (length >= 2 && argument[0] == '<' && argument[length - 1] == '>')
        return g_strndup(argument + 1, length - 2);
    return g_strndup(argument, length);
}

void
transaction_mail(struct transaction *tx, const char *argument)
{
    char *address = address_of(argument);

    if (address == NULL) {
        over(tx, TRANSACTION_ARGUMENT_TOO_LONG);
        return;
    }
    g_free(tx->capture->mail_from);
    tx->capture->mail_from = address;
}

void
transaction_rcpt(struct transaction *tx, const char *argument)
{
    g_autofree char *address = NULL;

    if (tx->rcpt_arguments->len >= TRANSACTION_RECIPIENTS_MAX) {
        over(tx, TRANSACTION_TOO_MANY_RECIPIENTS);
        return;
    }
    address = address_of(argument);
    if (address == NULL) {
        over(tx, TRANSACTION_ARGUMENT_TOO_LONG);
        return;
    }
    capture_add_recipient(tx->capture, address);
    g_ptr_array_add(tx->rcpt_arguments, g_strdup(argument));
}

static void
append(struct transaction *tx, const void *data, gsize length)
{
    gsize room = tx->max_content - tx->content->len;

    tx->size += length;
    if (length > room) {
        over(tx, TRANSACTION_TOO_BIG);
        return;
    }
    g_byte_array_append(tx->content, data, (guint)length);
}

/* The value with its LF folds as CRLF; an LF that has its CR already keeps it. */
static void
append_folded(struct transaction *tx, const char *value)
{
    const char *line = value, *lf;

    while ((lf = strchr(line, '\n')) != NULL) {
        gsize length = (gsize)(lf - line);

        if (length > 0 && line[length - 1] == '\r')
            length--;
        append(tx, line, length);
        append(tx, "\r\n", 2);
        line = lf + 1;
    }
    append(tx, line, strlen(line));
}

void
transaction_header(struct transaction *tx, const char *name, const char *value, gboolean has_leadspc)
{
    append(tx, name, strlen(name));
    append(tx, ":", 1);
    if (!has_leadspc && value[0] != '\0')
        append(tx, " ", 1);
    append_folded(tx, value);
    append(tx, "\r\n", 2);
    if (tx->message_id == NULL && g_ascii_strcasecmp(name, "Message-ID") == 0) {
        tx->message_id = g_strndup(value, 998); /* RFC 5322 2.1.1 */
        g_strstrip(tx->message_id);
    }
}

void
transaction_body(struct transaction *tx, const void *data, gsize length)
{
    if (!tx->in_body) {
        tx->in_body = TRUE;
        append(tx, "\r\n", 2);
    }
    append(tx, data, length);
}

void
transaction_finish(struct transaction *tx)
{
    transaction_body(tx, "", 0); /* the empty line, when there is no body */
    tx->capture->received_us = g_get_real_time();
    if (tx->capture->message != NULL)
        g_bytes_unref(tx->capture->message);
    tx->capture->message = g_byte_array_free_to_bytes(g_steal_pointer(&tx->content));
}

struct message *
transaction_message(struct transaction *tx)
{
    if (tx->message == NULL)
        tx->message = message_new(tx->capture->message, NULL);
    return tx->message;
}
