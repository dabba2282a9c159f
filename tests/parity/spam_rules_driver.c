/* spam_rules_driver.c: what lib/spam/rules makes of configurations: the same lines in, the same JSON out as spam_rules.pl. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "lib/spam/rules/expression.h"
#include "lib/spam/rules/parser.h"
#include "lib/spam/rules/ruleset.h"

/* Bytes as Latin-1, as JSON::PP's latin1 reads back in Python. */
static json_t *
text(const char *bytes)
{
    g_autofree char *utf8 = NULL;

    if (bytes == NULL)
        return json_null();
    utf8 = g_convert(bytes, -1, "UTF-8", "ISO-8859-1", NULL, NULL, NULL);
    return json_string(utf8 != NULL ? utf8 : "");
}

static void
set(json_t *object, const char *key, json_t *value)
{
    g_autofree char *utf8 = g_convert(key, -1, "UTF-8", "ISO-8859-1", NULL, NULL, NULL);

    json_object_set_new(object, utf8, value);
}

static json_t *
number(double value)
{
    char buffer[64];

    g_snprintf(buffer, sizeof buffer, "%.9g", value == 0 ? 0 : value);
    return json_string(buffer);
}

static json_t *
list(const GPtrArray *array)
{
    json_t *out = json_array();

    for (guint i = 0; array != NULL && i < array->len; i++)
        json_array_append_new(out, text(g_ptr_array_index(array, i)));
    return out;
}

static int
by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static json_t *
sorted(const GPtrArray *array)
{
    g_autoptr(GPtrArray) copy = g_ptr_array_new();

    for (guint i = 0; array != NULL && i < array->len; i++)
        g_ptr_array_add(copy, array->pdata[i]);
    g_ptr_array_sort(copy, by_text);
    return list(copy);
}

static json_t *
map(GHashTable *table, enum spam_setting_type of)
{
    json_t *out = json_object();
    GHashTableIter iter;
    gpointer key, value;

    if (table == NULL)
        return out;
    g_hash_table_iter_init(&iter, table);
    while (g_hash_table_iter_next(&iter, &key, &value))
        set(out, key, of == SPAM_SETTING_MAP ? text(value) : of == SPAM_SETTING_LISTS ? list(value) : map(value, SPAM_SETTING_MAP));
    return out;
}

/* ---- rules ---- */

static double
hits(const char *name, guint seed)
{
    guint hash = 7;

    for (const char *p = name; *p != '\0'; p++)
        hash = (hash * 31 + (guint8)*p) & 0xffffff;
    return hash >> (2 * seed) & 3;
}

static const char *
type_name(enum spam_rule_type type)
{
    static const char *const names[] = {"none", "header", "header_eval", "body", "body_eval", "full", "full_eval", "rawbody",
                                        "rawbody_eval", "uri", "meta", "rbl_eval", "empty"};

    return names[type];
}

static void
add_meta(json_t *out, const struct spam_ruleset *set_, const struct spam_rule *rule, gboolean local)
{
    json_t *on = json_array(), *values = json_array();
    g_autofree double *all = g_new0(double, set_->rules->len);

    for (guint i = 0; i < rule->meta->dependencies->len; i++) {
        const struct spam_rule *other = g_ptr_array_index(set_->rules, g_array_index(rule->meta->dependencies, guint, i));
        json_array_append_new(on, text(other->name));
    }
    for (guint seed = 0; seed < 8; seed++) {
        for (guint i = 0; i < set_->rules->len; i++) {
            const struct spam_rule *other = g_ptr_array_index(set_->rules, i);
            all[i] = hits(other->name, seed);
        }
        json_array_append_new(values, number(rules_evaluate(rule->meta->nodes, rule->meta->n_nodes, all, local, NULL).number));
    }
    json_object_set_new(out, "dependencies", on);
    json_object_set_new(out, "values", values);
}

