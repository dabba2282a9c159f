/* test_spamd_reader.c: requests in pieces, refusals in spamd's words, compressed messages, replies by version. */
#include "tests/unit/spam/view_test.h"
#include <gio/gio.h>
#include "lib/spam/spamd/reply.h"

#define MAX_SIZE 1000

/* Feeds text in pieces of step bytes, then the end. */
static struct spamd_reader *
fed(const char *text, gsize length, gsize step, enum spamd_state *state_r)
{
    struct spamd_reader *reader = spamd_reader_new(MAX_SIZE);

    *state_r = SPAMD_MORE;
    for (gsize i = 0; i < length && *state_r == SPAMD_MORE; i += step)
        *state_r = spamd_reader_feed(reader, text + i, MIN(step, length - i));
    if (*state_r == SPAMD_MORE)
        *state_r = spamd_reader_end(reader);
    return reader;
}

static void
check_refusal(const char *text, const char *expected)
{
    for (gsize step = 1; step < 5000; step = step * 7 + 1) {
        enum spamd_state state;
        struct spamd_reader *reader = fed(text, strlen(text), step, &state);
        g_autofree char *line = g_strconcat("SPAMD/1.0 ", expected, "\r\n", NULL);

        assert_int_equal(state, SPAMD_REFUSED);
        assert_string_equal(spamd_reader_refusal(reader)->str, line);
        spamd_reader_free(&reader);
    }
}

static void
check_message(const char *text, enum spamd_method method, const char *message)
{
    for (gsize step = 1; step < 5000; step = step * 7 + 1) {
        enum spamd_state state;
        struct spamd_reader *reader = fed(text, strlen(text), step, &state);

        assert_int_equal(state, SPAMD_READY);
        assert_int_equal(spamd_reader_request(reader)->method, method);
        assert_string_equal(spamd_reader_request(reader)->message->str, message);
        spamd_reader_free(&reader);
    }
}

static void
requests(void **state)
{
    (void)state;
    check_message("CHECK SPAMC/1.5\r\nContent-length: 6\r\nUser: a\r\nFoo: bar\r\n\r\nS: x\n\n", SPAMD_CHECK, "S: x\n\n");
    check_message("REPORT_IFSPAM SPAMC/1.2\r\n\r\nall\nto the end", SPAMD_REPORT_IFSPAM, "all\nto the end");
    check_message("SYMBOLS SPAMC/1.0\nUser: no header here\n", SPAMD_SYMBOLS, "User: no header here\n"); /* old clients have none */
    check_message("PROCESS SPAMC/x\n", SPAMD_PROCESS, "");
    check_message("PING SPAMC/1.2", SPAMD_PING, "");
    check_message("PING SPAMC/1.5\r\n\r\n", SPAMD_PING, "");
    check_message("SKIP SPAMC/1.5\r\nUser: x\r\n\r\n", SPAMD_SKIP, "");
    check_message("HEADERS SPAMC/1.5\r\nContent-length:3\r\n\r\nabc", SPAMD_HEADERS, "abc");
    check_message("CHECK SPAMC/1.5\r\nContent-length: 0\r\n\r\n", SPAMD_CHECK, "");
    check_message("CHECK SPAMC/1.5\r\nContent-length: \r\n\r\n", SPAMD_CHECK, "");
    check_message("xCHECK SPAMC/1.5\r\ncontent-length: 99\r\n\r\na", SPAMD_CHECK, "a");
}

static void
user(void **state)
{
    enum spamd_state at;
    const char text[] = "CHECK SPAMC/1.5\r\nUser: \xc3\xa9 b \r\nContent-length: 2\r\n\r\nx\n";
    struct spamd_reader *reader = fed(text, strlen(text), 3, &at);

    (void)state;
    assert_int_equal(at, SPAMD_READY);
    assert_string_equal(spamd_reader_request(reader)->user, "\xc3\xa9 b ");
    assert_int_equal(spamd_reader_feed(reader, "more", 4), SPAMD_READY); /* nothing more is taken */
    spamd_reader_free(&reader);
}

