/* scan_net.c: gives the network rules what they need of a message, and their hits to the engine. */
#include "lib/spam/scan/scan_net.h"
#include <string.h>
#include "lib/base/log.h"

struct scan_net_rules {
    const struct spam_ruleset *ruleset;
    struct net_rules *net;
    guint parts[SPAM_SCORE_SETS]; /* by enum auth_part: what rules that run in the set ask for */
};

struct scan_net {
    const struct scan_net_rules *rules;
    struct auth_eval_options options;
    struct auth_eval *auth;
    struct net_message message;
    struct net_check *check;
    const struct engine_result *result;
    gboolean captures_known; /* all rules have run */
    GHashTable *captures; /* name -> GPtrArray of char *: of those that were asked for */
};

static void
note_parts(struct scan_net_rules *rules)
{
    for (guint i = 0; i < rules->ruleset->rules->len; i++) {
        const struct spam_rule *rule = rules->ruleset->rules->pdata[i];
        guint parts = rule->function != NULL && rule->function_known ? auth_eval_parts(rule->function) : 0;
        for (guint set = 0; set < SPAM_SCORE_SETS; set++)
            rules->parts[set] |= rule->scores[set] != 0 ? parts : 0;
    }
}

struct scan_net_rules *
scan_net_rules_new(const struct spam_ruleset *ruleset)
{
    struct scan_net_rules *rules = g_new0(struct scan_net_rules, 1);
    g_autoptr(GPtrArray) warnings = NULL;

    rules->ruleset = ruleset;
    note_parts(rules);
    rules->net = net_rules_new(ruleset, &warnings);
    for (guint i = 0; i < warnings->len; i++)
        log_text(LOG_SEV_WARNING, "rules", "%s", (const char *)warnings->pdata[i]);
    return rules;
}

void
scan_net_rules_free(struct scan_net_rules **rules)
{
    if (*rules == NULL)
        return;
    net_rules_free(&(*rules)->net);
    g_clear_pointer(rules, g_free);
}

static void
add_capture(gpointer bytes, gpointer values)
{
    gsize length;
    const char *value = g_bytes_get_data(bytes, &length);

    g_ptr_array_add(values, g_strndup(value, length));
}

/* What rules have captured under the name, when all have run. SpamAssassin runs those that capture before it asks the DNS, so that there,
 * too, nobody asks with half of the values. */
static const GPtrArray *
captured(struct scan_net *net, const char *name)
{
    GPtrArray *found = net->captures_known ? g_hash_table_lookup(net->result->tags, name) : NULL;
    GPtrArray *values = found != NULL ? g_hash_table_lookup(net->captures, name) : NULL;

    if (found == NULL || values != NULL)
        return values;
    values = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_foreach(found, add_capture, values);
    g_hash_table_insert(net->captures, g_strdup(name), values);
    return values;
}

static const GPtrArray *
tag(gpointer data, const char *name)
{
    struct scan_net *net = data;
    const GPtrArray *values = auth_eval_tag(net->auth, name);

    return values != NULL && values->len > 0 ? values : captured(net, name);
}

/* Whether the rules let anybody ask the DNS. */
static gboolean
may_ask(const struct scan_net_rules *rules)
{
    return g_strcmp0(rules_text(rules->ruleset, "dns_available"), "no") != 0;
}

struct scan_net *
scan_net_start(struct scan_net_rules *rules, struct message_view *view, const struct scan_net_options *options)
{
    struct scan_net *net = g_new0(struct scan_net, 1);
    gsize n_texts;

    net->rules = rules;
    net->result = options->result;
    net->captures = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    net->options = (struct auth_eval_options){
        .ruleset = rules->ruleset, .headers = message_view_headers(view), .relays = message_view_relays(view),
        .known = options->known, .parts = may_ask(rules) ? rules->parts[options->set] : 0, .spf = options->spf,
        .message = options->message, .length = options->length, .now = options->now, .dns = options->dns,
        .deadline_us = options->deadline_us};
    net->auth = auth_eval_new(&net->options);
    net->message = (struct net_message){.headers = net->options.headers, .relays = net->options.relays,
                                        .uris = message_view_uris(view), .registry = message_view_settings(view)->registry,
                                        .tree = message_view_tree(view), .tag = tag, .tag_data = net};
    net->message.texts = message_view_body_texts(view, &n_texts);
    net->message.n_texts = n_texts;
    net->check = net_check_start(rules->net, options->set, &net->message, options->dns, options->deadline_us);
    return net;
}

void
scan_net_step(struct scan_net *net)
{
    if (net != NULL)
        net_check_step(net->check);
}

/* Where hits go. */
struct scan_net_hits {
    double *values;
    guint *times;
    GArray *hits;
};

static void
set_value(gpointer data, const struct spam_rule *rule, guint times)
{
    const struct scan_net_hits *outcome = data;

    if (outcome->values[rule->index] == 0)
        g_array_append_val(outcome->hits, rule->index);
    outcome->values[rule->index] = times;
    outcome->times[rule->index] = times;
}

void
scan_net_finish(struct scan_net *net, double *values, guint *times, GArray *hits)
{
    struct scan_net_hits outcome = {values, times, hits};

    net->captures_known = TRUE;
    auth_eval_wait(net->auth);
    net_check_tags_came(net->check);
    net_check_finish(net->check);
    if (net_check_truncated(net->check))
        log_text(LOG_SEV_WARNING, "spam", "a message made the rules ask the DNS more than %u questions: the rest was left out",
                 net_check_asked(net->check));
    net_check_each_hit(net->check, set_value, &outcome);
}

/* name: lives as long as the ruleset. */
static void
add_tag(struct scan_net *net, GHashTable *tags, const char *name)
{
    const GPtrArray *values = net_check_tag(net->check, name);
    GPtrArray *copies;

    if (values == NULL || values->len == 0 || g_hash_table_contains(tags, name))
        return;
    copies = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    for (guint i = 0; i < values->len; i++)
        g_ptr_array_add(copies, g_bytes_new(values->pdata[i], strlen(values->pdata[i])));
    g_hash_table_insert(tags, (gpointer)name, copies);
}

void
scan_net_add_tags(struct scan_net *net, GHashTable *tags)
{
    static const char *const names[] = {"SENDERDOMAIN", "AUTHORDOMAIN", "DKIMDOMAIN", "DKIMIDENTITY", "DKIMSELECTOR", "URIHOSTS",
                                        "URIDOMAINS"};
    static const char *const lookups[] = {"asnlookups", "asnlookups_ipv6"};

    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        add_tag(net, tags, names[i]);
    for (guint k = 0; k < G_N_ELEMENTS(lookups); k++) {
        const GPtrArray *list = rules_list(net->rules->ruleset, lookups[k]);
        for (guint i = 0; list != NULL && i + 2 < list->len; i += 3) {
            add_tag(net, tags, list->pdata[i + 1]);
            add_tag(net, tags, list->pdata[i + 2]);
        }
    }
}

struct auth_eval *
scan_net_auth(struct scan_net *net)
{
    return net->auth;
}

void
scan_net_free(struct scan_net **net)
{
    if (*net == NULL)
        return;
    net_check_free(&(*net)->check);
    auth_eval_free(&(*net)->auth);
    g_hash_table_unref((*net)->captures);
    g_clear_pointer(net, g_free);
}
