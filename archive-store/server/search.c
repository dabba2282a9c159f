/* search.c: SEARCH: ids from the index, rows and snippets from the store.
 *
 * With snippets every hit's message is read and parsed anyway, so its row comes from there and SQL is not
 * asked; without, rows come from the catalogue, or from the store when SQL is away. Rows of which nothing
 * can be read still stand in the list, with "problem", so that paging by "before" stays right; erased
 * messages are left out. After twice the search budget the rest of the rows comes without snippets.
 *
 * HITS: {"hits":[{"id","time","from","to":[],"to_more":n,"subject","date","size","attachments":[],"message_id",
 *                 "snippet","subject_marked"}], "more":bool, "incomplete":bool, "lag":bytes}
 * incomplete: the search's time was up, the hits are the newest that were found until then.
 * In snippet and subject_marked the query's words stand between U+0002 and U+0003. */
#include <string.h>
#include "archive-store/server/archived.h"
#include "archive-store/server/render.h"
#include "archive-store/server/rows.h"
#include "lib/mail/address.h"

#define SNIPPET_CHARACTERS 160
#define SUBJECT_CHARACTERS 400

/* Our marks must only come from us. */
static void
blank_marks(char *text)
{
    for (; (text = strpbrk(text, ROWS_OPEN ROWS_CLOSE)); text++)
        *text = ' ';
}

static void
add_snippets(json_t *row, struct document *document, GPtrArray *words)
{
    blank_marks(document->text);
    blank_marks(document->subject);
    g_autofree char *snippet = index_snippet(document->text, strlen(document->text), words, SNIPPET_CHARACTERS,
                                             ROWS_OPEN, ROWS_CLOSE);
    g_autofree char *subject = index_snippet(document->subject, strlen(document->subject), words,
                                             SUBJECT_CHARACTERS, ROWS_OPEN, ROWS_CLOSE);
    json_object_set_new(row, "snippet", render_text(snippet, -1));
    json_object_set_new(row, "subject_marked", render_text(subject, -1));
}

/* The row of one hit, or NULL when it is to be left out. */
static json_t *
hit_row(struct archived *archived, guint64 id, const struct request *request, GPtrArray *words, gboolean in_time)
{
    g_autoptr(GError) error = NULL;
    json_t *row;

    if (!request->snippets || !in_time) {
        row = rows_from_catalogue(archived, id, request->mailbox != NULL);
        if (row)
            return row;
        if (!in_time)
            return rows_problem(id, "not read in time");
    }
    struct capture *capture = store_get(archived->store, id, &error);
    if (!capture) {
        if (g_error_matches(error, STORE_ERROR, STORE_ERROR_ERASED))
            return NULL;
        return rows_problem(id, error->message);
    }
    struct document *document = document_new(id, capture);
    row = rows_from_document(document, capture, request->mailbox != NULL);
    if (request->snippets)
        add_snippets(row, document, words);
    document_free(&document);
    capture_free(&capture);
    return row;
}

static json_t *
hits_json(struct archived *archived, const struct request *request, const struct index_hits *hits, int budget_ms,
          gboolean whole)
{
    json_t *list = json_array();
    gint64 until = g_get_monotonic_time() + 2 * (gint64)budget_ms * 1000;
    struct feed_status status;

    for (guint n = 0; n < hits->ids->len; n++) {
        guint64 id = g_array_index(hits->ids, guint64, n);
        json_t *row = hit_row(archived, id, request, hits->words, g_get_monotonic_time() < until);
        if (row)
            json_array_append_new(list, row);
    }
    feed_get_status(archived->feed, 0, &status);
    g_free(status.problem);
    return json_pack("{s:o, s:b, s:b, s:I}", "hits", list, "more", hits->more || !whole, "incomplete", !whole, "lag",
                     (json_int_t)status.lag_bytes);
}

void
search_run(gpointer data)
{
    struct work *work = data;
    struct archived *archived = work->archived;
    g_autoptr(GError) error = NULL;
    struct index_hits hits = {0};
    g_autofree char *owner = NULL;
    int budget = g_atomic_int_get(&archived->search_budget_ms);

    if (!work_parse(work))
        return;
    const struct request *request = work->request;
    if (request->mailbox)
        owner = address_normalise(request->mailbox);
    gboolean whole = index_search(archived->index, request->query, owner, request->before, request->limit, budget,
                                  &hits, &error);
    if (!whole && !g_error_matches(error, INDEX_ERROR, INDEX_ERROR_TIME)) {
        index_hits_clear(&hits);
        work_fail(work, error);
        return;
    }
    json_t *reply = hits_json(archived, request, &hits, budget, whole);
    index_hits_clear(&hits);
    metrics_observe(archived->search_time, g_get_monotonic_time() - work->began_us);
    work_reply(work, ARCHIVE_HITS, reply);
}
