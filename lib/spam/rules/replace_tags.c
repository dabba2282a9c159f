/* replace_tags.c: <TAG>, <pre X>, <inter X> and <post X> in the patterns of replace_rules, as Plugin/ReplaceTags.pm does.
 *
 * Passes go on while a replacement brings new tags, six at most. In each, the first <pre X>, <inter X> and <post X> are taken out;
 * the rest is cut at <..>; pre goes before the first tag of each piece, post behind each tag, inter into empty pieces, which
 * are the places between two tags. */
#include <string.h>
#include "lib/spam/engine/pattern.h"
#include "lib/spam/rules/parser.h"

#define PASSES_MAX 6u

struct replacer {
    struct rules_parser *parser;
    GHashTable *tags;
    GRegex *pieces, *first_tag, *has_tag; /* <[^<>]+>; start.+?end; <[^>]+> */
    char *start, *end;
};

static const char *
value_of(const struct replacer *replacer, const char *setting, const char *name)
{
    GHashTable *map = rules_map(replacer->parser->set, setting);
    const char *value = map != NULL ? g_hash_table_lookup(map, name) : NULL;

    return value != NULL && strcmp(value, "0") != 0 ? value : NULL;
}

/* Takes <kind NAME> out of text. NAME, or NULL; free. */
static char *
take_modifier(const struct replacer *replacer, GString *text, const char *kind)
{
    g_autofree char *pattern = g_strdup_printf("%s%s (.+?)%s", replacer->start, kind, replacer->end);
    g_autoptr(GRegex) regex = g_regex_new(pattern, G_REGEX_RAW, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    int from, to;

    if (regex == NULL || !g_regex_match_full(regex, text->str, (gssize)text->len, 0, 0, &match, NULL))
        return NULL;
    char *name = g_match_info_fetch(match, 1);
    g_match_info_fetch_pos(match, 0, &from, &to);
    g_string_erase(text, from, to - from);
    return name;
}

/* The text cut at its <..>: plain pieces and tags by turns; empty pieces at the end are dropped, as split does. */
static GPtrArray *
cut(const struct replacer *replacer, const GString *text)
{
    GPtrArray *pieces = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GMatchInfo) match = NULL;
    int from, to, last = 0;

    g_regex_match_full(replacer->pieces, text->str, (gssize)text->len, 0, 0, &match, NULL);
    for (; g_match_info_matches(match); g_match_info_next(match, NULL)) {
        g_match_info_fetch_pos(match, 0, &from, &to);
        g_ptr_array_add(pieces, g_strndup(text->str + last, (gsize)(from - last)));
        g_ptr_array_add(pieces, g_strndup(text->str + from, (gsize)(to - from)));
        last = to;
    }
    if ((gsize)last < text->len)
        g_ptr_array_add(pieces, g_strdup(text->str + last));
    return pieces;
}

/* Puts text before (the first tag only) or behind (all tags) what looks like a tag in a piece. */
static void
put_beside(const struct replacer *replacer, char **piece, const char *before, const char *behind)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GMatchInfo) match = NULL;
    int from, to, last = 0;

    if (!g_regex_match(replacer->first_tag, *piece, 0, &match))
        return;
    do {
        g_match_info_fetch_pos(match, 0, &from, &to);
        g_string_append_len(out, *piece + last, from - last);
        g_string_append(out, before != NULL ? before : "");
        g_string_append_len(out, *piece + from, to - from);
        g_string_append(out, behind != NULL ? behind : "");
        last = to;
    } while (before == NULL && g_match_info_next(match, NULL));
    g_string_append(out, *piece + last);
    g_free(*piece);
    *piece = g_string_free(g_steal_pointer(&out), FALSE);
}

/* The first tag of a piece, everywhere in it. TRUE when what came in has tags of its own. */
static gboolean
replace_piece(const struct replacer *replacer, char **piece)
{
    g_autoptr(GMatchInfo) match = NULL;

    if (!g_regex_match(replacer->first_tag, *piece, 0, &match))
        return FALSE;
    g_autofree char *whole = g_match_info_fetch(match, 0), *name = g_match_info_fetch(match, 1);
    const char *with = value_of(replacer, "replace_tag", name);
    if (with == NULL)
        return FALSE;
    g_auto(GStrv) parts = g_strsplit(*piece, whole, -1);
    g_free(*piece);
    *piece = g_strjoinv(with, parts);
    return g_regex_match(replacer->has_tag, with, 0, NULL);
}

/* One pass. TRUE when another is due. */
static gboolean
replace_pass(const struct replacer *replacer, GString *text)
{
    g_autofree char *pre = take_modifier(replacer, text, "pre"), *post = take_modifier(replacer, text, "post"),
                    *inter = take_modifier(replacer, text, "inter");
    const char *before = pre != NULL ? value_of(replacer, "replace_pre", pre) : NULL,
               *behind = post != NULL ? value_of(replacer, "replace_post", post) : NULL,
               *between = inter != NULL ? value_of(replacer, "replace_inter", inter) : NULL;
    g_autoptr(GPtrArray) pieces = cut(replacer, text);
    gboolean again = FALSE;

    g_string_truncate(text, 0);
    for (guint i = 0; i < pieces->len && text->len <= SPAM_PATTERN_MAX; i++) {
        char **piece = (char **)&pieces->pdata[i];
        if (before != NULL)
            put_beside(replacer, piece, before, NULL);
        if (behind != NULL)
            put_beside(replacer, piece, NULL, behind);
        if (between != NULL && i > 0 && **piece == '\0') { /* never the first: in SpamAssassin modifiers stand there */
            g_free(*piece);
            *piece = g_strdup(between);
        }
        again |= replace_piece(replacer, piece);
        g_string_append(text, *piece);
    }
    return again;
}

