/* test_signin.c: who is delayed, refused and banned, and who is not; with made-up times, on a state in memory. */
#include "policyd/signin/bans.h"
#include "policyd/signin/guesses.h"
#include "policyd/signin/signin.h"
#include "policyd/signin/signin_rules.h"
#include "policyd/state/facts.h"
#include "policyd/state/marks.h"
#include "tests/unit/policyd/state_test.h"

#define HOUR_MS G_GINT64_CONSTANT(3600000)
#define ME "bob@a.test"
#define HOME "198.51.100.7"

struct bench {
    struct state *state;
    struct config *config;
    struct signin *signin;
    gint64 now_ms;
    guint passwords, sessions;
};

static void
bench_open(struct bench *bench, const char *settings)
{
    g_autofree char *dir = test_dir(), *path = g_build_filename(dir, "postern.conf", NULL), *text = g_strdup_printf("signin { %s }\n", settings);
    struct settings_report *report = settings_report_new();

    *bench = (struct bench){.state = memory_state("a"), .now_ms = T0_MS};
    bench->state->loaded = TRUE;
    assert_true(g_file_set_contents(path, text, -1, NULL));
    bench->config = config_load(path, report);
    if (bench->config == NULL)
        fail_msg("%s", (char *)g_ptr_array_index(report->errors, 0));
    settings_report_free(&report);
    test_dir_free(g_steal_pointer(&dir));
    bench->signin = signin_new(bench->state, bench->config);
}

static void
bench_close(struct bench *bench)
{
    signin_free(&bench->signin);
    signin_free(&bench->signin);
    config_unref(bench->config);
    state_free(&bench->state);
}

/* Strings are borrowed. */
static struct signin_request
request(const char *user, const char *remote, const char *pwhash, const char *session)
{
    return (struct signin_request){.user = (char *)(guintptr)user, .remote = (char *)(guintptr)remote, .pwhash = (char *)(guintptr)pwhash,
                                   .protocol = (char *)(guintptr) "imap", .session = (char *)(guintptr)session};
}

static struct signin_answer
ask(struct bench *bench, const char *user, const char *remote, const char *pwhash)
{
    struct signin_request r = request(user, remote, pwhash, "");
    struct signin_answer answer;

    signin_allow(bench->signin, &r, bench->now_ms, &answer);
    return answer;
}

static enum signin_counted
report(struct bench *bench, const char *user, const char *remote, const char *pwhash, gboolean success, gboolean *banned_r)
{
    struct signin_request r = request(user, remote, pwhash, "");
    gboolean banned;

    r.told = TRUE;
    r.success = success;
    return signin_report(bench->signin, &r, bench->now_ms, banned_r != NULL ? banned_r : &banned);
}

/* As Dovecot goes about it, with a new wrong password each time. What was answered first. */
static int
guess(struct bench *bench, const char *user, const char *remote)
{
    g_autofree char *pwhash = g_strdup_printf("%04x", ++bench->passwords), *session = g_strdup_printf("s%u", ++bench->sessions);
    struct signin_request r = request(user, remote, pwhash, session);
    struct signin_answer answer;
    gboolean banned;

    signin_allow(bench->signin, &r, bench->now_ms, &answer);
    r.told = TRUE;
    r.rejected = answer.status < 0;
    signin_report(bench->signin, &r, bench->now_ms, &banned);
    return answer.status;
}

static int
sign_in(struct bench *bench, const char *user, const char *remote)
{
    g_autofree char *session = g_strdup_printf("s%u", ++bench->sessions);
    struct signin_request r = request(user, remote, "900d", session);
    struct signin_answer answer, again;
    gboolean banned;

    signin_allow(bench->signin, &r, bench->now_ms, &answer);
    assert_false(answer.again);
    if (answer.status >= 0) {
        signin_allow(bench->signin, &r, bench->now_ms, &again);
        assert_true(again.again);
        assert_int_equal(again.status, 0);
    }
    r.told = TRUE;
    r.success = answer.status >= 0;
    r.rejected = answer.status < 0;
    signin_report(bench->signin, &r, bench->now_ms, &banned);
    return answer.status;
}

static void
put_fact(struct bench *bench, enum fact_kind kind, const char *subject, const char *value, gint64 for_ms)
{
    const struct fact_change change = {.value = value, .expires_ms = for_ms > 0 ? bench->now_ms + for_ms : 0, .by = "root"};

    assert_true(fact_put_behind(bench->state, kind, subject, &change, bench->now_ms));
}

