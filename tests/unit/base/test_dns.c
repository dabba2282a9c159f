/* test_dns.c: names, answers, and waiting for them. */
#include "lib/base/dns.h"
#include "tests/support/dns_table.h"
#include "tests/unit/base/test.h"
#include <string.h>

static void
test_names(void **state)
{
    static const char *const good[] = {"a", "a.", "example.com", "_dmarc.example.com.", "1.0.0.127.in-addr.arpa", "x-_y.test"};
    static const char *const bad[] = {"", ".", "..", "a..b", ".a", "a..", "a b", "a\tb", "a\\b", "a\"b", "\xc3\xa9.test"};
    g_autofree char *label = g_strnfill(64, 'x');
    GString *name = g_string_new(NULL);

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(good); i++)
        assert_true(dns_name_is_valid(good[i]));
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_false(dns_name_is_valid(bad[i]));
    assert_false(dns_name_is_valid(label));
    label[63] = '\0';
    assert_true(dns_name_is_valid(label));
    for (guint i = 0; i < 126; i++)
        g_string_append(name, "a.");
    g_string_append_c(name, 'a');
    assert_int_equal(name->len, DNS_NAME_MAX);
    assert_true(dns_name_is_valid(name->str));
    g_string_append_c(name, 'a');
    assert_false(dns_name_is_valid(name->str));
    g_string_free(name, TRUE);
}

