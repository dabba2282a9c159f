/* test_dns_rdata.c: answers out of messages, whole and broken ones. */
#include "lib/base/dns_rdata.h"
#include "tests/unit/base/test.h"
#include <string.h>

#define RESPONSE 0x8180u

/* A message to the question for a.test and the type, without records; its owner pointer is 0xc00c, test is at 14. */
static GByteArray *
message(guint type, guint flags)
{
    const guint8 head[] = {0, 0, (guint8)(flags >> 8), (guint8)flags, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 4, 't', 'e', 's', 't', 0,
                           (guint8)(type >> 8), (guint8)type, 0, 1};
    GByteArray *out = g_byte_array_new();

    g_byte_array_append(out, head, sizeof head);
    return out;
}

static void
put(GByteArray *out, const void *data, gsize length)
{
    g_byte_array_append(out, data, (guint)length);
}

/* Adds a record to the section whose count is at that offset; owner as wire name. */
static void
add_owned(GByteArray *out, guint section, const char *owner, gsize owner_length, guint type, guint32 ttl, const void *data,
          gsize length)
{
    const guint8 fixed[] = {(guint8)(type >> 8), (guint8)type, 0, 1, (guint8)(ttl >> 24), (guint8)(ttl >> 16),
                            (guint8)(ttl >> 8), (guint8)ttl, (guint8)(length >> 8), (guint8)length};
    guint count = ((guint)out->data[section] << 8 | out->data[section + 1]) + 1;

    out->data[section] = (guint8)(count >> 8);
    out->data[section + 1] = (guint8)count;
    put(out, owner, owner_length);
    put(out, fixed, sizeof fixed);
    put(out, data, length);
}

static void
add(GByteArray *out, guint type, guint32 ttl, const void *data, gsize length)
{
    add_owned(out, 6, "\xc0\x0c", 2, type, ttl, data, length);
}

/* Reads and frees the message, from memory of exactly its size. */
static struct dns_answer *
read_as(GByteArray *m, guint type)
{
    g_autofree guint8 *exact = g_memdup2(m->data, m->len);
    struct dns_answer *answer = dns_rdata_answer(exact, m->len, "A.Test.", (enum dns_type)type);

    g_byte_array_unref(m);
    return answer;
}

static void
assert_records(struct dns_answer *answer, guint count, const void *first, gsize length)
{
    assert_int_equal(answer->outcome, count > 0 ? DNS_FOUND : DNS_NO_DATA);
    assert_null(answer->why);
    assert_int_equal(answer->records->len, count);
    if (count > 0) {
        assert_int_equal(g_array_index(answer->records, struct dns_record, 0).length, length);
        assert_memory_equal(g_array_index(answer->records, struct dns_record, 0).data, first, length);
        assert_int_equal(g_array_index(answer->records, struct dns_record, 0).data[length], 0);
    }
    dns_answer_free(&answer);
}

static void
assert_failed(struct dns_answer *answer, const char *why)
{
    assert_int_equal(answer->outcome, DNS_FAILED);
    assert_string_equal(answer->why, why);
    assert_int_equal(answer->records->len, 0);
    dns_answer_free(&answer);
}

#define MALFORMED(m, type) assert_failed(read_as(m, type), "malformed answer")

static void
test_addresses(void **state)
{
    static const guint8 v6[17] = {0x20, 1, [15] = 7};
    GByteArray *m = message(DNS_A, RESPONSE);

    (void)state;
    add(m, DNS_A, 60, "\300\0\2\1", 4);
    add(m, DNS_A, 50, "\300\0\2\2", 4);
    add(m, DNS_TXT, 1, "\1x", 2); /* not asked for: neither taken nor does its TTL count */
    add_owned(m, 6, "\1b\xc0\x0e", 4, DNS_A, 1, "\1\2\3\4", 4); /* another's */
    struct dns_answer *answer = read_as(m, DNS_A);
    assert_int_equal(answer->ttl, 50);
    assert_records(answer, 2, "\300\0\2\1", 4);
    m = message(DNS_AAAA, RESPONSE);
    add(m, DNS_AAAA, 60, v6, 16);
    assert_records(read_as(m, DNS_AAAA), 1, v6, 16);
    for (guint length = 0; length <= 17; length++) {
        if (length != 4) {
            m = message(DNS_A, RESPONSE);
            add(m, DNS_A, 60, v6, length);
            MALFORMED(m, DNS_A);
        }
        if (length != 16) {
            m = message(DNS_AAAA, RESPONSE);
            add(m, DNS_AAAA, 60, v6, length);
            MALFORMED(m, DNS_AAAA);
        }
    }
}

