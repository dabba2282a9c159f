/* test_spf_macro.c: syntax and expansion of macro-strings, RFC 7208 7.4's examples first. */
#include "lib/mail/auth/spf_macro.h"
#include "lib/base/dns.h"
#include "tests/unit/base/test.h"

static const char *
nobody(gpointer data)
{
    return data;
}

static struct spf_macro_values
values(void)
{
    static const guint8 client[4] = {192, 0, 2, 3};

    return (struct spf_macro_values){
        .sender = "strong-bad@email.example.com",
        .local_part = "strong-bad",
        .sender_domain = "email.example.com",
        .domain = "email.example.com",
        .helo = "mx.example.org",
        .receiver = "mx.receiver.test",
        .client = client,
        .client_length = 4,
        .now = 1790000000,
        .validated_name = nobody,
        .data = (gpointer) "mx.example.org",
    };
}

/* The expansion, "!" when it fails. */
static char *
expanded(const char *text, enum spf_macro_place place, const struct spf_macro_values *v)
{
    GString *out = g_string_new(NULL);

    if (!spf_macro_expand(text, strlen(text), place, v, out))
        g_string_assign(out, "!");
    return g_string_free(out, FALSE);
}

#define assert_expands(text, place, v, expected)                                                                       \
    do {                                                                                                               \
        g_autofree char *got = expanded(text, place, v);                                                               \
        assert_string_equal(got, expected);                                                                            \
    } while (0)

static void
test_examples_of_the_rfc(void **state)
{
    static const char *const examples[][2] = {
        {"%{s}", "strong-bad@email.example.com"},
        {"%{o}", "email.example.com"},
        {"%{d}", "email.example.com"},
        {"%{d4}", "email.example.com"},
        {"%{d3}", "email.example.com"},
        {"%{d2}", "example.com"},
        {"%{d1}", "com"},
        {"%{dr}", "com.example.email"},
        {"%{d2r}", "example.email"},
        {"%{l}", "strong-bad"},
        {"%{l-}", "strong.bad"},
        {"%{lr}", "strong-bad"},
        {"%{lr-}", "bad.strong"},
        {"%{l1r-}", "strong"},
        {"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
        {"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
        {"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
        {"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
        {"%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"},
    };
    static const guint8 v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 0x0b};
    struct spf_macro_values v = values();

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(examples); i++)
        assert_expands(examples[i][0], SPF_MACRO_IN_DOMAIN, &v, examples[i][1]);
    v.client = v6;
    v.client_length = 16;
    assert_expands("%{ir}.%{v}", SPF_MACRO_IN_DOMAIN, &v,
                   "B.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6");
    assert_expands("%{c}", SPF_MACRO_IN_EXPLANATION, &v, "2001:db8::b");
}

static void
test_other_letters(void **state)
{
    struct spf_macro_values v = values();

    (void)state;
    assert_expands("%{h}|%{p}|%%|%_|%-", SPF_MACRO_IN_DOMAIN, &v, "mx.example.org|mx.example.org|%| |%20");
    assert_expands("%{c} at %{t} to %{R}", SPF_MACRO_IN_EXPLANATION, &v, "192.0.2.3 at 1790000000 to mx.receiver.test");
    v.local_part = "a=b+c/d_e,f.\xc3\xa9~%";
    assert_expands("%{L=}", SPF_MACRO_IN_DOMAIN, &v, "a.b%2Bc%2Fd_e%2Cf.%C3%A9~%25");
    assert_expands("%{l3.-+,/_=}", SPF_MACRO_IN_DOMAIN, &v, "e.f.\xc3\xa9~%");
    v.local_part = "..a";
    assert_expands("%{lr}|%{l2}", SPF_MACRO_IN_DOMAIN, &v, "a..|.a");
    v.local_part = "";
    assert_expands("%{l}|%{lr}|%{L1r-}", SPF_MACRO_IN_DOMAIN, &v, "||");
    v.data = NULL;
    assert_expands("a%{p}", SPF_MACRO_IN_DOMAIN, &v, "!");
}

static void
test_syntax(void **state)
{
    static const char *const good[] = {"",       "a", "%%", "%{d}", "%{D127r.-+,/_=}", "%{d99999999999999999999r}",
                                       "a%{s}b", "~!"};
    static const char *const bad[] = {"%",       "%a",      "a%",     "%{",    "%{d",      "%{}",    "%{dd}", "%{d0}",
                                      "%{d00r}", "%{r2}x%", "%{dr2}", "%{d:}", "%{a}",     "%{1}",   "%{c}",  "%{r}",
                                      "%{t}",    "a b",     "a\tb",   "\x7f",  "\xc3\xa9", "%{drr}", "%(d)"};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(good); i++)
        assert_true(spf_macro_is_valid(good[i], strlen(good[i]), SPF_MACRO_IN_DOMAIN));
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_false(spf_macro_is_valid(bad[i], strlen(bad[i]), SPF_MACRO_IN_DOMAIN));
    assert_true(spf_macro_is_valid("%{c}%{r}%{t}", 12, SPF_MACRO_IN_MODIFIER));
    assert_false(spf_macro_is_valid("a b", 3, SPF_MACRO_IN_MODIFIER));
    assert_true(spf_macro_is_valid("a %{t} b", 8, SPF_MACRO_IN_EXPLANATION));
    assert_false(spf_macro_is_valid("a\0b", 3, SPF_MACRO_IN_EXPLANATION));
    assert_false(spf_macro_is_valid("%{l\0}", 5, SPF_MACRO_IN_EXPLANATION));
    assert_true(spf_macro_uses("a%{P2}", 6, 'p'));
    assert_false(spf_macro_uses("p%{d}%%{p", 9, 'p'));
}

static void
test_domain_specs(void **state)
{
    static const char *const good[] = {"a.b",        "a.b.", ".b",    "%{d}",    "a%{d}", "%{d}.com", "a%%",     "a%_",
                                       "x.xn--p1ai", "x.a1", "x.1-2", "a:b/c.d", "..d",   "_spf.a.b", "%{d}%{i}"};
    static const char *const bad[] = {"",      "a",      "a.",   ".",     "..",      "a..",
                                      "a.1",   "a.-b",   "a.b-", "a.b_c", "%{d}com", "%{d}.",
                                      "a.b:1", "a.b/24", "%{c}", "a b.c", "a.b\x80", "%{d}.1"};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(good); i++)
        assert_true(spf_domain_spec_is_valid(good[i], strlen(good[i])));
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_false(spf_domain_spec_is_valid(bad[i], strlen(bad[i])));
    assert_false(spf_domain_spec_is_valid("a.b\0", 4));
}

