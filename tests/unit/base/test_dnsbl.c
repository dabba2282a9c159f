/* test_dnsbl.c: the notation of lists, what is believed of their answers, and what is told of the rest. stderr is a file here. */
#include "lib/base/dnsbl.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "tests/support/dns_table.h"
#include "tests/unit/base/test.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <unistd.h>

#define V6_2 "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"
#define V6_1 "1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"

/* A resolver with a table, and one question at a time. */
struct asked {
    struct dns_table *table;
    struct dns *dns;
    GPtrArray *lists;
    struct dnsbl_lookup *lookup;
    const struct dnsbl_answer *answer;
};

static int saved_stderr, log_fd;

static int
setup(void **state)
{
    struct asked *asked = g_new0(struct asked, 1);
    char path[] = "/tmp/postern-test-XXXXXX";

    log_fd = g_mkstemp(path);
    assert_true(log_fd >= 0);
    g_unlink(path);
    saved_stderr = dup(STDERR_FILENO);
    dup2(log_fd, STDERR_FILENO);
    g_unsetenv("JOURNAL_STREAM");
    log_open("test_dnsbl", LOG_TO_STDERR, LOG_AS_TEXT, LOG_SEV_INFO);
    dnsbl_warn_every(0);
    asked->table = dns_table_new();
    asked->dns = dns_table_dns(asked->table);
    *state = asked;
    return 0;
}

static int
teardown(void **state)
{
    struct asked *asked = *state;

    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(log_fd);
    dnsbl_lookup_free(&asked->lookup);
    g_clear_pointer(&asked->lists, g_ptr_array_unref);
    dns_unref(asked->dns);
    g_free(asked);
    return 0;
}

/* What was logged since the last time; free. */
static char *
logged(void)
{
    char text[65536];
    ssize_t n = pread(log_fd, text, sizeof text - 1, 0);

    assert_true(n >= 0);
    text[n] = '\0';
    assert_int_equal(ftruncate(log_fd, 0), 0);
    assert_int_equal(lseek(log_fd, 0, SEEK_SET), 0);
    return g_strdup(text);
}

static guint
lines(const char *text)
{
    guint n = 0;

    for (; *text != '\0'; text++)
        n += *text == '\n';
    return n;
}

static const struct dnsbl *
parse(struct asked *asked, const char *text)
{
    g_autoptr(GError) error = NULL;

    dnsbl_lookup_free(&asked->lookup);
    g_clear_pointer(&asked->lists, g_ptr_array_unref);
    asked->lists = dnsbl_parse(text, &error);
    assert_null(error);
    assert_int_equal(asked->lists->len, 1);
    return g_ptr_array_index(asked->lists, 0);
}

static enum dnsbl_outcome
ask(struct asked *asked, const char *list, const char *subject)
{
    asked->lookup = dnsbl_start(asked->dns, parse(asked, list), subject);
    asked->answer = dnsbl_wait(asked->lookup, g_get_monotonic_time() + G_USEC_PER_SEC);
    assert_true(asked->answer == dnsbl_wait(asked->lookup, 0));
    assert_true((asked->answer->why == NULL) == (asked->answer->outcome <= DNSBL_NOT_LISTED));
    assert_true((asked->answer->cause != DNSBL_NO_CAUSE) == (asked->answer->outcome == DNSBL_FAILED));
    assert_true((asked->answer->codes->len > 0) == (asked->answer->outcome == DNSBL_LISTED));
    return asked->answer->outcome;
}

/* The answer for 192.0.2.9 of a list whose records are codes ("127.0.0.2 127.0.0.4"). */
static enum dnsbl_outcome
answer(struct asked *asked, const char *list, const char *codes)
{
    static guint number;
    g_autofree char *zone = g_strdup_printf("z%u.test", ++number), *name = g_strconcat("9.2.0.192.", zone, NULL);
    g_autofree char *entry = g_strconcat(zone, list, NULL);
    g_auto(GStrv) words = g_strsplit(codes, " ", -1);

    for (guint i = 0; words[i] != NULL; i++)
        dns_table_add(asked->table, name, DNS_A, 0, words[i], -1);
    return ask(asked, entry, "192.0.2.9");
}

