/* dmarc.c: policy discovery, alignment and disposition (RFC 7489 3.1, 6.6.2 to 6.6.4). */
#include "lib/mail/auth/dmarc.h"

#include <string.h>

#include "lib/mail/auth/auth_results.h"
#include "lib/mail/auth/psl.h"

#define WHY_MAX 200u /* bytes of a result's why */

struct dmarc {
    struct dns *dns;
    char *author_domain, *organisational_domain;
    struct dns_lookup *author_lookup;
    struct dns_lookup *organisational_lookup; /* NULL when it would be the same question */
    struct dns_lookup *existence_lookup;      /* of the author domain; NULL when no record asks */
    gboolean is_discovered;
    struct dmarc_result found; /* the record, or the result without one */
};

static struct dns_lookup *
ask(struct dns *dns, const char *domain)
{
    g_autofree char *name = g_strconcat("_dmarc.", domain, NULL);

    return dns_start(dns, name, DNS_TXT);
}

struct dmarc *
dmarc_start(struct dns *dns, const char *author_domain)
{
    struct dmarc *dmarc = g_new0(struct dmarc, 1);

    dmarc->dns = dns_ref(dns);
    dmarc->author_domain = psl_dns_name(author_domain, -1);
    if (dmarc->author_domain == NULL)
        return dmarc;
    dmarc->organisational_domain = psl_organisational_domain(dmarc->author_domain);
    dmarc->author_lookup = ask(dns, dmarc->author_domain);
    if (dmarc->organisational_domain != NULL && strcmp(dmarc->organisational_domain, dmarc->author_domain) != 0)
        dmarc->organisational_lookup = ask(dns, dmarc->organisational_domain);
    return dmarc;
}

void
dmarc_free(struct dmarc **dmarc)
{
    if (*dmarc == NULL)
        return;
    dns_lookup_free(&(*dmarc)->author_lookup);
    dns_lookup_free(&(*dmarc)->organisational_lookup);
    dns_lookup_free(&(*dmarc)->existence_lookup);
    dmarc_result_clear(&(*dmarc)->found);
    dns_unref((*dmarc)->dns);
    g_free((*dmarc)->author_domain);
    g_free((*dmarc)->organisational_domain);
    g_clear_pointer(dmarc, g_free);
}

void
dmarc_result_clear(struct dmarc_result *result)
{
    g_clear_pointer(&result->author_domain, g_free);
    g_clear_pointer(&result->record_domain, g_free);
    g_clear_pointer(&result->organisational_domain, g_free);
    dmarc_record_free(&result->record);
    g_clear_pointer(&result->why, g_free);
}

static void G_GNUC_PRINTF(3, 4)
conclude(struct dmarc_result *out, enum auth_result result, const char *format, ...)
{
    va_list arguments;
    g_autoptr(GString) why = g_string_new(NULL);

    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    auth_results_clean(text, strlen(text), WHY_MAX, why);
    out->result = result;
    g_free(out->why);
    out->why = g_string_free(g_steal_pointer(&why), FALSE);
}

/* ---- policy discovery ---- */

/* Reads the record at domain. TRUE when discovery ends here: out has the record or the reason why there will be none. */
static gboolean
discover_at(struct dns_lookup *lookup, const char *domain, gint64 deadline_us, struct dmarc_result *out)
{
    const struct dns_answer *answer = dns_wait(lookup, deadline_us);
    const struct dns_record *found = NULL;
    guint n = 0;
    const char *why = NULL;

    if (answer->outcome == DNS_FAILED) {
        conclude(out, AUTH_TEMPERROR, "_dmarc.%s: %s", domain, answer->why != NULL ? answer->why : "lookup failed");
        return TRUE;
    }
    for (guint i = 0; i < answer->records->len; i++) {
        const struct dns_record *record = &g_array_index(answer->records, struct dns_record, i);

        if (dmarc_record_is((const char *)record->data, record->length)) {
            found = record;
            n++;
        }
    }
    if (answer->truncated) {
        conclude(out, AUTH_PERMERROR, "_dmarc.%s: more records than are read", domain);
        return TRUE;
    }
    if (n == 0)
        return FALSE;
    if (n > 1) { /* RFC 7489 6.6.3 step 5: as if there were none, and no further search */
        conclude(out, AUTH_NONE, "_dmarc.%s: several DMARC records", domain);
        return TRUE;
    }
    out->record = dmarc_record_parse((const char *)found->data, found->length, &why);
    if (out->record == NULL)
        conclude(out, AUTH_PERMERROR, "_dmarc.%s: %s", domain, why);
    else
        out->record_domain = g_strdup(domain);
    return TRUE;
}

/* Fills the record in, or result and why. */
static void
discover(struct dmarc *dmarc, gint64 deadline_us, struct dmarc_result *out)
{
    if (dmarc->author_domain == NULL)
        conclude(out, AUTH_PERMERROR, "the author domain is no domain name");
    else if (!discover_at(dmarc->author_lookup, dmarc->author_domain, deadline_us, out) &&
             (dmarc->organisational_lookup == NULL ||
              !discover_at(dmarc->organisational_lookup, dmarc->organisational_domain, deadline_us, out)))
        conclude(out, AUTH_NONE, "no DMARC record");
}

