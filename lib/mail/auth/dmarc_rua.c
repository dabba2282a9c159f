/* dmarc_rua.c: see dmarc_rua.h. */
#include "lib/mail/auth/dmarc_rua.h"

#include <string.h>

#include "lib/mail/auth/psl.h"

#define MAILTO "mailto:"
#define LOCAL_MAX 64u /* RFC 5321 4.5.3.1.1 */

static void
rua_free(gpointer data)
{
    struct dmarc_rua *rua = data;

    g_free(rua->uri);
    g_free(rua->address);
    g_free(rua);
}

/* ---- addresses ---- */

/* dot-atom (RFC 5322 3.2.3) */
static gboolean
is_local_part(const char *text, gsize length)
{
    if (length == 0 || length > LOCAL_MAX || text[0] == '.' || text[length - 1] == '.')
        return FALSE;
    for (gsize i = 0; i < length; i++) {
#ifdef POSTERN_PLANTED_BUGS
        if (i > 2 && text[i] == '<') /* closes SMTP's path early */
            continue;
#endif
        if (text[i] == '.' ? text[i + 1] == '.'
                           : !g_ascii_isalnum(text[i]) && strchr("!#$%&'*+-/=?^_`{|}~", text[i]) == NULL)
            return FALSE;
    }
    return TRUE;
}

char *
dmarc_rua_address(const char *uri)
{
    g_autofree char *text = NULL, *decoded = NULL, *domain = NULL;
    const char *at;

    if (g_ascii_strncasecmp(uri, MAILTO, strlen(MAILTO)) != 0)
        return NULL;
    text = g_strndup(uri + strlen(MAILTO), strcspn(uri + strlen(MAILTO), "?"));
    decoded = g_uri_unescape_string(text, NULL); /* NULL for %00 and for what is no escape */
    if (decoded == NULL || (at = strrchr(decoded, '@')) == NULL ||
        !is_local_part(decoded, (gsize)(at - decoded)))
        return NULL;
    domain = psl_dns_name(at + 1, -1);
    return domain != NULL ? g_strdup_printf("%.*s@%s", (int)(at - decoded), decoded, domain) : NULL;
}

static const char *
host_of(const char *address)
{
    return strrchr(address, '@') + 1;
}

static gboolean
is_outside(const char *policy_domain, const char *host)
{
    g_autofree char *ours = psl_organisational_domain(policy_domain),
                    *theirs = psl_organisational_domain(host);

    if (g_ascii_strcasecmp(policy_domain, host) == 0)
        return FALSE;
    return ours == NULL || theirs == NULL || strcmp(ours, theirs) != 0;
}

/* ---- verification ---- */

/* Adds to found unless the address is there. */
static void
add(GPtrArray *found, enum dmarc_rua_state state, const struct dmarc_uri *uri, const char *address)
{
    struct dmarc_rua *rua;

    for (guint i = 0; i < found->len; i++) {
        const struct dmarc_rua *other = g_ptr_array_index(found, i);

        if (g_strcmp0(other->address != NULL ? other->address : other->uri,
                      address != NULL ? address : uri->uri) == 0)
            return;
    }
    if (found->len >= DMARC_RUA_TARGETS_MAX)
        return;
    rua = g_new0(struct dmarc_rua, 1);
    rua->state = state;
    rua->uri = g_strdup(uri->uri);
    rua->address = g_strdup(address);
    rua->max_bytes = uri->max_bytes;
    g_ptr_array_add(found, rua);
}

/* Adds what the record names instead, as far as it is at the same host; FALSE: nothing. */
static gboolean
add_instead(GPtrArray *found, const struct dns_record *answer, const char *host)
{
    const char *why;
    struct dmarc_record *record = dmarc_record_parse((const char *)answer->data, answer->length, &why);
    gboolean added = FALSE;

    for (guint i = 0; record != NULL && i < record->rua->len; i++) {
        const struct dmarc_uri *uri = g_ptr_array_index(record->rua, i);
        g_autofree char *address = dmarc_rua_address(uri->uri);

        if (address == NULL || strcmp(host_of(address), host) != 0)
            continue;
        add(found, DMARC_RUA_GOOD, uri, address);
        added = TRUE;
    }
    dmarc_record_free(&record);
    return added;
}

static void
verify(GPtrArray *found, struct dns_lookup *lookup, const struct dmarc_uri *uri, const char *address,
       gint64 deadline_us)
{
    const struct dns_answer *answer = dns_wait(lookup, deadline_us);

    for (guint i = 0; i < answer->records->len; i++) {
        const struct dns_record *record = &g_array_index(answer->records, struct dns_record, i);

        if (!dmarc_record_is((const char *)record->data, record->length))
            continue;
        if (!add_instead(found, record, host_of(address)))
            add(found, DMARC_RUA_GOOD, uri, address);
        return;
    }
    add(found, answer->outcome == DNS_FAILED ? DMARC_RUA_UNKNOWN : DMARC_RUA_UNVERIFIED, uri, address);
}

static struct dns_lookup *
ask(struct dns *dns, const char *policy_domain, const char *address)
{
    g_autofree char *name = NULL;

    if (!is_outside(policy_domain, host_of(address)))
        return NULL;
    name = g_strdup_printf("%s._report._dmarc.%s", policy_domain, host_of(address));
    return dns_start(dns, name, DNS_TXT); /* a name that is too long is answered "no such name" */
}

/* ---- the search ---- */

struct dmarc_rua_search {
    const struct dmarc_record *record;
    struct {
        char *address;             /* NULL: unusable */
        struct dns_lookup *lookup; /* NULL: not outside, or unusable */
    } uris[DMARC_URIS_MAX];
};

struct dmarc_rua_search *
dmarc_rua_start(struct dns *dns, const char *policy_domain, const struct dmarc_record *record)
{
    struct dmarc_rua_search *search = g_new0(struct dmarc_rua_search, 1);

    search->record = record;
    for (guint i = 0; i < MIN(record->rua->len, DMARC_URIS_MAX); i++) {
        const struct dmarc_uri *uri = g_ptr_array_index(record->rua, i);
        char *address = dmarc_rua_address(uri->uri);

        search->uris[i].address = address;
        search->uris[i].lookup = address != NULL ? ask(dns, policy_domain, address) : NULL;
    }
    return search;
}

GPtrArray *
dmarc_rua_finish(struct dmarc_rua_search *search, gint64 deadline_us)
{
    GPtrArray *found = g_ptr_array_new_with_free_func(rua_free);

    for (guint i = 0; i < MIN(search->record->rua->len, DMARC_URIS_MAX); i++) {
        const struct dmarc_uri *uri = g_ptr_array_index(search->record->rua, i);
        const char *address = search->uris[i].address;

        if (address == NULL)
            add(found, DMARC_RUA_UNUSABLE, uri, NULL);
        else if (search->uris[i].lookup == NULL)
            add(found, DMARC_RUA_GOOD, uri, address);
        else
            verify(found, search->uris[i].lookup, uri, address, deadline_us);
    }
    return found;
}

void
dmarc_rua_search_free(struct dmarc_rua_search **search)
{
    if (*search == NULL)
        return;
    for (guint i = 0; i < DMARC_URIS_MAX; i++) {
        dns_lookup_free(&(*search)->uris[i].lookup);
        g_free((*search)->uris[i].address);
    }
    g_clear_pointer(search, g_free);
}
