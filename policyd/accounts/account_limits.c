/* account_limits.c: see account_limits.h. */
#include "policyd/accounts/account_limits.h"
#include "lib/base/log.h"
#include "policyd/accounts/policy_accounts_private.h"
#include "policyd/accounts/policy_keys.h"
#include <string.h>

struct question {
    struct policy_accounts *accounts;
    const char *subject, *meter;
};

/* The best row for each window that was met. */
struct found {
    GPtrArray *keys; /* subjects, the most specific first */
    GArray *limits;  /* struct best */
};
struct best {
    gint64 seconds, amount;
    guint rank; /* place of its subject in keys */
};

static gboolean
limit_row(const struct sql_row *row, gpointer data)
{
    struct found *found = data;
    struct best best = {.seconds = sql_row_int(row, 1), .amount = MAX(sql_row_int(row, 2), -1), .rank = G_MAXUINT};
    guint at = 0;

    for (guint i = 0; i < found->keys->len && best.rank == G_MAXUINT; i++)
        if (strcmp(g_ptr_array_index(found->keys, i), sql_row_text(row, 0, NULL)) == 0)
            best.rank = i;
    if (best.rank == G_MAXUINT || best.seconds < 1 || best.seconds > G_MAXUINT)
        return TRUE;
    while (at < found->limits->len && g_array_index(found->limits, struct best, at).seconds < best.seconds)
        at++;
    if (at == found->limits->len || g_array_index(found->limits, struct best, at).seconds != best.seconds)
        g_array_insert_val(found->limits, at, best);
    else if (best.rank < g_array_index(found->limits, struct best, at).rank)
        g_array_index(found->limits, struct best, at) = best;
    return TRUE;
}

static enum account_subject
subject_of(const char *key)
{
    return *key == '*' ? SUBJECT_ALL : *key == '@' ? SUBJECT_DOMAIN : SUBJECT_ADDRESS;
}

static enum lookup
ask(gpointer data, GBytes **value_r)
{
    const struct question *q = data;
    g_autoptr(GPtrArray) keys = policy_keys_subject(q->subject, q->accounts->delimiter);
    g_autoptr(GArray) best = g_array_new(FALSE, FALSE, sizeof(struct best));
    struct found found = {keys, best};
    struct sql_value values[1 + POLICY_SUBJECT_KEYS] = {SQL_T(q->meter)};
    struct account_limits limits = {0};

    for (guint i = 0; i < POLICY_SUBJECT_KEYS; i++)
        values[1 + i] = SQL_T(i < keys->len ? g_ptr_array_index(keys, i) : NULL);
    if (!policy_source_run(&q->accounts->policy, "policy_limit_find", values, G_N_ELEMENTS(values), limit_row, &found))
        return LOOKUP_UNKNOWN;
    if (best->len > ACCOUNT_LIMITS_MAX)
        log_text(LOG_SEV_WARNING, "accounts", "policy_limit has %u windows of %s for <%s>; the longest are left out, %u are looked at",
                 best->len, q->meter, q->subject, ACCOUNT_LIMITS_MAX);
    for (guint i = 0; i < MIN(best->len, ACCOUNT_LIMITS_MAX); i++) {
        const struct best *from = &g_array_index(best, struct best, i);
        limits.limit[limits.n++] = (struct account_limit){.amount = from->amount, .seconds = (guint)from->seconds,
                                                          .subject = subject_of(g_ptr_array_index(keys, from->rank))};
    }
    if (limits.n > 0)
        *value_r = g_bytes_new(&limits, sizeof limits);
    return limits.n > 0 ? LOOKUP_YES : LOOKUP_NO;
}

enum lookup
account_limits_find(struct policy_accounts *accounts, const char *subject, const char *meter, gboolean may_block, gint64 now_ms,
                    struct account_limits *limits_r)
{
    struct question q = {accounts, subject, meter};
    g_autoptr(GBytes) value = NULL;
    gboolean stale = FALSE;
    gsize length;

    limits_r->n = 0;
    limits_r->stale = FALSE;
    if (!accounts->policy.pool || strlen(meter) > ACCOUNT_METER_MAX)
        return LOOKUP_NO;
    if (strlen(subject) > POLICY_ADDRESS_MAX)
        q.subject = ""; /* nobody's: what counts is what everybody has */
    GString *key = policy_key(ASKED_LIMITS, q.subject, meter);
    enum lookup answer = policy_lookup(accounts, key, may_block, now_ms, ask, &q, &value, &stale);
    if (value) {
        memcpy(limits_r, g_bytes_get_data(value, &length), sizeof *limits_r);
        limits_r->stale = stale;
    }
    return answer;
}
