/* test_dmarc_record.c: DMARC policy records. */
#include "lib/mail/auth/dmarc_record.h"
#include "tests/unit/base/test.h"

static struct dmarc_record *
parse(const char *text)
{
    const char *why = NULL;
    struct dmarc_record *record = dmarc_record_parse(text, strlen(text), &why);

    assert_true(record != NULL || why != NULL);
    return record;
}

static void
assert_bad(const char *text, const char *expected)
{
    const char *why = NULL;

    assert_null(dmarc_record_parse(text, strlen(text), &why));
    assert_string_equal(why, expected);
}

static void
test_what_is_one(void **state)
{
    static const char *const good[] = {"v=DMARC1", "v=DMARC1;", "v = DMARC1 ; p=none", "v=DMARC1\t;p=x"};
    static const char *const bad[] = {
        "",           "v",         "v=",        "V=DMARC1; p=none", "v=dmarc1; p=none", "v=DMARC2",
        "v=DMARC1.0", "v=DMARC10", " v=DMARC1", "p=none; v=DMARC1", "v=DMARC1 p=none",  "v=DMARC",
        "v=spf1"};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(good); i++)
        assert_true(dmarc_record_is(good[i], strlen(good[i])));
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        assert_false(dmarc_record_is(bad[i], strlen(bad[i])));
        assert_bad(bad[i], "does not begin with v=DMARC1");
    }
    assert_false(dmarc_record_is("v=DMARC1", 7));
}

static void
test_defaults(void **state)
{
    struct dmarc_record *r = parse("v=DMARC1; p=reject");

    (void)state;
    assert_true(r->p == DMARC_REJECT && r->sp == DMARC_REJECT && r->np == DMARC_REJECT);
    assert_true(!r->has_sp && !r->has_np && !r->strict_dkim && !r->strict_spf && !r->testing && !r->is_assumed);
    assert_int_equal(r->pct, 100);
    assert_int_equal(r->fo, DMARC_FO_ALL);
    assert_int_equal(r->interval, DMARC_INTERVAL);
    assert_int_equal(r->psd, DMARC_PSD_UNKNOWN);
    assert_int_equal(r->rua->len + r->ruf->len, 0);
    dmarc_record_free(&r);
    dmarc_record_free(&r);
}

static void
test_all_tags(void **state)
{
    struct dmarc_record *r =
        parse("v=DMARC1;P=none;p = Reject ;sp=quarantine;np=none;adkim=S;aspf=s;pct=7;fo=1:d:x:s;rf=afrf;ri=3600;"
              "t=y;psd=y;rua=mailto:a@example.com!10m, mailto:b@example.com;ruf=https://x.example/y;x-y=z");

    (void)state;
    assert_true(r->p == DMARC_REJECT && r->sp == DMARC_QUARANTINE && r->np == DMARC_NONE && r->has_sp && r->has_np);
    assert_true(r->strict_dkim && r->strict_spf && r->testing);
    assert_int_equal(r->pct, 7);
    assert_int_equal(r->fo, DMARC_FO_ANY | DMARC_FO_DKIM | DMARC_FO_SPF);
    assert_int_equal(r->interval, 3600);
    assert_int_equal(r->psd, DMARC_PSD_YES);
    assert_int_equal(r->rua->len, 2);
    const struct dmarc_uri *first = g_ptr_array_index(r->rua, 0), *second = g_ptr_array_index(r->rua, 1);
    assert_string_equal(first->uri, "mailto:a@example.com");
    assert_int_equal(first->max_bytes, 10 << 20);
    assert_string_equal(second->uri, "mailto:b@example.com");
    assert_int_equal(second->max_bytes, 0);
    assert_string_equal(((struct dmarc_uri *)g_ptr_array_index(r->ruf, 0))->uri, "https://x.example/y");
    dmarc_record_free(&r);
    r = parse("v=DMARC1; p=reject; sp=none");
    assert_int_equal(r->np, DMARC_NONE); /* RFC 9989: np falls back to sp, sp to p */
    dmarc_record_free(&r);
}

/* Errors outside the policies cost only their tag. */
static void
test_bad_values(void **state)
{
    struct dmarc_record *r =
        parse("v=DMARC1; p=quarantine; adkim=x; aspf=; pct=101; fo=9; ri=-1; t=maybe; psd=q; junk; =x; 8\xff=1; rua=");

    (void)state;
    assert_true(r->p == DMARC_QUARANTINE && !r->strict_dkim && !r->strict_spf && !r->testing);
    assert_int_equal(r->pct, 100);
    assert_int_equal(r->fo, DMARC_FO_ALL);
    assert_int_equal(r->interval, DMARC_INTERVAL);
    assert_int_equal(r->psd, DMARC_PSD_UNKNOWN);
    dmarc_record_free(&r);
    r = parse("v=DMARC1; p=none; pct=+5; ri=99999999999");
    assert_int_equal(r->pct, 100);
    assert_int_equal(r->interval, DMARC_INTERVAL);
    dmarc_record_free(&r);
    r = parse("v=DMARC1; p=none; pct=0");
    assert_int_equal(r->pct, 0);
    dmarc_record_free(&r);
}

/* libopendmarc let the last p win; no reader may choose. */
static void
test_twice(void **state)
{
    (void)state;
    assert_bad("v=DMARC1; p=reject; p=none", "a tag occurs twice");
    assert_bad("v=DMARC1; p=\xff; p=none", "a tag occurs twice");
    assert_bad("v=DMARC1; p=none; x=1; x=1", "a tag occurs twice");
    assert_bad("v=DMARC1; v=DMARC1; p=none", "a tag occurs twice");
}