static void
test_texts(void **state)
{
    GByteArray *m = message(DNS_TXT, RESPONSE);

    (void)state;
    add(m, DNS_TXT, 60, "\5v=spf\0\2\0001", 10);
    struct dns_answer *strings = dns_rdata_answer(m->data, m->len, "a.test", DNS_TXT);
    assert_memory_equal(g_array_index(strings->records, struct dns_record, 0).strings, "\5\0\2", 3);
    dns_answer_free(&strings);
    assert_records(read_as(m, DNS_TXT), 1, "v=spf\0001", 7);
    m = message(DNS_TXT, RESPONSE);
    add(m, DNS_TXT, 60, "\0", 1);
    assert_records(read_as(m, DNS_TXT), 1, "", 0);
    m = message(DNS_TXT, RESPONSE);
    add(m, DNS_TXT, 60, "", 0);
    MALFORMED(m, DNS_TXT);
    m = message(DNS_TXT, RESPONSE);
    add(m, DNS_TXT, 60, "\1a\2b", 4); /* runs over by one */
    MALFORMED(m, DNS_TXT);
}

/* Of a SOA record the primary server's name is kept; a failure keeps the RCODE that came. */
static void
test_primary_and_rcode(void **state)
{
    static const char numbers[20] = "";
    g_autoptr(GByteArray) data = g_byte_array_new();
    GByteArray *m = message(DNS_SOA, RESPONSE);

    (void)state;
    g_byte_array_append(data, (const guint8 *)"\2ns\xc0\x0c\5admin\xc0\x0c", 13);
    g_byte_array_append(data, (const guint8 *)numbers, sizeof numbers);
    add(m, DNS_SOA, 60, (const char *)data->data, data->len);
    assert_records(read_as(m, DNS_SOA), 1, "ns.a.test", 9);
    m = message(DNS_SOA, RESPONSE);
    add(m, DNS_SOA, 60, "\2ns\xc0\x0c", 5);
    MALFORMED(m, DNS_SOA);
    struct dns_answer *answer = read_as(message(DNS_A, RESPONSE | 5), DNS_A);
    assert_int_equal(answer->rcode, 5);
    dns_answer_free(&answer);
}

static void
test_names(void **state)
{
    static const struct {
        const char *data;
        gsize length;
        const char *text; /* NULL: left out */
    } cases[] = {
        {"\0\12\4MAIL\xc0\x0e", 9, "mail.test"}, {"\0\12\0", 3, "."},       {"\0\12\xc0\x0c", 4, "a.test"},
        {"\0\12\3a.b\0", 7, NULL},               {"\0\12\3a\\b\0", 7, NULL}, {"\0\12\3a b\0", 7, NULL},
        {"\0\12\3a\0b\0", 7, NULL},              {"\0\12\2\xc3\xa9\0", 6, NULL}, {"\0\12\1\"\0", 5, NULL},
    };
    static const struct {
        const char *data;
        gsize length;
    } broken[] = {
        {"", 0}, {"\0", 1}, {"\0\12", 2}, {"\0\12\4MAI", 6}, {"\0\12\4MAIL", 7}, {"\0\12\xc0", 3}, {"\0\12\x80\0", 4},
        {"\0\12\0x", 4}, {"\0\12\xc0\x2e", 4} /* itself */, {"\0\12\xff\xff", 4}, {"\0\12\xc0\x0cx", 5},
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        GByteArray *m = message(DNS_MX, RESPONSE);
        add(m, DNS_MX, 60, cases[i].data, cases[i].length);
        struct dns_answer *answer = read_as(m, DNS_MX);
        if (cases[i].text != NULL)
            assert_int_equal(g_array_index(answer->records, struct dns_record, 0).preference, 10);
        assert_records(answer, cases[i].text != NULL, cases[i].text, cases[i].text != NULL ? strlen(cases[i].text) : 0);
    }
    for (guint i = 0; i < G_N_ELEMENTS(broken); i++) {
        GByteArray *m = message(DNS_MX, RESPONSE);
        add(m, DNS_MX, 60, broken[i].data, broken[i].length);
        MALFORMED(m, DNS_MX);
    }
    GByteArray *m = message(DNS_PTR, RESPONSE);
    add(m, DNS_PTR, 60, "\4host\xc0\x0e", 7);
    assert_records(read_as(m, DNS_PTR), 1, "host.test", 9);
    m = message(DNS_NS, RESPONSE);
    add(m, DNS_NS, 60, "\2ns\xc0\x0e", 5);
    assert_records(read_as(m, DNS_NS), 1, "ns.test", 7);
}

