/* auth_eval.c: functions by name, DMARC's, and what all need: lists of addresses, values of headers. */
#include <string.h>
#include "lib/spam/net/auth_eval_private.h"
#include "lib/spam/net/policy.h"

GPtrArray *
auth_values(const struct auth_eval *e, const char *name)
{
    const struct spam_headers *headers = e->options->headers;
    const GPtrArray *values = headers->get(headers->message, name);
    GPtrArray *out = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; values != NULL && i < values->len; i++) {
        gsize length;
        const char *value = g_bytes_get_data(g_ptr_array_index(values, i), &length);
        g_ptr_array_add(out, g_strndup(value != NULL ? value : "", length));
    }
    return out;
}

/* ---- lists ---- */

gboolean
auth_eval_glob_matches(const char *glob, const char *address)
{
    const char *star = NULL, *taken = NULL;

    while (*address != '\0') {
        if (*glob == '*') {
            star = ++glob;
            taken = address;
        } else if (*glob == '?' ? *address != '\n' : *glob == *address) {
            glob++;
            address++;
        } else if (star != NULL && *taken != '\n') {
            glob = star;
            address = ++taken;
        } else {
            return FALSE;
        }
    }
    while (*glob == '*')
        glob++;
    return *glob == '\0';
}

gboolean
auth_in_list(const struct auth_eval *e, const char *setting, const char *address)
{
    GHashTable *list = rules_map(e->options->ruleset, setting);
    GHashTableIter iter;
    gpointer glob;

    if (list == NULL)
        return FALSE;
    if (g_hash_table_contains(list, address))
        return TRUE;
    g_hash_table_iter_init(&iter, list);
    while (g_hash_table_iter_next(&iter, &glob, NULL))
        if (auth_eval_glob_matches(glob, address))
            return TRUE;
    return FALSE;
}

/* ---- SPF ---- */

static gboolean
spf_is(struct auth_eval *e, gboolean helo, enum auth_result wanted)
{
    enum auth_result result;

    return auth_spf_result(e, helo, &result) && result == wanted;
}

#define SPF_EVAL(name, helo, wanted) \
    static AUTH_EVAL(name) \
    { \
        (void)args, (void)n_args; \
        return spf_is(e, helo, wanted); \
    }
SPF_EVAL(spf_pass, FALSE, AUTH_PASS)
SPF_EVAL(spf_neutral, FALSE, AUTH_NEUTRAL)
SPF_EVAL(spf_none, FALSE, AUTH_NONE)
SPF_EVAL(spf_fail, FALSE, AUTH_FAIL)
SPF_EVAL(spf_softfail, FALSE, AUTH_SOFTFAIL)
SPF_EVAL(spf_permerror, FALSE, AUTH_PERMERROR)
SPF_EVAL(spf_temperror, FALSE, AUTH_TEMPERROR)
SPF_EVAL(spf_helo_pass, TRUE, AUTH_PASS)
SPF_EVAL(spf_helo_neutral, TRUE, AUTH_NEUTRAL)
SPF_EVAL(spf_helo_none, TRUE, AUTH_NONE)
SPF_EVAL(spf_helo_fail, TRUE, AUTH_FAIL)
SPF_EVAL(spf_helo_softfail, TRUE, AUTH_SOFTFAIL)
SPF_EVAL(spf_helo_permerror, TRUE, AUTH_PERMERROR)
SPF_EVAL(spf_helo_temperror, TRUE, AUTH_TEMPERROR)

static AUTH_EVAL(spf_no_sender)
{
    (void)args, (void)n_args;
    return e->spf_sender == NULL;
}

static gboolean
spf_welcome(struct auth_eval *e, const char *list, const char *also)
{
    if (e->spf_sender == NULL || *e->spf_sender == '\0')
        return FALSE;
    return (auth_in_list(e, list, e->spf_sender) || auth_in_list(e, also, e->spf_sender)) && spf_is(e, FALSE, AUTH_PASS);
}

static AUTH_EVAL(spf_welcomelist)
{
    (void)args, (void)n_args;
    return spf_welcome(e, "welcomelist_from_spf", "welcomelist_auth");
}

static AUTH_EVAL(spf_def_welcomelist)
{
    (void)args, (void)n_args;
    return spf_welcome(e, "def_welcomelist_from_spf", "def_welcomelist_auth");
}

/* ---- DMARC ---- */

static gboolean
dmarc_is(struct auth_eval *e, enum auth_result wanted, const char *policy)
{
    const struct auth_known *known = &e->known;

    auth_verify_dmarc(e);
    if (!known->has_dmarc || e->options->relays->external->len == 0 || known->dmarc != wanted)
        return FALSE;
    return policy == NULL || (known->dmarc_policy != NULL && strcmp(known->dmarc_policy, policy) == 0);
}

#define DMARC_EVAL(name, wanted, policy) \
    static AUTH_EVAL(name) \
    { \
        (void)args, (void)n_args; \
        return dmarc_is(e, wanted, policy); \
    }
DMARC_EVAL(dmarc_pass, AUTH_PASS, NULL)
DMARC_EVAL(dmarc_reject, AUTH_FAIL, "reject")
DMARC_EVAL(dmarc_quarantine, AUTH_FAIL, "quarantine")
DMARC_EVAL(dmarc_none, AUTH_FAIL, "none")
DMARC_EVAL(dmarc_missing, AUTH_NONE, NULL)

