/* spf_host.c: check_host() itself (RFC 7208 sections 4 to 6): a domain's record, its directives from left to
 * right, its redirect.
 *
 * It calls itself for include and redirect; each such call is one of the SPF_LOOKUPS_MAX, which bounds the depth. What a
 * record certainly or probably needs is asked for before the first wait; evaluation then takes the answers in order. */
#include "lib/mail/auth/spf_evaluation.h"
#include <string.h>

enum match { MATCH_NO, MATCH_YES, MATCH_ERROR };

/* ---- the record (4.4, 4.5) ---- */

/* The one SPF record among the TXT records. NULL: none, or the evaluation has ended. */
static const struct dns_record *
select_record(struct spf_evaluation *e, const char *domain)
{
    const struct dns_answer *answer = spf_answer(e, domain, DNS_TXT);
    const struct dns_record *selected = NULL;

    if (answer == NULL)
        return NULL;
    if (answer->outcome == DNS_FAILED)
        spf_give_up(e, AUTH_TEMPERROR, "TXT of %s: %s", domain, answer->why != NULL ? answer->why : "failed");
    else if (answer->truncated)
        spf_give_up(e, AUTH_PERMERROR, "TXT of %s: too large an answer", domain);
    for (guint i = 0; i < answer->records->len; i++) {
        const struct dns_record *record = &g_array_index(answer->records, struct dns_record, i);
        if (!spf_record_is_spf((const char *)record->data, record->length))
            continue;
        if (selected != NULL)
            spf_give_up(e, AUTH_PERMERROR, "%s has several SPF records", domain);
        selected = record;
    }
    return e->error == AUTH_NONE ? selected : NULL;
}

static struct spf_record *
find_record(struct spf_evaluation *e, const char *domain)
{
    g_autofree char *why = NULL;
    const struct dns_record *text = select_record(e, domain);

    if (text == NULL)
        return NULL;
    struct spf_record *record = spf_record_parse((const char *)text->data, text->length, &why);
    if (record == NULL) {
        spf_give_up(e, AUTH_PERMERROR, "%s: %s", domain, why);
        return NULL;
    }
    e->terms += record->directives->len;
    if (e->terms > SPF_TERMS_MAX) {
        spf_give_up(e, AUTH_PERMERROR, "more than %u terms, the last in the record of %s", SPF_TERMS_MAX, domain);
        spf_record_free(&record);
    }
    return record;
}

/* ---- asking early ---- */

static gboolean
asks_dns(const struct spf_directive *directive)
{
    return directive->mechanism != SPF_ALL && directive->mechanism != SPF_IP4 && directive->mechanism != SPF_IP6;
}

static gboolean
network_matches(const struct spf_evaluation *e, const struct spf_directive *directive)
{
    if (directive->mechanism == SPF_IP4)
        return e->values.client_length == 4 && spf_address_matches(directive->address, e->values.client, directive->prefix4);
    return e->values.client_length == 16 && spf_address_matches(directive->address, e->values.client, directive->prefix6);
}

/* The first question of a term with this domain-spec (NULL: the current domain). */
static gboolean
ask_term_early(struct spf_evaluation *e, const char *spec, gsize length, enum dns_type type)
{
    g_autoptr(GString) name = g_string_new(spec == NULL ? e->values.domain : NULL);

    if (type == DNS_PTR || (spec != NULL && spf_macro_uses(spec, length, 'p'))) {
        g_string_truncate(name, 0);
        spf_client_reverse_name(e, name);
        return spf_ask_early(e, name->str, DNS_PTR);
    }
    if (spec != NULL && !spf_macro_expand_domain(spec, length, &e->values, name))
        return TRUE;
    return spf_ask_early(e, name->str, type);
}

/* Asks for what the terms begin with, as far as they can be reached: not beyond a directive that matches for certain, nor
 * beyond the limit of lookups. */
