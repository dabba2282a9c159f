/* test_spf_limits.c: what bounds an evaluation, whatever the DNS answers: RFC 7208 4.6.4, our own caps, and time. */
#include "tests/unit/auth/spf_zone.h"

/* Adds "NAME TXT v=spf1 TERMS" with count times term (its %u: the number from first), and tail. */
static void
add_record(struct zone *zone, const char *name, const char *term, guint first, guint count, const char *tail)
{
    g_autoptr(GString) line = g_string_new(NULL);
    g_auto(GStrv) parts = g_strsplit(term, "%u", 2);

    g_string_printf(line, "%s TXT v=spf1", name);
    for (guint i = first; i < first + count; i++)
        if (parts[0] != NULL && parts[1] != NULL)
            g_string_append_printf(line, " %s%u%s", parts[0], i, parts[1]);
        else
            g_string_append_printf(line, " %s", term);
    g_string_append_printf(line, " %s", tail);
    zone_line(zone->table, line->str);
}

static void
add_hosts(struct zone *zone, const char *format, const char *type, guint count, const char *address)
{
    g_auto(GStrv) parts = g_strsplit(format, "%u", 2);

    for (guint i = 0; i < count; i++) {
        g_autofree char *line = g_strdup_printf("%s%u%s %s %s", parts[0], i, parts[1], type, address);
        zone_line(zone->table, line);
    }
}

static void
test_lookups(void **state)
{
    struct zone *zone =
        zone_new("a.test A 198.51.100.1\nb.test A 198.51.100.1\nr.test A 198.51.100.1\np.test A 198.51.100.1\n"
                 "1.2.0.192.in-addr.arpa PTR q.test\nq.test A 192.0.2.1\nq.test.p.test A 127.0.0.2\n"
                 "ip.test TXT v=spf1 ip4:192.0.2.1");

    (void)state;
    add_record(zone, "a.test", "a", 0, 10, "-all");
    add_record(zone, "b.test", "a", 0, 11, "-all");
    add_record(zone, "r.test", "a", 0, 10, "redirect=ip.test");
    add_record(zone, "s.test", "a:a.test", 0, 9, "redirect=ip.test");
    add_record(zone, "p.test", "a", 0, 8, "exists:%{p}.p.test"); /* the macro's PTR lookup is one, too */
    add_record(zone, "q.test", "a", 0, 9, "exists:%{p}.p.test");
    add_record(zone, "t.test", "a:a.test", 0, 10, "-all exp=e.%{p}");
    zone_add(zone, "e.q.test TXT of %{p}");
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@a.test"), AUTH_FAIL);
    assert_int_equal(zone->result.lookups, SPF_LOOKUPS_MAX);
    assert_int_equal(zone->result.questions, 2);
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@b.test"), AUTH_PERMERROR);
    assert_string_equal(zone->result.why, "more than 10 terms that ask the DNS");
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@r.test"), AUTH_PERMERROR);
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@s.test"), AUTH_PASS);
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@p.test"), AUTH_PASS);
    assert_int_equal(zone->result.lookups, SPF_LOOKUPS_MAX);
    assert_int_equal(zone_check(zone, "192.0.2.2", "x@t.test"), AUTH_FAIL);
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@t.test"), AUTH_FAIL);
    assert_string_equal(zone->result.explanation, "of q.test");
    zone_add(zone, "u.test TXT v=spf1 a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test a:a.test "
                   "exists:%{p}.p.test");
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@u.test"), AUTH_PERMERROR);
    zone_free(zone);
}

static void
test_loops(void **state)
{
    struct zone *zone = zone_new("a.test TXT v=spf1 include:b.test\nb.test TXT v=spf1 include:a.test\n"
                                 "r.test TXT v=spf1 redirect=r.test\n"
                                 "self.test TXT v=spf1 include:self.test include:self.test");
    static const char *const senders[] = {"x@a.test", "x@r.test", "x@self.test"};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(senders); i++) {
        assert_int_equal(zone_check(zone, "192.0.2.1", senders[i]), AUTH_PERMERROR);
        assert_string_equal(zone->result.why, "more than 10 terms that ask the DNS");
        assert_true(zone->result.questions <= 2);
    }
    zone_free(zone);
}