static void
test_delays_rise_and_end_in_refusal(void **state)
{
    (void)state;
    static const int expected[] = {0, 0, 0, 1, 2, 4, 8, 15, 15, 15, 15, 15, -1, -1};
    struct bench bench;

    bench_open(&bench, "");
    for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
        assert_int_equal(guess(&bench, ME, HOME), expected[i]);
        bench.now_ms += 2000; /* levels fall a little meanwhile */
    }
    struct signin_answer answer = ask(&bench, ME, "198.51.100.99", "900d"); /* the same network */
    assert_int_equal(answer.status, -1);
    assert_int_equal(answer.reason, SIGNIN_PAIR);
    assert_int_equal(answer.pair, 12);
    /* Others from there are only delayed, as the network has failed 12 times; he is let in elsewhere. */
    answer = ask(&bench, "eve@a.test", HOME, "1");
    assert_int_equal(answer.status, 15);
    assert_int_equal(answer.reason, SIGNIN_NETWORK);
    assert_int_equal(sign_in(&bench, ME, "203.0.113.5"), 0);
    /* One place is free again after a twelfth of the window, all after all of it. */
    bench.now_ms += HOUR_MS / 2 + 60000;
    assert_int_equal(ask(&bench, ME, HOME, "900d").status, 15);
    bench.now_ms += 6 * HOUR_MS;
    assert_int_equal(ask(&bench, ME, HOME, "900d").status, 0);
    bench_close(&bench);
}

static void
test_limits_are_settings(void **state)
{
    (void)state;
    struct bench bench;

    bench_open(&bench, "pair_limit = 1 network_limit = 0 user_limit = 0 ban_limit = 0");
    assert_int_equal(guess(&bench, ME, HOME), 0);
    assert_int_equal(guess(&bench, ME, HOME), -1);
    for (guint i = 0; i < 300; i++) {
        g_autofree char *user = g_strdup_printf("u%u", i), *remote = g_strdup_printf("10.0.%u.1", i % 256);
        assert_int_equal(guess(&bench, user, "192.0.2.1"), 0);
        assert_int_equal(guess(&bench, "x@a.test", remote), i < 256 ? 0 : -1);
    }
    bench_close(&bench);
    bench_open(&bench, "pair_limit = 0 max_delay = 3s");
    for (guint i = 0; i < 13; i++)
        assert_true(guess(&bench, ME, HOME) <= 3);
    assert_int_equal(guess(&bench, ME, HOME), 3);
    bench_close(&bench);
}

static void
test_the_same_password_counts_once(void **state)
{
    (void)state;
    struct bench bench;

    bench_open(&bench, "");
    assert_int_equal(report(&bench, ME, HOME, "0bad", FALSE, NULL), SIGNIN_FAILURE);
    for (guint i = 1; i < 250; i++) {
        bench.now_ms += 60000;
        assert_int_equal(report(&bench, ME, HOME, "0bad", FALSE, NULL), i % GUESSES_FOLD == 0 ? SIGNIN_FAILURE : SIGNIN_REPEATED);
        assert_true(ask(&bench, ME, HOME, "0bad").pair <= 2);
    }
    /* It is another guess for another user, and for another network's count. */
    assert_int_equal(report(&bench, "eve@a.test", HOME, "0bad", FALSE, NULL), SIGNIN_FAILURE);
    assert_int_equal(report(&bench, ME, "203.0.113.1", "0bad", FALSE, NULL), SIGNIN_FAILURE);
    /* Without a hash there is no telling. */
    assert_int_equal(report(&bench, ME, HOME, "", FALSE, NULL), SIGNIN_FAILURE);
    assert_int_equal(report(&bench, ME, HOME, "", FALSE, NULL), SIGNIN_FAILURE);
    /* It is forgotten some time. */
    bench.now_ms += 13 * HOUR_MS;
    assert_int_equal(report(&bench, ME, HOME, "0bad", FALSE, NULL), SIGNIN_FAILURE);
    bench_close(&bench);
}

