/* condition.c: `if` and `ifplugin`. */
#include <string.h>
#include "lib/spam/rules/expression.h"
#include "lib/spam/rules/parser.h"

#define VERSION 4.000001 /* of the SpamAssassin whose rules these are */

static gboolean
plugin_loaded(const struct rules_parser *parser, const char *name)
{
    if (strcmp(name, "Mail::SpamAssassin::Plugin::Dmarc") == 0)
        name = "Mail::SpamAssassin::Plugin::DMARC";
    if (strcmp(name, "Mail::SpamAssassin::Plugin::WhiteListSubject") == 0)
        name = "Mail::SpamAssassin::Plugin::WelcomeListSubject";
    return strcmp(name, "Mail::SpamAssassin::Plugin::RaciallyCharged") == 0 || g_hash_table_contains(parser->set->plugins, name);
}

static gboolean
in_list(const char *const *list, const char *name)
{
    for (; *list != NULL; list++)
        if (strcmp(*list, name) == 0)
            return TRUE;
    return FALSE;
}

static gboolean
has_function(const char *plugin, const char *name)
{
    for (gsize i = 0; i < rules_n_functions; i++)
        if (strcmp(rules_functions[i].plugin, plugin) == 0 && strcmp(rules_functions[i].name, name) == 0)
            return TRUE;
    return FALSE;
}

/* The core's features, or those of a plugin that is loaded; has() finds its eval functions, too, while can() would call them. */
static gboolean
has_feature(const struct rules_parser *parser, const char *module, const char *feature, gboolean calls)
{
    static const char prefix[] = "Mail::SpamAssassin::Plugin::";

    if (strcmp(module, "Mail::SpamAssassin::Conf") == 0) {
        if (g_str_has_prefix(feature, "compat_"))
            return g_hash_table_contains(parser->compat, feature + strlen("compat_"));
        return in_list(rules_core_features, feature);
    }
    if (!g_str_has_prefix(module, prefix) || !g_hash_table_contains(parser->set->plugins, module))
        return FALSE;
    for (gsize i = 0; i < rules_n_plugins; i++)
        if (strcmp(rules_plugins[i].name, module + strlen(prefix)) == 0)
            return in_list(rules_plugins[i].features, feature) || (!calls && has_function(rules_plugins[i].name, feature));
    return FALSE;
}

static gboolean
ask_feature(struct rules_parser *parser, const char *function, const char *name)
{
    const char *last = name != NULL ? g_strrstr(name, "::") : NULL;

    if (last == NULL) {
        rules_error(parser, name == NULL ? "no argument to %s()" : "no '::' in the argument of %s()", function);
        return FALSE;
    }
    g_autofree char *module = g_strndup(name, (gsize)(last - name));
    return has_feature(parser, module, last + 2, *function == 'c');
}

static const char *
token_at(const GPtrArray *tokens, guint i)
{
    return i < tokens->len ? g_ptr_array_index(tokens, i) : "";
}

static gboolean
is_call(const char *token)
{
    return strcmp(token, "plugin") == 0 || strcmp(token, "can") == 0 || strcmp(token, "has") == 0;
}

/* A class's name: what may stand in a call, and is a true word elsewhere. */
static gboolean
is_class(const char *token)
{
    return strlen(token) > 1 && !is_call(token) && strcmp(token, "version") != 0 && strcmp(token, "perl_version") != 0
           && strcmp(token, "local_tests_only") != 0 && !g_ascii_isdigit(*token);
}

/* plugin(X), can(X::y), has(X::y): answered at once. */
static gboolean
read_call(struct rules_parser *parser, const GPtrArray *tokens, guint *at, struct rules_leaf *leaf)
{
    const char *function = token_at(tokens, *at), *argument = token_at(tokens, *at + 2);
    gboolean empty = strcmp(argument, ")") == 0, yes;

    if (strcmp(token_at(tokens, *at + 1), "(") != 0 || (!empty && (!is_class(argument) || strcmp(token_at(tokens, *at + 3), ")") != 0)))
        return FALSE;
    if (strcmp(function, "plugin") == 0)
        yes = !empty && plugin_loaded(parser, argument);
    else
        yes = ask_feature(parser, function, empty ? NULL : argument);
    *leaf = (struct rules_leaf){.op = SPAM_META_NUMBER, .number = yes};
    *at += empty ? 3 : 4;
    return TRUE;
}