/* 7.3: labels go from the left until 253 octets are left; what is one long label stays as it is. */
static void
test_names_are_cut_from_the_left(void **state)
{
    struct spf_macro_values v = values();
    g_autofree char *label = g_strnfill(62, 'x'), *endless = g_strnfill(300, 'y');
    g_autofree char *three = g_strdup_printf("%s.%s.%s", label, label, label);
    g_autofree char *fits = g_strdup_printf("%s.%s", label + 1, three), *spec = g_strdup_printf("%%{l}.%s.x", fits);
    g_autoptr(GString) out = g_string_new("rest");

    (void)state;
    v.local_part = "q";
    assert_int_equal(strlen(fits), 250);
    assert_true(spf_macro_expand_domain(spec, strlen(spec), &v, out));
    assert_int_equal(out->len, 252);
    assert_string_equal(out->str, spec + 5);
    spec[strlen(spec) - 1] = 'z';
    g_autofree char *longer = g_strconcat(spec, "z.", NULL), *over = g_strconcat(spec, "zz.", NULL);
    assert_true(spf_macro_expand_domain(longer, strlen(longer), &v, out));
    assert_int_equal(out->len, DNS_NAME_MAX);
    assert_true(spf_macro_expand_domain(over, strlen(over), &v, out));
    assert_int_equal(out->len, DNS_NAME_MAX + 1 - 62);
    v.local_part = endless;
    assert_true(spf_macro_expand_domain("%{l}", 4, &v, out));
    assert_string_equal(out->str, endless);
    assert_true(spf_macro_expand_domain("a.%{l}.b.", 9, &v, out));
    assert_string_equal(out->str, "b");
}

/* What a hostile record may make of a long sender: given up, before it is large. */
static void
test_output_is_capped(void **state)
{
    struct spf_macro_values v = values();
    g_autofree char *sender = g_strnfill(1024, '!');
    g_autoptr(GString) text = g_string_new(NULL), out = g_string_new(NULL);

    (void)state;
    v.sender = sender;
    for (guint i = 0; i < 16; i++)
        g_string_append(text, "%{s}");
    assert_true(spf_macro_expand(text->str, text->len, SPF_MACRO_IN_DOMAIN, &v, out));
    assert_int_equal(out->len, SPF_EXPANSION_MAX);
    g_string_append_c(text, 'x');
    g_string_truncate(out, 0);
    assert_false(spf_macro_expand(text->str, text->len, SPF_MACRO_IN_DOMAIN, &v, out));
    g_string_truncate(text, 0);
    for (guint i = 0; i < 4000; i++)
        g_string_append(text, "%{S}");
    g_string_truncate(out, 0);
    assert_false(spf_macro_expand(text->str, text->len, SPF_MACRO_IN_DOMAIN, &v, out));
    assert_true(out->len <= SPF_EXPANSION_MAX + 3 * 1024);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples_of_the_rfc),
        cmocka_unit_test(test_other_letters),
        cmocka_unit_test(test_syntax),
        cmocka_unit_test(test_domain_specs),
        cmocka_unit_test(test_output_is_capped),
        cmocka_unit_test(test_names_are_cut_from_the_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
