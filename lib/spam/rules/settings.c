/* settings.c: typed values by name, and what the plain kinds of directives do with a line. */
#include "lib/spam/rules/parser.h"
#include <string.h>

struct spam_setting *
rules_setting_new(enum spam_setting_type type)
{
    struct spam_setting *setting = g_new0(struct spam_setting, 1);

    setting->type = type;
    if (type == SPAM_SETTING_NETWORKS)
        setting->networks = g_array_new(FALSE, FALSE, sizeof(struct spam_network));
    if (type == SPAM_SETTING_LIST || type == SPAM_SETTING_NETWORKS)
        setting->list = g_ptr_array_new_with_free_func(g_free);
    else if (type == SPAM_SETTING_MAP)
        setting->map = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    else if (type == SPAM_SETTING_LISTS)
        setting->map = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    else if (type == SPAM_SETTING_MAPS)
        setting->map = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_hash_table_unref);
    return setting;
}

void
rules_setting_free(gpointer data)
{
    struct spam_setting *setting = data;

    g_free(setting->text);
    g_clear_pointer(&setting->list, g_ptr_array_unref);
    g_clear_pointer(&setting->networks, g_array_unref);
    g_clear_pointer(&setting->map, g_hash_table_unref);
    g_free(setting);
}

struct spam_setting *
rules_setting_of(struct rules_parser *parser, const char *key, enum spam_setting_type type)
{
    struct spam_setting *setting = g_hash_table_lookup(parser->set->settings, key);

    if (setting != NULL)
        return setting->type == type ? setting : NULL;
    setting = rules_setting_new(type);
    g_hash_table_insert(parser->set->settings, g_strdup(key), setting);
    return setting;
}

void
rules_drop(struct rules_parser *parser, const char *key)
{
    g_hash_table_remove(parser->set->settings, key);
}

static void
set_text(struct spam_setting *setting, const char *text)
{
    g_free(setting->text);
    setting->text = g_strdup(text);
    setting->number = g_ascii_strtod(text, NULL);
}

void
rules_set_text(struct rules_parser *parser, const char *key, const char *text)
{
    struct spam_setting *setting = g_hash_table_lookup(parser->set->settings, key);

    if (setting == NULL || setting->type > SPAM_SETTING_TEXT) {
        rules_drop(parser, key);
        setting = rules_setting_of(parser, key, SPAM_SETTING_TEXT);
    }
    set_text(setting, text);
}

/* As Perl prints it. */
void
rules_set_number(struct rules_parser *parser, const char *key, double number)
{
    g_autofree char *text = g_strdup_printf("%.15g", number);

    rules_set_text(parser, key, text);
    ((struct spam_setting *)g_hash_table_lookup(parser->set->settings, key))->number = number;
}

void
rules_set_pair(struct rules_parser *parser, const char *key, const char *name, const char *value)
{
    struct spam_setting *setting = rules_setting_of(parser, key, SPAM_SETTING_MAP);

    if (setting != NULL)
        g_hash_table_replace(setting->map, g_strdup(name), g_strdup(value));
}

/* ---- defaults ---- */

static enum spam_setting_type
type_of(const struct rules_row *row)
{
    switch (row->kind) {
    case KIND_NUMBER:
    case KIND_BOOL:
    case KIND_DURATION:
        return SPAM_SETTING_NUMBER;
    case KIND_MAP:
    case KIND_ADDRESSES:
        return SPAM_SETTING_MAP;
    case KIND_WORDS:
        return SPAM_SETTING_LIST;
    case KIND_NETWORKS:
        return SPAM_SETTING_NETWORKS;
    default:
        return SPAM_SETTING_TEXT;
    }
}

/* "[a b]", "{a=1 b=1}" or "=text": a plugin's default replaces what was there, as its registration does. */
void
rules_row_defaults(struct rules_parser *parser, const struct rules_row *row)
{
    const char *initial = row->initial;

    if (initial == NULL)
        return;
    rules_drop(parser, row->key);
    if (*initial == '=') {
        struct spam_setting *setting = rules_setting_of(parser, row->key, type_of(row));
        if (setting != NULL)
            set_text(setting, initial + 1);
        return;
    }
    gboolean is_map = *initial == '{';
    struct spam_setting *setting = rules_setting_of(parser, row->key, is_map ? SPAM_SETTING_MAP : SPAM_SETTING_LIST);
    g_autofree char *inner = g_strndup(initial + 1, strlen(initial) - 2);
    g_auto(GStrv) words = rules_words(inner);
    for (char **word = words; *word != NULL; word++) {
        char *equals = strchr(*word, '=');
        if (!is_map)
            g_ptr_array_add(setting->list, g_strdup(*word));
        else if (equals != NULL)
            g_hash_table_replace(setting->map, g_strndup(*word, (gsize)(equals - *word)), g_strdup(equals + 1));
    }
}

