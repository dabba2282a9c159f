/* ruleset.c: the set's life and what may be asked of it. */
#include <string.h>
#include "lib/spam/rules/parser.h"

void
rules_meta_free(struct spam_meta *meta)
{
    if (meta == NULL)
        return;
    g_clear_pointer(&meta->dependencies, g_array_unref);
    g_free(meta);
}

void
rules_rule_free(gpointer data)
{
    struct spam_rule *rule = data;

    g_free(rule->name);
    g_free(rule->tflags);
    g_free(rule->describe);
    g_free(rule->subject_prefix);
    g_free(rule->text);
    rules_pattern_clear(&rule->pattern);
    g_free(rule->header);
    g_free(rule->if_unset);
    g_free(rule->unexpanded);
    g_clear_pointer(&rule->tag_uses, g_array_unref);
    g_clear_pointer(&rule->templates, g_ptr_array_unref);
    g_free(rule->function);
    g_clear_pointer(&rule->arguments, g_ptr_array_unref);
    rules_meta_free(rule->meta);
    g_free(rule);
}

void
rules_mimeheader_free(gpointer data)
{
    struct spam_mimeheader *mime = data;

    g_free(mime->header);
    g_free(mime->if_unset);
    rules_pattern_clear(&mime->pattern);
    g_free(mime);
}

void
rules_uri_detail_free(gpointer data)
{
    struct spam_uri_detail *detail = data;

    for (guint i = 0; i < SPAM_URI_TARGETS; i++)
        rules_pattern_clear(&detail->targets[i].pattern);
    g_free(detail);
}

void
rules_askdns_free(gpointer data)
{
    struct spam_askdns *ask = data;

    g_free(ask->query);
    g_free(ask->type);
    g_clear_pointer(&ask->answers, g_ptr_array_unref);
    g_clear_pointer(&ask->tags, g_ptr_array_unref);
    rules_pattern_clear(&ask->pattern);
    g_free(ask->text);
    g_free(ask);
}

void
rules_uridnsbl_free(gpointer data)
{
    struct spam_uridnsbl *list = data;

    g_free(list->zone);
    g_free(list->type);
    g_free(list->subtest);
    g_free(list);
}

static void
diagnostic_free(gpointer data)
{
    struct spam_diagnostic *diagnostic = data;

    g_free(diagnostic->text);
    g_free(diagnostic);
}

struct spam_ruleset *
rules_new(void)
{
    struct spam_ruleset *set = g_new0(struct spam_ruleset, 1);

    set->rules = g_ptr_array_new_with_free_func(rules_rule_free);
    set->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    set->settings = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, rules_setting_free);
    set->meta_nodes = g_array_sized_new(FALSE, FALSE, sizeof(struct spam_meta_node), 1); /* so that there is an address */
    set->plugins = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    set->mimeheaders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, rules_mimeheader_free);
    set->uri_details = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, rules_uri_detail_free);
    set->askdns = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, rules_askdns_free);
    set->uridnsbls = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, rules_uridnsbl_free);
    set->diagnostics = g_ptr_array_new_with_free_func(diagnostic_free);
    set->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return set;
}

void
rules_free(struct spam_ruleset **ruleset)
{
    struct spam_ruleset *set = ruleset != NULL ? g_steal_pointer(ruleset) : NULL;

    if (set == NULL)
        return;
    g_hash_table_unref(set->by_name);
    g_array_unref(set->meta_nodes);
    g_ptr_array_unref(set->rules);
    g_hash_table_unref(set->settings);
    g_hash_table_unref(set->plugins);
    g_hash_table_unref(set->mimeheaders);
    g_hash_table_unref(set->uri_details);
    g_hash_table_unref(set->askdns);
    g_hash_table_unref(set->uridnsbls);
    g_ptr_array_unref(set->diagnostics);
    g_hash_table_unref(set->names);
    g_free(set);
}

/* ---- loading ---- */

/* What is there before the first line: the core's directives and their defaults, loopback in two lists of networks. */
static void
begin(struct rules_parser *parser)
{
    static const char *const loopback[] = {"127.0.0.0/8", "::1", NULL};
    static const char checker[] = "SpamAssassin _VERSION_ (_SUBVERSION_) on _HOSTNAME_";

    for (gsize i = 0; i < rules_n_rows; i++)
        if (rules_rows[i].plugin == NULL) {
            g_hash_table_insert(parser->commands, (gpointer)rules_rows[i].name, (gpointer)&rules_rows[i]);
            rules_row_defaults(parser, &rules_rows[i]);
        }
    rules_add_networks(parser, rules_setting_of(parser, "trusted_networks", SPAM_SETTING_NETWORKS), loopback);
    rules_add_networks(parser, rules_setting_of(parser, "internal_networks", SPAM_SETTING_NETWORKS), loopback);
    rules_setting_of(parser, "msa_networks", SPAM_SETTING_NETWORKS);
    for (guint i = 0; i < 2; i++) { /* pairs: name, text */
        struct spam_setting *headers = rules_setting_of(parser, i == 0 ? "headers_ham" : "headers_spam", SPAM_SETTING_LIST);
        g_ptr_array_add(headers->list, g_strdup("Checker-Version"));
        g_ptr_array_add(headers->list, g_strdup(checker));
    }
}

