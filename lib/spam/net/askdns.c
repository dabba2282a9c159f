/* askdns.c: AskDNS: rules that ask the DNS for a name with tags in it, and look at the answer. */
#include <string.h>
#include "lib/spam/net/net_private.h"
#include "lib/spam/view/ip_text.h"

void
ask_rule_free(gpointer data)
{
    struct ask_rule *ask = data;

    net_subtest_free(&ask->subtest);
    g_array_unref(ask->types);
    g_free(ask->zone);
    g_free(ask);
}

/* The types to ask for. ANY: what most names have. */
static void
take_types(struct net_rules *rules, struct ask_rule *ask)
{
    static const enum dns_type any[] = {DNS_A, DNS_AAAA, DNS_MX, DNS_NS, DNS_TXT};

    for (guint i = 0; i < ask->what->answers->len; i++) {
        const char *name = g_ptr_array_index(ask->what->answers, i);
        enum dns_type type;
        if (strcmp(name, "ANY") == 0)
            g_array_append_vals(ask->types, any, G_N_ELEMENTS(any));
        else if (net_type_of(name, &type))
            g_array_append_val(ask->types, type);
        else
            net_rules_warn(rules, ask->rule, "the DNS is not asked for records of type %s", name);
    }
}

/* The zone of a list: what stands behind the last tag, two labels at least, when the rule would not take any address. NULL: it
 * is none, and all addresses are believed. */
static char *
list_zone(const struct ask_rule *ask)
{
    const struct net_datum elsewhere = {"198.51.100.7", 12, TRUE, 0xc6336407};
    const char *end = strrchr(ask->what->query, '_');
    struct matcher *matcher;
    gboolean takes_any;

    if (end == NULL || end[1] != '.' || ask->what->tags->len == 0)
        return NULL;
    g_autofree char *zone = net_zone(end + 2);
    if (strchr(zone, '.') == NULL)
        return NULL;
    matcher = matcher_new();
    takes_any = !ask->subtest->any && net_subtest_matches(ask->subtest, matcher, &elsewhere);
    matcher_free(matcher);
    return takes_any || ask->subtest->is_rcodes ? NULL : g_steal_pointer(&zone);
}

void
net_rules_add_ask(struct net_rules *rules, const struct spam_rule *rule, const struct spam_askdns *what)
{
    struct net_subtest *subtest = net_subtest_of_ask(what);
    struct ask_rule *ask;

    g_hash_table_add(rules->known, (gpointer)rule);
    if (subtest == NULL) {
        net_rules_warn(rules, rule, "the pattern can't be used");
        return;
    }
    ask = g_new0(struct ask_rule, 1);
    ask->rule = rule;
    ask->what = what;
    ask->subtest = subtest;
    ask->types = g_array_new(FALSE, FALSE, sizeof(enum dns_type));
    take_types(rules, ask);
    for (guint i = 0; i < ask->types->len && ask->zone == NULL; i++)
        if (g_array_index(ask->types, enum dns_type, i) == DNS_A)
            ask->zone = list_zone(ask);
    g_ptr_array_add(rules->asks, ask);
}

/* ---- answers ---- */

static guint
rcode_of(const struct dns_answer *answer)
{
    return answer->outcome == DNS_NO_NAME ? 3 : answer->outcome == DNS_FAILED ? answer->rcode : 0;
}

static enum dns_type
type_of(const struct net_question *question)
{
    g_autofree char *name = g_strndup(question->key, (gsize)(question->name - 1 - question->key));
    enum dns_type type = DNS_A;

    net_type_of(name, &type);
    return type;
}

/* Whether an address says that the list refuses us, for a rule that doesn't ask for that. */
static gboolean
is_refusal(const struct net_subtest *subtest, const struct net_datum *datum)
{
    return datum->has_number && datum->number >> 8 == 0x7fffff && !net_subtest_names(subtest, datum->number);
}

