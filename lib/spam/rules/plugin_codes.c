/* plugin_codes.c: plugins' directives that are no plain kind, no list and no rule. */
#include <string.h>
#include "lib/spam/rules/parser.h"

/* ---- Bayes ---- */

enum rules_outcome
code_stopword_languages(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    struct spam_setting *setting = rules_setting_of(parser, row->key, SPAM_SETTING_LIST);
    g_autofree char *low = g_ascii_strdown(value, -1);
    g_auto(GStrv) words = g_regex_split_simple("[ \t\r\f\v]*,[ \t\r\f\v]*|[ \t\r\f\v]+", low, G_REGEX_RAW, 0);

    if (strcmp(value, "disable") == 0) {
        g_ptr_array_set_size(setting->list, 0);
        return RULES_GOOD;
    }
    if (*value == '\0')
        return RULES_MISSING;
    for (char **word = words; *word != NULL; word++)
        if (!rules_match(parser, "^[a-z]{2}$", *word, NULL))
            return RULES_INVALID;
    g_ptr_array_set_size(setting->list, 0);
    for (char **word = words; *word != NULL; word++)
        g_ptr_array_add(setting->list, g_strdup(*word));
    return RULES_GOOD;
}

/* "xx patterns": the last good one counts, whole and without regard to case. */
enum rules_outcome
code_stopwords(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    const char *rest;
    g_autofree char *language = rules_word(value, &rest);
    g_auto(GStrv) words = rules_words(rest);

    for (char **word = words; *word != NULL; word++) {
        g_autofree char *text = g_strdup_printf("^(?i)%s$", *word);
        struct spam_pattern pattern = {0};
        g_autoptr(GError) error = NULL;
        if (!rules_pattern_parse(&pattern, text, RULES_BARE, FALSE, &error))
            return RULES_INVALID;
        rules_set_pair(parser, row->key, language, pattern.text);
        rules_pattern_clear(&pattern);
    }
    return RULES_GOOD;
}

/* ---- FreeMail ---- */

/* Names and globs, in one map: "1" for names, "*" for globs. */
enum rules_outcome
code_freemail_domains(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) words = rules_words(value);

    for (char **word = words; *word != NULL; word++) {
        g_autofree char *domain = g_ascii_strdown(*word, -1);
        if (domain[strspn(domain, G_CSET_a_2_z G_CSET_DIGITS ".*?-")] != '\0')
            rules_warn(parser, "invalid freemail_domains: %s", *word);
        else
            rules_set_pair(parser, row->key, domain, strpbrk(domain, "*?") != NULL ? "*" : "1");
    }
    return RULES_GOOD;
}

enum rules_outcome
code_freemail_welcomelist(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) words = rules_words(value);

    for (char **word = words; *word != NULL; word++) {
        g_autofree char *address = g_ascii_strdown(*word, -1);
        if (rules_match(parser, "\\w[.@]\\w", address, NULL))
            rules_set_pair(parser, row->key, address, "1");
        else
            rules_warn(parser, "invalid freemail_welcomelist: %s", *word);
    }
    return RULES_GOOD;
}

/* ---- HashBL ---- */

/* "NAME words": NAME -> word -> "1", or "0" for !word, which stays so. */
enum rules_outcome
code_hashbl_acl(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    const char *rest;
    g_autofree char *name = rules_word(value, &rest), *acl = g_ascii_strdown(name, -1);
    g_auto(GStrv) words = rules_words(rest);
    struct spam_setting *setting = rules_setting_of(parser, row->key, SPAM_SETTING_MAPS);

    if (parser->options->local_tests_only) /* the plugin is off, then */
        return RULES_GOOD;
    for (char **word = words; *word != NULL; word++) {
        gboolean negative = **word == '!' && (*word)[1] != '\0';
        g_autofree char *entry = g_ascii_strdown(*word + negative, -1);
        if (!negative && strcmp(acl, "all") == 0)
            continue;
        GHashTable *map = g_hash_table_lookup(setting->map, acl);
        if (map == NULL) {
            map = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
            g_hash_table_insert(setting->map, g_strdup(acl), map);
        }
        if (negative || !g_hash_table_contains(map, entry))
            g_hash_table_replace(map, g_strdup(entry), g_strdup(negative ? "0" : "1"));
    }
    return RULES_GOOD;
}

/* "domain alias ..": alias -> domain. */
enum rules_outcome
code_domain_alias(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_autofree char *low = g_ascii_strdown(value, -1);
    g_auto(GStrv) words = rules_words(low);

    if (*words == NULL || words[1] == NULL || strchr(value, '@') != NULL)
        return *words == NULL ? RULES_MISSING : RULES_INVALID;
    for (char **word = words + 1; *word != NULL; word++)
        rules_set_pair(parser, row->key, *word, words[0]);
    return RULES_GOOD;
}