static void
refusals(void **state)
{
    (void)state;
    check_refusal("", "76 Bad header line: (closed before headers)");
    check_refusal("FOO BAR\r\nx\n", "76 Bad header line: FOO BAR");
    check_refusal("check SPAMC/1.5\n", "76 Bad header line: check SPAMC/1.5");
    check_refusal("CHECK SPAMC/1.5\r\nUser: a\r\n", "76 Bad header line: (EOF during headers)");
    check_refusal("CHECK SPAMC/1.5\r\nUser: a\n\n", "76 Bad header line: (header not in 'Name: value' format)");
    check_refusal("CHECK SPAMC/1.5\r\nContent-length: 1x\r\n\r\n", "76 Bad header line: (Content-Length contains non-numeric bytes)");
    check_refusal("CHECK SPAMC/1.5\r\nContent-length: -1\r\n\r\n", "76 Bad header line: (Content-Length contains non-numeric bytes)");
    check_refusal("CHECK SPAMC/1.5\r\nUser: a\x01\r\n\r\n", "76 Bad header line: (User header contains control chars)");
    check_refusal("CHECK SPAMC/1.5\r\nCompress: gzip\r\n\r\n", "76 Bad header line: (compression type not supported: gzip)");
    check_refusal("CHECK SPAMC/1.5\r\nCompress: zlib\r\n\r\n", "69 Service Unavailable: Compress requires Content-length header");
    check_refusal("TELL SPAMC/1.5\r\nContent-length: 9\r\nSet: local\r\n\r\nx",
                  "69 Service Unavailable: TELL commands are not enabled, set the --allow-tell switch.");
    check_refusal("CHECK SPAMC/1.5\r\nContent-length: 9\r\n\r\nabc\n",
                  "76 Bad header line: (Content-Length mismatch: Expected 9 bytes, got 4 bytes)");
    check_refusal("CHECK SPAMC/1.5\r\nContent-length: 1001\r\n\r\n",
                  "69 Service Unavailable: message is over the limit of 1000 bytes");
    check_refusal("CHECK SPAMC/1.5\r\nContent-length: 99999999999999999999999999999999\r\n\r\n",
                  "69 Service Unavailable: message is over the limit of 1000 bytes");
    check_refusal("CHECK SPAMC/1.5\r\nCompress: zlib\r\nContent-length: 3\r\n\r\nabc",
                  "69 Service Unavailable: zlib: failed to find end of zlib stream\n");
    g_autofree char *word = g_strnfill(SPAMD_LINE_MAX + 1, 'x'), *big = g_strnfill(MAX_SIZE + 1, 'y');
    check_refusal(word, "76 Bad header line: (line too long)");
    g_autofree char *endless = g_strconcat("CHECK SPAMC/1.0\n", big, NULL);
    check_refusal(endless, "69 Service Unavailable: message is over the limit of 1000 bytes");
    g_autoptr(GString) many = g_string_new("CHECK SPAMC/1.5\r\n");
    for (int i = 0; i < SPAMD_HEADERS_MAX; i++)
        g_string_append(many, "A: b\r\n");
    check_refusal(many->str, "76 Bad header line: (too many headers)");
}

/* More than was promised, in the same piece: what spamd would have read is counted. */
static void
longer_than_promised(void **state)
{
    const char text[] = "CHECK SPAMC/1.5\r\nContent-length: 2\r\n\r\nabcd\nefg\n";
    enum spamd_state at;
    struct spamd_reader *reader = fed(text, strlen(text), 1000, &at);

    (void)state;
    assert_int_equal(at, SPAMD_REFUSED);
    assert_string_equal(spamd_reader_refusal(reader)->str,
                        "SPAMD/1.0 76 Bad header line: (Content-Length mismatch: Expected 2 bytes, got 5 bytes)\r\n");
    spamd_reader_free(&reader);
}

static GString *
compressed(const char *text, gsize length, const char *method)
{
    g_autoptr(GZlibCompressor) zlib = g_zlib_compressor_new(G_ZLIB_COMPRESSOR_FORMAT_ZLIB, 9);
    GString *request = g_string_new(NULL);
    g_autofree char *out = g_malloc(length + 1000);
    gsize used, made;

    assert_int_equal(g_converter_convert(G_CONVERTER(zlib), text, length, out, length + 1000, G_CONVERTER_INPUT_AT_END, &used, &made,
                                         NULL), G_CONVERTER_FINISHED);
    g_string_append_printf(request, "%s SPAMC/1.5\r\nCompress: zlib\r\nContent-length: %zu\r\n\r\n", method, made);
    return g_string_append_len(request, out, (gssize)made);
}