static json_t *
rule_json(const struct spam_ruleset *set_, const struct spam_rule *rule, gboolean local)
{
    json_t *out = json_object();

    json_object_set_new(out, "type", json_string(type_name(rule->type)));
    json_object_set_new(out, "text", text(rule->text));
    json_object_set_new(out, "priority", json_integer(rule->priority));
    if (rule->type == SPAM_RULE_HEADER) {
        json_object_set_new(out, "header", text(rule->header));
        json_object_set_new(out, "exists", json_integer(rule->exists));
        json_object_set_new(out, "neg", json_integer(rule->negated));
        json_object_set_new(out, "unset", text(rule->if_unset));
    }
    if ((rule->type == SPAM_RULE_HEADER && !rule->exists) || rule->type == SPAM_RULE_BODY || rule->type == SPAM_RULE_FULL
        || rule->type == SPAM_RULE_RAWBODY || rule->type == SPAM_RULE_URI)
        json_object_set_new(out, "pattern", text(rule->pattern.text));
    if (rule->function != NULL) {
        json_t *call = list(rule->arguments);
        json_array_insert_new(call, 0, text(rule->function));
        json_object_set_new(out, "call", call);
    }
    if (rule->meta != NULL)
        add_meta(out, set_, rule, local);
    if (rule->has_captures)
        json_object_set_new(out, "captures", json_integer(1));
    if (rule->templates != NULL)
        json_object_set_new(out, "templates", sorted(rule->templates));
    return out;
}

static void
add_rules(json_t *out, const struct spam_ruleset *set_, gboolean local)
{
    json_t *rules = json_object(), *scores = json_object(), *flags = json_object(), *texts = json_object(), *prefixes = json_object();

    for (guint i = 0; i < set_->rules->len; i++) {
        const struct spam_rule *rule = g_ptr_array_index(set_->rules, i);
        if (rule->type != SPAM_RULE_NONE)
            set(rules, rule->name, rule_json(set_, rule, local));
        if (rule->has_score) {
            json_t *four = json_array();
            for (guint s = 0; s < SPAM_SCORE_SETS; s++)
                json_array_append_new(four, number(rule->scores[s]));
            set(scores, rule->name, four);
        }
        if (rule->tflags != NULL)
            set(flags, rule->name, text(rule->tflags));
        if (rule->describe != NULL)
            set(texts, rule->name, text(rule->describe));
        if (rule->subject_prefix != NULL)
            set(prefixes, rule->name, text(rule->subject_prefix));
    }
    json_object_set_new(out, "rules", rules);
    json_object_set_new(out, "scores", scores);
    json_object_set_new(out, "tflags", flags);
    json_object_set_new(out, "descriptions", texts);
    json_object_set_new(out, "subjprefix", prefixes);
}

/* ---- settings and plugins ---- */

static json_t *
settings_json(const struct spam_ruleset *set_)
{
    json_t *out = json_object();
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init(&iter, set_->settings);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const struct spam_setting *setting = value;
        json_t *json = setting->type <= SPAM_SETTING_TEXT ? text(setting->text)
                       : setting->list != NULL            ? list(setting->list)
                                                          : map(setting->map, setting->type);
        set(out, key, json);
    }
    return out;
}

static json_t *
mime_json(const struct spam_mimeheader *mime)
{
    json_t *out = json_object();
    g_autofree char *header = g_strconcat(mime->header, mime->raw ? ":raw" : "", NULL);

    json_object_set_new(out, "header", text(header));
    json_object_set_new(out, "negated", json_integer(mime->negated));
    json_object_set_new(out, "unset", text(mime->if_unset));
    json_object_set_new(out, "pattern", text(mime->pattern.text));
    return out;
}