static char *
codes(const GArray *array)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (guint i = 0; i < array->len; i++) {
        struct in_addr code = {htonl(g_array_index(array, guint32, i))};
        g_string_append_printf(out, "%s%s", i > 0 ? " " : "", inet_ntoa(code));
    }
    return g_strdup(out->str);
}

static void
assert_codes(const struct asked *asked, const char *believed, const char *others)
{
    g_autofree char *a = codes(asked->answer->codes), *b = codes(asked->answer->others);

    assert_string_equal(a, believed);
    assert_string_equal(b, others);
}

/* ---- notation ---- */

static guint32
code(const char *text)
{
    return ntohl(inet_addr(text));
}

/* A list written so believes the codes in yes and none of those in no. */
static void
assert_believes(struct asked *asked, const char *entry, const char *yes, const char *no)
{
    const struct dnsbl *list = parse(asked, entry);
    g_auto(GStrv) good = g_strsplit(yes, " ", -1), bad = g_strsplit(no, " ", -1);

    for (guint i = 0; good[i] != NULL; i++)
        if (!dnsbl_believes(list, code(good[i])))
            fail_msg("%s should believe %s", entry, good[i]);
    for (guint i = 0; bad[i] != NULL; i++)
        if (dnsbl_believes(list, code(bad[i])))
            fail_msg("%s should not believe %s", entry, bad[i]);
}

static void
test_codes(void **state)
{
    const char *never = "127.255.255.0 127.255.255.252 127.255.255.255 126.0.0.2 128.0.0.2 0.0.0.2 255.255.255.255";

    assert_believes(*state, "a.test", "127.0.0.0 127.0.0.2 127.255.254.255 127.254.255.255", never);
    assert_believes(*state, "a.test", "127.0.0.2", "127.0.0.1");
    assert_believes(*state, "a.test=127.0.0.4", "127.0.0.4", "127.0.0.2 127.0.4.0 127.0.0.5 127.1.0.4");
    assert_believes(*state, "a.test=127.0.0.[2..11]", "127.0.0.2 127.0.0.7 127.0.0.11", "127.0.0.1 127.0.0.12 127.0.1.2");
    assert_believes(*state, "a.test=127.0.0.[2;4..6;0;255]", "127.0.0.2 127.0.0.4 127.0.0.6 127.0.0.0 127.0.0.255",
                    "127.0.0.3 127.0.0.7 127.0.0.254");
    assert_believes(*state, "a.test=127.[0..255].[0..255].[0..255]", "127.0.0.2 127.9.9.9", never);
    assert_believes(*state, "a.test=[0..255].[0..255].[0..255].[0..255]", "127.0.0.2", never);
    assert_believes(*state, "a.test=127.0.[2..20].[1;3]", "127.0.2.1 127.0.20.3", "127.0.1.1 127.0.2.2 127.0.21.3");
    assert_believes(*state, "a.test=127.0.0.[&14]", "127.0.0.2 127.0.0.4 127.0.0.6 127.0.0.8 127.0.0.14",
                    "127.0.0.0 127.0.0.1 127.0.0.3 127.0.0.15 127.0.0.16 127.0.0.18");
    assert_believes(*state, "a.test=127.0.0.[&255]", "127.0.0.2 127.0.0.255", "127.0.0.0 127.0.0.1");
    assert_believes(*state, "a.test=127.0.0.[200;&6]", "127.0.0.200 127.0.0.6", "127.0.0.8");
    /* 127.0.0.1 is a listing only where it is named by itself. */
    assert_believes(*state, "a.test=127.0.0.1", "127.0.0.1", "127.0.0.2");
    assert_believes(*state, "a.test=127.0.0.[1..3]", "127.0.0.2", "127.0.0.1");
    assert_believes(*state, "a.test=127.0.0.[1..3],a.test=127.0.0.1", "127.0.0.2 127.0.0.1", "127.0.0.4");
    /* What any entry of a zone names. */
    assert_believes(*state, "a.test=127.0.0.2*3 A.Test.=127.0.0.3*-1", "127.0.0.2 127.0.0.3", "127.0.0.4");
    assert_believes(*state, "a.test=127.0.0.2 a.test", "127.0.0.9", "127.255.255.254 127.0.0.1");
}