static void
test_distributed_guessing_does_not_lock_out_the_owner(void **state)
{
    (void)state;
    struct bench bench;
    int status = 0;

    bench_open(&bench, "");
    assert_int_equal(sign_in(&bench, ME, HOME), 0);
    for (guint i = 0; i < 200; i++) {
        g_autofree char *remote = g_strdup_printf("10.%u.%u.9", i / 200, i % 200);
        status = guess(&bench, ME, remote);
        if (i == 24)
            assert_int_equal(status, 0);
        if (i == 25)
            assert_int_equal(status, 1);
        if (i == 40)
            assert_int_equal(status, 15);
        bench.now_ms += 1000;
    }
    assert_int_equal(status, -1);
    struct signin_answer answer = ask(&bench, ME, "10.99.1.1", "1");
    assert_int_equal(answer.status, -1);
    assert_int_equal(answer.reason, SIGNIN_USER);
    assert_false(answer.known);
    assert_int_equal(sign_in(&bench, ME, HOME), 0);
    assert_int_equal(sign_in(&bench, ME, "198.51.100.200"), 0);
    assert_true(ask(&bench, ME, HOME, "900d").known);
    assert_int_equal(sign_in(&bench, "eve@a.test", "10.99.1.1"), 0); /* nobody else is touched */
    bench_close(&bench);
}

static void
test_spraying_is_refused(void **state)
{
    (void)state;
    struct bench bench;
    guint tried = 0;

    bench_open(&bench, "");
    assert_int_equal(sign_in(&bench, ME, HOME), 0);
    while (tried < 100) {
        g_autofree char *user = g_strdup_printf("user%u@a.test", tried);
        if (guess(&bench, user, "198.51.100.66") < 0)
            break;
        tried++;
    }
    assert_int_equal(tried, 40);
    struct signin_answer answer = ask(&bench, "eve@a.test", "198.51.100.66", "1");
    assert_int_equal(answer.reason, SIGNIN_NETWORK);
    assert_int_equal(answer.status, -1);
    assert_int_equal(sign_in(&bench, ME, HOME), 0); /* who is known there goes on */
    bench_close(&bench);
}

static void
test_known_networks_keep_their_mistakes_to_themselves(void **state)
{
    (void)state;
    struct bench bench;

    bench_open(&bench, "");
    assert_int_equal(sign_in(&bench, ME, HOME), 0);
    for (guint i = 0; i < 6; i++)
        guess(&bench, ME, HOME);
    struct signin_answer answer = ask(&bench, ME, HOME, "900d");
    assert_int_equal(answer.pair, 6);
    assert_int_equal(answer.status, 8);
    answer = ask(&bench, "eve@a.test", HOME, "1");
    assert_int_equal(answer.network, 0);
    answer = ask(&bench, ME, "203.0.113.1", "1");
    assert_int_equal(answer.user, 0);
    assert_int_equal(sign_in(&bench, ME, HOME), 8);
    assert_int_equal(ask(&bench, ME, HOME, "1").pair, 0); /* he only mistyped */
    bench_close(&bench);
}

/* Mistakes at a new place are forgotten with the success, in all counts; those of others are not. */
static void
test_success_takes_back_its_own_mistakes(void **state)
{
    (void)state;
    struct bench bench;

    bench_open(&bench, "");
    for (guint i = 0; i < 4; i++) {
        guess(&bench, ME, HOME);
        guess(&bench, "eve@a.test", HOME);
        guess(&bench, ME, "203.0.113.1");
    }
    assert_int_equal(ask(&bench, ME, HOME, "900d").network, 8);
    assert_int_equal(ask(&bench, ME, HOME, "900d").user, 8);
    report(&bench, ME, HOME, "900d", TRUE, NULL);
    struct signin_answer answer = ask(&bench, "carol@a.test", HOME, "1");
    assert_int_equal(answer.network, 4);
    answer = ask(&bench, ME, "192.0.2.1", "1");
    assert_int_equal(answer.user, 4);
    /* From now on it is known, and success there gives nothing more. */
    report(&bench, ME, HOME, "900d", TRUE, NULL);
    answer = ask(&bench, ME, "192.0.2.2", "2");
    assert_int_equal(answer.user, 5); /* with the one under way from 192.0.2.1 */
    bench_close(&bench);
}

/* Many at once: what is under way counts, so the limit holds before the first report comes. */
static void
test_guesses_at_once(void **state)
{
    (void)state;
    struct bench bench;
    guint passed = 0;

    bench_open(&bench, "");
    for (guint i = 0; i < 100; i++) {
        g_autofree char *pwhash = g_strdup_printf("%u", i);
        passed += ask(&bench, ME, HOME, pwhash).status >= 0;
    }
    assert_int_equal(passed, 12);
    bench.now_ms += GUESSES_TRIAL_MS + 1; /* no report ever came */
    assert_int_equal(ask(&bench, ME, HOME, "x").status, 0);
    /* A client that opens many connections with its password is one. */
    for (guint i = 0; i < 50; i++)
        assert_int_equal(ask(&bench, "eve@a.test", "203.0.113.9", "900d").status, 0);
    bench_close(&bench);
}

