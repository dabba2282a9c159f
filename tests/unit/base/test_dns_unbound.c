/* test_dns_unbound.c: libunbound as the source of answers, against a little name server on loopback. */
#include "lib/base/dns_unbound_private.h"
#include "lib/base/metrics.h"
#include "tests/support/name_server.h"
#include "tests/unit/base/test.h"
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define FAR (g_get_monotonic_time() + 30 * G_USEC_PER_SEC)

static struct name_server *server;

static struct dns *
forward_to(const char *address, struct dns_unbound_options options)
{
    char *const list[] = {(char *)address, NULL};
    g_autoptr(GError) error = NULL;

    options.mode = DNS_MODE_FORWARD;
    options.forwarders = list;
    struct dns *dns = dns_unbound_new(&options, &error);
    if (dns == NULL)
        fail_msg("%s", error->message);
    return dns;
}

static struct dns *
open_dns(struct dns_unbound_options options)
{
    options.dnssec = DNS_DNSSEC_OFF;
    return forward_to(name_server_address(server), options);
}

static const struct dns_answer *
ask(struct dns *dns, const char *name, enum dns_type type, struct dns_lookup **lookup)
{
    dns_lookup_free(lookup);
    *lookup = dns_start(dns, name, type);
    return dns_wait(*lookup, FAR);
}

static const struct dns_record *
record(const struct dns_answer *answer, guint i)
{
    assert_true(i < answer->records->len);
    return &g_array_index(answer->records, struct dns_record, i);
}

static void
assert_failed(const struct dns_answer *answer, const char *why)
{
    assert_int_equal(answer->outcome, DNS_FAILED);
    assert_string_equal(answer->why, why);
    assert_int_equal(answer->records->len, 0);
    assert_false(answer->secure);
}

static void
test_answers(void **state)
{
    struct dns *dns = open_dns((struct dns_unbound_options){0});
    struct dns_lookup *lookup = NULL;
    const struct dns_answer *answer = ask(dns, "A.test.", DNS_A, &lookup);

    (void)state;
    assert_int_equal(answer->outcome, DNS_FOUND);
    assert_memory_equal(record(answer, 0)->data, "\300\0\2\1", 5);
    assert_int_equal(record(answer, 0)->length, 4);
    assert_in_range(answer->ttl, 1, 60);
    assert_false(answer->secure);
    answer = ask(dns, "mx.test", DNS_MX, &lookup);
    assert_string_equal((const char *)record(answer, 0)->data, "mail.test");
    assert_int_equal(record(answer, 0)->preference, 10);
    assert_string_equal((const char *)record(ask(dns, "ptr.test", DNS_PTR, &lookup), 0)->data, "host.test");
    assert_string_equal((const char *)record(ask(dns, "txt.test", DNS_TXT, &lookup), 0)->data, "v=a b");
    assert_int_equal(ask(dns, "nx.test", DNS_A, &lookup)->outcome, DNS_NO_NAME);
    answer = ask(dns, "empty.test", DNS_TXT, &lookup);
    assert_int_equal(answer->outcome, DNS_NO_DATA);
    assert_in_range(answer->ttl, 1, 30);
    assert_failed(ask(dns, "servfail.test", DNS_A, &lookup), "SERVFAIL");
    answer = ask(dns, "c5.test", DNS_A, &lookup); /* six aliases */
    assert_int_equal(answer->outcome, DNS_FOUND);
    assert_memory_equal(record(answer, 0)->data, "\300\0\2\1", 4);
    assert_int_equal(ask(dns, "c60.test", DNS_A, &lookup)->outcome, DNS_FAILED);
    dns_lookup_free(&lookup);
    dns_unref(dns);
}

static void
test_hostile_answers(void **state)
{
    struct dns *dns = open_dns((struct dns_unbound_options){0});
    struct dns_lookup *lookup = NULL;
    const struct dns_answer *answer = ask(dns, "huge.test", DNS_TXT, &lookup);

    (void)state;
    assert_int_equal(answer->outcome, DNS_FOUND);
    assert_int_equal(record(answer, 0)->length, 51000);
    for (guint i = 0; i < 51000; i++)
        assert_int_equal(record(answer, 0)->data[i], 'x');
    answer = ask(dns, "wrongid.test", DNS_A, &lookup);
    assert_int_equal(answer->records->len, 1);
    assert_memory_equal(record(answer, 0)->data, "\300\0\2\1", 4);
    /* A record of the wrong length: libunbound refuses the answer, or from 1.22 on takes the record out of it. */
    assert_int_not_equal(ask(dns, "short.test", DNS_A, &lookup)->outcome, DNS_FOUND);
    assert_int_equal(ask(dns, "runover.test", DNS_TXT, &lookup)->outcome, DNS_FAILED);
    dns_lookup_free(&lookup);
    dns_unref(dns);
}

