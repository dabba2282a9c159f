/* evals_plugins.c: rules that plugins define in a form of their own (mimeheader, uri_detail), and plugins of a function or two (AntiVirus,
 * Phishing, ImageInfo's patterns). */
#include "lib/spam/scan/evals_private.h"
#include <string.h>
#include "lib/base/log.h"
#include "lib/spam/eval/mime_header.h"
#include "lib/spam/eval/suspect_files.h"
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
    const struct eval_context *context = call->context;
    /* Later, body rules may have captured under the same name. */
    gboolean captures = context->result != NULL && !context->body_is_final;

    if (call->prepared == NULL)
        return 0;
    return mime_header_hits(call->prepared, eval_context_mime_headers(call->context), context->matcher,
                            captures ? context->result->tags : NULL);
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

/* ---- AntiVirus, Phishing ---- */

static double
executable(const struct eval_call *call)
{
    return suspect_files_find(message_view_tree(call->context->view)).executable;
}

static double
suspect_name(const struct eval_call *call)
{
    return suspect_files_find(message_view_tree(call->context->view)).name;
}

static double
phishing(const struct eval_call *call)
{
    const struct phishing_feeds *feeds = eval_bindings_lists(call->context->bindings)->phishing;

    return feeds != NULL && phishing_feeds_have(feeds, message_view_uris(call->context->view));
}

/* ---- images' names ---- */

static gpointer
prepare_pattern(const struct view_settings *settings, const struct spam_rule *rule)
{
    const char *text = rule->arguments != NULL && rule->arguments->len > 0 ? rule->arguments->pdata[0] : NULL;

    (void)settings; /* no delimiters are looked for */
    return text != NULL ? pattern_new(text, strlen(text), NULL, NULL) : NULL;
}

static double
image_name_regex(const struct eval_call *call)
{
    const GPtrArray *names = eval_context_images(call->context)->names;

    for (guint i = 0; call->prepared != NULL && i < names->len; i++)
        if (pattern_match(call->prepared, call->context->matcher, names->pdata[i], strlen(names->pdata[i]), 0, NULL, NULL) == MATCH_YES)
            return 1;
    return 0;
}

const struct eval_entry eval_of_mime_header = {NULL, mime_header, prepare_mime_header, mime_header_rule_free};

const struct eval_entry evals_of_plugins[] = {
    {"check_microsoft_executable", executable, NULL, NULL},
    {"check_suspect_name", suspect_name, NULL, NULL},
    {"check_phishing", phishing, NULL, NULL},
    {"image_name_regex", image_name_regex, prepare_pattern, eval_pattern_free},
    {"check_uri_detail", uri_detail, prepare_uri_detail, uri_detail_rule_free},
    {NULL, NULL, NULL, NULL},
};