static void
ask_early(struct spf_evaluation *e, const struct spf_record *record)
{
    static const enum dns_type types[] = {
        [SPF_INCLUDE] = DNS_TXT, [SPF_MX] = DNS_MX, [SPF_PTR] = DNS_PTR, [SPF_EXISTS] = DNS_A};
    guint lookups = e->lookups;

    for (guint i = 0; i < record->directives->len; i++) {
        const struct spf_directive *d = &g_array_index(record->directives, struct spf_directive, i);

        if (d->mechanism == SPF_ALL || (!asks_dns(d) && network_matches(e, d)))
            return;
        if (!asks_dns(d))
            continue;
        enum dns_type type = d->mechanism == SPF_A ? spf_address_type(e) : types[d->mechanism];
        if (++lookups > SPF_LOOKUPS_MAX || !ask_term_early(e, d->domain, d->domain_length, type))
            return;
    }
    if (record->redirect != NULL && lookups < SPF_LOOKUPS_MAX)
        ask_term_early(e, record->redirect, record->redirect_length, DNS_TXT);
}

/* ---- mechanisms (5) ---- */

/* The answer of a term; its failure ends the evaluation (5: "temperror"). NULL: the evaluation has ended. */
static const struct dns_answer *
term_answer(struct spf_evaluation *e, const char *name, enum dns_type type)
{
    const struct dns_answer *answer = spf_answer(e, name, type);

    if (answer == NULL)
        return NULL;
    if (answer->outcome == DNS_FAILED) {
        spf_give_up(e, AUTH_TEMPERROR, "%s: %s", name, answer->why != NULL ? answer->why : "failed");
        return NULL;
    }
    return spf_count_void(e, answer) ? answer : NULL;
}

/* Whether one of the name's addresses is the client's, by the directive's prefix. */
static enum match
match_addresses(struct spf_evaluation *e, const struct spf_directive *directive, const char *name)
{
    gsize length = e->values.client_length;
    guint bits = length == 4 ? directive->prefix4 : directive->prefix6;
    const struct dns_answer *answer = term_answer(e, name, spf_address_type(e));

    if (answer == NULL)
        return MATCH_ERROR;
    for (guint i = 0; i < answer->records->len; i++) {
        const struct dns_record *record = &g_array_index(answer->records, struct dns_record, i);
        if (record->length == length && spf_address_matches(record->data, e->values.client, bits))
            return MATCH_YES;
    }
    if (!answer->truncated)
        return MATCH_NO;
    spf_give_up(e, AUTH_PERMERROR, "addresses of %s: too large an answer", name);
    return MATCH_ERROR;
}

static gint
compare_mx(gconstpointer a, gconstpointer b)
{
    const struct dns_record *x = *(const struct dns_record *const *)a, *y = *(const struct dns_record *const *)b;

    return x->preference != y->preference ? (gint)x->preference - (gint)y->preference
                                          : strcmp((const char *)x->data, (const char *)y->data);
}

/* 5.4. Hosts go by preference and name, so that an answer's order decides nothing. A null MX (RFC 7505) has no host. */
static enum match
match_mx(struct spf_evaluation *e, const struct spf_directive *directive, const char *name)
{
    const struct dns_answer *answer = term_answer(e, name, DNS_MX);
    g_autoptr(GPtrArray) hosts = g_ptr_array_new();
    enum match match = MATCH_NO;

    if (answer == NULL)
        return MATCH_ERROR;
    if (answer->records->len > SPF_MX_MAX) {
        spf_give_up(e, AUTH_PERMERROR, "%s has more than %u MX hosts", name, SPF_MX_MAX);
        return MATCH_ERROR;
    }
    for (guint i = 0; i < answer->records->len; i++)
        g_ptr_array_add(hosts, &g_array_index(answer->records, struct dns_record, i));
    g_ptr_array_sort(hosts, compare_mx);
    for (guint i = 0; i < hosts->len; i++)
        spf_ask(e, (const char *)((struct dns_record *)hosts->pdata[i])->data, spf_address_type(e));
    for (guint i = 0; i < hosts->len && match == MATCH_NO; i++)
        match = match_addresses(e, directive, (const char *)((struct dns_record *)hosts->pdata[i])->data);
    return match;
}

static enum match
match_ptr(struct spf_evaluation *e, const char *name)
{
    if (!spf_find_names(e))
        return MATCH_ERROR;
    for (guint i = 0; i < e->names->len; i++)
        if (spf_name_is_within(g_ptr_array_index(e->names, i), name))
            return MATCH_YES;
    return MATCH_NO;
}

