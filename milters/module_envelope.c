/* module_envelope.c: the envelope recipients as a header field on the delivered message, if the admin wants.
 *
 * NAME     envelope - tags delivered mail with X-Envelope-To
 *
 * Off by default (envelope.tag_delivered): such a field shows Bcc recipients to everybody who gets the
 * message. The archive knows the envelope anyway and shows it to those who may see it.
 *
 * When on, fields of that name that came with the message are deleted first: nobody outside may say who our
 * recipients were. Many recipients make several fields of at most 4 KiB each. */
#include <string.h>
#include "milters/runtime.h"
#include "milters/transaction.h"

#define FIELD_MAX 4096u

struct envelope_state {
    char *header;
};

static guint
envelope_needs(const struct config *config)
{
    return config->envelope.tag_delivered ? NEED_SENDER | NEED_RECIPIENTS | NEED_HEADERS | NEED_BODY | MAY_EDIT : 0;
}

static gpointer
envelope_open(struct runtime *runtime, GError **error)
{
    struct envelope_state *state;

    (void)error;
    if (!runtime->config->envelope.tag_delivered)
        return NULL;
    state = g_new0(struct envelope_state, 1);
    state->header = g_strdup(runtime->config->envelope.header);
    return state;
}

static void
envelope_close(gpointer data)
{
    struct envelope_state *state = data;

    g_free(state->header);
    g_free(state);
}

/* From the last to the first: deleting one must not renumber those that follow. */
static void
delete_forged(const struct envelope_state *state, struct transaction *tx)
{
    struct message *message = transaction_message(tx);
    guint n = 0;

    while (message_find_header(message, state->header, n) != NULL)
        n++;
    for (; n > 0; n--)
        verdict_edit(tx->capture->verdict, EDIT_DELETE_HEADER, (gint32)n, state->header, NULL);
}

static void
append_address(GString *value, const char *address)
{
    if (value->len > 0)
        g_string_append(value, ",\n\t");
    for (; *address != '\0'; address++) /* what the MTA let pass must not become a line of its own */
        g_string_append_c(value, g_ascii_iscntrl(*address) ? '?' : *address);
}

static void
envelope_inspect(gpointer data, struct transaction *tx)
{
    const struct envelope_state *state = data;
    g_autoptr(GString) value = g_string_new(NULL);

    if (state == NULL)
        return;
    delete_forged(state, tx);
    for (guint i = 0; i < tx->capture->recipients->len; i++) {
        const struct capture_recipient *recipient = g_ptr_array_index(tx->capture->recipients, i);

        if (value->len > 0 && value->len + strlen(recipient->original) + 3 > FIELD_MAX) {
            verdict_edit(tx->capture->verdict, EDIT_ADD_HEADER, 0, state->header, value->str);
            g_string_truncate(value, 0);
        }
        append_address(value, recipient->original);
    }
    if (value->len > 0)
        verdict_edit(tx->capture->verdict, EDIT_ADD_HEADER, 0, state->header, value->str);
}

const struct milter_module envelope_module = {
    .name = "envelope",
    .needs = envelope_needs,
    .open = envelope_open,
    .close = envelope_close,
    .inspect = envelope_inspect,
};