/* Without an answer a lookup ends by itself, though its asker would wait longer. */
static void
test_deadline(void **state)
{
    struct dns *dns = open_dns((struct dns_unbound_options){.timeout_ms = 300});
    struct dns_lookup *lookup = NULL;
    gint64 begun = g_get_monotonic_time();

    (void)state;
    assert_failed(ask(dns, "silent.test", DNS_A, &lookup), "no answer in time");
    assert_in_range(g_get_monotonic_time() - begun, 300000, 3000000);
    struct dns_lookup *first = dns_start(dns, "silent1.test", DNS_A);
    g_usleep(150000);
    begun = g_get_monotonic_time();
    assert_failed(ask(dns, "silent1.test", DNS_A, &lookup), "no answer in time"); /* shares the question, not the deadline */
    assert_in_range(g_get_monotonic_time() - begun, 300000, 3000000);
    assert_true(dns_is_answered(first));
    dns_lookup_free(&first);
    dns_lookup_free(&lookup);
    dns_unref(dns);
}

static void
test_cached_and_shared(void **state)
{
    struct dns *dns = open_dns((struct dns_unbound_options){0});
    struct dns_lookup *lookups[10], *lookup = NULL;
    guint before = name_server_asked(server, "a");

    (void)state;
    for (guint i = 0; i < 3; i++)
        assert_int_equal(ask(dns, "a.test", DNS_A, &lookup)->outcome, DNS_FOUND);
    assert_int_equal(name_server_asked(server, "a"), before + 1);
    for (guint i = 0; i < G_N_ELEMENTS(lookups); i++)
        lookups[i] = dns_start(dns, "slow.test", DNS_A);
    for (guint i = 0; i < G_N_ELEMENTS(lookups); i++) {
        assert_memory_equal(record(dns_wait(lookups[i], FAR), 0)->data, "\300\0\2\1", 4);
        dns_lookup_free(&lookups[i]);
    }
    assert_int_equal(name_server_asked(server, "slow"), 1);
    dns_lookup_free(&lookup);
    dns_unref(dns);
}

#define ASKERS 8
#define EACH 25

struct asker {
    struct dns *dns;
    guint first, right;
};

static gpointer
ask_many(gpointer data)
{
    struct asker *asker = data;
    struct dns_lookup *lookups[EACH];

    for (guint i = 0; i < EACH; i++) {
        g_autofree char *name = g_strdup_printf("a%u.test", asker->first + i);
        lookups[i] = dns_start(asker->dns, name, DNS_A);
    }
    for (guint i = 0; i < EACH; i++) {
        const struct dns_answer *answer = dns_wait(lookups[i], FAR);
        const guint8 address[] = {10, 0, (guint8)((asker->first + i) >> 8), (guint8)(asker->first + i)};

        asker->right += answer->outcome == DNS_FOUND && memcmp(record(answer, 0)->data, address, 4) == 0;
        dns_lookup_free(&lookups[i]);
    }
    return NULL;
}

static void
test_many_at_once(void **state)
{
    struct dns *dns = open_dns((struct dns_unbound_options){.timeout_ms = 20000});
    struct asker askers[ASKERS];
    GThread *threads[ASKERS];

    (void)state;
    for (guint i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){dns, 100 + i * EACH, 0};
        threads[i] = g_thread_new("asker", ask_many, &askers[i]);
    }
    for (guint i = 0; i < ASKERS; i++) {
        g_thread_join(threads[i]);
        assert_int_equal(askers[i].right, EACH);
    }
    dns_unref(dns);
}