static void
compression(void **state)
{
    enum spamd_state at;
    g_autoptr(GString) good = compressed("a: b\n\nc\n\n", 9, "PROCESS");
    struct spamd_reader *reader = fed(good->str, good->len, 5, &at);

    (void)state;
    assert_int_equal(at, SPAMD_READY);
    assert_string_equal(spamd_reader_request(reader)->message->str, "a: b\n\nc\n\n");
    spamd_reader_free(&reader);
    /* A bomb stops at the limit, however much would follow. */
    g_autofree char *zeros = g_malloc0(900000);
    g_autoptr(GString) inner = compressed(zeros, 900000, "CHECK");
    assert_true(inner->len < MAX_SIZE + 100);
    reader = fed(inner->str, inner->len, 100, &at);
    assert_int_equal(at, SPAMD_REFUSED);
    assert_string_equal(spamd_reader_refusal(reader)->str, "SPAMD/1.0 69 Service Unavailable: message is over the limit of 1000 bytes\r\n");
    assert_true(spamd_reader_request(reader)->message->len < 200000);
    spamd_reader_free(&reader);
}

static void
check_reply(const char *request_text, gboolean is_spam, const char *text, const char *expected)
{
    enum spamd_state at;
    struct spamd_reader *reader = fed(request_text, strlen(request_text), 100, &at);
    struct spamd_verdict verdict = {.is_spam = is_spam, .score = g_strdup("5.3"), .required = g_strdup("5.0"),
                                    .text = text != NULL ? g_string_new(text) : NULL};
    g_autoptr(GString) reply = g_string_new(NULL);

    assert_int_equal(at, SPAMD_READY);
    spamd_reply(reply, spamd_reader_request(reader), &verdict);
    assert_string_equal(reply->str, expected);
    spamd_verdict_clear(&verdict);
    spamd_reader_free(&reader);
}

static void
replies(void **state)
{
    (void)state;
    check_reply("CHECK SPAMC/1.2\r\n\r\n", TRUE, NULL, "SPAMD/1.1 0 EX_OK\r\nSpam: True ; 5.3 / 5.0\r\n\r\n");
    check_reply("SYMBOLS SPAMC/1.2\r\n\r\n", FALSE, "A,B", "SPAMD/1.1 0 EX_OK\r\nSpam: False ; 5.3 / 5.0\r\n\r\nA,B\r\n");
    check_reply("SYMBOLS SPAMC/1.3\r\n\r\n", FALSE, "A,B", "SPAMD/1.1 0 EX_OK\r\nContent-length: 3\r\nSpam: False ; 5.3 / 5.0\r\n\r\nA,B");
    check_reply("REPORT SPAMC/1.3\r\n\r\n", FALSE, "r\n", "SPAMD/1.1 0 EX_OK\r\nContent-length: 2\r\nSpam: False ; 5.3 / 5.0\r\n\r\nr\n");
    check_reply("REPORT_IFSPAM SPAMC/1.3\r\n\r\n", TRUE, "r\n", "SPAMD/1.1 0 EX_OK\r\nContent-length: 2\r\nSpam: Yes ; 5.3 / 5.0\r\n\r\nr\n");
    check_reply("REPORT_IFSPAM SPAMC/1.3\r\n\r\n", FALSE, "r\n", "SPAMD/1.1 0 EX_OK\r\nContent-length: 0\r\nSpam: No ; 5.3 / 5.0\r\n\r\n");
    check_reply("PROCESS SPAMC/1.0\r\n\r\n", TRUE, "m", "SPAMD/1.0 0 EX_OK\r\nm");
    check_reply("PROCESS SPAMC/1.2\r\n\r\n", TRUE, "m", "SPAMD/1.1 0 EX_OK\r\nContent-length: 1\r\n\r\nm");
    check_reply("PROCESS SPAMC/1.5\r\n\r\n", TRUE, "m", "SPAMD/1.1 0 EX_OK\r\nContent-length: 1\r\nSpam: True ; 5.3 / 5.0\r\n\r\nm");
    check_reply("HEADERS SPAMC/1.5\r\n\r\n", TRUE, "a: b\r\n\r\nc\n\n", "SPAMD/1.1 0 EX_OK\r\nContent-length: 8\r\nSpam: True ; 5.3 / 5.0\r\n\r\na: b\r\n\r\n");
    check_reply("HEADERS SPAMC/1.5\r\n\r\n", TRUE, "a: b\n", "SPAMD/1.1 0 EX_OK\r\nContent-length: 5\r\nSpam: True ; 5.3 / 5.0\r\n\r\na: b\n");
    check_reply("PING SPAMC/1.2\r\n", TRUE, NULL, "SPAMD/1.5 0 PONG\r\n");
    check_reply("SKIP SPAMC/1.2\r\n", TRUE, NULL, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests), cmocka_unit_test(user), cmocka_unit_test(refusals), cmocka_unit_test(longer_than_promised),
        cmocka_unit_test(compression), cmocka_unit_test(replies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
