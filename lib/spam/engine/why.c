/* why.c: what a rule that hit has matched: for people who ask, after the run. */
#include <string.h>
#include "lib/spam/engine/engine_private.h"

/* The first match of the pattern in the text. */
static GBytes *
match_in(const struct pattern *pattern, struct matcher *matcher, GBytes *text)
{
    gsize length, begin, end;
    const char *data = g_bytes_get_data(text, &length);

    if (pattern_match(pattern, matcher, data != NULL ? data : "", MIN(length, ENGINE_TEXT_MAX), 0, &begin, &end) != MATCH_YES)
        return NULL;
    return g_bytes_new_from_bytes(text, begin, end - begin);
}

static GBytes *
match_in_list(const struct pattern *pattern, struct matcher *matcher, const GPtrArray *texts, guint first)
{
    GBytes *found = NULL;

    for (guint i = first; texts != NULL && i < MIN(texts->len, ENGINE_TEXTS_MAX) && found == NULL; i++)
        found = match_in(pattern, matcher, texts->pdata[i]);
    return found;
}

/* What a header that must not match, or only be there, holds is the answer itself. */
static GBytes *
match_in_header(const struct spam_rule *rule, const struct pattern *pattern, struct matcher *matcher, GBytes *value)
{
    g_autoptr(GBytes) text = value != NULL ? g_bytes_ref(value) : g_bytes_new_static(rule->if_unset, strlen(rule->if_unset));

    return rule->exists || rule->negated ? g_bytes_ref(text) : match_in(pattern, matcher, text);
}

GBytes *
engine_why(struct engine_worker *worker, const struct engine_source *source, gpointer data, const struct engine_result *result,
           const struct spam_rule *rule)
{
    struct pattern *filled = rule->templates != NULL ? engine_fill_templates(source, data, result->tags, rule) : NULL;
    const struct pattern *pattern = rule->templates != NULL ? filled : worker->engine->patterns[rule->index];
    g_autoptr(GBytes) header = rule->type == SPAM_RULE_HEADER ? source->header(data, rule->header) : NULL;
    guint first = (rule->flags & SPAM_TFLAG_NOSUBJECT) != 0 ? 1 : 0;
    GBytes *found = NULL;

    if (rule->type == SPAM_RULE_HEADER && (header != NULL || rule->if_unset != NULL) && (pattern != NULL || rule->exists))
        found = match_in_header(rule, pattern, worker->matcher, header);
    else if (pattern != NULL && rule->type == SPAM_RULE_BODY)
        found = match_in_list(pattern, worker->matcher, source->body(data), first);
    else if (pattern != NULL && rule->type == SPAM_RULE_RAWBODY)
        found = match_in_list(pattern, worker->matcher, source->rawbody(data), first);
    else if (pattern != NULL && rule->type == SPAM_RULE_URI)
        found = match_in_list(pattern, worker->matcher, source->uris(data), first);
    else if (pattern != NULL && rule->type == SPAM_RULE_FULL)
        found = match_in(pattern, worker->matcher, source->full(data));
    pattern_free(filled);
    return found;
}
