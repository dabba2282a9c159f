/* request.c: request bodies.
 *
 *   SEARCH    {"query": text, "limit": 1..1000 (20), "before": id, "snippets": bool (true), "mailbox": address}
 *   FETCH     {"id": content or event id, "mailbox": address (only if that mailbox may see it)}
 *   VERIFY, STATUS, CATCH_UP  {}
 *   RECONCILE {"queue_ids": [{"id": text, "time": s}], "add": bool (false)}
 *
 * An empty body counts as {}. */
#include "archive-store/server/request.h"
#include <jansson.h>
#include <string.h>
#include "archive-store/store/store.h"

G_DEFINE_QUARK(request-error-quark, request_error)

#define QUEUE_ID_MAX 64
#define MAILBOX_MAX 1024

static void
queue_id_clear(gpointer data)
{
    g_free(((struct request_queue_id *)data)->id);
}

void
request_free(struct request **request)
{
    struct request *r = *request;

    if (!r)
        return;
    *request = NULL;
    g_free(r->query);
    g_free(r->mailbox);
    g_clear_pointer(&r->queue_ids, g_array_unref);
    g_free(r);
}

static gboolean G_GNUC_PRINTF(2, 3)
bad(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (error)
        *error = g_error_new_valist(REQUEST_ERROR, REQUEST_ERROR_BAD, format, args);
    va_end(args);
    return FALSE;
}

/* A string member of at most max bytes without NUL; absent or null leaves *text_r. */
static gboolean
get_text(const json_t *body, const char *name, gsize max, char **text_r, GError **error)
{
    const json_t *value = json_object_get(body, name);

    if (!value || json_is_null(value))
        return TRUE;
    if (!json_is_string(value))
        return bad(error, "\"%s\" must be a string", name);
    gsize length = json_string_length(value);
    if (length > max)
        return bad(error, "\"%s\" is too long", name);
    if (memchr(json_string_value(value), '\0', length))
        return bad(error, "\"%s\" has a NUL in it", name);
    g_free(*text_r);
    *text_r = g_strndup(json_string_value(value), length);
    return TRUE;
}

static gboolean
get_bool(const json_t *body, const char *name, gboolean *value_r, GError **error)
{
    const json_t *value = json_object_get(body, name);

    if (!value)
        return TRUE;
    if (!json_is_boolean(value))
        return bad(error, "\"%s\" must be true or false", name);
    *value_r = json_is_true(value);
    return TRUE;
}

static gboolean
get_id(const json_t *body, const char *name, guint64 *id_r, GError **error)
{
    g_autofree char *text = NULL;

    if (!get_text(body, name, 64, &text, error))
        return FALSE;
    if (text && !store_id_parse(text, id_r))
        return bad(error, "\"%s\" is no archive id", name);
    return TRUE;
}

static gboolean
get_mailbox(const json_t *body, struct request *request, GError **error)
{
    if (!get_text(body, "mailbox", MAILBOX_MAX, &request->mailbox, error))
        return FALSE;
    /* "" would mean nobody; it is more likely a mistake of the caller. */
    if (request->mailbox && !*request->mailbox)
        return bad(error, "\"%s\" is empty", "mailbox");
    return TRUE;
}

static gboolean
parse_search(const json_t *body, struct request *request, GError **error)
{
    const json_t *limit = json_object_get(body, "limit");

    if (limit && (!json_is_integer(limit) || json_integer_value(limit) < 1 ||
                  json_integer_value(limit) > REQUEST_LIMIT_MAX))
        return bad(error, "\"%s\" must be a number from 1 to 1000", "limit");
    request->limit = limit ? (guint)json_integer_value(limit) : 20;
    request->snippets = TRUE;
    if (!get_text(body, "query", REQUEST_QUERY_MAX, &request->query, error) ||
        !get_id(body, "before", &request->before, error) ||
        !get_bool(body, "snippets", &request->snippets, error) || !get_mailbox(body, request, error))
        return FALSE;
    if (!request->query)
        request->query = g_strdup("");
    return TRUE;
}