static void
test_lists(void **state)
{
    GPtrArray *lists = dnsbl_parse(" Zen.Test.=127.0.0.2*+3,\tb.test*-2\r\n,, zen.test*0 ", NULL);

    (void)state;
    assert_int_equal(lists->len, 2);
    assert_string_equal(dnsbl_zone(g_ptr_array_index(lists, 0)), "zen.test");
    assert_string_equal(dnsbl_zone(g_ptr_array_index(lists, 1)), "b.test");
    g_ptr_array_unref(lists);
    lists = dnsbl_parse(" ,\n", NULL);
    assert_int_equal(lists->len, 0);
    g_ptr_array_unref(lists);
}

/* A customer's key is part of what is asked, and of nothing that is shown. */
static void
test_keys_are_not_shown(void **state)
{
    static const char *const names[][2] = {
        {"1234567890abcdefghijklmnop.zen.dq.test", "zen.dq.test"},
        {"1234567890abcdefghi.zen.dq.test", "1234567890abcdefghi.zen.dq.test"},
        {"averyveryverylongnameforalist.test", "averyveryverylongnameforalist.test"},
        {"1234567890-abcdefghijklmnop.test", "1234567890-abcdefghijklmnop.test"},
        {"1234567890abcdefghijklmnop", "1234567890abcdefghijklmnop"}};

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        const struct dnsbl *list = parse(*state, names[i][0]);
        assert_string_equal(dnsbl_zone(list), names[i][0]);
        assert_string_equal(dnsbl_name(list), names[i][1]);
    }
    struct asked *asked = *state;
    dns_table_add(asked->table, "9.2.0.192.1234567890abcdefghijklmnop.keyed.test", DNS_A, 0, "127.255.255.255", -1);
    assert_int_equal(ask(asked, "1234567890abcdefghijklmnop.keyed.test", "192.0.2.9"), DNSBL_FAILED);
    g_autofree char *log = logged();
    g_autoptr(GString) metrics = g_string_new(NULL);
    metrics_render(metrics);
    assert_non_null(strstr(log, "list=keyed.test cause=refused"));
    assert_null(strstr(log, "1234567890abc"));
    assert_null(strstr(metrics->str, "1234567890abc"));
}

static void
test_refused_notation(void **state)
{
    static const char *const bad[] = {
        "a..test", ".", "=127.0.0.2", "*3", "a b/c", "a\\.test", "a.test/", "\xc3\xa9.test", "a.test=", "a.test=127", "a.test=127.0.0",
        "a.test=127.0.0.", "a.test=127.0.0.2.", "a.test=127.0.0.2.2", "a.test=127.0.0.256", "a.test=127.0.0.1000", "a.test=127.0.0.-1",
        "a.test=127.0.0.+2", "a.test=127.0.0.[", "a.test=127.0.0.[]", "a.test=127.0.0.[2", "a.test=127.0.0.[2;]", "a.test=127.0.0.[;2]",
        "a.test=127.0.0.[2..]", "a.test=127.0.0.[..2]", "a.test=127.0.0.[4..2]", "a.test=127.0.0.[2..256]", "a.test=127.0.0.[2.4]",
        "a.test=127.0.0.[2-4]", "a.test=127.0.0.[2]x", "a.test=127.0.0.2x", "a.test=127.0.0.[&]", "a.test=127.0.0.[&0]",
        "a.test=127.0.0.[&256]", "a.test=127.0.0.[&2..4]", "a.test=127.0.0.&2", "a.test=127.0.0.[[2]]", "a.test==127.0.0.2",
        "a.test=127..0.2", "a.test=126.0.0.2", "a.test=127.255.255.254", "a.test=127.255.255.[0..255]", "a.test*", "a.test*x",
        "a.test*1.5", "a.test*1001", "a.test*-1001", "a.test*3*3", "a.test*99999999999999999999", "a.test*2=127.0.0.2"};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = g_strconcat("good.test ", bad[i], NULL);
        GPtrArray *lists = dnsbl_parse(text, &error);

        if (lists != NULL)
            fail_msg("%s was taken", bad[i]);
        assert_int_equal(error->domain, DNSBL_ERROR);
        assert_true(g_str_has_prefix(error->message, "DNS list \""));
        assert_null(strchr(error->message, '\n'));
    }
}