/* A pattern without delimiters. */
enum rules_outcome
code_bare_pattern(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    struct spam_pattern pattern = {0};
    g_autoptr(GError) error = NULL;

    if (*value == '\0')
        return RULES_MISSING;
    if (!rules_pattern_parse(&pattern, value, RULES_BARE, FALSE, &error))
        return RULES_INVALID;
    rules_set_text(parser, row->key, pattern.text);
    rules_pattern_clear(&pattern);
    return RULES_GOOD;
}

/* ---- DKIM ---- */

/* domain -> N, U, A, D, 1, 2 or 3. */
enum rules_outcome
code_adsp_override(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) g = NULL;

    if (!rules_match(parser, "(?i)^@?([*a-z0-9._-]+)(?:\\s+(nxdomain|unknown|all|discardable|custom_low|custom_med|custom_high))?$",
                     value, &g))
        return *value == '\0' ? RULES_MISSING : RULES_INVALID;
    g_autofree char *domain = g_ascii_strdown(g[1], -1);
    char practice[2] = {*g[2] == '\0' ? 'D' : g_ascii_toupper(*g[2]), '\0'};
    if (*practice == 'C')
        *practice = g_ascii_tolower(g[2][strlen("custom_")]) == 'l' ? '1' : g_ascii_tolower(g[2][strlen("custom_")]) == 'm' ? '2' : '3';
    rules_set_pair(parser, row->key, domain, practice);
    return RULES_GOOD;
}

/* ---- ASN ---- */

/* "zone [_ASNTAG_ _ROUTETAG_]": triples in a list. argument: which. */
enum rules_outcome
code_asn_lookup(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) g = NULL;

    if (!rules_match(parser, "^(\\S+?)\\.?(?:\\s+_(\\S+)_\\s+_(\\S+)_)?$", value, &g))
        return *value == '\0' ? RULES_MISSING : RULES_INVALID;
    GPtrArray *list = rules_setting_of(parser, row->argument, SPAM_SETTING_LIST)->list;
    g_ptr_array_add(list, g_strdup(g[1]));
    g_ptr_array_add(list, g_strdup(*g[2] != '\0' ? g[2] : "ASN"));
    g_ptr_array_add(list, g_strdup(*g[3] != '\0' ? g[3] : "ASNCIDR"));
    return RULES_GOOD;
}

enum rules_outcome
code_asn_clear(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    (void)row;
    if (*value != '\0')
        return RULES_INVALID;
    rules_drop(parser, "asnlookups");
    rules_drop(parser, "asnlookups_ipv6");
    return RULES_GOOD;
}

enum rules_outcome
code_unquoted(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    gsize length = strlen(value);
    gboolean quoted = length >= 2 && (*value == '"' || *value == '\'') && value[length - 1] == *value;
    g_autofree char *bare = quoted ? g_strndup(value + 1, length - 2) : g_strdup(value);

    rules_set_text(parser, row->key, bare);
    return RULES_GOOD;
}

/* ---- others ---- */

enum rules_outcome
code_address(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) g = NULL;

    if (!rules_match(parser, "([^<\\s]+@[^>\\s]+)", value, &g))
        return *value == '\0' ? RULES_MISSING : RULES_INVALID;
    rules_set_text(parser, row->key, g[1]);
    return RULES_GOOD;
}

enum rules_outcome
code_relayhost(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) g = NULL;

    if (!rules_match(parser, "^(\\S+):(\\d{2,5})$", value, &g))
        return *value == '\0' ? RULES_MISSING : RULES_INVALID;
    rules_set_text(parser, row->key, g[1]);
    rules_set_text(parser, "spamcop_relayport", g[2]);
    return RULES_GOOD;
}

/* "n [m]"; argument: the setting of m. */
enum rules_outcome
code_two_numbers(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) g = NULL;

    if (!rules_match(parser, "^(\\d+)(?:\\s+(\\d+))?$", value, &g))
        return *value == '\0' ? RULES_MISSING : RULES_INVALID;
    rules_set_text(parser, row->key, g[1]);
    if (*g[2] != '\0')
        rules_set_text(parser, row->argument, g[2]);
    else
        rules_drop(parser, row->argument);
    return RULES_GOOD;
}

/* Programs that pull text out of attachments: kept as lines, for a part that may run them. */
enum rules_outcome
code_extracttext(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_ptr_array_add(rules_setting_of(parser, row->key, SPAM_SETTING_LIST)->list, g_strdup(value));
    return RULES_GOOD;
}
