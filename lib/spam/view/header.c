/* header.c: values are gathered by the name, then each modifier narrows them. */
#include "lib/spam/view/header.h"
#include <string.h>
#include "lib/spam/view/addresses.h"
#include "lib/spam/view/all_fields.h"
#include "lib/spam/view/bytes.h"
#include "lib/spam/view/header_words.h"

struct header_view {
    struct spam_tree *tree;
    const struct header_help *help;
    const struct header_requests *known; /* or NULL */
    GPtrArray **answers;         /* of these, by their index; NULL: not asked yet */
    struct header_requests *own; /* the others; NULL: none yet */
    GPtrArray *own_answers;
    GPtrArray *none;             /* what is answered when there is nothing, which is most often */
    GPtrArray *spare;            /* an empty list that was not needed; or NULL */
    GBytes *all[2];              /* header_all, decoded and raw; NULL: not asked yet, or nothing */
    GHashTable *addresses;       /* the bytes of a field's raw value -> GPtrArray *: addresses_parse */
};

static void
value_free(gpointer value)
{
    if (value != NULL)
        g_bytes_unref(value);
}

static GPtrArray *
new_values(void)
{
    return g_ptr_array_new_with_free_func(value_free);
}

/* Memory that the tree or a value that stays owns. */
static void
add_view(GPtrArray *values, const char *s, gsize length)
{
    g_ptr_array_add(values, g_bytes_new_static(s, length));
}

static void
add_string(GPtrArray *values, GString *string)
{
    g_ptr_array_add(values, g_string_free_to_bytes(string));
}

static const char *
value_at(const GPtrArray *values, guint i, gsize *length_r)
{
    return g_bytes_get_data(values->pdata[i], length_r);
}

struct header_view *
header_view_new(struct spam_tree *tree, const struct header_help *help, const struct header_requests *known)
{
    static const struct header_help none;
    struct header_view *view = g_new0(struct header_view, 1);

    view->tree = tree;
    view->help = help != NULL ? help : &none;
    view->known = known;
    view->answers = known != NULL ? g_new0(GPtrArray *, header_requests_count(known)) : NULL;
    view->none = g_ptr_array_new();
    view->addresses = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
    return view;
}

static void
answer_free(gpointer answer)
{
    if (answer != NULL)
        g_ptr_array_unref(answer);
}

void
header_view_free(struct header_view **view)
{
    struct header_view *self = g_steal_pointer(view);

    if (self == NULL)
        return;
    for (guint i = 0; self->known != NULL && i < header_requests_count(self->known); i++)
        answer_free(self->answers[i]);
    g_free(self->answers);
    g_clear_pointer(&self->own_answers, g_ptr_array_unref);
    header_requests_free(&self->own);
    g_clear_pointer(&self->spare, g_ptr_array_unref);
    for (guint raw = 0; raw < G_N_ELEMENTS(self->all); raw++)
        g_clear_pointer(&self->all[raw], g_bytes_unref);
    g_hash_table_unref(self->addresses);
    g_ptr_array_unref(self->none);
    g_free(self);
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
            add_view(values, from, (gsize)(lf + 1 - from));
        s = lf + 1;
    }
}

/* A field and the next ones of its name: decoded with a LF, or raw without folds. */
static void
add_fields(const struct spam_field *field, gboolean raw, GPtrArray *values)
{
    for (; field != NULL; field = field->next) {
        if (raw)
            add_string(values, all_fields_unfolded(&field->raw));
        else
            add_view(values, field->value.str, field->value.len);
    }
}

static void
add_raw_fields(const struct spam_field *field, GPtrArray *values)
{
    for (; field != NULL; field = field->next)
        add_view(values, field->raw.str, field->raw.len);
}

static const struct spam_field *
fields_of(const struct header_view *view, const char *name)
{
    return part_field(view->tree->root, name, -1);
}

