/* definitions.c: the directives that define rules and say something of them. */
#include <string.h>
#include "lib/spam/rules/parser.h"

#define NAME_MAX_BYTES 100u /* SpamAssassin's */
#define NAME_LONG 40u       /* beyond this lint warns */

/* ---- definitions ---- */

static void
note_template(struct spam_rule *rule, char *name)
{
    if (rule->templates == NULL)
        rule->templates = g_ptr_array_new_with_free_func(g_free);
    if (g_ptr_array_find_with_equal_func(rule->templates, name, g_str_equal, NULL))
        g_free(name);
    else
        g_ptr_array_add(rule->templates, name);
}

/* (?<NAME>..) makes a rule run before all others; %{NAME} stands for a tag's value later and must not look like a quantifier. Of several in
 * a pattern SpamAssassin 4.0.1 notes the last one only; the others stand for themselves. */
void
rules_note_captures(struct spam_rule *rule, char **text)
{
    static GRegex *template;
    static gsize once;

    if (g_once_init_enter(&once)) {
        template = g_regex_new("(?<!\\\\)%\\{([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*(?:\\([^\\)\\}]*\\))?)\\}", G_REGEX_RAW, 0, NULL);
        g_once_init_leave(&once, 1);
    }
    if (strstr(*text, "%{") != NULL) {
        g_autoptr(GMatchInfo) match = NULL;
        char *last = NULL;
        for (g_regex_match(template, *text, 0, &match); g_match_info_matches(match); g_match_info_next(match, NULL)) {
            g_free(last);
            last = g_match_info_fetch(match, 1);
        }
        if (last != NULL)
            note_template(rule, last);
        char *escaped = g_regex_replace(template, *text, -1, 0, "%\\\\{\\1\\\\}", 0, NULL);
        if (escaped != NULL) {
            g_free(*text);
            *text = escaped;
        }
    }
    for (const char *p = *text; (p = strstr(p, "(?")) != NULL; p++) {
        const char *q = p + 2 + (p[2] == 'P');
        if ((*q == '<' || *q == '\'') && g_ascii_isupper(q[1])) {
            rule->priority = -10000;
            rule->has_priority = TRUE;
            rule->has_captures = TRUE;
        }
    }
}

static gboolean
parse_pattern(struct rules_parser *parser, struct spam_rule *rule, const char *text)
{
    g_autoptr(GError) error = NULL;
    const struct spam_setting *strict = rules_setting(parser->set, "ignore_always_matching_regexps");
    gboolean refuse = parser->options->lint || (strict != NULL && strict->number != 0);

    if (rules_pattern_parse(&rule->pattern, text, RULES_DELIMITED, refuse, &error))
        return TRUE;
    rules_error(parser, "invalid regexp for %s '%.200s': %s", rule->name, text, error->message);
    return FALSE;
}

static gboolean
parse_exists(struct rules_parser *parser, struct spam_rule *rule, const char *text)
{
    g_auto(GStrv) groups = NULL;

    if (!rules_match(parser, "^exists:([\\w.-]+):?$", text, &groups)) {
        rules_error(parser, "invalid head test %s header: %s", rule->name, text);
        return FALSE;
    }
    g_free(rule->header);
    rule->header = g_strdup(groups[1]);
    rule->exists = TRUE;
    return TRUE;
}

/* Every modifier must begin with one that is known, as a word. */
static gboolean
modifiers_known(struct rules_parser *parser, const char *header)
{
    return !rules_match(parser, "(?i):(?!(?:raw|addr|name|host|domain|ip|revip|first|last)\\b)", header, NULL);
}

/* "Name:mods =~ /re/ [if-unset: text]" */
static gboolean
parse_header(struct rules_parser *parser, struct spam_rule *rule, const char *text)
{
    g_auto(GStrv) groups = NULL, unset = NULL;

    if (rule->type != SPAM_RULE_NONE) { /* a new definition; SpamAssassin forgets these even where it fails */
        rule->exists &= rule->pattern.text == NULL; /* without a pattern it goes on as it was */
        rule->negated = FALSE;
        g_clear_pointer(&rule->if_unset, g_free);
    }
    if (g_str_has_prefix(text, "exists:"))
        return parse_exists(parser, rule, text);
    if (!rules_match(parser, "^([\\w.-]+(?:\\:|(?:\\:[a-z]+){1,2})?)\\s*([=!]~)\\s*(.+)$", text, &groups)) {
        rules_error(parser, "invalid head test %s: %s", rule->name, text);
        return FALSE;
    }
    if (g_str_has_suffix(groups[1], ":"))
        groups[1][strlen(groups[1]) - 1] = '\0';
    if (!modifiers_known(parser, groups[1])) {
        rules_error(parser, "invalid header modifier for %s: %s", rule->name, groups[1]);
        return FALSE;
    }
    if (rules_match(parser, "\\s+\\[if-unset:\\s+(.+)\\]$", groups[3], &unset)) {
        g_free(rule->if_unset);
        rule->if_unset = g_strdup(unset[1]);
        groups[3][strlen(groups[3]) - strlen(unset[0])] = '\0';
    }
    rules_note_captures(rule, &groups[3]);
    if (!parse_pattern(parser, rule, groups[3]))
        return FALSE;
    g_free(rule->header);
    rule->header = g_strdup(groups[1]);
    rule->negated |= *groups[2] == '!';
    rule->exists = FALSE;
    return TRUE;
}

