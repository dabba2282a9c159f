/* evals_from_name.c: FromNameSpoof. */
#include "lib/spam/scan/evals_private.h"
#include "lib/spam/scan/scan_net.h"

/* The domains with a good signature, for fns_ignore_dkim; char *, NULL-terminated. NULL: the setting is not there, nor is the plugin
 * DKIM, or nobody has looked. Caller frees the array alone. */
static const char **
signers_of(const struct eval_call *call)
{
    const struct spam_ruleset *ruleset = message_view_settings(call->context->view)->ruleset;
    GHashTable *ignored = rules_map(ruleset, "fns_ignore_dkim");
    const GPtrArray *domains = NULL;
    GPtrArray *signers;

    if (call->context->net != NULL && ignored != NULL && g_hash_table_size(ignored) > 0 && rules_plugin_loaded(ruleset, "DKIM")) {
        auth_eval_wait(scan_net_auth(call->context->net));
        domains = auth_eval_tag(scan_net_auth(call->context->net), "DKIMDOMAIN");
    }
    if (domains == NULL)
        return NULL;
    signers = g_ptr_array_new();
    for (guint i = 0; i < domains->len; i++)
        g_ptr_array_add(signers, domains->pdata[i]);
    g_ptr_array_add(signers, NULL);
    return (const char **)g_ptr_array_free(signers, FALSE);
}

static const struct from_name *
name_of(const struct eval_call *call)
{
    struct eval_list_state *state = eval_context_lists(call->context);

    if (state->from_name_known)
        return &state->from_name;
    g_autofree const char **signers = signers_of(call);
    state->from_name = from_name_check(eval_bindings_lists(call->context->bindings)->from_name,
                                       message_view_headers(call->context->view), eval_recipients(call), signers);
    state->from_name_known = TRUE;
    return &state->from_name;
}

static double
spoof(const struct eval_call *call)
{
    const char *level = eval_arg(call, 0);
    gboolean said = level != NULL && *level >= '0' && *level <= '2' && level[1] == '\0';

    return from_name_is_spoofed(name_of(call),
                                said ? *level - '0' : from_name_level(eval_bindings_lists(call->context->bindings)->from_name));
}

static double
different(const struct eval_call *call)
{
    return name_of(call)->address_differs;
}

static double
domain_differ(const struct eval_call *call)
{
    return name_of(call)->domain_differs;
}

static double
owners_differ(const struct eval_call *call)
{
    return name_of(call)->owner_differs;
}

static double
contains_email(const struct eval_call *call)
{
    return name_of(call)->contains_email;
}

static double
equals_to(const struct eval_call *call)
{
    return name_of(call)->equals_to;
}

static double
equals_reply_to(const struct eval_call *call)
{
    return name_of(call)->equals_reply_to;
}

const struct eval_entry evals_of_from_name[] = {
    {"check_fromname_spoof", spoof, NULL, NULL},
    {"check_fromname_different", different, NULL, NULL},
    {"check_fromname_domain_differ", domain_differ, NULL, NULL},
    {"check_fromname_owners_differ", owners_differ, NULL, NULL},
    {"check_fromname_contains_email", contains_email, NULL, NULL},
    {"check_fromname_equals_to", equals_to, NULL, NULL},
    {"check_fromname_equals_replyto", equals_reply_to, NULL, NULL},
    {NULL, NULL, NULL, NULL},
};
