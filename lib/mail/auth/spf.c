/* spf.c: one check: the identity's parts, the evaluation, and the explanation of a fail. */
#include "lib/mail/auth/spf.h"
#include "lib/mail/address.h"
#include "lib/mail/auth/spf_evaluation.h"
#include <string.h>

static void
lookup_free(gpointer data)
{
    struct dns_lookup *lookup = data;

    dns_lookup_free(&lookup);
}

/* Printable ASCII only, at most max bytes; NULL stays NULL. */
static char *
printable(const char *text, gsize max)
{
    char *out = text != NULL ? g_strndup(text, max) : NULL;

    for (char *at = out; at != NULL && *at != '\0'; at++)
        if (*at < ' ' || *at > 0x7e)
            *at = '?';
    return out;
}

/* 4.3: the domain must be a name of several labels; an address in its place is none. NULL: all is well */
static const char *
fault_of_domain(const char *domain)
{
    const char *dot = strrchr(domain, '.');

    if (!dns_name_is_valid(domain))
        return "no valid domain";
    if (dot == NULL)
        return "a domain of one label";
    for (const char *at = dot + 1; *at != '\0'; at++)
        if (!g_ascii_isdigit(*at))
            return *domain == '[' ? "an address literal" : NULL;
    return "an address in place of a domain";
}

/* IPv4-mapped IPv6 addresses are IPv4 (5). */
static void
set_client(const struct spf_query *query, struct spf_macro_values *values)
{
    static const guint8 mapped[12] = {[10] = 0xff, [11] = 0xff};

    values->client = query->client;
    values->client_length = query->client_length;
    if (query->client_length == 16 && memcmp(query->client, mapped, sizeof mapped) == 0) {
        values->client += sizeof mapped;
        values->client_length = 4;
    }
}

/* 4.1, 4.3: sender, its local part (postmaster when it has none) and domain, which lives in sender. A domain with U-labels is
 * looked at as its A-labels (RFC 8616). */
static char *
make_sender(const struct spf_query *query, enum spf_identity identity, char **local_part_r, const char **domain_r)
{
    const char *mail_from = query->mail_from != NULL ? query->mail_from : "";
    gboolean by_helo = identity == SPF_HELO || *mail_from == '\0';
    const char *at = by_helo ? NULL : strrchr(mail_from, '@');
    const char *domain = by_helo ? query->helo : at != NULL ? at + 1 : mail_from;

    *local_part_r = at != NULL && at > mail_from ? g_strndup(mail_from, (gsize)(at - mail_from)) : g_strdup("postmaster");
    g_autofree char *ascii = g_str_is_ascii(domain) ? NULL : address_normalise_domain(domain);
    char *sender = g_strdup_printf("%s@%s", *local_part_r, ascii != NULL ? ascii : domain);
    gsize length = strlen(sender);
    if (sender[length - 1] == '.')
        sender[length - 1] = '\0';
    *domain_r = sender + strlen(*local_part_r) + 1;
    return sender;
}

/* ---- the explanation (6.2) ---- */

/* The one TXT record that exp= names, if there is exactly one. */
static const struct dns_record *
explanation_record(struct spf_evaluation *e, const char *name)
{
    const struct dns_answer *answer = spf_answer(e, name, DNS_TXT);

    if (answer == NULL || answer->outcome != DNS_FOUND || answer->records->len != 1 || answer->truncated)
        return NULL;
    return &g_array_index(answer->records, struct dns_record, 0);
}

/* Any fault in it means that there is no explanation; the result stays. */
static char *
explain(struct spf_evaluation *e, const struct spf_decision *decision)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (decision->exp == NULL)
        return NULL;
    e->explaining = TRUE;
    e->values.domain = decision->exp_domain;
    if (!spf_macro_expand_domain(decision->exp, strlen(decision->exp), &e->values, text))
        return NULL;
    const struct dns_record *record = explanation_record(e, text->str);
    g_string_truncate(text, 0);
    if (record == NULL || record->length > SPF_RECORD_MAX ||
        !spf_macro_expand((const char *)record->data, record->length, SPF_MACRO_IN_EXPLANATION, &e->values, text))
        return NULL;
    return text->len > 0 ? printable(text->str, SPF_EXPLANATION_MAX) : NULL;
}

/* ---- the check ---- */

static void
evaluate(struct spf_evaluation *e, const char *domain, struct spf_result *result)
{
    struct spf_decision decision = {.mechanism = NULL};

    e->questions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, lookup_free);
    e->values.validated_name = spf_validated_name;
    e->values.data = e;
    e->values.now = g_get_real_time() / G_USEC_PER_SEC;
    result->result = spf_check_host(e, domain, &decision);
    result->why = e->error == AUTH_NONE && result->result == AUTH_NONE ? g_strdup("no SPF record")
                                                                      : printable(e->why, SPF_LOG_TEXT_MAX);
    result->mechanism = printable(decision.mechanism, SPF_LOG_TEXT_MAX);
    result->secure = e->secure;
    result->explanation = explain(e, &decision);
    result->lookups = e->lookups;
    result->voids = e->voids;
    result->questions = g_hash_table_size(e->questions);
    g_hash_table_unref(e->questions);
    g_clear_pointer(&e->names, g_ptr_array_unref);
    g_free(e->why);
    g_free(decision.mechanism);
    g_free(decision.exp);
    g_free(decision.exp_domain);
}

void
spf_check(const struct spf_query *query, enum spf_identity identity, struct spf_result *result_r)
{
    struct spf_evaluation e = {.dns = query->dns, .deadline_us = query->deadline_us, .secure = TRUE, .error = AUTH_NONE};
    g_autofree char *local_part = NULL, *sender = NULL;
    const char *domain;

    *result_r = (struct spf_result){.result = AUTH_NONE, .identity = identity};
    if (strlen(query->helo) > SPF_IDENTITY_MAX || (query->mail_from != NULL && strlen(query->mail_from) > SPF_IDENTITY_MAX)) {
        result_r->domain = g_strdup("");
        result_r->why = g_strdup("too long an identity");
        return;
    }
    sender = make_sender(query, identity, &local_part, &domain);
    result_r->domain = g_strdup(domain);
    const char *fault = fault_of_domain(domain);
    if (fault != NULL) {
        result_r->why = g_strdup(fault);
        return;
    }
    set_client(query, &e.values);
    e.values.sender = sender;
    e.values.local_part = local_part;
    e.values.sender_domain = e.values.domain = domain;
    e.values.helo = query->helo;
    e.values.receiver = query->receiver != NULL ? query->receiver : "unknown";
    evaluate(&e, domain, result_r);
}

void
spf_result_clear(struct spf_result *result)
{
    g_clear_pointer(&result->domain, g_free);
    g_clear_pointer(&result->explanation, g_free);
    g_clear_pointer(&result->mechanism, g_free);
    g_clear_pointer(&result->why, g_free);
}