static void
parser_init(struct rules_parser *parser, const struct rules_options *options)
{
    parser->set = rules_new();
    parser->options = options;
    parser->commands = g_hash_table_new(g_str_hash, g_str_equal);
    parser->functions = g_hash_table_new(g_str_hash, g_str_equal);
    parser->compat = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    parser->regexes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, rules_regex_free);
    parser->calls = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    parser->mime_rules = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    parser->read = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    parser->conditions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    parser->lines = g_hash_table_new(g_direct_hash, g_direct_equal);
    parser->outer = g_ptr_array_new();
    parser->blocks = g_array_new(FALSE, FALSE, sizeof(struct rules_block));
    parser->file = "";
    begin(parser);
}

/* Gives the set. */
static struct spam_ruleset *
parser_end(struct rules_parser *parser)
{
    parser->file = "";
    rules_default_scores(parser);
    rules_finish(parser);
    g_hash_table_unref(parser->commands);
    g_hash_table_unref(parser->functions);
    g_hash_table_unref(parser->compat);
    g_hash_table_unref(parser->regexes);
    g_hash_table_unref(parser->calls);
    g_hash_table_unref(parser->mime_rules);
    g_hash_table_unref(parser->read);
    g_hash_table_unref(parser->conditions);
    g_hash_table_unref(parser->lines);
    g_ptr_array_unref(parser->outer);
    g_array_unref(parser->blocks);
    return parser->set;
}

struct spam_ruleset *
rules_load(const struct rules_options *options, GError **error)
{
    struct rules_parser parser = {0};

    parser_init(&parser, options);
    rules_read_all(&parser);
    struct spam_ruleset *set = parser_end(&parser);
    if (set->n_files == 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
                    "no rule file could be read from %s and %s (Debian's are in the package spamassassin)",
                    options->default_rules != NULL ? options->default_rules : "the default folders",
                    options->site_rules != NULL ? options->site_rules : "/etc/spamassassin");
        rules_free(&set);
    }
    return set;
}

struct spam_ruleset *
rules_load_text(const struct rules_options *options, const char *name, const char *text, gsize length)
{
    struct rules_parser parser = {0};

    parser_init(&parser, options);
    rules_begin_file(&parser, name);
    rules_parse_text(&parser, text, length);
    rules_end_file(&parser);
    return parser_end(&parser);
}

/* ---- questions ---- */

const struct spam_rule *
rules_find(const struct spam_ruleset *ruleset, const char *name)
{
    return g_hash_table_lookup(ruleset->by_name, name);
}

const char *
rules_type_name(enum spam_rule_type type)
{
    static const char *const names[] = {
        [SPAM_RULE_NONE] = "none", [SPAM_RULE_HEADER] = "header", [SPAM_RULE_HEADER_EVAL] = "header", [SPAM_RULE_BODY] = "body",
        [SPAM_RULE_BODY_EVAL] = "body", [SPAM_RULE_FULL] = "full", [SPAM_RULE_FULL_EVAL] = "full", [SPAM_RULE_RAWBODY] = "rawbody",
        [SPAM_RULE_RAWBODY_EVAL] = "rawbody", [SPAM_RULE_URI] = "uri", [SPAM_RULE_META] = "meta", [SPAM_RULE_RBL_EVAL] = "header",
        [SPAM_RULE_EMPTY] = "empty"};

    return names[type];
}

/* When rules of a type run, among those of the same priority. */
static guint
phase(const struct spam_rule *rule)
{
    static const guint8 phases[] = {
        [SPAM_RULE_HEADER] = 1, [SPAM_RULE_HEADER_EVAL] = 2, [SPAM_RULE_BODY] = 3, [SPAM_RULE_URI] = 4, [SPAM_RULE_BODY_EVAL] = 5,
        [SPAM_RULE_RAWBODY] = 6, [SPAM_RULE_RAWBODY_EVAL] = 7, [SPAM_RULE_FULL] = 8, [SPAM_RULE_FULL_EVAL] = 9,
        [SPAM_RULE_META] = 10, [SPAM_RULE_RBL_EVAL] = 11, [SPAM_RULE_EMPTY] = 11, [SPAM_RULE_NONE] = 11,
    };

    return phases[rule->type];
}

int
rules_compare_turns(const struct spam_rule *one, const struct spam_rule *other)
{
    if (one->priority != other->priority)
        return one->priority < other->priority ? -1 : 1;
    if (phase(one) != phase(other))
        return phase(one) < phase(other) ? -1 : 1;
    return one->index < other->index ? -1 : one->index > other->index;
}

const struct spam_setting *
rules_setting(const struct spam_ruleset *ruleset, const char *name)
{
    return g_hash_table_lookup(ruleset->settings, name);
}

double
rules_number(const struct spam_ruleset *ruleset, const char *name)
{
    const struct spam_setting *setting = rules_setting(ruleset, name);

    return setting != NULL ? setting->number : 0;
}

const char *
rules_text(const struct spam_ruleset *ruleset, const char *name)
{
    const struct spam_setting *setting = rules_setting(ruleset, name);

    return setting != NULL ? setting->text : NULL;
}

const GPtrArray *
rules_list(const struct spam_ruleset *ruleset, const char *name)
{
    const struct spam_setting *setting = rules_setting(ruleset, name);

    return setting != NULL ? setting->list : NULL;
}

GHashTable *
rules_map(const struct spam_ruleset *ruleset, const char *name)
{
    const struct spam_setting *setting = rules_setting(ruleset, name);

    return setting != NULL ? setting->map : NULL;
}

gboolean
rules_plugin_loaded(const struct spam_ruleset *ruleset, const char *short_name)
{
    char full[128];

    g_snprintf(full, sizeof full, "Mail::SpamAssassin::Plugin::%s", short_name);
    return g_hash_table_contains(ruleset->plugins, full);
}
