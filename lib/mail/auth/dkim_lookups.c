/* dkim_lookups.c: the key lookups of one message. */
#include "lib/mail/auth/dkim_signature.h"

#define RECORDS_TRIED_MAX 10u /* of one answer; RFC 6376 3.6.2.2 allows one */
#define KEY_TYPES 2u

struct lookup {
    struct dns_lookup *dns;
    struct dkim_answer answers[KEY_TYPES];
    gboolean known[KEY_TYPES];
};
struct dkim_lookups {
    struct dns *dns;
    GPtrArray *list;      /* struct lookup */
    GHashTable *by_name;  /* name -> number */
};

static void
lookup_free(gpointer data)
{
    struct lookup *lookup = data;

    for (guint type = 0; type < KEY_TYPES; type++) {
        struct dkim_public_key *key = (struct dkim_public_key *)lookup->answers[type].key;
        dkim_public_key_free(&key);
    }
    dns_lookup_free(&lookup->dns);
    g_free(lookup);
}

struct dkim_lookups *
dkim_lookups_new(struct dns *dns)
{
    struct dkim_lookups *lookups = g_new0(struct dkim_lookups, 1);

    lookups->dns = dns_ref(dns);
    lookups->list = g_ptr_array_new_with_free_func(lookup_free);
    lookups->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return lookups;
}

void
dkim_lookups_free(struct dkim_lookups **lookups)
{
    if (*lookups == NULL)
        return;
    g_ptr_array_unref((*lookups)->list);
    g_hash_table_unref((*lookups)->by_name);
    dns_unref((*lookups)->dns);
    g_clear_pointer(lookups, g_free);
}

gint
dkim_lookups_add(struct dkim_lookups *lookups, const char *selector, const char *domain)
{
    g_autofree char *written = g_strconcat(selector, "._domainkey.", domain, NULL);
    g_autofree char *name = g_ascii_strdown(written, -1);
    gpointer number;

    if (!dns_name_is_valid(name))
        return -1;
    if (g_hash_table_lookup_extended(lookups->by_name, name, NULL, &number))
        return GPOINTER_TO_INT(number);
    struct lookup *lookup = g_new0(struct lookup, 1);
    lookup->dns = dns_start(lookups->dns, name, DNS_TXT);
    g_hash_table_insert(lookups->by_name, g_steal_pointer(&name), GUINT_TO_POINTER(lookups->list->len));
    g_ptr_array_add(lookups->list, lookup);
    return (gint)lookups->list->len - 1;
}

/* The first record that is a key of the type; else why the last one isn't. */
static struct dkim_answer
read_answer(const struct dns_answer *dns, enum dkim_key_type type)
{
    struct dkim_answer answer = {.secure = dns->secure, .why = "no key record"};

    if (dns->outcome == DNS_FAILED) {
        answer.failed = TRUE;
        answer.why = dns->why != NULL ? dns->why : "DNS failed";
        return answer;
    }
    for (guint i = 0; i < MIN(dns->records->len, RECORDS_TRIED_MAX); i++) {
        const struct dns_record *record = &g_array_index(dns->records, struct dns_record, i);
        struct dkim_public_key *key = dkim_public_key_new((const char *)record->data, record->length, &answer.why);
        if (key != NULL && dkim_public_key_type(key) == type) {
            answer.key = key;
            return answer;
        }
        if (key != NULL)
            answer.why = "the key is of another type than a=";
        dkim_public_key_free(&key);
    }
    return answer;
}

struct dkim_answer
dkim_lookups_get(struct dkim_lookups *lookups, gint number, enum dkim_key_type type, gint64 deadline_us)
{
    struct lookup *lookup = g_ptr_array_index(lookups->list, number);

    if (!lookup->known[type]) {
        lookup->answers[type] = read_answer(dns_wait(lookup->dns, deadline_us), type);
        lookup->known[type] = TRUE;
    }
    return lookup->answers[type];
}
