/* Request bodies: what is taken, with which defaults, and what is refused. */
#include "tests/unit/server/test.h"
#include "archive-store/server/request.h"

static struct request *
parse(guint8 type, const char *text)
{
    return request_parse(type, text, strlen(text), NULL);
}

static void
refuse(guint8 type, const char *text)
{
    g_autoptr(GError) error = NULL;
    struct request *request = request_parse(type, text, strlen(text), &error);

    if (request)
        fail_msg("taken: %s", text);
    assert_true(g_error_matches(error, REQUEST_ERROR, REQUEST_ERROR_BAD));
    assert_true(*error->message);
}

static void
test_search(void **state)
{
    struct request *request = parse(ARCHIVE_SEARCH, "{\"query\":\"\xe6\x9c\x83\xe8\xad\xb0\"}");

    (void)state;
    assert_non_null(request);
    assert_string_equal(request->query, "會議");
    assert_int_equal(request->limit, 20);
    assert_true(request->snippets);
    assert_null(request->mailbox);
    assert_int_equal(request->before, 0);
    request_free(&request);
    request = parse(ARCHIVE_SEARCH, "{\"query\":\"a\",\"limit\":1000,\"snippets\":false,\"mailbox\":\"a@b\","
                                    "\"before\":null}");
    assert_non_null(request);
    assert_int_equal(request->limit, 1000);
    assert_false(request->snippets);
    assert_string_equal(request->mailbox, "a@b");
    request_free(&request);
    refuse(ARCHIVE_SEARCH, "{\"query\":1}");
    refuse(ARCHIVE_SEARCH, "{\"limit\":0}");
    refuse(ARCHIVE_SEARCH, "{\"limit\":1001}");
    refuse(ARCHIVE_SEARCH, "{\"limit\":\"5\"}");
    refuse(ARCHIVE_SEARCH, "{\"snippets\":1}");
    refuse(ARCHIVE_SEARCH, "{\"before\":\"not an id!\"}");
    refuse(ARCHIVE_SEARCH, "{\"mailbox\":\"\"}");
    refuse(ARCHIVE_SEARCH, "{\"mailboxes\":\"a@b\"}"); /* misspelt: must not mean everything */
    refuse(ARCHIVE_SEARCH, "{\"query\":\"a\\u0000b\"}");
    g_autofree char *filler = g_strnfill(REQUEST_QUERY_MAX + 1, 'a');
    g_autofree char *query = g_strdup_printf("{\"query\":\"%s\"}", filler);
    refuse(ARCHIVE_SEARCH, query);
}

static void
test_others(void **state)
{
    struct request *request = parse(ARCHIVE_RECONCILE, "{\"queue_ids\":[{\"id\":\"A1\",\"time\":5},{\"id\":\"B\",\"time\":-1}]}");

    (void)state;
    assert_non_null(request);
    assert_int_equal(request->queue_ids->len, 2);
    assert_string_equal(g_array_index(request->queue_ids, struct request_queue_id, 0).id, "A1");
    assert_false(request->add);
    request_free(&request);
    request = parse(ARCHIVE_STATUS, "");
    assert_non_null(request);
    request_free(&request);
    refuse(ARCHIVE_RECONCILE, "{}");
    refuse(ARCHIVE_RECONCILE, "{\"queue_ids\":[1]}");
    refuse(ARCHIVE_RECONCILE, "{\"queue_ids\":[{\"id\":\"A1\"}]}");
    refuse(ARCHIVE_RECONCILE, "{\"queue_ids\":[{\"id\":\"A1\",\"time\":5},{\"time\":5}]}");
    refuse(ARCHIVE_FETCH, "{}");
    refuse(ARCHIVE_FETCH, "{\"id\":5}");
    refuse(ARCHIVE_STATUS, "{\"x\":1}");
    refuse(ARCHIVE_STATUS, "[]");
    refuse(ARCHIVE_STATUS, "{");
    refuse(ARCHIVE_STATUS, "{\"a\":1,\"a\":2}");
    refuse(ARCHIVE_STATUS, "\xff");
    refuse(ARCHIVE_INGEST, "{}");
    refuse(99, "{}");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_search), cmocka_unit_test(test_others)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