/* count pointers in a row, each to the one before, the first to a.test; then a record whose name is the last. */
static struct dns_answer *
through_pointers(guint count)
{
    GByteArray *m = message(DNS_NS, RESPONSE);
    guint8 chain[2 * (DNS_POINTERS_MAX + 2)];
    guint target = 12, begin = m->len + 2 + 10;

    for (guint i = 0; i < count; i++) {
        chain[2 * i] = (guint8)(0xc0 | target >> 8);
        chain[2 * i + 1] = (guint8)target;
        target = begin + 2 * i;
    }
    add(m, 99, 60, chain, 2 * (gsize)count);
    add(m, DNS_NS, 60, (const guint8[]){(guint8)(0xc0 | target >> 8), (guint8)target}, 2);
    return read_as(m, DNS_NS);
}

static void
test_name_caps(void **state)
{
    GByteArray *m;
    GString *name = g_string_new(NULL);

    (void)state;
    assert_records(through_pointers(DNS_POINTERS_MAX - 1), 1, "a.test", 6);
    assert_failed(through_pointers(DNS_POINTERS_MAX), "malformed answer");
    for (guint i = 0; i < 126; i++)
        g_string_append_len(name, "\1x", 2);
    for (guint last = 1; last <= 2; last++) { /* 255 octets on the wire, then one more */
        g_string_truncate(name, 252);
        g_string_append_len(name, last == 1 ? "\1x\0" : "\2xx\0", last + 2);
        m = message(DNS_NS, RESPONSE);
        add(m, DNS_NS, 60, name->str, name->len);
        if (last == 1) {
            struct dns_answer *answer = read_as(m, DNS_NS);
            assert_int_equal(g_array_index(answer->records, struct dns_record, 0).length, DNS_NAME_MAX);
            dns_answer_free(&answer);
        } else {
            MALFORMED(m, DNS_NS);
        }
    }
    g_string_free(name, TRUE);
}

/* a.test -> n1.test -> .. -> nCOUNT.test, which has an address. */
static struct dns_answer *
through_aliases(guint count, guint32 ttl)
{
    GByteArray *m = message(DNS_A, RESPONSE);
    char owner[8] = "\1a\xc0\x0e";

    for (guint i = 0; i < count; i++) {
        char next[8] = {1, (char)('b' + i), (char)0xc0, 0x0e};
        add_owned(m, 6, owner, 4, DNS_TYPE_CNAME, ttl, next, 4);
        memcpy(owner, next, 4);
    }
    add_owned(m, 6, owner, 4, DNS_A, 60, "\1\2\3\4", 4);
    return read_as(m, DNS_A);
}

static void
test_aliases(void **state)
{
    struct dns_answer *answer = through_aliases(1, 7);

    (void)state;
    assert_int_equal(answer->ttl, 7);
    assert_records(answer, 1, "\1\2\3\4", 4);
    answer = through_aliases(1, 0x80000007u); /* RFC 2181 8 */
    assert_int_equal(answer->ttl, 0);
    dns_answer_free(&answer);
    assert_records(through_aliases(DNS_CNAMES_MAX, 60), 1, "\1\2\3\4", 4);
    assert_failed(through_aliases(DNS_CNAMES_MAX + 1, 60), "too many aliases");
    GByteArray *m = message(DNS_A, RESPONSE);
    add(m, DNS_TYPE_CNAME, 60, "\1b", 2);
    MALFORMED(m, DNS_A);
}

