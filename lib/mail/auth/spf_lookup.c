/* spf_lookup.c: the questions of an evaluation: each asked once, counted where 4.6.4 counts, and given up at the deadline. */
#include "lib/mail/auth/spf_evaluation.h"
#include <string.h>

void
spf_give_up(struct spf_evaluation *e, enum auth_result error, const char *format, ...)
{
    va_list arguments;

    if (e->explaining || e->error != AUTH_NONE)
        return;
    e->error = error;
    va_start(arguments, format);
    e->why = g_strdup_vprintf(format, arguments);
    va_end(arguments);
}

gboolean
spf_count_lookup(struct spf_evaluation *e)
{
    if (e->explaining || ++e->lookups <= SPF_LOOKUPS_MAX)
        return TRUE;
    spf_give_up(e, AUTH_PERMERROR, "more than %u terms that ask the DNS", SPF_LOOKUPS_MAX);
    return FALSE;
}

gboolean
spf_count_void(struct spf_evaluation *e, const struct dns_answer *answer)
{
    if (answer->malformed || (answer->outcome != DNS_NO_DATA && answer->outcome != DNS_NO_NAME))
        return TRUE; /* what could not be asked was no lookup */
    if (e->explaining || e->term_is_void)
        return TRUE;
    e->term_is_void = TRUE;
    if (++e->voids <= SPF_VOIDS_MAX)
        return TRUE;
    spf_give_up(e, AUTH_PERMERROR, "more than %u terms that lead nowhere", SPF_VOIDS_MAX);
    return FALSE;
}

/* ---- questions ---- */

static struct dns_lookup *
question(struct spf_evaluation *e, const char *name, enum dns_type type, gboolean *new_r)
{
    g_autofree char *lower = g_ascii_strdown(name, -1);
    char *key = g_strdup_printf("%d %s", (int)type, lower);
    struct dns_lookup *lookup = g_hash_table_lookup(e->questions, key);

    *new_r = lookup == NULL;
    if (lookup != NULL) {
        g_free(key);
        return lookup;
    }
    lookup = dns_start(e->dns, name, type);
    g_hash_table_insert(e->questions, key, lookup);
    return lookup;
}

void
spf_ask(struct spf_evaluation *e, const char *name, enum dns_type type)
{
    gboolean is_new;

    question(e, name, type, &is_new);
}

gboolean
spf_ask_early(struct spf_evaluation *e, const char *name, enum dns_type type)
{
    gboolean is_new;

    if (e->prefetched >= SPF_PREFETCH_MAX)
        return FALSE;
    question(e, name, type, &is_new);
    e->prefetched += is_new ? 1 : 0;
    return TRUE;
}

const struct dns_answer *
spf_answer(struct spf_evaluation *e, const char *name, enum dns_type type)
{
    gboolean is_new;
    const struct dns_answer *answer = dns_wait(question(e, name, type, &is_new), e->deadline_us);

    if (answer->outcome == DNS_FAILED && g_get_monotonic_time() >= e->deadline_us) {
        spf_give_up(e, AUTH_TEMPERROR, "no time is left: %s", name);
        return NULL;
    }
    e->secure &= answer->secure || answer->malformed || e->explaining;
    return answer;
}

enum dns_type
spf_address_type(const struct spf_evaluation *e)
{
    return e->values.client_length == 4 ? DNS_A : DNS_AAAA;
}

/* ---- the client's names (5.5) ---- */

void
spf_client_reverse_name(const struct spf_evaluation *e, GString *out)
{
    dns_reverse_name(e->values.client, e->values.client_length, NULL, out);
}

/* Whether the name has the client's address. A failed lookup skips the name (5.5), and an empty one is no void lookup: what
 * names the client's address has is the client's doing, not that of the domain whose record it is. */
static gboolean
name_is_the_clients(struct spf_evaluation *e, const char *name)
{
    const struct dns_answer *answer = spf_answer(e, name, spf_address_type(e));

    for (guint i = 0; answer != NULL && i < answer->records->len; i++) {
        const struct dns_record *record = &g_array_index(answer->records, struct dns_record, i);
        if (record->length == e->values.client_length &&
            memcmp(record->data, e->values.client, e->values.client_length) == 0)
            return TRUE;
    }
    return FALSE;
}

gboolean
spf_find_names(struct spf_evaluation *e)
{
    g_autoptr(GString) reverse = g_string_new(NULL);

    spf_client_reverse_name(e, reverse);
    const struct dns_answer *answer = spf_answer(e, reverse->str, DNS_PTR);
    if (answer == NULL || !spf_count_void(e, answer))
        return FALSE;
    if (e->names != NULL)
        return TRUE;
    guint count = MIN(answer->records->len, SPF_PTR_MAX);
    for (guint i = 0; i < count; i++)
        spf_ask(e, (const char *)g_array_index(answer->records, struct dns_record, i).data, spf_address_type(e));
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < count; i++) {
        const char *name = (const char *)g_array_index(answer->records, struct dns_record, i).data;
        if (dns_name_is_valid(name) && name_is_the_clients(e, name))
            g_ptr_array_add(names, g_strdup(name));
        if (e->error != AUTH_NONE)
            return FALSE;
    }
    e->names = g_steal_pointer(&names);
    return TRUE;
}

gboolean
spf_name_is_within(const char *name, const char *domain)
{
    gsize n = strlen(name), d = strlen(domain);

    return d > 0 && n >= d && g_ascii_strcasecmp(name + n - d, domain) == 0 && (n == d || name[n - d - 1] == '.');
}

/* 7.3: the domain itself if it is among the names, else one below it, else any. The first %{p} asks for the names and counts as
 * the PTR lookup that it is (4.6.4). */
const char *
spf_validated_name(gpointer data)
{
    struct spf_evaluation *e = data;
    const char *below = NULL;

    if (e->names == NULL && (!spf_count_lookup(e) || !spf_find_names(e)))
        return e->explaining ? "unknown" : NULL;
    for (guint i = 0; i < e->names->len; i++) {
        const char *name = g_ptr_array_index(e->names, i);
        if (g_ascii_strcasecmp(name, e->values.domain) == 0)
            return name;
        if (below == NULL && spf_name_is_within(name, e->values.domain))
            below = name;
    }
    if (below != NULL)
        return below;
    return e->names->len > 0 ? g_ptr_array_index(e->names, 0) : "unknown";
}
