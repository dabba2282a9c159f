/* auth_eval_dkim.c: functions on DKIM signatures: whose they are, what the author's domain says of its own, who is welcome by them. */
#include <string.h>
#include "lib/spam/net/auth_eval_private.h"
#include "lib/spam/view/bytes.h"

/* ---- signatures ---- */

static guint
count(const struct auth_eval *e)
{
    return e->known.has_dkim ? MIN(e->known.n_signatures, AUTH_SIGNATURES_MAX) : 0;
}

static const struct auth_signature *
at(const struct auth_eval *e, guint i)
{
    return &e->known.signatures[i];
}

static guint
least_bits(const struct auth_eval *e)
{
    return (guint)CLAMP(rules_number(e->options->ruleset, "dkim_minimum_key_bits"), 0, 100000);
}

static gboolean
is_weak(const struct auth_eval *e, const struct auth_signature *signature)
{
    return signature->key_bits > 0 && signature->key_bits < least_bits(e);
}

static gboolean
has_selector(const struct auth_signature *signature)
{
    return signature->selector != NULL && *signature->selector != '\0';
}

/* The signer: the domain of i=, else d=; lower case. NULL: neither can be read. */
static char *
signer_of(const struct auth_signature *signature)
{
    const char *sign;

    if (signature->identity == NULL)
        return signature->domain != NULL ? g_ascii_strdown(signature->domain, -1) : NULL;
    sign = strchr(signature->identity, '@');
    while (sign != NULL && (sign[1] == '\0' || byte_is_space(sign[1])))
        sign = strchr(sign + 1, '@');
    return sign != NULL ? g_ascii_strdown(sign + 1, (gssize)strcspn(sign + 1, " \t\r\n\f\v")) : NULL;
}

/* Whether a domain is the wanted one; ".x" and "*.x" stand for x and all below it. */
static gboolean
is_wanted(const char *domain, const char *wanted)
{
    const char *bare = wanted + (*wanted == '*' && wanted[1] == '.');

    if (*bare != '.')
        return g_ascii_strcasecmp(domain, wanted) == 0;
    gsize length = strlen(domain), tail = strlen(bare);
    return g_ascii_strcasecmp(domain, bare + 1) == 0 || (length > tail && g_ascii_strcasecmp(domain + length - tail, bare) == 0);
}

/* Whether one of the domains (any, if there are none) has signed. */
static gboolean
signed_by(const struct auth_eval *e, gboolean valid, gboolean author, const char *const *domains, guint n)
{
    for (guint i = 0; i < count(e); i++) {
        const struct auth_signature *signature = at(e, i);
        g_autofree char *signer = signer_of(signature);
        if (signer == NULL || (valid && (signature->result != AUTH_PASS || is_weak(e, signature))) ||
            (author && !g_hash_table_contains(e->domains, signer)))
            continue;
        for (guint d = 0; d < n; d++)
            if (is_wanted(signer, domains[d]))
                return TRUE;
        if (n == 0)
            return TRUE;
    }
    return FALSE;
}

AUTH_EVAL(eval_dkim_signed)
{
    auth_dkim_ready(e);
    return count(e) > 0 && (n_args == 0 || signed_by(e, FALSE, FALSE, args, n_args));
}

AUTH_EVAL(eval_dkim_valid)
{
    auth_dkim_ready(e);
    return e->dkim_valid && (n_args == 0 || signed_by(e, TRUE, FALSE, args, n_args));
}

AUTH_EVAL(eval_dkim_valid_author)
{
    auth_dkim_ready(e);
    return g_hash_table_size(e->valid_author) > 0 && signed_by(e, TRUE, TRUE, args, n_args);
}

AUTH_EVAL(eval_dkim_valid_envelope)
{
    g_autoptr(GPtrArray) senders = auth_values(e, "EnvelopeFrom:addr");
    const struct auth_signature sender = {.identity = senders->len > 0 ? g_ptr_array_index(senders, 0) : ""};
    g_autofree char *domain = signer_of(&sender);
    const char *const wanted[] = {domain};

    (void)args, (void)n_args;
    auth_dkim_ready(e);
    return domain != NULL && e->dkim_valid && signed_by(e, TRUE, FALSE, wanted, 1);
}

