/* test_catalogue.c: the catalogue on both engines: what goes in comes out, repeating changes nothing, odd values fit. */
#include "archive-store/server/catalogue.h"
#include "archive-store/server/catalogue_private.h"
#include "tests/support/sqltest.h"
#include <string.h>

/* An id as the store makes them: ms << 20 | sequence. */
static guint64
id_of(guint n)
{
    return (G_GUINT64_CONSTANT(1790000000000) + n) << 20 | n;
}

static struct catalogue *
open_catalogue(const struct sqltest *test)
{
    if (test->mariadb) {
        struct sql *sql = sqltest_open(test);
        g_autoptr(GError) error = NULL;
        assert_true(sql_migrate(sql, "catalogue", NULL, &error));
        sql_close(&sql);
    }
    return catalogue_new(&test->options);
}

static void
set(char **field, const char *value)
{
    g_free(*field);
    *field = g_strdup(value);
}

static struct capture *
capture_of(const char *sender, const char *queue_id)
{
    struct capture *capture = capture_new();
    capture->received_us = G_GINT64_CONSTANT(1790000000123456);
    set(&capture->instance, "inbound");
    set(&capture->client_name, "mx.example.org");
    set(&capture->client_address, "192.0.2.7");
    set(&capture->helo, "mx.example.org");
    set(&capture->mail_from, sender);
    set(&capture->queue_id, queue_id);
    return capture;
}

/* Adds a recipient that expands to the NULL-terminated mailboxes. */
static void
to(struct capture *capture, const char *original, enum capture_expansion state, const char *const *mailboxes)
{
    struct capture_recipient *recipient = capture_add_recipient(capture, original);
    recipient->expansion = state;
    g_strfreev(recipient->mailboxes);
    recipient->mailboxes = g_strdupv((char **)mailboxes);
}
#define STRV(...) ((char **)(const char *[]){__VA_ARGS__, NULL})
#define BOXES(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static int
add(struct catalogue *catalogue, guint64 id, guint64 event, const struct capture *capture, const char *subject,
    const char *message_id)
{
    g_autoptr(GError) error = NULL;
    struct catalogue_message message = {.size = 7100, .subject = subject, .from = "Anna Ångström <anna@example.org>",
                                        .message_id = message_id, .date = 1790000000, .attachments = 2};
    int result = catalogue_add(catalogue, id, event, capture, id == event ? &message : NULL, &error);
    if (result < 0)
        fail_msg("%s", error->message);
    return result;
}

static void
commit(struct catalogue *catalogue, guint8 mark)
{
    guint8 position[CATALOGUE_POSITION] = {mark, 0, 0xff, 0};
    g_autoptr(GError) error = NULL;
    if (!catalogue_commit(catalogue, position, &error))
        fail_msg("%s", error->message);
}