/* Who was let try the right password gets in with it, whatever others do meanwhile: a refusal would tell that it was right. */
static void
test_others_do_not_refuse_a_right_password(void **state)
{
    (void)state;
    struct bench bench;
    struct signin_request with_session = request(ME, HOME, "900d", "s"), without = request("eve@a.test", HOME, "900d", "");
    struct signin_answer answer;

    bench_open(&bench, "");
    signin_allow(bench.signin, &with_session, bench.now_ms, &answer);
    assert_int_equal(answer.status, 0);
    signin_allow(bench.signin, &without, bench.now_ms, &answer);
    assert_int_equal(answer.status, 0);
    for (guint i = 0; i < 60; i++) {
        g_autofree char *user = g_strdup_printf("user%u@a.test", i);
        guess(&bench, user, HOME);
    }
    assert_int_equal(ask(&bench, ME, HOME, "other").status, -1);
    signin_allow(bench.signin, &with_session, bench.now_ms, &answer);
    assert_int_equal(answer.status, 0);
    signin_allow(bench.signin, &without, bench.now_ms, &answer);
    assert_int_equal(answer.status, 0);
    put_fact(&bench, FACT_BAN, "198.51.100.0/24", "{}", 0); /* what was decided holds at once */
    signin_allow(bench.signin, &with_session, bench.now_ms, &answer);
    assert_int_equal(answer.status, -1);
    bench_close(&bench);
}

/* A second connection with the same password, while the first one waits, waits as well. */
static void
test_no_way_around_the_delay(void **state)
{
    (void)state;
    struct bench bench;

    bench_open(&bench, "");
    for (guint i = 0; i < 6; i++)
        guess(&bench, ME, HOME);
    for (guint i = 0; i < 3; i++) {
        g_autofree char *session = g_strdup_printf("x%u", i);
        struct signin_request r = request(ME, HOME, "1234", session);
        struct signin_answer answer;
        signin_allow(bench.signin, &r, bench.now_ms, &answer);
        assert_int_equal(answer.status, 8);
        assert_int_equal(ask(&bench, ME, HOME, "1234").status, 8);
    }
    bench_close(&bench);
}

static void
test_trusted_networks(void **state)
{
    (void)state;
    struct bench bench;

    bench_open(&bench, "allow_networks = {\"127.0.0.0/8\", \"192.0.2.128/25\", \"2001:db8:1::/48\"}");
    for (guint i = 0; i < 300; i++) {
        assert_int_equal(guess(&bench, ME, "127.0.0.1"), 0);
        assert_int_equal(guess(&bench, ME, "192.0.2.200"), 0);
        assert_int_equal(guess(&bench, ME, "2001:db8:1::7"), 0);
        assert_int_equal(guess(&bench, ME, "::ffff:127.0.0.1"), 0);
        assert_int_equal(guess(&bench, ME, ""), 0); /* no client: doveadm auth test */
    }
    assert_int_equal(ask(&bench, ME, "127.0.0.1", "1").reason, SIGNIN_TRUSTED);
    assert_int_equal(ask(&bench, ME, "203.0.113.1", "1").user, 0);
    /* What is no address is not trusted for that. */
    for (guint i = 0; i < 12; i++)
        guess(&bench, ME, "fe80::1%eth0");
    assert_int_equal(ask(&bench, ME, "fe80::1%eth0", "1").status, -1);
    bench_close(&bench);
}

static void
test_ipv6_networks(void **state)
{
    (void)state;
    struct bench bench;

    bench_open(&bench, "");
    for (guint i = 0; i < 12; i++) {
        g_autofree char *remote = g_strdup_printf("2001:db8:0:1::%x", i + 1);
        guess(&bench, ME, remote);
    }
    assert_int_equal(ask(&bench, ME, "2001:db8:0:1:ffff::1", "1").status, -1);
    assert_true(ask(&bench, ME, "2001:db8:0:2::1", "1").status >= 0);
    bench_close(&bench);
}

