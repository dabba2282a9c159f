/* fixture.h: a scratch index and short ways to fill and ask it. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <string.h>
#include "archive-store/index/index.h"

struct fixture {
    char *dir;
    struct archive_index *index;
};

#define DAY_MS G_GINT64_CONSTANT(86400000)
#define JAN_2024_MS G_GINT64_CONSTANT(1704067200000)

static inline guint64
id_at(gint64 ms, guint sequence)
{
    return (guint64)ms << 20 | sequence;
}

static inline void
must(gboolean ok, const GError *error)
{
    if (!ok)
        fail_msg("%s", error != NULL ? error->message : "failed without an error");
}

static inline void
fixture_open(struct fixture *f)
{
    g_autoptr(GError) error = NULL;

    f->index = index_open(f->dir, &error);
    must(f->index != NULL, error);
}

static inline void
fixture_reopen(struct fixture *f)
{
    index_close(&f->index);
    fixture_open(f);
}

static inline int
fixture_set_up(void **state)
{
    struct fixture *f = g_new0(struct fixture, 1);

    g_setenv("TZ", "UTC", TRUE);
    f->dir = g_dir_make_tmp("postern-index-XXXXXX", NULL);
    fixture_open(f);
    *state = f;
    return 0;
}

static inline int
fixture_tear_down(void **state)
{
    struct fixture *f = *state;
    const char *name;

    index_close(&f->index);
    GDir *dir = g_dir_open(f->dir, 0, NULL);
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(f->dir, name, NULL);
        g_unlink(path);
    }
    g_dir_close(dir);
    g_rmdir(f->dir);
    g_free(f->dir);
    g_free(f);
    return 0;
}

static inline void
add(struct fixture *f, guint64 id, const char *subject, const char *body)
{
    struct index_document document = {.id = id, .subject = subject, .body = body};
    g_autoptr(GError) error = NULL;

    must(index_add(f->index, &document, &error), error);
}

static inline void
commit(struct fixture *f, guint8 position)
{
    guint8 cursor[16] = {position};
    g_autoptr(GError) error = NULL;

    must(index_commit(f->index, cursor, &error), error);
}

/* The hits as text: ids less base, separated by spaces, "+" for more. */
static inline char *
find(struct fixture *f, const char *query, const char *owner, guint64 before, guint limit, guint64 base)
{
    g_autoptr(GError) error = NULL;
    struct index_hits hits;
    GString *out = g_string_new(NULL);

    gboolean ok = index_search(f->index, query, owner, before, limit, 0, &hits, &error);
    if (!ok)
        g_string_append(out, error->message);
    for (guint i = 0; ok && i < hits.ids->len; i++)
        g_string_append_printf(out, "%s%" G_GUINT64_FORMAT, i > 0 ? " " : "",
                               g_array_index(hits.ids, guint64, i) - base);
    if (ok && hits.more)
        g_string_append_c(out, '+');
    index_hits_clear(&hits);
    return g_string_free(out, FALSE);
}

static inline void
finds_as(struct fixture *f, const char *query, const char *owner, guint64 base, const char *expected)
{
    g_autofree char *found = find(f, query, owner, 0, 100, base);

    if (strcmp(found, expected) != 0)
        fail_msg("%s (%s): found \"%s\", expected \"%s\"", query, owner != NULL ? owner : "all", found, expected);
}

static inline void
finds(struct fixture *f, const char *query, guint64 base, const char *expected)
{
    finds_as(f, query, NULL, base, expected);
}

static inline void
verifies(struct fixture *f)
{
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;

    must(index_verify(f->index, problems, &error), error);
    if (problems->len > 0)
        fail_msg("%u problems: %s", problems->len, (char *)g_ptr_array_index(problems, 0));
}