static void
rows(const struct sqltest *test)
{
    struct catalogue *catalogue = open_catalogue(test);
    g_autoptr(GError) error = NULL;
    guint8 position[CATALOGUE_POSITION];
    assert_true(catalogue_position(catalogue, position, &error));
    assert_int_equal(position[0] | position[15], 0);
    assert_true(catalogue_check(catalogue, &error));

    struct capture *capture = capture_of("anna@example.org", "4ABCDE");
    to(capture, "Team@example.net", CAPTURE_EXPANDED, BOXES("bob@example.net", "carol@example.net"));
    to(capture, "dora@example.net", CAPTURE_EXPANDED, BOXES("dora@example.net"));
    to(capture, "nobody@example.net", CAPTURE_EXPANDED, BOXES());
    assert_int_equal(add(catalogue, id_of(1), id_of(1), capture, "上海公司 😀", "<a1@example.org>"), 1);
    struct catalogue_row row;
    assert_int_equal(catalogue_get_row(catalogue, id_of(1), &row, &error), 0); /* not committed yet */
    commit(catalogue, 1);

    assert_int_equal(catalogue_get_row(catalogue, id_of(1), &row, &error), 1);
    assert_true(row.id == id_of(1));
    assert_int_equal(row.size, 7100);
    assert_true(row.received_ms == G_GINT64_CONSTANT(1790000000123));
    assert_int_equal(row.date, 1790000000);
    assert_int_equal(row.attachments, 2);
    assert_string_equal(row.subject, "上海公司 😀");
    assert_string_equal(row.from, "Anna Ångström <anna@example.org>");
    assert_int_equal(g_strv_length(row.recipients), 3);
    assert_true(g_strv_contains((const char *const *)row.recipients, "Team@example.net"));
    assert_true(g_strv_contains((const char *const *)row.recipients, "dora@example.net"));
    catalogue_row_clear(&row);
    assert_int_equal(catalogue_get_row(catalogue, id_of(2), &row, &error), 0);

    assert_true(catalogue_position(catalogue, position, &error));
    assert_int_equal(position[0], 1);
    assert_int_equal(position[2], 0xff);

    g_autoptr(GPtrArray) events = catalogue_events(catalogue, id_of(1), &error);
    assert_int_equal(events->len, 1);
    struct catalogue_event *event = events->pdata[0];
    assert_string_equal(event->client_name, "mx.example.org");
    assert_string_equal(event->client_address, "192.0.2.7");
    assert_string_equal(event->queue_id, "4ABCDE");
    assert_string_equal(event->mail_from, "anna@example.org");
    assert_string_equal(event->auth_user, "");
    assert_int_equal(event->verdict, VERDICT_ACCEPT);
    assert_int_equal(event->recipients->len, 3);
    struct catalogue_recipient *recipient = event->recipients->pdata[0];
    assert_string_equal(recipient->original, "Team@example.net");
    assert_int_equal(g_strv_length(recipient->mailboxes), 2);
    assert_string_equal(recipient->mailboxes[1], "carol@example.net");
    recipient = event->recipients->pdata[1];
    assert_string_equal(recipient->original, "dora@example.net");
    assert_string_equal(recipient->mailboxes[0], "dora@example.net");
    recipient = event->recipients->pdata[2];
    assert_string_equal(recipient->original, "nobody@example.net");
    assert_null(recipient->mailboxes[0]);
    capture_free(&capture);
    catalogue_free(&catalogue);
}

static guint
count_events(struct catalogue *catalogue, guint64 id)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) events = catalogue_events(catalogue, id, &error);
    assert_non_null(events);
    return events->len;
}

static void
replay(const struct sqltest *test)
{
    struct catalogue *catalogue = open_catalogue(test);
    g_autoptr(GError) error = NULL;
    struct capture *first = capture_of("a@example.org", "Q1"), *other = capture_of("list@example.org", "Q2");
    to(first, "bob@example.net", CAPTURE_PENDING, BOXES());
    to(other, "carol@example.net", CAPTURE_EXPANDED, BOXES("carol@example.net"));
    for (int round = 0; round < 3; round++) {
        int want = round == 0;
        assert_int_equal(add(catalogue, id_of(1), id_of(1), first, "one", "m1"), want);
        assert_int_equal(add(catalogue, id_of(1), id_of(2), other, NULL, NULL), want);
        assert_int_equal(add(catalogue, id_of(1), id_of(3), first, NULL, NULL), want);
        if (round == 0) /* what a late expansion made must survive a replay of the event before it */
            assert_int_equal(catalogue_expand(catalogue, id_of(1), 0, STRV("real@example.net"), &error), 1);
        commit(catalogue, (guint8)round);
        g_autoptr(GPtrArray) events = catalogue_events(catalogue, id_of(1), &error);
        assert_int_equal(events->len, 3);
        struct catalogue_event *event[3] = {events->pdata[0], events->pdata[1], events->pdata[2]};
        struct catalogue_recipient *recipient = event[0]->recipients->pdata[0];
        assert_string_equal(recipient->mailboxes[0], "real@example.net");
        assert_int_equal(recipient->expansion, CAPTURE_EXPANDED);
        assert_false(event[0]->again);
        assert_false(event[1]->again); /* another sender and recipient */
        assert_true(event[2]->again);
    }
    capture_free(&first);
    capture_free(&other);
    catalogue_free(&catalogue);
}

