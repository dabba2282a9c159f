/* parser.c: what all parts of the reader need: diagnostics, names, words, small matches, plugins. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "lib/spam/rules/parser.h"
#include <pcre2.h>
#include <string.h>

guint
rules_line(const struct rules_parser *parser)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(parser->lines, parser->file));
}

G_GNUC_PRINTF(3, 0) static void
diagnose(struct rules_parser *parser, gboolean is_error, const char *format, va_list arguments)
{
    struct spam_ruleset *set = parser->set;

    if (is_error)
        set->n_errors++;
    else
        set->n_warnings++;
    if (set->diagnostics->len >= SPAM_DIAGNOSTICS_MAX)
        return;
    struct spam_diagnostic *diagnostic = g_new0(struct spam_diagnostic, 1);
    diagnostic->file = parser->file;
    diagnostic->line = rules_line(parser);
    diagnostic->is_error = is_error;
    diagnostic->text = g_strdup_vprintf(format, arguments);
    g_ptr_array_add(set->diagnostics, diagnostic);
}

void
rules_error(struct rules_parser *parser, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    diagnose(parser, TRUE, format, arguments);
    va_end(arguments);
}

void
rules_warn(struct rules_parser *parser, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    diagnose(parser, FALSE, format, arguments);
    va_end(arguments);
}

struct spam_rule *
rules_rule(struct rules_parser *parser, const char *name)
{
    struct spam_ruleset *set = parser->set;
    struct spam_rule *rule = g_hash_table_lookup(set->by_name, name);

    if (rule != NULL)
        return rule;
    if (set->rules->len >= SPAM_RULES_MAX) {
        rules_error(parser, "more than %u rules", (guint)SPAM_RULES_MAX);
        return NULL;
    }
    rule = g_new0(struct spam_rule, 1);
    rule->name = g_strdup(name);
    rule->index = set->rules->len;
    g_ptr_array_add(set->rules, rule);
    g_hash_table_insert(set->by_name, rule->name, rule);
    return rule;
}

void
rules_regex_free(gpointer code)
{
    pcre2_code_free(code);
}

/* Bytes, and classes of ASCII only, as Perl takes a line of a file. (GRegex would take them as Latin-1.) */
static pcre2_code *
regex_of(struct rules_parser *parser, const char *regex)
{
    pcre2_code *code = g_hash_table_lookup(parser->regexes, regex);
    int error;
    size_t at;

    if (code != NULL)
        return code;
    code = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED, PCRE2_DOLLAR_ENDONLY, &error, &at, NULL);
    if (code != NULL)
        g_hash_table_insert(parser->regexes, g_strdup(regex), code);
    return code;
}

gboolean
rules_match_next(struct rules_parser *parser, const char *regex, const char *text, gsize *offset, char ***groups)
{
    pcre2_code *code = regex_of(parser, regex);
    guint32 n = 0;

    g_return_val_if_fail(code != NULL, FALSE);
    if (*offset > strlen(text))
        return FALSE;
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(code, NULL);
    int found = pcre2_match(code, (PCRE2_SPTR)text, strlen(text), *offset, 0, data, NULL);
    const size_t *spans = pcre2_get_ovector_pointer(data);
    pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &n);
    if (found > 0)
        *offset = spans[1] > spans[0] ? spans[1] : spans[1] + 1;
    if (found > 0 && groups != NULL) {
        *groups = g_new0(char *, n + 2);
        for (guint32 i = 0; i <= n; i++)
            (*groups)[i] = spans[2 * i] == PCRE2_UNSET ? g_strdup("") : g_strndup(text + spans[2 * i], spans[2 * i + 1] - spans[2 * i]);
    }
    pcre2_match_data_free(data);
    return found > 0;
}

gboolean
rules_match(struct rules_parser *parser, const char *regex, const char *text, char ***groups)
{
    gsize offset = 0;

    return rules_match_next(parser, regex, text, &offset, groups);
}

