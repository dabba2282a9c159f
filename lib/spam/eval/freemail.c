/* freemail.c: the lists, and the addresses of a message that are compared with them. */
#include "lib/spam/eval/freemail.h"
#include <string.h>
#include "lib/spam/eval/address_lists.h"
#include "lib/spam/eval/freemail_private.h"
#include "lib/spam/eval/mail_scan.h"
#include "lib/spam/view/bytes.h"

struct freemail {
    const struct registry *registry;
    GHashTable *domains; /* of the ruleset: name -> "1", glob -> "*" */
    struct glob_list *globs;
    GHashTable *welcome; /* of the ruleset, or NULL */
    struct glob_list *imported[2]; /* NULL: not asked for */
    double max_body, max_body_freemails;
    gboolean skip_over_max, skip_bulk;
};

/* ---- the lists ---- */

struct freemail *
freemail_new(const struct spam_ruleset *ruleset, const struct registry *registry)
{
    static const char *const lists[][2] = {{"freemail_import_welcomelist_auth", "welcomelist_auth"},
                                           {"freemail_import_def_welcomelist_auth", "def_welcomelist_auth"}};
    GHashTable *domains = rules_map(ruleset, "freemail_domains");
    struct freemail *freemail;
    GHashTableIter iter;
    gpointer name, kind;

    if (domains == NULL || g_hash_table_size(domains) == 0)
        return NULL;
    freemail = g_new0(struct freemail, 1);
    *freemail = (struct freemail){.registry = registry, .domains = domains, .globs = glob_list_new(GLOB_DOMAIN),
                                  .welcome = rules_map(ruleset, "freemail_welcomelist"),
                                  .max_body = rules_number(ruleset, "freemail_max_body_emails"),
                                  .max_body_freemails = rules_number(ruleset, "freemail_max_body_freemails"),
                                  .skip_over_max = rules_number(ruleset, "freemail_skip_when_over_max") != 0,
                                  .skip_bulk = rules_number(ruleset, "freemail_skip_bulk_envfrom") != 0};
    g_hash_table_iter_init(&iter, domains);
    while (g_hash_table_iter_next(&iter, &name, &kind))
        if (strcmp(kind, "*") == 0)
            glob_list_add(freemail->globs, name, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++)
        if (rules_number(ruleset, lists[i][0]) != 0)
            freemail->imported[i] = address_list_new(ruleset, lists[i][1]);
    return freemail;
}

void
freemail_free(struct freemail *freemail)
{
    if (freemail == NULL)
        return;
    glob_list_free(freemail->globs);
    for (guint i = 0; i < G_N_ELEMENTS(freemail->imported); i++)
        glob_list_free(freemail->imported[i]);
    g_free(freemail);
}

static gboolean
is_welcome(const struct freemail *freemail, const GString *address, const char *domain)
{
    if (freemail->welcome != NULL &&
        (g_hash_table_contains(freemail->welcome, address->str) || g_hash_table_contains(freemail->welcome, domain)))
        return TRUE;
    if (freemail_is_role(address->str, address->len))
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(freemail->imported); i++)
        if (glob_list_has(freemail->imported[i], address->str, address->len))
            return TRUE;
    return FALSE;
}

static gboolean
is_listed(const struct freemail *freemail, const GString *address, const char *domain)
{
    const char *kind = g_hash_table_lookup(freemail->domains, domain);

    if (kind != NULL && strcmp(kind, "1") == 0)
        return TRUE;
    for (const char *at = address->str, *end = at + address->len; (at = memchr(at, '@', (gsize)(end - at))) != NULL;) {
        at++; /* a glob begins behind any "@" */
        if (glob_list_has(freemail->globs, at, (gsize)(end - at)))
            return TRUE;
    }
    return FALSE;
}

gboolean
freemail_is(const struct freemail *freemail, const GString *address)
{
    const char *mark = memrchr(address->str, '@', address->len), *domain = mark != NULL ? mark + 1 : address->str;

    return address->len > 0 && is_listed(freemail, address, domain) && !is_welcome(freemail, address, domain);
}

/* ---- the body ---- */

static void
string_free(gpointer data)
{
    g_string_free(data, TRUE);
}

struct addresses {
    GPtrArray *list;
    GHashTable *seen;
};

