/* header.c: a request is a name and modifiers; values are gathered by the name, then each modifier narrows them. */
#include "lib/spam/view/header.h"
#include <string.h>
#include "lib/spam/view/addresses.h"
#include "lib/spam/view/all_fields.h"
#include "lib/spam/view/bytes.h"
#include "lib/spam/view/header_words.h"

struct header_view {
    struct spam_tree *tree;
    const struct header_help *help;
    GHashTable *answers; /* request -> GPtrArray * */
};

struct request {
    char *name;
    gboolean raw, addr, display, host, domain, ip, revip, first, last;
};

static void
value_free(gpointer value)
{
    bytes_free(value);
}

static GPtrArray *
new_values(void)
{
    return g_ptr_array_new_with_free_func(value_free);
}

static void
add_bytes(GPtrArray *values, const char *s, gsize length)
{
    g_ptr_array_add(values, g_string_new_len(s, (gssize)length));
}

struct header_view *
header_view_new(struct spam_tree *tree, const struct header_help *help)
{
    static const struct header_help none;
    struct header_view *view = g_new0(struct header_view, 1);

    view->tree = tree;
    view->help = help != NULL ? help : &none;
    view->answers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    return view;
}

void
header_view_free(struct header_view **view)
{
    if (*view == NULL)
        return;
    g_hash_table_unref((*view)->answers);
    g_clear_pointer(view, g_free);
}

static gboolean
is_modifier(const char *text, gsize length, const char *name)
{
    return strlen(name) == length && memcmp(text, name, length) == 0;
}

/* Name and modifiers; unknown modifiers are dropped. */
static void
parse_request(const char *text, struct request *r)
{
    gsize n = strcspn(text, ":");

    memset(r, 0, sizeof *r);
    r->name = g_strndup(text, n);
    while (text[n] == ':') {
        text += n + 1;
        n = strcspn(text, ":");
        r->raw |= is_modifier(text, n, "raw");
        r->addr |= is_modifier(text, n, "addr");
        r->display |= is_modifier(text, n, "name");
        r->domain |= is_modifier(text, n, "domain");
        r->host |= r->domain || is_modifier(text, n, "host");
        r->revip |= is_modifier(text, n, "revip");
        r->ip |= r->revip || is_modifier(text, n, "ip");
        r->first |= is_modifier(text, n, "first");
        r->last |= is_modifier(text, n, "last");
    }
}

/* The header section as received, field by field, TREE_FIELDS_MAX at most; lines that continue nothing and an end without a
 * line end are left out. */
static void
add_all_raw(struct header_view *view, GPtrArray *values)
{
    const char *s = view->tree->pristine->str, *end = s + view->tree->header_length, *lf;

    while (s < end && values->len < TREE_FIELDS_MAX) {
        const char *from = s[0] == ' ' || s[0] == '\t' ? NULL : s;
        const char *search = from != NULL ? s + 1 : s;
        while ((lf = search < end ? memchr(search, '\n', (gsize)(end - search)) : NULL) != NULL && from != NULL && lf + 1 < end &&
               (lf[1] == ' ' || lf[1] == '\t'))
            search = lf + 1;
        if (lf == NULL)
            break;
        if (from != NULL)
            add_bytes(values, from, (gsize)(lf + 1 - from));
        s = lf + 1;
    }
}

/* The fields called name: decoded with a LF, or raw without folds. */
static void
add_fields(struct header_view *view, const char *name, gboolean raw, GPtrArray *values)
{
    const GPtrArray *fields = part_fields(view->tree->root, name, -1);

    for (guint i = 0; fields != NULL && i < fields->len; i++) {
        const struct spam_field *field = fields->pdata[i];
        if (raw) {
            g_ptr_array_add(values, all_fields_unfolded(field->raw));
            continue;
        }
        add_bytes(values, field->decoded->str, field->decoded->len);
        g_string_append_c(values->pdata[values->len - 1], '\n');
    }
}

static void
add_raw_fields(struct header_view *view, const char *name, GPtrArray *values)
{
    g_autofree char *trimmed = g_strstrip(g_strdup(name));
    const GPtrArray *fields = part_fields(view->tree->root, trimmed, -1);

    for (guint i = 0; fields != NULL && i < fields->len; i++) {
        const struct spam_field *field = fields->pdata[i];
        add_bytes(values, field->raw->str, field->raw->len);
    }
}

/* Lists keep a message's first id in other fields. */
static void
add_message_ids(struct header_view *view, gboolean raw, GPtrArray *values)
{
    static const char *const names[] = { "X-Message-Id", "Resent-Message-Id", "X-Original-Message-ID", "Message-Id" };

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        add_fields(view, names[i], raw, values);
    for (guint i = values->len; i > 0; i--)
        if (((GString *)values->pdata[i - 1])->len == 0)
            g_ptr_array_remove_index(values, i - 1);
}

