/* uri_detail.c: uri_detail rules: conditions on what is known of a URI, one URI for all of them. */
#include <string.h>
#include "lib/spam/eval/uri_eval.h"

/* A condition and what it is matched with. */
struct asked {
    const struct uri_detail_condition *condition;
    struct matcher *matcher;
};

static gboolean
meets(const struct asked *asked, const char *text, gsize length)
{
    enum match found = pattern_match(asked->condition->pattern, asked->matcher, text, length, 0, NULL, NULL);

    return found == (asked->condition->negated ? MATCH_NO : MATCH_YES);
}

static gboolean
any_text_meets(const struct asked *asked, const GPtrArray *texts)
{
    for (guint i = 0; texts != NULL && i < texts->len; i++) {
        const struct uri_text *text = g_ptr_array_index(texts, i);

        if (meets(asked, text->bytes, text->length))
            return TRUE;
    }
    return FALSE;
}

static gboolean
any_string_meets(const struct asked *asked, const GPtrArray *strings)
{
    for (guint i = 0; i < strings->len; i++)
        if (meets(asked, g_ptr_array_index(strings, i), strlen(g_ptr_array_index(strings, i))))
            return TRUE;
    return FALSE;
}

static gboolean
any_host_meets(const struct asked *asked, const GPtrArray *hosts)
{
    for (guint i = 0; i < hosts->len; i++) {
        const struct uri_host *host = g_ptr_array_index(hosts, i);

        if (meets(asked, host->host, strlen(host->host)))
            return TRUE;
    }
    return FALSE;
}

static gboolean
detail_meets(const struct asked *asked, const struct uri_detail *detail)
{
    switch (asked->condition->key) {
    case URI_DETAIL_RAW:
        return meets(asked, detail->raw->bytes, detail->raw->length);
    case URI_DETAIL_TYPE:
        return any_string_meets(asked, detail->types);
    case URI_DETAIL_CLEANED:
        return any_text_meets(asked, detail->cleaned);
    case URI_DETAIL_TEXT:
        return any_text_meets(asked, detail->anchor_texts);
    case URI_DETAIL_DOMAIN:
        return any_string_meets(asked, detail->domains);
    case URI_DETAIL_HOST:
        return any_host_meets(asked, detail->hosts);
    default:
        g_assert_not_reached();
    }
}

gboolean
uri_eval_detail(const struct uris *uris, const struct uri_detail_condition *conditions, gsize count, struct matcher *matcher)
{
    gboolean hit = FALSE;

    for (guint i = 0; i < uris->details->len && !hit; i++) {
        gsize met = 0;

        while (met < count) {
            const struct asked asked = {&conditions[met], matcher};

            if (!detail_meets(&asked, g_ptr_array_index(uris->details, i)))
                break;
            met++;
        }
        hit = met == count;
    }
    return hit;
}

/* ---- rules ---- */

struct uri_detail_rule {
    struct pattern *patterns[SPAM_URI_TARGETS];
    struct uri_detail_condition conditions[SPAM_URI_TARGETS];
    gsize count;
};

struct uri_detail_rule *
uri_detail_rule_new(const struct spam_uri_detail *definition, GError **error)
{
    static const enum uri_detail_key keys[SPAM_URI_TARGETS] = {
        [SPAM_URI_RAW] = URI_DETAIL_RAW,   [SPAM_URI_TYPE] = URI_DETAIL_TYPE,     [SPAM_URI_CLEANED] = URI_DETAIL_CLEANED,
        [SPAM_URI_TEXT] = URI_DETAIL_TEXT, [SPAM_URI_DOMAIN] = URI_DETAIL_DOMAIN, [SPAM_URI_HOST] = URI_DETAIL_HOST};
    struct uri_detail_rule *rule = g_new0(struct uri_detail_rule, 1);

    for (guint target = 0; target < SPAM_URI_TARGETS; target++) {
        const char *text = definition->targets[target].pattern.text;
        if (text == NULL)
            continue;
        rule->patterns[target] = pattern_new(text, strlen(text), NULL, error);
        if (rule->patterns[target] == NULL) {
            uri_detail_rule_free(rule);
            return NULL;
        }
        rule->conditions[rule->count++] =
            (struct uri_detail_condition){keys[target], definition->targets[target].negated, rule->patterns[target]};
    }
    return rule;
}

void
uri_detail_rule_free(gpointer data)
{
    struct uri_detail_rule *rule = data;

    for (guint i = 0; rule != NULL && i < SPAM_URI_TARGETS; i++)
        pattern_free(rule->patterns[i]);
    g_free(rule);
}

gboolean
uri_detail_rule_hits(const struct uri_detail_rule *rule, const struct uris *uris, struct matcher *matcher)
{
    return uri_eval_detail(uris, rule->conditions, rule->count, matcher);
}