/* RFC 7489 6.6.3 step 6. */
static void
test_without_policy(void **state)
{
    static const char *const assumed[] = {"v=DMARC1; rua=mailto:a@b.example", "v=DMARC1; p=bad; rua=mailto:a@b.example",
                                          "v=DMARC1; p=reject; sp=bad; rua=mailto:a@b.example",
                                          "v=DMARC1; p=reject; np=; rua=mailto:a@b.example"};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(assumed); i++) {
        struct dmarc_record *r = parse(assumed[i]);
        assert_true(r->is_assumed && r->p == DMARC_NONE && r->sp == DMARC_NONE && r->np == DMARC_NONE);
        dmarc_record_free(&r);
    }
    assert_bad("v=DMARC1", "no policy (p)");
    assert_bad("v=DMARC1; rua=nonsense", "no policy (p)");
    assert_bad("v=DMARC1; ruf=mailto:a@b.example", "no policy (p)");
    assert_bad("v=DMARC1; p=\xc3\xa9", "unknown policy (p)");
    assert_bad("v=DMARC1; p=reject; sp=bad", "unknown subdomain policy (sp, np)");
    assert_bad("v=DMARC1; p=reject; np=bad", "unknown subdomain policy (sp, np)");
}

static void
test_uris(void **state)
{
    static const struct {
        const char *uri;
        gboolean is_good;
        guint64 max_bytes;
    } cases[] = {
        {"mailto:a@b.example!1", TRUE, 1},
        {"mailto:a@b.example!1k", TRUE, 1024},
        {"MAILTO:a@b.example!2G", TRUE, G_GUINT64_CONSTANT(2) << 30},
        {"mailto:a@b.example!16777215t", TRUE, G_GUINT64_CONSTANT(16777215) << 40},
        {"mailto:a@b.example!16777216t", FALSE, 0},
        {"mailto:a@b.example!99999999999999999999", FALSE, 0},
        {"mailto:a@b.example!", FALSE, 0},
        {"mailto:a@b.example!m", FALSE, 0},
        {"mailto:a@b.example!-1", FALSE, 0},
        {"mailto:a@b.example!1x", FALSE, 0},
        {"mailto:a@b.example!1!2", FALSE, 0},
        {"mailto:a%2Cb@b.example", TRUE, 0},
        {"mailto:a b@b.example", FALSE, 0},
        {"mailto:a@b.example\r\nBcc:x@y.example", FALSE, 0},
        {"mailto:<a@b.example>", FALSE, 0},
        {"mailto:a", FALSE, 0},
        {"mailto:@b", FALSE, 0},
        {"mailto:a@", FALSE, 0},
        {"a@b.example", FALSE, 0},
        {"1x:y", FALSE, 0},
        {"x y:z", FALSE, 0},
        {"https:", FALSE, 0},
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = g_strdup_printf("v=DMARC1; p=none; rua=%s", cases[i].uri);
        struct dmarc_record *r = parse(text);

        if (r->rua->len != (cases[i].is_good ? 1 : 0))
            fail_msg("%s", cases[i].uri);
        if (cases[i].is_good)
            assert_int_equal(((struct dmarc_uri *)g_ptr_array_index(r->rua, 0))->max_bytes, cases[i].max_bytes);
        dmarc_record_free(&r);
    }
}

static void
test_caps(void **state)
{
    GString *text = g_string_new("v=DMARC1; p=none; rua=mailto:a@b.example");
    g_autofree char *long_uri = g_strnfill(DMARC_URI_MAX - strlen("mailto:@b"), 'x'),
                    *blank = g_strnfill(DMARC_RECORD_MAX, ' ');
    const char *why = NULL;

    (void)state;
    for (guint i = 0; i < DMARC_URIS_MAX; i++)
        g_string_append(text, ",mailto:a@b.example");
    struct dmarc_record *r = parse(text->str);
    assert_int_equal(r->rua->len, DMARC_URIS_MAX);
    dmarc_record_free(&r);
    g_string_printf(text, "v=DMARC1; p=none; rua=mailto:%s@b,mailto:%sx@b", long_uri, long_uri);
    r = parse(text->str);
    assert_int_equal(r->rua->len, 1);
    dmarc_record_free(&r);
    g_string_assign(text, "v=DMARC1;p=none");
    for (guint i = 2; i < DMARC_TAGS_MAX; i++)
        g_string_append_printf(text, ";x%u=1", i);
    r = parse(text->str);
    assert_non_null(r);
    dmarc_record_free(&r);
    g_string_append(text, ";y=1");
    assert_bad(text->str, "too many tags");
    memcpy(blank, "v=DMARC1;p=none;", 16);
    r = parse(blank);
    assert_non_null(r);
    dmarc_record_free(&r);
    g_string_printf(text, "%s ", blank);
    assert_bad(text->str, "too long");
    assert_null(dmarc_record_parse("v=DMARC1; p=none\0; x", 20, &why));
    assert_string_equal(why, "holds a NUL");
    g_string_free(text, TRUE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_one), cmocka_unit_test(test_defaults), cmocka_unit_test(test_all_tags),
        cmocka_unit_test(test_bad_values),  cmocka_unit_test(test_twice),    cmocka_unit_test(test_without_policy),
        cmocka_unit_test(test_uris),        cmocka_unit_test(test_caps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