static enum match
match_exists(struct spf_evaluation *e, const char *name)
{
    const struct dns_answer *answer = term_answer(e, name, DNS_A);

    if (answer == NULL)
        return MATCH_ERROR;
    return answer->outcome == DNS_FOUND ? MATCH_YES : MATCH_NO;
}

/* 5.2: the table of what the other record's result means here */
static enum match
match_include(struct spf_evaluation *e, const char *name)
{
    enum auth_result result = spf_check_host(e, name, NULL);

    if (result == AUTH_NONE)
        spf_give_up(e, AUTH_PERMERROR, "include: %s has no SPF record", name);
    if (e->error != AUTH_NONE)
        return MATCH_ERROR;
    return result == AUTH_PASS ? MATCH_YES : MATCH_NO;
}

/* The target-name of a term: its expanded domain-spec, or the current domain. FALSE: the evaluation has ended. */
static gboolean
expand_target(struct spf_evaluation *e, const char *spec, gsize length, GString *name)
{
    g_string_assign(name, e->values.domain);
    if (spec == NULL || spf_macro_expand_domain(spec, length, &e->values, name))
        return TRUE;
    spf_give_up(e, AUTH_PERMERROR, "the expansion of a domain-spec of %s is too long", e->values.domain);
    return FALSE;
}

static enum match
match_directive(struct spf_evaluation *e, const struct spf_directive *directive)
{
    g_autoptr(GString) name = g_string_new(NULL);

    if (directive->mechanism == SPF_ALL)
        return MATCH_YES;
    if (!asks_dns(directive))
        return network_matches(e, directive) ? MATCH_YES : MATCH_NO;
    e->term_is_void = FALSE;
    if (!spf_count_lookup(e) || !expand_target(e, directive->domain, directive->domain_length, name))
        return MATCH_ERROR;
    switch (directive->mechanism) {
    case SPF_A: return match_addresses(e, directive, name->str);
    case SPF_MX: return match_mx(e, directive, name->str);
    case SPF_PTR: return match_ptr(e, name->str);
    case SPF_EXISTS: return match_exists(e, name->str);
    default: return match_include(e, name->str);
    }
}

/* ---- the whole record ---- */

/* 6.1: the result of the other domain, with its exp; none there is an error here. */
static enum auth_result
follow_redirect(struct spf_evaluation *e, const struct spf_record *record, struct spf_decision *decision)
{
    g_autoptr(GString) name = g_string_new(NULL);

    e->term_is_void = FALSE;
    if (!spf_count_lookup(e) || !expand_target(e, record->redirect, record->redirect_length, name))
        return e->error;
    enum auth_result result = spf_check_host(e, name->str, decision);
    if (result == AUTH_NONE)
        spf_give_up(e, AUTH_PERMERROR, "redirect: %s has no SPF record", name->str);
    return e->error != AUTH_NONE ? e->error : result;
}

static void
decide(const struct spf_evaluation *e, const struct spf_record *record, const struct spf_directive *directive,
       struct spf_decision *decision)
{
    decision->mechanism = g_strndup(directive->text, directive->length);
    if (directive->qualifier != AUTH_FAIL || record->exp == NULL)
        return;
    decision->exp = g_strndup(record->exp, record->exp_length);
    decision->exp_domain = g_strdup(e->values.domain);
}

static enum auth_result
evaluate(struct spf_evaluation *e, const struct spf_record *record, struct spf_decision *decision)
{
    ask_early(e, record);
    for (guint i = 0; i < record->directives->len; i++) {
        const struct spf_directive *directive = &g_array_index(record->directives, struct spf_directive, i);

        switch (match_directive(e, directive)) {
        case MATCH_NO: continue;
        case MATCH_ERROR: return e->error;
        case MATCH_YES: break;
        }
        if (decision != NULL)
            decide(e, record, directive, decision);
        return directive->qualifier;
    }
    return record->redirect != NULL ? follow_redirect(e, record, decision) : AUTH_NEUTRAL;
}

enum auth_result
spf_check_host(struct spf_evaluation *e, const char *domain, struct spf_decision *decision)
{
    const char *outer = e->values.domain;
    struct spf_record *record = find_record(e, domain);

    if (record == NULL)
        return e->error;
    e->values.domain = domain;
    enum auth_result result = evaluate(e, record, decision);
    e->values.domain = outer;
    spf_record_free(&record);
    return result;
}
