/* evals.c: the tables put together, rules bound to them, and what functions share of a message. */
#include "lib/spam/scan/evals_private.h"
#include <math.h>
#include <string.h>
#include "lib/base/log.h"
#include "lib/spam/eval/html_eval.h"
#include "lib/spam/net/auth_eval.h"
#include "lib/spam/rules/pattern.h"

struct binding {
    const struct eval_entry *entry;
    gpointer prepared;
    struct eval_arguments *arguments; /* in one block, strings and all; NULL without an entry */
};

struct eval_bindings {
    const struct view_settings *settings;
    struct binding *by_rule; /* by rule index */
    guint count;
    struct eval_lists *lists;
    GPtrArray *before_body; /* const struct spam_rule * */
};

static const struct eval_entry *const tables[] = {evals_of_texts, evals_of_parts, evals_of_html,
                                                evals_of_uris,  evals_of_lists, evals_of_freemail, evals_of_plugins,
                                                evals_of_from_name, evals_of_pdf,
                                                evals_of_freemail_body};

/* ---- bindings ---- */

static GHashTable *
entries(void)
{
    GHashTable *by_name = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < G_N_ELEMENTS(tables); i++)
        for (const struct eval_entry *entry = tables[i]; entry->name != NULL; entry++)
            g_hash_table_insert(by_name, (gpointer)entry->name, (gpointer)entry);
    return by_name;
}

static gboolean
changes_body(const struct eval_entry *entry)
{
    const struct eval_entry *known = evals_of_freemail_body;

    while (known->name != NULL && known != entry)
        known++;
    return known->name != NULL;
}

static double
number_of(const struct spam_rule *rule, guint n)
{
    const char *text = rule->arguments != NULL && n < rule->arguments->len ? rule->arguments->pdata[n] : NULL;

    if (text == NULL)
        return NAN;
    return strcmp(text, "undef") == 0 ? INFINITY : html_eval_numify(text);
}

/* The rule's arguments side by side, read as numbers once for all messages. */
static struct eval_arguments *
arguments_of(const struct spam_rule *rule)
{
    guint count = rule->arguments != NULL ? MIN(rule->arguments->len, EVAL_ARGUMENTS) : 0;
    gsize length = 0;
    struct eval_arguments *arguments;
    char *to;

    for (guint n = 0; n < count; n++)
        length += strlen(rule->arguments->pdata[n]) + 1;
    arguments = g_malloc0(sizeof *arguments + length);
    to = (char *)(arguments + 1);
    for (guint n = 0; n < EVAL_ARGUMENTS; n++) {
        arguments->numbers[n] = number_of(rule, n);
        if (n >= count)
            continue;
        arguments->texts[n] = to;
        to = stpcpy(to, rule->arguments->pdata[n]) + 1;
    }
    return arguments;
}

struct eval_bindings *
eval_bindings_new(const struct view_settings *settings)
{
    struct eval_bindings *self = g_new0(struct eval_bindings, 1);
    g_autoptr(GHashTable) by_name = entries();
    const GPtrArray *rules = settings->ruleset->rules;

    self->settings = settings;
    self->lists = eval_lists_new(settings);
    self->before_body = g_ptr_array_new();
    self->count = rules->len;
    self->by_rule = g_new0(struct binding, rules->len + 1);
    for (guint i = 0; i < rules->len; i++) {
        const struct spam_rule *rule = rules->pdata[i];
        struct binding *binding = &self->by_rule[i];
        if (rule->function == NULL || !rule->function_known)
            continue;
        binding->entry = g_hash_table_lookup(by_name, rule->function);
        if (binding->entry == NULL && header_eval_find(rule->function) != NULL)
            binding->entry = &eval_of_header_function;
        if (binding->entry == NULL && auth_eval_find(rule->function) != NULL)
            binding->entry = &eval_of_auth_function;
        if (rule->mimeheader != NULL)
            binding->entry = &eval_of_mime_header;
        if (binding->entry != NULL)
            binding->arguments = arguments_of(rule);
        if (binding->entry != NULL && binding->entry->prepare != NULL)
            binding->prepared = binding->entry->prepare(settings, rule);
        if (changes_body(binding->entry) || (rule->mimeheader != NULL && rule->has_captures))
            g_ptr_array_add(self->before_body, (gpointer)rule);
    }
    return self;
}

void
eval_bindings_free(struct eval_bindings **bindings)
{
    struct eval_bindings *self = g_steal_pointer(bindings);

    if (self == NULL)
        return;
    for (guint i = 0; i < self->count; i++) {
        if (self->by_rule[i].prepared != NULL && self->by_rule[i].entry->prepared_free != NULL)
            self->by_rule[i].entry->prepared_free(self->by_rule[i].prepared);
        g_free(self->by_rule[i].arguments);
    }
    g_free(self->by_rule);
    eval_lists_free(&self->lists);
    g_ptr_array_unref(self->before_body);
    g_free(self);
}

gboolean
eval_bindings_has(const struct eval_bindings *bindings, const struct spam_rule *rule)
{
    return bindings->by_rule[rule->index].entry != NULL;
}

