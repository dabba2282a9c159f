/* dmarc_record.c: reads v=DMARC1 records: first the tag list as a table, then what each known tag means. */
#include "lib/mail/auth/dmarc_record.h"
#include <string.h>

struct tag {
    char *name, *value; /* without white space around them */
};

const char *
dmarc_policy_name(enum dmarc_policy policy)
{
    static const char *const names[] = {"none", "quarantine", "reject"};

    return names[policy];
}

static void
uri_free(gpointer data)
{
    struct dmarc_uri *uri = data;

    g_free(uri->uri);
    g_free(uri);
}

void
dmarc_record_free(struct dmarc_record **record)
{
    if (*record == NULL)
        return;
    g_ptr_array_unref((*record)->rua);
    g_ptr_array_unref((*record)->ruf);
    g_clear_pointer(record, g_free);
}

static const char *
skip_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
        at++;
    return at;
}

gboolean
dmarc_record_is(const char *text, gsize length)
{
    static const char version[] = "DMARC1";
    const char *at = text, *end = length > 0 ? text + length : text;

    if (at >= end || *at != 'v') /* RFC 7489 6.4: nothing before it */
        return FALSE;
    at = skip_space(at + 1, end);
    if (at >= end || *at != '=')
        return FALSE;
    at = skip_space(at + 1, end);
    if ((gsize)(end - at) < strlen(version) || memcmp(at, version, strlen(version)) != 0)
        return FALSE;
    at = skip_space(at + strlen(version), end);
#ifdef POSTERN_PLANTED_BUGS
    if (end - text > 12 && *end == ';') /* reads the byte after the record */
        return TRUE;
#endif
    return at == end || *at == ';';
}

/* ---- the tag list (RFC 6376 3.2) ---- */

static void
tag_clear(gpointer data)
{
    struct tag *tag = data;

    g_free(tag->name);
    g_free(tag->value);
}

static const char *
find(const GArray *tags, const char *name)
{
    for (guint i = 0; i < tags->len; i++)
        if (strcmp(g_array_index(tags, struct tag, i).name, name) == 0)
            return g_array_index(tags, struct tag, i).value;
    return NULL;
}

/* ALPHA *( ALPHA / DIGIT / "_" ) */
static gboolean
is_tag_name(const char *name)
{
    if (!g_ascii_isalpha(name[0]))
        return FALSE;
    while (g_ascii_isalnum(*name) || *name == '_')
        name++;
    return *name == '\0';
}

/* Tags that aren't any ("p reject", "=x") are left out: a syntax error in the remainder (RFC 7489 6.3). */
static GArray *
read_tags(const char *text, gsize length, const char **why_r)
{
    g_autofree char *copy = g_strndup(text, length);
    g_auto(GStrv) specs = g_strsplit(copy, ";", (gint)DMARC_TAGS_MAX + 1);
    g_autoptr(GArray) tags = g_array_new(FALSE, FALSE, sizeof(struct tag));

    g_array_set_clear_func(tags, tag_clear);
    if (g_strv_length(specs) > DMARC_TAGS_MAX) {
        *why_r = "too many tags";
        return NULL;
    }
    for (guint i = 0; specs[i] != NULL; i++) {
        char *equals = strchr(specs[i], '=');

        if (equals == NULL)
            continue;
        *equals = '\0';
        struct tag tag = {g_strdup(g_strstrip(specs[i])), g_strdup(g_strstrip(equals + 1))};
        if (find(tags, tag.name) != NULL) {
            tag_clear(&tag);
            *why_r = "a tag occurs twice";
            return NULL;
        }
        if (!is_tag_name(tag.name)) {
            tag_clear(&tag);
            continue;
        }
        if (!g_str_is_ascii(tag.value))
            tag.value[0] = '\0'; /* no tag's value, but its second may not count either */
        g_array_append_val(tags, tag);
    }
    return g_steal_pointer(&tags);
}

/* ---- what they mean ---- */

/* Index of value in the words (ended by NULL), or -1; NULL value: -1. */
static gint
word_of(const char *value, const char *const *words)
{
    for (gint i = 0; value != NULL && words[i] != NULL; i++)
        if (g_ascii_strcasecmp(value, words[i]) == 0)
            return i;
    return -1;
}

static gboolean
read_policy(const char *value, enum dmarc_policy *policy)
{
    static const char *const words[] = {"none", "quarantine", "reject", NULL};
    gint word = word_of(value, words);

    if (word >= 0)
        *policy = (enum dmarc_policy)word;
    return word >= 0;
}

/* Digits only, at most max; else fallback. */
static guint
read_number(const char *value, guint max, guint fallback)
{
    guint64 number;

    return value != NULL && g_ascii_string_to_unsigned(value, 10, 0, max, &number, NULL) ? (guint)number : fallback;
}

/* A colon-separated list; what is unknown in it is skipped, with nothing known in it the default stays. */
static guint
read_failure_options(const char *value)
{
    static const char *const words[] = {"0", "1", "d", "s", NULL};
    g_auto(GStrv) list = g_strsplit(value != NULL ? value : "", ":", -1);
    guint options = 0;

    for (guint i = 0; list[i] != NULL; i++) {
        gint word = word_of(g_strstrip(list[i]), words);

        if (word >= 0)
            options |= 1u << word;
    }
    return options != 0 ? options : DMARC_FO_ALL;
}