/* Where the tags stand in the pattern as written: the engine may make each of them once. */
static void
note_uses(const struct replacer *replacer, struct spam_rule *rule)
{
    g_autoptr(GMatchInfo) match = NULL;

    rule->unexpanded = g_strdup(rule->pattern.text);
    rule->tag_uses = g_array_new(FALSE, FALSE, sizeof(struct spam_tag_use));
    g_regex_match(replacer->first_tag, rule->unexpanded, 0, &match);
    for (; g_match_info_matches(match); g_match_info_next(match, NULL)) {
        g_autofree char *name = g_match_info_fetch(match, 1);
        gpointer kept;
        int from, to;
        if (replacer->tags == NULL || !g_hash_table_lookup_extended(replacer->tags, name, &kept, NULL))
            continue;
        g_match_info_fetch_pos(match, 0, &from, &to);
        struct spam_tag_use use = {.offset = (gsize)from, .length = (gsize)(to - from), .tag = kept};
        g_array_append_val(rule->tag_uses, use);
    }
}

static char *
replace_all(const struct replacer *replacer, const char *pattern)
{
    GString *text = g_string_new(pattern);
    gboolean again = TRUE;

    for (guint pass = 0; again && pass < PASSES_MAX; pass++)
        again = replace_pass(replacer, text);
    return g_string_free(text, FALSE);
}

/* Checks the pattern written out; one that PCRE2 has no room for as the engine will compile it. Whether even that is too long is for the
 * engine to tell. */
static gboolean
check_expanded(struct spam_pattern *expanded, char *text, GError **error)
{
    g_autoptr(GError) reason = NULL;

    if (rules_pattern_parse(expanded, text, RULES_BARE, FALSE, &reason))
        return TRUE;
    if (rules_pattern_too_long(reason)) {
        g_clear_error(&reason);
        pattern_free(pattern_new(text, strlen(text), NULL, &reason));
        if (reason == NULL || g_error_matches(reason, PATTERN_ERROR, PATTERN_ERROR_TOO_BIG)) {
            expanded->text = g_strdup(text);
            return TRUE;
        }
    }
    g_propagate_error(error, g_steal_pointer(&reason));
    return FALSE;
}

static void
replace_rule(struct replacer *replacer, struct spam_rule *rule)
{
    g_autofree char *text = replace_all(replacer, rule->pattern.text);
    struct spam_pattern expanded = {0};
    g_autoptr(GError) error = NULL;

    if (strcmp(text, rule->pattern.text) == 0)
        return;
    if (!check_expanded(&expanded, text, &error)) {
        rules_warn(replacer->parser, "tags in %s make no good pattern: %s", rule->name, error->message);
        return;
    }
    expanded.modifiers = rule->pattern.modifiers;
    note_uses(replacer, rule);
    rules_pattern_clear(&rule->pattern);
    rule->pattern = expanded;
}

static gboolean
replacer_init(struct replacer *replacer, struct rules_parser *parser)
{
    const char *start = rules_text(parser->set, "replace_start"), *end = rules_text(parser->set, "replace_end");

    replacer->parser = parser;
    replacer->tags = rules_map(parser->set, "replace_tag");
    replacer->start = g_strdup(start != NULL ? start : "<");
    replacer->end = g_strdup(end != NULL ? end : ">");
    g_autofree char *tag = g_strdup_printf("%s(.+?)%s", replacer->start, replacer->end);
    replacer->pieces = g_regex_new("<[^<>]+>", G_REGEX_RAW, 0, NULL);
    replacer->first_tag = g_regex_new(tag, G_REGEX_RAW, 0, NULL);
    replacer->has_tag = g_regex_new("<[^>]+>", G_REGEX_RAW, 0, NULL);
    return replacer->first_tag != NULL;
}

void
rules_replace_tags(struct rules_parser *parser)
{
    struct replacer replacer = {0};
    GHashTable *names = rules_map(parser->set, "replace_rules");

    if (!replacer_init(&replacer, parser))
        rules_warn(parser, "replace_start and replace_end make no good pattern"); /* no error in SpamAssassin, either */
    for (guint i = 0; replacer.first_tag != NULL && names != NULL && i < parser->set->rules->len; i++) {
        struct spam_rule *rule = g_ptr_array_index(parser->set->rules, i);
        if (rule->pattern.text != NULL && g_hash_table_contains(names, rule->name))
            replace_rule(&replacer, rule);
    }
    g_regex_unref(replacer.pieces);
    g_clear_pointer(&replacer.first_tag, g_regex_unref);
    g_regex_unref(replacer.has_tag);
    g_free(replacer.start);
    g_free(replacer.end);
}