static gboolean
read_leaf(gpointer data, const GPtrArray *tokens, guint *at, struct rules_leaf *leaf)
{
    const char *token = token_at(tokens, *at);

    if (is_call(token))
        return read_call(data, tokens, at, leaf);
    *leaf = (struct rules_leaf){.op = SPAM_META_NUMBER};
    if (strcmp(token, "version") == 0)
        leaf->number = VERSION;
    else if (strcmp(token, "perl_version") == 0)
        leaf->number = SPAM_PERL_VERSION;
    else if (strcmp(token, "local_tests_only") == 0)
        leaf->op = SPAM_META_LOCAL;
    else if (g_ascii_isdigit(*token)) {
        if (!rules_number_token(token, &leaf->number))
            return FALSE;
    } else {
        leaf->op = SPAM_META_TEXT;
    }
    ++*at;
    return TRUE;
}

/* SpamAssassin gives up on the whole line when it meets another kind of token: the block isn't even opened. */
static gboolean
tokens_allowed(struct rules_parser *parser, const GPtrArray *tokens)
{
    for (guint i = 0; i < tokens->len; i++) {
        const char *token = token_at(tokens, i);
        double number;
        gboolean word = g_ascii_isalpha(*token) || *token == '_', good;

        if (word)
            good = is_call(token) || (strlen(token) > 1 && rules_match(parser, "^(?:\\w+::){0,10}\\w+$", token, NULL));
        else
            good = strpbrk(token, "0123456789") == NULL ? strlen(token) <= 5
                   : rules_match(parser, "^[+-]?\\d+(?:\\.\\d+)?$", token, NULL) || rules_number_token(token, &number);
        if (!good) {
            rules_error(parser, "unparseable value '%s'", token);
            return FALSE;
        }
    }
    return TRUE;
}

/* "-1" is a sign and a number, as Perl reads it. */
static void
split_signs(GPtrArray *tokens)
{
    for (guint i = 0; i < tokens->len; i++) {
        char *token = g_ptr_array_index(tokens, i);
        if ((*token != '-' && *token != '+') || !g_ascii_isdigit(token[1]))
            continue;
        g_ptr_array_insert(tokens, (int)i + 1, g_strdup(token + 1));
        token[1] = '\0';
    }
}

/* The condition's answer; -1 when the line can't be used at all. */
static int
answer(struct rules_parser *parser, const char *value)
{
    g_autoptr(GPtrArray) tokens = rules_tokens(value, strlen(value));
    gboolean divided = FALSE;

    if (tokens == NULL || !tokens_allowed(parser, tokens))
        return -1;
    split_signs(tokens);
    g_autoptr(GArray) nodes = rules_expression(tokens, read_leaf, parser);
    gboolean yes = nodes != NULL && rules_evaluate(&g_array_index(nodes, struct spam_meta_node, 0), nodes->len, NULL,
                                                    parser->options->local_tests_only, &divided).is_true;
    if (nodes == NULL || divided) {
        rules_warn(parser, "error parsing conditional: %s", value);
        return 0;
    }
    return yes;
}

void
rules_condition(struct rules_parser *parser, const char *kind, const char *value)
{
    g_autofree char *key = g_strdup_printf("%s %s", kind, value);
    gpointer known;
    int yes;
    struct rules_block block = {.skipping = parser->skipping, .line = rules_line(parser), .kind = kind};

    if (g_hash_table_lookup_extended(parser->conditions, key, NULL, &known)) {
        yes = GPOINTER_TO_INT(known);
    } else {
        yes = answer(parser, value);
        if (yes < 0)
            return;
        g_hash_table_insert(parser->conditions, g_steal_pointer(&key), GINT_TO_POINTER(yes));
    }
    g_array_append_val(parser->blocks, block);
    if (!yes)
        parser->skipping = TRUE;
}
