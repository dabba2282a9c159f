/* tables.c: see tables.h. */
#include "policyd/tables/tables.h"

/* "what: reason", or what alone. Caller frees. */
static char *
make_detail(const char *what, const char *reason)
{
    return *reason != '\0' ? g_strdup_printf("%s: %s", what, reason) : g_strdup(what);
}

static gboolean
note(struct state *state, struct sql *sql, const struct table_hand *hand, const char *action, const char *subject, const char *what, GError **error)
{
    g_autofree char *detail = make_detail(what, hand->reason);

    return state_audit_within(state, sql, hand->now_ms, hand->by, action, subject, detail, error);
}

/* ---- pairs of an owner and a member ---- */

/* Lines of the audit are about the member of a list, and about the login of a sender: `postern account show` finds both. */
static const struct {
    const char *add, *remove, *added, *removed;
    gboolean about_member;
} pairs[] = {
    [TABLE_LISTS] = {"policy_table_list_add", "policy_table_list_remove", "list add", "list remove", TRUE},
    [TABLE_SENDERS] = {"policy_table_sender_add", "policy_table_sender_remove", "sender add", "sender remove", FALSE},
};

struct pair_change {
    enum table_pairs table;
    gboolean remove;
    const char *owner;
    char *const *members;
    const struct table_hand *hand;
    GPtrArray *same;
};

/* *changed_r FALSE: it is as it was. */
static gboolean
change_pair(struct sql *sql, const struct pair_change *change, const char *member, gboolean *changed_r, GError **error)
{
    const struct sql_value values[] = {SQL_T(change->owner), SQL_T(member)};
    GError *failure = NULL;
    gint64 rows = 0;
    gboolean good = sql_run(sql, change->remove ? pairs[change->table].remove : pairs[change->table].add, values, G_N_ELEMENTS(values), NULL, NULL,
                            &rows, &failure);

    *changed_r = good && rows > 0;
    if (good || g_error_matches(failure, SQL_ERROR, SQL_ERROR_DUPLICATE)) {
        g_clear_error(&failure);
        return TRUE;
    }
    g_propagate_error(error, failure);
    return FALSE;
}

static gboolean
change_pairs(struct state *state, struct sql *sql, gpointer data, GError **error)
{
    const struct pair_change *change = data;
    const char *action = change->remove ? pairs[change->table].removed : pairs[change->table].added;

    for (char *const *member = change->members; *member != NULL; member++) {
        gboolean about_member = pairs[change->table].about_member, changed;
        if (!change_pair(sql, change, *member, &changed, error))
            return FALSE;
        if (!changed)
            g_ptr_array_add(change->same, *member);
        else if (!note(state, sql, change->hand, action, about_member ? *member : change->owner, about_member ? change->owner : *member, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
table_add(struct state *state, enum table_pairs table, const char *owner, char *const *members, const struct table_hand *hand, GPtrArray *same,
          GError **error)
{
    struct pair_change change = {table, FALSE, owner, members, hand, same};

    return state_change(state, change_pairs, &change, error);
}

gboolean
table_remove(struct state *state, enum table_pairs table, const char *owner, char *const *members, const struct table_hand *hand, GPtrArray *same,
             GError **error)
{
    struct pair_change change = {table, TRUE, owner, members, hand, same};

    return state_change(state, change_pairs, &change, error);
}

/* ---- limits ---- */

struct limit_change {
    const char *subject, *meter;
    const struct limit_text *limits; /* to be put */
    guint n;
    guint32 seconds;                 /* to be dropped */
    const struct table_hand *hand;
    gint64 dropped;
};

static gboolean
put_limits(struct state *state, struct sql *sql, gpointer data, GError **error)
{
    const struct limit_change *change = data;

    for (guint i = 0; i < change->n; i++) {
        const struct limit_text *limit = &change->limits[i];
        const struct sql_value values[] = {SQL_T(change->subject), SQL_T(change->meter), SQL_I(limit->seconds), SQL_I(limit->amount)};
        g_autofree char *text = limit_text_make(limit->amount, limit->seconds), *what = g_strdup_printf("%s %s", change->meter, text);
        if (!sql_run(sql, "policy_table_limit_put", values, G_N_ELEMENTS(values), NULL, NULL, NULL, error) ||
            !note(state, sql, change->hand, "rate limit", change->subject, what, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
table_put_limits(struct state *state, const char *subject, const char *meter, const struct limit_text *limits, guint n, const struct table_hand *hand,
                 GError **error)
{
    struct limit_change change = {.subject = subject, .meter = meter, .limits = limits, .n = n, .hand = hand};

    return state_change(state, put_limits, &change, error);
}

static gboolean
drop_limits(struct state *state, struct sql *sql, gpointer data, GError **error)
{
    struct limit_change *change = data;
    const struct sql_value values[] = {SQL_T(change->subject), SQL_T(change->meter), SQL_T(change->meter), SQL_I(change->seconds), SQL_I(change->seconds)};
    g_autoptr(GString) what = g_string_new(*change->meter != '\0' ? change->meter : "all");

    if (change->seconds > 0)
        g_string_append_printf(what, "/%s", limit_window_name(change->seconds));
    return sql_run(sql, "policy_table_limit_drop", values, G_N_ELEMENTS(values), NULL, NULL, &change->dropped, error) &&
           (change->dropped == 0 || note(state, sql, change->hand, "rate unset", change->subject, what->str, error));
}

gboolean
table_drop_limits(struct state *state, const char *subject, const char *meter, guint32 seconds, const struct table_hand *hand, gint64 *n_r, GError **error)
{
    struct limit_change change = {.subject = subject, .meter = meter, .seconds = seconds, .hand = hand};
    gboolean good = state_change(state, drop_limits, &change, error);

    *n_r = change.dropped;
    return good;
}