/* An abandoned batch leaves nothing, also not in the cache of words. */
static void
abandoned(const struct sqltest *test)
{
    struct catalogue *catalogue = open_catalogue(test);
    g_autoptr(GError) error = NULL;
    struct capture *capture = capture_of("a@example.org", "Q1");
    to(capture, "bob@example.net", CAPTURE_EXPANDED, BOXES("bob@example.net"));
    add(catalogue, id_of(1), id_of(1), capture, "one", "m1");
    catalogue_abandon(catalogue);
    catalogue_abandon(catalogue);
    assert_int_equal(count_events(catalogue, id_of(1)), 0);
    assert_int_equal(add(catalogue, id_of(1), id_of(1), capture, "one", "m1"), 1);
    commit(catalogue, 1);
    g_autoptr(GPtrArray) events = catalogue_events(catalogue, id_of(1), &error);
    struct catalogue_event *event = events->pdata[0];
    assert_string_equal(event->mail_from, "a@example.org");
    capture_free(&capture);
    catalogue_free(&catalogue);
}

static void
lookups(const struct sqltest *test)
{
    struct catalogue *catalogue = open_catalogue(test);
    g_autoptr(GError) error = NULL;
    for (guint n = 1; n <= 5; n++) {
        g_autofree char *queue_id = g_strdup_printf("Q%u", n);
        struct capture *capture = capture_of("sender@example.org", queue_id);
        capture->source = CAPTURE_SUBMISSION;
        set(&capture->auth_user, "Sender@Example.org");
        to(capture, "bob@example.net", CAPTURE_EXPANDED, BOXES("bob@example.net"));
        to(capture, "all@example.net", CAPTURE_EXPANDED, BOXES("bob@example.net", n == 3 ? "eve@example.net" : "x@y"));
        add(catalogue, id_of(n), id_of(n), capture, "s", n < 3 ? "<same@id>" : NULL);
        capture_free(&capture);
    }
    commit(catalogue, 1);

    gint64 now = G_GINT64_CONSTANT(1790000000123), day = 24 * 3600 * G_GINT64_CONSTANT(1000);
    struct catalogue_queue_id queue_ids[] = {
        {"Q1", now, 7, 7}, {"Q9", now, 7, 7}, {"Q2", now + day, 0, 0}, {"Q3", now + 3 * day, 0, 0}, {"q1", now, 0, 0},
        {"' OR 1=1 --", now, 0, 0},
    };
    assert_true(catalogue_find_queue_ids(catalogue, queue_ids, G_N_ELEMENTS(queue_ids), &error));
    assert_true(queue_ids[0].event == id_of(1) && queue_ids[0].id == id_of(1));
    assert_true(queue_ids[1].event == 0);
    assert_true(queue_ids[2].event == id_of(2));
    assert_true(queue_ids[3].event == 0); /* the same queue id, but long ago */
    assert_true(queue_ids[4].event == 0);
    assert_true(queue_ids[5].event == 0);

    g_autoptr(GArray) ids = catalogue_find_message_id(catalogue, "same@id", 10, &error);
    assert_int_equal(ids->len, 2);
    assert_true(g_array_index(ids, guint64, 0) == id_of(2));
    g_autoptr(GArray) none = catalogue_find_message_id(catalogue, "", 10, &error);
    assert_int_equal(none->len, 0);

    g_autoptr(GArray) bob = catalogue_mailbox(catalogue, "bob@example.net", id_of(5), 2, &error);
    assert_int_equal(bob->len, 2); /* each event once, though two recipients lead to him */
    assert_true(g_array_index(bob, struct catalogue_delivery, 0).id == id_of(4));
    assert_true(g_array_index(bob, struct catalogue_delivery, 1).id == id_of(3));
    g_autoptr(GArray) stranger = catalogue_mailbox(catalogue, "stranger@example.net", G_MAXINT64, 2, &error);
    assert_int_equal(stranger->len, 0);

    assert_int_equal(catalogue_concerns(catalogue, id_of(3), "eve@example.net", &error), 1);
    assert_int_equal(catalogue_concerns(catalogue, id_of(2), "eve@example.net", &error), 0);
    assert_int_equal(catalogue_concerns(catalogue, id_of(2), "sender@example.org", &error), 1);
    assert_int_equal(catalogue_concerns(catalogue, id_of(2), "all@example.net", &error), 0); /* not a mailbox */
    assert_int_equal(catalogue_concerns(catalogue, id_of(2), "", &error), 0);
    assert_int_equal(catalogue_concerns(catalogue, id_of(9), "bob@example.net", &error), 0);
    catalogue_free(&catalogue);
}

