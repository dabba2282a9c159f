/* auth_eval_spf.c: which SPF result a message has: that of an internal host's field, the one that is known, or one that is found now. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>
#include "lib/spam/net/auth_eval_private.h"
#include "lib/spam/rules/pattern.h"

#define STEPS_MAX 1000000u
#define GROUPS 3u

/* ---- the sender ---- */

/* As the newest external hop's line has it; else, when no trusted host has had it in hand (or if that is no matter), as the message
 * has it. */
static void
find_sender(struct auth_eval *e)
{
    const struct spam_relays *relays = e->options->relays;
    const struct spam_relay *hop = relays->external->len > 0 ? g_ptr_array_index(relays->external, 0) : NULL;

    if (hop != NULL && hop->envfrom != NULL) {
        e->spf_sender = g_ascii_strdown(hop->envfrom, -1);
        return;
    }
    if (relays->trusted->len > 0 && rules_number(e->options->ruleset, "always_trust_envelope_sender") == 0)
        return;
    g_autoptr(GPtrArray) senders = auth_values(e, "EnvelopeFrom:addr");
    if (senders->len > 0)
        e->spf_sender = g_ascii_strdown(g_ptr_array_index(senders, 0), -1);
}

/* Whether the message says that there is none: "<>", which is no address and so not in what find_sender looks at. */
static gboolean
is_null_sender(const struct auth_eval *e)
{
    if (e->spf_sender != NULL)
        return *e->spf_sender == '\0';
    g_autoptr(GPtrArray) paths = auth_values(e, "Return-Path");
    return paths->len > 0 && strcmp(g_strstrip(g_ptr_array_index(paths, 0)), "<>") == 0;
}

/* ---- fields of internal hosts ---- */

struct forms {
    pcre2_code *received, *results, *result;
};

static const struct forms *
forms(void)
{
    static struct forms all;
    static gsize once;

    if (g_once_init_enter(&once)) {
        all.received = rules_pattern_compile("(?i)^received-spf:\\s*(pass|neutral|(?:soft)?fail|(?:temp|perm)error|none)\\b"
                                             "(?:.*\\bidentity=(\\S+?);?\\b)?", 0, NULL);
        all.results = rules_pattern_compile("(?i)^(?:arc-)?authentication-results:.*;\\s*spf\\s*=\\s*([^;]*)", 0, NULL);
        all.result = rules_pattern_compile("(?i)^(pass|neutral|(?:hard|soft)?fail|(?:temp|perm)error|none)"
                                           "(?:[^;]*?\\bsmtp\\.(\\S+)\\s*=[^;]+)?", 0, NULL);
        g_once_init_leave(&once, 1);
    }
    return &all;
}

/* The groups of a match, NULL for those that took nothing; caller frees each. FALSE: no match. */
static gboolean
take(const pcre2_code *form, const char *text, char *groups[GROUPS])
{
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    pcre2_match_data *data = pcre2_match_data_create(GROUPS, NULL);
    const PCRE2_SIZE *span = pcre2_get_ovector_pointer(data);

    pcre2_set_match_limit(context, STEPS_MAX);
    int found = pcre2_match(form, (PCRE2_SPTR)text, strlen(text), 0, 0, data, context);
    for (guint i = 0; i < GROUPS; i++)
        groups[i] = found > (int)i && span[2 * i] != PCRE2_UNSET
                        ? g_ascii_strdown(text + span[2 * i], (gssize)(span[2 * i + 1] - span[2 * i])) : NULL;
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    return found > 0;
}

static void
groups_clear(char *groups[GROUPS])
{
    for (guint i = 0; i < GROUPS; i++)
        g_clear_pointer(&groups[i], g_free);
}

static gboolean
result_of(const char *word, enum auth_result *result_r)
{
    static const struct {
        const char *word;
        enum auth_result result;
    } words[] = {{"pass", AUTH_PASS}, {"neutral", AUTH_NEUTRAL}, {"none", AUTH_NONE}, {"fail", AUTH_FAIL}, {"hardfail", AUTH_FAIL},
                 {"softfail", AUTH_SOFTFAIL}, {"temperror", AUTH_TEMPERROR}, {"permerror", AUTH_PERMERROR}};

    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        if (strcmp(word, words[i].word) == 0) {
            *result_r = words[i].result;
            return TRUE;
        }
    return FALSE;
}

/* What a field says of one identity. */
static void
note(struct auth_eval *e, const char *word, const char *identity)
{
    gboolean helo = identity != NULL && strcmp(identity, "helo") == 0;
    enum auth_result result;

    if (identity != NULL && !helo && strcmp(identity, "mfrom") != 0 && strcmp(identity, "mailfrom") != 0)
        return;
    if (e->spf_checked[helo] || !result_of(word, &result))
        return;
    e->spf_checked[helo] = TRUE;
    e->spf_set[helo] = TRUE;
    e->spf[helo] = result;
}

