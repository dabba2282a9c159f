/* test_shards.c: the table of cells: finding, growing, removing, room, changes, many threads. */
#include "policyd/state/private.h"
#include "tests/unit/base/test.h"

struct number {
    struct cell cell;
    guint32 value;
};

static gint64
by_value(const struct cell *cell, gconstpointer data G_GNUC_UNUSED)
{
    return ((const struct number *)cell)->value;
}

static struct state_key
key_of(guint i)
{
    char text[32];
    struct state_key key;
    g_snprintf(text, sizeof text, "%u", i);
    state_key_make(&key, "test", text);
    return key;
}

static void
add(struct shards *shards, guint i)
{
    struct state_key key = key_of(i);
    struct shard *shard = shards_lock(shards, &key);
    struct number *number = shards_find(shards, shard, &key);
    if (!number)
        number = shards_add(shards, shard, &key, 1);
    number->value = i;
    g_mutex_unlock(&shard->lock);
}

static gboolean
has(struct shards *shards, guint i)
{
    struct state_key key = key_of(i);
    struct shard *shard = shards_lock(shards, &key);
    const struct number *number = shards_find(shards, shard, &key);
    if (number)
        assert_int_equal(number->value, i);
    g_mutex_unlock(&shard->lock);
    return number != NULL;
}

static void
drop(struct shards *shards, guint i)
{
    struct state_key key = key_of(i);
    struct shard *shard = shards_lock(shards, &key);
    struct number *number = shards_find(shards, shard, &key);
    if (number)
        shards_remove(shards, shard, number);
    g_mutex_unlock(&shard->lock);
}

static gboolean
is_even(const struct cell *cell, gconstpointer data G_GNUC_UNUSED)
{
    return ((const struct number *)cell)->value % 2 == 0;
}

/* What is added is found, whatever else comes and goes. */
static void
find_and_remove(void **state G_GNUC_UNUSED)
{
    enum { N = 200000 };
    struct shards *shards = shards_new(sizeof(struct number), 10 * N, by_value, NULL);
    for (guint i = 0; i < N; i++)
        add(shards, i);
    for (guint i = 0; i < N; i += 3)
        drop(shards, i);
    for (guint i = 0; i < N; i++)
        assert_int_equal(has(shards, i), i % 3 != 0);
    guint gone = 0;
    for (guint i = 0; i < SHARDS; i++)
        gone += shards_sweep(shards, i, is_even, NULL);
    assert_int_equal(gone, N / 3);
    for (guint i = 0; i < N; i++)
        assert_int_equal(has(shards, i), i % 3 != 0 && i % 2 != 0);
    assert_int_equal(shards_count(&shards->n), N - N / 3 - 1 - N / 3);
    shards_free(&shards);
    assert_null(shards);
}

/* The order of the shards is the order of the keys. */
static void
order(void **state G_GNUC_UNUSED)
{
    struct shards *shards = shards_new(sizeof(struct number), 1000, by_value, NULL);
    struct state_key low = {{0x10, 0xff}}, high = {{0x11, 0x00}};
    struct shard *a = shards_lock(shards, &low), *b = shards_lock(shards, &high);
    assert_true(a + 1 == b);
    g_mutex_unlock(&a->lock);
    g_mutex_unlock(&b->lock);
    shards_free(&shards);
}

/* Full: what is worth least goes, and the number stays. */
static void
full(void **state G_GNUC_UNUSED)
{
    enum { PIECES = SHARDS * SHARD_PIECES, MAX = PIECES * 20 };
    struct shards *shards = shards_new(sizeof(struct number), MAX, by_value, NULL);
    for (guint i = MAX * 2; i > 0; i--)
        add(shards, i);
    assert_in_range(shards_count(&shards->n), MAX - MAX / 10, MAX);
    assert_in_range(shards_count(&shards->evicted), MAX, MAX + MAX / 10);
    guint dear = 0, cheap = 0;
    for (guint i = 1; i <= MAX / 4; i++) {
        cheap += has(shards, i) ? 1 : 0;
        dear += has(shards, MAX * 2 - i) ? 1 : 0;
    }
    assert_in_range(dear, MAX / 4 * 95 / 100, MAX / 4);
    assert_in_range(cheap, 0, PIECES);
    shards_free(&shards);
}