/* Lists keep a message's first id in other fields. */
static void
add_message_ids(struct header_view *view, gboolean raw, GPtrArray *values)
{
    static const char *const names[] = { "X-Message-Id", "Resent-Message-Id", "X-Original-Message-ID", "Message-Id" };

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        add_fields(fields_of(view, names[i]), raw, values);
    for (guint i = values->len; i > 0; i--)
        if (g_bytes_get_size(values->pdata[i - 1]) == 0)
            g_ptr_array_remove_index(values, i - 1);
}

static gboolean
ask_more(struct header_view *view, const struct header_request *r, GPtrArray *values)
{
    return view->help->more != NULL && view->help->more(view->help->data, r->name, r->raw, values);
}

/* Whether a Received field stands above a field called name in ALL. */
static gboolean
is_below_received(struct header_view *view, const char *name)
{
    const GPtrArray *all = header_get(view, "ALL");
    gboolean received = FALSE;
    gsize n = strlen(name), length;

    for (guint i = 0; i < all->len; i++) {
        const char *line = value_at(all, i, &length);
        if (received && length > n && g_ascii_strncasecmp(line, name, n) == 0 && line[n] == ':')
            return TRUE;
        received = received || (length >= 9 && g_ascii_strncasecmp(line, "Received:", 9) == 0);
    }
    return FALSE;
}

/* fetchmail takes X-Sender for the envelope sender, which it is not. */
static gboolean
is_fetchmail_guess(struct header_view *view)
{
    const GPtrArray *senders = header_get(view, "X-Sender:first:addr"), *received = header_get(view, "Received");
    gsize length;
    const char *sender = senders->len > 0 ? value_at(senders, 0, &length) : NULL;

    if (sender == NULL || memchr(sender, '@', length) == NULL)
        return FALSE;
    for (guint i = 0; i < received->len; i++) {
        const char *line = value_at(received, i, &length);
        if (memmem(line, length, "(fetchmail", strlen("(fetchmail")) != NULL)
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
        const GPtrArray *found = header_get(view, sources[i].request);
        if (found->len == 0)
            continue;
        if (!is_below_received(view, sources[i].name)) {
            g_ptr_array_add(values, g_bytes_ref(found->pdata[0]));
            return;
        }
        if (sources[i].decides)
            return;
    }
}