/* Which rules call a function: Pyzor and Razor change their priority. */
static void
note_call(struct rules_parser *parser, const char *name, const char *text)
{
    g_autofree char *function = g_strndup(text, strcspn(text, " \t("));
    GPtrArray *rules = g_hash_table_lookup(parser->calls, function);

    if (rules == NULL) {
        rules = g_ptr_array_new_with_free_func(g_free);
        g_hash_table_insert(parser->calls, g_steal_pointer(&function), rules);
    }
    g_ptr_array_add(rules, g_strdup(name));
}

static gboolean
name_good(struct rules_parser *parser, const char *name)
{
    gsize length = strlen(name);

    if (!rules_is_name(name)) {
        rules_error(parser, "rule '%s' has invalid characters", name);
        return FALSE;
    }
    if (length > NAME_MAX_BYTES) {
        rules_error(parser, "rule '%s' is too long", name);
        return FALSE;
    }
    if (parser->options->lint && length > NAME_LONG && !g_str_has_prefix(name, "__") && !g_str_has_prefix(name, "T_"))
        rules_error(parser, "rule name '%s' is over %u characters", name, NAME_LONG);
    return TRUE;
}

/* What the kind of test asks of its text; text may be changed. */
static gboolean
parse_test(struct rules_parser *parser, struct spam_rule *rule, enum spam_rule_type type, char **text)
{
    switch (type) {
    case SPAM_RULE_BODY:
    case SPAM_RULE_URI:
    case SPAM_RULE_RAWBODY:
    case SPAM_RULE_FULL:
        rules_note_captures(rule, text);
        return parse_pattern(parser, rule, *text);
    case SPAM_RULE_HEADER:
        return parse_header(parser, rule, *text);
    case SPAM_RULE_META:
        return rules_meta_valid(parser, rule->name, *text);
    case SPAM_RULE_EMPTY:
    case SPAM_RULE_NONE:
        return TRUE;
    default:
        note_call(parser, rule->name, *text);
        return TRUE;
    }
}

void
rules_add_test(struct rules_parser *parser, const char *name, const char *text, enum spam_rule_type type)
{
    struct spam_rule *rule = name_good(parser, name) ? rules_rule(parser, name) : NULL;
    g_autofree char *copy = g_strdup(text != NULL ? text : "");

    if (rule == NULL || !parse_test(parser, rule, type, &copy))
        return;
    g_free(rule->text);
    rule->text = g_steal_pointer(&copy);
    rule->type = type;
    rule->has_priority = TRUE;
    rule->file = parser->file;
    rule->line = rules_line(parser);
}

/* ---- the directives ---- */

/* NAME eval:function(..) or NAME text, of types as given. */
static enum rules_outcome
define(struct rules_parser *parser, const char *value, enum spam_rule_type plain, enum spam_rule_type eval)
{
    const char *text;
    g_autofree char *name = rules_word(value, &text);

    if (*text == '\0') /* SpamAssassin can't tell a name alone from nothing: either is an error */
        return RULES_INVALID;
    if (eval == SPAM_RULE_NONE || !g_str_has_prefix(text, "eval:")) {
        rules_add_test(parser, name, text, plain);
        return RULES_GOOD;
    }
    text += strlen("eval:");
    if (!rules_match(parser, "^\\w+\\(.*\\)$", text, NULL))
        return RULES_INVALID;
    rules_add_test(parser, name, text, eval);
    return RULES_GOOD;
}

enum rules_outcome
code_header(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    const char *text;
    g_autofree char *name = rules_word(value, &text);
    gboolean rbl = g_str_has_prefix(text, "rbleval:");

    (void)row;
    if (*text == '\0')
        return RULES_INVALID;
    if (!rbl && !g_str_has_prefix(text, "eval:")) {
        rules_add_test(parser, name, text, SPAM_RULE_HEADER);
        return RULES_GOOD;
    }
    text += strlen(rbl ? "rbleval:" : "eval:");
    if (!rules_match(parser, "^\\w+\\(.*\\)$", text, NULL))
        return RULES_INVALID;
    gboolean network = g_str_has_prefix(text, "check_rbl") || g_str_has_prefix(text, "check_dns");
    rules_add_test(parser, name, text, network ? SPAM_RULE_RBL_EVAL : SPAM_RULE_HEADER_EVAL);
    return RULES_GOOD;
}

enum rules_outcome
code_body(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    (void)row;
    return define(parser, value, SPAM_RULE_BODY, SPAM_RULE_BODY_EVAL);
}