static void
test_errors_tell(void **state)
{
    static const char *const texts[][2] = {
        {"b.test=127.0.0.300",
         "DNS list \"b.test=127.0.0.300\": after = stand return codes, as 127.0.0.2, 127.0.0.[2;4..11] or, for a mask of bits, "
         "127.0.0.[&14]"},
        {"b.test*x", "DNS list \"b.test*x\": after * stands a whole number from -1000 to 1000"},
        {"a.test b_.t\033est", "DNS list \"b_.t?est\": a list begins with its domain name, as zen.spamhaus.org, of at most 189 letters"},
        {"b.test=127.255.255.2",
         "DNS list \"b.test=127.255.255.2\": such codes are never believed: they must be in 127.0.0.0/8 and not in 127.255.255.0/24"}};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        assert_null(dnsbl_parse(texts[i][0], &error));
        assert_string_equal(error->message, texts[i][1]);
    }
}

static gboolean
is_taken(const char *text)
{
    GPtrArray *lists = dnsbl_parse(text, NULL);

    if (lists != NULL)
        g_ptr_array_unref(lists);
    return lists != NULL;
}

static void
test_bounds(void **state)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    (void)state;
    for (guint i = 0; i < DNSBL_LISTS_MAX; i++)
        g_string_append_printf(text, "l%u.test ", i);
    assert_true(is_taken(text->str));
    g_string_append(text, "l0.test*2 ");
    assert_true(is_taken(text->str));
    g_string_append(text, "more.test");
    assert_null(dnsbl_parse(text->str, &error));
    assert_string_equal(error->message, "DNS list \"more.test\": too many: there may be 64 lists of 32 entries");
    g_string_truncate(text, 0);
    for (guint i = 0; i < DNSBL_ENTRIES_MAX; i++)
        g_string_append(text, "a.test ");
    assert_true(is_taken(text->str));
    g_string_append(text, "a.test");
    assert_false(is_taken(text->str));

    g_string_printf(text, "%s.", "a23456789b23456789c23456789d23456789e23456789f234567890");
    while (text->len < DNSBL_ZONE_MAX)
        g_string_append(text, text->len % 2 == 0 ? "a" : ".");
    assert_true(is_taken(text->str));
    g_string_append(text, "a");
    assert_false(is_taken(text->str));

    g_string_assign(text, "a.test");
    while (text->len < DNSBL_TEXT_MAX)
        g_string_append_c(text, ' ');
    assert_true(is_taken(text->str));
    g_string_append_c(text, ' ');
    assert_false(is_taken(text->str));
}

/* ---- answers ---- */

static void
test_outcomes(void **state)
{
    struct asked *asked = *state;

    assert_int_equal(answer(asked, "", "127.0.0.4 127.0.0.2"), DNSBL_LISTED);
    assert_codes(asked, "127.0.0.2 127.0.0.4", "");
    assert_int_equal(answer(asked, "=127.0.0.[2..3]", "127.0.0.4 127.0.0.2 127.0.0.3"), DNSBL_LISTED); /* one is unknown */
    assert_codes(asked, "127.0.0.2 127.0.0.3", "127.0.0.4");
    assert_int_equal(answer(asked, "=127.0.0.1", "127.0.0.1"), DNSBL_LISTED);
    assert_int_equal(ask(asked, "empty.test", "192.0.2.9"), DNSBL_NOT_LISTED);
    assert_codes(asked, "", "");
    dns_table_add(asked->table, "9.2.0.192.text.test", DNS_TXT, 0, "no address", -1);
    assert_int_equal(ask(asked, "text.test", "192.0.2.9"), DNSBL_NOT_LISTED);
    g_autofree char *log = logged();
    assert_string_equal(log, "");
    assert_string_equal(dnsbl_outcome_name(DNSBL_NOT_ASKED), "not asked");
}