static void
test_close_while_open(void **state)
{
    struct dns *dns = open_dns((struct dns_unbound_options){0});
    struct dns_lookup *lookups[100];

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(lookups); i++) {
        g_autofree char *name = g_strdup_printf("silent%u.test", i / 2); /* pairs share a question */
        lookups[i] = dns_start(dns, name, i % 4 < 2 ? DNS_A : DNS_TXT);
    }
    g_usleep(100000);
    gint64 begun = g_get_monotonic_time();
    dns_unref(dns);
    assert_true(g_get_monotonic_time() - begun < 2 * G_USEC_PER_SEC);
    for (guint i = 0; i < G_N_ELEMENTS(lookups); i++) {
        assert_true(dns_is_answered(lookups[i]));
        assert_failed(dns_wait(lookups[i], 0), "the resolver is closing");
        dns_lookup_free(&lookups[i]);
    }
    dns = open_dns((struct dns_unbound_options){0});
    lookups[0] = dns_start(dns, "silent.test", DNS_A); /* may still be in the inbox */
    dns_unref(dns);
    assert_failed(dns_wait(lookups[0], 0), "the resolver is closing");
    dns_lookup_free(&lookups[0]);
}

/* The caps: on lookups that are open, and on what libunbound works at for those who have gone. */
static void
test_caps(void **state)
{
    struct dns *dns = open_dns((struct dns_unbound_options){.outstanding_max = 2, .timeout_ms = 200, .check_ms = 50});
    struct dns_lookup *open[2], *lookup = NULL;

    (void)state;
    for (guint round = 0; round < DNS_QUESTIONS_FACTOR; round++) {
        for (guint i = 0; i < 2; i++) {
            g_autofree char *name = g_strdup_printf("silent%u.test", round * 2 + i);
            open[i] = dns_start(dns, name, DNS_A);
        }
        lookup = dns_start(dns, "a.test", DNS_A);
        assert_true(dns_is_answered(lookup));
        assert_failed(dns_wait(lookup, 0), "too many lookups are open");
        dns_lookup_free(&lookup);
        for (guint i = 0; i < 2; i++) {
            assert_failed(dns_wait(open[i], FAR), "no answer in time");
            dns_lookup_free(&open[i]);
        }
    }
    assert_failed(ask(dns, "a.test", DNS_A, &lookup), "too many lookups are open");
    assert_failed(ask(dns, "silent0.test", DNS_A, &lookup), "no answer in time"); /* shares the one given up */
    g_usleep((gulong)(200 * DNS_GIVEN_UP_FACTOR + 300) * 1000);
    assert_int_equal(ask(dns, "a.test", DNS_A, &lookup)->outcome, DNS_FOUND);
    dns_lookup_free(&lookup);
    dns_unref(dns);
}

static void
test_server_dead_and_back(void **state)
{
    struct name_server *own = name_server_new(0);
    guint16 port = name_server_port(own);
    struct dns *dns = forward_to(name_server_address(own),
                                 (struct dns_unbound_options){.dnssec = DNS_DNSSEC_OFF, .timeout_ms = 500});
    struct dns_lookup *lookup = NULL;

    (void)state;
    assert_int_equal(ask(dns, "a1.test", DNS_A, &lookup)->outcome, DNS_FOUND);
    name_server_free(&own);
    for (guint i = 2; i < 30; i++) {
        g_autofree char *name = g_strdup_printf("a%u.test", i);
        gint64 begun = g_get_monotonic_time();
        assert_int_equal(ask(dns, name, DNS_A, &lookup)->outcome, DNS_FAILED);
        assert_true(g_get_monotonic_time() - begun < 3 * G_USEC_PER_SEC);
    }
    own = name_server_new(port);
    gint64 begun = g_get_monotonic_time();
    while (ask(dns, "a100.test", DNS_A, &lookup)->outcome != DNS_FOUND) {
        assert_true(g_get_monotonic_time() - begun < 15 * G_USEC_PER_SEC);
        g_usleep(100000);
    }
    dns_lookup_free(&lookup);
    dns_unref(dns);
    name_server_free(&own);
}

static char *
file_with(const char *text)
{
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "test-dns-XXXXXX", NULL);
    int fd = g_mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    assert_true(g_file_set_contents(path, text, -1, NULL));
    return g_steal_pointer(&path);
}