AUTH_EVAL(eval_dkim_dependable)
{
    (void)args, (void)n_args;
    auth_dkim_ready(e);
    return e->known.has_dkim;
}

AUTH_EVAL(eval_arc_signed)
{
    (void)args;
    auth_dkim_ready(e);
    return e->known.arc_signed && n_args == 0;
}

AUTH_EVAL(eval_arc_valid)
{
    (void)args;
    auth_dkim_ready(e);
    return e->known.arc_valid && n_args == 0;
}

/* ---- authors ---- */

static void
find_authors(struct auth_eval *e)
{
    e->authors = auth_values(e, "From:addr");
    if (e->authors->len > AUTH_ADDRESSES_MAX) /* each is held against thousands of entries of welcome lists */
        g_ptr_array_set_size(e->authors, AUTH_ADDRESSES_MAX);
    e->domains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < e->authors->len; i++) {
        const char *sign = strrchr(g_ptr_array_index(e->authors, i), '@');
        gsize length = sign != NULL ? strlen(sign + 1) : 0;
        while (length > 0 && (sign[length] == ' ' || sign[length] == '\t'))
            length--;
        if (length > 0)
            g_hash_table_add(e->domains, g_ascii_strdown(sign + 1, (gssize)length));
    }
}

static void
add_value(GPtrArray *values, const char *value)
{
    if (value != NULL && *value != '\0' && !g_ptr_array_find_with_equal_func(values, value, g_str_equal, NULL))
        g_ptr_array_add(values, g_strdup(value));
}

/* What one signature says of the message and of its author. */
static void
note(struct auth_eval *e, const struct auth_signature *signature)
{
    gboolean valid = signature->result == AUTH_PASS;
    g_autofree char *signer = signer_of(signature);
    gpointer domain = NULL;
    guint least = least_bits(e);

    if (!has_selector(signature))
        return;
    if (valid) {
        e->dkim_valid = TRUE;
        add_value(e->tags[0], signature->domain);
        add_value(e->tags[1], signature->identity);
        add_value(e->tags[2], signature->selector);
    }
    if (signer == NULL || !g_hash_table_lookup_extended(e->domains, signer, &domain, NULL))
        return;
    if (valid && least > 0 && signature->key_bits > 0 && signature->key_bits >= least)
        g_hash_table_add(e->valid_author, domain);
    else if (signature->result == AUTH_TEMPERROR)
        g_hash_table_add(e->failed_author, domain);
}

const GPtrArray *
auth_eval_tag(struct auth_eval *e, const char *name)
{
    static const char *const names[] = {"DKIMDOMAIN", "DKIMIDENTITY", "DKIMSELECTOR"};

    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (e->dkim_ready && strcmp(names[i], name) == 0)
            return e->tags[i];
    return NULL;
}

/* ---- ADSP ---- */

/* A name with a dot, whose last label is of letters and "-". */
static gboolean
is_full(const char *domain)
{
    const char *last = strrchr(domain, '.');

    return last != NULL && last > domain && strlen(last + 1) >= 2 &&
           last[1 + strspn(last + 1, G_CSET_a_2_z G_CSET_A_2_Z "-")] == '\0';
}

/* adsp_override: of the domain, or of "*." before it or one above it. 0: none. */
static char
override_of(const struct auth_eval *e, const char *domain)
{
    GHashTable *overrides = rules_map(e->options->ruleset, "adsp_override");
    const char *found = overrides != NULL ? g_hash_table_lookup(overrides, domain) : NULL;

    for (const char *dot = strchr(domain, '.'); overrides != NULL && found == NULL && dot != NULL; dot = strchr(dot + 1, '.')) {
        g_autofree char *star = g_strconcat("*", dot, NULL);
        found = g_hash_table_lookup(overrides, star);
    }
    if (found == NULL && overrides != NULL)
        found = g_hash_table_lookup(overrides, "*");
    return found != NULL ? *found : '\0';
}