static void
pending(const struct sqltest *test)
{
    struct catalogue *catalogue = open_catalogue(test);
    g_autoptr(GError) error = NULL;
    for (guint n = 1; n <= 3; n++) {
        struct capture *capture = capture_of("", "Q");
        to(capture, "known@example.net", CAPTURE_EXPANDED, BOXES("known@example.net"));
        to(capture, "p1@example.net", CAPTURE_PENDING, BOXES());
        to(capture, "p2@example.net", CAPTURE_PENDING, BOXES("p2@example.net"));
        add(catalogue, id_of(n), id_of(n), capture, "s", NULL);
        capture_free(&capture);
    }
    commit(catalogue, 1);
    g_autoptr(GPtrArray) list = catalogue_pending(catalogue, 0, 0, 4, &error);
    assert_int_equal(list->len, 4);
    struct catalogue_pending *last = list->pdata[3];
    assert_true(last->event == id_of(2));
    assert_int_equal(last->recipient, 2);
    assert_string_equal(last->original, "p2@example.net");
    g_autoptr(GPtrArray) rest = catalogue_pending(catalogue, last->event, last->recipient, 4, &error);
    assert_int_equal(rest->len, 2);

    assert_int_equal(catalogue_expand(catalogue, id_of(1), 1, STRV("a@x", "b@x"), &error), 1);
    assert_int_equal(catalogue_expand(catalogue, id_of(1), 1, STRV("a@x", "c@x"), &error), 1); /* again */
    assert_int_equal(catalogue_expand(catalogue, id_of(1), 9, STRV("a@x"), &error), 0);
    assert_int_equal(catalogue_expand(catalogue, id_of(8), 0, STRV("a@x"), &error), 0);
    commit(catalogue, 2);
    g_autoptr(GPtrArray) fewer = catalogue_pending(catalogue, 0, 0, 100, &error);
    assert_int_equal(fewer->len, 5);
    assert_int_equal(catalogue_concerns(catalogue, id_of(1), "c@x", &error), 1);
    assert_int_equal(catalogue_concerns(catalogue, id_of(1), "b@x", &error), 0);
    g_autoptr(GPtrArray) events = catalogue_events(catalogue, id_of(1), &error);
    struct catalogue_event *event = events->pdata[0];
    struct catalogue_recipient *recipient = event->recipients->pdata[1];
    assert_string_equal(recipient->original, "p1@example.net"); /* as given, also afterwards */
    assert_int_equal(g_strv_length(recipient->mailboxes), 2);
    catalogue_free(&catalogue);
}

/* Values from hostile mail: too long, not UTF-8, quotes, numbers out of range, no recipients at all. */
static void
hostile(const struct sqltest *test)
{
    struct catalogue *catalogue = open_catalogue(test);
    g_autoptr(GError) error = NULL;
    g_autofree char *huge = g_strnfill(100000, 'x');
    GString *chinese = g_string_new(NULL);
    for (int i = 0; i < 200; i++)
        g_string_append(chinese, "信");
    struct capture *capture = capture_of("\xff\xfe'; DROP TABLE event; --@x", huge);
    set(&capture->helo, huge);
    set(&capture->client_name, "");
    capture->received_us = G_MAXINT64;
    to(capture, huge, CAPTURE_EXPANDED, BOXES("\xc3\x28@x", huge));
    to(capture, "", CAPTURE_PENDING, BOXES());
    assert_int_equal(add(catalogue, id_of(1), id_of(1), capture, chinese->str, huge), 1);
    struct catalogue_message message = {.size = G_MAXINT64, .subject = "\xa4\xa4 bad", .date = G_MAXINT64,
                                        .attachments = G_MAXUINT};
    struct capture *nobody = capture_new();
    assert_int_equal(catalogue_add(catalogue, id_of(2), id_of(2), nobody, &message, &error), 1);
    assert_int_equal(add(catalogue, id_of(2), id_of(3), nobody, NULL, NULL), 1);
    commit(catalogue, 1);

    struct catalogue_row row;
    assert_int_equal(catalogue_get_row(catalogue, id_of(1), &row, &error), 1);
    assert_int_equal(strlen(row.subject), 255); /* 85 whole characters */
    assert_true(g_utf8_validate(row.subject, -1, NULL));
    catalogue_row_clear(&row);
    assert_int_equal(catalogue_get_row(catalogue, id_of(2), &row, &error), 1);
    assert_string_equal(row.subject, "\xef\xbf\xbd\xef\xbf\xbd bad");
    assert_int_equal(row.attachments, 65535);
    assert_string_equal(row.from, "");
    assert_int_equal(g_strv_length(row.recipients), 0);
    catalogue_row_clear(&row);
    assert_int_equal(count_events(catalogue, id_of(2)), 2);
    assert_int_equal(catalogue_concerns(catalogue, id_of(1), huge, &error), 1);
    /* Again, out of a fresh cache: the same words are found, not made a second time. */
    catalogue_free(&catalogue);
    catalogue = catalogue_new(&test->options);
    assert_int_equal(add(catalogue, id_of(4), id_of(4), capture, "x", NULL), 1);
    commit(catalogue, 2);
    capture_free(&capture);
    capture_free(&nobody);
    g_string_free(chinese, TRUE);
    catalogue_free(&catalogue);
}