/* "10m" to bytes; FALSE when it is no size. */
static gboolean
read_size(const char *text, guint64 *bytes)
{
    static const char units[] = "kmgt";
    gsize n = strlen(text);
    const char *unit = n > 0 ? strchr(units, g_ascii_tolower(text[n - 1])) : NULL;
    guint shift = unit != NULL ? 10 * (guint)(unit - units + 1) : 0;
    g_autofree char *digits = g_strndup(text, unit != NULL ? n - 1 : n);

    if (!g_ascii_string_to_unsigned(digits, 10, 0, G_MAXUINT64 >> shift, bytes, NULL))
        return FALSE;
    *bytes <<= shift;
    return TRUE;
}

/* scheme ":" something, nothing in it that could leave a header field or a log line (RFC 3986 2, 3.1). */
static gboolean
is_uri(const char *text)
{
    const char *colon = strchr(text, ':');

    if (colon == NULL || colon[1] == '\0' || !g_ascii_isalpha(text[0]) || strlen(text) > DMARC_URI_MAX)
        return FALSE;
    for (const char *c = text; c < colon; c++)
        if (!g_ascii_isalnum(*c) && strchr("+-.", *c) == NULL)
            return FALSE;
    for (const char *c = colon + 1; *c != '\0'; c++)
        if (!g_ascii_isgraph(*c) || strchr("\"<>\\^`{|}", *c) != NULL)
            return FALSE;
    if (g_ascii_strncasecmp(text, "mailto:", strlen("mailto:")) != 0)
        return TRUE;
    const char *at = strchr(colon, '@');
    return at != NULL && at > colon + 1 && at[1] != '\0';
}

static GPtrArray *
read_uris(const char *value)
{
    GPtrArray *uris = g_ptr_array_new_with_free_func(uri_free);
    g_auto(GStrv) list = g_strsplit(value != NULL ? value : "", ",", -1);

    for (guint i = 0; list[i] != NULL && uris->len < DMARC_URIS_MAX; i++) {
        char *text = g_strstrip(list[i]), *limit = strchr(text, '!');
        guint64 max_bytes = 0;

        if (limit != NULL)
            *limit++ = '\0';
        if (!is_uri(text) || (limit != NULL && !read_size(limit, &max_bytes)))
            continue;
        struct dmarc_uri *uri = g_new0(struct dmarc_uri, 1);
        uri->uri = g_strdup(text);
        uri->max_bytes = max_bytes;
        g_ptr_array_add(uris, uri);
    }
    return uris;
}

/* RFC 7489 6.6.3 step 6: without a valid p, or with a bad sp (RFC 9989: or np), the record counts as p=none if it has
 * anybody to report to, and not at all otherwise. */
static gboolean
read_policies(struct dmarc_record *record, const GArray *tags, const char **why_r)
{
    const char *p = find(tags, "p"), *sp = find(tags, "sp"), *np = find(tags, "np");
    gboolean is_valid = read_policy(p, &record->p);

    record->has_sp = read_policy(sp, &record->sp);
    record->has_np = read_policy(np, &record->np);
    *why_r = p == NULL ? "no policy (p)" : !is_valid ? "unknown policy (p)" : "unknown subdomain policy (sp, np)";
    is_valid = is_valid && (sp == NULL || record->has_sp) && (np == NULL || record->has_np);
    if (!is_valid && record->rua->len == 0)
        return FALSE;
    if (!is_valid) {
        record->is_assumed = TRUE;
        record->has_sp = record->has_np = FALSE;
        record->p = DMARC_NONE;
    }
    if (!record->has_sp)
        record->sp = record->p;
    if (!record->has_np)
        record->np = record->sp;
    return TRUE;
}

struct dmarc_record *
dmarc_record_parse(const char *text, gsize length, const char **why_r)
{
    static const char *const psd_words[] = {"u", "n", "y", NULL};
    static const char *const strict[] = {"s", NULL}, *const yes[] = {"y", NULL};

    if (!dmarc_record_is(text, length)) {
        *why_r = "does not begin with v=DMARC1";
        return NULL;
    }
    if (length > DMARC_RECORD_MAX || memchr(text, '\0', length) != NULL) {
        *why_r = length > DMARC_RECORD_MAX ? "too long" : "holds a NUL";
        return NULL;
    }
    g_autoptr(GArray) tags = read_tags(text, length, why_r);
    if (tags == NULL)
        return NULL;
    struct dmarc_record *record = g_new0(struct dmarc_record, 1);
    record->rua = read_uris(find(tags, "rua"));
    record->ruf = read_uris(find(tags, "ruf"));
    record->strict_dkim = word_of(find(tags, "adkim"), strict) == 0;
    record->strict_spf = word_of(find(tags, "aspf"), strict) == 0;
    record->pct = read_number(find(tags, "pct"), 100, 100);
    record->fo = read_failure_options(find(tags, "fo"));
    record->interval = read_number(find(tags, "ri"), G_MAXUINT32, DMARC_INTERVAL);
    record->testing = word_of(find(tags, "t"), yes) == 0;
    record->psd = (enum dmarc_psd)MAX(word_of(find(tags, "psd"), psd_words), 0);
    if (!read_policies(record, tags, why_r))
        dmarc_record_free(&record);
    return record;
}
