/* admin.c: lists, senders and limits by hand; see admin.h. */
#include "policyd/tables/admin.h"
#include <string.h>
#include "lib/mail/address.h"
#include "lib/mail/policy_match.h"
#include "policyd/accounts/policy_keys.h"
#include "policyd/answer.h"
#include "policyd/daemon.h"
#include "policyd/rates/rate.h"
#include "policyd/tables/tables.h"
#include "policyd/words.h"

#define MEMBERS_MAX 1000u /* of one change */
#define NOTHING "; nothing was changed"

/* ---- rows out ---- */

struct page {
    struct answer_rows rows;
    json_t *(*make)(const struct sql_row *row);
    guint left;
    gboolean more;
};

static gboolean
take_row(const struct sql_row *row, gpointer data)
{
    struct page *page = data;

    page->more = page->left == 0;
    if (page->more)
        return FALSE;
    page->left--;
    if (!answer_add_row(&page->rows, page->make(row), sql_row_text(row, 0, NULL)))
        page->left = 0;
    return TRUE;
}

/* The last of values is how many rows are asked for: one more than are given. */
static gboolean
give_page(const struct policyd *policyd, const char *statement, struct sql_value *values, guint n, json_t *(*make)(const struct sql_row *row),
          GString *answer)
{
    struct page page = {.rows = {json_array(), 0}, .make = make, .left = ANSWER_ROWS_MAX};
    g_autoptr(GError) error = NULL;
    struct sql *sql = sql_pool_take(policyd->policy_pool, &error);
    gboolean good;

    values[n - 1] = SQL_I(ANSWER_ROWS_MAX + 1);
    good = sql != NULL && sql_run(sql, statement, values, n, take_row, &page, NULL, &error);
    sql_pool_give(policyd->policy_pool, sql);
    if (good)
        return answer_give(json_pack("{s:o, s:b}", "rows", page.rows.array, "more", page.more), answer);
    json_decref(page.rows.array);
    return answer_failed(answer, error);
}

static json_t *
make_list(const struct sql_row *row)
{
    return json_pack("{s:o, s:I}", "list", answer_text(sql_row_text(row, 0, NULL)), "entries", (json_int_t)sql_row_int(row, 1));
}

static json_t *
make_member(const struct sql_row *row)
{
    return json_pack("{s:o}", "member", answer_text(sql_row_text(row, 0, NULL)));
}

static json_t *
make_limit(const struct sql_row *row)
{
    g_autofree char *limit = limit_text_make(sql_row_int(row, 3), sql_row_int(row, 2));

    return json_pack("{s:o, s:o, s:s}", "subject", answer_text(sql_row_text(row, 0, NULL)), "meter", answer_text(sql_row_text(row, 1, NULL)), "limit", limit);
}

gboolean
tables_admin_lists(const char *args, GString *answer, gpointer data)
{
    g_auto(GStrv) words = control_words(args, 1, answer);
    struct sql_value values[2];

    if (words == NULL)
        return FALSE;
    values[0] = SQL_T(words[0]);
    return give_page(data, "policy_table_lists", values, G_N_ELEMENTS(values), make_list, answer);
}

/* ---- owners and members: lists and their entries, logins and their senders ---- */

static char *
list_normalise(const char *name, GError **error)
{
    if (policy_match_is_list_name(name))
        return g_strdup(name);
    g_set_error(error, SQL_ERROR, SQL_ERROR_STATEMENT, "a list's name is 1 to 64 letters, digits, -, _ and .");
    return NULL;
}

static const struct {
    char *(*owner)(const char *text, GError **error), *(*member)(const char *text, GError **error);
    const char *page;
    void (*forget)(struct policy_accounts *accounts);
} kinds[] = {
    [TABLE_LISTS] = {list_normalise, policy_entry_normalise, "policy_table_list_page", policy_accounts_forget_lists},
    [TABLE_SENDERS] = {policy_login_normalise, policy_sender_normalise, "policy_table_sender_page", policy_accounts_forget_senders},
};