static void
test_mx_and_ptr(void **state)
{
    struct zone *zone = zone_new("a.test TXT v=spf1 mx -all\nb.test TXT v=spf1 mx -all\nh0.test A 192.0.2.1\n"
                                 "h9.test A 192.0.2.9\n"
                                 "p.test TXT v=spf1 ptr -all");

    (void)state;
    add_hosts(zone, "h%u.test", "A", 10, "198.51.100.1");
    for (guint i = 0; i < 11; i++) {
        g_autofree char *lines =
            g_strdup_printf("%s MX h%u.test\nb.test MX h%u.test", i < 10 ? "a.test" : "c.test", i, i);
        zone_add(zone, lines);
    }
    assert_int_equal(zone_check(zone, "192.0.2.9", "x@a.test"), AUTH_PASS);
    assert_int_equal(zone->result.lookups, 1);
    guint asked = dns_table_asked(zone->table);
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@b.test"), AUTH_PERMERROR);
    assert_string_equal(zone->result.why, "b.test has more than 10 MX hosts");
    assert_int_equal(dns_table_asked(zone->table), asked + 2); /* none of the hosts */
    /* The eleventh name of an address is not looked at. */
    for (guint i = 0; i < 10; i++) {
        g_autofree char *lines = g_strdup_printf("1.2.0.192.in-addr.arpa PTR n%u.p.test", i);
        zone_add(zone, lines);
    }
    zone_add(zone, "1.2.0.192.in-addr.arpa PTR z.p.test\nz.p.test A 192.0.2.1\n3.2.0.192.in-addr.arpa PTR z.p.test\n"
                   "z.p.test A 192.0.2.3");
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@p.test"), AUTH_FAIL);
    assert_int_equal(zone->result.questions, 2 + SPF_PTR_MAX);
    assert_int_equal(zone_check(zone, "192.0.2.3", "x@p.test"), AUTH_PASS);
    zone_free(zone);
}

/* Terms that lead nowhere count once each, whatever the number of their empty answers; the third is one too many. */
static void
test_voids(void **state)
{
    struct zone *zone =
        zone_new("a.test TXT v=spf1 a:n1.test exists:n2.test -all exp=n3.test\n"
                 "b.test TXT v=spf1 a:n1.test a:n2.test a:n3.test -all\n"
                 "same.test TXT v=spf1 a:n.test a:n.test a:n.test -all\nmx.test TXT v=spf1 mx a:n1.test -all\n"
                 "mx.test MX n1.test\nmx.test MX n2.test\nmx.test MX n3.test\n"
                 "in.test TXT v=spf1 a:n1.test include:b.test\n"
                 "data.test TXT v=spf1 a a//1 mx:data.test ?all\n"
                 "bad.test TXT v=spf1 a:a..b.test a:a..c.test a:a..d.test ?all\n"
                 "p.test TXT v=spf1 ptr exists:n.test exists:n.test ?all\n"
                 "q.test TXT v=spf1 exists:%{p}.test a:n1.test a:n2.test ?all");

    (void)state;
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@a.test"), AUTH_FAIL);
    assert_int_equal(zone->result.voids, SPF_VOIDS_MAX);
    zone_add(zone, "c.test A 198.51.100.1\nc.test TXT v=spf1 a:n1.test a:n2.test a -all exp=e.%{p}\ne.unknown TXT from %{p}");
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@c.test"), AUTH_FAIL);
    assert_int_equal(zone->result.voids, SPF_VOIDS_MAX);
    assert_string_equal(zone->result.explanation, "from unknown");
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@b.test"), AUTH_PERMERROR);
    assert_string_equal(zone->result.why, "more than 2 terms that lead nowhere");
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@same.test"), AUTH_PERMERROR);
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@mx.test"), AUTH_FAIL);
    assert_int_equal(zone->result.voids, 2);
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@in.test"), AUTH_PERMERROR);
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@data.test"), AUTH_PERMERROR);
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@bad.test"), AUTH_NEUTRAL);
    assert_int_equal(zone->result.voids, 0);
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@p.test"), AUTH_PERMERROR);
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@q.test"), AUTH_PERMERROR);
    zone_free(zone);
}

static void
test_terms(void **state)
{
    struct zone *zone =
        zone_new("max.test TXT v=spf1 include:t0.test include:t1.test include:t2.test include:t3.test all\n"
                 "over.test TXT v=spf1 include:t0.test include:t1.test include:t2.test include:t3.test "
                 "all all");

    (void)state;
    add_record(zone, "thousand.test", "ip4:1.1.1.1", 0, 1000, "~all");
    add_record(zone, "t0.test", "-ip4:1.1.1.1", 0, 1200, "");
    add_record(zone, "t1.test", "-ip4:1.1.1.1", 0, 1200, "");
    add_record(zone, "t2.test", "-ip4:1.1.1.1", 0, 1200, "");
    add_record(zone, "t3.test", "-ip4:1.1.1.1", 0, SPF_TERMS_MAX - 3600 - 5, "");
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@thousand.test"), AUTH_SOFTFAIL);
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@max.test"), AUTH_PASS);
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@over.test"), AUTH_PERMERROR);
    assert_string_equal(zone->result.why, "more than 4096 terms, the last in the record of t3.test");
    zone_free(zone);
}

