/* test_header_eval.c: eval functions of header rules on small messages, and the dates that they read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "lib/spam/eval/header_eval.h"
#include "lib/spam/eval/rfc822_date.h"
#include "lib/spam/view/line_form.h"

static char *
trim(gpointer context, const char *domain)
{
    const char *dot = strrchr(domain, '.');

    (void)context;
    while (dot != NULL && dot > domain && dot[-1] != '.')
        dot--;
    return g_strdup(dot != NULL ? dot : domain);
}

static gboolean
is_valid(gpointer context, const char *domain)
{
    (void)context;
    return strchr(domain, '.') != NULL;
}

static const GPtrArray *
get(gpointer message, const char *name)
{
    return g_hash_table_lookup(message, name);
}

/* fields: "name", "value" pairs, NULL-terminated; a name may come again; a backslash stands for NUL. */
static GHashTable *
message_of(const char *const *fields)
{
    GHashTable *message =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);

    for (; *fields != NULL; fields += 2) {
        GPtrArray *values = g_hash_table_lookup(message, fields[0]);
        if (values == NULL) {
            values = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
            g_hash_table_insert(message, g_strdup(fields[0]), values);
        }
        GString *value = g_string_new(fields[1]);
        for (gsize i = 0; i < value->len; i++)
            value->str[i] = value->str[i] == '\\' ? '\0' : value->str[i];
        g_ptr_array_add(values, g_string_free_to_bytes(value));
    }
    return message;
}

static const char *const no_args[] = {NULL};

static gboolean
run(const char *name, const char *const *args, const char *const *fields)
{
    static const char *const locales[] = {"ja", NULL};
    g_autoptr(GHashTable) message = message_of(fields);
    struct spam_headers headers = {.get = get, .message = message};
    struct spam_domains domains = {trim, is_valid, NULL};
    struct relays_options settings = {0};
    struct spam_relays *relays = relays_parse(get(message, "Received"), NULL, &settings);
    struct header_eval_options options = {&headers, relays, &domains, locales, 1500000000};
    struct header_eval *eval = header_eval_new(&options);
    header_eval_function function = header_eval_find(name);
    gboolean hit;

    assert_non_null(function);
    hit = function(eval, args, g_strv_length((char **)args));
    header_eval_free(eval);
    spam_relays_free(relays);
    return hit;
}

#define HIT(name, args, ...) assert_true(run(name, args, (const char *const[]){__VA_ARGS__, NULL}))
#define MISS(name, args, ...) assert_false(run(name, args, (const char *const[]){__VA_ARGS__, NULL}))
#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define PUBLIC                                                                                               \
    "from a.example (b.example.com [192.0.2.1]) by c.example.org (Postfix) with ESMTP id 1; Tue, 25 Mar "    \
    "2003 12:00:00 +0000\n"
#define PRIVATE                                                                                              \
    "from a.example (b.example.com [10.0.0.1]) by c.example.org (Postfix) with ESMTP id 1; Tue, 25 Mar "     \
    "2003 12:00:00 +0000\n"

static void
test_relays(void **state)
{
    (void)state;
    HIT("check_all_trusted", no_args, "Received", PRIVATE);
    MISS("check_all_trusted", no_args, "Received", PRIVATE, "Received", PUBLIC);
    HIT("check_no_relays", no_args, "X", "y");
    MISS("check_no_relays", no_args, "Received", PUBLIC);
    HIT("check_relays_unparseable", no_args, "Received", "from nowhere with nothing to say\n");
    HIT("check_for_numeric_helo", no_args, "Received",
        "from 192.0.2.9 (unknown [192.0.2.1]) by c (Postfix) with SMTP id 1\n");
    MISS("check_for_numeric_helo", no_args, "Received",
         "from [192.0.2.9] (unknown [192.0.2.1]) by c (Postfix) with SMTP id 1\n");
    HIT("helo_ip_mismatch", no_args, "Received",
        "from 198.51.100.9 (unknown [192.0.2.1]) by c (Postfix) with SMTP id 1\n");
    MISS("helo_ip_mismatch", no_args, "Received",
         "from 192.0.2.9 (unknown [192.0.2.1]) by c (Postfix) with SMTP id 1\n");
    HIT("check_for_sender_no_reverse", no_args, "Received", PUBLIC);
    HIT("check_for_no_rdns_dotcom_helo", no_args, "Received",
        "from mx.yahoo.com (unknown [192.0.2.1]) by c (Postfix) with SMTP id 1\n");
    MISS("check_for_no_rdns_dotcom_helo", no_args, "Received",
         "from mx.yahoo.com (x.example [192.0.2.1]) by c (Postfix) with SMTP id 1\n");
    HIT("check_mailfrom_matches_rcvd", no_args, "Received", PUBLIC, "EnvelopeFrom:addr", "u@x.example.com");
    MISS("check_mailfrom_matches_rcvd", no_args, "Received", PUBLIC, "EnvelopeFrom:addr", "u@x.example.net");
}

