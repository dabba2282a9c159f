/* test_index.c: adding and finding: words, fields, owners, dates, pages, months, late addresses. */
#include "tests/unit/index/fixture.h"
#include <glib/gstdio.h>

static const guint64 base = (guint64)JAN_2024_MS << 20;

static void
chinese_and_latin(void **state)
{
    struct fixture *f = *state;

    add(f, base + 1, "上海公司的軟體", "我們用的軟體很好。Budget café");
    add(f, base + 2, "软体", "本公司的软件");
    add(f, base + 3, "plain", "The annual report of the company");
    commit(f, 1);
    finds(f, "软体", base, "2 1");
    finds(f, "軟體", base, "2 1");
    finds(f, "\"軟體\"", base, "1");
    finds(f, "\"软体\"", base, "2");
    finds(f, "上海公司", base, "1");
    finds(f, "公司", base, "2 1");
    finds(f, "司", base, "2 1");
    finds(f, "件", base, "2");
    finds(f, "體", base, "2 1");
    finds(f, "\"體\"", base, "1");
    finds(f, "海司", base, "");
    finds(f, "CAFE", base, "1");
    finds(f, "ｂｕｄｇｅｔ", base, "1");
    finds(f, "\"annual report\"", base, "3");
    finds(f, "\"report annual\"", base, "");
    finds(f, "report annual", base, "3");
    finds(f, "annual OR 软体", base, "3 2 1");
    finds(f, "annual OR 软体 -budget", base, "3 2");
    finds(f, "-budget", base, "3 2");
    finds(f, "ann*", base, "3");
    finds(f, "", base, "3 2 1");
    finds(f, "subject:软体", base, "2 1");
    finds(f, "body:软体", base, "1");
    finds(f, "subject:(plain OR 上海)", base, "3 1");
    finds(f, "subject:report", base, "");
    finds(f, "\"a", base, "at character 1: this quotation has no end; add the closing quotation mark");
    verifies(f);
}

static void
fields_and_owners(void **state)
{
    struct fixture *f = *state;
    struct index_address one[] = {{INDEX_FROM, TRUE, "ann@example.test"}, {INDEX_TO, FALSE, "bob@mail.example"},
                                  {INDEX_RCPT, TRUE, "bob@mail.example"}, {INDEX_RCPT, TRUE, "blind@example.test"}};
    struct index_address two[] = {{INDEX_FROM, FALSE, "out@elsewhere.test"}, {INDEX_TO, FALSE, "list@example.test"},
                                  {INDEX_RCPT, TRUE, "ann@example.test"}};
    struct index_document first = {.id = base + 1, .subject = "hello", .body = "\001* \001a words", .from = "Ann 王小明",
                                   .to = "Bob", .attachments = "plan-2024.pdf\n合約.docx", .has_attachment = TRUE,
                                   .addresses = one, .n_addresses = 4};
    struct index_document second = {.id = base + 2, .subject = "hello again", .from = "Out", .to = "List",
                                    .addresses = two, .n_addresses = 3};
    g_autoptr(GError) error = NULL;

    must(index_add(f->index, &first, &error), error);
    must(index_add(f->index, &second, &error), error);
    commit(f, 1);
    finds(f, "from:ann@example.test", base, "1");
    finds(f, "from:Ann@Example.TEST", base, "1");
    finds(f, "to:ann@example.test", base, "2");
    finds(f, "from:@example.test", base, "1");
    finds(f, "to:example.test", base, "2 1");
    finds(f, "to:blind@example.test", base, "1");
    finds_as(f, "to:blind@example.test", "ann@example.test", base, "1"); /* who sent it knows */
    finds_as(f, "to:blind@example.test", "blind@example.test", base, "1");
    finds_as(f, "to:blind@example.test", "bob@mail.example", base, "");
    finds_as(f, "-to:blind@example.test", "bob@mail.example", base, "1");
    finds_as(f, "to:@example.test", "bob@mail.example", base, "");
    finds_as(f, "to:bob@mail.example", "blind@example.test", base, "1");
    finds(f, "from:ann", base, "1");
    finds(f, "from:王小明", base, "1");
    finds(f, "to:bob hello", base, "1");
    finds(f, "attachment:plan", base, "1");
    finds(f, "attachment:合約", base, "1");
    finds(f, "has:attachment", base, "1");
    finds(f, "hello -has:attachment", base, "2");
    finds(f, "-from:ann@example.test", base, "2");
    finds_as(f, "hello", "ann@example.test", base, "2 1");
    finds_as(f, "hello", "bob@mail.example", base, "1");
    finds_as(f, "", "bob@mail.example", base, "1");
    finds_as(f, "-again", "ann@example.test", base, "1");
    finds_as(f, "hello", "list@example.test", base, ""); /* in a header only: no owner */
    finds_as(f, "hello", "nobody@example.test", base, "");
    finds_as(f, "hello", "", base, "");
    verifies(f);
}