/* Records of the longest TXT, NULs inside, and macros that grow: errors, at once. */
static void
test_hostile_text(void **state)
{
    struct zone *zone = zone_new("g.test TXT v=spf1 ip4:192.0.2.1");
    g_autofree char *big = g_strnfill(DNS_DATA_MAX, 'a');
    g_autoptr(GString) grow = g_string_new("v=spf1 exists:");

    (void)state;
    memcpy(big, "v=spf1 ", 7);
    dns_table_add(zone->table, "big.test", DNS_TXT, 0, big, DNS_DATA_MAX);
    dns_table_add(zone->table, "nul.test", DNS_TXT, 0, "v=spf1 +all\0 -all", 17);
    dns_table_add(zone->table, "nul2.test", DNS_TXT, 0, "v=spf1\0 -all", 12);
    for (guint i = 0; i < 3000; i++)
        g_string_append(grow, "%{S}");
    dns_table_add(zone->table, "grow.test", DNS_TXT, 0, grow->str, -1);
    dns_table_add(zone->table, "digits.test", DNS_TXT, 0,
                  "v=spf1 exists:%{d4294967297}.x.test "
                  "exists:%{d18446744073709551617r}.y.test -all",
                  -1);
    zone_add(zone, "digits.test.x.test A 127.0.0.2");
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@big.test"), AUTH_PERMERROR);
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@nul.test"), AUTH_PERMERROR);
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@nul2.test"), AUTH_NONE);
    assert_int_equal(zone_check(zone, "192.0.2.1", "!!!!!!!!!!!!!!!!@grow.test"), AUTH_PERMERROR);
    assert_string_equal(zone->result.why, "the expansion of a domain-spec of grow.test is too long");
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@digits.test"), AUTH_PASS);
    /* An explanation may be as large, and is left out then. */
    dns_table_add(zone->table, "e.test", DNS_TXT, 0, "v=spf1 -all exp=t.test", -1);
    dns_table_add(zone->table, "t.test", DNS_TXT, 0, grow->str, -1);
    assert_int_equal(zone_check(zone, "192.0.2.1", "!!!!!!!!!!!!!!!!@e.test"), AUTH_FAIL);
    assert_null(zone->result.explanation);
    zone_free(zone);
}

/* The worst that a record can make us ask stays below the bound. */
static void
test_questions(void **state)
{
    struct zone *zone = zone_new("a.test TXT v=spf1 mx:m0.test mx:m1.test mx:m2.test mx:m3.test mx:m4.test mx:m5.test "
                                 "mx:m6.test mx:m7.test "
                                 "mx:m8.test mx:m9.test -all exp=%{p}.test");

    (void)state;
    for (guint i = 0; i < 100; i++) {
        g_autofree char *lines = g_strdup_printf("m%u.test MX h%u.test\nh%u.test A 198.51.100.1\n"
                                                 "1.2.0.192.in-addr.arpa PTR p%u.test",
                                                 i / 10, i, i, i);
        zone_add(zone, lines);
    }
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@a.test"), AUTH_FAIL);
    assert_int_equal(zone->result.questions, 1 + 10 + 100 + 1 + 10 + 1);
    assert_int_equal(zone->result.questions, dns_table_asked(zone->table));
    assert_true(zone->result.questions <= SPF_QUESTIONS_MAX);
    zone_free(zone);
}