static void
test_forged(void **state)
{
    (void)state;
    HIT("check_for_forged_hotmail_received_headers", no_args, "Received",
        "from x (HELO hotmail.com) (192.0.2.1) by y with SMTP; x\n");
    HIT("check_for_no_hotmail_received_headers", no_args, "Received", PUBLIC, "From:addr", "u@hotmail.com");
    MISS("check_for_no_hotmail_received_headers", no_args, "Received", PUBLIC, "From:addr",
         "u@nothotmail.com");
    HIT("check_for_forged_yahoo_received_headers", no_args, "Received", PUBLIC, "From:addr", "u@yahoo.com");
    MISS("check_for_forged_yahoo_received_headers", no_args, "Received",
         "from [1.2.3.4] by web1.mail.mud.yahoo.com via HTTP; x\n", "From:addr", "u@yahoo.com");
    HIT("check_for_forged_gmail_received_headers", no_args, "Received", PUBLIC, "From:addr", "u@gmail.com");
    MISS("check_for_forged_gmail_received_headers", no_args, "Received", PUBLIC, "From:addr", "u@gmail.com",
         "X-Received", "by 10.1.2.3 with SMTP id abc\n");
    HIT("check_for_forged_juno_received_headers", no_args, "Received", PUBLIC, "From:addr", "u@juno.com");
    HIT("check_for_fake_aol_relay_in_rcvd", no_args, "Received",
        "from x by rly-xw01.mx.aol.com with QMQP; x\n");
    HIT("check_for_fake_aol_relay_in_rcvd", no_args, "Received", "from a-b by c\n\td (e\n RLY-xw01.mx.aol.com x\n");
    MISS("check_for_fake_aol_relay_in_rcvd", no_args, "Received", "from x by rl-y-xw01.mx.aol.com with QMQP; x\n");
    HIT("check_for_from_domain_in_received_headers", ARGS("hotmail.com", "false"), "Received", PUBLIC, "From:addr", "u@x.hotmail.com");
    HIT("check_for_from_domain_in_received_headers", ARGS("hotmail.com", "false"), "Received", PUBLIC, "From:addr", "\\u@hotmail.com");
    MISS("check_for_from_domain_in_received_headers", ARGS("hotmail.com", "false"), "Received", PUBLIC, "From:addr", "u@nothotmail.com");
    HIT("gated_through_received_hdr_remover", no_args, "X", "y");
    MISS("gated_through_received_hdr_remover", no_args, "Received", PUBLIC);
}

static void
test_dates(void **state)
{
    (void)state;
    HIT("check_for_shifted_date", ARGS("3", "6"), "Received", PUBLIC, "Date",
        "Tue, 25 Mar 2003 16:00:00 +0000\n");
    MISS("check_for_shifted_date", ARGS("3", "6"), "Received", PUBLIC, "Date",
         "Tue, 25 Mar 2003 18:00:00 +0000\n");
    HIT("check_for_shifted_date", ARGS("undef", "-96"), "Received", PUBLIC, "Date",
        "Tue, 18 Mar 2003 18:00:00 +0000\n");
    MISS("check_for_shifted_date", ARGS("3", "6"), "Received", PUBLIC, "Date", "some day\n");
    HIT("received_within_months", ARGS("165", "175"), "Received", PUBLIC);
}