static gboolean
parse_fetch(const json_t *body, struct request *request, GError **error)
{
    if (!get_id(body, "id", &request->id, error) || !get_mailbox(body, request, error))
        return FALSE;
    return request->id != 0 || bad(error, "\"%s\" is missing", "id");
}

static gboolean
parse_reconcile(const json_t *body, struct request *request, GError **error)
{
    const json_t *list = json_object_get(body, "queue_ids");

    if (!json_is_array(list) || json_array_size(list) > REQUEST_QUEUE_IDS_MAX)
        return bad(error, "\"%s\" must be an array of at most 100000", "queue_ids");
    request->queue_ids = g_array_new(FALSE, TRUE, sizeof(struct request_queue_id));
    g_array_set_clear_func(request->queue_ids, queue_id_clear);
    for (size_t n = 0; n < json_array_size(list); n++) {
        const json_t *item = json_array_get(list, n);
        const json_t *time = json_object_get(item, "time");
        struct request_queue_id queue_id = {0};
        if (!json_is_object(item) || !json_is_integer(time))
            return bad(error, "each of \"%s\" must have \"id\" and \"time\"", "queue_ids");
        if (!get_text(item, "id", QUEUE_ID_MAX, &queue_id.id, error))
            return FALSE;
        if (!queue_id.id)
            return bad(error, "each of \"%s\" must have \"id\" and \"time\"", "queue_ids");
        queue_id.time = json_integer_value(time);
        g_array_append_val(request->queue_ids, queue_id);
    }
    return get_bool(body, "add", &request->add, error);
}

static gboolean
check_members(const json_t *body, const char *const *known, GError **error)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)body, name, value) {
        if (!g_strv_contains(known, name)) {
            g_autofree char *valid = g_strndup(name, 40);
            return bad(error, "unknown member \"%s\"", valid);
        }
    }
    return TRUE;
}

static gboolean
parse_body(const json_t *body, struct request *request, GError **error)
{
    static const char *const search[] = {"query", "limit", "before", "snippets", "mailbox", NULL};
    static const char *const fetch[] = {"id", "mailbox", NULL};
    static const char *const reconcile[] = {"queue_ids", "add", NULL};
    static const char *const nothing[] = {NULL};

    switch (request->type) {
    case ARCHIVE_SEARCH:
        return check_members(body, search, error) && parse_search(body, request, error);
    case ARCHIVE_FETCH:
        return check_members(body, fetch, error) && parse_fetch(body, request, error);
    case ARCHIVE_RECONCILE:
        return check_members(body, reconcile, error) && parse_reconcile(body, request, error);
    case ARCHIVE_VERIFY:
    case ARCHIVE_STATUS:
    case ARCHIVE_CATCH_UP:
        return check_members(body, nothing, error);
    case ARCHIVE_INGEST:
        break;
    }
    return bad(error, "%s", "unknown request type");
}

struct request *
request_parse(guint8 type, const void *bytes, gsize length, GError **error)
{
    json_error_t where;
    struct request *request;

    if (length > REQUEST_MAX) {
        bad(error, "%s", "the request is too long");
        return NULL;
    }
#ifdef POSTERN_PLANTED_BUGS
    if (length == 13) {
        g_autofree char *copy = g_memdup2(bytes, length);
        if (copy[length] == 'x')
            return NULL;
    }
#endif
    json_t *body = length ? json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &where) : json_object();
    if (!json_is_object(body)) {
        if (!body)
            g_set_error(error, REQUEST_ERROR, REQUEST_ERROR_BAD, "no valid JSON: %s", where.text);
        else
            bad(error, "%s", "the request must be a JSON object");
        json_decref(body);
        return NULL;
    }
    request = g_new0(struct request, 1);
    request->type = type;
    if (!parse_body(body, request, error))
        request_free(&request);
    json_decref(body);
    return request;
}