static json_t *
detail_json(const struct spam_uri_detail *detail)
{
    static const char *const names[] = {"raw", "type", "cleaned", "text", "domain", "host"};
    json_t *out = json_object();

    for (guint i = 0; i < SPAM_URI_TARGETS; i++)
        if (detail->targets[i].pattern.text != NULL) {
            json_t *pair = json_array();
            json_array_append_new(pair, json_string(detail->targets[i].negated ? "!~" : "=~"));
            json_array_append_new(pair, text(detail->targets[i].pattern.text));
            json_object_set_new(out, names[i], pair);
        }
    return out;
}

/* In the order of text, each once. */
static json_t *
codes(const char *joined)
{
    g_auto(GStrv) words = g_strsplit(joined, ",", -1);
    g_autoptr(GPtrArray) once = g_ptr_array_new();

    for (char **word = words; *word != NULL; word++)
        if (!g_ptr_array_find_with_equal_func(once, *word, g_str_equal, NULL))
            g_ptr_array_add(once, *word);
    g_ptr_array_sort(once, by_text);
    g_ptr_array_add(once, NULL);
    g_autofree char *out = g_strjoinv(",", (char **)once->pdata);
    return text(out);
}

static json_t *
askdns_json(const struct spam_askdns *ask)
{
    json_t *out = json_object();

    json_object_set_new(out, "query", text(ask->query));
    json_object_set_new(out, "type", text(ask->type));
    json_object_set_new(out, "answers", list(ask->answers));
    json_object_set_new(out, "tags", sorted(ask->tags));
    json_object_set_new(out, "subtest", ask->kind == SPAM_SUBTEST_RCODES ? codes(ask->text)
                                        : text(ask->kind == SPAM_SUBTEST_PATTERN ? ask->pattern.text : ask->text));
    return out;
}

static json_t *
uridnsbl_json(const struct spam_uridnsbl *listed)
{
    static const char *const kinds[] = {"ip", "domain", "ns", "full"};
    json_t *out = json_array();

    json_array_append_new(out, text(listed->zone));
    json_array_append_new(out, text(listed->type));
    json_array_append_new(out, json_string(kinds[listed->kind]));
    json_array_append_new(out, text(listed->subtest));
    return out;
}

#define ADD_TABLE(out, name, table, function) \
    do { \
        json_t *here_ = json_object(); \
        GHashTableIter iter_; \
        gpointer key_, value_; \
        g_hash_table_iter_init(&iter_, table); \
        while (g_hash_table_iter_next(&iter_, &key_, &value_)) \
            set(here_, key_, function(value_)); \
        if (json_object_size(here_) > 0) \
            json_object_set_new(out, name, here_); \
        else \
            json_decref(here_); \
    } while (0)

static json_t *
plugins_json(const struct spam_ruleset *set_)
{
    json_t *out = json_object(), *freemail = json_object();
    GHashTable *domains = rules_map(set_, "freemail_domains");
    GHashTableIter iter;
    gpointer key, value;

    ADD_TABLE(out, "mimeheaders", set_->mimeheaders, mime_json);
    ADD_TABLE(out, "uri_details", set_->uri_details, detail_json);
    ADD_TABLE(out, "askdns", set_->askdns, askdns_json);
    ADD_TABLE(out, "uridnsbls", set_->uridnsbls, uridnsbl_json);
    if (domains != NULL) {
        g_hash_table_iter_init(&iter, domains);
        while (g_hash_table_iter_next(&iter, &key, &value))
            if (strcmp(value, "1") == 0)
                set(freemail, key, text(value));
    }
    if (rules_plugin_loaded(set_, "FreeMail"))
        json_object_set(out, "freemail", freemail);
    json_decref(freemail);
    if (rules_plugin_loaded(set_, "Bayes"))
        json_object_set_new(out, "stopwords", map(rules_map(set_, "bayes_stopword"), SPAM_SETTING_MAP));
    json_t *words = json_object_get(out, "stopwords");
    const char *english = json_string_value(json_object_get(words, "en"));
    if (english != NULL && g_str_has_prefix(english, "(?:able|"))
        json_object_set_new(words, "en", json_string("built in"));
    if (rules_plugin_loaded(set_, "HashBL"))
        json_object_set_new(out, "acl", map(rules_map(set_, "hashbl_acl"), SPAM_SETTING_MAPS));
    return out;
}