static void
test_fields(void **state)
{
    (void)state;
    HIT("check_illegal_chars", ARGS("Subject", "0.00", "2"), "Subject:raw", " \xa3\xa3 x\n");
    MISS("check_illegal_chars", ARGS("Subject", "0.00", "1"), "Subject:raw", " \xa3 x\n");
    HIT("check_illegal_chars", ARGS("Subject", "0.00", "0"), "Subject:raw", " x\n");
    MISS("check_illegal_chars", ARGS("Subject", "0.00", "1e-3"), "Subject:raw", " x\n");
    MISS("check_illegal_chars", ARGS("Subject", "0.00", "2"), "Subject:raw", " \xc3\xa4\xc3\xa4\n");
    HIT("check_for_faraway_charset_in_headers", no_args, "Subject:raw", "=?big5?B?eA==?=\n");
    MISS("check_for_faraway_charset_in_headers", no_args, "Subject:raw",
         "=?iso-2022-jp?B?eA==?= =?utf-8?q?x?=\n");
    HIT("subject_is_all_caps", no_args, "Subject", "Re: FREE MONEY TODAY\n");
    MISS("subject_is_all_caps", no_args, "Subject", "FREE MONEY today\n");
    MISS("subject_is_all_caps", no_args, "Subject", "\xd0\x91 ABC DEF GHI\n", "Subject:raw",
         "=?koi8-r?B?x?= ABC\n");
    HIT("check_for_to_in_subject", ARGS("user"), "To:addr", "user@example.com", "Subject", "re: dear user\n");
    MISS("check_for_to_in_subject", ARGS("user"), "To:addr", "user@example.com", "Subject",
         "re: my dear user\n");
    HIT("check_for_to_in_subject", ARGS("address"), "To:addr", "user@example.com", "Subject",
        "for USER@example.com\n");
    HIT("check_header_count_range", ARGS("Subject", "2", "999"), "Subject", "a\n", "Subject", "b\n");
    MISS("check_header_count_range", ARGS("Subject", "2", "999"), "Subject", "a\n", "Subject", "a\n");
    HIT("check_unresolved_template", no_args, "ALL", "To: %NAME\nX-A: %NAME\n");
    MISS("check_unresolved_template", no_args, "ALL", "To: %NAME\nX-A: %n\n");
    HIT("check_ratware_name_id", no_args, "MESSAGEID", "<ABCDEFGHIJKLMNOPQRSTUVWXYZAB.u@v>\n", "From",
        "\"U\" <u@v>\n");
    HIT("check_messageid_not_usable", no_args, "Received", PUBLIC, "List-Unsubscribe",
        "<mailto:leave-x@y>\n");
    HIT("check_outlook_message_id", no_args, "MESSAGEID", "<000a0000ffee$0d1e2f30$0100a8c0@host>\n",
        "Received", PUBLIC, "Date", "Tue, 25 Mar 2003 16:00:00 +0000\n");
}

static void
test_recipients(void **state)
{
    (void)state;
    HIT("check_for_missing_to_header", no_args, "X", "y");
    MISS("check_for_missing_to_header", no_args, "To", "\n");
    HIT("sorted_recipients", no_args, "ToCc:addr", "a@x", "ToCc:addr", "b@x", "ToCc:addr", "c@x", "ToCc:addr",
        "d@x", "ToCc:addr", "e@x", "ToCc:addr", "f@x", "ToCc:addr", "g@x");
    MISS("sorted_recipients", no_args, "ToCc:addr", "a@x", "ToCc:addr", "b@x");
    HIT("similar_recipients", ARGS("0.65", "undef"), "ToCc:addr", "aaa@x", "ToCc:addr", "aab@x", "ToCc:addr",
        "aac@x", "ToCc:addr", "aad@x", "ToCc:addr", "aae@x");
    HIT("check_for_matching_env_and_hdr_from", no_args, "From:addr", "A@x", "EnvelopeFrom:addr", "a@X");
    HIT("check_equal_from_domains", no_args, "From:addr", "a@b.example.com", "EnvelopeFrom:addr",
        "a@c.example.net");
    MISS("check_equal_from_domains", no_args, "From:addr", "a@b.example.com", "EnvelopeFrom:addr",
         "a@c.Example.com");
    HIT("check_ratware_envelope_from", no_args, "To:addr", "user@sub.domain.com", "EnvelopeFrom:addr",
        "domain.com.user@bulk.example");
}

static void
assert_date(const char *text, gint64 expected)
{
    gint64 seconds = -1;

    assert_int_equal(rfc822_date_parse(text, strlen(text), &seconds), expected >= 0);
    assert_int_equal(seconds, expected);
}