static void
on_answer(gpointer context, gconstpointer subject, struct net_question *question)
{
    struct net_check *check = context;
    const struct ask_rule *ask = subject;
    const struct dns_answer *answer = question->answer;
    enum dns_type type = type_of(question);
    gboolean of_list = ask->list != NULL && type == DNS_A;
    const struct dnsbl_answer *judged = of_list ? net_question_judge(question, ask->list) : NULL;

    if (ask->subtest->is_rcodes) {
        guint rcode = rcode_of(answer);
        if ((answer->outcome != DNS_FAILED || rcode != 0) && (ask->subtest->rcodes >> MIN(rcode, 63u) & 1) != 0)
            net_check_hit(check, ask->rule);
        return;
    }
    for (guint i = 0; i < answer->records->len; i++) {
        struct net_datum datum = net_datum_of(type, &g_array_index(answer->records, struct dns_record, i), check->datum);
        gboolean hit = of_list ? net_subtest_matches_list(ask->subtest, check->matcher, &datum, judged)
                               : !is_refusal(ask->subtest, &datum) && net_subtest_matches(ask->subtest, check->matcher, &datum);
        if (hit)
            net_check_hit(check, ask->rule);
    }
}

/* ---- questions ---- */

/* Each query with each value of the tag, each once. */
static GPtrArray *
replace_tag(const GPtrArray *queries, const char *tag, const GPtrArray *values)
{
    g_autofree char *mark = g_strdup_printf("_%s_", tag);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    GPtrArray *out = g_ptr_array_new_with_free_func(g_free);

    for (guint q = 0; q < queries->len; q++)
        for (guint v = 0; v < values->len && out->len < NET_ASK_QUERIES_MAX; v++) {
            const char *value = g_ptr_array_index(values, v);
            GString *query = g_string_new(g_ptr_array_index(queries, q));
            if (*value != '\0' && strlen(value) <= DNS_NAME_MAX)
                g_string_replace(query, mark, value, 0);
            if (*value == '\0' || query->len > 4 * DNS_NAME_MAX || g_hash_table_contains(seen, query->str)) {
                g_string_free(query, TRUE);
                continue;
            }
            g_ptr_array_add(out, g_string_free(query, FALSE));
            g_hash_table_add(seen, g_ptr_array_index(out, out->len - 1));
        }
    return out;
}

static void
launch(struct net_check *check, const struct ask_rule *ask, const char *query)
{
    g_autofree char *name = net_zone(query);

    if (!registry_host_is_valid(name, strlen(name)))
        return;
    for (guint i = 0; i < ask->types->len; i++) {
        enum dns_type type = g_array_index(ask->types, enum dns_type, i);
        g_autofree char *reversed = type == DNS_PTR && ip_text_is_v4(name) ? net_reversed(name) : NULL;
        g_autofree char *pointer = reversed != NULL ? g_strconcat(reversed, ".in-addr.arpa", NULL) : NULL;
        net_questions_ask(check->questions, pointer != NULL ? pointer : name, type, on_answer, check, ask);
    }
}

static gint
compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
run(struct net_check *check, gconstpointer rule)
{
    const struct ask_rule *ask = rule;
    g_autoptr(GPtrArray) queries = g_ptr_array_new_with_free_func(g_free), tags = g_ptr_array_new();

    g_ptr_array_add(queries, g_strdup(ask->what->query));
    for (guint i = 0; i < ask->what->tags->len; i++)
        g_ptr_array_add(tags, g_ptr_array_index(ask->what->tags, i));
    g_ptr_array_sort(tags, compare);
    for (guint i = 0; i < tags->len; i++) {
        const char *tag = g_ptr_array_index(tags, i);
        GPtrArray *replaced = replace_tag(queries, tag, net_check_tag(check, tag));
        g_ptr_array_unref(queries);
        queries = replaced;
    }
    for (guint i = 0; i < queries->len; i++)
        launch(check, ask, g_ptr_array_index(queries, i));
}

void
net_ask_start(struct net_check *check)
{
    for (guint i = 0; i < check->rules->asks->len; i++) {
        const struct ask_rule *ask = g_ptr_array_index(check->rules->asks, i);
        if (net_check_runs(check, ask->rule))
            net_check_when_tagged(check, &(struct net_waiting){run, ask, ask->what->tags, NULL});
    }
}