/* The values that the name stands for; TRUE when they are raw ones of fields. */
static gboolean
gather(struct header_view *view, const struct header_request *r, GPtrArray *values)
{
    const struct spam_part *root = view->tree->root;
    const struct spam_field *field;

    switch (r->source) {
    case HEADER_ALL:
        if (r->raw)
            add_all_raw(view, values);
        else
            all_fields_add(root, FALSE, values, &view->tree->truncated_header);
        return FALSE;
    case HEADER_ALL_RANGE:
    case HEADER_RELAYS:
        ask_more(view, r, values);
        return FALSE;
    case HEADER_ENVELOPE_FROM:
        if (!ask_more(view, r, values))
            add_envelope_from(view, values);
        return FALSE;
    case HEADER_TO_CC:
        add_fields(fields_of(view, "To"), r->raw, values);
        add_fields(fields_of(view, "Cc"), r->raw, values);
        return FALSE;
    case HEADER_MESSAGE_ID:
        add_message_ids(view, r->raw, values);
        return FALSE;
    case HEADER_FIELD:
    case HEADER_METADATA:
        break;
    }
    field = part_field_by_hash(root, r->field, r->field_length, r->field_hash);
    if (r->raw || r->addr || r->display)
        add_raw_fields(field, values);
    else
        add_fields(field, FALSE, values);
    if (field == NULL && r->source == HEADER_METADATA)
        ask_more(view, r, values);
    return field != NULL && (r->raw || r->addr || r->display);
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

/* The addresses in a value. Those of fields, whose bytes stay where they are, are kept: From is asked for :addr, for :name and more. */
static GPtrArray *
addresses_in(struct header_view *view, const char *line, gsize length, gboolean is_field)
{
    GPtrArray *addresses = is_field ? g_hash_table_lookup(view->addresses, line) : NULL;

    if (addresses != NULL)
        return g_ptr_array_ref(addresses);
    addresses = addresses_parse(line, length);
    if (is_field)
        g_hash_table_insert(view->addresses, (gpointer)(guintptr)line, g_ptr_array_ref(addresses));
    return addresses;
}

static GPtrArray *
addresses_of(struct header_view *view, const GPtrArray *values, const struct header_request *r, gboolean are_fields)
{
    GPtrArray *out = new_values();

    for (guint i = 0; i < values->len; i++) {
        gsize length;
        const char *line = value_at(values, i, &length);
        g_autoptr(GPtrArray) addresses = addresses_in(view, line, length, are_fields);
        for (guint k = 0; k < addresses->len; k++) {
            const struct spam_address *address = addresses->pdata[k];
            const GString *wanted = r->addr ? address->address : address->phrase;
            if (wanted == NULL)
                continue;
            if (r->addr || r->raw)
                add_string(out, g_string_new_len(wanted->str, (gssize)wanted->len)); /* not NULL when it is empty */
            else
                add_string(out, tidy_name(header_words_decode(wanted->str, wanted->len, "", 0)));
        }
    }
    return out;
}

/* What stands behind an address' last "@" that is followed by something, up to white space. */
static GString *
behind_at(const char *address, gsize length)
{
    gsize start = 0, end;

    for (gsize i = length; i > 1 && start == 0; i--)
        if (address[i - 2] == '@' && !byte_is_space(address[i - 1]))
            start = i - 1;
    if (start == 0)
        return NULL;
    for (end = start; end < length && !byte_is_space(address[end]); end++)
        ;
    return g_string_new_len(address + start, (gssize)(end - start));
}

static GPtrArray *
hosts_of(struct header_view *view, const GPtrArray *values, const struct header_request *r)
{
    GPtrArray *out = new_values();

    for (guint i = 0; i < values->len; i++) {
        gsize length;
        const char *line = value_at(values, i, &length);
        GString *host = NULL;
        if (r->addr)
            host = behind_at(line, length);
        else if (view->help->is_tld != NULL)
            host = host_name_find(line, length, view->help->is_tld, view->help->data);
        if (host != NULL && bytes_is_false(host))
            g_clear_pointer(&host, bytes_free);
        if (host != NULL && r->domain && view->help->domain_of != NULL) {
            GString *domain = view->help->domain_of(view->help->data, host);
            bytes_free(host);
            host = domain;
        }
        if (host != NULL)
            add_string(out, host);
    }
    return out;
}

static GPtrArray *
ips_of(const GPtrArray *values, const struct header_request *r)
{
    GPtrArray *out = new_values();

    for (guint i = 0; i < values->len; i++) {
        gsize length;
        const char *line = value_at(values, i, &length);
        GString *ip = host_name_find_ip(line, length);
        if (ip != NULL && r->revip) {
            GString *reversed = host_name_reversed_ip(ip);
            bytes_free(ip);
            ip = reversed;
        }
        if (ip != NULL)
            add_string(out, ip);
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
answer(struct header_view *view, const struct header_request *r)
{
    GPtrArray *values = view->spare != NULL ? g_steal_pointer(&view->spare) : new_values();
    gboolean are_fields;

    are_fields = gather(view, r, values);
    if (values->len == 0 && view->spare == NULL) {
        view->spare = values;
        return g_ptr_array_ref(view->none);
    }
    if (values->len == 0 || r->source == HEADER_ALL || r->source == HEADER_ALL_RANGE)
        return values;
    if (r->first)
        g_ptr_array_set_size(values, 1);
    else if (r->last && values->len > 1)
        g_ptr_array_remove_range(values, 0, values->len - 1);
    if (r->addr || r->display)
        replace(&values, addresses_of(view, values, r, are_fields));
    if (values->len > 0 && r->host)
        replace(&values, hosts_of(view, values, r));
    else if (values->len > 0 && r->ip)
        replace(&values, ips_of(values, r));
    return values;
}

/* A request that was not foreseen. */
static const GPtrArray *
get_own(struct header_view *view, const char *text)
{
    const struct header_request *r;

    if (view->own == NULL) {
        view->own = header_requests_new();
        view->own_answers = g_ptr_array_new_with_free_func(answer_free);
    }
    r = header_requests_add(view->own, text);
    if (r->index >= view->own_answers->len)
        g_ptr_array_set_size(view->own_answers, (gint)r->index + 1);
    if (view->own_answers->pdata[r->index] == NULL) {
        GPtrArray *values = answer(view, r); /* may ask for others */
        view->own_answers->pdata[r->index] = values;
    }
    return view->own_answers->pdata[r->index];
}

static const GPtrArray *
get_known(struct header_view *view, const struct header_request *r)
{
    GPtrArray *values = view->answers[r->index];

    if (values != NULL)
        return values;
    if (r->source == HEADER_FIELD && part_field_by_hash(view->tree->root, r->field, r->field_length, r->field_hash) == NULL)
        return view->none;
    values = answer(view, r); /* may ask for others */
    view->answers[r->index] = values;
    return values;
}

const GPtrArray *
header_get(struct header_view *view, const char *text)
{
    const struct header_request *r = view->known != NULL ? header_requests_find(view->known, text) : NULL;

    return r != NULL ? get_known(view, r) : get_own(view, text);
}

/* ---- in one ---- */

/* Values with LFs between them, if the first has none of its own. */
static GBytes *
joined(const GPtrArray *values)
{
    gsize size = values->len, length;
    const char *first = g_bytes_get_data(values->pdata[0], &length);
    gboolean has_end = length > 0 && first[length - 1] == '\n';
    GString *text;

    for (guint i = 0; i < values->len; i++)
        size += g_bytes_get_size(values->pdata[i]);
    text = g_string_sized_new(size);
    for (guint i = 0; i < values->len; i++) {
        const char *value = g_bytes_get_data(values->pdata[i], &length);
        if (i > 0 && !has_end)
            g_string_append_c(text, '\n');
        g_string_append_len(text, value, (gssize)length);
    }
    return g_string_free_to_bytes(text);
}

/* ALL:raw as it was received, where its fields lie side by side: they do unless there are too many, or the last one has no end. Lines
 * that continue nothing stand in front of them all. */
static GBytes *
raw_section(const struct spam_tree *tree)
{
    const char *s = tree->pristine->str, *end = s + tree->header_length;

    if (s == end || end - s > TREE_FIELDS_MAX || end[-1] != '\n')
        return NULL;
    if (end - s == 1 || end[-2] == '\n') /* the empty line is none of them */
        end--;
    while (s < end && (*s == ' ' || *s == '\t'))
        s = (const char *)memchr(s, '\n', (gsize)(end - s)) + 1;
    return s < end ? g_bytes_new_static(s, (gsize)(end - s)) : NULL;
}

GBytes *
header_all(struct header_view *view, gboolean raw)
{
    GBytes **all = &view->all[raw != FALSE];
    const GPtrArray *values;

    if (*all == NULL && raw)
        *all = raw_section(view->tree);
    if (*all == NULL && (values = header_get(view, raw ? "ALL:raw" : "ALL"))->len > 0)
        *all = joined(values);
    return *all;
}

GBytes *
header_get_text(struct header_view *view, const char *text)
{
    const struct header_request *r = view->known != NULL ? header_requests_find(view->known, text) : NULL;
    const GPtrArray *values;

    if (r != NULL && r->source == HEADER_ALL) {
        GBytes *all = header_all(view, r->raw);
        return all != NULL ? g_bytes_ref(all) : NULL;
    }
    values = r != NULL ? get_known(view, r) : get_own(view, text);
    if (values->len == 0)
        return NULL;
    return values->len == 1 ? g_bytes_ref(values->pdata[0]) : joined(values);
}
