/* levels.c: see levels.h. */
#include "policyd/quota/levels.h"
#include <jansson.h>
#include <string.h>

#define KIB 1024

/* ---- as text ---- */

static gint64
number(const json_t *row, const char *name)
{
    return MAX(json_integer_value(json_object_get(row, name)), 0);
}

static guint
small_number(const json_t *row, const char *name)
{
    return (guint)MIN(number(row, name), QUOTA_PERCENT_MAX);
}

static gboolean
read_root(const json_t *row, struct quota_root *root)
{
    const char *name = json_string_value(json_object_get(row, "root"));

    if (name == NULL || g_strlcpy(root->name, name, sizeof root->name) >= sizeof root->name)
        return FALSE;
    root->used = number(row, "used");
    root->limit = number(row, "limit");
    root->messages = number(row, "messages");
    root->messages_limit = number(row, "messages_limit");
    root->percent = small_number(row, "percent");
    root->level = small_number(row, "level");
    root->told = small_number(row, "told");
    root->told_ms = number(row, "told_at");
    root->rejected_ms = number(row, "rejected_at");
    root->at_ms = number(row, "at");
    return TRUE;
}

void
quota_roots_read(const char *json, struct quota_roots *roots_r)
{
    json_t *whole = json != NULL ? json_loads(json, 0, NULL) : NULL, *row;
    size_t i;

    memset(roots_r, 0, sizeof *roots_r);
    json_array_foreach(json_object_get(whole, "roots"), i, row)
        if (roots_r->n < QUOTA_ROOTS_MAX && read_root(row, &roots_r->root[roots_r->n]))
            roots_r->n++;
    json_decref(whole);
}

static json_t *
write_root(const struct quota_root *root)
{
    g_autofree char *name = g_utf8_make_valid(root->name, -1);

    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "root", name, "used", (json_int_t)root->used, "limit",
                     (json_int_t)root->limit, "messages", (json_int_t)root->messages, "messages_limit", (json_int_t)root->messages_limit, "percent",
                     (json_int_t)root->percent, "level", (json_int_t)root->level, "told", (json_int_t)root->told, "told_at", (json_int_t)root->told_ms,
                     "rejected_at", (json_int_t)root->rejected_ms, "at", (json_int_t)root->at_ms);
}

/* The index of the root with the oldest news. */
static guint
oldest(const struct quota_roots *roots)
{
    guint found = 0;

    for (guint i = 1; i < roots->n; i++)
        if (roots->root[i].at_ms < roots->root[found].at_ms)
            found = i;
    return found;
}

static void
leave_out(struct quota_roots *roots, guint i)
{
    memmove(&roots->root[i], &roots->root[i + 1], (roots->n - i - 1) * sizeof roots->root[0]);
    roots->n--;
}

char *
quota_roots_write(const struct quota_roots *roots, gsize max)
{
    struct quota_roots left = *roots;

    for (;;) {
        json_t *array = json_array(), *whole;
        char *text, *copy;
        for (guint i = 0; i < left.n; i++)
            json_array_append_new(array, write_root(&left.root[i]));
        whole = json_pack("{s:o}", "roots", array);
        text = json_dumps(whole, JSON_COMPACT);
        copy = g_strdup(text);
        free(text);
        json_decref(whole);
        if (strlen(copy) <= max || left.n == 0)
            return copy;
        g_free(copy);
        leave_out(&left, oldest(&left));
    }
}

const struct quota_root *
quota_roots_find(const struct quota_roots *roots, const char *name)
{
    for (guint i = 0; i < roots->n; i++)
        if (strcmp(roots->root[i].name, name) == 0)
            return &roots->root[i];
    return NULL;
}

/* ---- what is news ---- */

static guint
percent_of(gint64 used, gint64 limit)
{
    return limit > 0 ? (guint)MIN((double)used * 100 / (double)limit, QUOTA_PERCENT_MAX) : 0;
}

static guint
level_at(const struct quota_rules *rules, guint percent)
{
    guint level = 0;

    for (guint i = 0; i < rules->n_levels; i++)
        if (percent >= rules->levels[i])
            level = rules->levels[i];
    return level;
}

static struct quota_root *
find_or_add(struct quota_roots *roots, const char *name, gboolean *fresh_r)
{
    struct quota_root *root = (struct quota_root *)quota_roots_find(roots, name);

    *fresh_r = root == NULL;
    if (root != NULL)
        return root;
    if (roots->n == QUOTA_ROOTS_MAX)
        leave_out(roots, oldest(roots));
    root = &roots->root[roots->n++];
    memset(root, 0, sizeof *root);
    g_strlcpy(root->name, name, sizeof root->name);
    return root;
}

