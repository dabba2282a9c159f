/* search.c: runs queries over the month files, newest first, and stops after a page.
 *
 * Within a file rows come by docid, newest first, straight from FTS5. Addresses that came later stand in the table late: the
 * rows that late has for any address of the query are taken out of FTS5's stream and judged one by one, by the query
 * with those addresses taken as true, and merged in. */
#include "archive-store/index/index_private.h"
#include "archive-store/index/query.h"
#include <string.h>

#define ID_TIME_LIMIT ((gint64)1 << 43) /* ms; an id has 43 bits of time below the sign (store.h) */
#define PROBE_STEPS 32                  /* rows stepped over before a probe seeks instead */

struct search {
    struct query *query;
    char *match;                 /* the query in FTS5's words */
    guint64 lowest, below;       /* ids: lowest <= id < below */
    guint limit;
    gint64 deadline;
    struct index_hits *hits;
};

/* The query with some late terms taken as true, in one file: rows at or below a docid, newest first. */
struct probe {
    guint64 known_true;
    sqlite3_stmt *stmt;
    gint64 docid; /* where it stands; G_MAXINT64 = not begun, 0 = ended */
};

/* One file's search. */
struct pass {
    struct search *search;
    struct index_file *file;
    gint64 lo, hi;            /* docids, both included */
    sqlite3_stmt *late;       /* NULL when the query has no terms or none is late */
    gint64 late_docid;        /* 0 = ended */
    guint64 late_terms;       /* which terms it has late */
    gint64 peeked_docid;      /* row of late that was read ahead, 0 = none */
    guint64 peeked_term;
    GArray *probes;           /* struct probe */
};

static void
clear_probe(gpointer data)
{
    sqlite3_finalize(((struct probe *)data)->stmt);
}

/* step - 1 row, 0 end, -1 error */
static int
step(struct pass *pass, sqlite3_stmt *stmt, GError **error)
{
    int rc = sqlite3_step(stmt);

    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE)
        return 0;
    index_sql_fail(pass->file->db, pass->file->path, error);
    return -1;
}

/* number - one number by an id; fallback when there is no row; FALSE on error */
static gboolean
number(struct pass *pass, const char *sql, guint64 id, gint64 fallback, gint64 *value_r, GError **error)
{
    sqlite3_stmt *stmt = index_sql_prepare(pass->file->db, pass->file->path, sql, error);

    if (stmt == NULL)
        return FALSE;
    sqlite3_bind_int64(stmt, 1, (gint64)id);
    int rc = step(pass, stmt, error);
    *value_r = rc > 0 ? sqlite3_column_int64(stmt, 0) : fallback;
    sqlite3_finalize(stmt);
    return rc >= 0;
}

/* find_bounds - the docids of the ids asked for */
static gboolean
find_bounds(struct pass *pass, GError **error)
{
    const struct search *s = pass->search;

    pass->lo = 1;
    pass->hi = G_MAXINT64;
    if (s->lowest > 0 && !number(pass, "SELECT docid FROM map WHERE id >= ?1 ORDER BY id LIMIT 1", s->lowest, G_MAXINT64,
                                 &pass->lo, error))
        return FALSE;
    if (s->below == G_MAXINT64)
        return TRUE;
    /* The last page's last id is in one of the files: go on right below its row. */
    if (!number(pass, "SELECT docid - 1 FROM map WHERE id = ?1", s->below, -1, &pass->hi, error))
        return FALSE;
    return pass->hi >= 0 || number(pass, "SELECT docid FROM map WHERE id < ?1 ORDER BY id DESC LIMIT 1", s->below, 0,
                                   &pass->hi, error);
}

static const char match_sql[] =
    "SELECT rowid FROM doc WHERE doc MATCH ?1 AND rowid >= ?2 AND rowid <= ?3 ORDER BY rowid DESC";