static void
test_resolv_conf(void **state)
{
    static const struct {
        const char *text, *servers;
    } cases[] = {
        {"nameserver 192.0.2.1\n", "192.0.2.1"},
        {"# x\nsearch test\nnameserver\t192.0.2.1 # first\n  nameserver fe80::1%lo\r\nnameserver 127.0.0.1@53000",
         "192.0.2.1 fe80::1%lo 127.0.0.1@53000"},
        {"nameserver name\nnameserver\nnameservers 1.2.3.4\n;nameserver 1.2.3.4\n", "127.0.0.1"},
        {"", "127.0.0.1"},
        {"nameserver 1.1.1.1\nnameserver 1.1.1.2\nnameserver 1.1.1.3\nnameserver 1.1.1.4\nnameserver 1.1.1.5\n"
         "nameserver 1.1.1.6\nnameserver 1.1.1.7\nnameserver 1.1.1.8\nnameserver 1.1.1.9\n",
         "1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4 1.1.1.5 1.1.1.6 1.1.1.7 1.1.1.8"},
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = file_with(cases[i].text);
        g_auto(GStrv) list = dns_unbound_forwarders(&(struct dns_unbound_options){.resolv_conf = path}, NULL);
        g_autofree char *joined = g_strjoinv(" ", list);

        assert_string_equal(joined, cases[i].servers);
        g_unlink(path);
    }
    g_autoptr(GString) big = g_string_new(NULL);
    while (big->len <= DNS_RESOLV_CONF_MAX)
        g_string_append(big, "# filling\n");
    g_string_append(big, "nameserver 192.0.2.1\n");
    g_autofree char *path = file_with(big->str);
    g_auto(GStrv) list = dns_unbound_forwarders(&(struct dns_unbound_options){.resolv_conf = path}, NULL);
    assert_string_equal(list[0], "127.0.0.1"); /* the rest isn't read */
    g_unlink(path);
}

/* A changed resolv.conf counts without a restart; one that is gone doesn't. */
static void
test_resolv_conf_changes(void **state)
{
    struct name_server *other = name_server_new(0);
    g_autofree char *before = g_strdup_printf("nameserver %s\n", name_server_address(server));
    g_autofree char *after = g_strdup_printf("nameserver %s\n", name_server_address(other));
    g_autofree char *path = file_with(before);
    struct dns_lookup *lookup = NULL, *open;
    const struct dns_unbound_options options = {.resolv_conf = path, .check_ms = 50, .dnssec = DNS_DNSSEC_OFF};
    struct dns *dns = dns_unbound_new(&options, NULL);

    (void)state;
    assert_non_null(dns);
    assert_int_equal(ask(dns, "a401.test", DNS_A, &lookup)->outcome, DNS_FOUND);
    assert_int_equal(name_server_asked(other, "a401"), 0);
    open = dns_start(dns, "silent.test", DNS_A); /* moves over */
    assert_true(g_file_set_contents(path, after, -1, NULL));
    gint64 begun = g_get_monotonic_time();
    while (name_server_asked(other, "silent") == 0) {
        assert_true(g_get_monotonic_time() - begun < 10 * G_USEC_PER_SEC);
        g_usleep(20000);
    }
    g_unlink(path);
    g_usleep(200000);
    assert_int_equal(ask(dns, "a402.test", DNS_A, &lookup)->outcome, DNS_FOUND);
    assert_int_equal(name_server_asked(other, "a402"), 1);
    assert_int_equal(name_server_asked(server, "a402"), 0);
    dns_unref(dns);
    assert_failed(dns_wait(open, 0), "the resolver is closing");
    dns_lookup_free(&open);
    dns_lookup_free(&lookup);
    name_server_free(&other);
}

/* The server gives no keys and no signatures: AUTO goes on unvalidated, STRICT doesn't. */
static void
test_signatures_stripped(void **state)
{
    struct dns *dns = forward_to(name_server_address(server), (struct dns_unbound_options){.dnssec = DNS_DNSSEC_AUTO});
    struct dns_lookup *lookup = NULL;
    const struct dns_answer *answer = ask(dns, "a.test", DNS_A, &lookup);

    (void)state;
    assert_int_equal(answer->outcome, DNS_FOUND);
    assert_false(answer->secure);
    dns_unref(dns);
    gint64 bogus = metrics_get(metrics_counter("postern_dns_bogus_total", "", NULL, NULL), 0);
    dns = forward_to(name_server_address(server), (struct dns_unbound_options){.dnssec = DNS_DNSSEC_STRICT});
    answer = ask(dns, "a.test", DNS_A, &lookup);
    assert_int_equal(answer->outcome, DNS_FAILED);
    assert_true(answer->bogus);
    assert_int_equal(metrics_get(metrics_counter("postern_dns_bogus_total", "", NULL, NULL), 0), bogus + 1);
    dns_lookup_free(&lookup);
    dns_unref(dns);
}

