/* identity.c: finding trace lines, and the hashes by which the store knows content and envelope again.
 *
 * The header block is read as message.h does: it ends at an empty line or at a line that has no colon and is
 * no folding; lines end with LF (a CR before it belongs to the line end). */
#include "archive-store/store/identity.h"
#include <string.h>

static const char *const trace_names[] = {
    "received",        "return-path",     "delivered-to",    "x-original-to",          "x-envelope-to",
    "x-envelope-from", "x-virus-scanned", "x-quarantine-id", "authentication-results",
};
static const char *const trace_prefixes[] = {"x-spam-", "x-amavis-", "x-postern-"};

static gboolean
is_trace(const guint8 *name, gsize length)
{
    while (length > 0 && (name[length - 1] == ' ' || name[length - 1] == '\t'))
        length--;
    for (gsize n = 0; n < G_N_ELEMENTS(trace_names); n++) {
        if (strlen(trace_names[n]) == length &&
            g_ascii_strncasecmp((const char *)name, trace_names[n], length) == 0)
            return TRUE;
    }
    for (gsize n = 0; n < G_N_ELEMENTS(trace_prefixes); n++) {
        gsize prefix = strlen(trace_prefixes[n]);
        if (prefix < length && g_ascii_strncasecmp((const char *)name, trace_prefixes[n], prefix) == 0)
            return TRUE;
    }
    return FALSE;
}

static void
add_span(GArray *spans, gsize from, gsize to)
{
    struct trace_span *last =
        spans->len > 0 ? &g_array_index(spans, struct trace_span, spans->len - 1) : NULL;

    if (last != NULL && last->offset + last->length == from) {
        last->length += (guint32)(to - from);
    } else if (spans->len < TRACE_SPANS_MAX) {
        struct trace_span span = {(guint32)from, (guint32)(to - from)};
        g_array_append_val(spans, span);
    }
}

GArray *
identity_find_trace(const guint8 *message, gsize length)
{
    GArray *spans = g_array_new(FALSE, FALSE, sizeof(struct trace_span));
    gboolean within = FALSE; /* the field that a folded line belongs to is trace */

    g_assert(length <= G_MAXUINT32);
    for (gsize at = 0; at < length;) {
        const guint8 *line = message + at;
        const guint8 *lf = memchr(line, '\n', length - at);
        gsize end = lf != NULL ? (gsize)(lf - message) + 1 : length;

        if (line[0] != ' ' && line[0] != '\t') {
            const guint8 *colon = memchr(line, ':', end - at);
            if (colon == NULL)
                break; /* an empty line, or no header: the body */
            within = is_trace(line, (gsize)(colon - line));
        } else if (at == 0) {
            break; /* folding of nothing */
        }
        if (within)
            add_span(spans, at, end);
        at = end;
    }
    return spans;
}

/* The parts of message between the spans; n_spans + 1 of them. */
static struct bytes *
content_parts(const guint8 *message, gsize length, const struct trace_span *spans, guint n_spans)
{
    struct bytes *parts = g_new(struct bytes, n_spans + 1);
    gsize at = 0;

    for (guint n = 0; n < n_spans; n++) {
        parts[n] = (struct bytes){message + at, spans[n].offset - at};
        at = (gsize)spans[n].offset + spans[n].length;
    }
    parts[n_spans] = (struct bytes){message + at, length - at};
    return parts;
}

static int
compare_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* HMAC over the content hash, the sender and the sorted recipients, each with its closing NUL. */
static void
hash_envelope(struct identity *identity, const struct capture *capture, const struct secrets *secrets)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint n = 0; n < capture->recipients->len; n++) {
        const struct capture_recipient *r = g_ptr_array_index(capture->recipients, n);
        g_ptr_array_add(names, r->original != NULL ? r->original : (char *)(guintptr) "");
    }
    g_ptr_array_sort(names, compare_text);

    g_autofree struct bytes *parts = g_new(struct bytes, names->len + 2);
    const char *from = capture->mail_from != NULL ? capture->mail_from : "";
    guint n_parts = 0;
    parts[n_parts++] = (struct bytes){identity->hash, 32};
    parts[n_parts++] = (struct bytes){from, strlen(from) + 1};
    const char *last = NULL;
    for (guint n = 0; n < names->len; n++) {
        const char *name = g_ptr_array_index(names, n);
        if (last == NULL || strcmp(last, name) != 0)
            parts[n_parts++] = (struct bytes){name, strlen(name) + 1};
        last = name;
    }
    guint8 hash[32];
    crypto_hmac(secrets->envelope, parts, n_parts, hash);
    memcpy(identity->envelope, hash, sizeof identity->envelope);
}

void
identity_init(struct identity *identity, const struct capture *capture, const struct secrets *secrets)
{
    gsize length;
    const guint8 *message = g_bytes_get_data(capture->message, &length);

    identity->trace = identity_find_trace(message, length);
    crypto_sha256(&(struct bytes){message, length}, 1, identity->message_sha);
    if (identity->trace->len == 0) {
        memcpy(identity->content_sha, identity->message_sha, 32);
    } else {
        g_autofree struct bytes *parts = content_parts(
            message, length, (const struct trace_span *)(void *)identity->trace->data, identity->trace->len);
        crypto_sha256(parts, identity->trace->len + 1, identity->content_sha);
    }
    crypto_hmac(secrets->content, &(struct bytes){identity->content_sha, 32}, 1, identity->hash);
    hash_envelope(identity, capture, secrets);
}

void
identity_clear(struct identity *identity)
{
    g_clear_pointer(&identity->trace, g_array_unref);
}

GBytes *
identity_strip(GBytes *message, const struct trace_span *spans, guint n_spans)
{
    gsize length, at = 0;
    const guint8 *data = g_bytes_get_data(message, &length);

    if (n_spans == 0)
        return g_bytes_ref(message);
    g_autofree struct bytes *parts = content_parts(data, length, spans, n_spans);
    guint8 *content = g_malloc(length + 1);
    for (guint n = 0; n <= n_spans; n++) {
        if (parts[n].length > 0)
            memcpy(content + at, parts[n].data, parts[n].length);
        at += parts[n].length;
    }
    return g_bytes_new_take(content, at);
}

GBytes *
identity_weave(GBytes *content, const struct trace_insert *inserts, guint n_inserts)
{
    gsize length, at = 0, total, out = 0;
    const guint8 *data = g_bytes_get_data(content, &length);

    total = length;
    for (guint n = 0; n < n_inserts; n++) {
        if (inserts[n].position < at || inserts[n].position > length)
            return NULL;
        at = inserts[n].position;
        total += inserts[n].length;
    }
    if (n_inserts == 0)
        return g_bytes_ref(content);
    guint8 *message = g_malloc(total + 1);
    at = 0;
    for (guint n = 0; n < n_inserts; n++) {
        if (inserts[n].position > at)
            memcpy(message + out, data + at, inserts[n].position - at);
        out += inserts[n].position - at;
        at = inserts[n].position;
        if (inserts[n].length > 0)
            memcpy(message + out, inserts[n].data, inserts[n].length);
        out += inserts[n].length;
    }
    if (length > at)
        memcpy(message + out, data + at, length - at);
    return g_bytes_new_take(message, total);
}
