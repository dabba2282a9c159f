/* evals_lists.c: WLBLEval, WelcomeListSubject, VBounce. */
#include "lib/spam/scan/evals_private.h"
#include "lib/base/log.h"
#include "lib/spam/eval/bounce_relays.h"
#include "lib/spam/eval/header_text.h"
#include "lib/spam/eval/message_addresses.h"

static struct message_view *
view_of(const struct eval_call *call)
{
    return call->context->view;
}

static const GPtrArray *
from_of(const struct eval_call *call)
{
    struct eval_list_state *state = eval_context_lists(call->context);

    if (state->from == NULL)
        state->from = message_addresses_from(message_view_headers(view_of(call)));
    return state->from;
}

const GPtrArray *
eval_recipients(const struct eval_call *call)
{
    struct eval_list_state *state = eval_context_lists(call->context);

    if (state->to == NULL)
        state->to = message_addresses_to(message_view_headers(view_of(call)));
    return state->to;
}

/* ---- one list of addresses ---- */

static void
list_free(gpointer list)
{
    glob_list_free(list);
}

/* The list that the function's name says. */
static gpointer
prepare_of_name(const struct view_settings *settings, const struct spam_rule *rule)
{
    static const char *const lists[][2] = {
        {"check_from_in_blocklist", "blocklist_from"}, {"check_from_in_blacklist", "blocklist_from"},
        {"check_to_in_blocklist", "blocklist_to"},     {"check_to_in_blacklist", "blocklist_to"},
        {"check_to_in_welcomelist", "welcomelist_to"}, {"check_to_in_whitelist", "welcomelist_to"},
        {"check_to_in_more_spam", "more_spam_to"},     {"check_to_in_all_spam", "all_spam_to"}};

    for (guint i = 0; i < G_N_ELEMENTS(lists); i++)
        if (g_strcmp0(lists[i][0], rule->function) == 0)
            return address_list_new(settings->ruleset, lists[i][1]);
    return NULL;
}

/* The list that the rule's argument says. */
static gpointer
prepare_named(const struct view_settings *settings, const struct spam_rule *rule)
{
    const char *name = rule->arguments != NULL && rule->arguments->len > 0 ? rule->arguments->pdata[0] : "";
    struct glob_list *list = address_list_new(settings->ruleset, name);

    if (list == NULL)
        log_text(LOG_SEV_WARNING, "rules", "%s:%u: %s never hits: there is no list %s", rule->file, rule->line, rule->name, name);
    return list;
}

static double
from_in(const struct eval_call *call)
{
    return call->prepared != NULL && address_list_has_any(call->prepared, from_of(call));
}

static double
to_in(const struct eval_call *call)
{
    return call->prepared != NULL && address_list_has_any(call->prepared, eval_recipients(call));
}

static double
replyto_in(const struct eval_call *call)
{
    g_autoptr(GString) address = header_text(message_view_headers(view_of(call)), "Reply-To:addr");
    g_autoptr(GPtrArray) addresses = g_ptr_array_new();

    if (address->len == 0)
        return 0;
    g_ptr_array_add(addresses, address);
    return call->prepared != NULL && address_list_has_any(call->prepared, addresses);
}

/* ---- addresses with hosts ---- */

static int
received(const struct eval_call *call)
{
    const struct eval_lists *lists = eval_bindings_lists(call->context->bindings);

    return received_list_check(lists->received, lists->welcome_from, lists->allows_relays, message_view_relays(view_of(call)),
                               from_of(call));
}

static int
received_default(const struct eval_call *call)
{
    const struct eval_lists *lists = eval_bindings_lists(call->context->bindings);

    return received_list_check(lists->received_default, NULL, lists->allows_relays, message_view_relays(view_of(call)),
                               from_of(call));
}

static double
from_in_welcomelist(const struct eval_call *call)
{
    return received(call) > 0;
}

static double
forged_in_welcomelist(const struct eval_call *call)
{
    return received(call) < 0 && received_default(call) == 0;
}

static double
from_in_default_welcomelist(const struct eval_call *call)
{
    return received_default(call) > 0;
}

static double
forged_in_default_welcomelist(const struct eval_call *call)
{
    return received_default(call) < 0 && received(call) == 0;
}

/* ---- hosts of URIs, subjects ---- */

static double
uri_host_in(const struct eval_call *call, const char *list)
{
    const struct spam_ruleset *ruleset = message_view_settings(view_of(call))->ruleset;
    const struct spam_setting *setting = rules_setting(ruleset, "uri_host_lists");

    if (list == NULL || setting == NULL || setting->type != SPAM_SETTING_MAPS || g_hash_table_size(setting->map) == 0)
        return 0;
    return uri_hosts_listed(setting->map, message_view_uris(view_of(call)), list);
}

