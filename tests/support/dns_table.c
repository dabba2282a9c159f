/* dns_table.c: DNS answers from a table. */
#include "tests/support/dns_table.h"
#include <arpa/inet.h>
#include <string.h>

#define CNAMES_MAX 8

struct entry {
    guint type; /* 0: a CNAME */
    guint16 preference;
    GBytes *data;
};
struct node {
    GArray *entries;   /* struct entry */
    GArray *failing;   /* guint types, 0 = all */
    gboolean silent;
};
struct dns_table {
    GMutex lock;
    GHashTable *nodes; /* name in lower case -> struct node */
    GPtrArray *open;   /* struct dns_lookup *: never answered */
    guint asked;
};

static void
entry_clear(gpointer entry)
{
    g_bytes_unref(((struct entry *)entry)->data);
}

static void
node_free(gpointer data)
{
    struct node *node = data;

    g_array_unref(node->entries);
    g_array_unref(node->failing);
    g_free(node);
}

struct dns_table *
dns_table_new(void)
{
    struct dns_table *table = g_new0(struct dns_table, 1);

    g_mutex_init(&table->lock);
    table->nodes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, node_free);
    table->open = g_ptr_array_new();
    return table;
}

/* The name as it is looked for: lower case, no final dot. */
static char *
plain(const char *name)
{
    gsize length = strlen(name);

    return g_ascii_strdown(name, (gssize)(length > 0 && name[length - 1] == '.' ? length - 1 : length));
}

static struct node *
node_of(struct dns_table *table, const char *name)
{
    char *key = plain(name);
    struct node *node = g_hash_table_lookup(table->nodes, key);

    if (node != NULL) {
        g_free(key);
        return node;
    }
    node = g_new0(struct node, 1);
    node->entries = g_array_new(FALSE, FALSE, sizeof(struct entry));
    g_array_set_clear_func(node->entries, entry_clear);
    node->failing = g_array_new(FALSE, FALSE, sizeof(guint));
    g_hash_table_insert(table->nodes, key, node);
    return node;
}

static void
add(struct dns_table *table, const char *name, guint type, guint16 preference, GBytes *data)
{
    struct entry entry = {type, preference, data};

    g_mutex_lock(&table->lock);
    g_array_append_val(node_of(table, name)->entries, entry);
    g_mutex_unlock(&table->lock);
}

void
dns_table_add(struct dns_table *table, const char *name, enum dns_type type, guint16 preference, const char *data,
              gssize length)
{
    guint8 address[16];

    if (type == DNS_A || type == DNS_AAAA) {
        g_assert_cmpint(inet_pton(type == DNS_A ? AF_INET : AF_INET6, data, address), ==, 1);
        add(table, name, type, 0, g_bytes_new(address, type == DNS_A ? 4 : 16));
        return;
    }
    g_autofree char *target = type == DNS_TXT ? NULL : plain(data);
    const char *text = target != NULL ? target : data;
    add(table, name, type, preference, g_bytes_new(text, length < 0 || target != NULL ? strlen(text) : (gsize)length));
}

void
dns_table_cname(struct dns_table *table, const char *name, const char *target)
{
    g_autofree char *to = plain(target);

    add(table, name, 0, 0, g_bytes_new(to, strlen(to) + 1));
}

void
dns_table_fail(struct dns_table *table, const char *name, guint type)
{
    g_mutex_lock(&table->lock);
    g_array_append_val(node_of(table, name)->failing, type);
    g_mutex_unlock(&table->lock);
}

void
dns_table_silence(struct dns_table *table, const char *name)
{
    g_mutex_lock(&table->lock);
    node_of(table, name)->silent = TRUE;
    g_mutex_unlock(&table->lock);
}

guint
dns_table_asked(struct dns_table *table)
{
    g_mutex_lock(&table->lock);
    guint asked = table->asked;
    g_mutex_unlock(&table->lock);
    return asked;
}

static gboolean
is_failing(const struct node *node, guint type)
{
    for (guint i = 0; i < node->failing->len; i++) {
        guint t = g_array_index(node->failing, guint, i);
        if (t == 0 || t == type)
            return TRUE;
    }
    return FALSE;
}

/* The name that a CNAME of the node points to, or NULL. */
static const char *
alias_of(const struct node *node)
{
    for (guint i = 0; i < node->entries->len; i++)
        if (g_array_index(node->entries, struct entry, i).type == 0)
            return g_bytes_get_data(g_array_index(node->entries, struct entry, i).data, NULL);
    return NULL;
}

static struct dns_answer *
failure(void)
{
    struct dns_answer *answer = dns_answer_new(DNS_FAILED);

    answer->why = g_strdup("SERVFAIL");
    answer->rcode = 2;
    return answer;
}

/* With the lock held; NULL: never answered. */
static struct dns_answer *
answer_for(struct dns_table *table, const char *name, enum dns_type type)
{
    for (guint hop = 0; hop <= CNAMES_MAX; hop++) {
        const struct node *node = g_hash_table_lookup(table->nodes, name);

        if (node == NULL)
            return dns_answer_new(DNS_NO_NAME);
        if (node->silent)
            return NULL;
        if (is_failing(node, type))
            return failure();
        const char *alias = alias_of(node);
        if (alias != NULL) {
            name = alias;
            continue;
        }
        struct dns_answer *answer = dns_answer_new(DNS_NO_DATA);
        for (guint i = 0; i < node->entries->len; i++) {
            const struct entry *entry = &g_array_index(node->entries, struct entry, i);
            gsize length;
            const void *data = g_bytes_get_data(entry->data, &length);

            if (entry->type != type)
                continue;
            answer->outcome = DNS_FOUND;
            dns_answer_add(answer, entry->preference, data, length);
        }
        return answer;
    }
    return failure();
}

static void
table_ask(gpointer data, const char *name, enum dns_type type, struct dns_lookup *lookup)
{
    struct dns_table *table = data;

    g_mutex_lock(&table->lock);
    table->asked++;
    struct dns_answer *answer = answer_for(table, name, type);
    if (answer == NULL)
        g_ptr_array_add(table->open, lookup);
    g_mutex_unlock(&table->lock);
    if (answer != NULL)
        dns_complete(lookup, answer);
}

static void
table_close(gpointer data)
{
    struct dns_table *table = data;

    for (guint i = 0; i < table->open->len; i++)
        dns_complete(g_ptr_array_index(table->open, i), failure());
    g_ptr_array_unref(table->open);
    g_hash_table_unref(table->nodes);
    g_mutex_clear(&table->lock);
    g_free(table);
}

struct dns *
dns_table_dns(struct dns_table *table)
{
    static const struct dns_source source = {table_ask, table_close};

    return dns_new(&source, table);
}