static gboolean
show(const char *args, enum table_pairs table, GString *answer, gpointer data)
{
    g_auto(GStrv) words = control_words(args, 2, answer);
    g_autoptr(GError) error = NULL;
    g_autofree char *owner = words != NULL ? kinds[table].owner(words[0], &error) : NULL;
    struct sql_value values[3];

    if (owner == NULL)
        return error != NULL ? answer_failed(answer, error) : FALSE;
    values[0] = SQL_T(owner);
    values[1] = SQL_T(words[1]);
    return give_page(data, kinds[table].page, values, G_N_ELEMENTS(values), make_member, answer);
}

/* All in their normal form (caller frees); NULL and error when one is wrong. */
static char **
normalise_all(char *const *texts, enum table_pairs table, GError **error)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);

    for (; *texts != NULL; texts++) {
        char *normal = kinds[table].member(*texts, error);
        if (normal == NULL)
            return NULL;
        g_ptr_array_add(all, normal);
    }
    g_ptr_array_add(all, NULL);
    return (char **)g_ptr_array_steal(all, NULL);
}

static gboolean
give_change(char *const *members, const GPtrArray *same, GString *answer)
{
    json_t *rows = json_array();

    for (guint i = 0; i < same->len; i++)
        json_array_append_new(rows, answer_text(g_ptr_array_index(same, i)));
    return answer_give(json_pack("{s:I, s:o}", "changed", (json_int_t)g_strv_length((char **)members) - same->len, "same", rows), answer);
}

static gboolean
change(const char *args, enum table_pairs table, gboolean add, GString *answer, gpointer data)
{
    const struct policyd *policyd = data;
    g_auto(GStrv) words = control_words_between(args, 4, 3 + MEMBERS_MAX, answer), members = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *owner = words != NULL ? kinds[table].owner(words[0], &error) : NULL;
    g_autoptr(GPtrArray) same = g_ptr_array_new();
    gboolean done = FALSE;

    if (words == NULL)
        return FALSE;
    members = owner != NULL ? normalise_all(words + 3, table, &error) : NULL;
    if (members != NULL) {
        const struct table_hand hand = {words[1], words[2], g_get_real_time() / 1000};
        done = (add ? table_add : table_remove)(policyd->parts.state, table, owner, members, &hand, same, &error);
        if (!done || same->len < g_strv_length(members)) /* what failed may have been done nevertheless */
            kinds[table].forget(policyd->parts.accounts);
    }
    if (done)
        return give_change(members, same, answer);
    answer_failed(answer, error);
    g_string_append(answer, members == NULL ? NOTHING : "");
    return FALSE;
}

gboolean
tables_admin_list_show(const char *args, GString *answer, gpointer data)
{
    return show(args, TABLE_LISTS, answer, data);
}

gboolean
tables_admin_list_add(const char *args, GString *answer, gpointer data)
{
    return change(args, TABLE_LISTS, TRUE, answer, data);
}

gboolean
tables_admin_list_remove(const char *args, GString *answer, gpointer data)
{
    return change(args, TABLE_LISTS, FALSE, answer, data);
}

gboolean
tables_admin_senders(const char *args, GString *answer, gpointer data)
{
    return show(args, TABLE_SENDERS, answer, data);
}

gboolean
tables_admin_sender_add(const char *args, GString *answer, gpointer data)
{
    return change(args, TABLE_SENDERS, TRUE, answer, data);
}

gboolean
tables_admin_sender_remove(const char *args, GString *answer, gpointer data)
{
    return change(args, TABLE_SENDERS, FALSE, answer, data);
}

/* ---- limits ---- */

gboolean
tables_admin_limits(const char *args, GString *answer, gpointer data)
{
    const struct policyd *policyd = data;
    g_auto(GStrv) words = control_words(args, 1, answer);
    g_autofree char *part = words != NULL ? address_normalise(words[0]) : NULL;
    g_autoptr(GPtrArray) keys = NULL;
    struct sql_value values[1 + POLICY_SUBJECT_KEYS + 1];

    if (part == NULL)
        return FALSE;
    keys = policy_keys_subject(part, policyd->config->accounts.recipient_delimiter);
    values[0] = SQL_T(part);
    for (guint i = 0; i < POLICY_SUBJECT_KEYS; i++)
        values[1 + i] = SQL_T(i < keys->len ? g_ptr_array_index(keys, i) : NULL);
    return give_page(policyd, "policy_table_limits", values, G_N_ELEMENTS(values), make_limit, answer);
}

