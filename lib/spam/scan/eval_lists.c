/* eval_lists.c: see eval_lists.h. */
#include "lib/spam/scan/eval_lists.h"

struct eval_lists *
eval_lists_new(const struct view_settings *settings)
{
    const struct spam_ruleset *ruleset = settings->ruleset;
    struct eval_lists *lists = g_new0(struct eval_lists, 1);

    lists->received = received_list_new(ruleset, "welcomelist_from_rcvd");
    lists->received_default = received_list_new(ruleset, "def_welcomelist_from_rcvd");
    lists->welcome_from = address_list_new(ruleset, "welcomelist_from");
    lists->allows_relays = address_list_new(ruleset, "welcomelist_allows_relays");
    lists->bounce_relays = address_list_new(ruleset, "welcomelist_bounce_relays");
    lists->freemail = freemail_new(ruleset, settings->registry);
    lists->from_name = from_name_settings_new(ruleset, settings->registry);
    if (rules_plugin_loaded(ruleset, "Phishing"))
        lists->phishing = phishing_feeds_new(ruleset, settings->registry);
    return lists;
}

void
eval_lists_free(struct eval_lists **lists)
{
    struct eval_lists *self = g_steal_pointer(lists);

    if (self == NULL)
        return;
    received_list_free(self->received);
    received_list_free(self->received_default);
    glob_list_free(self->welcome_from);
    glob_list_free(self->allows_relays);
    glob_list_free(self->bounce_relays);
    freemail_free(self->freemail);
    from_name_settings_free(self->from_name);
    phishing_feeds_free(self->phishing);
    g_free(self);
}

static const struct uris *
view_uris(gpointer view)
{
    return message_view_uris(view);
}

static const struct perl_text *
view_texts(gpointer view, gsize *count_r)
{
    return message_view_body_texts(view, count_r);
}

static void
view_replace(gpointer view, gsize index, const GString *text)
{
    message_view_replace_body(view, index, text);
}

struct eval_list_state *
eval_list_state_new(const struct eval_lists *lists, struct message_view *view, struct matcher *matcher)
{
    struct eval_list_state *state = g_new0(struct eval_list_state, 1);

    state->freemail = (struct freemail_message){.freemail = lists->freemail, .headers = message_view_headers(view),
                                                .uris = view_uris, .texts = view_texts, .replace = view_replace,
                                                .data = view, .matcher = matcher};
    return state;
}

void
eval_list_state_free(struct eval_list_state *state)
{
    if (state == NULL)
        return;
    g_clear_pointer(&state->from, g_ptr_array_unref);
    g_clear_pointer(&state->to, g_ptr_array_unref);
    freemail_message_clear(&state->freemail);
    g_free(state);
}