static gboolean
ask_more(struct header_view *view, const char *name, gboolean raw, GPtrArray *values)
{
    return view->help->more != NULL && view->help->more(view->help->data, name, raw, values);
}

/* The first value, or NULL. */
static const GString *
first_of(struct header_view *view, const char *request)
{
    const GPtrArray *values = header_get(view, request);

    return values->len > 0 ? values->pdata[0] : NULL;
}

/* Whether a Received field stands above a field called name in ALL. */
static gboolean
is_below_received(struct header_view *view, const char *name)
{
    const GPtrArray *all = header_get(view, "ALL");
    gboolean received = FALSE;
    gsize n = strlen(name);

    for (guint i = 0; i < all->len; i++) {
        const GString *line = all->pdata[i];
        if (received && line->len > n && g_ascii_strncasecmp(line->str, name, n) == 0 && line->str[n] == ':')
            return TRUE;
        received = received || g_ascii_strncasecmp(line->str, "Received:", 9) == 0;
    }
    return FALSE;
}

/* fetchmail takes X-Sender for the envelope sender, which it is not. */
static gboolean
is_fetchmail_guess(struct header_view *view)
{
    const GString *sender = first_of(view, "X-Sender:first:addr");
    const GPtrArray *received = header_get(view, "Received");

    if (sender == NULL || memchr(sender->str, '@', sender->len) == NULL)
        return FALSE;
    for (guint i = 0; i < received->len; i++) {
        const GString *line = received->pdata[i];
        if (memmem(line->str, line->len, "(fetchmail", strlen("(fetchmail")) != NULL)
            return TRUE;
    }
    return FALSE;
}

/* The envelope sender where the relays say nothing: fields that programs leave, if no relay stands above them. */
static void
add_envelope_from(struct header_view *view, GPtrArray *values)
{
    static const struct {
        const char *name, *request;
        gboolean decides; /* found below a Received it ends the search */
    } sources[] = { { "X-Envelope-From", "X-Envelope-From:first:addr", TRUE },
                    { "Envelope-Sender", "Envelope-Sender:first:addr", FALSE },
                    { "Return-Path", "Return-Path:first:addr", FALSE } };

    if (is_fetchmail_guess(view))
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(sources); i++) {
        const GString *from = first_of(view, sources[i].request);
        if (from == NULL)
            continue;
        if (!is_below_received(view, sources[i].name)) {
            add_bytes(values, from->str, from->len);
            return;
        }
        if (sources[i].decides)
            return;
    }
}

/* The pseudo names that only others know. */
static gboolean
is_others(const char *name)
{
    static const char *const exact[] = { "ALL-TRUSTED", "ALL-INTERNAL", "ALL-UNTRUSTED", "ALL-EXTERNAL" };
    static const char *const any_case[] = { "X-Spam-Relays-Untrusted", "X-Spam-Relays-Trusted", "X-Spam-Relays-External",
                                            "X-Spam-Relays-Internal" };

    for (gsize i = 0; i < G_N_ELEMENTS(exact); i++)
        if (strcmp(name, exact[i]) == 0 || g_ascii_strcasecmp(name, any_case[i]) == 0)
            return TRUE;
    return FALSE;
}

/* The values that the name stands for; TRUE when modifiers have no say. */
static gboolean
gather(struct header_view *view, const struct request *r, GPtrArray *values)
{
    if (strcmp(r->name, "ALL") == 0) {
        if (r->raw)
            add_all_raw(view, values);
        else
            all_fields_add(view->tree->root, FALSE, values, &view->tree->truncated_header);
        return TRUE;
    }
    if (is_others(r->name)) {
        ask_more(view, r->name, r->raw, values);
        return g_str_has_prefix(r->name, "ALL-");
    }
    if (g_ascii_strcasecmp(r->name, "EnvelopeFrom") == 0) {
        if (!ask_more(view, r->name, r->raw, values))
            add_envelope_from(view, values);
    } else if (g_ascii_strcasecmp(r->name, "ToCc") == 0) {
        add_fields(view, "To", r->raw, values);
        add_fields(view, "Cc", r->raw, values);
    } else if (strcmp(r->name, "MESSAGEID") == 0) {
        add_message_ids(view, r->raw, values);
    } else {
        if (r->raw || r->addr || r->display)
            add_raw_fields(view, r->name, values);
        else
            add_fields(view, r->name, FALSE, values);
        if (values->len == 0)
            ask_more(view, r->name, r->raw, values);
    }
    return FALSE;
}