static void
read_field(struct auth_eval *e, const char *field)
{
    char *groups[GROUPS], *inner[GROUPS];

    if (strlen(field) > AUTH_FIELD_MAX)
        return;
    if (g_ascii_strncasecmp(field, "received-spf:", 13) == 0) {
        if (take(forms()->received, field, groups))
            note(e, groups[1], groups[2]);
        groups_clear(groups);
        return;
    }
    if (take(forms()->results, field, groups)) {
        if (take(forms()->result, groups[1], inner))
            note(e, inner[1], inner[2]);
        groups_clear(inner);
    }
    groups_clear(groups);
}

/* The oldest field first, as that host was nearest to the border, unless told otherwise. */
static void
read_fields(struct auth_eval *e)
{
    const struct spam_ruleset *ruleset = e->options->ruleset;
    gboolean newest_first = rules_number(ruleset, "use_newest_received_spf_header") != 0;

    if (e->fields_read || rules_number(ruleset, "ignore_received_spf_header") != 0)
        return;
    e->fields_read = TRUE;
    g_autoptr(GPtrArray) fields = auth_values(e, "ALL-INTERNAL");
    for (guint i = 0; i < fields->len && !(e->spf_checked[0] && e->spf_checked[1]); i++)
        read_field(e, g_ptr_array_index(fields, newest_first ? i : fields->len - 1 - i));
}

/* ---- results ---- */

/* Whether SPF can be asked of a HELO name: it is one with a dot, and no address. */
static gboolean
is_name(const char *helo)
{
    const char *start = helo + (*helo == '[' || *helo == '!');
    gsize digits = strspn(start, G_CSET_DIGITS "."), rest = strlen(start) - digits;
    guint dots = 0;

    for (gsize i = 0; i < digits; i++)
        dots += start[i] == '.';
    gboolean is_address = dots == 3 && digits > 0 && start[digits - 1] != '.' &&
                          (rest == 0 || (rest == 1 && strchr("]!", start[digits]) != NULL));
    return strchr(helo, '.') != NULL && !is_address;
}

/* The hop that SPF is about. NULL: there is none, or what is to be checked is no name. */
static const struct spam_relay *
hop_for(const struct auth_eval *e, gboolean helo)
{
    const GPtrArray *external = e->options->relays->external;
    const struct spam_relay *hop = external->len > 0 ? g_ptr_array_index(external, 0) : NULL;

    if (hop == NULL || (helo ? !is_name(hop->helo) : e->spf_sender == NULL || *e->spf_sender == '\0'))
        return NULL;
    return hop;
}

/* Whether rules ask for what is not known. DMARC needs what its domain comes from: the sender, or, when that is null, HELO. */
static gboolean
is_wanted(const struct auth_eval *e, gboolean helo)
{
    guint parts = e->options->parts;
    if (helo ? e->known.has_spf_helo : e->known.has_spf)
        return FALSE;
    if (e->options->message == NULL)
        return helo && (parts & AUTH_PART_SPF_HELO) != 0;
    return helo ? (parts & AUTH_PART_SPF_HELO) != 0 || ((parts & AUTH_PART_DMARC) != 0 && e->null_sender)
                : (parts & (AUTH_PART_SPF | AUTH_PART_DMARC)) != 0;
}

static void
start(struct auth_eval *e, gboolean helo)
{
    const struct spam_relay *hop = hop_for(e, helo);

    if (hop == NULL || e->options->spf == NULL || !is_wanted(e, helo))
        return;
    read_fields(e);
    if (!e->spf_checked[helo])
        e->spf_task[helo] = spf_pool_start(e->options->spf, e->dns, helo ? SPF_HELO : SPF_MAIL_FROM, hop->ip,
                                           *hop->helo != '\0' ? hop->helo : "unknown", e->spf_sender);
}

void
auth_spf_init(struct auth_eval *e)
{
    find_sender(e);
    e->null_sender = is_null_sender(e);
    start(e, FALSE);
    start(e, TRUE);
}

/* What did not come in time is not known. */
static void
join(struct auth_eval *e, gboolean helo)
{
    const struct spf_result *found =
        e->spf_task[helo] != NULL ? spf_task_wait(e->spf_task[helo], auth_deadline(e, "spf_timeout")) : NULL;

    if (found == NULL)
        return;
    *(helo ? &e->known.has_spf_helo : &e->known.has_spf) = TRUE;
    *(helo ? &e->known.spf_helo : &e->known.spf) = found->result;
}

static void
take_known(struct auth_eval *e, gboolean helo)
{
    const struct auth_known *known = &e->known;

    e->spf_checked[helo] = TRUE;
    join(e, helo);
    if (hop_for(e, helo) == NULL || !(helo ? known->has_spf_helo : known->has_spf))
        return;
    e->spf_set[helo] = TRUE;
    e->spf[helo] = helo ? known->spf_helo : known->spf;
}

gboolean
auth_spf_result(struct auth_eval *e, gboolean helo, enum auth_result *result_r)
{
    if (!e->spf_checked[helo])
        read_fields(e);
    if (!e->spf_checked[helo])
        take_known(e, helo);
    *result_r = e->spf[helo];
    return e->spf_set[helo];
}