static void
late_addresses(void **state)
{
    struct fixture *f = *state;
    struct index_address ann[] = {{INDEX_FROM, TRUE, "ann@example.test"}};
    struct index_address bob[] = {{INDEX_RCPT, TRUE, "bob@example.test"}, {INDEX_FROM, TRUE, "ann@example.test"}};
    struct index_address eve[] = {{INDEX_RCPT, TRUE, "eve@example.test"}};
    g_autoptr(GError) error = NULL;

    for (guint i = 1; i <= 200; i++) {
        struct index_document d = {.id = base + i, .subject = i % 2 ? "odd" : "even", .addresses = i % 10 == 0 ? ann : NULL,
                                   .n_addresses = i % 10 == 0};
        must(index_add(f->index, &d, &error), error);
    }
    /* in the same batch as the row, in a later one, again, and for an id that isn't there */
    must(index_add_addresses(f->index, base + 50, bob, 2, &error), error);
    commit(f, 1);
    must(index_add_addresses(f->index, base + 7, bob, 2, &error), error);
    must(index_add_addresses(f->index, base + 7, bob, 2, &error), error);
    must(index_add_addresses(f->index, base + 9, eve, 1, &error), error);
    must(index_add_addresses(f->index, base + 7777, eve, 1, &error), error);
    must(index_add_addresses(f->index, base + ((guint64)(400 * DAY_MS) << 20), eve, 1, &error), error);
    commit(f, 2);
    finds_as(f, "", "bob@example.test", base, "50 7");
    finds_as(f, "odd", "bob@example.test", base, "7");
    finds_as(f, "-odd", "bob@example.test", base, "50");
    finds_as(f, "odd", "eve@example.test", base, "9");
    finds_as(f, "odd", "ann@example.test", base, "7");
    finds_as(f, "even before:2024-02", "ann@example.test", base,
             "200 190 180 170 160 150 140 130 120 110 100 90 80 70 60 50 40 30 20 10");
    finds(f, "to:bob@example.test", base, "50 7");
    finds(f, "to:bob@example.test from:ann@example.test", base, "50 7");
    finds(f, "to:bob@example.test OR to:eve@example.test", base, "50 9 7");
    finds(f, "from:ann@example.test -to:bob@example.test before:2024-01-02", base,
          "200 190 180 170 160 150 140 130 120 110 100 90 80 70 60 40 30 20 10");
    finds(f, "to:@example.test odd", base, "9 7");
    finds_as(f, "to:bob@example.test", "ann@example.test", base, "50 7");
    finds_as(f, "to:bob@example.test", "eve@example.test", base, "");
    /* pages that end between the two sources */
    g_autofree char *page = find(f, "from:ann@example.test", NULL, base + 20, 2, base);
    assert_string_equal(page, "10 7");
    g_autofree char *full = find(f, "from:ann@example.test", NULL, base + 31, 3, base);
    assert_string_equal(full, "30 20 10+");
    verifies(f);
}

static void
pages(void **state)
{
    struct fixture *f = *state;
    guint64 before = 0;
    guint seen = 0;

    /* three months */
    for (guint i = 0; i < 90; i++)
        add(f, id_at(JAN_2024_MS + i * DAY_MS, i), "page", i % 3 ? "x" : "third");
    commit(f, 1);
    for (;;) {
        struct index_hits hits;
        g_autoptr(GError) error = NULL;
        must(index_search(f->index, "page", NULL, before, 7, 0, &hits, &error), error);
        for (guint i = 0; i < hits.ids->len; i++)
            assert_int_equal(g_array_index(hits.ids, guint64, i) & 0xfffff, 89 - seen++);
        gboolean more = hits.more;
        if (more)
            before = g_array_index(hits.ids, guint64, hits.ids->len - 1);
        assert_int_equal(more, seen < 90);
        index_hits_clear(&hits);
        if (!more)
            break;
    }
    assert_int_equal(seen, 90);
    struct index_hits exact;
    g_autoptr(GError) error = NULL;
    must(index_search(f->index, "third", NULL, 0, 30, 0, &exact, &error), error);
    assert_int_equal(exact.ids->len, 30);
    assert_false(exact.more);
    index_hits_clear(&exact);
}

static void
dates_and_months(void **state)
{
    struct fixture *f = *state;

    for (guint i = 0; i < 120; i++)
        add(f, id_at(JAN_2024_MS + i * DAY_MS, i), "day", NULL);
    commit(f, 1);
    g_autofree char *march = g_build_filename(f->dir, "default-202403.fts", NULL);
    assert_true(g_file_test(march, G_FILE_TEST_EXISTS));
    struct index_hits hits;
    g_autoptr(GError) error = NULL;
    must(index_search(f->index, "day after:2024-02-01 before:2024-03", NULL, 0, 100, 0, &hits, &error), error);
    assert_int_equal(hits.ids->len, 29);
    assert_int_equal(g_array_index(hits.ids, guint64, 0) & 0xfffff, 59);
    assert_int_equal(g_array_index(hits.ids, guint64, 28) & 0xfffff, 31);
    index_hits_clear(&hits);
    must(index_search(f->index, "after:2024-04-29", NULL, 0, 100, 0, &hits, &error), error);
    assert_int_equal(hits.ids->len, 1);
    index_hits_clear(&hits);
    finds(f, "after:2025", 0, "");
    finds(f, "before:2024", 0, "");
    finds(f, "after:2024-03 before:2024-03", 0, "");
    finds(f, "after:9999", 0, "");
    g_autofree char *first = find(f, "day before:9999 before:2024-01-02", NULL, 0, 10, id_at(JAN_2024_MS, 0));
    assert_string_equal(first, "0");
    /* days begin in the server's time zone */
    g_setenv("TZ", "Asia/Taipei", TRUE);
    must(index_search(f->index, "after:2024-04-29", NULL, 0, 100, 0, &hits, &error), error);
    assert_int_equal(hits.ids->len, 1);
    index_hits_clear(&hits);
    must(index_search(f->index, "before:2024-04-30 after:2024-04-29", NULL, 0, 100, 0, &hits, &error), error);
    assert_int_equal(hits.ids->len, 1); /* 29 April 00:00 UTC is 08:00 there */
    index_hits_clear(&hits);
    g_setenv("TZ", "UTC", TRUE);
}

