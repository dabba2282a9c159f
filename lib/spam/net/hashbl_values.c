/* hashbl_values.c: what HashBL's rules hash: addresses, URIs, what a pattern finds, values of tags, attachments. */
#include <string.h>
#include "lib/spam/net/hashbl.h"
#include "lib/spam/view/bytes.h"

/* Adds a string that is new; takes it. Not by g_hash_table_add's word alone, which has put the new string in the old one's place. */
static void
add_new(GPtrArray *list, GHashTable *seen, char *string)
{
    if (list->len >= NET_EMAILS_MAX || g_hash_table_contains(seen, string)) {
        g_free(string);
        return;
    }
    g_hash_table_add(seen, string);
    g_ptr_array_add(list, string);
}

/* ---- addresses ---- */

/* Links to addresses whose text may be another, and the text. */
static GString *
body_text(const struct net_check *check, const struct hash_rule *hash)
{
    const struct net_message *message = check->message;
    GString *text = g_string_new(NULL), *links = g_string_new(NULL);

    for (gsize i = 0; i < message->n_texts; i++)
        g_string_append_len(text, message->texts[i].at, (gssize)message->texts[i].length);
    if (hash->options.no_uri)
        hashbl_blank_out(text, check->rules->links);
    if (hash->options.no_quote)
        hashbl_blank_out(text, check->rules->email_quoted);
    for (guint i = 0; i < message->uris->details->len; i++) {
        const struct uri_detail *detail = g_ptr_array_index(message->uris->details, i);
        if (g_ptr_array_find_with_equal_func(detail->types, "a", g_str_equal, NULL) &&
            !g_ptr_array_find_with_equal_func(detail->types, "parsed", g_str_equal, NULL) && detail->raw->length > 7 &&
            g_ascii_strncasecmp(detail->raw->bytes, "mailto:", 7) == 0)
            g_string_append_printf(links, "%.*s\n", (int)MIN(detail->raw->length - 7, URIS_LENGTH_MAX), detail->raw->bytes + 7);
    }
    g_string_append_len(links, text->str, (gssize)text->len);
    g_string_free(text, TRUE);
    return links;
}

/* Addresses of one source: ALLFROM, body, ALL or a header's name. Kept for the next rule with the same options for texts. */
static const GPtrArray *
emails_of(struct net_check *check, const struct hash_rule *hash, const char *source)
{
    g_autofree char *key = g_strdup_printf("%d%d%s", hash->options.no_uri, hash->options.no_quote, source);
    GPtrArray *found = g_hash_table_lookup(check->emails, key);

    if (found != NULL)
        return found;
    if (strcmp(source, "ALLFROM") == 0) {
        const GPtrArray *senders = net_check_senders(check);
        found = g_ptr_array_new_with_free_func(g_free);
        for (guint i = 0; i < senders->len; i++)
            g_ptr_array_add(found, g_strdup(g_ptr_array_index(senders, i)));
    } else {
        g_autoptr(GString) text = strcmp(source, "body") == 0 ? body_text(check, hash) : g_string_new(NULL);
        const GPtrArray *values = text->len == 0 && strcmp(source, "body") != 0 ? net_check_values(check, source) : NULL;
        for (guint i = 0; values != NULL && i < values->len; i++) {
            gsize length;
            const char *value = g_bytes_get_data(g_ptr_array_index(values, i), &length);
            g_string_append(text, i > 0 ? "\n" : "");
            g_string_append_len(text, value, (gssize)length);
        }
        found = hashbl_emails_in(check, text->str, text->len);
    }
    g_hash_table_insert(check->emails, g_steal_pointer(&key), found);
    return found;
}

/* The user's part of an address, and what follows its last "@". FALSE: that is nothing. */
static gboolean
split(const char *email, char **user, const char **domain)
{
    const char *at = strrchr(email, '@');

    if (at == NULL || at[1] == '\0')
        return FALSE;
    *user = g_strndup(email, (gsize)(at - email));
    *domain = at + 1;
    return TRUE;
}

/* Those of all sources, aliases of domains replaced, that the acl lets through. */
static GPtrArray *
raw_emails(struct net_check *check, const struct hash_rule *hash)
{
    GHashTable *aliases = rules_map(check->rules->ruleset, "hashbl_email_domain_alias");
    const struct spam_setting *acls = rules_setting(check->rules->ruleset, "hashbl_acl");
    GHashTable *acl = hash->acl != NULL && acls != NULL ? g_hash_table_lookup(acls->map, hash->acl) : NULL;
    gboolean bounded = hash->acl != NULL && strcmp(hash->acl, "all") != 0;
    g_auto(GStrv) sources = g_strsplit(hash->from, "/", -1);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    GPtrArray *out = g_ptr_array_new_with_free_func(g_free);

    for (char **source = sources; *source != NULL; source++) {
        const GPtrArray *emails = emails_of(check, hash, g_strstrip(*source));
        for (guint i = 0; i < emails->len; i++) {
            g_autofree char *user = NULL;
            const char *domain;
            if (!split(g_ptr_array_index(emails, i), &user, &domain))
                continue;
            g_autofree char *low = g_ascii_strdown(domain, -1);
            const char *alias = aliases != NULL ? g_hash_table_lookup(aliases, low) : NULL;
            domain = alias != NULL ? alias : domain;
            const char *allowed = acl != NULL ? g_hash_table_lookup(acl, domain) : NULL;
            if (!bounded || (allowed != NULL && *allowed == '1'))
                add_new(out, seen, g_strconcat(user, "@", domain, NULL));
        }
    }
    return out;
}