static void
start_adsp(struct auth_eval *e)
{
    GHashTableIter iter;
    gpointer domain;

    if (!e->known.has_dkim)
        return;
    g_hash_table_iter_init(&iter, e->domains);
    while (g_hash_table_iter_next(&iter, &domain, NULL) && e->adsp->len < AUTH_AUTHORS_MAX) {
        if (!is_full(domain) || g_hash_table_contains(e->valid_author, domain) || g_hash_table_contains(e->failed_author, domain))
            continue;
        struct auth_adsp adsp = {.domain = domain, .practice = override_of(e, domain)};
        if (adsp.practice == '\0' && (e->options->parts & AUTH_PART_ADSP) != 0 && dns_name_is_valid(domain)) {
            g_autofree char *name = g_strconcat("_adsp._domainkey.", domain, NULL);
            adsp.record = dns_start(e->dns, name, DNS_TXT);
            adsp.exists = dns_start(e->dns, domain, DNS_MX);
        }
        g_array_append_val(e->adsp, adsp);
    }
}

/* "dkim=discardable" (RFC 5617 4.2.1); 0: no record. */
static char
read_practice(const struct dns_answer *answer)
{
    const struct dns_record *record;
    g_auto(GStrv) tags = NULL;

    if (answer->outcome != DNS_FOUND || answer->records->len == 0)
        return '\0';
    record = &g_array_index(answer->records, struct dns_record, answer->records->len - 1);
    tags = g_strsplit((const char *)record->data, ";", 32);
    for (char **tag = tags; *tag != NULL && record->length > 0; tag++) {
        char *value = strchr(*tag, '=');
        if (value == NULL)
            continue;
        *value++ = '\0';
        if (strcmp(g_strstrip(*tag), "dkim") == 0) {
            g_strstrip(value);
            return strcmp(value, "all") == 0 ? 'A' : strcmp(value, "discardable") == 0 || strcmp(value, "strict") == 0 ? 'D' : 'U';
        }
    }
    return record->length > 0 ? 'U' : '\0';
}

static void
finish_adsp(struct auth_eval *e)
{
    double timeout = rules_number(e->options->ruleset, "dkim_timeout");
    gint64 until = MIN(e->options->deadline_us, g_get_monotonic_time() + (gint64)(timeout * G_USEC_PER_SEC));

    for (guint i = 0; i < e->adsp->len && !e->adsp_done; i++) {
        struct auth_adsp *adsp = &g_array_index(e->adsp, struct auth_adsp, i);
        if (adsp->record == NULL)
            continue;
        adsp->practice = read_practice(dns_wait(adsp->record, until));
        if (adsp->practice == '\0')
            adsp->practice = dns_wait(adsp->exists, until)->outcome == DNS_NO_NAME ? 'N' : 'U';
    }
    e->adsp_done = TRUE;
}

static gboolean
is_author(const struct auth_eval *e, const char *wanted)
{
    GHashTableIter iter;
    gpointer domain;

    g_hash_table_iter_init(&iter, e->domains);
    while (g_hash_table_iter_next(&iter, &domain, NULL))
        if (is_wanted(domain, wanted))
            return TRUE;
    return FALSE;
}

AUTH_EVAL(eval_dkim_adsp)
{
    const char *wanted = n_args == 0 ? "" : strcmp(args[0], "*") == 0 ? "NAD123" : args[0];
    gboolean found = FALSE;

    auth_dkim_ready(e);
    finish_adsp(e);
    for (guint i = 0; i < e->adsp->len; i++) {
        char practice = g_array_index(e->adsp, struct auth_adsp, i).practice;
        found = found || (practice != '\0' && strchr(wanted, practice) != NULL);
    }
    for (guint i = 1; found && i < n_args; i++)
        if (is_author(e, args[i]))
            return TRUE;
    return found && n_args <= 1;
}

AUTH_EVAL(eval_dkim_signall)
{
    static const char *const all[] = {"A"};

    (void)args, (void)n_args;
    return eval_dkim_adsp(e, all, 1);
}

/* ---- welcome lists ---- */

/* Whether the signer is one of those that a list accepts for an author: "" is the author's own domain. */
static gboolean
is_accepted(const char *signer, const char *author, const char *accepted)
{
    const char *sign = strrchr(author, '@'), *at_sign = strrchr(accepted, '@');
    gsize length = strlen(signer), tail;

    if (*accepted == '\0')
        return sign != NULL && sign[1] != '\0' && g_ascii_strcasecmp(signer, sign + 1) == 0;
    accepted = at_sign != NULL ? at_sign + 1 : accepted;
    const char *bare = accepted + (*accepted == '*' && accepted[1] == '.');
    if (*bare != '.')
        return g_ascii_strcasecmp(signer, accepted) == 0;
    tail = strlen(bare);
    return length > tail && g_ascii_strcasecmp(signer + length - tail, bare) == 0;
}

