/* dkim_driver.c: DKIM and ARC for scripts: a JSON array of cases on standard input, an array of answers on standard output.
 *
 * Each case has "op" and "message" (base64), and by op:
 *   verify, arc-verify   "keys" {name: record}, "failing" [names], "now" (s), "min_rsa_bits", "tag_list_bytes"
 *   sign                 "signers" [{"key": file, "domain", "selector", "identity"}], "header", "body" (forms), "fields",
 *                        "oversigned" (arrays), "now", "lifetime"; the answer's "message" has the new fields on top
 *   arc-seal             "key" (file), "domain", "selector", "payload", "cv", "now", "fields", "oversigned", "unfolded"
 *   keygen               no message; "type", "bits", "path"; the answer is the "record"
 * What fails says so in "error". */
#include "lib/mail/auth/arc.h"
#include "tests/support/dns_table.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const char *
text_of(const json_t *object, const char *name, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : otherwise;
}

static gint64
number_of(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

/* Borrowed texts of an array, NULL-terminated; NULL when it is absent. */
static const char **
list_of(const json_t *object, const char *name)
{
    const json_t *array = json_object_get(object, name);

    if (array == NULL)
        return NULL;
    const char **list = g_new0(const char *, json_array_size(array) + 1);
    for (gsize i = 0; i < json_array_size(array); i++)
        list[i] = json_string_value(json_array_get(array, i));
    return list;
}

static struct auth_message *
message_of(const json_t *object, char **bytes_r, gsize *length_r)
{
    guchar *bytes = g_base64_decode(text_of(object, "message", ""), length_r);
    g_autoptr(GBytes) shared = g_bytes_new(bytes, *length_r);
    struct message *message = message_new(shared, NULL);
    struct auth_message *auth = auth_message_new(message, NULL);

    message_free(&message);
    *bytes_r = (char *)bytes;
    return auth;
}

static struct dns *
dns_of(const json_t *object)
{
    struct dns_table *table = dns_table_new();
    const json_t *failing = json_object_get(object, "failing");
    const char *name;
    json_t *record;

    json_object_foreach(json_object_get(object, "keys"), name, record)
        dns_table_add(table, name, DNS_TXT, 0, json_string_value(record), (gssize)json_string_length(record));
    for (gsize i = 0; i < json_array_size(failing); i++)
        dns_table_fail(table, json_string_value(json_array_get(failing, i)), 0);
    return dns_table_dns(table);
}

static struct dkim_limits
limits_of(const json_t *object)
{
    return (struct dkim_limits){.min_rsa_bits = (guint)number_of(object, "min_rsa_bits"),
                                .tag_list_bytes = (gsize)number_of(object, "tag_list_bytes")};
}

static json_t *
failed(const char *text)
{
    return json_pack("{s:s}", "error", text);
}

static json_t *
failed_with(GError *error)
{
    json_t *answer = failed(error->message);

    g_error_free(error);
    return answer;
}

static json_t *
verify(const json_t *object, const struct auth_message *message)
{
    struct dns *dns = dns_of(object);
    struct dkim_limits limits = limits_of(object);
    struct dkim_verification *v = dkim_verify_start(dns, message, &limits);
    json_t *list = json_array();

    dkim_verify_finish(v, number_of(object, "now"), g_get_monotonic_time() + G_USEC_PER_SEC);
    for (guint i = 0; i < dkim_verify_count(v); i++) {
        const struct dkim_signature *s = dkim_verify_get(v, i);
        json_array_append_new(
            list, json_pack("{s:s,s:s?,s:s?,s:s?,s:s?,s:s,s:i,s:b,s:b,s:s?}", "result", auth_result_name(s->result), "domain",
                            s->domain, "selector", s->selector, "identity", s->identity, "algorithm", s->algorithm, "b",
                            s->b_prefix, "bits", (int)s->key_bits, "testing", s->testing, "weak", s->weak, "why", s->why));
    }
    json_t *answer = json_pack("{s:o,s:i}", "signatures", list, "unchecked", (int)dkim_verify_unchecked(v));
    dkim_verification_free(&v);
    dns_unref(dns);
    return answer;
}

static json_t *
arc_verify(const json_t *object, const struct auth_message *message)
{
    struct dns *dns = dns_of(object);
    struct dkim_limits limits = limits_of(object);
    struct arc_verification *v = arc_verify_start(dns, message, &limits);
    enum auth_result result = arc_verify_finish(v, number_of(object, "now"), g_get_monotonic_time() + G_USEC_PER_SEC);
    json_t *answer = json_pack("{s:s,s:i,s:i,s:s?}", "result", auth_result_name(result), "instances", (int)arc_verify_count(v),
                               "oldest_pass", (int)arc_verify_oldest_pass(v), "why", arc_verify_why(v));

    arc_verification_free(&v);
    dns_unref(dns);
    return answer;
}

/* The message with a field on top of it, its folds as CRLF. */
static void
put_on_top(GString *message, const char *name, const char *value)
{
    GString *field = dkim_compose_field(name, value);

    g_string_prepend_len(message, field->str, (gssize)field->len);
    g_string_free(field, TRUE);
}

static json_t *
with_message(GString *message, json_t *answer)
{
    g_autofree char *base64 = g_base64_encode((const guchar *)message->str, message->len);

    json_object_set_new(answer, "message", json_string(base64));
    return answer;
}

static json_t *
signed_message(const GPtrArray *values, const char *bytes, gsize length)
{
    g_autoptr(GString) out = g_string_new_len(bytes, (gssize)length);
    json_t *list = json_array();

    for (guint i = 0; i < values->len; i++) {
        const char *value = g_ptr_array_index(values, values->len - 1 - i);
        put_on_top(out, "DKIM-Signature", value);
        json_array_insert_new(list, 0, json_string(value));
    }
    return with_message(out, json_pack("{s:o}", "values", list));
}

static json_t *
sign(const json_t *object, const struct auth_message *message, const char *bytes, gsize length)
{
    const json_t *list = json_object_get(object, "signers");
    g_autofree struct dkim_signer *signers = g_new0(struct dkim_signer, json_array_size(list) + 1);
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func((GDestroyNotify)dkim_key_unref);
    g_autofree const char **fields = list_of(object, "fields"), **oversigned = list_of(object, "oversigned");
    struct dkim_sign_options options = {
        .header_canon = strcmp(text_of(object, "header", "relaxed"), "relaxed") == 0 ? DKIM_RELAXED : DKIM_SIMPLE,
        .body_canon = strcmp(text_of(object, "body", "relaxed"), "relaxed") == 0 ? DKIM_RELAXED : DKIM_SIMPLE,
        .fields = fields, .oversigned = oversigned,
        .now_s = number_of(object, "now"), .lifetime_s = number_of(object, "lifetime")};
    GError *error = NULL;

    for (gsize i = 0; i < json_array_size(list); i++) {
        const json_t *from = json_array_get(list, i);
        struct dkim_key *key = dkim_key_load(text_of(from, "key", ""), NULL, &error);
        if (key == NULL)
            return failed_with(error);
        g_ptr_array_add(keys, key);
        signers[i] = (struct dkim_signer){key, text_of(from, "domain", ""), text_of(from, "selector", ""),
                                          text_of(from, "identity", NULL)};
    }
    g_autoptr(GPtrArray) values = dkim_sign(message, signers, (guint)json_array_size(list), &options, &error);
    return values != NULL ? signed_message(values, bytes, length) : failed_with(error);
}

static enum auth_result
cv_of(const json_t *object)
{
    const char *cv = text_of(object, "cv", "none");

    return strcmp(cv, "pass") == 0 ? AUTH_PASS : strcmp(cv, "fail") == 0 ? AUTH_FAIL : AUTH_NONE;
}

static json_t *
seal(const json_t *object, const struct auth_message *message, const char *bytes, gsize length)
{
    g_autofree const char **fields = list_of(object, "fields"), **oversigned = list_of(object, "oversigned");
    GError *error = NULL;
    struct dkim_key *key = dkim_key_load(text_of(object, "key", ""), NULL, &error);
    struct arc_set set;

    if (key == NULL)
        return failed_with(error);
    struct arc_seal_options options = {.key = key, .domain = text_of(object, "domain", ""),
                                       .selector = text_of(object, "selector", ""), .payload = text_of(object, "payload", ""),
                                       .cv = cv_of(object), .now_s = number_of(object, "now"), .fields = fields,
                                       .oversigned = oversigned, .unfolded = json_is_true(json_object_get(object, "unfolded"))};
    gboolean good = arc_seal(message, &options, &set, &error);
    dkim_key_unref(key);
    if (!good)
        return failed_with(error);
    g_autoptr(GString) out = g_string_new_len(bytes, (gssize)length);
    put_on_top(out, "ARC-Authentication-Results", set.results);
    put_on_top(out, "ARC-Message-Signature", set.signature);
    put_on_top(out, "ARC-Seal", set.seal);
    json_t *answer = json_pack("{s:s,s:s,s:s}", "seal", set.seal, "signature", set.signature, "results", set.results);
    arc_set_clear(&set);
    return with_message(out, answer);
}

static json_t *
generate(const json_t *object)
{
    GError *error = NULL;
    enum dkim_key_type type = strcmp(text_of(object, "type", "rsa"), "ed25519") == 0 ? DKIM_ED25519 : DKIM_RSA;
    struct dkim_key *key = dkim_key_generate(type, (guint)number_of(object, "bits"), &error);

    if (key == NULL || !dkim_key_save(key, text_of(object, "path", ""), &error)) {
        dkim_key_unref(key);
        return failed_with(error);
    }
    g_autofree char *record = dkim_key_record(key);
    dkim_key_unref(key);
    return json_pack("{s:s}", "record", record);
}

static json_t *
answer_to(const json_t *object)
{
    const char *op = text_of(object, "op", "");
    gsize length;
    g_autofree char *bytes = NULL;

    if (strcmp(op, "keygen") == 0)
        return generate(object);
    struct auth_message *message = message_of(object, &bytes, &length);
    json_t *answer = message == NULL                 ? failed("the message passes a cap")
                     : strcmp(op, "verify") == 0     ? verify(object, message)
                     : strcmp(op, "arc-verify") == 0 ? arc_verify(object, message)
                     : strcmp(op, "sign") == 0       ? sign(object, message, bytes, length)
                     : strcmp(op, "arc-seal") == 0   ? seal(object, message, bytes, length)
                                                     : failed("no such op");
    auth_message_free(&message);
    return answer;
}

int
main(void)
{
    json_error_t error;
    json_t *cases = json_loadf(stdin, JSON_ALLOW_NUL, &error), *answers = json_array();

    if (!json_is_array(cases)) {
        fprintf(stderr, "dkim_driver: no JSON array: %s\n", error.text);
        return 2;
    }
    for (gsize i = 0; i < json_array_size(cases); i++)
        json_array_append_new(answers, answer_to(json_array_get(cases, i)));
    json_dumpf(answers, stdout, JSON_ENSURE_ASCII);
    json_decref(answers);
    json_decref(cases);
    return 0;
}
