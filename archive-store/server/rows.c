/* rows.c: hits as JSON. */
#include "archive-store/server/rows.h"
#include <string.h>
#include "archive-store/server/render.h"
#include "lib/mail/address.h"

json_t *
rows_strings(const GPtrArray *strings)
{
    json_t *list = json_array();

    for (guint n = 0; n < strings->len; n++)
        json_array_append_new(list, render_text(strings->pdata[n], -1));
    return list;
}

/* Envelope recipients that no To or Cc field names. */
static json_t *
hidden_recipients(const struct document *document, const struct capture *capture)
{
    g_autoptr(GHashTable) shown = g_hash_table_new(g_str_hash, g_str_equal);
    json_t *list = json_array();

    for (guint n = 0; n < document->n_header_addresses; n++) {
        const struct index_address *address = &g_array_index(document->addresses, struct index_address, n);
        if (address->role == INDEX_TO)
            g_hash_table_add(shown, (gpointer)address->address);
    }
    for (guint n = 0; n < capture->recipients->len; n++) {
        const struct capture_recipient *recipient = capture->recipients->pdata[n];
        g_autofree char *normal = address_normalise(recipient->original);
        if (!g_hash_table_contains(shown, normal))
            json_array_append_new(list, render_text(recipient->original, -1));
    }
    return list;
}

json_t *
rows_from_document(const struct document *document, const struct capture *capture, gboolean private)
{
    json_t *row = json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o}", "id", render_id(document->index.id), "time",
                            render_time(store_id_time_ms(document->index.id)), "from",
                            render_text(document->senders->len ? document->senders->pdata[0] : document->from, -1),
                            "to", rows_strings(document->recipients), "subject", render_text(document->subject, -1),
                            "size", (json_int_t)document->size, "attachments", rows_strings(document->names),
                            "message_id", render_text(document->message_id, -1));

    json_object_set_new(row, "date", document->date >= 0 ? render_time(document->date * 1000) : json_string(""));
    if (document->more_recipients)
        json_object_set_new(row, "to_more", json_integer(document->more_recipients));
    if (!private)
        json_object_set_new(row, "envelope_to", hidden_recipients(document, capture));
    return row;
}

json_t *
rows_problem(guint64 id, const char *problem)
{
    return json_pack("{s:o, s:o, s:s, s:[], s:s, s:I, s:[], s:o}", "id", render_id(id), "time",
                     render_time(store_id_time_ms(id)), "from", "", "to", "subject", "", "size", (json_int_t)0,
                     "attachments", "problem", render_text(problem, -1));
}

json_t *
rows_from_catalogue(struct archived *archived, guint64 id, gboolean private)
{
    struct catalogue_row found;

    if (catalogue_get_row(archived->catalogue, id, &found, NULL) != 1)
        return NULL;
    json_t *envelope_to = json_array(), *attachments = json_array();
    for (char **recipient = found.recipients; !private && recipient && *recipient; recipient++)
        json_array_append_new(envelope_to, render_text(*recipient, -1));
    /* The catalogue keeps the number of attachments, not their names. */
    for (guint n = 0; n < found.attachments; n++)
        json_array_append_new(attachments, json_string(""));
    json_t *row = json_pack("{s:o, s:o, s:o, s:[], s:o, s:o, s:I, s:o}", "id", render_id(id), "time",
                            render_time(found.received_ms ? found.received_ms : store_id_time_ms(id)), "from",
                            render_text(found.from, -1), "to", "subject", render_text(found.subject, -1), "date",
                            found.date >= 0 ? render_time(found.date * 1000) : json_string(""), "size",
                            (json_int_t)found.size, "attachments", attachments);
    if (private)
        json_decref(envelope_to);
    else
        json_object_set_new(row, "envelope_to", envelope_to);
    catalogue_row_clear(&found);
    return row;
}
