/* quota_admin.c: see quota_admin.h. */
#include "policyd/quota/quota_admin.h"
#include <string.h>
#include "lib/mail/address.h"
#include "policyd/answer.h"
#include "policyd/daemon.h"
#include "policyd/quota/levels.h"
#include "policyd/state/facts.h"
#include "policyd/words.h"

struct row {
    char *user;
    struct quota_root root;
};

static void
row_free(gpointer data)
{
    struct row *row = data;

    g_free(row->user);
    g_free(row);
}

static void
add_rows(GPtrArray *rows, const struct fact *fact, guint least)
{
    struct quota_roots roots;

    quota_roots_read(fact->value, &roots);
    for (guint i = 0; i < roots.n; i++) {
        if (roots.root[i].percent < least)
            continue;
        struct row *row = g_new(struct row, 1);
        *row = (struct row){g_strdup(fact->subject), roots.root[i]};
        g_ptr_array_add(rows, row);
    }
}

static gint
fuller_first(gconstpointer a, gconstpointer b)
{
    const struct row *left = *(struct row *const *)a, *right = *(struct row *const *)b;

    if (left->root.percent != right->root.percent)
        return left->root.percent > right->root.percent ? -1 : 1;
    return strcmp(left->user, right->user);
}

static json_t *
row_json(const struct row *row)
{
    const struct quota_root *root = &row->root;
    g_autofree char *user = g_utf8_make_valid(row->user, -1), *name = g_utf8_make_valid(root->name, -1);

    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "user", user, "root", name, "used", (json_int_t)root->used, "limit",
                     (json_int_t)root->limit, "messages", (json_int_t)root->messages, "messages_limit", (json_int_t)root->messages_limit, "percent",
                     (json_int_t)root->percent, "level", (json_int_t)root->level, "told", (json_int_t)root->told, "told_ms", (json_int_t)root->told_ms,
                     "rejected_ms", (json_int_t)root->rejected_ms, "at_ms", (json_int_t)root->at_ms);
}

static void
give(GPtrArray *rows, guint limit, GString *answer)
{
    json_t *array = json_array();

    for (guint i = 0; i < rows->len && i < limit; i++)
        json_array_append_new(array, row_json(g_ptr_array_index(rows, i)));
    answer_give(json_pack("{s:o, s:b}", "rows", array, "more", rows->len > limit), answer);
}

gboolean
quota_admin_show(const char *args, GString *answer, gpointer data)
{
    const struct policyd *policyd = data;
    g_auto(GStrv) words = control_words(args, 1, answer);
    g_autofree char *user = words != NULL ? address_normalise(words[0]) : NULL;
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(row_free);
    struct fact *fact;

    if (user == NULL)
        return FALSE;
    fact = fact_get(policyd->parts.state, FACT_QUOTA, user, g_get_real_time() / 1000);
    if (fact != NULL)
        add_rows(rows, fact, 0);
    fact_unref(fact);
    give(rows, QUOTA_ROOTS_MAX, answer);
    return TRUE;
}

gboolean
quota_admin_list(const char *args, GString *answer, gpointer data)
{
    const struct policyd *policyd = data;
    g_auto(GStrv) words = control_words(args, 2, answer);
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(row_free), facts = NULL;
    guint64 least = 0, limit = 0;

    if (words == NULL)
        return FALSE;
    if (!g_ascii_string_to_unsigned(words[0], 10, 0, QUOTA_PERCENT_MAX, &least, NULL) ||
        !g_ascii_string_to_unsigned(words[1], 10, 1, ANSWER_ROWS_MAX, &limit, NULL)) {
        g_string_append_printf(answer, "PERCENT (0 to %d) and LIMIT (1 to %u) are needed", QUOTA_PERCENT_MAX, ANSWER_ROWS_MAX);
        return FALSE;
    }
    facts = fact_list(policyd->parts.state, FACT_QUOTA, g_get_real_time() / 1000);
    for (guint i = 0; i < facts->len; i++)
        add_rows(rows, g_ptr_array_index(facts, i), (guint)least);
    g_ptr_array_sort(rows, fuller_first);
    give(rows, (guint)limit, answer);
    return TRUE;
}