static void
test_reverse_names(void **state)
{
    static const guint8 v4[4] = {192, 0, 2, 1}, v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 0x1f};
    g_autoptr(GString) out = g_string_new(NULL);

    (void)state;
    dns_reverse_name(v4, 4, NULL, out);
    assert_string_equal(out->str, "1.2.0.192.in-addr.arpa");
    g_string_truncate(out, 0);
    dns_reverse_name(v4, 4, "list.test", out);
    assert_string_equal(out->str, "1.2.0.192.list.test");
    g_string_truncate(out, 0);
    dns_reverse_name(v6, 16, NULL, out);
    assert_string_equal(out->str, "f.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

static const struct dns_answer *
ask(struct dns *dns, const char *name, enum dns_type type, struct dns_lookup **lookup)
{
    dns_lookup_free(lookup);
    *lookup = dns_start(dns, name, type);
    assert_true(dns_is_answered(*lookup));
    return dns_wait(*lookup, 0);
}

static const struct dns_record *
record(const struct dns_answer *answer, guint i)
{
    return &g_array_index(answer->records, struct dns_record, i);
}

static void
test_answers(void **state)
{
    struct dns_table *table = dns_table_new();
    struct dns *dns = dns_table_dns(table);
    struct dns_lookup *lookup = NULL;
    const struct dns_answer *answer;

    (void)state;
    dns_table_add(table, "Host.test.", DNS_A, 0, "192.0.2.1", -1);
    dns_table_add(table, "host.test", DNS_MX, 10, "Mail.test.", -1);
    dns_table_add(table, "host.test", DNS_TXT, 0, "a\0b", 3);
    dns_table_cname(table, "www.test", "HOST.test");
    dns_table_cname(table, "loop.test", "loop.test");
    dns_table_fail(table, "host.test", DNS_AAAA);
    answer = ask(dns, "HOST.test.", DNS_A, &lookup);
    assert_int_equal(answer->outcome, DNS_FOUND);
    assert_int_equal(record(answer, 0)->length, 4);
    assert_memory_equal(record(answer, 0)->data, "\xc0\0\2\1", 5);
    assert_string_equal(dns_lookup_name(lookup), "host.test");
    assert_int_equal(dns_lookup_type(lookup), DNS_A);
    answer = ask(dns, "www.test", DNS_MX, &lookup);
    assert_string_equal((const char *)record(answer, 0)->data, "mail.test");
    assert_int_equal(record(answer, 0)->preference, 10);
    assert_int_equal(record(ask(dns, "host.test", DNS_TXT, &lookup), 0)->length, 3);
    assert_int_equal(ask(dns, "host.test", DNS_NS, &lookup)->outcome, DNS_NO_DATA);
    assert_int_equal(ask(dns, "none.test", DNS_A, &lookup)->outcome, DNS_NO_NAME);
    answer = ask(dns, "host.test", DNS_AAAA, &lookup);
    assert_int_equal(answer->outcome, DNS_FAILED);
    assert_non_null(answer->why);
    assert_int_equal(ask(dns, "loop.test", DNS_A, &lookup)->outcome, DNS_FAILED);
    dns_table_add(table, "a b.test", DNS_A, 0, "192.0.2.2", -1); /* not valid, but may be asked for */
    assert_int_equal(ask(dns, "A b.test", DNS_A, &lookup)->outcome, DNS_FOUND);
    assert_true(ask(dns, "a\tb.test", DNS_A, &lookup)->malformed);
    guint asked = dns_table_asked(table);
    answer = ask(dns, "a..b", DNS_A, &lookup);
    assert_true(answer->outcome == DNS_NO_NAME && answer->malformed);
    assert_int_equal(dns_table_asked(table), asked);
    dns_lookup_free(&lookup);
    dns_unref(dns);
}

/* The caps of one answer. */
static void
test_truncated(void **state)
{
    struct dns_answer *answer = dns_answer_new(DNS_FOUND);
    g_autofree char *big = g_strnfill(DNS_DATA_MAX + 1, 'x');

    (void)state;
    dns_answer_add(answer, 0, big, DNS_DATA_MAX + 1);
    assert_true(answer->truncated);
    assert_int_equal(answer->records->len, 0);
    answer->truncated = FALSE;
    dns_answer_add(answer, 0, big, DNS_DATA_MAX);
    dns_answer_add(answer, 0, big, DNS_DATA_MAX);
    assert_false(answer->truncated);
    dns_answer_add(answer, 0, "abc", 3);
    assert_true(answer->truncated);
    dns_answer_free(&answer);
    answer = dns_answer_new(DNS_FOUND);
    for (guint i = 0; i < DNS_RECORDS_MAX; i++)
        dns_answer_add(answer, 0, "", 0);
    assert_false(answer->truncated);
    dns_answer_add(answer, 0, "", 0);
    assert_true(answer->truncated);
    assert_int_equal(answer->records->len, DNS_RECORDS_MAX);
    dns_answer_free(&answer);
    dns_answer_free(&answer);
}

/* What is not answered by the deadline has failed, and stays so for the asker. */
static void
test_deadline(void **state)
{
    struct dns_table *table = dns_table_new();
    struct dns *dns = dns_table_dns(table);

    (void)state;
    dns_table_silence(table, "slow.test");
    struct dns_lookup *lookup = dns_start(dns, "slow.test", DNS_TXT), *other = dns_start(dns, "slow.test", DNS_TXT);
    gint64 begun = g_get_monotonic_time();
    assert_false(dns_is_answered(lookup));
    const struct dns_answer *answer = dns_wait(lookup, begun + 20000);
    assert_true(g_get_monotonic_time() - begun >= 20000);
    assert_int_equal(answer->outcome, DNS_FAILED);
    assert_string_equal(answer->why, "no answer in time");
    dns_unref(dns); /* answers what is open */
    assert_true(dns_is_answered(lookup));
    assert_ptr_equal(dns_wait(lookup, 0), answer);
    assert_string_equal(dns_wait(other, 0)->why, "SERVFAIL");
    dns_lookup_free(&lookup);
    dns_lookup_free(&other);
    dns_lookup_free(&other);
}

struct slow {
    struct dns_lookup *lookup;
    GThread *thread;
};
static gpointer
answer_later(gpointer data)
{
    g_usleep(20000);
    dns_complete(((struct slow *)data)->lookup, dns_answer_new(DNS_NO_DATA));
    return NULL;
}
static void
slow_ask(gpointer data, const char *name, enum dns_type type, struct dns_lookup *lookup)
{
    struct slow *slow = data;

    (void)name;
    (void)type;
    slow->lookup = lookup;
    slow->thread = g_thread_new("slow", answer_later, slow);
}

/* From another thread, waited for and given up. */
static void
test_other_thread(void **state)
{
    static const struct dns_source source = {slow_ask, NULL};
    struct slow slow;
    struct dns *dns = dns_ref(dns_new(&source, &slow));

    (void)state;
    for (guint give_up = 0; give_up < 2; give_up++) {
        struct dns_lookup *lookup = dns_start(dns, "a.test", DNS_A);
        if (!give_up)
            assert_int_equal(dns_wait(lookup, g_get_monotonic_time() + 60 * G_USEC_PER_SEC)->outcome, DNS_NO_DATA);
        dns_lookup_free(&lookup);
        g_thread_join(slow.thread);
    }
    dns_unref(dns);
    dns_unref(dns);
    dns_unref(NULL);
}

/* One bell for two lookups: it rings for each answer, also for one that was there at once, and is quiet after it was heard. */
static void
test_bell(void **state)
{
    static const struct dns_source source = {slow_ask, NULL};
    struct slow slow;
    struct dns *dns = dns_new(&source, &slow);
    struct dns_bell *bell = dns_bell_new();

    (void)state;
    struct dns_lookup *slow_lookup = dns_start_with_bell(dns, "a.test", DNS_A, bell);
    assert_true(dns_bell_wait(bell, g_get_monotonic_time() + 60 * G_USEC_PER_SEC));
    assert_true(dns_is_answered(slow_lookup));
    assert_false(dns_bell_wait(bell, g_get_monotonic_time() + 1000));
    struct dns_lookup *malformed = dns_start_with_bell(dns, "a..test", DNS_A, bell);
    assert_true(dns_bell_wait(bell, g_get_monotonic_time()));
    g_thread_join(slow.thread);
    dns_bell_unref(bell); /* before the lookups, and after */
    dns_lookup_free(&slow_lookup);
    dns_lookup_free(&malformed);
    dns_bell_unref(NULL);
    dns_unref(dns);
}

/* Where the strings of a TXT record end is kept, and counts against the caps. */
static void
test_strings(void **state)
{
    struct dns_answer *answer = dns_answer_new(DNS_FOUND);
    const guint8 lengths[] = {4, 0, 2};

    (void)state;
    dns_answer_add_strings(answer, "1103/8", 6, lengths, 3);
    dns_answer_add(answer, 0, "x", 1);
    const struct dns_record *record = &g_array_index(answer->records, struct dns_record, 0);
    assert_int_equal(record->n_strings, 3);
    assert_memory_equal(record->strings, lengths, 3);
    assert_string_equal((const char *)record->data, "1103/8");
    assert_null(g_array_index(answer->records, struct dns_record, 1).strings);
    dns_answer_free(&answer);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),     cmocka_unit_test(test_reverse_names), cmocka_unit_test(test_answers),
        cmocka_unit_test(test_truncated), cmocka_unit_test(test_deadline),      cmocka_unit_test(test_other_thread),
        cmocka_unit_test(test_bell),      cmocka_unit_test(test_strings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
