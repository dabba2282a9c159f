/* evals_freemail.c: FreeMail. */
#include "lib/spam/scan/evals_private.h"
#include <string.h>
#include "lib/base/log.h"
#include "lib/spam/eval/message_addresses.h"

/* The pattern of an argument; a rule whose pattern is none never hits. */
struct argument {
    struct pattern *pattern; /* NULL: none is asked for */
    gboolean bad;
};

static gpointer
prepare_at(const struct spam_rule *rule, guint n)
{
    const char *text = rule->arguments != NULL && n < rule->arguments->len ? rule->arguments->pdata[n] : NULL;
    struct argument *argument = g_new0(struct argument, 1);
    g_autoptr(GError) error = NULL;

    if (text == NULL)
        return argument;
    argument->pattern = pattern_new(text, strlen(text), NULL, &error);
    argument->bad = argument->pattern == NULL;
    if (argument->bad)
        log_text(LOG_SEV_WARNING, "rules", "%s:%u: %s never hits: %s", rule->file, rule->line, rule->name, error->message);
    return argument;
}

static gpointer
prepare_first(const struct view_settings *settings, const struct spam_rule *rule)
{
    (void)settings;
    return prepare_at(rule, 0);
}

static gpointer
prepare_second(const struct view_settings *settings, const struct spam_rule *rule)
{
    (void)settings;
    return prepare_at(rule, 1);
}

static void
argument_free(gpointer data)
{
    struct argument *argument = data;

    pattern_free(argument->pattern);
    g_free(argument);
}

static double
from(const struct eval_call *call)
{
    const struct argument *argument = call->prepared;
    struct eval_list_state *state = eval_context_lists(call->context);

    if (argument->bad)
        return 0;
    if (state->from == NULL)
        state->from = message_addresses_from(message_view_headers(call->context->view));
    return freemail_from(&state->freemail, state->from, argument->pattern);
}

static double
header(const struct eval_call *call)
{
    const struct argument *argument = call->prepared;
    const char *name = eval_arg(call, 0);

    return !argument->bad && name != NULL && freemail_header(&eval_context_lists(call->context)->freemail, name, argument->pattern);
}

static double
body(const struct eval_call *call)
{
    const struct argument *argument = call->prepared;

    return !argument->bad && freemail_body(&eval_context_lists(call->context)->freemail, argument->pattern);
}

static double
reply_to(const struct eval_call *call)
{
    const char *option = eval_arg(call, 0);
    gboolean or_from = g_strcmp0(option, "reply") == 0;

    if (option != NULL && !or_from && strcmp(option, "replyto") != 0)
        return 0;
    return freemail_reply_to(&eval_context_lists(call->context)->freemail, or_from);
}

const struct eval_entry evals_of_freemail[] = {
    {"check_freemail_from", from, prepare_first, argument_free},
    {"check_freemail_header", header, prepare_second, argument_free},
    {NULL, NULL, NULL, NULL},
};

const struct eval_entry evals_of_freemail_body[] = {
    {"check_freemail_body", body, prepare_first, argument_free},
    {"check_freemail_replyto", reply_to, NULL, NULL},
    {NULL, NULL, NULL, NULL},
};
