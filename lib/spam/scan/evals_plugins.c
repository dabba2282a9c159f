/* evals_plugins.c: rules that plugins define in a form of their own: mimeheader, uri_detail. */
#include "lib/spam/scan/evals_private.h"
#include "lib/base/log.h"
#include "lib/spam/eval/mime_header.h"
#include "lib/spam/eval/uri_eval.h"

static gpointer
left_out(const struct spam_rule *rule, const GError *error)
{
    log_text(LOG_SEV_WARNING, "rules", "%s:%u: %s is left out: %s", rule->file, rule->line, rule->name, error->message);
    return NULL;
}

static gpointer
prepare_mime_header(const struct view_settings *settings, const struct spam_rule *rule)
{
    g_autoptr(GError) error = NULL;
    struct mime_header_rule *ready = mime_header_rule_new(rule, &error);

    (void)settings;
    return ready != NULL ? ready : left_out(rule, error);
}

static double
mime_header(const struct eval_call *call)
{
    if (call->prepared == NULL)
        return 0;
    return mime_header_hits(call->prepared, message_view_tree(call->context->view), call->context->matcher);
}

static gpointer
prepare_uri_detail(const struct view_settings *settings, const struct spam_rule *rule)
{
    g_autoptr(GError) error = NULL;
    struct uri_detail_rule *ready = rule->uri_detail != NULL ? uri_detail_rule_new(rule->uri_detail, &error) : NULL;

    (void)settings;
    return ready != NULL || error == NULL ? ready : left_out(rule, error);
}

static double
uri_detail(const struct eval_call *call)
{
    if (call->prepared == NULL)
        return 0;
    return uri_detail_rule_hits(call->prepared, message_view_uris(call->context->view), call->context->matcher);
}

const struct eval_entry eval_of_mime_header = {NULL, mime_header, prepare_mime_header, mime_header_rule_free};

const struct eval_entry evals_of_plugins[] = {
    {"check_uri_detail", uri_detail, prepare_uri_detail, uri_detail_rule_free},
    {NULL, NULL, NULL, NULL},
};