static void
test_failures(void **state)
{
    static const struct {
        const char *list, *codes;
        enum dnsbl_cause cause;
        const char *why;
    } cases[] = {
        {"", "127.255.255.252", DNSBL_REFUSED, "refuses our resolver (127.255.255.252): its name is mistyped"},
        {"", "127.255.255.254", DNSBL_REFUSED, "refuses our resolver (127.255.255.254): public resolvers are not served; use dns.mode = "
                                               "recursive, or a key of its owner"},
        {"", "127.255.255.255", DNSBL_REFUSED, "refuses our resolver (127.255.255.255): it is asked too much; get a key or a data feed "
                                               "of its owner"},
        {"", "127.0.0.1", DNSBL_REFUSED, NULL},
        {"=127.0.0.[&15]", "127.0.0.1", DNSBL_REFUSED, NULL},
        {"", "127.0.0.2 127.255.255.254", DNSBL_REFUSED, NULL},
        {"", "127.0.0.2 127.0.0.1", DNSBL_REFUSED, NULL},
        {"", "192.0.2.80", DNSBL_FOREIGN, "answers 192.0.2.80, which no list does: it has ended, or the resolver makes up answers; try "
                                          "dns.mode = recursive, and take the list out if that changes nothing"},
        {"", "127.0.0.2 192.0.2.80", DNSBL_FOREIGN, NULL},
        {"", "128.0.0.1", DNSBL_FOREIGN, NULL},
        {"", "0.0.0.0", DNSBL_FOREIGN, NULL},
        {"", "127.255.255.254 126.255.255.255", DNSBL_FOREIGN, NULL},
        {"=127.0.0.2", "127.0.0.11 127.0.0.10", DNSBL_UNKNOWN,
         "answers 127.0.0.10, which is none of the return codes that are known of it: if its owner documents that, name it too (with "
         "weight 0 if it shall not count)"},
        {"=127.0.0.2", "127.0.0.10 127.0.0.1", DNSBL_REFUSED, NULL}};
    struct asked *asked = *state;

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        assert_int_equal(answer(asked, cases[i].list, cases[i].codes), DNSBL_FAILED);
        assert_int_equal(asked->answer->cause, cases[i].cause);
        if (cases[i].why != NULL)
            assert_string_equal(asked->answer->why, cases[i].why);
        g_auto(GStrv) words = g_strsplit(cases[i].codes, " ", -1);
        assert_int_equal(asked->answer->others->len, g_strv_length(words));
        assert_int_equal(dnsbl_weight(g_ptr_array_index(asked->lists, 0), asked->answer), 0);
        g_autofree char *log = logged();
        assert_int_equal(lines(log), 1);
        assert_non_null(strstr(log, ": event=dnsbl level=warning list=z"));
        assert_null(strstr(log, "...")); /* the whole sentence is there */
    }
}

static void
test_no_answer(void **state)
{
    struct asked *asked = *state;

    dns_table_fail(asked->table, "9.2.0.192.broken.test", DNS_A);
    assert_int_equal(ask(asked, "broken.test", "192.0.2.9"), DNSBL_FAILED);
    assert_int_equal(asked->answer->cause, DNSBL_DNS);
    assert_string_equal(asked->answer->why, "does not answer (SERVFAIL): look at the resolver, and whether the list has ended");
    dns_table_silence(asked->table, "9.2.0.192.silent.test");
    asked->lookup = dnsbl_start(asked->dns, parse(asked, "silent.test"), "192.0.2.9");
    asked->answer = dnsbl_wait(asked->lookup, g_get_monotonic_time() + 1000);
    assert_int_equal(asked->answer->outcome, DNSBL_FAILED);
    assert_non_null(strstr(asked->answer->why, "(no answer in time)"));
    g_autofree char *log = logged();
    assert_int_equal(lines(log), 2);
    /* Freed unanswered: nobody waited, so nothing is told. */
    asked->lookup = dnsbl_start(asked->dns, parse(asked, "silent.test"), "192.0.2.9");
    dnsbl_lookup_free(&asked->lookup);
    dnsbl_lookup_free(&asked->lookup);
    g_autofree char *later = logged();
    assert_string_equal(later, "");

    for (guint i = 0; i <= DNS_RECORDS_MAX; i++) {
        g_autofree char *each = g_strdup_printf("127.0.0.%u", i + 2);
        dns_table_add(asked->table, "9.2.0.192.huge.test", DNS_A, 0, each, -1);
    }
    assert_int_equal(ask(asked, "huge.test", "192.0.2.9"), DNSBL_FAILED);
    assert_int_equal(asked->answer->cause, DNSBL_TRUNCATED);
    assert_int_equal(asked->answer->others->len, DNS_RECORDS_MAX);
}