/* Times of ours that the clock has jumped back before. */
static void
mend_times(struct quota_root *root, gint64 now_ms)
{
    root->at_ms = MIN(root->at_ms, now_ms);
    root->told_ms = MIN(root->told_ms, now_ms);
    root->rejected_ms = MIN(root->rejected_ms, now_ms);
}

static void
take_numbers(struct quota_root *root, const struct quota_sample *sample, const struct quota_rules *rules, gint64 at_ms)
{
    gboolean same_kib = sample->whole_kib && sample->used / KIB == root->used / KIB && root->at_ms > 0;

    root->at_ms = at_ms;
    if (sample->percent < 0) {
        if (!same_kib)
            root->used = sample->used;
        root->limit = sample->limit;
        root->messages = sample->messages;
        root->messages_limit = sample->messages_limit;
        root->percent = MAX(percent_of(root->used, root->limit), percent_of(root->messages, root->messages_limit));
    } else {
        root->percent = (guint)MIN(sample->percent, QUOTA_PERCENT_MAX);
        root->used = root->limit = root->messages = root->messages_limit = 0;
    }
    root->level = level_at(rules, root->percent);
}

static enum quota_kind
news_of_rejection(struct quota_root *root, const struct quota_rules *rules, gint64 now_ms)
{
    if (root->rejected_ms > 0 && now_ms - root->rejected_ms < rules->rejected_every_ms)
        return QUOTA_KINDS;
    root->rejected_ms = now_ms;
    root->told = MAX(root->told, root->level); /* it says so, too */
    root->told_ms = now_ms;
    return QUOTA_REJECTED;
}

/* level_before: at the last news, so the mailbox was there until now. */
static enum quota_kind
news_of_level(struct quota_root *root, guint level_before, const struct quota_rules *rules, gint64 now_ms)
{
    gboolean settled = now_ms - root->told_ms >= rules->settle_ms;

    if (root->level > level_before && settled)
        root->told = MIN(root->told, level_before); /* it had fallen for good, though nothing was heard of it since */
    if (root->level > root->told) {
        root->told = root->level;
        root->told_ms = now_ms;
        return QUOTA_OVER;
    }
    if (root->level == root->told || !settled)
        return QUOTA_KINDS;
    root->told = root->level;
    if (root->level > 0)
        return QUOTA_KINDS;
    root->told_ms = now_ms;
    return QUOTA_UNDER;
}

enum quota_kind
quota_levels_take(struct quota_roots *roots, const struct quota_sample *sample, const struct quota_rules *rules, gint64 now_ms,
                  struct quota_root **root_r, gboolean *changed_r)
{
    gint64 at_ms = MIN(sample->at_ms, now_ms);
    struct quota_root *root, before;
    enum quota_kind news = QUOTA_KINDS;
    gboolean fresh;

    *root_r = root = find_or_add(roots, sample->root, &fresh);
    before = *root;
    mend_times(root, now_ms);
    if (fresh || at_ms >= root->at_ms)
        take_numbers(root, sample, rules, at_ms);
    if (fresh && sample->quiet)
        root->told = before.level = root->level;
    if (sample->rejected)
        news = news_of_rejection(root, rules, now_ms);
    if (news == QUOTA_KINDS)
        news = news_of_level(root, before.level, rules, now_ms);
    before.at_ms = root->at_ms;
    *changed_r = fresh || memcmp(&before, root, sizeof before) != 0;
    return news;
}

gint64
quota_levels_fall(const struct quota_roots *roots, const struct quota_rules *rules)
{
    gint64 due_ms = 0;

    for (guint i = 0; i < roots->n; i++) {
        gint64 settled_ms = roots->root[i].told_ms + rules->settle_ms;
        if (roots->root[i].level < roots->root[i].told && (due_ms == 0 || settled_ms < due_ms))
            due_ms = settled_ms;
    }
    return due_ms;
}

struct quota_sample
quota_levels_again(const struct quota_root *root)
{
    gboolean by_numbers = root->limit > 0 || root->messages_limit > 0 || root->percent == 0;

    return (struct quota_sample){.root = root->name, .used = root->used, .limit = root->limit, .messages = root->messages,
                                 .messages_limit = root->messages_limit, .percent = by_numbers ? -1 : (int)root->percent, .at_ms = root->at_ms};
}