/* Asked early is what the record needs first; not what can't be reached, and no more than the cap. */
static void
test_early_questions(void **state)
{
    struct zone *zone =
        zone_new("a.test A 192.0.2.1\n"
                 "a.test TXT v=spf1 a mx exists:x.test include:i.test ptr a:%{p}.x.test -all\n"
                 "b.test TXT v=spf1 ip4:192.0.2.0/24 a mx\nc.test TXT v=spf1 all a mx\nb.test A 192.0.2.1\n"
                 "d.test TXT v=spf1 a:a.test ip4:192.0.2.1 mx include:x.test\n"
                 "e.test TXT v=spf1 a:a.test redirect=r.test\n"
                 "f.test TXT v=spf1 include:g.test include:h.test ~all\n"
                 "g.test TXT v=spf1 a:g1 a:g2 a:g3 a:g4 a:g5 a:g6\n");
    static const struct {
        const char *sender;
        guint asked, lookups;
    } cases[] = {{"x@a.test", 1 + 5, 1}, /* the two with a PTR ask the same */
                 {"x@b.test", 1, 0},
                 {"x@c.test", 1, 0},
                 {"x@d.test", 1 + 1, 1},
                 {"x@e.test", 1 + 2, 1}};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        guint before = dns_table_asked(zone->table);
        assert_int_equal(zone_check(zone, "192.0.2.1", cases[i].sender), AUTH_PASS);
        assert_int_equal(dns_table_asked(zone->table) - before, cases[i].asked);
        assert_int_equal(zone->result.lookups, cases[i].lookups);
        assert_int_equal(zone->result.voids, 0);
    }
    /* Beyond the tenth term nothing is asked for, as it can't be reached. */
    add_record(zone, "w.test", "a:k%u.test", 0, 14, "-all");
    zone_add(zone, "k0.test A 192.0.2.1");
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@w.test"), AUTH_PASS);
    assert_int_equal(zone->result.questions, 1 + SPF_LOOKUPS_MAX);
    /* An include chain, each record with nine more terms: guesses end at the cap. */
    for (guint i = 0; i < 5; i++) {
        g_autofree char *name = g_strdup_printf("l%u.test", i), *first = g_strdup_printf("include:l%u.test", i + 1);
        g_autoptr(GString) tail = g_string_new(NULL);
        for (guint k = 0; k < 9; k++)
            g_string_append_printf(tail, " a:k%u.l%u.test", k, i);
        add_record(zone, name, first, 0, 1, tail->str);
    }
    zone_add(zone, "l5.test TXT v=spf1 +all");
    assert_int_equal(zone_check(zone, "192.0.2.1", "x@l0.test"), AUTH_PASS);
    assert_int_equal(zone->result.lookups, 5);
    assert_true(zone->result.questions > SPF_PREFETCH_MAX);
    assert_true(zone->result.questions <= 1 + 5 + SPF_PREFETCH_MAX);
    zone_free(zone);
}

/* ---- other sources ---- */

#define INCLUDES 8u
struct crowd {
    struct dns_lookup *waiting[INCLUDES];
    guint count;
};

/* Answers the includes only when all of them have been asked for. */
static void
crowd_ask(gpointer data, const char *name, enum dns_type type, struct dns_lookup *lookup)
{
    struct crowd *crowd = data;
    struct dns_answer *answer = dns_answer_new(DNS_FOUND);

    (void)type;
    if (g_str_equal(name, "a.test")) {
        static const char text[] = "v=spf1 include:0.b.test include:1.b.test include:2.b.test include:3.b.test "
                                   "include:4.b.test "
                                   "include:5.b.test include:6.b.test include:7.b.test -all";
        dns_answer_add(answer, 0, text, strlen(text));
        dns_complete(lookup, answer);
        return;
    }
    dns_answer_free(&answer);
    crowd->waiting[crowd->count++] = lookup;
    for (guint i = 0; crowd->count == INCLUDES && i < INCLUDES; i++) {
        answer = dns_answer_new(DNS_FOUND);
        dns_answer_add(answer, 0, "v=spf1 ip4:198.51.100.1", 23);
        dns_complete(crowd->waiting[i], answer);
    }
}

static void
test_includes_travel_together(void **state)
{
    static const struct dns_source source = {crowd_ask, NULL};
    struct crowd crowd = {.count = 0};
    struct zone zone = {.dns = dns_new(&source, &crowd)};

    (void)state;
    assert_int_equal(zone_check_until(&zone, SPF_MAIL_FROM, "192.0.2.1", "helo.test", "x@a.test",
                                      g_get_monotonic_time() + 5 * G_USEC_PER_SEC),
                     AUTH_FAIL);
    assert_int_equal(crowd.count, INCLUDES);
    spf_result_clear(&zone.result);
    dns_unref(zone.dns);
}

/* Names say how they are answered: "secure", "cut" in them. */
static void
odd_ask(gpointer data, const char *name, enum dns_type type, struct dns_lookup *lookup)
{
    const char *text = strstr(name, "include") != NULL ? "v=spf1 include:plain.test"
                       : strstr(name, "a.") == name    ? "v=spf1 a:secure.cut.test ~all"
                                                       : "v=spf1 +all";
    struct dns_answer *answer = dns_answer_new(DNS_FOUND);

    (void)data;
    answer->secure = strstr(name, "secure") != NULL;
    answer->truncated = strstr(name, "cut") != NULL;
    if (type == DNS_TXT)
        dns_answer_add(answer, 0, text, strlen(text));
    else
        dns_answer_add(answer, 0, "\xc0\0\2\1", 4);
    dns_complete(lookup, answer);
}