static void
test_date_forms(void **state)
{
    (void)state;
    assert_date("Tue, 25 Mar 2003 11:42:04 -0500", 1048610524);
    assert_date("25 mar 03 16:42:04 GMT", 1048610524);
    assert_date("Wed, 26 Mar 2003 01:42:04 JST", 1048610524);
    assert_date("Tue Mar 25 16:42:04 2003", 1048550400); /* the time goes with the date */
    assert_date("31 Feb 2003 25:61:61 +0000", 1046476799 + 86400);
    assert_date("1 Jan 1970 00:00:01 +0900", 0);
    assert_date("1 Jan 2099 00:00:00 +0000", 2114380800);
    assert_date("0 Mar 2003 1:1:1", -1);
    assert_date("tomorrow", -1);
}

/* A text of pieces of dates, by chance mostly near a real one. */
static void
spell_date(GRand *random, GString *text)
{
    static const char *const usual[] = {"Tue", ", ", "25", " ", "Mar", " ", "2003", " ", "11", ":", "42", ":", "04", " ", "-", "0500"};
    static const char *const odd[] = {"", " ", "  ", ",", ":", "1", "004", "+", "x", "\t", "Mar", "mAY 12", " (PST)", " GMT", "\n", "99", "+0130 "};

    g_string_truncate(text, 0);
    for (guint i = 0; i < G_N_ELEMENTS(usual); i++) {
        gboolean is_odd = g_rand_int_range(random, 0, 12) == 0;
        g_string_append(text, is_odd ? odd[g_rand_int_range(random, 0, G_N_ELEMENTS(odd))] : usual[i]);
        if (g_rand_int_range(random, 0, 40) == 0)
            g_string_append(text, odd[g_rand_int_range(random, 0, G_N_ELEMENTS(odd))]);
    }
}

/* The usual form is read by a way of its own: a "-" before it leads to the other one, and changes nothing else. */
static void
test_usual_dates(void **state)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(5322);
    g_autoptr(GString) text = g_string_new(NULL), other = g_string_new(NULL);

    (void)state;
    for (guint i = 0; i < 20000; i++) {
        gint64 seconds = -1, others = -1;
        spell_date(random, text);
        g_string_printf(other, "- %s", text->str);
        assert_int_equal(rfc822_date_parse(text->str, text->len, &seconds), rfc822_date_parse(other->str, other->len, &others));
        assert_int_equal(seconds, others);
    }
}

static void
test_all_days(void **state)
{
    g_autoptr(GDateTime) first = g_date_time_new_utc(1970, 1, 1, 0, 0, 0);

    (void)state;
    for (gint day = 0; day < 68 * 365; day++) {
        g_autoptr(GDateTime) date = g_date_time_add_days(first, day);
        g_autofree char *text = g_date_time_format(date, "%d %b %Y 00:00:00 +0000");
        gint64 seconds = -1;
        assert_true(rfc822_date_parse(text, strlen(text), &seconds));
        assert_int_equal(seconds, (gint64)day * 86400);
    }
}

/* The form that rfc822_date_find looks for, found the plain way. */
static void
test_hop_dates(void **state)
{
    static struct line_form_once form = {
        "{find}{x<}{s:1-1}{.:0-1}{d:1-} {S:3-3} {d:1-} {d:1-}:{d:1-}:{d:1-} {-}{>x}", FALSE, NULL};
    g_autoptr(GRand) random = g_rand_new_with_seed(5321);
    g_autoptr(GString) text = g_string_new(NULL), line = g_string_new(NULL);
    guint found = 0;

    (void)state;
    for (guint i = 0; i < 20000; i++) {
        struct form_match match;
        gsize start, end;
        spell_date(random, text);
        g_string_printf(line, "%sby x with y; %s %s", i % 2 ? " 1 1 Mar" : "", text->str, i % 3 ? "z" : "");
        gboolean hit = line_form_once_match(&form, line->str, line->len, &match);
        assert_int_equal(rfc822_date_find(line->str, line->len, &start, &end), hit);
        if (!hit)
            continue;
        found++;
        assert_int_equal(start, match.slot[FORM_X].start);
        assert_int_equal(end, match.slot[FORM_X].end);
    }
    assert_true(found > 1000 && found < 19000);
}

static void
test_names(void **state)
{
    (void)state;
    assert_null(header_eval_find("check_nothing"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_relays), cmocka_unit_test(test_forged),     cmocka_unit_test(test_dates),
        cmocka_unit_test(test_usual_dates), cmocka_unit_test(test_hop_dates), cmocka_unit_test(test_all_days),
        cmocka_unit_test(test_fields), cmocka_unit_test(test_recipients), cmocka_unit_test(test_date_forms),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