/* Lookups that begin while it isn't known what the forwarder does with signatures end in time too. */
static void
test_probe_unanswered(void **state)
{
    struct dns *dns = forward_to("127.0.0.1@1", (struct dns_unbound_options){.dnssec = DNS_DNSSEC_AUTO, .timeout_ms = 300});
    struct dns_lookup *lookup = NULL;
    gint64 begun = g_get_monotonic_time();

    (void)state;
    assert_int_equal(ask(dns, "a.test", DNS_A, &lookup)->outcome, DNS_FAILED);
    assert_true(g_get_monotonic_time() - begun < 3 * G_USEC_PER_SEC);
    dns_lookup_free(&lookup);
    lookup = dns_start(dns, "b.test", DNS_A);
    dns_unref(dns);
    assert_int_equal(dns_wait(lookup, 0)->outcome, DNS_FAILED);
    dns_lookup_free(&lookup);
}

static void
assert_no_start(const struct dns_unbound_options *options, const char *part)
{
    g_autoptr(GError) error = NULL;

    assert_null(dns_unbound_new(options, &error));
    assert_non_null(error);
    assert_int_equal(error->domain, DNS_UNBOUND_ERROR);
    if (strstr(error->message, part) == NULL)
        fail_msg("not \"%s\" in \"%s\"", part, error->message);
}

static void
test_start_errors(void **state)
{
    char wrong[] = "dns.test", v6[] = "::1";
    char *const none[] = {NULL}, *const name[] = {wrong, NULL};
    char *const nine[] = {v6, v6, v6, v6, v6, v6, v6, v6, v6, NULL};
    g_autofree char *empty = file_with("; nothing\n"), *broken = file_with(". IN DS 20326 8 2 nonsense\n");

    (void)state;
    assert_no_start(&(struct dns_unbound_options){.mode = DNS_MODE_FORWARD}, "not 0");
    assert_no_start(&(struct dns_unbound_options){.mode = DNS_MODE_FORWARD, .forwarders = none}, "not 0");
    assert_no_start(&(struct dns_unbound_options){.mode = DNS_MODE_FORWARD, .forwarders = nine}, "not 9");
    assert_no_start(&(struct dns_unbound_options){.mode = DNS_MODE_FORWARD, .forwarders = name}, "dns.test");
    assert_no_start(&(struct dns_unbound_options){.resolv_conf = "/nonexistent/conf"}, "/nonexistent/conf: No such file");
    assert_no_start(&(struct dns_unbound_options){.mode = DNS_MODE_RECURSIVE, .trust_anchor = "/none"}, "dns-root-data");
    assert_no_start(&(struct dns_unbound_options){.mode = DNS_MODE_RECURSIVE, .trust_anchor = empty}, "no trust anchor in it");
    assert_no_start(&(struct dns_unbound_options){.mode = DNS_MODE_RECURSIVE, .trust_anchor = broken}, "trust anchor");
    assert_no_start(&(struct dns_unbound_options){.mode = DNS_MODE_RECURSIVE, .root_hints = "/nonexistent/h"}, "root hints");
    g_unlink(empty);
    g_unlink(broken);
}

static void
test_metrics(void **state)
{
    g_autoptr(GString) out = g_string_new(NULL);

    (void)state;
    metrics_render(out);
    assert_non_null(strstr(out->str, "postern_dns_lookups_total{outcome=\"no_name\"} 1\n"));
    assert_non_null(strstr(out->str, "postern_dns_lookups_total{outcome=\"no_data\"} 1\n"));
    assert_non_null(strstr(out->str, "postern_dns_seconds_count "));
}

static int
setup(void **state)
{
    (void)state;
    server = name_server_new(0);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    name_server_free(&server);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_metrics), /* counts what the one before asked */
        cmocka_unit_test(test_hostile_answers),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_cached_and_shared),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_close_while_open),
        cmocka_unit_test(test_caps),
        cmocka_unit_test(test_server_dead_and_back),
        cmocka_unit_test(test_resolv_conf),
        cmocka_unit_test(test_resolv_conf_changes),
        cmocka_unit_test(test_signatures_stripped),
        cmocka_unit_test(test_probe_unanswered),
        cmocka_unit_test(test_start_errors),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