enum rules_outcome
code_uri(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    (void)row;
    return define(parser, value, SPAM_RULE_URI, SPAM_RULE_NONE);
}

enum rules_outcome
code_rawbody(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    (void)row;
    return define(parser, value, SPAM_RULE_RAWBODY, SPAM_RULE_RAWBODY_EVAL);
}

enum rules_outcome
code_full(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    (void)row;
    return define(parser, value, SPAM_RULE_FULL, SPAM_RULE_FULL_EVAL);
}

enum rules_outcome
code_meta(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    const char *text;
    g_autofree char *name = rules_word(value, &text);

    (void)row;
    if (*text == '\0' || rules_match(parser, "\\*\\s*\\*", text, NULL))
        return RULES_INVALID;
    rules_add_test(parser, name, text, SPAM_RULE_META);
    return RULES_GOOD;
}

/* Only so that scores and metas know the name. */
enum rules_outcome
code_reuse(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) groups = NULL;

    (void)row;
    if (!rules_match(parser, "\\s*(\\w+)(?:\\s+(?:\\w+(?:\\s+\\w+)*))?\\s*$", value, &groups))
        return RULES_INVALID;
    const struct spam_rule *rule = rules_find(parser->set, groups[1]);
    if (rule == NULL || rule->type == SPAM_RULE_NONE)
        rules_add_test(parser, groups[1], NULL, SPAM_RULE_EMPTY);
    return RULES_GOOD;
}

/* ---- what is said of rules ---- */

/* A score's number; (n) is relative. FALSE when it is none. */
static gboolean
read_score(const char *word, double *score, gboolean *relative)
{
    gsize length = strlen(word);
    g_autofree char *bare = NULL;

    if (length > 2 && word[0] == '(' && word[length - 1] == ')') {
        word = bare = g_strndup(word + 1, length - 2);
        *relative = TRUE;
    }
    const char *p = word + (*word == '-');
    gsize whole = strspn(p, "0123456789"), part = p[whole] == '.' ? strspn(p + whole + 1, "0123456789") : 0;
    if (whole == 0 || p[whole + (part > 0 ? part + 1 : 0)] != '\0')
        return FALSE;
    *score = g_ascii_strtod(word, NULL);
    return TRUE;
}

enum rules_outcome
code_score(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) words = rules_words(value);
    guint n = g_strv_length(words);
    double scores[SPAM_SCORE_SETS] = {0};
    gboolean relative = FALSE;

    (void)row;
    if (n != 2 && n != 1 + SPAM_SCORE_SETS)
        return RULES_MISSING;
    for (guint i = 0; i + 1 < n; i++)
        if (!read_score(words[i + 1], &scores[i], &relative))
            return RULES_INVALID;
    const struct spam_rule *known = rules_find(parser->set, words[0]);
    if (relative && (known == NULL || !known->has_score))
        return RULES_INVALID;
    struct spam_rule *rule = rules_rule(parser, words[0]);
    if (rule == NULL)
        return RULES_GOOD;
    for (guint i = 0; i < SPAM_SCORE_SETS; i++)
        rule->scores[i] = (relative ? rule->scores[i] : 0) + scores[n == 2 ? 0 : i];
    rule->has_score = TRUE;
    return RULES_GOOD;
}

/* NAME text: keeps text in the rule. */
static enum rules_outcome
note_text(struct rules_parser *parser, const char *value, gsize offset)
{
    const char *text;
    g_autofree char *name = rules_word(value, &text);
    struct spam_rule *rule = *text != '\0' ? rules_rule(parser, name) : NULL;

    if (*text == '\0')
        return RULES_MISSING;
    if (rule != NULL) {
        char **field = (char **)(void *)((char *)rule + offset);
        g_free(*field);
        *field = g_strdup(text);
    }
    return RULES_GOOD;
}

enum rules_outcome
code_describe(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    (void)row;
    return note_text(parser, value, G_STRUCT_OFFSET(struct spam_rule, describe));
}

enum rules_outcome
code_tflags(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    (void)row;
    return note_text(parser, value, G_STRUCT_OFFSET(struct spam_rule, tflags));
}

enum rules_outcome
code_subjprefix(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    (void)row;
    return note_text(parser, value, G_STRUCT_OFFSET(struct spam_rule, subject_prefix));
}

enum rules_outcome
code_priority(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    const char *text;
    g_autofree char *name = rules_word(value, &text);

    (void)row;
    if (*text == '\0')
        return RULES_MISSING;
    const char *digits = text + (*text == '-');
    if (!rules_is_name(name) || *digits == '\0' || digits[strspn(digits, "0123456789")] != '\0')
        return RULES_INVALID;
    struct spam_rule *rule = rules_rule(parser, name);
    if (rule != NULL) {
        rule->priority = g_ascii_strtoll(text, NULL, 10);
        rule->has_priority = TRUE;
    }
    return RULES_GOOD;
}