/* Whether a valid signature is one that the list accepts for the author. domains: GPtrArray of char *, or NULL: the author's. */
static gboolean
accepts(const struct auth_eval *e, const char *author, const GPtrArray *domains)
{
    for (guint i = 0; i < count(e); i++) {
        const struct auth_signature *signature = at(e, i);
        g_autofree char *signer = signer_of(signature);
        if (signer == NULL || !has_selector(signature) || signature->result != AUTH_PASS || is_weak(e, signature))
            continue;
        for (guint d = 0; d < (domains != NULL ? domains->len : 1); d++)
            if (is_accepted(signer, author, domains != NULL ? g_ptr_array_index(domains, d) : ""))
                return TRUE;
    }
    return FALSE;
}

static void
look_up(struct auth_eval *e, const char *author, const char *setting, gboolean has_domains, enum auth_welcome bit)
{
    const struct spam_setting *list = rules_setting(e->options->ruleset, setting);
    g_autofree char *low = g_ascii_strdown(author, -1);
    GHashTableIter iter;
    gpointer glob, value;

    if (list == NULL || list->map == NULL)
        return;
    g_hash_table_iter_init(&iter, list->map);
    while (g_hash_table_iter_next(&iter, &glob, &value))
        if (auth_eval_glob_matches(glob, low) && accepts(e, author, has_domains ? value : NULL))
            e->welcome |= bit;
}

static guint
welcome(struct auth_eval *e)
{
    auth_dkim_ready(e);
    if (!e->welcome_known && e->dkim_valid)
        for (guint i = 0; i < e->authors->len; i++) {
            const char *author = g_ptr_array_index(e->authors, i);
            look_up(e, author, "def_welcomelist_from_dkim", TRUE, WELCOME_DEF_DKIM);
            look_up(e, author, "def_welcomelist_auth", FALSE, WELCOME_DEF_AUTH);
            look_up(e, author, "welcomelist_from_dkim", TRUE, WELCOME_DKIM);
            look_up(e, author, "welcomelist_auth", FALSE, WELCOME_AUTH);
        }
    e->welcome_known = TRUE;
    return e->welcome;
}

AUTH_EVAL(eval_dkim_welcome)
{
    (void)args, (void)n_args;
    return (welcome(e) & (WELCOME_DKIM | WELCOME_AUTH)) != 0;
}

AUTH_EVAL(eval_dkim_def_welcome)
{
    (void)args, (void)n_args;
    return (welcome(e) & (WELCOME_DEF_DKIM | WELCOME_DEF_AUTH)) != 0;
}

/* ---- */

void
auth_dkim_init(struct auth_eval *e)
{
    find_authors(e);
    e->valid_author = g_hash_table_new(g_str_hash, g_str_equal);
    e->failed_author = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < G_N_ELEMENTS(e->tags); i++)
        e->tags[i] = g_ptr_array_new_with_free_func(g_free);
    e->adsp = g_array_new(FALSE, TRUE, sizeof(struct auth_adsp));
    if (e->verify == NULL)
        auth_dkim_ready(e);
}

void
auth_dkim_ready(struct auth_eval *e)
{
    if (e->dkim_ready)
        return;
    e->dkim_ready = TRUE;
    auth_verify_dkim(e);
    for (guint i = 0; i < count(e); i++)
        note(e, at(e, i));
    start_adsp(e);
}

void
auth_dkim_clear(struct auth_eval *e)
{
    for (guint i = 0; i < e->adsp->len; i++) {
        struct auth_adsp *adsp = &g_array_index(e->adsp, struct auth_adsp, i);
        dns_lookup_free(&adsp->record);
        dns_lookup_free(&adsp->exists);
    }
    g_array_unref(e->adsp);
    for (guint i = 0; i < G_N_ELEMENTS(e->tags); i++)
        g_ptr_array_unref(e->tags[i]);
    g_hash_table_unref(e->valid_author);
    g_hash_table_unref(e->failed_author);
    g_ptr_array_unref(e->authors);
    g_hash_table_unref(e->domains);
}
