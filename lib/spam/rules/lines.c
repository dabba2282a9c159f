/* lines.c: a file's lines: comments, `lang`, blocks, includes; all else goes to the directive's row. */
#include <string.h>
#include "lib/spam/rules/parser.h"

#define VERSION "4.000001"
#define LINE_BYTES_MAX (1u << 20) /* bytes: SpamAssassin's longest has 6,000 */

/* Cuts the comment off: from the first # without a backslash before it; others become plain. */
static void
strip_comment(GString *line)
{
    gsize to = 0;

    for (gsize i = 0; i < line->len; i++) {
        if (line->str[i] == '#' && (i == 0 || line->str[i - 1] != '\\'))
            break;
        if (line->str[i] == '#')
            to--; /* over its backslash */
        line->str[to++] = line->str[i];
    }
    g_string_truncate(line, to);
}

/* `lang xx ...`: FALSE when the line is for another language; else *text goes to the rest. */
static gboolean
for_our_language(struct rules_parser *parser, const char **text)
{
    const char *language = parser->options->language != NULL ? parser->options->language : "en_US";
    g_auto(GStrv) groups = NULL;

    if (!g_str_has_prefix(*text, "lang") || !rules_match(parser, "^lang\\s+(\\S+)\\s+", *text, &groups))
        return TRUE;
    *text += strlen(groups[0]);
    if (groups[1][strspn(groups[1], G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_")] == '\0')
        return g_ascii_strncasecmp(language, groups[1], strlen(groups[1])) == 0;
    g_autofree char *pattern = g_strdup_printf("^%s", groups[1]);
    g_autoptr(GRegex) regex = g_regex_new(pattern, G_REGEX_RAW | G_REGEX_CASELESS, 0, NULL);
    if (regex == NULL)
        rules_error(parser, "lang %s: no good pattern", groups[1]);
    return regex != NULL && g_regex_match(regex, language, 0, NULL);
}

static void
close_block(struct rules_parser *parser, const char *value)
{
    if (*value != '\0') {
        rules_error(parser, "endif must be standalone");
    } else if (parser->blocks->len == 0) {
        rules_error(parser, "missing starting 'if' for 'endif'");
    } else {
        parser->skipping = g_array_index(parser->blocks, struct rules_block, parser->blocks->len - 1).skipping;
        g_array_set_size(parser->blocks, parser->blocks->len - 1);
    }
}

static void
turn_block(struct rules_parser *parser, const char *value)
{
    gboolean outer = FALSE;

    if (*value != '\0' || parser->blocks->len == 0) {
        rules_error(parser, *value != '\0' ? "else must be standalone" : "'else' missing starting if");
        return;
    }
    for (guint i = 0; i < parser->blocks->len; i++)
        outer |= g_array_index(parser->blocks, struct rules_block, i).skipping;
    parser->skipping = outer || !parser->skipping;
}

static void
file_mark(struct rules_parser *parser, const char *value)
{
    g_auto(GStrv) groups = NULL;

    if (rules_match(parser, "^start\\s+(.+)$", value, &groups))
        rules_begin_file(parser, groups[1]);
    else if (rules_match(parser, "^end\\s", value, NULL))
        rules_end_file(parser);
    else
        rules_error(parser, "missing 'file' value");
}

/* Words that work within blocks that are left out, too. TRUE: the line is done. */
static gboolean
block_word(struct rules_parser *parser, const char *key, const char *value)
{
    gboolean needs = strcmp(key, "if") == 0 || strcmp(key, "ifplugin") == 0 || strcmp(key, "include") == 0;

    if (needs && *value == '\0') {
        rules_error(parser, "missing '%s' %s", key, *key == 'i' && key[1] == 'f' ? "condition" : "value");
    } else if (strcmp(key, "endif") == 0) {
        close_block(parser, value);
    } else if (strcmp(key, "ifplugin") == 0) {
        g_autofree char *condition = g_strdup_printf("plugin (%s)", value);
        rules_condition(parser, "ifplugin", condition);
    } else if (strcmp(key, "if") == 0) {
        rules_condition(parser, "if", value);
    } else if (strcmp(key, "file") == 0) {
        file_mark(parser, value);
    } else if (strcmp(key, "include") == 0) {
        rules_include(parser, value);
    } else if (strcmp(key, "else") == 0) {
        turn_block(parser, value);
    } else {
        return FALSE;
    }
    return TRUE;
}

static void
require_version(struct rules_parser *parser, const char *value)
{
    if (*value == '\0') {
        rules_error(parser, "missing 'require_version' value");
    } else if (strcmp(value, "@@VERSION@@") != 0 && strcmp(value, VERSION) != 0) {
        rules_error(parser, "requires version %s of SpamAssassin, but this reads the rules of %s: the file is skipped", value, VERSION);
        parser->skipping = TRUE;
    }
}

/* Directives whose names have a variable end. */
static const struct rules_row *
row_of(struct rules_parser *parser, const char *key)
{
    static const struct rules_row stopwords = {"", "bayes_stopword", "Bayes", KIND_NONE, NULL, code_stopwords, NULL},
                                  acl = {"", "hashbl_acl", "HashBL", KIND_NONE, NULL, code_hashbl_acl, NULL};
    const struct rules_row *row = g_hash_table_lookup(parser->commands, key);

    if (row != NULL)
        return row;
    if (rules_plugin_loaded(parser->set, "Bayes") && rules_match(parser, "^bayes_stopword_[a-z]{2}$", key, NULL))
        return &stopwords;
    if (rules_plugin_loaded(parser->set, "HashBL") && rules_match(parser, "^hashbl_acl_[a-z0-9]{1,32}$", key, NULL))
        return &acl;
    return NULL;
}

/* The variable end of a name goes in front of the value of those. */
static void
directive(struct rules_parser *parser, const char *key, const char *value, const char *line)
{
    const struct rules_row *row = row_of(parser, key);

    if (row == NULL) {
        if (strcmp(key, "ok_languages") == 0) /* was the core's once: SpamAssassin doesn't count it */
            rules_warn(parser, "failed to parse line, now a plugin: %.200s", line);
        else
            rules_error(parser, "failed to parse line: %.200s", line);
        return;
    }
    g_autofree char *prefixed = *row->name == '\0' ? g_strdup_printf("%s %s", strrchr(key, '_') + 1, value) : NULL;
    switch (rules_run_row(parser, row, prefixed != NULL ? prefixed : value)) {
    case RULES_INVALID:
        rules_error(parser, "invalid '%s' value: %.200s", key, line);
        break;
    case RULES_MISSING:
        rules_error(parser, "missing '%s' value: %.200s", key, line);
        break;
    case RULES_GOOD:
        break;
    }
}

static void
parse_line(struct rules_parser *parser, GString *line)
{
    if (strlen(line->str) != line->len) {
        if (!parser->skipping && *line->str != '#')
            rules_error(parser, "a NUL byte: the line is left out");
        return;
    }
    if (strchr(line->str, '#') != NULL)
        strip_comment(line);
    const char *text = g_strstrip(line->str);
    if (*text == '\0' || strcmp(text, "0") == 0 || !for_our_language(parser, &text))
        return;
    const char *value;
    g_autofree char *key = rules_word(text, &value);
    for (char *p = key; *p != '\0'; p++)
        *p = *p == '-' ? '_' : g_ascii_tolower(*p);
    if (block_word(parser, key, value) || parser->skipping)
        return;
    if (strcmp(key, "require_version") == 0)
        require_version(parser, value);
    else
        directive(parser, key, value, text);
}

void
rules_parse_text(struct rules_parser *parser, const char *text, gsize length)
{
    const char *end = text + length;

    while (text < end) {
        const char *lf = memchr(text, '\n', (gsize)(end - text));
        gsize taken = (gsize)((lf != NULL ? lf : end) - text);
        if (taken < 5 || memcmp(text, "file ", 5) != 0)
            g_hash_table_insert(parser->lines, (gpointer)parser->file, GUINT_TO_POINTER(rules_line(parser) + 1));
        if (taken > LINE_BYTES_MAX) {
            rules_error(parser, "a line of more than %u bytes: it is left out", LINE_BYTES_MAX);
        } else {
            g_autoptr(GString) line = g_string_new_len(text, (gssize)taken);
            parse_line(parser, line);
        }
        text += taken + (lf != NULL);
    }
}