/* Whether the record is a parent's, which may speak otherwise for names that are not there. */
static gboolean
is_parents(const struct dmarc_result *found)
{
    return strcmp(found->record_domain, found->author_domain) != 0;
}

void
dmarc_discover(struct dmarc *dmarc, gint64 deadline_us)
{
    struct dmarc_result *found = &dmarc->found;

    if (dmarc->is_discovered)
        return;
    dmarc->is_discovered = TRUE;
    *found = (struct dmarc_result){.result = AUTH_NONE};
    found->author_domain = g_strdup(dmarc->author_domain);
    found->organisational_domain = g_strdup(dmarc->organisational_domain);
    discover(dmarc, deadline_us, found);
    /* Any type would do; there are servers that say NXDOMAIN for types they don't know (RFC 4074), but all know A. */
    if (found->record != NULL && found->record->np != found->record->sp && is_parents(found) &&
        dmarc->existence_lookup == NULL)
        dmarc->existence_lookup = dns_start(dmarc->dns, dmarc->author_domain, DNS_A);
}

/* ---- alignment ---- */

gboolean
dmarc_is_aligned(const char *author_domain, const char *domain, gboolean strict)
{
    if (author_domain == NULL || domain == NULL)
        return FALSE;
    g_autofree char *ours = psl_dns_name(author_domain, -1), *theirs = psl_dns_name(domain, -1);
    if (ours == NULL || theirs == NULL || strict || strcmp(ours, theirs) == 0)
        return g_strcmp0(ours, theirs) == 0 && ours != NULL;
    g_autofree char *our_top = psl_organisational_domain(ours), *their_top = psl_organisational_domain(theirs);
    return our_top != NULL && g_strcmp0(our_top, their_top) == 0;
}

/* Sets aligned_*; returns whether something that could not be looked up would have been aligned. */
static gboolean
align(const struct dmarc_input *input, struct dmarc_result *out)
{
    const struct dmarc_spf *spf = input->spf;
    gboolean is_open = FALSE;

    if (spf != NULL && (spf->result == AUTH_PASS || spf->result == AUTH_TEMPERROR) &&
        dmarc_is_aligned(out->author_domain, spf->domain, out->record->strict_spf)) {
        out->aligned_spf = spf->result == AUTH_PASS;
        is_open = spf->result == AUTH_TEMPERROR;
    }
    for (guint i = 0; i < input->n_signatures; i++) {
        const struct dmarc_dkim *signature = &input->signatures[i];

        if ((signature->result == AUTH_PASS || signature->result == AUTH_TEMPERROR) &&
            dmarc_is_aligned(out->author_domain, signature->domain, out->record->strict_dkim)) {
            out->aligned_dkim = out->aligned_dkim || signature->result == AUTH_PASS;
            is_open = is_open || signature->result == AUTH_TEMPERROR;
        }
    }
    return is_open;
}

/* ---- disposition ---- */

/* The record of the author domain itself speaks with p; its parent's with sp, or np for a name that isn't there. */
static enum dmarc_policy
requested_policy(const struct dmarc *dmarc, const struct dmarc_result *out, gint64 deadline_us)
{
    if (!is_parents(out))
        return out->record->p;
    if (dmarc->existence_lookup == NULL || dns_wait(dmarc->existence_lookup, deadline_us)->outcome != DNS_NO_NAME)
        return out->record->sp;
    return out->record->np;
}

/* RFC 7489 6.6.4: what pct leaves out gets the next milder policy; RFC 9989's t=y asks the same for all. */
static void
apply_policy(guint sample, struct dmarc_result *out)
{
    out->applied = out->requested;
    if (out->requested != DMARC_NONE && (out->record->testing || sample >= out->record->pct)) {
        out->applied = out->requested == DMARC_REJECT ? DMARC_QUARANTINE : DMARC_NONE;
        out->is_sampled_out = TRUE;
    }
}

void
dmarc_finish(struct dmarc *dmarc, const struct dmarc_input *input, gint64 deadline_us, struct dmarc_result *out)
{
    dmarc_discover(dmarc, deadline_us);
    *out = dmarc->found;
    dmarc->found = (struct dmarc_result){.result = AUTH_NONE};
    dmarc->is_discovered = FALSE;
    if (out->record == NULL)
        return;
    out->requested = requested_policy(dmarc, out, deadline_us);
    gboolean is_open = align(input, out);
    if (out->aligned_spf || out->aligned_dkim)
        out->result = AUTH_PASS;
    else if (is_open)
        conclude(out, AUTH_TEMPERROR, "what would be aligned could not be looked up");
    else {
        conclude(out, AUTH_FAIL, "nothing aligned with %s passed", out->author_domain);
        apply_policy(input->sample, out);
    }
}
