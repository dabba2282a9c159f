/* test_dkim_sign.c: what is signed, how it is written, and that our own verifier takes it. */
#include "lib/mail/auth/dkim_sign.h"
#include "lib/mail/auth/dkim_signature.h"
#include "lib/mail/auth/dkim_verify.h"
#include "tests/unit/auth/dkim_test.h"

#define NOW 1600000000

static struct dkim_key *rsa, *ed25519;

static struct dns *
our_keys(void)
{
    struct dns_table *table = dns_table_new();
    g_autofree char *one = dkim_key_record(rsa), *two = dkim_key_record(ed25519);

    dns_table_add(table, "r._domainkey.example.com", DNS_TXT, 0, one, -1);
    dns_table_add(table, "e._domainkey.example.com", DNS_TXT, 0, two, -1);
    return dns_table_dns(table);
}

/* The values for a message by both keys; options may be changed before. */
static GPtrArray *
sign(const char *text, const struct dkim_sign_options *options, GError **error)
{
    const struct dkim_signer signers[] = {{rsa, "example.com", "r", "J=\xc3\xb6@sub.example.com"},
                                          {ed25519, "example.com", "e", NULL}};
    struct auth_message *m = message_of(text, -1);
    GPtrArray *values = dkim_sign(m, signers, G_N_ELEMENTS(signers), options, error);

    auth_message_free(&m);
    return values;
}

/* The message with the fields on top, as Postfix puts them there; FALSE unless all of them pass. */
static gboolean
passes(const GPtrArray *values, const char *text)
{
    g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
    struct message *message = message_new(bytes, NULL);
    struct verdict *verdict = verdict_new();
    struct dns *dns = our_keys();
    gboolean good = TRUE;

    for (guint i = 0; i < values->len; i++)
        verdict_edit(verdict, EDIT_INSERT_HEADER, 0, "DKIM-Signature", g_ptr_array_index(values, i));
    struct auth_message *m = auth_message_new(message, verdict->edits);
    struct dkim_verification *v = dkim_verify_start(dns, m, NULL);
    dkim_verify_finish(v, NOW, soon());
    for (guint i = 0; i < values->len; i++)
        good &= dkim_verify_get(v, i)->result == AUTH_PASS;
    assert_int_equal(dkim_verify_count(v), values->len);
    dkim_verification_free(&v);
    auth_message_free(&m);
    verdict_free(&verdict);
    message_free(&message);
    dns_unref(dns);
    return good;
}

static void
test_round_trip(void **state)
{
    static const char *const bodies[] = {"", "\r\n", "\r\n\r\n\r\n", "a", "a\r\n\r\n", " \t \r\nx  y\t\r\n",
                                         "\xff\x80\r\nb\rc\r\n", "l\nf\n\n",
                                         BODY};
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(bodies) * 4; i++) {
        g_autofree char *text = g_strconcat("Subject:  a\r\n\tb \r\n" FIELDS "To: again\r\n\r\n", bodies[i / 4], NULL);
        g_autofree char *damaged = g_strconcat(text, "x", NULL);
        g_autofree char *more = g_strconcat("From: second\r\n", text, NULL);
        struct dkim_sign_options options = {.header_canon = i & 1, .body_canon = i >> 1 & 1, .now_s = NOW, .lifetime_s = 100};
        g_autoptr(GPtrArray) values = sign(text, &options, NULL);
        assert_non_null(values);
        assert_true(passes(values, text));
        assert_false(passes(values, damaged));
        assert_false(passes(values, more)); /* oversigned */
    }
}

/* No line beyond the column, no control character but the folds; tags as asked for. */
static void
test_form(void **state)
{
    struct dkim_sign_options options = {.header_canon = DKIM_RELAXED, .body_canon = DKIM_SIMPLE, .now_s = NOW,
                                        .lifetime_s = 60};
    g_autoptr(GPtrArray) values = sign(FIELDS "To: 2\r\n\r\n" BODY, &options, NULL);

    (void)state;
    for (guint i = 0; i < values->len; i++) {
        g_autofree char *field = g_strconcat("DKIM-Signature: ", g_ptr_array_index(values, i), NULL);
        g_auto(GStrv) lines = g_strsplit(field, "\n", -1);
        for (guint n = 0; lines[n] != NULL; n++) {
            assert_true(strlen(lines[n]) + (n > 0 ? 7 : 0) <= DKIM_FOLD_COLUMN);
            assert_true(n == 0 || lines[n][0] == '\t');
            assert_null(strchr(lines[n], '\r'));
        }
    }
    const char *why, *value = g_ptr_array_index(values, 0);
    struct dkim_tags *tags = dkim_tags_parse(value, strlen(value), 0, &why);
    assert_string_equal(dkim_tags_get(tags, "c"), "relaxed/simple");
    assert_string_equal(dkim_tags_get(tags, "t"), "1600000000");
    assert_string_equal(dkim_tags_get(tags, "x"), "1600000060");
    assert_string_equal(dkim_tags_get(tags, "i"), "J=3D=C3=B6@sub.example.com");
    assert_string_equal(dkim_tags_get(tags, "bh"), BODY_HASH);
    g_auto(GStrv) h = g_strsplit(dkim_tags_get(tags, "h"), "\t", -1);
    g_autofree char *names = g_strjoinv("", h);
    assert_string_equal(names, "From:From:Subject:Date:Message-ID:To:To");
    dkim_tags_free(&tags);
}

