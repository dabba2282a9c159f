/* evals_from_name.c: FromNameSpoof. Domains with a good DKIM signature are not known here: fns_ignore_dkim lets none pass. */
#include "lib/spam/scan/evals_private.h"

static const struct from_name *
name_of(const struct eval_call *call)
{
    struct eval_list_state *state = eval_context_lists(call->context);

    if (!state->from_name_known)
        state->from_name = from_name_check(eval_bindings_lists(call->context->bindings)->from_name,
                                           message_view_headers(call->context->view), eval_recipients(call), NULL);
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