/* An A record of another length, from a source that lets it through. */
static void
answer_short(gpointer data, const char *name, enum dns_type type, struct dns_lookup *lookup)
{
    struct dns_answer *answer = dns_answer_new(DNS_FOUND);

    (void)data, (void)name, (void)type;
    dns_answer_add(answer, 0, "\x7f\0\0", 3);
    dns_complete(lookup, answer);
}

static void
test_malformed_record(void **state)
{
    static const struct dns_source source = {answer_short, NULL};
    struct asked *asked = *state;

    dns_unref(asked->dns);
    asked->dns = dns_new(&source, NULL);
    assert_int_equal(ask(asked, "short.test", "192.0.2.9"), DNSBL_FAILED);
    assert_int_equal(asked->answer->cause, DNSBL_FOREIGN);
}

static void
test_weights(void **state)
{
    static const struct {
        const char *entries, *codes;
        int weight;
    } cases[] = {
        {"w.test", "127.0.0.2 127.0.0.3", 1},
        {"w.test*4", "127.0.0.2 127.0.0.3", 4}, /* once, as Postfix has it */
        {"w.test=127.0.0.2*4 w.test=127.0.0.3*-1", "127.0.0.2 127.0.0.3", 3},
        {"w.test=127.0.0.2*4 w.test=127.0.0.3*-1", "127.0.0.3", -1},
        {"w.test=127.0.0.2*4 w.test=127.0.0.3*0", "127.0.0.3", 0},
        {"w.test=127.0.0.1*7 w.test*2", "127.0.0.1", 7}};
    struct asked *asked = *state;

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *zone = g_strdup_printf("w%u.test", i), *name = g_strconcat("9.2.0.192.", zone, NULL);
        g_auto(GStrv) parts = g_strsplit(cases[i].entries, "w.test", -1), words = g_strsplit(cases[i].codes, " ", -1);
        g_autofree char *entries = g_strjoinv(zone, parts);

        for (guint w = 0; words[w] != NULL; w++)
            dns_table_add(asked->table, name, DNS_A, 0, words[w], -1);
        assert_int_equal(ask(asked, entries, "192.0.2.9"), DNSBL_LISTED);
        assert_int_equal(dnsbl_weight(g_ptr_array_index(asked->lists, 0), asked->answer), cases[i].weight);
    }
}

/* ---- what is asked ---- */

static void
test_names(void **state)
{
    static const char *const names[][2] = {
        {"192.0.2.9", "9.2.0.192.n.test"},
        {"::ffff:192.0.2.9", "9.2.0.192.n.test"},
        {"IPv6:2001:db8::9", "9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.n.test"},
        {"Spam.Example.", "spam.example.n.test"},
        {"_x.spam.example", "_x.spam.example.n.test"}};
    struct asked *asked = *state;
    const guint8 mapped[16] = {[10] = 0xff, 0xff, 192, 0, 2, 7};

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        assert_int_equal(ask(asked, "n.test", names[i][0]), DNSBL_NOT_LISTED);
        assert_string_equal(dnsbl_lookup_name(asked->lookup), names[i][1]);
    }
    asked->lookup = dnsbl_start_address(asked->dns, parse(asked, "n.test"), mapped, 16);
    assert_string_equal(dnsbl_lookup_name(asked->lookup), "7.2.0.192.n.test");
}

static void
test_not_asked(void **state)
{
    static const char *const subjects[] = {
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.2", "169.254.1.1", "172.16.0.1", "172.31.255.255",
        "192.168.1.1", "198.19.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "::ffff:10.0.0.1", "fe80::1", "fc00::1", "fdff::1",
        "ff02::1", "64:ff9b::1", "", ".", "localhost", "mailhost", "printer.local", "a.b.LOCALHOST.", "x.internal", "y.onion",
        "nas.home.arpa", "two words.example", "a..example", "1.2.3", "256.0.0.1", "a.b/c.example", "1.2.3.4.5.\xc3\xa9", "[192.0.2.1]"};
    static const char *const asked_about[] = {"9.255.255.255", "11.0.0.0", "100.63.0.1", "100.128.0.1", "172.15.0.1", "172.32.0.1",
                                              "223.255.255.255", "2001:db8::1", "2a00::1", "3fff::1", "local.example", "a.localhosts"};
    struct asked *asked = *state;
    g_autofree char *label = g_strnfill(60, 'x'), *name = g_strjoin(".", label, label, label, label, NULL);

    for (guint i = 0; i < G_N_ELEMENTS(subjects); i++) {
        assert_int_equal(ask(asked, "n.test", subjects[i]), DNSBL_NOT_ASKED);
        assert_null(dnsbl_lookup_name(asked->lookup));
    }
    assert_true(dns_name_is_valid(name));
    assert_int_equal(ask(asked, "longer.test", name), DNSBL_NOT_ASKED);
    assert_string_equal(asked->answer->why, "the name is too long to be asked about");
    assert_int_equal(dns_table_asked(asked->table), 0);
    for (guint i = 0; i < G_N_ELEMENTS(asked_about); i++)
        assert_int_equal(ask(asked, "n.test", asked_about[i]), DNSBL_NOT_LISTED);
    assert_int_equal(dns_table_asked(asked->table), G_N_ELEMENTS(asked_about));
    g_autofree char *log = logged();
    assert_string_equal(log, "");
}