static double
uri_host_listed(const struct eval_call *call)
{
    return uri_host_in(call, eval_arg(call, 0));
}

static double
uri_host_in_blocklist(const struct eval_call *call)
{
    return uri_host_in(call, "BLOCK");
}

static double
uri_host_in_welcomelist(const struct eval_call *call)
{
    return uri_host_in(call, "WELCOME");
}

static double
subject_in(const struct eval_call *call, const char *list)
{
    g_autoptr(GString) subject = header_text(message_view_headers(view_of(call)), "Subject");

    return subject_is_listed(rules_map(message_view_settings(view_of(call))->ruleset, list), subject->str, subject->len);
}

static double
subject_in_welcomelist(const struct eval_call *call)
{
    return subject_in(call, "welcomelist_subject");
}

static double
subject_in_blocklist(const struct eval_call *call)
{
    return subject_in(call, "blocklist_subject");
}

/* ---- bounces ---- */

static double
have_bounce_relays(const struct eval_call *call)
{
    const struct glob_list *relays = eval_bindings_lists(call->context->bindings)->bounce_relays;

    return relays != NULL && glob_list_size(relays) > 0;
}

static double
bounce_relays(const struct eval_call *call)
{
    const struct spam_tree *tree = message_view_tree(view_of(call));
    gsize count;
    const struct perl_text *texts;

    if (have_bounce_relays(call) == 0)
        return 0;
    texts = message_view_body_texts(view_of(call), &count);
    return bounce_relays_found(eval_bindings_lists(call->context->bindings)->bounce_relays, texts, count,
                               tree->pristine->str + tree->header_length, tree->pristine->len - tree->header_length);
}

const struct eval_entry evals_of_lists[] = {
    {"check_from_in_blocklist", from_in, prepare_of_name, list_free},
    {"check_from_in_blacklist", from_in, prepare_of_name, list_free},
    {"check_to_in_blocklist", to_in, prepare_of_name, list_free},
    {"check_to_in_blacklist", to_in, prepare_of_name, list_free},
    {"check_to_in_welcomelist", to_in, prepare_of_name, list_free},
    {"check_to_in_whitelist", to_in, prepare_of_name, list_free},
    {"check_to_in_more_spam", to_in, prepare_of_name, list_free},
    {"check_to_in_all_spam", to_in, prepare_of_name, list_free},
    {"check_from_in_list", from_in, prepare_named, list_free},
    {"check_to_in_list", to_in, prepare_named, list_free},
    {"check_replyto_in_list", replyto_in, prepare_named, list_free},
    {"check_from_in_welcomelist", from_in_welcomelist, NULL, NULL},
    {"check_from_in_whitelist", from_in_welcomelist, NULL, NULL},
    {"check_forged_in_welcomelist", forged_in_welcomelist, NULL, NULL},
    {"check_forged_in_whitelist", forged_in_welcomelist, NULL, NULL},
    {"check_from_in_default_welcomelist", from_in_default_welcomelist, NULL, NULL},
    {"check_from_in_default_whitelist", from_in_default_welcomelist, NULL, NULL},
    {"check_forged_in_default_welcomelist", forged_in_default_welcomelist, NULL, NULL},
    {"check_forged_in_default_whitelist", forged_in_default_welcomelist, NULL, NULL},
    {"check_uri_host_listed", uri_host_listed, NULL, NULL},
    {"check_uri_host_in_blocklist", uri_host_in_blocklist, NULL, NULL},
    {"check_uri_host_in_blacklist", uri_host_in_blocklist, NULL, NULL},
    {"check_uri_host_in_welcomelist", uri_host_in_welcomelist, NULL, NULL},
    {"check_uri_host_in_whitelist", uri_host_in_welcomelist, NULL, NULL},
    {"check_subject_in_welcomelist", subject_in_welcomelist, NULL, NULL},
    {"check_subject_in_whitelist", subject_in_welcomelist, NULL, NULL},
    {"check_subject_in_blocklist", subject_in_blocklist, NULL, NULL},
    {"check_subject_in_blacklist", subject_in_blocklist, NULL, NULL},
    {"have_any_bounce_relays", have_bounce_relays, NULL, NULL},
    {"check_welcomelist_bounce_relays", bounce_relays, NULL, NULL},
    {"check_whitelist_bounce_relays", bounce_relays, NULL, NULL},
    {NULL, NULL, NULL, NULL},
};