static void
the_same_again_and_out_of_order(void **state)
{
    struct fixture *f = *state;

    add(f, base + 5, "five", NULL);
    add(f, base + 5, "other", NULL);
    add(f, base + 3, "three five", NULL);
    commit(f, 1);
    add(f, base + 5, "other", NULL);
    commit(f, 2);
    finds(f, "other", base, "");
    finds(f, "five", base, "3 5"); /* by arrival */
    g_autofree char *next = find(f, "five", NULL, base + 3, 10, base);
    assert_string_equal(next, "5");
    verifies(f);
}

static void
optimise_closed_months(void **state)
{
    struct fixture *f = *state;
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < 600; i++) {
        g_autofree char *body = g_strdup_printf("common number%u 字%u公司", i, i % 7);
        add(f, id_at(JAN_2024_MS + (i / 200) * 31 * DAY_MS, i), "s", body);
        if (i % 50 == 49)
            commit(f, (guint8)(i / 50 + 1));
    }
    /* in small steps, with a batch between two of them */
    guint steps = 0;
    int rc;
    while ((rc = index_optimise(f->index, 0, &error)) == 1 && steps++ < 100)
        if (steps == 1) {
            add(f, id_at(JAN_2024_MS + 61 * DAY_MS, 999), "s", "between");
            commit(f, 99);
        }
    must(rc == 0, error);
    struct index_hits hits;
    must(index_search(f->index, "common 公司", NULL, 0, 1000, 0, &hits, &error), error);
    assert_int_equal(hits.ids->len, 600);
    index_hits_clear(&hits);
    g_autofree char *one = find(f, "number77", NULL, 0, 10, id_at(JAN_2024_MS, 0));
    assert_string_equal(one, "77");
    verifies(f);
}

static void
time_budget(void **state)
{
    struct fixture *f = *state;
    g_autoptr(GError) error = NULL;
    struct index_hits hits;

    g_autoptr(GString) body = g_string_new(NULL);
    for (guint i = 0; i < 2000; i++) {
        g_string_printf(body, "w%u x%u common%u", i, i * 7, i);
        add(f, base + i, NULL, body->str);
    }
    commit(f, 1);
    /* Prefixes make FTS5 read every list; a millisecond isn't enough for all of them. */
    gboolean ok = index_search(f->index, "co* common1* -common2* -comm*", NULL, 0, 100, 1, &hits, &error);
    assert_false(ok);
    assert_true(g_error_matches(error, INDEX_ERROR, INDEX_ERROR_TIME));
    assert_true(hits.more);
    index_hits_clear(&hits);
    finds(f, "common17 w17", base, "17"); /* the connection is fit for use again */
}

static gpointer
search_on(gpointer data)
{
    struct fixture *f = data;
    guint found = 0;

    for (guint i = 0; i < 60; i++) {
        struct index_hits hits;
        if (!index_search(f->index, "common 公司", NULL, 0, 1000, 0, &hits, NULL))
            return GINT_TO_POINTER(1);
        if (hits.ids->len < found)
            return GINT_TO_POINTER(2); /* rows never vanish */
        found = hits.ids->len;
        index_hits_clear(&hits);
    }
    return NULL;
}

static void
readers_beside_the_writer(void **state)
{
    struct fixture *f = *state;
    GThread *threads[3];

    add(f, base, "公司", "common");
    commit(f, 1);
    for (guint i = 0; i < 3; i++)
        threads[i] = g_thread_new("search", search_on, f);
    for (guint i = 1; i < 400; i++) {
        add(f, base + i, "公司", "common words");
        if (i % 20 == 0)
            commit(f, 2);
    }
    commit(f, 3);
    for (guint i = 0; i < 3; i++)
        assert_null(g_thread_join(threads[i]));
    verifies(f);
}

int
main(void)
{
#define IT(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        IT(chinese_and_latin), IT(fields_and_owners),       IT(late_addresses),
        IT(pages),             IT(dates_and_months),        IT(the_same_again_and_out_of_order),
        IT(time_budget),       IT(readers_beside_the_writer), IT(optimise_closed_months),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