/* ---- telling ---- */

static void
fail_once(struct asked *asked, const char *list, const char *address)
{
    assert_int_equal(ask(asked, list, address), DNSBL_FAILED);
}

static void
test_warnings_are_few(void **state)
{
    struct asked *asked = *state;

    dns_table_add(asked->table, "9.2.0.192.few.test", DNS_A, 0, "127.255.255.254", -1);
    dns_table_add(asked->table, "8.2.0.192.few.test", DNS_A, 0, "192.0.2.80", -1);
    dns_table_add(asked->table, "9.2.0.192.other.test", DNS_A, 0, "127.255.255.254", -1);
    dnsbl_warn_every(3600);
    for (guint i = 0; i < 5; i++)
        fail_once(asked, "few.test", "192.0.2.9");
    g_autofree char *log = logged();
    assert_int_equal(lines(log), 1);
    assert_non_null(strstr(log, "event=dnsbl level=warning list=few.test cause=refused msg=\"refuses our resolver (127.255.255.254): public "
                                "resolvers are not served; use dns.mode = recursive, or a key of its owner\"\n"));
    fail_once(asked, "few.test", "192.0.2.8"); /* another cause, another list: each its own time */
    fail_once(asked, "other.test", "192.0.2.9");
    g_autofree char *more = logged();
    assert_int_equal(lines(more), 2);
}

static void
test_warnings_come_again(void **state)
{
    struct asked *asked = *state;

    dns_table_add(asked->table, "9.2.0.192.again.test", DNS_A, 0, "127.255.255.254", -1);
    dnsbl_warn_every(1);
    fail_once(asked, "again.test", "192.0.2.9");
    fail_once(asked, "again.test", "192.0.2.9");
    g_usleep(1100000);
    fail_once(asked, "again.test", "192.0.2.9");
    g_autofree char *log = logged();
    assert_int_equal(lines(log), 2);
}

struct crowd {
    struct dns *dns;
    const struct dnsbl *list;
};

static gpointer
one_of_many(gpointer data)
{
    const struct crowd *crowd = data;

    for (guint i = 0; i < 50; i++) {
        struct dnsbl_lookup *lookup = dnsbl_start(crowd->dns, crowd->list, "192.0.2.9");
        if (dnsbl_wait(lookup, g_get_monotonic_time() + G_USEC_PER_SEC)->cause != DNSBL_REFUSED)
            g_error("not refused");
        dnsbl_lookup_free(&lookup);
    }
    return NULL;
}

static void
test_threads_and_metric(void **state)
{
    struct asked *asked = *state;
    struct crowd crowd = {asked->dns, parse(asked, "crowd.test")};
    GThread *threads[4];
    g_autoptr(GString) text = g_string_new(NULL);

    dns_table_add(asked->table, "9.2.0.192.crowd.test", DNS_A, 0, "127.255.255.254", -1);
    dnsbl_warn_every(3600);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("asker", one_of_many, &crowd);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    g_autofree char *log = logged();
    assert_int_equal(lines(log), 1);
    ask(asked, "calm.test", "192.0.2.9");
    metrics_render(text);
    assert_non_null(strstr(text->str, "# TYPE postern_dnsbl_failures_total counter\n"));
    assert_non_null(strstr(text->str, "postern_dnsbl_failures_total{list=\"crowd.test\",cause=\"unknown\"} 0\n"
                                      "postern_dnsbl_failures_total{list=\"crowd.test\",cause=\"refused\"} 200\n"
                                      "postern_dnsbl_failures_total{list=\"crowd.test\",cause=\"foreign\"} 0\n"
                                      "postern_dnsbl_failures_total{list=\"crowd.test\",cause=\"truncated\"} 0\n"
                                      "postern_dnsbl_failures_total{list=\"crowd.test\",cause=\"dns\"} 0\n"));
    assert_non_null(strstr(text->str, "postern_dnsbl_failures_total{list=\"calm.test\",cause=\"dns\"} 0\n"));
}

