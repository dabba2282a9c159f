/* render.c: captures and errors as JSON.
 *
 * An event looks like this (strings "" when unknown):
 *   {"event","time","source":"smtp|submission|local|ingest","instance","queue_id","protocol",
 *    "client":{"name","address","helo","auth_user"},
 *    "envelope":{"from","recipients":[{"original","mailboxes":[],"expansion":"expanded|pending|not-configured"}]},
 *    "x_envelope_to":[], "verdict":{"outcomes":[{"action","module","reason","recipients":[]}],
 *    "edits":[{"kind":"add|insert|change|delete","index","name","value"}]}, "notes":[]} */
#include "archive-store/server/render.h"
#include <string.h>
#include "archive-store/store/store.h"

json_t *
render_text(const char *text, gssize length)
{
    if (!text)
        return json_string("");
    gsize n = length < 0 ? strlen(text) : (gsize)length;
    json_t *json = json_stringn(text, n); /* NULL when not UTF-8 */
    if (json)
        return json;
    g_autofree char *valid = g_utf8_make_valid(text, (gssize)n);
    return json_string(valid);
}

json_t *
render_time(gint64 time_ms)
{
    g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(time_ms / 1000);

    if (!utc)
        return json_string("");
    g_autofree char *seconds = g_date_time_format(utc, "%Y-%m-%dT%H:%M:%S");
    g_autofree char *text = g_strdup_printf("%s.%03dZ", seconds, (int)(time_ms % 1000));
    return json_string(text);
}

json_t *
render_id(guint64 id)
{
    char text[STORE_ID_TEXT];

    store_id_format(id, text);
    return json_string(text);
}

static void
free_json_text(gpointer text)
{
    free(text); /* jansson's allocator is malloc */
}

GBytes *
render_bytes(json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);

    json_decref(json);
    if (!text) /* only out of memory: every string went through render_text or is a literal */
        g_error("JSON could not be written");
    return g_bytes_new_with_free_func(text, strlen(text), free_json_text, text);
}

GBytes *
render_failed(const char *code, gboolean temporary, const char *text)
{
    return render_bytes(json_pack("{s:s, s:o, s:b}", "code", code, "text", render_text(text, -1), "temporary",
                                  temporary));
}

const char *
render_source_name(enum capture_source source)
{
    static const char *const names[] = {"smtp", "submission", "local", "ingest"};

    return source <= CAPTURE_INGEST ? names[source] : "unknown";
}

static const char *
expansion_name(enum capture_expansion expansion)
{
    static const char *const names[] = {"expanded", "pending", "not-configured"};

    return expansion <= CAPTURE_NOT_CONFIGURED ? names[expansion] : "unknown";
}

static json_t *
render_recipients(const struct capture *capture)
{
    json_t *list = json_array();

    for (guint n = 0; n < capture->recipients->len; n++) {
        const struct capture_recipient *recipient = capture->recipients->pdata[n];
        json_t *mailboxes = json_array();
        for (char **m = recipient->mailboxes; m && *m; m++)
            json_array_append_new(mailboxes, render_text(*m, -1));
        json_array_append_new(list, json_pack("{s:o, s:o, s:s}", "original", render_text(recipient->original, -1),
                                              "mailboxes", mailboxes, "expansion",
                                              expansion_name(recipient->expansion)));
    }
    return list;
}

json_t *
render_envelope_to(const struct capture *capture)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    json_t *list = json_array();

    for (guint n = 0; n < capture->recipients->len; n++) {
        const struct capture_recipient *recipient = capture->recipients->pdata[n];
        if (g_hash_table_add(seen, recipient->original))
            json_array_append_new(list, render_text(recipient->original, -1));
    }
    return list;
}

static json_t *
render_outcomes(const struct verdict *verdict)
{
    json_t *list = json_array();

    for (guint n = 0; n < verdict->outcomes->len; n++) {
        const struct outcome *outcome = verdict->outcomes->pdata[n];
        json_t *recipients = NULL;
        if (outcome->recipients) {
            recipients = json_array();
            for (guint r = 0; r < outcome->recipients->len; r++)
                json_array_append_new(recipients, json_integer(g_array_index(outcome->recipients, guint, r)));
        }
        json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o*}", "action", verdict_action_name(outcome->action),
                                              "module", render_text(outcome->module, -1), "reason",
                                              render_text(outcome->reason, -1), "recipients", recipients));
    }
    return list;
}

static json_t *
render_edits(const struct verdict *verdict)
{
    static const char *const kinds[] = {"add", "insert", "change", "delete"};
    json_t *list = json_array();

    for (guint n = 0; n < verdict->edits->len; n++) {
        const struct edit *edit = verdict->edits->pdata[n];
        json_array_append_new(list, json_pack("{s:s, s:i, s:o, s:o*}", "kind",
                                              edit->kind <= EDIT_DELETE_HEADER ? kinds[edit->kind] : "unknown",
                                              "index", (int)edit->index, "name", render_text(edit->name, -1),
                                              "value", edit->value ? render_text(edit->value, -1) : NULL));
    }
    return list;
}

json_t *
render_event(guint64 event, const struct capture *capture)
{
    json_t *notes = json_array();
    json_t *client = json_pack("{s:o, s:o, s:o, s:o}", "name", render_text(capture->client_name, -1), "address",
                               render_text(capture->client_address, -1), "helo", render_text(capture->helo, -1),
                               "auth_user", render_text(capture->auth_user, -1));
    json_t *envelope = json_pack("{s:o, s:o}", "from", render_text(capture->mail_from, -1), "recipients",
                                 render_recipients(capture));
    json_t *verdict = json_pack("{s:o, s:o}", "outcomes", render_outcomes(capture->verdict), "edits",
                                render_edits(capture->verdict));

    for (guint n = 0; n < capture->notes->len; n++)
        json_array_append_new(notes, render_text(capture->notes->pdata[n], -1));
    return json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "event", render_id(event), "time",
                     render_time(capture->received_us / 1000), "source", render_source_name(capture->source),
                     "instance", render_text(capture->instance, -1), "queue_id", render_text(capture->queue_id, -1),
                     "protocol", render_text(capture->protocol, -1), "client", client, "envelope", envelope,
                     "x_envelope_to", render_envelope_to(capture), "verdict", verdict, "notes", notes);
}
