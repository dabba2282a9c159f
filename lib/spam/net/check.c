/* check.c: one message's check: starts all kinds of network rules, keeps their hits and tags, and ends. */
#include <string.h>
#include "lib/spam/net/net_private.h"
#include "lib/spam/view/host_name.h"

/* ---- hits ---- */

gboolean
net_check_runs(const struct net_check *check, const struct spam_rule *rule)
{
    return rule->scores[check->set] != 0;
}

void
net_check_hit(struct net_check *check, const struct spam_rule *rule)
{
    guint times = net_check_hits(check, rule);

    if (times > 0 && (rule->flags & SPAM_TFLAG_MULTIPLE) == 0)
        return;
    if (times == 0) {
        g_ptr_array_add(check->hit_order, (gpointer)rule);
        net_policy_note_hit(check->rules->policy, rule->name);
    }
    g_hash_table_insert(check->hits, (gpointer)rule, GUINT_TO_POINTER(times + 1));
}

guint
net_check_hits(const struct net_check *check, const struct spam_rule *rule)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(check->hits, rule));
}

void
net_check_each_hit(const struct net_check *check, void (*hit)(gpointer data, const struct spam_rule *rule, guint times),
                   gpointer data)
{
    for (guint i = 0; i < check->hit_order->len; i++) {
        const struct spam_rule *rule = g_ptr_array_index(check->hit_order, i);
        hit(data, rule, net_check_hits(check, rule));
    }
}

guint
net_check_asked(const struct net_check *check)
{
    return net_questions_asked(check->questions);
}

gboolean
net_check_truncated(const struct net_check *check)
{
    return net_questions_truncated(check->questions);
}

/* ---- the message ---- */

const GPtrArray *
net_check_values(const struct net_check *check, const char *name)
{
    static GPtrArray *none;
    static gsize once;
    const struct spam_headers *headers = check->message->headers;
    const GPtrArray *values = headers->get(headers->message, name);

    if (g_once_init_enter(&once)) {
        none = g_ptr_array_new();
        g_once_init_leave(&once, 1);
    }
    return values != NULL ? values : none;
}

/* Whether get() gives only the first value for the name, without its newline. */
static gboolean
is_single(const char *name)
{
    static const char *const parts[] = {":addr", ":name", ":host", ":domain", ":ip", ":revip"};

    for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
        const char *at = strstr(name, parts[i]);
        if (at != NULL && !g_ascii_isalnum(at[strlen(parts[i])]) && at[strlen(parts[i])] != '_')
            return TRUE;
    }
    return strcmp(name, "EnvelopeFrom") == 0;
}

char *
net_check_text(const struct net_check *check, const char *name)
{
    const GPtrArray *values = net_check_values(check, name);
    gboolean single = is_single(name);
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < values->len && !(single && i > 0); i++) {
        gsize length;
        const char *value = g_bytes_get_data(g_ptr_array_index(values, i), &length);
        if (single && length > 0 && value[length - 1] == '\n')
            length--;
        g_string_append_len(text, value, (gssize)length);
    }
    return g_string_free(text, values->len == 0);
}

gboolean
net_check_is_host(const struct net_check *check, const char *name)
{
    gsize length = strlen(name);

    return registry_host_is_valid(name, length) && registry_domain_is_valid(check->message->registry, name, length);
}

char *
net_reversed(const char *address)
{
    g_autoptr(GString) text = g_string_new(address);
    GString *reversed = host_name_reversed_ip(text);

    return reversed != NULL ? g_string_free(reversed, FALSE) : NULL;
}

/* ---- tags ---- */

/* Runs those whose tags are there now. */
static void
run_waiting(struct net_check *check)
{
    /* Those who run take themselves off; who still waits is put back by itself. */
    g_autoptr(GPtrArray) waiting = g_steal_pointer(&check->waiting);
    check->waiting = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < waiting->len; i++)
        net_check_when_tagged(check, g_ptr_array_index(waiting, i));
}

void
net_check_set_tag(struct net_check *check, const char *name, GPtrArray *values)
{
    g_hash_table_replace(check->tags, g_strdup(name), values);
    run_waiting(check);
}

void
net_check_tags_came(struct net_check *check)
{
    if (!check->finished)
        run_waiting(check);
}

static gboolean
has_tag(struct net_check *check, const char *name)
{
    const GPtrArray *values = net_check_tag(check, name);

    for (guint i = 0; values != NULL && i < values->len; i++)
        if (*(const char *)g_ptr_array_index(values, i) != '\0')
            return TRUE;
    return FALSE;
}

void
net_check_when_tagged(struct net_check *check, const struct net_waiting *waiting)
{
    gboolean ready = waiting->tag == NULL || has_tag(check, waiting->tag);

    for (guint i = 0; ready && waiting->tags != NULL && i < waiting->tags->len; i++)
        ready = has_tag(check, g_ptr_array_index(waiting->tags, i));
    if (ready)
        waiting->run(check, waiting->rule);
    else
        g_ptr_array_add(check->waiting, g_memdup2(waiting, sizeof *waiting));
}

/* ---- the course of a check ---- */

struct net_check *
net_check_start(struct net_rules *rules, guint set, const struct net_message *message, struct dns *dns, gint64 deadline_us)
{
    struct net_check *check = g_new0(struct net_check, 1);
    const char *available = rules_text(rules->ruleset, "dns_available");

    check->rules = rules;
    check->set = set;
    check->message = message;
    check->questions = net_questions_new(dns, rules->policy, deadline_us);
    check->matcher = matcher_new();
    check->datum = g_string_new(NULL);
    check->hits = g_hash_table_new(NULL, NULL);
    check->hit_order = g_ptr_array_new();
    check->tags = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    check->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    check->uri_rules = g_ptr_array_new();
    check->waiting = g_ptr_array_new_with_free_func(g_free);
    check->emails = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    if (available != NULL && strcmp(available, "no") == 0) {
        check->finished = TRUE;
        return check;
    }
    net_asn_start(check);
    net_rbl_start(check);
    net_uri_start(check);
    net_ask_start(check);
    net_hash_start(check);
    return check;
}

void
net_check_step(struct net_check *check)
{
    if (!check->finished)
        net_questions_step(check->questions);
}

void
net_check_finish(struct net_check *check)
{
    if (!check->finished)
        net_questions_finish(check->questions);
    check->finished = TRUE;
}

void
net_check_free(struct net_check **check)
{
    struct net_check *c = *check;

    if (c == NULL)
        return;
    net_questions_free(&c->questions);
    matcher_free(c->matcher);
    g_string_free(c->datum, TRUE);
    g_hash_table_unref(c->hits);
    g_ptr_array_unref(c->hit_order);
    g_hash_table_unref(c->tags);
    g_hash_table_unref(c->seen);
    g_ptr_array_unref(c->uri_rules);
    g_ptr_array_unref(c->waiting);
    g_hash_table_unref(c->emails);
    g_clear_pointer(&c->senders, g_ptr_array_unref);
    g_clear_pointer(check, g_free);
}