static void
bind_match(struct pass *pass, sqlite3_stmt *stmt, const char *match, gint64 hi)
{
    sqlite3_reset(stmt);
    sqlite3_bind_text(stmt, 1, match, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(stmt, 2, pass->lo);
    sqlite3_bind_int64(stmt, 3, hi);
}

/* term_index - which of the query's terms this is */
static guint64
term_bit(const struct query *query, const char *text)
{
    for (guint i = 0; i < query->terms->len; i++)
        if (strcmp(g_array_index(query->terms, struct term, i).text, text) == 0)
            return (guint64)1 << i;
    return 0;
}

/* read_late - one row of late into peeked */
static gboolean
read_late(struct pass *pass, GError **error)
{
    int rc = step(pass, pass->late, error);

    pass->peeked_docid = rc > 0 ? sqlite3_column_int64(pass->late, 0) : 0;
    if (rc > 0)
        pass->peeked_term = term_bit(pass->search->query, (const char *)sqlite3_column_text(pass->late, 1));
    return rc >= 0;
}

/* next_late - the next docid that late has for the query's terms, with all those terms */
static gboolean
next_late(struct pass *pass, GError **error)
{
    pass->late_docid = pass->peeked_docid;
    pass->late_terms = 0;
    while (pass->peeked_docid != 0 && pass->peeked_docid == pass->late_docid) {
        pass->late_terms |= pass->peeked_term;
        if (!read_late(pass, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
begin_late(struct pass *pass, GError **error)
{
    const GArray *terms = pass->search->query->terms;
    g_autoptr(GString) sql = g_string_new("SELECT docid, term FROM late WHERE term IN (");

    if (terms->len == 0)
        return TRUE;
    for (guint i = 0; i < terms->len; i++)
        g_string_append(sql, i == 0 ? "?" : ",?");
    g_string_append(sql, ") AND docid >= ? AND docid <= ? ORDER BY docid DESC");
    pass->late = index_sql_prepare(pass->file->db, pass->file->path, sql->str, error);
    if (pass->late == NULL)
        return FALSE;
    for (guint i = 0; i < terms->len; i++)
        sqlite3_bind_text(pass->late, (int)i + 1, g_array_index(terms, struct term, i).text, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(pass->late, (int)terms->len + 1, pass->lo);
    sqlite3_bind_int64(pass->late, (int)terms->len + 2, pass->hi);
    return read_late(pass, error) && next_late(pass, error);
}

/* find_probe - the probe for these terms; NULL with error */
static struct probe *
find_probe(struct pass *pass, guint64 known_true, GError **error)
{
    for (guint i = 0; i < pass->probes->len; i++) {
        struct probe *probe = &g_array_index(pass->probes, struct probe, i);
        if (probe->known_true == known_true)
            return probe;
    }
    struct probe fresh = {known_true, index_sql_prepare(pass->file->db, pass->file->path, match_sql, error), G_MAXINT64};
    if (fresh.stmt == NULL)
        return NULL;
    if (pass->probes->len == 16)
        g_array_remove_index(pass->probes, 0);
    g_array_append_val(pass->probes, fresh);
    return &g_array_index(pass->probes, struct probe, pass->probes->len - 1);
}

/* probe_has - does the query, with the late terms taken as true, match the row late_docid? 1, 0, -1 error */
static int
probe_has(struct pass *pass, GError **error)
{
    struct probe *probe = find_probe(pass, pass->late_terms, error);

    if (probe == NULL)
        return -1;
    for (guint steps = 0; probe->docid > pass->late_docid; steps++) {
        if (probe->docid == G_MAXINT64 || steps == PROBE_STEPS) {
            g_autofree char *match = query_match(pass->search->query, probe->known_true);
            bind_match(pass, probe->stmt, match, pass->late_docid);
            steps = 0;
        }
        int rc = step(pass, probe->stmt, error);
        if (rc < 0)
            return -1;
        probe->docid = rc > 0 ? sqlite3_column_int64(probe->stmt, 0) : 0;
    }
    return probe->docid == pass->late_docid;
}

/* add_hit - the row's id to the hits; 1 = full, 0 = go on, -1 error */
static int
add_hit(struct pass *pass, gint64 docid, GError **error)
{
    const struct search *s = pass->search;
    struct index_file *file = pass->file;

    if (file->id_of == NULL &&
        (file->id_of = index_sql_prepare(file->db, file->path, "SELECT id FROM map WHERE docid = ?1", error)) == NULL)
        return -1;
    sqlite3_bind_int64(file->id_of, 1, docid);
    int rc = step(pass, file->id_of, error);
    guint64 id = rc > 0 ? (guint64)sqlite3_column_int64(file->id_of, 0) : 0;
    sqlite3_reset(file->id_of);
    if (rc <= 0 || id < s->lowest)
        return rc < 0 ? -1 : 0;
    if (s->hits->ids->len == s->limit) {
        s->hits->more = TRUE;
        return 1;
    }
    g_array_append_val(s->hits->ids, id);
    return 0;
}

/* next_match - the next row of FTS5's stream, 0 = ended; FALSE on error */
static gboolean
next_match(struct pass *pass, sqlite3_stmt *match, gint64 *docid_r, GError **error)
{
    int rc = step(pass, match, error);

    *docid_r = rc > 0 ? sqlite3_column_int64(match, 0) : 0;
    return rc >= 0;
}

/* merge - both streams by docid, newest first; 1 = full, 0 = file done, -1 error */
static int
merge(struct pass *pass, sqlite3_stmt *match, GError **error)
{
    gint64 docid;
    int rc;

    if (!next_match(pass, match, &docid, error))
        return -1;
    while (docid != 0 || pass->late_docid != 0) {
        if (docid > pass->late_docid) {
            if ((rc = add_hit(pass, docid, error)) != 0)
                return rc;
            if (!next_match(pass, match, &docid, error))
                return -1;
            continue;
        }
        rc = probe_has(pass, error);
        if (rc < 0 || (rc > 0 && (rc = add_hit(pass, pass->late_docid, error)) != 0))
            return rc;
        if (docid == pass->late_docid && !next_match(pass, match, &docid, error))
            return -1;
        if (!next_late(pass, error))
            return -1;
    }
    return 0;
}

/* search_file - 1 = page full, 0 = go on with the next file, -1 error */
static int
search_file(struct search *search, struct index_file *file, GError **error)
{
    struct pass pass = {.search = search, .file = file};
    int rc = -1;

    file->deadline = search->deadline;
    if (file->match == NULL)
        file->match = index_sql_prepare(file->db, file->path, match_sql, error);
    pass.probes = g_array_new(FALSE, FALSE, sizeof(struct probe));
    g_array_set_clear_func(pass.probes, clear_probe);
    if (file->match != NULL && find_bounds(&pass, error)) {
        if (pass.lo > pass.hi) {
            rc = 0;
        } else if (begin_late(&pass, error)) {
            bind_match(&pass, file->match, search->match, pass.hi);
            rc = merge(&pass, file->match, error);
        }
    }
    if (file->match != NULL)
        sqlite3_reset(file->match);
    sqlite3_finalize(pass.late);
    g_array_unref(pass.probes);
    file->deadline = 0;
    return rc;
}

/* set_range - the ids that the dates and the page allow; FALSE = none */
static gboolean
set_range(struct search *search, guint64 before)
{
    const struct query *q = search->query;

    search->below = before == 0 || before > G_MAXINT64 ? G_MAXINT64 : before;
    if (q->before_ms < ID_TIME_LIMIT)
        search->below = MIN(search->below, (guint64)MAX(q->before_ms, 0) << 20);
    if (q->after_ms >= ID_TIME_LIMIT)
        return FALSE;
    search->lowest = (guint64)MAX(q->after_ms, 0) << 20;
    return search->lowest < search->below;
}

/* search_months - all files, newest first */
static gboolean
search_months(struct archive_index *index, struct search *search, GError **error)
{
    g_autoptr(GArray) months = index_months(index);
    guint first = index_month_of_id(search->lowest), last = index_month_of_id(search->below - 1);

    for (guint i = 0; i < months->len; i++) {
        guint month = g_array_index(months, guint, i);
        if (month > last)
            continue;
        if (month < first)
            break;
        struct index_file *file = index_take_reader(index, month, error);
        if (file == NULL)
            return FALSE;
        int rc = search_file(search, file, error);
        index_give_reader(index, file);
        if (rc != 0)
            return rc > 0;
        if (search->deadline != 0 && g_get_monotonic_time() > search->deadline && i + 1 < months->len) {
            g_set_error_literal(error, INDEX_ERROR, INDEX_ERROR_TIME,
                                "the search took too long; add a rarer word, or after: and before:");
            return FALSE;
        }
    }
    return TRUE;
}

gboolean
index_search(struct archive_index *index, const char *query, const char *owner, guint64 before, guint limit, int budget_ms,
             struct index_hits *hits_r, GError **error)
{
    g_autoptr(GTimeZone) zone = g_time_zone_new_local();
    g_autoptr(query_t) parsed = query_parse(query, zone, owner, error);
    struct search search = {.query = parsed, .limit = limit, .hits = hits_r};

    *hits_r = (struct index_hits){.ids = g_array_new(FALSE, FALSE, sizeof(guint64))};
    hits_r->words = parsed != NULL ? g_ptr_array_ref(parsed->words) : g_ptr_array_new_with_free_func(g_free);
    if (parsed == NULL)
        return FALSE;
    if (!set_range(&search, before))
        return TRUE;
    if (budget_ms > 0)
        search.deadline = g_get_monotonic_time() + (gint64)budget_ms * 1000;
    g_autofree char *match = query_match(parsed, 0);
    search.match = match;
    if (search_months(index, &search, error))
        return TRUE;
    hits_r->more = TRUE;
    return FALSE;
}

void
index_hits_clear(struct index_hits *hits)
{
    g_clear_pointer(&hits->ids, g_array_unref);
    g_clear_pointer(&hits->words, g_ptr_array_unref);
}
