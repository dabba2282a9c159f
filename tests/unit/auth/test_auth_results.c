/* test_auth_results.c: Authentication-Results made and read, and fields that claim to be ours. */
#include "lib/mail/auth/auth_results.h"
#include "tests/unit/base/test.h"

/* ---- made ---- */

static void
assert_rendered(struct auth_results *results, const char *expected)
{
    g_autofree char *text = auth_results_render(results);

    assert_string_equal(text, expected);
    auth_results_free(&results);
}

static void
test_render(void **state)
{
    struct auth_results *r = auth_results_new("mx.example.org");

    (void)state;
    assert_rendered(r, "mx.example.org; none");
    r = auth_results_new("mx.example.org");
    auth_results_add(r, "spf", AUTH_PASS, NULL, "smtp.mailfrom", "joe@example.com", "smtp.helo", NULL, NULL);
    auth_results_add(r, "dkim", AUTH_FAIL, "bad \"signature\"", "header.d", "example.com", "header.s", "2024", "header.b",
                     "ab/cd+ef", NULL);
    auth_results_add(r, "dmarc", AUTH_NONE, NULL, NULL);
    assert_rendered(r, "mx.example.org;\n\tspf=pass smtp.mailfrom=joe@example.com;\n\t"
                       "dkim=fail reason=\"bad \\\"signature\\\"\" header.d=example.com header.s=2024\n\t"
                       "header.b=\"ab/cd+ef\";\n\tdmarc=none");
}

static void
test_values(void **state)
{
    static const struct {
        const char *value, *shown;
    } cases[] = {
        {"a.b", "a.b"},
        {"", "\"\""},
        {"a b", "\"a b\""},
        {"@example.com", "@example.com"},
        {"a.b+c@x-y.example", "a.b+c@x-y.example"},
        {"a..b@example.com", "\"a..b@example.com\""},
        {".a@example.com", "\".a@example.com\""},
        {"a.@example.com", "\"a.@example.com\""},
        {"a@b@example.com", "\"a@b@example.com\""},
        {"a@", "\"a@\""},
        {"a@[192.0.2.1]", "\"a@[192.0.2.1]\""},
        {"2001:db8::1", "\"2001:db8::1\""},
        {"a\\b\"c", "\"a\\\\b\\\"c\""},
        {"a\r\nb\tc\x7f", "\"a??b?c?\""},
        {"\xc3\xa9", "\"\xc3\xa9\""},
        {"\xe9"
         "a",
         "\"?a\""},
        {"\xc2\x85\xe2\x80\xae\xe2\x80\xa8", "\"???\""},
        {"\xc0\x80\xed\xa0\x80", "\"?????\""},
        {"x=y", "\"x=y\""},
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct auth_results *r = auth_results_new("a");
        g_autofree char *expected = g_strdup_printf("a;\n\tspf=pass policy.x=%s", cases[i].shown);

        auth_results_add(r, "spf", AUTH_PASS, NULL, "policy.x", cases[i].value, NULL);
        assert_rendered(r, expected);
    }
}

/* CVE-2020-12272: a name that a reader would take apart; and whatever else could begin a result of its own. */
static void
test_cve_2020_12272_no_injection(void **state)
{
    static const char *const hostile[] = {"example.net(.example.com",
                                          "a; dkim=pass header.d=bank.example",
                                          "a\"; dkim=pass",
                                          "a\\\"; dkim=pass",
                                          "a\r\n\tdkim=pass",
                                          "a) dkim=pass (",
                                          "a\\",
                                          "a\0; dkim=pass"};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(hostile); i++) {
        struct auth_results *r = auth_results_new("mx.test");

        auth_results_add(r, "spf", AUTH_FAIL, hostile[i], "smtp.mailfrom", hostile[i], NULL);
        g_autofree char *text = auth_results_render(r);
        struct auth_results *read = auth_results_parse(text, strlen(text));
        assert_null(strchr(text, '\r'));
        assert_non_null(read);
        assert_false(read->broken);
        assert_int_equal(read->results->len, 1);
        const struct auth_method_result *result = g_ptr_array_index(read->results, 0);
        assert_string_equal(result->method, "spf");
        assert_int_equal(result->result, AUTH_FAIL);
        assert_int_equal(result->properties->len, 1);
        assert_true(i == 4 || strcmp(auth_results_property(result, "smtp.mailfrom"), hostile[i]) == 0);
        auth_results_free(&read);
        auth_results_free(&r);
    }
    assert_rendered(auth_results_new("example.net(.example.com"), "\"example.net(.example.com\"; none");
    struct auth_results *r = auth_results_new("a@b"); /* only a property may be a mailbox */
    auth_results_add(r, "spf", AUTH_PASS, "c@d", "smtp.mailfrom", "e@f", NULL);
    assert_rendered(r, "\"a@b\";\n\tspf=pass reason=\"c@d\" smtp.mailfrom=e@f");
}