/* ---- the plain kinds ---- */

static enum rules_outcome
set_bool(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    gboolean yes = g_ascii_strcasecmp(value, "yes") == 0 || strcmp(value, "1") == 0;

    if (!yes && g_ascii_strcasecmp(value, "no") != 0 && strcmp(value, "0") != 0)
        return RULES_INVALID;
    rules_set_number(parser, row->key, yes);
    return RULES_GOOD;
}

static enum rules_outcome
set_number(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    if (!rules_match(parser, "^[+-]?\\d+(?:\\.\\d*)?\\z", value, NULL))
        return RULES_INVALID;
    rules_set_number(parser, row->key, g_ascii_strtod(value, NULL));
    return RULES_GOOD;
}

static enum rules_outcome
set_duration(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) groups = NULL;

    if (!rules_match(parser, "^(\\+?\\d+(?:\\.\\d*)?)(?:\\s*([smhdwSMHDW]))?\\z", value, &groups))
        return RULES_INVALID;
    double seconds = g_ascii_strtod(groups[1], NULL);
    switch (g_ascii_tolower(*groups[2])) {
    case 'm':
        seconds *= 60;
        break;
    case 'h':
        seconds *= 3600;
        break;
    case 'd':
        seconds *= 24 * 3600;
        break;
    case 'w':
        seconds *= 7 * 24 * 3600;
        break;
    default:
        break;
    }
    rules_set_number(parser, row->key, seconds);
    return RULES_GOOD;
}

static enum rules_outcome
set_pair(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    const char *rest;
    g_autofree char *name = rules_word(value, &rest);

    if (*rest == '\0')
        return RULES_MISSING;
    rules_set_pair(parser, row->key, name, rest);
    return RULES_GOOD;
}

static enum rules_outcome
add_addresses(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) words = rules_words(value);

    for (char **word = words; *word != NULL; word++) {
        g_autofree char *lower = g_ascii_strdown(*word, -1);
        rules_set_pair(parser, row->key, lower, "");
    }
    return RULES_GOOD;
}

/* A template's lines; quotes around a line keep its blanks. */
static enum rules_outcome
append_template(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    const struct spam_setting *old = g_hash_table_lookup(parser->set->settings, row->key);
    g_autofree char *bare = NULL;
    gsize length = strlen(value);

    /* "(.*?)" to the end: the last quote must be the line's last byte. */
    if (length >= 2 && value[0] == '"' && value[length - 1] == '"')
        value = bare = g_strndup(value + 1, length - 2);
    g_autofree char *text = g_strdup_printf("%s%s\n", old != NULL && old->text != NULL ? old->text : "", value);
    if (strlen(text) > SPAM_PATTERN_MAX)
        return RULES_INVALID;
    rules_set_text(parser, row->key, text);
    return RULES_GOOD;
}

static enum rules_outcome
append_words(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    struct spam_setting *setting = rules_setting_of(parser, row->key, SPAM_SETTING_LIST);
    g_auto(GStrv) words = rules_words(value);

    for (char **word = words; setting != NULL && *word != NULL; word++)
        g_ptr_array_add(setting->list, g_strdup(*word));
    return RULES_GOOD;
}

static enum rules_outcome
append_networks(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    struct spam_setting *setting = rules_setting_of(parser, row->key, SPAM_SETTING_NETWORKS);
    g_auto(GStrv) words = rules_words(value);

    if (setting == NULL)
        return RULES_INVALID;
    rules_add_networks(parser, setting, (const char *const *)words);
    setting->given = TRUE;
    return RULES_GOOD;
}

enum rules_outcome
rules_run_row(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    if (row->code != NULL)
        return row->code(parser, row, value);
    if (row->kind == KIND_TEMPLATE)
        return append_template(parser, row, value);
    if (row->kind == KIND_NONE)
        return *value == '\0' ? RULES_GOOD : RULES_INVALID;
    if (*value == '\0')
        return RULES_MISSING;
    switch (row->kind) {
    case KIND_BOOL:
        return set_bool(parser, row, value);
    case KIND_NUMBER:
        return set_number(parser, row, value);
    case KIND_DURATION:
        return set_duration(parser, row, value);
    case KIND_MAP:
        return set_pair(parser, row, value);
    case KIND_ADDRESSES:
        return add_addresses(parser, row, value);
    case KIND_WORDS:
        return append_words(parser, row, value);
    case KIND_NETWORKS:
        return append_networks(parser, row, value);
    default:
        rules_set_text(parser, row->key, value);
        return RULES_GOOD;
    }
}