/* Dirty cells are listed once and oldest first, come back when they couldn't be written, and go last. */
static void
changes(void **state G_GNUC_UNUSED)
{
    struct shards *shards = shards_new(sizeof(struct number), SHARDS * SHARD_PIECES * 8, by_value, NULL);
    struct state_key keys[3] = {{{1, 0x10, 1}}, {{1, 0x20, 2}}, {{1, 0x30, 3}}};
    struct shard *shard = shards_lock(shards, &keys[0]);
    for (guint round = 0; round < 2; round++)
        for (guint i = 0; i < 3; i++) {
            gpointer cell = shards_find(shards, shard, &keys[i]);
            if (!cell)
                cell = shards_add(shards, shard, &keys[i], 1);
            shards_changed(shards, shard, cell, i ? "text" : "first");
        }
    assert_int_equal(shards_count(&shards->dirty), 3);
    gpointer cell;
    struct change *first = shards_take_change(shards, shard, &cell);
    assert_string_equal(first->text, "first");
    assert_ptr_equal(cell, shards_find(shards, shard, &keys[0]));
    assert_int_equal(((struct cell *)cell)->bits & CELL_DIRTY, 0);
    /* Back, at the front; and when it has changed again meanwhile, it is there once. */
    shards_put_change(shards, shard, first);
    first = shards_take_change(shards, shard, &cell);
    shards_changed(shards, shard, cell, "again");
    shards_put_change(shards, shard, first);
    assert_int_equal(shards_count(&shards->dirty), 3);
    shards_remove(shards, shard, shards_find(shards, shard, &keys[1]));
    const char *texts[] = {"text", "text", "again"};
    for (guint i = 0; i < 3; i++) {
        struct change *change = shards_take_change(shards, shard, &cell);
        assert_string_equal(change->text, texts[i]);
        assert_int_equal(cell != NULL, i != 0);
        g_free(change);
    }
    assert_null(shards_take_change(shards, shard, &cell));
    assert_int_equal(shards_count(&shards->dirty), 0);
    g_mutex_unlock(&shard->lock);
    shards_free(&shards);
}

/* Nothing can be written for long: the list is bounded by the cells, and in the end their texts are left out. */
static void
changes_bounded(void **state G_GNUC_UNUSED)
{
    struct shards *shards = shards_new(sizeof(struct number), SHARDS * SHARD_PIECES * 300, by_value, NULL);
    struct state_key key = {{7}};
    struct shard *shard = shards_lock(shards, &key);
    for (guint i = 0; i < 40000; i++) {
        struct state_key made = key_of(i);
        made.bytes[0] = 7;
        gpointer cell = shards_add(shards, shard, &made, 1);
        ((struct number *)cell)->value = i;
        shards_changed(shards, shard, cell, "some text");
    }
    assert_in_range(shard->n_changes, 4500, 4800 * 3 / 2 + 65);
    guint n = 0, with = 0;
    for (struct change *change = shard->changes; change; change = change->next, n++)
        with += *change->text ? 1 : 0;
    assert_int_equal(n, shard->n_changes);
    assert_true(with <= CHANGES_WITH_TEXT);
    g_mutex_unlock(&shard->lock);
    shards_free(&shards);
}

/* A text is cut between characters. */
static void
long_text(void **state G_GNUC_UNUSED)
{
    struct shards *shards = shards_new(sizeof(struct number), 100, by_value, NULL);
    struct state_key key = key_of(1);
    struct shard *shard = shards_lock(shards, &key);
    gpointer cell = shards_add(shards, shard, &key, 1);
    g_autoptr(GString) text = g_string_new("x");
    for (guint i = 0; i < 400; i++)
        g_string_append(text, "\xe9\x83\xb5"); /* 郵 */
    shards_changed(shards, shard, cell, text->str);
    assert_int_equal(strlen(shard->changes->text), 1 + 255 * 3);
    assert_true(g_utf8_validate(shard->changes->text, -1, NULL));
    g_mutex_unlock(&shard->lock);
    shards_free(&shards);
}

/* ---- threads ---- */

static gpointer
work(gpointer data)
{
    struct shards *shards = data;
    GRand *random = g_rand_new_with_seed(GPOINTER_TO_UINT(g_thread_self()));
    for (guint i = 0; i < 60000; i++) {
        guint n = (guint)g_rand_int_range(random, 0, 20000);
        struct state_key key = key_of(n);
        struct shard *shard = shards_lock(shards, &key);
        struct number *number = shards_find(shards, shard, &key);
        if (!number) {
            number = shards_add(shards, shard, &key, 1);
            number->value = n;
        }
        g_assert_cmpint(number->value, ==, n);
        if (n % 7 == 0)
            shards_remove(shards, shard, number);
        else
            shards_changed(shards, shard, number, "text");
        gpointer cell;
        if (n % 5 == 0)
            g_free(shards_take_change(shards, shard, &cell));
        g_mutex_unlock(&shard->lock);
        if (i % 1000 == 0)
            shards_sweep(shards, n % SHARDS, is_even, NULL);
    }
    g_rand_free(random);
    return NULL;
}

static void
threads(void **state G_GNUC_UNUSED)
{
    struct shards *shards = shards_new(sizeof(struct number), 15000, by_value, NULL);
    GThread *thread[4];
    for (guint i = 0; i < 4; i++)
        thread[i] = g_thread_new("work", work, shards);
    for (guint i = 0; i < 4; i++)
        g_thread_join(thread[i]);
    gint64 n = 0, listed = 0;
    for (guint i = 0; i < SHARDS; i++) {
        for (guint p = 0; p < SHARD_PIECES; p++)
            n += shards->shard[i].pieces[p].used;
        listed += shards->shard[i].n_changes;
    }
    assert_int_equal(n, shards_count(&shards->n));
    assert_int_equal(listed, shards_count(&shards->dirty));
    shards_free(&shards);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(find_and_remove), cmocka_unit_test(order),           cmocka_unit_test(full),
        cmocka_unit_test(changes),         cmocka_unit_test(changes_bounded), cmocka_unit_test(long_text),
        cmocka_unit_test(threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