/* ---- checks ---- */

static enum dnsbl_health
health(struct asked *asked, const char *list, enum dnsbl_kind kind)
{
    struct dnsbl_check check;
    const char *why;

    dnsbl_check_start(&check, asked->dns, parse(asked, list));
    enum dnsbl_health health = dnsbl_check_wait(&check, kind, g_get_monotonic_time() + 100000, &why);
    assert_true((why != NULL) == (health == DNSBL_SICK));
    dnsbl_check_clear(&check);
    dnsbl_check_clear(&check);
    return health;
}

static void
test_check(void **state)
{
    struct asked *asked = *state;

    dns_table_add(asked->table, "2.0.0.127.v4.test", DNS_A, 0, "127.0.0.2", -1);
    assert_int_equal(health(asked, "v4.test", DNSBL_IPV4), DNSBL_WORKS);
    assert_int_equal(health(asked, "v4.test", DNSBL_IPV6), DNSBL_ABSENT);
    assert_int_equal(health(asked, "v4.test", DNSBL_NAMES), DNSBL_ABSENT);
    assert_int_equal(health(asked, "v4.test=127.0.0.9", DNSBL_IPV4), DNSBL_SICK); /* not the codes of the setting */
    dns_table_add(asked->table, V6_2 ".v6.test", DNS_A, 0, "127.0.0.2", -1);
    assert_int_equal(health(asked, "v6.test", DNSBL_IPV6), DNSBL_WORKS);
    assert_int_equal(health(asked, "v6.test", DNSBL_IPV4), DNSBL_ABSENT);
    dns_table_add(asked->table, "test.names.test", DNS_A, 0, "127.0.1.2", -1);
    assert_int_equal(health(asked, "names.test", DNSBL_NAMES), DNSBL_WORKS);
    for (guint i = 1; i <= 2; i++) {
        dns_table_add(asked->table, i == 1 ? "1.0.0.127.all.test" : "2.0.0.127.all.test", DNS_A, 0, "127.0.0.2", -1);
        dns_table_add(asked->table, i == 1 ? V6_1 ".all.test" : V6_2 ".all.test", DNS_A, 0, "127.0.0.2", -1);
        dns_table_add(asked->table, i == 1 ? "invalid.all.test" : "test.all.test", DNS_A, 0, "127.0.0.2", -1);
    }
    for (guint kind = 0; kind < DNSBL_KINDS; kind++)
        assert_int_equal(health(asked, "all.test", (enum dnsbl_kind)kind), DNSBL_LISTS_ALL);
    dns_table_add(asked->table, "2.0.0.127.refuses.test", DNS_A, 0, "127.255.255.254", -1);
    assert_int_equal(health(asked, "refuses.test", DNSBL_IPV4), DNSBL_SICK);
    dns_table_add(asked->table, "2.0.0.127.half.test", DNS_A, 0, "127.0.0.2", -1);
    dns_table_silence(asked->table, "1.0.0.127.half.test");
    assert_int_equal(health(asked, "half.test", DNSBL_IPV4), DNSBL_SICK);
    g_autofree char *log = logged();
    assert_string_equal(log, "");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_codes), TEST(test_lists), TEST(test_keys_are_not_shown), TEST(test_refused_notation), TEST(test_errors_tell),
        TEST(test_bounds), TEST(test_outcomes), TEST(test_failures), TEST(test_no_answer), TEST(test_malformed_record),
        TEST(test_weights), TEST(test_names), TEST(test_not_asked), TEST(test_warnings_are_few), TEST(test_warnings_come_again),
        TEST(test_threads_and_metric), TEST(test_check)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