/* check_dkim_signsome; and check_dkim_testing, since SpamAssassin 4.0 never sets what it looks at. */
static AUTH_EVAL(never)
{
    (void)e, (void)args, (void)n_args;
    return FALSE;
}

/* ---- the object ---- */

static const struct {
    const char *name;
    auth_eval_function function;
} functions[] = {
    {"check_for_spf_pass", spf_pass},
    {"check_for_spf_neutral", spf_neutral},
    {"check_for_spf_none", spf_none},
    {"check_for_spf_fail", spf_fail},
    {"check_for_spf_softfail", spf_softfail},
    {"check_for_spf_permerror", spf_permerror},
    {"check_for_spf_temperror", spf_temperror},
    {"check_for_spf_helo_pass", spf_helo_pass},
    {"check_for_spf_helo_neutral", spf_helo_neutral},
    {"check_for_spf_helo_none", spf_helo_none},
    {"check_for_spf_helo_fail", spf_helo_fail},
    {"check_for_spf_helo_softfail", spf_helo_softfail},
    {"check_for_spf_helo_permerror", spf_helo_permerror},
    {"check_for_spf_helo_temperror", spf_helo_temperror},
    {"check_spf_skipped_noenvfrom", spf_no_sender},
    {"check_for_spf_welcomelist_from", spf_welcomelist},
    {"check_for_spf_whitelist_from", spf_welcomelist},
    {"check_for_def_spf_welcomelist_from", spf_def_welcomelist},
    {"check_for_def_spf_whitelist_from", spf_def_welcomelist},
    {"check_dkim_signed", eval_dkim_signed},
    {"check_dkim_valid", eval_dkim_valid},
    {"check_dkim_verified", eval_dkim_valid},
    {"check_dkim_valid_author_sig", eval_dkim_valid_author},
    {"check_dkim_valid_envelopefrom", eval_dkim_valid_envelope},
    {"check_dkim_dependable", eval_dkim_dependable},
    {"check_dkim_adsp", eval_dkim_adsp},
    {"check_dkim_signall", eval_dkim_signall},
    {"check_dkim_signsome", never},
    {"check_dkim_testing", never},
    {"check_arc_signed", eval_arc_signed},
    {"check_arc_valid", eval_arc_valid},
    {"check_for_dkim_welcomelist_from", eval_dkim_welcome},
    {"check_for_dkim_whitelist_from", eval_dkim_welcome},
    {"check_for_def_dkim_welcomelist_from", eval_dkim_def_welcome},
    {"check_for_def_dkim_whitelist_from", eval_dkim_def_welcome},
    {"check_dmarc_pass", dmarc_pass},
    {"check_dmarc_reject", dmarc_reject},
    {"check_dmarc_quarantine", dmarc_quarantine},
    {"check_dmarc_none", dmarc_none},
    {"check_dmarc_missing", dmarc_missing},
};

auth_eval_function
auth_eval_find(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(functions); i++)
        if (strcmp(functions[i].name, name) == 0)
            return functions[i].function;
    return NULL;
}

guint
auth_eval_parts(const char *function)
{
    static const struct {
        const char *prefix;
        guint parts;
    } parts[] = {{"check_for_spf_helo_", AUTH_PART_SPF_HELO},
                 {"check_for_spf_", AUTH_PART_SPF},
                 {"check_for_def_spf_", AUTH_PART_SPF},
                 {"check_dkim_adsp", AUTH_PART_DKIM | AUTH_PART_ADSP},
                 {"check_dkim_signall", AUTH_PART_DKIM | AUTH_PART_ADSP},
                 {"check_dkim_", AUTH_PART_DKIM},
                 {"check_for_dkim_", AUTH_PART_DKIM},
                 {"check_for_def_dkim_", AUTH_PART_DKIM},
                 {"check_arc_", AUTH_PART_DKIM},
                 {"check_dmarc_", AUTH_PART_DMARC}};

    if (auth_eval_find(function) == NULL)
        return 0;
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
        if (g_str_has_prefix(function, parts[i].prefix))
            return parts[i].parts;
    return 0;
}

gint64
auth_deadline(const struct auth_eval *e, const char *setting)
{
    return MIN(e->options->deadline_us, e->began_us + (gint64)(rules_number(e->options->ruleset, setting) * G_USEC_PER_SEC));
}

struct auth_eval *
auth_eval_new(const struct auth_eval_options *options)
{
    struct auth_eval *e = g_new0(struct auth_eval, 1);

    e->options = options;
    if (options->dns != NULL)
        e->dns = policy_restricted_dns(options->ruleset, options->dns);
    e->began_us = g_get_monotonic_time();
    if (options->known != NULL)
        e->known = *options->known;
    auth_spf_init(e);
    auth_verify_start(e);
    auth_dkim_init(e);
    return e;
}

void
auth_eval_wait(struct auth_eval *eval)
{
    auth_dkim_ready(eval);
}

void
auth_eval_free(struct auth_eval **eval)
{
    if (*eval == NULL)
        return;
    auth_dkim_clear(*eval);
    auth_verify_clear(*eval);
    for (guint i = 0; i < G_N_ELEMENTS((*eval)->spf_task); i++)
        spf_task_free(&(*eval)->spf_task[i]);
    dns_unref((*eval)->dns);
    g_free((*eval)->spf_sender);
    g_clear_pointer(eval, g_free);
}