static gboolean
is_meter(const char *name, GString *answer)
{
    for (guint i = 0; i < RATE_COUNTED; i++)
        if (strcmp(rate_counted_names[i], name) == 0)
            return TRUE;
    g_string_append(answer, "messages or recipients can be limited" NOTHING);
    return FALSE;
}

/* Each window once; "none" is all of them. FALSE and error when there is something else. */
static gboolean
parse_limits(char *const *texts, struct limit_text limits_r[METER_WINDOWS], guint *n_r, GError **error)
{
    guint n = g_strv_length((char **)texts);

    *n_r = n;
    if (n == 1 && strcmp(texts[0], "none") == 0) {
        for (guint w = 0; w < METER_WINDOWS; w++)
            limits_r[w] = (struct limit_text){-1, rate_windows[w]};
        *n_r = METER_WINDOWS;
        return TRUE;
    }
    for (guint i = 0; i < n; i++) {
        if (!limit_text_parse(texts[i], &limits_r[i], error))
            return FALSE;
        for (guint k = 0; k < i; k++)
            if (limits_r[k].seconds == limits_r[i].seconds) {
                g_set_error(error, SQL_ERROR, SQL_ERROR_STATEMENT, "there are two limits of a %s", limit_window_name(limits_r[i].seconds));
                return FALSE;
            }
    }
    return TRUE;
}

gboolean
tables_admin_limit_put(const char *args, GString *answer, gpointer data)
{
    const struct policyd *policyd = data;
    g_auto(GStrv) words = control_words_between(args, 5, 4 + METER_WINDOWS, answer);
    struct limit_text limits[METER_WINDOWS];
    g_autofree char *subject = NULL;
    g_autoptr(GError) error = NULL;
    gboolean done = FALSE, fit;
    guint n = 0;

    if (words == NULL || !is_meter(words[1], answer))
        return FALSE;
    subject = policy_subject_normalise(words[0], &error);
    fit = subject != NULL && parse_limits(words + 4, limits, &n, &error);
    if (fit) {
        const struct table_hand hand = {words[2], words[3], g_get_real_time() / 1000};
        done = table_put_limits(policyd->parts.state, subject, words[1], limits, n, &hand, &error);
        policy_accounts_forget_limits(policyd->parts.accounts);
    }
    g_string_append_printf(answer, "%s%s", done ? "{}" : error->message, fit ? "" : NOTHING);
    return done;
}

gboolean
tables_admin_limit_drop(const char *args, GString *answer, gpointer data)
{
    const struct policyd *policyd = data;
    g_auto(GStrv) words = control_words(args, 5, answer);
    g_autofree char *subject = NULL;
    g_autoptr(GError) error = NULL;
    guint32 seconds = 0;
    gint64 dropped = 0;
    gboolean done;

    if (words == NULL || (*words[1] != '\0' && !is_meter(words[1], answer)))
        return FALSE;
    seconds = limit_window_find(words[2]);
    if (*words[2] != '\0' && seconds == 0) {
        g_string_append(answer, "a window is a minute, an hour or a day" NOTHING);
        return FALSE;
    }
    subject = policy_subject_normalise(words[0], &error);
    if (subject == NULL)
        return answer_failed(answer, error);
    done = table_drop_limits(policyd->parts.state, subject, words[1], seconds,
                             &(struct table_hand){words[3], words[4], g_get_real_time() / 1000}, &dropped, &error);
    if (!done || dropped > 0)
        policy_accounts_forget_limits(policyd->parts.accounts);
    return done ? answer_give(json_pack("{s:I}", "dropped", (json_int_t)dropped), answer) : answer_failed(answer, error);
}