static void
text_cut(void **state G_GNUC_UNUSED)
{
    static const struct {
        const char *text;
        gsize max;
        const char *want;
    } cases[] = {
        {"abc", 3, "abc"},       {"abcd", 3, "abc"},  {"信信", 6, "信信"},           {"信信", 5, "信"},
        {"信信", 2, ""},         {NULL, 5, ""},       {"a\xff", 10, "a\xef\xbf\xbd"}, {"\xff\xff", 4, ""},
        {"😀x", 4, "😀"},        {"a😀", 4, "a"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *got = catalogue_text(cases[i].text, cases[i].max);
        assert_string_equal(got, cases[i].want);
    }
    assert_true(catalogue_message_key("<a@b>") == catalogue_message_key(" a@b "));
    assert_true(catalogue_message_key("a@b") != catalogue_message_key("a@c"));
    assert_true(catalogue_message_key("a@b") > 0);
    assert_true(catalogue_message_key(NULL) == 0);
    assert_true(catalogue_message_key("<>") == 0);
}

/* A schema that isn't there (MariaDB) is said, with the command; SQLite makes it. */
static void
schema(const struct sqltest *test)
{
    struct catalogue *catalogue = catalogue_new(&test->options);
    g_autoptr(GError) error = NULL;
    struct catalogue_row row;
    int result = catalogue_get_row(catalogue, id_of(1), &row, &error);
    if (!test->mariadb) {
        assert_int_equal(result, 0);
    } else {
        assert_int_equal(result, -1);
        assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_SCHEMA));
        assert_non_null(strstr(error->message, "postern db init"));
        g_clear_error(&error);
        struct catalogue *other = open_catalogue(test); /* the admin ran it */
        catalogue_free(&other);
        assert_int_equal(catalogue_get_row(catalogue, id_of(1), &row, &error), 0);
    }
    catalogue_free(&catalogue);
}

static void
away(const struct sqltest *test)
{
    struct sql_options options = test->options;
    if (test->mariadb)
        options.database = "no_such_database";
    else
        options.path = "/nonexistent-directory/catalogue.db";
    struct catalogue *catalogue = catalogue_new(&options);
    struct capture *capture = capture_of("a@b", "Q");
    g_autoptr(GError) error = NULL;
    guint8 position[CATALOGUE_POSITION] = {0};
    assert_int_equal(catalogue_add(catalogue, 1, 1, capture, NULL, &error), -1);
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_AWAY));
    g_clear_error(&error);
    assert_false(catalogue_commit(catalogue, position, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_AWAY));
    g_clear_error(&error);
    assert_false(catalogue_position(catalogue, position, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_AWAY));
    g_clear_error(&error);
    assert_null(catalogue_events(catalogue, 1, &error));
    assert_true(g_error_matches(error, SQL_ERROR, SQL_ERROR_AWAY));
    catalogue_abandon(catalogue);
    capture_free(&capture);
    catalogue_free(&catalogue);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SQLTEST(rows),    SQLTEST(replay),  SQLTEST(abandoned), SQLTEST(lookups),
        SQLTEST(pending), SQLTEST(hostile), SQLTEST(schema),    SQLTEST(away),
        cmocka_unit_test(text_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