static void
test_suspended_accounts(void **state)
{
    (void)state;
    struct bench bench;

    bench_open(&bench, "");
    put_fact(&bench, FACT_SUSPENSION, ME, "{\"reason\":\"spam\",\"signin\":true}", HOUR_MS);
    put_fact(&bench, FACT_SUSPENSION, "eve@a.test", "{\"reason\":\"spam\"}", 0);
    put_fact(&bench, FACT_SUSPENSION, "odd@a.test", "no JSON", 0);
    assert_int_equal(ask(&bench, ME, HOME, "1").reason, SIGNIN_SUSPENDED);
    assert_int_equal(ask(&bench, ME, "127.0.0.1", "1").status, -1); /* webmail, too */
    assert_int_equal(sign_in(&bench, "eve@a.test", HOME), 0);
    assert_int_equal(sign_in(&bench, "odd@a.test", HOME), 0);
    put_fact(&bench, FACT_SUSPENSION, "@b.test", "{\"signin\":true}", 0);
    assert_int_equal(ask(&bench, "anyone@b.test", HOME, "1").reason, SIGNIN_SUSPENDED);
    bench.now_ms += HOUR_MS + 1;
    assert_int_equal(sign_in(&bench, ME, HOME), 0);
    bench_close(&bench);
}

static void
test_bans(void **state)
{
    (void)state;
    struct bench bench;
    gboolean banned = FALSE;
    guint tries = 0, n;
    g_autoptr(GString) text = g_string_new(NULL);

    bench_open(&bench, "ban_time = 2h");
    /* What is refused goes on counting for the network; the password that is tried again and again does not. */
    for (; !banned && tries < 1000; tries++) {
        g_autofree char *pwhash = g_strdup_printf("%u", tries);
        struct signin_request r = request("u@a.test", "192.0.2.9", pwhash, "");
        r.told = TRUE;
        r.rejected = tries > 20;
        signin_report(bench.signin, &r, bench.now_ms, &banned);
        if (tries % 10 == 0)
            assert_int_equal(report(&bench, "u@a.test", "192.0.2.9", "0bad", FALSE, NULL), tries == 0 ? SIGNIN_FAILURE : SIGNIN_REPEATED);
    }
    assert_in_range(tries, 95, 100);
    assert_int_equal(ask(&bench, "eve@a.test", "192.0.2.77", "1").reason, SIGNIN_BANNED);
    bans_write(bench.state, bench.now_ms, text, &n);
    assert_int_equal(n, 1);
    g_autofree char *line = g_strdup_printf("\n192.0.2.0/24 %" G_GINT64_FORMAT "\n", (bench.now_ms + 2 * HOUR_MS) / 1000);
    assert_non_null(strstr(text->str, line));
    report(&bench, "u@a.test", "192.0.2.9", "another", FALSE, &banned);
    assert_false(banned); /* it is already */
    bench.now_ms += 2 * HOUR_MS + 1000;
    assert_int_not_equal(ask(&bench, "eve@a.test", "192.0.2.77", "1").reason, SIGNIN_BANNED);
    g_string_truncate(text, 0);
    bans_write(bench.state, bench.now_ms, text, &n);
    assert_int_equal(n, 0);
    bench_close(&bench);
}

/* Where somebody signs in from (a provider's address for thousands), bad neighbours are refused, but nobody is banned. */
static void
test_no_ban_where_users_are(void **state)
{
    (void)state;
    struct bench bench;

    bench_open(&bench, "");
    assert_int_equal(sign_in(&bench, ME, HOME), 0);
    for (guint i = 0; i < 300; i++) {
        g_autofree char *user = g_strdup_printf("user%u@a.test", i);
        guess(&bench, user, "198.51.100.66");
    }
    assert_int_equal(ask(&bench, "eve@a.test", HOME, "1").reason, SIGNIN_NETWORK);
    assert_int_equal(sign_in(&bench, ME, HOME), 0);
    bench_close(&bench);
}

static void
test_what_is_no_guess(void **state)
{
    (void)state;
    struct bench bench;
    gboolean banned;

    bench_open(&bench, "");
    for (guint i = 0; i < 50; i++) {
        g_autofree char *pwhash = g_strdup_printf("%u", i);
        struct signin_request r = request(ME, HOME, pwhash, "");
        r.told = TRUE;
        r.fail = SIGNIN_FAIL_OTHER; /* the database of passwords was away */
        assert_int_equal(signin_report(bench.signin, &r, bench.now_ms, &banned), SIGNIN_NOT_COUNTED);
    }
    assert_int_equal(ask(&bench, ME, HOME, "900d").status, 0);
    /* A login that can't be one counts for its network alone. */
    for (guint i = 0; i < 50; i++) {
        g_autofree char *pwhash = g_strdup_printf("%u", i);
        report(&bench, "", HOME, pwhash, FALSE, NULL);
    }
    assert_int_equal(ask(&bench, ME, HOME, "900d").reason, SIGNIN_NETWORK);
    assert_int_equal(report(&bench, "", HOME, "900d", TRUE, NULL), SIGNIN_SUCCESS);
    assert_false(marks_get(bench.state, MARK_NETWORK, " 198.51.100.0/24", T0, NULL));
    bench_close(&bench);
}