/* A method or a property name that is no keyword does not break out either. */
static void
test_names_are_keywords(void **state)
{
    struct auth_results *r = auth_results_new("a");

    (void)state;
    auth_results_add(r, "x; y=pass", AUTH_PASS, NULL, "header.a b", "c", NULL);
    assert_rendered(r, "a;\n\tx--y-pass=pass header.a-b=c");
}

static void
test_value_cap(void **state)
{
    g_autofree char *just = g_strnfill(AUTH_RESULTS_VALUE_MAX, 'x'), *over = g_strnfill(AUTH_RESULTS_VALUE_MAX + 1, 'x');
    GString *out = g_string_new("=");

    (void)state;
    auth_results_clean(just, strlen(just), AUTH_RESULTS_VALUE_MAX, out);
    assert_int_equal(out->len, 1 + AUTH_RESULTS_VALUE_MAX);
    assert_false(g_str_has_suffix(out->str, "..."));
    g_string_truncate(out, 1);
    auth_results_clean(over, strlen(over), AUTH_RESULTS_VALUE_MAX, out);
    assert_int_equal(out->len, 1 + AUTH_RESULTS_VALUE_MAX);
    assert_true(g_str_has_suffix(out->str, "x..."));
    g_string_assign(out, "");
    auth_results_clean("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 8, 6, out); /* no half characters */
    assert_string_equal(out->str, "\xc3\xa9...");
    g_string_free(out, TRUE);
    struct auth_results *r = auth_results_new("a");
    auth_results_add(r, "spf", AUTH_PASS, over, NULL);
    g_autofree char *text = auth_results_render(r);
    assert_int_equal(strlen(text), strlen("a;\n\tspf=pass\n\treason=") + AUTH_RESULTS_VALUE_MAX);
    auth_results_free(&r);
}

/* At most 78 columns wherever the pieces are short enough; nothing is folded inside a piece. */
static void
test_folds(void **state)
{
    (void)state;
    for (guint n = 1; n < 60; n++) {
        struct auth_results *r = auth_results_new("mx.example.org");
        g_autofree char *value = g_strnfill(n, 'v');

        auth_results_add(r, "dkim", AUTH_PASS, value, "header.d", value, "header.i", value, "header.s", value, NULL);
        auth_results_add(r, "spf", AUTH_PASS, NULL, "smtp.mailfrom", value, NULL);
        g_autofree char *text = auth_results_render(r);
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        for (guint i = 0; lines[i] != NULL; i++) {
            assert_true(strlen(lines[i]) <= AUTH_RESULTS_COLUMNS);
            assert_true(i == 0 || lines[i][0] == '\t');
        }
        assert_non_null(strstr(text, ";\n\tspf=pass"));
        auth_results_free(&r);
    }
    for (guint n = 58; n <= 59; n++) { /* "\tspf=pass policy.a=VV..;" in 78 columns, and in 79 */
        struct auth_results *r = auth_results_new("a");
        g_autofree char *value = g_strnfill(n, 'v');

        auth_results_add(r, "spf", AUTH_PASS, NULL, "policy.a", value, NULL);
        auth_results_add(r, "arc", AUTH_PASS, NULL, NULL);
        g_autofree char *text = auth_results_render(r);
        assert_true((strstr(text, "pass policy") != NULL) == (n == 58));
        auth_results_free(&r);
    }
}

static void
test_caps_of_building(void **state)
{
    struct auth_results *r = auth_results_new("a");

    (void)state;
    for (guint i = 0; i < AUTH_RESULTS_MAX; i++)
        auth_results_add(r, "dkim", AUTH_PASS, NULL, NULL);
    assert_false(r->left_out);
    auth_results_add(r, "dkim", AUTH_PASS, NULL, "header.d", "x", NULL);
    assert_true(r->left_out);
    assert_int_equal(r->results->len, AUTH_RESULTS_MAX);
    auth_results_free(&r);
    auth_results_free(&r);
}

/* ---- read ---- */

/* What was read, in one line: "id|method/version=word(reason)ptype.property:value,..|..". */
static char *
shown(const char *value, gssize length)
{
    struct auth_results *r = auth_results_parse(value, length >= 0 ? (gsize)length : strlen(value));
    GString *out = g_string_new(NULL);

    if (r == NULL)
        return g_string_free(out, FALSE);
    g_string_append(out, r->authserv_id);
    for (guint i = 0; i < r->results->len; i++) {
        const struct auth_method_result *result = g_ptr_array_index(r->results, i);

        g_string_append_printf(out, "|%s%s=%s", result->method, result->version != 1 ? "*" : "", result->word);
        if (result->reason != NULL)
            g_string_append_printf(out, "(%s)", result->reason);
        for (guint j = 0; j < result->properties->len; j++) {
            const struct auth_property *p = g_ptr_array_index(result->properties, j);
            g_string_append_printf(out, " %s.%s:%s", p->ptype, p->property, p->value);
        }
    }
    g_string_append(out, r->broken ? " BROKEN" : "");
    g_string_append(out, r->left_out ? " LEFT" : "");
    auth_results_free(&r);
    return g_string_free(out, FALSE);
}

static void
test_parse(void **state)
{
    static const struct {
        const char *value, *expected;
    } cases[] = {
        {" example.org 1; none;", "example.org"},
        {" example.org;\r\n\tspf=pass smtp.mailfrom=example.net", "example.org|spf=pass smtp.mailfrom:example.net"},
        /* RFC 8601 appendix B.6 */
        {" foo.example.net (foobar) 1 (baz);\r\n    dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n"
         "      policy (A dot can go here) . (like that) expired\r\n      (this surprised me) = (as I wasn't expecting it) "
         "1362471462",
         "foo.example.net|dkim=fail policy.expired:1362471462"},
        {"a; dkim/2=pass", "a|dkim*=pass"},
        {"a; DKIM=Pass (1024-bit key; dkim=fail) Header.I=@example.com", "a|dkim=pass header.i:@example.com"},
        {"a; dkim=fail reason=\"a;b \\\"c\\\"\" header.b=ab/c+d=;spf=none", "a|dkim=fail(a;b \"c\") header.b:ab/c+d=|spf=none"},
        {"\"a\";dkim=pass header.d=x", "a|dkim=pass header.d:x"},
        {"a; dmarc=pass action=none header.from=b", "a|dmarc=pass .action:none header.from:b"},
        {"a; spf=pass smtp.mailfrom=\"j d\"@example.com", "a|spf=pass smtp.mailfrom:j d@example.com"},
        {"a; spf=hardfail; iprev=pass policy.iprev=2001:db8::1", "a|spf=hardfail|iprev=pass policy.iprev:2001:db8::1"},
        {"a;;; spf=pass ;", "a|spf=pass"},
        {"a; none; spf=pass", "a|spf=pass"},
        {"a; spf pass; dkim=pass", "a|dkim=pass BROKEN"},
        {"a; spf=pass .x=y; dkim=pass x.=y; arc=pass smtp . helo = h;", "a|arc=pass smtp.helo:h BROKEN"},
        {"a; spf=pass x; dkim=pass", "a|dkim=pass BROKEN"},
        {"a; spf=pass (open; dkim=pass", "a BROKEN"},
        {"a; spf=pass smtp.mailfrom=\"open; dkim=pass", "a BROKEN"},
        {"a; spf=pass smtp.mailfrom=example.net(.example.com; dkim=pass", "a BROKEN"},
        {"a; spf=fail smtp.mailfrom=\"a\r\n\tb\x01\xff\"", "a|spf=fail smtp.mailfrom:a?b??"},
        {"a", "a"},
        {"", ""},
        {"; spf=pass", ""},
        {"spf=pass smtp.mailfrom=x; dkim=pass", ""},
        {"a b; spf=pass", ""},
        {"(a; spf=pass", ""},
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *got = shown(cases[i].value, -1);
        assert_string_equal(got, cases[i].expected);
    }
    g_autofree char *nul = shown("a\0; spf=pass", 12);
    assert_string_equal(nul, "");
}

static void
test_result_words(void **state)
{
    const char text[] = "a; spf=softfail smtp.mailfrom=x SMTP.helo=y action=z; spf=weird";
    struct auth_results *r = auth_results_parse(text, strlen(text));
    const struct auth_method_result *first = g_ptr_array_index(r->results, 0), *second = g_ptr_array_index(r->results, 1);

    (void)state;
    assert_true(first->is_known);
    assert_int_equal(first->result, AUTH_SOFTFAIL);
    assert_false(second->is_known);
    assert_int_equal(second->result, AUTH_NONE);
    assert_string_equal(auth_results_property(first, "smtp.Helo"), "y");
    assert_string_equal(auth_results_property(first, "action"), "z");
    assert_null(auth_results_property(first, "smtp.x"));
    assert_null(auth_results_property(first, "smtp"));
    assert_null(auth_results_property(first, ""));
    auth_results_free(&r);
}

/* OpenDMARC #441: its array held 16 results. */
static void
test_the_17th_result_works(void **state)
{
    GString *text = g_string_new("a");

    (void)state;
    for (guint i = 1; i <= AUTH_RESULTS_MAX + 1; i++)
        g_string_append_printf(text, "; dkim=pass header.d=d%u", i);
    struct auth_results *r = auth_results_parse(text->str, text->len);
    assert_int_equal(r->results->len, AUTH_RESULTS_MAX);
    assert_true(r->left_out);
    assert_string_equal(auth_results_property(g_ptr_array_index(r->results, 16), "header.d"), "d17");
    assert_string_equal(auth_results_property(g_ptr_array_index(r->results, AUTH_RESULTS_MAX - 1), "header.d"), "d64");
    auth_results_free(&r);
    g_string_free(text, TRUE);
}

/* OpenDMARC #443: a value was copied into 256 bytes. */
static void
test_caps_of_reading(void **state)
{
    g_autofree char *just = g_strnfill(AUTH_RESULTS_READ_VALUE_MAX, 'x'), *field = g_strnfill(AUTH_RESULTS_FIELD_MAX + 1, ' ');
    g_autofree char *text = g_strdup_printf("a; spf=pass smtp.mailfrom=%s smtp.helo=%sx", just, just);
    GString *many = g_string_new("a; spf=pass");
    struct auth_results *r = auth_results_parse(text, strlen(text));
    const struct auth_method_result *result = g_ptr_array_index(r->results, 0);

    (void)state;
    assert_string_equal(auth_results_property(result, "smtp.mailfrom"), just);
    assert_null(auth_results_property(result, "smtp.helo")); /* not cut: a cut name is another name */
    assert_true(r->left_out);
    auth_results_free(&r);
    for (guint i = 0; i <= AUTH_RESULTS_PROPERTIES_MAX; i++)
        g_string_append_printf(many, " policy.p=%u", i);
    r = auth_results_parse(many->str, many->len);
    result = g_ptr_array_index(r->results, 0);
    assert_int_equal(result->properties->len, AUTH_RESULTS_PROPERTIES_MAX);
    assert_true(r->left_out);
    auth_results_free(&r);
    g_string_free(many, TRUE);
    memcpy(field, "a;", 2);
    assert_null(auth_results_parse(field, AUTH_RESULTS_FIELD_MAX + 1));
    r = auth_results_parse(field, AUTH_RESULTS_FIELD_MAX);
    assert_non_null(r);
    auth_results_free(&r);
}

/* ---- claims ---- */

static gboolean
claims(const char *raw, gsize length)
{
    const struct auth_field field = {raw, strcspn(raw, ": \t"), raw, length};

    return auth_results_claims(&field, "mx.b\xc3\xbc"
                                       "cher.example");
}

static void
test_claims(void **state)
{
    static const char *const ours[] = {
        "mx.xn--bcher-kva.example; spf=pass",
        "MX.XN--Bcher-KVA.Example.; none",
        "mx.b\xc3\xbc"
        "cher.example; none",
        "mx.B\xc3\x9c"
        "CHER.example 1; none",
        "\r\n\t(c;c) \"mx.xn--bcher-kva.example\" (x) 1 (y)\r\n ; a=b",
        "\"mx.xn\\--bcher-kva.example\";",
        "mx.xn--bcher-kva.example",
        "\" mx.xn--bcher-kva.example \";",
        /* in doubt */
        "",
        ";",
        "spf=pass smtp.mailfrom=x",
        "(open other.example;",
        "\"open other.example;",
        "other.example junk; x",
        "other.example, mx.xn--bcher-kva.example; none",
        "other.example/1; none",
        "=?utf-8?q?other?=; none",
        "\"\"; none",
        "\xff.example; none",
        "other\x01.example; none",
        "\xe2\x80\x8b; none",
    };
    static const char *const others[] = {"other.example; spf=pass",
                                         "xn--bcher-kva.example; none",
                                         " (x) other.example 1; none",
                                         "other.example; (open",
                                         "not_a_name; mx.xn--bcher-kva.example; none",
                                         "192.0.2.1; none"};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(ours); i++) {
        g_autofree char *field = g_strconcat("authentication-RESULTS : ", ours[i], "\r\n", NULL);
        if (!claims(field, strlen(field)))
            fail_msg("does not claim: %s", field);
    }
    for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autofree char *field = g_strconcat("Authentication-Results:", others[i], "\r\n", NULL);
        if (claims(field, strlen(field)))
            fail_msg("claims: %s", field);
    }
    assert_false(claims("X-Authentication-Results: mx.xn--bcher-kva.example; none", 56));
    assert_false(claims("Authentication-Result: mx.xn--bcher-kva.example; none", 53));
    assert_true(claims("Authentication-Results: other\0; none", 36));
    assert_true(claims("Authentication-Results", 22));
}

