/* test_identity.c: trace lines, content identity, the payload codec. */
#include "store_test.h"

static char *
trace_of(const char *message)
{
    g_autoptr(GArray) spans = identity_find_trace((const guint8 *)message, strlen(message));
    GString *out = g_string_new(NULL);

    for (guint n = 0; n < spans->len; n++) {
        const struct trace_span *s = &g_array_index(spans, struct trace_span, n);
        g_string_append_printf(out, "[%.*s]", (int)s->length, message + s->offset);
    }
    return g_string_free(out, FALSE);
}

static void
finds_trace(void **state)
{
    static const struct {
        const char *message, *trace;
    } cases[] = {
        {"", ""},
        {"\r\nReceived: body\r\n", ""},
        {"Received: a\r\n\tb\r\nSubject: x\r\n\r\nReceived: body", "[Received: a\r\n\tb\r\n]"},
        {"received : a\nRETURN-PATH:<>\nFrom: x\nX-Spam-Flag: YES\n folded\nTo: y\n\n",
         "[received : a\nRETURN-PATH:<>\n][X-Spam-Flag: YES\n folded\n]"},
        {"Received-SPF: pass\nX-Spam: no\nX-Spam-: no\nX-Received: x\n\n", ""},
        {"From: a\nno colon here\nReceived: x\n", ""},
        {" Received: x\nReceived: y\n", ""},
        {"Delivered-To: x", "[Delivered-To: x]"},
        {"Authentication-Results: a;\n b\nX-Postern-Verdict: c\nDate: d\n\n",
         "[Authentication-Results: a;\n b\nX-Postern-Verdict: c\n]"},
    };

    (void)state;
    for (gsize n = 0; n < G_N_ELEMENTS(cases); n++) {
        g_autofree char *trace = trace_of(cases[n].message);
        assert_string_equal(trace, cases[n].trace);
    }
}

static void
bounded(void **state)
{
    g_autoptr(GString) many = g_string_new(NULL);

    (void)state;
    for (int n = 0; n < 3000; n++)
        g_string_append(many, "Received: x\nA: y\n");
    g_autoptr(GArray) spans = identity_find_trace((const guint8 *)many->str, many->len);
    assert_int_equal(spans->len, TRACE_SPANS_MAX);
}

static void
init(struct identity *identity, struct capture *capture)
{
    struct secrets secrets = {0};
    identity_init(identity, capture, &secrets);
}

static void
hashes(void **state)
{
    static const char one[] = "Received: 1\r\nSubject: x\r\n\r\nbody", two[] = "Subject: x\r\n\r\nbody",
                      three[] = "Subject: x\r\n\r\nBody";
    struct capture *a = make_capture(one, sizeof one - 1, "f@x", "b@x,a@x,a@x");
    struct capture *b = make_capture(two, sizeof two - 1, "f@x", "a@x,b@x");
    struct capture *c = make_capture(three, sizeof three - 1, "f@x", "a@x,b@x");
    struct capture *d = make_capture(two, sizeof two - 1, "f@x", "a@x,c@x");
    struct capture *e = make_capture(two, sizeof two - 1, "f@xa", "@x,b@x");
    struct identity ia, ib, ic, id, ie;

    (void)state;
    init(&ia, a);
    init(&ib, b);
    init(&ic, c);
    init(&id, d);
    init(&ie, e);
    assert_memory_equal(ia.hash, ib.hash, 32);
    assert_memory_equal(ia.content_sha, ib.message_sha, 32);
    assert_memory_not_equal(ia.message_sha, ib.message_sha, 32);
    assert_memory_not_equal(ia.hash, ia.content_sha, 32);
    assert_memory_not_equal(ib.hash, ic.hash, 32);
    assert_memory_equal(ia.envelope, ib.envelope, 16); /* a set: order and repetition don't matter */
    assert_memory_not_equal(ib.envelope, id.envelope, 16);
    assert_memory_not_equal(ib.envelope, ie.envelope, 16);
    assert_memory_not_equal(ib.envelope, ic.envelope, 16);
    struct identity *all[] = {&ia, &ib, &ic, &id, &ie};
    struct capture *captures[] = {a, b, c, d, e};
    for (int n = 0; n < 5; n++) {
        identity_clear(all[n]);
        capture_free(&captures[n]);
    }
}