static void
test_secure_and_cut_answers(void **state)
{
    static const struct dns_source source = {odd_ask, NULL};
    struct zone zone = {.dns = dns_new(&source, NULL)};

    (void)state;
    assert_int_equal(zone_check(&zone, "192.0.2.1", "x@secure.test"), AUTH_PASS);
    assert_true(zone.result.secure);
    assert_int_equal(zone_check(&zone, "192.0.2.1", "x@plain.test"), AUTH_PASS);
    assert_false(zone.result.secure);
    assert_int_equal(zone_check(&zone, "192.0.2.1", "x@include.secure.test"), AUTH_PASS);
    assert_false(zone.result.secure);
    assert_int_equal(zone_check(&zone, "192.0.2.1", "x@cut.test"), AUTH_PERMERROR);
    assert_string_equal(zone.result.why, "TXT of cut.test: too large an answer");
    assert_int_equal(zone_check(&zone, "192.0.2.1", "x@a.secure.test"), AUTH_PASS);
    assert_int_equal(zone_check(&zone, "192.0.2.2", "x@a.secure.test"), AUTH_PERMERROR);
    assert_string_equal(zone.result.why, "addresses of secure.cut.test: too large an answer");
    spf_result_clear(&zone.result);
    dns_unref(zone.dns);
}

/* ---- time ---- */

/* Whatever is waited for; even where a failed lookup alone would be no match (ptr), or no explanation. */
static void
test_deadline(void **state)
{
    struct zone *zone = zone_new("slow.test SILENT\na.test TXT v=spf1 a:slow.test -all\nmx.test TXT v=spf1 mx -all\n"
                                 "mx.test MX slow.test\n"
                                 "i.test TXT v=spf1 include:slow.test -all\nr.test TXT v=spf1 redirect=slow.test\n"
                                 "p.test TXT v=spf1 ptr -all\n"
                                 "1.2.0.192.in-addr.arpa SILENT\nq.test TXT v=spf1 exists:%{p}.x.test -all\n"
                                 "2.2.0.192.in-addr.arpa PTR slow.test\n"
                                 "e.test TXT v=spf1 -all exp=slow.test\nf.test TXT v=spf1 -all exp=%{p}.test\n"
                                 "unknown.test TXT late\n"
                                 "early.test TXT v=spf1 ip4:192.0.2.1 a:slow.test");
    static const char *const slow[][2] = {
        {"x@slow.test", "192.0.2.3"}, {"x@a.test", "192.0.2.3"}, {"x@mx.test", "192.0.2.3"},
        {"x@i.test", "192.0.2.3"},    {"x@r.test", "192.0.2.3"}, {"x@p.test", "192.0.2.1"},
        {"x@p.test", "192.0.2.2"},    {"x@q.test", "192.0.2.1"}, {"x@q.test", "192.0.2.2"}};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(slow); i++) {
        gint64 begun = g_get_monotonic_time();
        assert_int_equal(zone_check_until(zone, SPF_MAIL_FROM, slow[i][1], "helo.test", slow[i][0], begun + 20000),
                         AUTH_TEMPERROR);
        assert_true(g_str_has_prefix(zone->result.why, "no time is left: "));
        assert_true(g_get_monotonic_time() - begun < 10 * G_USEC_PER_SEC);
    }
    static const char *const explained[] = {"x@e.test", "x@f.test"};
    for (guint i = 0; i < G_N_ELEMENTS(explained); i++) {
        assert_int_equal(zone_check_until(zone, SPF_MAIL_FROM, "192.0.2.1", "helo.test", explained[i],
                                          g_get_monotonic_time() + 20000),
                         AUTH_FAIL);
        assert_null(zone->result.why);
    }
    assert_string_equal(zone->result.explanation, "late"); /* the name is unknown, the text was there */
    assert_int_equal(zone_check_until(zone, SPF_MAIL_FROM, "192.0.2.1", "helo.test", "x@early.test", 1), AUTH_PASS);
    zone_free(zone);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookups),
        cmocka_unit_test(test_loops),
        cmocka_unit_test(test_mx_and_ptr),
        cmocka_unit_test(test_voids),
        cmocka_unit_test(test_terms),
        cmocka_unit_test(test_hostile_text),
        cmocka_unit_test(test_questions),
        cmocka_unit_test(test_early_questions),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_includes_travel_together),
        cmocka_unit_test(test_secure_and_cut_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