static void
add_address(struct addresses *all, const char *text, struct mail_found found)
{
    GString *address = bytes_lower(text + found.start, found.end - found.start);

    if (g_hash_table_contains(all->seen, address)) {
        g_string_free(address, TRUE);
        return;
    }
    g_hash_table_add(all->seen, address);
    g_ptr_array_add(all->list, address);
}

static gboolean
has_type(const struct uri_detail *detail, const char *type)
{
    for (guint i = 0; i < detail->types->len; i++)
        if (strcmp(detail->types->pdata[i], type) == 0)
            return TRUE;
    return FALSE;
}

/* Addresses of links that the rendered text does not show. */
static void
add_links(struct addresses *all, const struct freemail *freemail, const struct uris *uris)
{
    static const char scheme[] = "mailto:";

    for (guint i = 0; i < uris->details->len && all->list->len < FREEMAIL_LINKS_MAX; i++) {
        const struct uri_detail *detail = uris->details->pdata[i];
        const char *uri = detail->raw->bytes;
        struct mail_scan scan = {uri, detail->raw->length, freemail->registry, strlen(scheme)};
        struct mail_found found;

        if (!has_type(detail, "a") || has_type(detail, "parsed") || scan.length <= scan.pos ||
            g_ascii_strncasecmp(uri, scheme, scan.pos) != 0)
            continue;
        if (mail_scan_next(&scan, &found) && found.start == strlen(scheme))
            add_address(all, uri, found);
    }
}

/* FALSE when there are enough. */
static gboolean
add_text(struct addresses *all, const struct freemail_message *message, struct perl_text text, gsize index)
{
    const struct registry *registry = message->freemail->registry;
    struct mail_found found;

    if (memchr(text.at, '@', text.length) == NULL && memmem(text.at, text.length, "%40", 3) == NULL)
        return TRUE;
    g_autoptr(GString) stripped = mail_scan_stripped(registry, text.at, text.length);
    struct mail_scan scan = {stripped->str, stripped->len, registry, 0};
    gboolean same = stripped->len == text.length && memcmp(stripped->str, text.at, text.length) == 0;
    if (!same && message->replace != NULL)
        message->replace(message->data, index, stripped);
    while (mail_scan_next(&scan, &found)) {
        add_address(all, stripped->str, found);
        if (all->list->len >= FREEMAIL_BODY_MAX)
            return FALSE;
    }
    return TRUE;
}

/* Keeps those that are freemail; too many of either make the body say nothing. */
static void
keep_freemails(struct freemail_message *message, const GPtrArray *addresses)
{
    const struct freemail *freemail = message->freemail;
    guint n_freemails = 0;

    for (guint i = 0; i < addresses->len && !message->body_skipped; i++) {
        const GString *address = addresses->pdata[i];
        if (i + 1 == freemail->max_body && freemail->skip_over_max)
            message->body_skipped = TRUE;
        else if (freemail_is(freemail, address)) {
            if (++n_freemails == freemail->max_body_freemails && freemail->skip_over_max)
                message->body_skipped = TRUE;
            else
                g_ptr_array_add(message->body, g_string_new_len(address->str, (gssize)address->len));
        }
    }
}

/* FALSE: the body doesn't count. */
static gboolean
read_body(struct freemail_message *message)
{
    struct addresses all;
    const struct perl_text *texts;
    gsize count;

    if (message->body_read)
        return !message->body_skipped;
    message->body_read = TRUE;
    message->body = g_ptr_array_new_with_free_func(string_free);
    all.list = g_ptr_array_new_with_free_func(string_free);
    all.seen = g_hash_table_new((GHashFunc)g_string_hash, (GEqualFunc)g_string_equal);
    add_links(&all, message->freemail, message->uris(message->data));
    texts = message->texts(message->data, &count);
    for (gsize i = 0; i < count && add_text(&all, message, texts[i], i); i++)
        ;
    keep_freemails(message, all.list);
    g_hash_table_unref(all.seen);
    g_ptr_array_unref(all.list);
    return !message->body_skipped;
}

void
freemail_message_clear(struct freemail_message *message)
{
    g_clear_pointer(&message->body, g_ptr_array_unref);
}

/* ---- the functions ---- */

static gboolean
fits(struct freemail_message *message, const GString *address, const struct pattern *pattern)
{
    return pattern == NULL || pattern_match(pattern, message->matcher, address->str, address->len, 0, NULL, NULL) == MATCH_YES;
}