/* Event payload: encode from one message, weave into the content of another. */
static void
strips_and_weaves(void **state)
{
    static const char first[] = "Received: 1\r\nSubject: x\r\nReceived: 1b\r\n\r\nbody",
                      second[] = "Return-Path: <q>\r\nReceived: 2\r\n 2b\r\nSubject: x\r\n\r\nbody";
    struct capture *a = make_capture(first, sizeof first - 1, "f@x", "a@x");
    struct capture *b = make_capture(second, sizeof second - 1, "f@x", "b@x");
    struct identity ia, ib;
    struct payload payload;

    (void)state;
    init(&ia, a);
    init(&ib, b);
    assert_memory_equal(ia.hash, ib.hash, 32);
    g_autoptr(GBytes) content =
        identity_strip(a->message, (const struct trace_span *)(void *)ia.trace->data, ia.trace->len);
    assert_true(g_bytes_get_size(content) == strlen("Subject: x\r\n\r\nbody"));
    g_autoptr(GBytes) plain = g_byte_array_free_to_bytes(payload_encode_event(b, &ib));
    assert_true(payload_decode(plain, RECORD_EVENT, &payload));
    g_autoptr(GBytes) woven = identity_weave(
        content, (const struct trace_insert *)(void *)payload.inserts->data, payload.inserts->len);
    assert_true(g_bytes_equal(woven, b->message));
    g_array_index(payload.inserts, struct trace_insert, 0).position = 100;
    assert_null(identity_weave(content, (const struct trace_insert *)(void *)payload.inserts->data,
                               payload.inserts->len));
    struct capture *again = fetch_capture(&payload, NULL);
    assert_non_null(again);
    assert_memory_equal(again->transaction, b->transaction, 16);
    assert_null(again->message);
    capture_free(&again);
    payload_clear(&payload);
    identity_clear(&ia);
    identity_clear(&ib);
    capture_free(&a);
    capture_free(&b);
}

static GBytes *
message_payload(struct capture *c, struct identity *i, gboolean referred)
{
    g_autoptr(GArray) references = g_array_new(FALSE, FALSE, sizeof(struct attach_reference));
    struct attach_reference r = {
        .offset = 25, .length = 8, .plain = 6, .coding = {ATTACH_BASE64, 0, 0}, .segment = 1, .at = 4096};

    if (referred)
        g_array_append_val(references, r);
    return g_byte_array_free_to_bytes(payload_encode_message(c, i, references));
}

static void
message_codec(void **state)
{
    static const char text[] = "Received: 1\r\nA: b\r\n\r\n0123QUJDREVG4567";
    struct capture *c = make_capture(text, sizeof text - 1, "f@x", "a@x");
    struct identity i;
    struct payload p;

    (void)state;
    init(&i, c);
    g_autoptr(GBytes) plain = message_payload(c, &i, TRUE);
    assert_true(payload_decode(plain, RECORD_MESSAGE, &p));
    assert_int_equal(p.size, sizeof text - 1);
    assert_int_equal(p.trace->len, 1);
    assert_int_equal(p.references->len, 1);
    assert_int_equal(p.frame.length, sizeof text - 1 - 8);
    assert_memory_equal(p.message_sha, i.message_sha, 32);
    payload_clear(&p);

    /* Cut anywhere, and with any byte changed: never accepted wrongly sized, never out of bounds (ASan looks
     * on). */
    gsize length;
    const guint8 *data = g_bytes_get_data(plain, &length);
    for (gsize n = 0; n < length; n++) {
        g_autoptr(GBytes) cut = g_bytes_new(data, n);
        assert_false(payload_decode(cut, RECORD_MESSAGE, &p));
        payload_clear(&p);
        g_autofree guint8 *changed = g_memdup2(data, length);
        changed[n] = (guint8)(changed[n] + 1 + n % 250);
        g_autoptr(GBytes) other = g_bytes_new(changed, length);
        if (payload_decode(other, RECORD_MESSAGE, &p))
            assert_true(p.frame.length + 8 == p.size);
        payload_clear(&p);
    }
    identity_clear(&i);
    capture_free(&c);
}

static void
expansion_codec(void **state)
{
    char *mailboxes[] = {(char[]){"a@x"}, (char[]){"王@例.tw"}, NULL};
    struct payload p;

    (void)state;
    g_autoptr(GBytes) plain = g_byte_array_free_to_bytes(payload_encode_expansion(3, mailboxes));
    assert_true(payload_decode(plain, RECORD_EXPANSION, &p));
    assert_int_equal(p.recipient, 3);
    assert_int_equal(g_strv_length(p.mailboxes), 2);
    assert_string_equal(p.mailboxes[1], mailboxes[1]);
    payload_clear(&p);
    assert_false(payload_decode(plain, RECORD_EVENT, &p));
    payload_clear(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_trace),   cmocka_unit_test(bounded),
                                       cmocka_unit_test(hashes),        cmocka_unit_test(strips_and_weaves),
                                       cmocka_unit_test(message_codec), cmocka_unit_test(expansion_codec)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
