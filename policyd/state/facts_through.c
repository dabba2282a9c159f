/* facts_through.c: what is written before it counts, facts and changes of other tables, each with its line of the audit; and the audit. */
#include "policyd/state/rows.h"

#define WHO_MAX 320u
#define ACTION_MAX 64u
#define DETAIL_MAX 4000u

/* ---- the audit ---- */

/* Valid UTF-8 of at most max bytes. */
static char *
fit(const char *text, gsize max)
{
    g_autofree char *valid = g_utf8_make_valid(text ? text : "", -1);
    gsize length = strlen(valid);
    if (length > max) {
        for (length = max; length > 0 && ((guchar)valid[length] & 0xc0) == 0x80; length--)
            ;
        valid[length] = '\0';
    }
    return g_steal_pointer(&valid);
}

gboolean
state_audit_within(struct state *state, struct sql *sql, gint64 now_ms, const char *who, const char *action, const char *subject,
                   const char *detail, GError **error)
{
    g_autofree char *fit_who = fit(who, WHO_MAX), *fit_action = fit(action, ACTION_MAX),
                    *fit_subject = fit(subject, FACT_SUBJECT_MAX), *fit_detail = fit(detail, DETAIL_MAX);
    const struct sql_value values[] = {SQL_I(now_ms),     SQL_T(state->options.node), SQL_T(fit_who),
                                       SQL_T(fit_action), SQL_T(fit_subject),         SQL_T(fit_detail)};
    return sql_run(sql, "policy_audit_add", values, G_N_ELEMENTS(values), NULL, NULL, NULL, error);
}

gboolean
state_audit(struct state *state, gint64 now_ms, const char *who, const char *action, const char *subject, const char *detail,
            GError **error)
{
    struct sql *sql = sql_pool_take(state->pool, error);
    if (!sql)
        return FALSE;
    g_mutex_lock(&state->turn);
    gboolean good = state_audit_within(state, sql, now_ms, who, action, subject, detail, error);
    g_mutex_unlock(&state->turn);
    sql_pool_give(state->pool, sql);
    return good;
}

void
state_keep_audit(struct state *state, gint64 keep_ms)
{
    __atomic_store_n(&state->options.audit_keep_ms, keep_ms, __ATOMIC_RELAXED);
}

struct audit_list {
    state_audit_func each;
    gpointer data;
};

static gboolean
take_audit(const struct sql_row *row, gpointer data)
{
    const struct audit_list *list = data;
    const struct state_audit line = {
        .at_ms = sql_row_int(row, 0),
        .node = sql_row_text(row, 1, NULL),
        .who = sql_row_text(row, 2, NULL),
        .action = sql_row_text(row, 3, NULL),
        .subject = sql_row_text(row, 4, NULL),
        .detail = sql_row_text(row, 5, NULL),
    };
    return list->each(&line, list->data);
}

gboolean
state_audit_list(struct state *state, const char *subject, guint limit, state_audit_func each, gpointer data, GError **error)
{
    struct sql *sql = sql_pool_take(state->pool, error);
    struct audit_list list = {each, data};
    if (!sql)
        return FALSE;
    const struct sql_value values[] = {SQL_T(subject), SQL_I(limit)};
    gboolean good = sql_run(sql, subject ? "policy_audit_of" : "policy_audit_all", subject ? values : values + 1,
                            subject ? 2 : 1, take_audit, &list, NULL, error);
    sql_pool_give(state->pool, sql);
    return good;
}

/* ---- changes with their lines ---- */

static gboolean
transact(struct state *state, struct sql *sql, state_work work, gpointer data, GError **error)
{
    if (!sql_begin(sql, error))
        return FALSE;
    if (work(state, sql, data, error))
        return sql_commit(sql, error);
    sql_rollback(sql);
    return FALSE;
}

gboolean
state_change(struct state *state, state_work work, gpointer data, GError **error)
{
    struct sql *sql = sql_pool_take(state->pool, error);
    if (!sql)
        return FALSE;
    g_mutex_lock(&state->turn);
    gboolean good = transact(state, sql, work, data, error);
    g_mutex_unlock(&state->turn);
    sql_pool_give(state->pool, sql);
    return good;
}

/* ---- facts ---- */

struct writing {
    const struct fact *fact;
    const struct fact_change *change;
    gint64 now_ms;
};

static gboolean
write_both(struct state *state, struct sql *sql, gpointer data, GError **error)
{
    const struct writing *writing = data;
    const struct fact *fact = writing->fact;
    const struct fact_change *change = writing->change;
    g_autofree char *action = g_strdup_printf("%s %s", fact->value ? "put" : "drop", fact_kind_name(fact->kind));
    return rows_put_fact(sql, fact, error) &&
           state_audit_within(state, sql, writing->now_ms, change->by, change->action ? change->action : action, fact->subject,
                              change->detail ? change->detail : fact->value, error);
}

static gboolean
write_through(struct state *state, enum fact_kind kind, const char *subject, const struct fact_change *change,
              gboolean dropped, gint64 now_ms, GError **error)
{
    if (!fact_is_fit(subject, change)) {
        g_set_error(error, SQL_ERROR, SQL_ERROR_STATEMENT, "a subject of at most %u bytes and a value of at most %u, in UTF-8",
                    FACT_SUBJECT_MAX, FACT_VALUE_MAX);
        return FALSE;
    }
    struct sql *sql = sql_pool_take(state->pool, error);
    if (!sql)
        return FALSE;
    /* Two at once on one subject are one after the other, so that the later also has the later time. */
    g_mutex_lock(&state->turn);
    struct fact *fact = fact_new(kind, subject, change, dropped, state->options.node, now_ms,
                                 facts_later(state->facts, kind, subject, now_ms));
    gboolean good = transact(state, sql, write_both, &(struct writing){fact, change, now_ms}, error);
    if (good)
        facts_merge(state->facts, fact);
    g_mutex_unlock(&state->turn);
    fact_unref(fact);
    sql_pool_give(state->pool, sql);
    return good;
}

gboolean
fact_put(struct state *state, enum fact_kind kind, const char *subject, const struct fact_change *change, gint64 now_ms,
         GError **error)
{
    return write_through(state, kind, subject, change, FALSE, now_ms, error);
}

gboolean
fact_drop(struct state *state, enum fact_kind kind, const char *subject, const struct fact_change *change, gint64 now_ms,
          gboolean *was_r, GError **error)
{
    struct fact *was = fact_get(state, kind, subject, now_ms);
    if (was_r)
        *was_r = was != NULL;
    fact_unref(was);
    return write_through(state, kind, subject, change, TRUE, now_ms, error);
}