static void
test_choice(void **state)
{
    static const char *const fields[] = {"subject", "X-None", "X-Many", NULL}, *const over[] = {"X-None", "Cc", NULL};
    struct auth_message *m = message_of("X-Many: 1\r\nX-many: 2\r\n" FIELDS "\r\n", -1);
    struct dkim_fields *index = dkim_fields_new(m);
    g_auto(GStrv) names = dkim_compose_names(index, fields, over, NULL, NULL);
    g_autofree char *joined = g_strjoinv(":", names);

    (void)state;
    assert_string_equal(joined, "subject:X-None:X-Many:X-Many:Cc:From");
    dkim_fields_free(&index);
    auth_message_free(&m);
}

static void
assert_error(const char *text, const struct dkim_sign_options *options, gint code)
{
    GError *error = NULL;

    assert_null(sign(text, options, &error));
    assert_true(g_error_matches(error, DKIM_SIGN_ERROR, code));
    g_error_free(error);
}

static void
test_errors(void **state)
{
    static const char *const bad[] = {"Sub ject", NULL}, *const semicolon[] = {"a;b", NULL};
    g_autoptr(GString) many = g_string_new("From: x\r\n");
    struct auth_message *m = message_of("From: x\r\n\r\n", -1);

    (void)state;
    assert_error("To: x\r\n\r\n", &(struct dkim_sign_options){0}, DKIM_SIGN_ERROR_NO_FROM);
    assert_error("From: x\r\n\r\n", &(struct dkim_sign_options){.fields = bad}, DKIM_SIGN_ERROR_ARGUMENT);
    assert_error("From: x\r\n\r\n", &(struct dkim_sign_options){.oversigned = semicolon}, DKIM_SIGN_ERROR_ARGUMENT);
    assert_error("From: x\r\n\r\n", &(struct dkim_sign_options){.now_s = -1}, DKIM_SIGN_ERROR_ARGUMENT);
    assert_error("From: x\r\n\r\n", &(struct dkim_sign_options){.now_s = 9, .lifetime_s = G_MAXINT64},
                 DKIM_SIGN_ERROR_ARGUMENT);
    for (guint i = 0; i < DKIM_SIGNED_NAMES_MAX; i++)
        g_string_append(many, "Cc: x\r\n");
    g_string_append(many, "\r\n");
    assert_error(many->str, &(struct dkim_sign_options){0}, DKIM_SIGN_ERROR_TOO_MANY);
    static const struct dkim_signer signers[] = {{.domain = "example.com", .selector = "a;b"},
                                                 {.domain = "com", .selector = "a"},
                                                 {.domain = "example.com.", .selector = "a"},
                                                 {.domain = "example.com", .selector = ""},
                                                 {.domain = "example.com", .selector = "a", .identity = "x@example.org"},
                                                 {.domain = "example.com", .selector = "a", .identity = "x"}};
    for (guint i = 0; i < G_N_ELEMENTS(signers); i++) {
        struct dkim_signer signer = signers[i];
        signer.key = rsa;
        assert_null(dkim_sign(m, &signer, 1, &(struct dkim_sign_options){0}, NULL));
    }
    auth_message_free(&m);
}

static int
make_keys(void **state)
{
    (void)state;
    rsa = dkim_key_generate(DKIM_RSA, 2048, NULL);
    ed25519 = dkim_key_generate(DKIM_ED25519, 0, NULL);
    return rsa != NULL && ed25519 != NULL ? 0 : -1;
}

static int
drop_keys(void **state)
{
    (void)state;
    dkim_key_unref(rsa);
    dkim_key_unref(ed25519);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_errors),
    };

    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