/* Ours beyond doubt: not where a field only may be read as ours. */
static void
test_is_from(void **state)
{
    static const struct {
        const char *value;
        gboolean is_ours;
    } cases[] = {{"mx.test; spf=pass", TRUE}, {" (c) \"MX.test\" 1; none", TRUE}, {"other.test; spf=pass", FALSE},
                 {"spf=pass smtp.mailfrom=x", FALSE}, {"", FALSE}, {"mx.test junk; none", FALSE}, {"\xff.test; none", FALSE}};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *raw = g_strconcat("Authentication-Results: ", cases[i].value, "\r\n", NULL);
        const struct auth_field field = {raw, strcspn(raw, ":"), raw, strlen(raw)};

        assert_int_equal(auth_results_is_from(&field, "mx.test"), cases[i].is_ours);
    }
    const struct auth_field other = {"X: mx.test; none", 1, "X: mx.test; none", 16};
    assert_false(auth_results_is_from(&other, "mx.test"));
}

/* OpenDKIM #434: a field of over 4 KB was not looked at, and stayed. */
static void
test_long_fields_claim(void **state)
{
    g_autofree char *comment = g_strnfill(AUTH_RESULTS_HEAD_MAX, 'x');
    g_autofree char *tail =
        g_strdup_printf("Authentication-Results: mx.xn--bcher-kva.example; spf=pass reason=%s%s", comment, comment);
    g_autofree char *head = g_strdup_printf("Authentication-Results: (%s) mx.xn--bcher-kva.example; spf=pass", comment);
    g_autofree char *doubt = g_strdup_printf("Authentication-Results: (%s) other.example; spf=pass", comment);
    g_autofree char *theirs = g_strdup_printf("Authentication-Results: other.example; spf=pass reason=%s%s", comment, comment);

    (void)state;
    assert_true(claims(tail, strlen(tail)));
    assert_true(claims(head, strlen(head)));
    assert_true(claims(doubt, strlen(doubt)));
    assert_false(claims(theirs, strlen(theirs)));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_render),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_cve_2020_12272_no_injection),
        cmocka_unit_test(test_names_are_keywords),
        cmocka_unit_test(test_value_cap),
        cmocka_unit_test(test_folds),
        cmocka_unit_test(test_caps_of_building),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_result_words),
        cmocka_unit_test(test_the_17th_result_works),
        cmocka_unit_test(test_caps_of_reading),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_long_fields_claim),
        cmocka_unit_test(test_is_from),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