#define BLANKS " \t\n\r\f\v"

char **
rules_words(const char *text)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();

    for (text += strspn(text, BLANKS); *text != '\0'; text += strspn(text, BLANKS)) {
        gsize length = strcspn(text, BLANKS);
        g_ptr_array_add(words, g_strndup(text, length));
        text += length;
    }
    g_ptr_array_add(words, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&words), FALSE);
}

char *
rules_word(const char *value, const char **rest)
{
    gsize length = strcspn(value, BLANKS);

    if (rest != NULL)
        *rest = value + length + strspn(value + length, BLANKS);
    return g_strndup(value, length);
}

gboolean
rules_is_name(const char *name)
{
    gsize length = strlen(name);

    if (length == 0 || length > 128 || g_ascii_isdigit(*name))
        return FALSE;
    for (const char *p = name; *p != '\0'; p++)
        if (!g_ascii_isalnum(*p) && *p != '_')
            return FALSE;
    return TRUE;
}

static gboolean
is_word_char(char c)
{
    return g_ascii_isalnum(c) || c == '_';
}

gboolean
rules_has_word(const char *text, const char *word)
{
    gsize length = strlen(word);

    for (const char *p = text; p != NULL && (p = strstr(p, word)) != NULL; p++)
        if ((p == text || !is_word_char(p[-1])) && !is_word_char(p[length]))
            return TRUE;
    return FALSE;
}

/* ---- plugins ---- */

static const struct rules_plugin *
find_plugin(const char *short_name)
{
    for (gsize i = 0; i < rules_n_plugins; i++)
        if (strcmp(rules_plugins[i].name, short_name) == 0)
            return &rules_plugins[i];
    return NULL;
}

static void
register_plugin(struct rules_parser *parser, const struct rules_plugin *plugin)
{
    for (gsize i = 0; i < rules_n_rows; i++)
        if (rules_rows[i].plugin != NULL && strcmp(rules_rows[i].plugin, plugin->name) == 0) {
            g_hash_table_insert(parser->commands, (gpointer)rules_rows[i].name, (gpointer)&rules_rows[i]);
            rules_row_defaults(parser, &rules_rows[i]);
        }
    for (gsize i = 0; i < rules_n_functions; i++)
        if (strcmp(rules_functions[i].plugin, plugin->name) == 0)
            g_hash_table_insert(parser->functions, (gpointer)rules_functions[i].name, (gpointer)&rules_functions[i]);
}

/* Names that plugins had before, or have after 4.0. */
static const char *
present_name(const char *name)
{
    if (strcmp(name, "Mail::SpamAssassin::Plugin::Dmarc") == 0)
        return "Mail::SpamAssassin::Plugin::DMARC";
    if (strcmp(name, "Mail::SpamAssassin::Plugin::WhiteListSubject") == 0)
        return "Mail::SpamAssassin::Plugin::WelcomeListSubject";
    return name;
}

void
rules_load_plugin(struct rules_parser *parser, const char *name, gboolean silent)
{
    static const char prefix[] = "Mail::SpamAssassin::Plugin::";
    const char *full = present_name(name);

    if (strcmp(full, "Mail::SpamAssassin::Plugin::HashCash") == 0) {
        rules_warn(parser, "plugin %s is gone since SpamAssassin 4.0: remove the line", full);
        return;
    }
    if (g_hash_table_contains(parser->set->plugins, full))
        return;
    const struct rules_plugin *plugin = g_str_has_prefix(full, prefix) ? find_plugin(full + strlen(prefix)) : NULL;
    if (plugin == NULL) {
        if (!silent)
            rules_warn(parser, "unknown plugin %s: its rules don't count", full);
        return;
    }
    if (plugin->lack != NULL)
        rules_warn(parser, "plugin %s is not supported: %s", plugin->name, plugin->lack);
    g_hash_table_add(parser->set->plugins, g_strdup(full));
    register_plugin(parser, plugin);
}