/* White space squeezed and trimmed, single quotes around it dropped; text that is nothing but white space stays. */
static GString *
tidy_name(GString *name)
{
    GString *out = g_string_sized_new(name->len);
    gsize n;

    for (gsize i = 0; i < name->len; i++) {
        if (!byte_is_space(name->str[i]))
            g_string_append_c(out, name->str[i]);
        else if (out->len > 0 && out->str[out->len - 1] != ' ')
            g_string_append_c(out, ' ');
    }
    n = out->len;
    if (n == 0) {
        bytes_free(out);
        return name;
    }
    bytes_free(name);
    if (out->str[n - 1] == ' ')
        g_string_truncate(out, --n);
    if (n >= 2 && out->str[0] == '\'' && out->str[n - 1] == '\'') {
        g_string_truncate(out, n - 1);
        g_string_erase(out, 0, 1);
    }
    return out;
}

static GPtrArray *
addresses_of(const GPtrArray *values, const struct request *r)
{
    GPtrArray *out = new_values();

    for (guint i = 0; i < values->len; i++) {
        const GString *line = values->pdata[i];
        g_autoptr(GPtrArray) addresses = addresses_parse(line->str, line->len);
        for (guint k = 0; k < addresses->len; k++) {
            const struct spam_address *address = addresses->pdata[k];
            const GString *wanted = r->addr ? address->address : address->phrase;
            if (wanted == NULL)
                continue;
            if (r->addr || r->raw)
                add_bytes(out, wanted->str, wanted->len);
            else
                g_ptr_array_add(out, tidy_name(header_words_decode(wanted->str, wanted->len, "", 0)));
        }
    }
    return out;
}

/* What stands behind an address' last "@" that is followed by something, up to white space. */
static GString *
behind_at(const GString *address)
{
    gsize start = 0, end;

    for (gsize i = address->len; i > 1 && start == 0; i--)
        if (address->str[i - 2] == '@' && !byte_is_space(address->str[i - 1]))
            start = i - 1;
    if (start == 0)
        return NULL;
    for (end = start; end < address->len && !byte_is_space(address->str[end]); end++)
        ;
    return g_string_new_len(address->str + start, (gssize)(end - start));
}

static GPtrArray *
hosts_of(struct header_view *view, const GPtrArray *values, const struct request *r)
{
    GPtrArray *out = new_values();

    for (guint i = 0; i < values->len; i++) {
        const GString *line = values->pdata[i];
        GString *host = NULL;
        if (r->addr)
            host = behind_at(line);
        else if (view->help->is_tld != NULL)
            host = host_name_find(line->str, line->len, view->help->is_tld, view->help->data);
        if (host != NULL && bytes_is_false(host))
            g_clear_pointer(&host, bytes_free);
        if (host != NULL && r->domain && view->help->domain_of != NULL) {
            GString *domain = view->help->domain_of(view->help->data, host);
            bytes_free(host);
            host = domain;
        }
        if (host != NULL)
            g_ptr_array_add(out, host);
    }
    return out;
}

static GPtrArray *
ips_of(const GPtrArray *values, const struct request *r)
{
    GPtrArray *out = new_values();

    for (guint i = 0; i < values->len; i++) {
        const GString *line = values->pdata[i];
        GString *ip = host_name_find_ip(line->str, line->len);
        if (ip != NULL && r->revip) {
            GString *reversed = host_name_reversed_ip(ip);
            bytes_free(ip);
            ip = reversed;
        }
        if (ip != NULL)
            g_ptr_array_add(out, ip);
    }
    return out;
}

static void
replace(GPtrArray **values, GPtrArray *by)
{
    g_ptr_array_unref(*values);
    *values = by;
}

static GPtrArray *
answer(struct header_view *view, const struct request *r)
{
    GPtrArray *values = new_values();

    if (gather(view, r, values) || values->len == 0)
        return values;
    if (r->first)
        g_ptr_array_set_size(values, 1);
    else if (r->last && values->len > 1)
        g_ptr_array_remove_range(values, 0, values->len - 1);
    if (r->addr || r->display)
        replace(&values, addresses_of(values, r));
    if (values->len > 0 && r->host)
        replace(&values, hosts_of(view, values, r));
    else if (values->len > 0 && r->ip)
        replace(&values, ips_of(values, r));
    return values;
}

const GPtrArray *
header_get(struct header_view *view, const char *request)
{
    GPtrArray *values = g_hash_table_lookup(view->answers, request);
    struct request r;

    if (values != NULL)
        return values;
    parse_request(request, &r);
    values = answer(view, &r);
    g_free(r.name);
    g_hash_table_insert(view->answers, g_strdup(request), values);
    return values;
}