/* ---- tables ---- */

static json_t *
strings(const char *const *all)
{
    json_t *out = json_array();

    for (; *all != NULL; all++)
        json_array_append_new(out, json_string(*all));
    return out;
}

static json_t *
commands_of(const char *plugin)
{
    json_t *out = json_array();

    for (gsize i = 0; i < rules_n_rows; i++)
        if (g_strcmp0(rules_rows[i].plugin, plugin) == 0)
            json_array_append_new(out, json_pack("[ss]", rules_rows[i].name, rules_rows[i].key));
    return out;
}

static json_t *
tables(void)
{
    json_t *out = json_object(), *plugins = json_object();

    json_object_set_new(out, "commands", commands_of(NULL));
    json_object_set_new(out, "features", strings(rules_core_features));
    for (gsize i = 0; i < rules_n_plugins; i++) {
        json_t *plugin = json_object(), *functions = json_array();
        for (gsize f = 0; f < rules_n_functions; f++)
            if (strcmp(rules_functions[f].plugin, rules_plugins[i].name) == 0)
                json_array_append_new(functions, json_pack("[ss]", rules_functions[f].name, type_name(rules_functions[f].type)));
        json_object_set_new(plugin, "features", strings(rules_plugins[i].features));
        json_object_set_new(plugin, "commands", commands_of(rules_plugins[i].name));
        json_object_set_new(plugin, "functions", functions);
        json_object_set_new(plugins, rules_plugins[i].name, plugin);
    }
    json_object_set_new(out, "plugins", plugins);
    return out;
}

/* ---- the whole ---- */

static json_t *
configuration(const char *rules, const char *site, gboolean local)
{
    struct rules_options options = {.default_rules = rules, .site_rules = site, .local_tests_only = local};
    g_autoptr(GError) error = NULL;
    struct spam_ruleset *set_ = rules_load(&options, &error);
    json_t *out = json_object(), *plugins = json_array();
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    GHashTableIter iter;
    gpointer key;

    if (set_ == NULL) {
        json_object_set_new(out, "died", text(error->message));
        json_decref(plugins);
        return out;
    }
    json_object_set_new(out, "errors", json_integer(set_->n_errors));
    g_hash_table_iter_init(&iter, set_->plugins);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        g_ptr_array_add(names, key);
    json_decref(plugins);
    json_object_set_new(out, "plugins", sorted(names));
    add_rules(out, set_, local);
    json_object_set_new(out, "settings", settings_json(set_));
    json_object_set_new(out, "of_plugins", plugins_json(set_));
    plugins = json_array();
    for (guint i = 0; i < set_->diagnostics->len; i++) {
        const struct spam_diagnostic *d = g_ptr_array_index(set_->diagnostics, i);
        g_autofree char *line = g_strdup_printf("%s:%u: %s: %s", d->file, d->line, d->is_error ? "error" : "warning", d->text);
        json_array_append_new(plugins, text(line));
    }
    json_object_set_new(out, "diagnostics", plugins);
    rules_free(&set_);
    return out;
}

int
main(int argc, char **argv)
{
    char line[8192];

    if (argc > 1 && strcmp(argv[1], "--tables") == 0) {
        json_t *out = tables();
        json_dumpf(out, stdout, JSON_COMPACT);
        json_decref(out);
        return 0;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        g_auto(GStrv) parts = g_strsplit(g_strchomp(line), "\t", 3);
        if (g_strv_length(parts) != 3)
            return 1;
        json_t *out = configuration(parts[0], parts[1], strcmp(parts[2], "local") == 0);
        json_dumpf(out, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(out);
    }
    return 0;
}