gboolean
freemail_from(struct freemail_message *message, const GPtrArray *from, const struct pattern *pattern)
{
    for (guint i = 0; message->freemail != NULL && i < from->len; i++) {
        const GString *written = from->pdata[i];
        g_autoptr(GString) address = bytes_lower(written->str, written->len);
        if (freemail_is(message->freemail, address) && fits(message, address, pattern))
            return TRUE;
    }
    return FALSE;
}

/* GString *, in lower case. */
static GPtrArray *
field_addresses(const struct spam_headers *headers, const char *field)
{
    g_autofree char *name = g_strconcat(field, ":addr", NULL);
    const GPtrArray *values = headers->get(headers->message, name);
    GPtrArray *addresses = g_ptr_array_new_with_free_func(string_free);

    for (guint i = 0; values != NULL && i < values->len; i++) {
        gsize length;
        const char *value = g_bytes_get_data(values->pdata[i], &length);
        g_ptr_array_add(addresses, bytes_lower(value, length));
    }
    return addresses;
}

gboolean
freemail_header(struct freemail_message *message, const char *header, const struct pattern *pattern)
{
    if (message->freemail == NULL)
        return FALSE;
    g_autoptr(GPtrArray) addresses = field_addresses(message->headers, header);
    for (guint i = 0; i < addresses->len; i++)
        if (freemail_is(message->freemail, addresses->pdata[i]) && fits(message, addresses->pdata[i], pattern))
            return TRUE;
    return FALSE;
}

gboolean
freemail_body(struct freemail_message *message, const struct pattern *pattern)
{
    if (message->freemail == NULL || !read_body(message))
        return FALSE;
    for (guint i = 0; i < message->body->len; i++)
        if (fits(message, message->body->pdata[i], pattern))
            return TRUE;
    return FALSE;
}

static gboolean
any_is_freemail(const struct freemail *freemail, const GPtrArray *addresses)
{
    for (guint i = 0; i < addresses->len; i++)
        if (freemail_is(freemail, addresses->pdata[i]))
            return TRUE;
    return FALSE;
}

static gboolean
share_one(const GPtrArray *one, const GPtrArray *other)
{
    g_autoptr(GHashTable) known = g_hash_table_new((GHashFunc)g_string_hash, (GEqualFunc)g_string_equal);
    gboolean shared = FALSE;

    for (guint i = 0; i < one->len; i++)
        g_hash_table_add(known, one->pdata[i]);
    for (guint i = 0; i < other->len; i++)
        shared = shared || g_hash_table_contains(known, other->pdata[i]);
    return shared;
}

static gboolean
is_bulk(const struct freemail_message *message)
{
    const GPtrArray *values = message->headers->get(message->headers->message, "EnvelopeFrom");
    gsize length;
    const char *sender = values != NULL && values->len > 0 ? g_bytes_get_data(values->pdata[0], &length) : NULL;

    return sender != NULL && freemail_is_bulk(sender, length);
}

/* Some address of the body differs from some to which a reply would go. */
static gboolean
body_differs(const struct freemail_message *message, const GPtrArray *replies)
{
    for (guint i = 0; i < message->body->len; i++)
        for (guint r = 0; r < replies->len; r++)
            if (!g_string_equal(message->body->pdata[i], replies->pdata[r]))
                return TRUE;
    return FALSE;
}

static gboolean
look_at_replies(struct freemail_message *message, gboolean or_from)
{
    const struct freemail *freemail = message->freemail;

    if (freemail == NULL || (freemail->skip_bulk && is_bulk(message)))
        return FALSE;
    g_autoptr(GPtrArray) from = field_addresses(message->headers, "From"), reply = field_addresses(message->headers, "Reply-To");
    gboolean from_is = any_is_freemail(freemail, from), reply_is = any_is_freemail(freemail, reply);
    if (from_is && reply_is && !share_one(from, reply))
        return TRUE;
    if (or_from ? (reply->len > 0 && !reply_is) || !from_is : !reply_is)
        return FALSE;
    return read_body(message) && body_differs(message, !or_from || reply_is ? reply : from);
}

gboolean
freemail_reply_to(struct freemail_message *message, gboolean or_from)
{
    struct freemail_answer *answer = &message->replies[or_from != FALSE];

    if (!answer->known)
        *answer = (struct freemail_answer){TRUE, look_at_replies(message, or_from)};
    return answer->value;
}