static gboolean
has_match(gpointer data, const char *match, gsize length)
{
    (void)match, (void)length;
    *(gboolean *)data = TRUE;
    return FALSE;
}

/* Addresses of the message's own recipients (for rules that look at more than ALLFROM), and those that everybody has. */
static gboolean
is_welcome(const struct net_check *check, const struct hash_rule *hash, const char *email)
{
    static const char *const names[] = {"X-Original-To:addr", "Apparently-To:addr", "Delivered-To:addr", "Envelope-To:addr"};
    gboolean matches = FALSE;

    for (guint n = 0; n < G_N_ELEMENTS(names) && strcmp(hash->from, "ALLFROM") != 0; n++) {
        const GPtrArray *values = net_check_values(check, names[n]);
        for (guint i = 0; i < values->len; i++) {
            gsize length;
            const char *value = g_bytes_get_data(g_ptr_array_index(values, i), &length);
            g_autofree char *low = g_ascii_strdown(value != NULL ? value : "", (gssize)length);
            if (strcmp(low, email) == 0)
                return TRUE;
        }
    }
    hashbl_each_match(check->rules->email_welcome, email, strlen(email), has_match, &matches);
    return matches;
}

static gboolean
is_skipped(const struct net_check *check, const char *domain)
{
    GHashTable *skipped = rules_map(check->rules->ruleset, "uridnsbl_skip_domain");
    g_autofree char *low = g_ascii_strdown(domain, -1);
    g_autofree char *trimmed = registry_trim(check->message->registry, domain, strlen(domain));

    return skipped != NULL && (g_hash_table_contains(skipped, low) || g_hash_table_contains(skipped, trimmed));
}

static void
strip(char *user, const struct hash_options *options)
{
    char *out = user, *plus;

    for (const char *c = user; *c != '\0' && options->no_dot; c++)
        if (*c != '.')
            *out++ = *c;
    if (options->no_dot)
        *out = '\0';
    plus = options->no_tag ? strchr(user, '+') : NULL;
    if (plus != NULL)
        *plus = '\0';
}

GPtrArray *
hashbl_emails(struct net_check *check, const struct hash_rule *hash)
{
    g_autoptr(GPtrArray) raw = raw_emails(check, hash);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    const struct hash_options *options = &hash->options;
    GPtrArray *out = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < raw->len; i++) {
        const char *email = g_ptr_array_index(raw, i), *domain;
        g_autofree char *user = NULL, *whole = NULL;
        if (is_welcome(check, hash, email) || !split(email, &user, &domain) || (hash->acl == NULL && is_skipped(check, domain)))
            continue;
        strip(user, options);
        if (options->domain)
            whole = registry_trim(check->message->registry, domain, strlen(domain));
        else
            whole = options->host   ? g_strdup(domain)
                    : options->user ? g_strdup(user)
                                    : g_strconcat(user, "@", domain, NULL);
        add_new(out, seen, options->as_is ? g_strdup(whole) : g_ascii_strdown(whole, -1));
    }
    return out;
}

/* ---- URIs ---- */

static gboolean
is_asked(const struct net_check *check, const struct uri_detail *detail)
{
    GHashTable *skipped = rules_map(check->rules->ruleset, "uridnsbl_skip_domain");

    if ((detail->raw->length >= 7 && g_ascii_strncasecmp(detail->raw->bytes, "mailto:", 7) == 0) || detail->hosts->len == 0 ||
        detail->cleaned == NULL ||
        (!g_ptr_array_find_with_equal_func(detail->types, "a", g_str_equal, NULL) &&
         !g_ptr_array_find_with_equal_func(detail->types, "parsed", g_str_equal, NULL)))
        return FALSE;
    for (guint i = 0; skipped != NULL && i < detail->hosts->len; i++) {
        const struct uri_host *host = g_ptr_array_index(detail->hosts, i);
        if (g_hash_table_contains(skipped, host->host) || g_hash_table_contains(skipped, host->domain))
            return FALSE;
    }
    return TRUE;
}

/* Of a text of characters all letters, of bytes those of ASCII. */
static char *
lower(const struct uri_text *uri)
{
    if (uri->is_chars && g_utf8_validate_len(uri->bytes, uri->length, NULL))
        return g_utf8_strdown(uri->bytes, (gssize)uri->length);
    return g_ascii_strdown(uri->bytes, (gssize)uri->length);
}