static void
test_negative(void **state)
{
    static const char soa[] = "\2ns\xc0\x0e\1x\xc0\x0e\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\36";
    static const char owner[] = "\xc0\x0c";

    (void)state;
    for (guint rcode = 0; rcode <= 3; rcode += 3) {
        GByteArray *m = message(DNS_A, RESPONSE | rcode);
        add_owned(m, 8, owner, 2, DNS_TYPE_SOA, 300, soa, sizeof soa - 1);
        struct dns_answer *answer = read_as(m, DNS_A);
        assert_int_equal(answer->outcome, rcode == 0 ? DNS_NO_DATA : DNS_NO_NAME);
        assert_int_equal(answer->ttl, 30);
        dns_answer_free(&answer);
        m = message(DNS_A, RESPONSE | rcode);
        add_owned(m, 8, owner, 2, DNS_TYPE_SOA, 20, soa, sizeof soa - 1);
        answer = read_as(m, DNS_A);
        assert_int_equal(answer->ttl, 20);
        dns_answer_free(&answer);
        m = message(DNS_A, RESPONSE | rcode);
        answer = read_as(m, DNS_A);
        assert_int_equal(answer->ttl, 0);
        dns_answer_free(&answer);
        m = message(DNS_A, RESPONSE | rcode);
        add_owned(m, 8, owner, 2, DNS_TYPE_SOA, 20, soa, 21);
        MALFORMED(m, DNS_A);
    }
    GByteArray *m = message(DNS_A, RESPONSE | 3);
    add(m, DNS_A, 60, "\1\2\3\4", 4); /* there and not there */
    MALFORMED(m, DNS_A);
    assert_failed(read_as(message(DNS_A, RESPONSE | 2), DNS_A), "SERVFAIL");
    assert_failed(read_as(message(DNS_A, RESPONSE | 5), DNS_A), "REFUSED");
    assert_failed(read_as(message(DNS_A, RESPONSE | 11), DNS_A), "RCODE");
    assert_failed(read_as(message(DNS_A, RESPONSE | 0x200), DNS_A), "the answer is cut short");
}

/* The question has to be ours, and whatever is cut off anywhere is malformed. */
static void
test_frame(void **state)
{
    GByteArray *m = message(DNS_A, RESPONSE & 0x7fff);

    (void)state;
    MALFORMED(m, DNS_A); /* a question */
    MALFORMED(message(DNS_TXT, RESPONSE), DNS_A);
    m = message(DNS_A, RESPONSE);
    m->data[13] = 'b';
    MALFORMED(m, DNS_A);
    m = message(DNS_A, RESPONSE);
    m->data[5] = 2;
    MALFORMED(m, DNS_A);
    m = message(DNS_A, RESPONSE);
    m->data[23] = 3; /* class CH */
    MALFORMED(m, DNS_A);
    m = message(DNS_MX, RESPONSE);
    add(m, DNS_MX, 60, "\0\12\4mail\xc0\x0e", 9);
    for (guint length = 0; length < m->len; length++) {
        g_autofree guint8 *part = g_memdup2(m->data, length);
        assert_failed(dns_rdata_answer(part, length, "a.test", DNS_MX), "malformed answer");
    }
    assert_failed(dns_rdata_answer(m->data, m->len, "a..test", DNS_MX), "malformed answer");
    assert_records(read_as(m, DNS_MX), 1, "mail.test", 9);
}

static void
test_caps(void **state)
{
    GByteArray *m = message(DNS_A, RESPONSE);

    (void)state;
    for (guint i = 0; i <= DNS_RECORDS_MAX; i++)
        add(m, DNS_A, 60, "\1\2\3\4", 4);
    struct dns_answer *answer = read_as(m, DNS_A);
    assert_true(answer->truncated);
    assert_records(answer, DNS_RECORDS_MAX, "\1\2\3\4", 4);
}

static void
test_signatures(void **state)
{
    (void)state;
    for (guint mask = 0; mask < 4; mask++) {
        GByteArray *m = message(DNS_TYPE_DNSKEY, RESPONSE);
        if ((mask & 1) != 0)
            add(m, DNS_TYPE_DNSKEY, 60, "\1\1\3\15xxxx", 8);
        if ((mask & 2) != 0)
            add(m, DNS_TYPE_RRSIG, 60, "xxxxxxxxxxxxxxxxxxxx", 20);
        assert_int_equal(dns_rdata_signatures(m->data, m->len), mask == 3 ? DNS_SIGNATURES_PASSED : DNS_SIGNATURES_STRIPPED);
        if (mask != 0)
            assert_int_equal(dns_rdata_signatures(m->data, m->len - 1), DNS_SIGNATURES_UNKNOWN);
        g_byte_array_unref(m);
    }
    for (guint rcode = 1; rcode < 16; rcode++) {
        g_autoptr(GByteArray) m = message(DNS_TYPE_DNSKEY, RESPONSE | rcode);
        assert_int_equal(dns_rdata_signatures(m->data, m->len), rcode == 3 ? DNS_SIGNATURES_STRIPPED : DNS_SIGNATURES_UNKNOWN);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_texts),    cmocka_unit_test(test_primary_and_rcode), cmocka_unit_test(test_names),
        cmocka_unit_test(test_name_caps), cmocka_unit_test(test_aliases),  cmocka_unit_test(test_negative),
        cmocka_unit_test(test_frame),     cmocka_unit_test(test_caps),     cmocka_unit_test(test_signatures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