const struct eval_lists *
eval_bindings_lists(const struct eval_bindings *bindings)
{
    return bindings->lists;
}

/* ---- arguments ---- */

const char *
eval_arg(const struct eval_call *call, guint n)
{
    g_assert(n < EVAL_ARGUMENTS);
    return call->arguments->texts[n];
}

double
eval_number(const struct eval_call *call, guint n)
{
    g_assert(n < EVAL_ARGUMENTS);
    return call->arguments->numbers[n];
}

const struct perl_text *
eval_texts(const struct eval_call *call, gsize *count_r)
{
    return call->rule->type == SPAM_RULE_RAWBODY_EVAL ? message_view_rawbody_texts(call->context->view, count_r)
                                                      : message_view_body_texts(call->context->view, count_r);
}

struct pattern *
eval_pattern(const struct spam_rule *rule, guint n)
{
    const char *text = rule->arguments != NULL && n < rule->arguments->len ? rule->arguments->pdata[n] : NULL;
    gboolean delimited = text != NULL && (*text == '/' || ((*text == 'm' || g_str_has_prefix(text, "qr")) &&
                                                          !g_ascii_isalnum(text[*text == 'm' ? 1 : 2])));
    struct spam_pattern parsed = {0};
    struct pattern *pattern = NULL;
    g_autoptr(GError) error = NULL;

    if (text == NULL)
        return NULL;
    if (rules_pattern_parse(&parsed, text, delimited ? RULES_DELIMITED : RULES_BARE, FALSE, &error))
        pattern = pattern_new(parsed.text, strlen(parsed.text), NULL, &error);
    rules_pattern_clear(&parsed);
    if (pattern == NULL)
        log_text(LOG_SEV_WARNING, "rules", "%s:%u: %s never hits: %s", rule->file, rule->line, rule->name, error->message);
    return pattern;
}

void
eval_pattern_free(gpointer pattern)
{
    pattern_free(pattern);
}

/* ---- context ---- */

void
eval_context_init(struct eval_context *context, const struct eval_bindings *bindings, struct message_view *view,
                  struct matcher *matcher, gint64 now)
{
    *context = (struct eval_context){.bindings = bindings, .view = view, .matcher = matcher, .now = now};
}

void
eval_context_clear(struct eval_context *context)
{
    header_eval_free(context->header);
    eval_list_state_free(context->lists);
    mime_headers_free(context->mime_headers);
    if (context->mime_known)
        mime_facts_clear(&context->mime);
    if (context->images_known)
        image_info_clear(&context->images);
    *context = (struct eval_context){0};
}

static char *
domain_trim(gpointer settings, const char *domain)
{
    return registry_trim(((const struct view_settings *)settings)->registry, domain, strlen(domain));
}

static gboolean
domain_is_valid(gpointer settings, const char *domain)
{
    return registry_domain_is_valid(((const struct view_settings *)settings)->registry, domain, strlen(domain));
}

struct header_eval *
eval_context_header(struct eval_context *context)
{
    const struct view_settings *settings = message_view_settings(context->view);

    if (context->header == NULL) {
        context->domains = (struct spam_domains){domain_trim, domain_is_valid, (gpointer)(guintptr)settings};
        context->header_options = (struct header_eval_options){
            .headers = message_view_headers(context->view), .relays = message_view_relays(context->view),
            .domains = &context->domains, .ok_locales = (const char *const *)settings->locales, .now = context->now};
        context->header = header_eval_new(&context->header_options);
    }
    return context->header;
}

struct eval_list_state *
eval_context_lists(struct eval_context *context)
{
    if (context->lists == NULL)
        context->lists = eval_list_state_new(context->bindings->lists, context->view, context->matcher);
    return context->lists;
}

const struct mime_facts *
eval_context_mime(struct eval_context *context)
{
    if (!context->mime_known) {
        mime_facts_init(&context->mime, message_view_parts(context->view),
                        (const char *const *)message_view_settings(context->view)->locales,
                        tree_has_open_boundary(message_view_tree(context->view)));
        context->mime_known = TRUE;
    }
    return &context->mime;
}

struct mime_headers *
eval_context_mime_headers(struct eval_context *context)
{
    if (context->mime_headers == NULL)
        context->mime_headers = mime_headers_new(message_view_tree(context->view));
    return context->mime_headers;
}

const struct image_info *
eval_context_images(struct eval_context *context)
{
    if (!context->images_known) {
        image_info_init(&context->images, message_view_parts(context->view));
        context->images_known = TRUE;
    }
    return &context->images;
}

void
evals_before_body(struct eval_context *context)
{
    const GPtrArray *rules = context->bindings->before_body;

    for (guint i = 0; i < rules->len && !context->body_is_final; i++) {
        const struct spam_rule *rule = rules->pdata[i];
        if (rule->scores[context->score_set] != 0)
            evals_run(context, rule);
    }
    context->body_is_final = TRUE;
}

double
evals_run(struct eval_context *context, const struct spam_rule *rule)
{
    const struct binding *binding = &context->bindings->by_rule[rule->index];
    struct eval_call call = {context, rule, binding->prepared, binding->arguments};

    return binding->entry != NULL ? binding->entry->run(&call) : 0;
}