GPtrArray *
hashbl_uris(struct net_check *check, const struct hash_rule *hash)
{
    const GPtrArray *details = check->message->uris->details;
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    GPtrArray *out = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < details->len; i++) {
        const struct uri_detail *detail = g_ptr_array_index(details, i);
        if (!is_asked(check, detail))
            continue;
        for (guint j = 0; j < detail->cleaned->len; j++) {
            const struct uri_text *uri = g_ptr_array_index(detail->cleaned, j);
            add_new(out, seen, hash->options.as_is ? g_strndup(uri->bytes, uri->length) : lower(uri));
        }
    }
    return out;
}

/* ---- the body ---- */

struct matches {
    const struct hash_options *options;
    GPtrArray *list;
    GHashTable *seen;
};

static gboolean
on_match(gpointer data, const char *match, gsize length)
{
    struct matches *matches = data;
    char *value = matches->options->as_is ? g_strndup(match, length) : g_ascii_strdown(match, (gssize)length);

    if (matches->options->digits) {
        char *out = value;
        for (const char *c = value; *c != '\0'; c++)
            if (g_ascii_isdigit(*c))
                *out++ = *c;
        *out = '\0';
    }
    if (*value == '\0')
        g_free(value);
    else
        add_new(matches->list, matches->seen, value);
    return matches->list->len < NET_HASHED_MAX;
}

GPtrArray *
hashbl_matches(struct net_check *check, const struct hash_rule *hash)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    struct matches matches = {&hash->options, g_ptr_array_new_with_free_func(g_free), seen};

    for (gsize i = 0; i < check->message->n_texts && matches.list->len < NET_HASHED_MAX; i++)
        hashbl_each_match(hash->pattern, check->message->texts[i].at, check->message->texts[i].length, on_match, &matches);
    return matches.list;
}

/* ---- tags ---- */

/* The value as it is asked for, or NULL. */
static char *
tag_value(const struct net_check *check, const struct hash_options *options, const char *value)
{
    const struct registry *registry = check->message->registry;
    gsize length = strlen(value);
    gboolean is_ip = registry_is_ip(value, length), is_v4 = is_ip && strchr(value, ':') == NULL;

    if ((options->ip && !is_ip) || (options->ipv4 && !is_v4) || (options->ipv6 && (!is_ip || is_v4)))
        return NULL;
    if (is_ip)
        return options->reversed ? net_reversed(value) : g_strdup(value);
    gboolean is_host = registry_host_is_valid(value, length);
    if ((options->fqdn && !is_host) || (is_host && is_skipped(check, value)) ||
        (options->tld && !registry_domain_is_valid(registry, value, length)))
        return NULL;
    return options->trim && is_host ? registry_trim(registry, value, length) : g_strdup(value);
}

GPtrArray *
hashbl_tag_values(struct net_check *check, const struct hash_rule *hash)
{
    const GPtrArray *values = net_check_tag(check, hash->tag);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    GPtrArray *out = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; values != NULL && i < values->len; i++) {
        const char *value = g_ptr_array_index(values, i);
        g_autofree char *form = hash->options.as_is ? g_strdup(value) : g_ascii_strdown(value, -1);
        char *asked = tag_value(check, &hash->options, form);
        if (asked != NULL)
            add_new(out, seen, asked);
    }
    return out;
}

/* ---- attachments ---- */

static gboolean
is_wanted(const struct net_check *check, const struct hash_options *options, const struct spam_part *part, gsize length)
{
    GHashTable *ignored = rules_map(check->rules->ruleset, "hashbl_ignore");
    g_autofree char *type = g_ascii_strdown(part->type, -1), *name = g_ascii_strdown(part->name != NULL ? part->name->str : "", -1);

    /* SpamAssassin compares with minsize where it means maxsize. */
    return length > 0 && (ignored == NULL || (!g_hash_table_contains(ignored, type) && !g_hash_table_contains(ignored, name))) &&
           length >= options->min_size && (options->max_size == 0 || length <= options->min_size);
}

GPtrArray *
hashbl_attachments(struct net_check *check, const struct hash_rule *hash)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) below = g_ptr_array_new(); /* the next part is the last */
    GPtrArray *out = g_ptr_array_new_with_free_func(g_free);

    g_ptr_array_add(below, check->message->tree->root);
    while (below->len > 0 && out->len < NET_HASHED_MAX) {
        struct spam_part *part = g_ptr_array_steal_index(below, below->len - 1);
        for (guint i = part->children != NULL ? part->children->len : 0; i > 0; i--)
            g_ptr_array_add(below, g_ptr_array_index(part->children, i - 1));
        const GString *decoded = part->children == NULL ? part_decode(part) : NULL;
        if (decoded != NULL && is_wanted(check, &hash->options, part, decoded->len))
            add_new(out, seen, hashbl_hash(&hash->options, decoded->str, decoded->len));
    }
    return out;
}