/* Nothing is known before the database was read: everybody is let pass, and nothing is counted. */
static void
test_not_loaded(void **state)
{
    (void)state;
    struct bench bench;

    bench_open(&bench, "");
    bench.state->loaded = FALSE;
    for (guint i = 0; i < 20; i++)
        assert_int_equal(guess(&bench, ME, HOME), 0);
    assert_int_equal(ask(&bench, ME, HOME, "1").reason, SIGNIN_TROUBLE);
    bench.state->loaded = TRUE;
    assert_int_equal(ask(&bench, ME, HOME, "1").pair, 0);
    bench_close(&bench);
}

static void
test_clock_jumps(void **state)
{
    (void)state;
    struct bench bench;

    bench_open(&bench, "");
    for (guint i = 0; i < 12; i++)
        guess(&bench, ME, HOME);
    bench.now_ms -= 48 * HOUR_MS;
    assert_int_equal(guess(&bench, ME, HOME), -1);
    assert_int_equal(report(&bench, ME, HOME, "0bad", FALSE, NULL), SIGNIN_FAILURE);
    assert_int_equal(report(&bench, ME, HOME, "0bad", FALSE, NULL), SIGNIN_REPEATED);
    assert_int_equal(sign_in(&bench, ME, "203.0.113.1"), 0);
    bench.now_ms += 400 * 24 * HOUR_MS;
    assert_int_equal(sign_in(&bench, ME, HOME), 0);
    bench_close(&bench);
}

static void
test_reload(void **state)
{
    (void)state;
    struct bench bench, other;

    bench_open(&bench, "");
    bench_open(&other, "pair_limit = 2");
    for (guint i = 0; i < 2; i++)
        guess(&bench, ME, HOME);
    assert_int_equal(ask(&bench, ME, HOME, "900d").status, 0);
    signin_reload(bench.signin, other.config);
    assert_int_equal(ask(&bench, ME, HOME, "900e").status, -1);
    bench_close(&other);
    bench_close(&bench);
}

static void
test_networks_of_words(void **state)
{
    (void)state;
    static const struct {
        const char *word, *network;
    } words[] = {{"192.0.2.7", "192.0.2.0/24"}, {"192.0.2.0/24", "192.0.2.0/24"}, {"2001:db8::1", "2001:db8::/64"}, {"2001:db8::/64", "2001:db8::/64"},
                 {"::ffff:192.0.2.7", "192.0.2.0/24"}, {"192.0.2.0/25", NULL}, {"192.0.2.7/24", NULL}, {"bob", NULL}, {"", NULL}, {"/24", NULL}};

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        g_autofree char *network = signin_network(words[i].word);
        if (g_strcmp0(network, words[i].network) != 0)
            fail_msg("%s: %s", words[i].word, network != NULL ? network : "none");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delays_rise_and_end_in_refusal), cmocka_unit_test(test_limits_are_settings),
        cmocka_unit_test(test_the_same_password_counts_once), cmocka_unit_test(test_distributed_guessing_does_not_lock_out_the_owner),
        cmocka_unit_test(test_spraying_is_refused), cmocka_unit_test(test_known_networks_keep_their_mistakes_to_themselves),
        cmocka_unit_test(test_success_takes_back_its_own_mistakes), cmocka_unit_test(test_guesses_at_once), cmocka_unit_test(test_others_do_not_refuse_a_right_password),
        cmocka_unit_test(test_no_way_around_the_delay), cmocka_unit_test(test_trusted_networks),
        cmocka_unit_test(test_ipv6_networks), cmocka_unit_test(test_suspended_accounts), cmocka_unit_test(test_bans),
        cmocka_unit_test(test_no_ban_where_users_are), cmocka_unit_test(test_what_is_no_guess), cmocka_unit_test(test_not_loaded),
        cmocka_unit_test(test_clock_jumps), cmocka_unit_test(test_reload), cmocka_unit_test(test_networks_of_words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
