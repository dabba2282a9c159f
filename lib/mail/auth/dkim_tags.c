/* dkim_tags.c: tag=value lists and their values. One copy of the list is cut up in place. */
#include "lib/mail/auth/dkim_tags.h"
#include <string.h>

struct tag {
    const char *name, *value; /* within text */
};
struct dkim_tags {
    char *text;
    guint count;
    struct tag tags[DKIM_TAGS_MAX];
};

static gboolean
is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Cuts white space off both ends, in place. */
static char *
trimmed(char *start, char *end)
{
    while (start < end && is_white(*start))
        start++;
    while (end > start && is_white(end[-1]))
        end--;
    *end = '\0';
    return start;
}

/* ALPHA *(ALPHA / DIGIT / "_") */
static gboolean
is_tag_name(const char *name)
{
    if (!g_ascii_isalpha(*name))
        return FALSE;
    for (; *name != '\0'; name++)
        if (!g_ascii_isalnum(*name) && *name != '_')
            return FALSE;
    return TRUE;
}

/* VALCHARs, white space and UTF-8; takes the line ends out. */
static gboolean
clean_value(char *value)
{
    char *to = value;

    if (!g_utf8_validate(value, -1, NULL))
        return FALSE;
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '\r' || *c == '\n')
            continue;
        if (((guchar)*c < ' ' && *c != '\t') || *c == 0x7f)
            return FALSE;
        *to++ = *c;
    }
    *to = '\0';
    return TRUE;
}

/* One tag-spec between two semicolons; *end is overwritten. */
static const char *
add_tag(struct dkim_tags *tags, char *start, char *end)
{
    char *equals = memchr(start, '=', (gsize)(end - start));

    if (equals == NULL)
        return *trimmed(start, end) == '\0' ? "an empty tag" : "a tag without =";
    if (tags->count >= DKIM_TAGS_MAX)
        return "too many tags";
    char *value = trimmed(equals + 1, end), *name = trimmed(start, equals);
    if (!is_tag_name(name))
        return "a malformed tag name";
    if (!clean_value(value))
        return "a malformed tag value";
    if (dkim_tags_get(tags, name) != NULL)
        return "a tag occurs twice";
    tags->tags[tags->count++] = (struct tag){name, value};
    return NULL;
}

static const char *
parse(struct dkim_tags *tags, char *at, char *end)
{
    const char *why = NULL;

    while (why == NULL) {
        char *semicolon = memchr(at, ';', (gsize)(end - at));
        why = add_tag(tags, at, semicolon != NULL ? semicolon : end);
        if (semicolon == NULL)
            return why;
        at = semicolon + 1;
        while (at < end && is_white(*at))
            at++;
        if (at == end) /* the one semicolon that may end a list */
            return why;
    }
    return why;
}

struct dkim_tags *
dkim_tags_parse(const char *text, gsize length, gsize max_bytes, const char **why_r)
{
    *why_r = NULL;
    if (length > (max_bytes != 0 ? max_bytes : DKIM_TAG_LIST_BYTES_MAX))
        *why_r = "too long";
    else if (length == 0)
        *why_r = "empty";
    else if (memchr(text, '\0', length) != NULL)
        *why_r = "a NUL";
    if (*why_r != NULL)
        return NULL;
    struct dkim_tags *tags = g_new0(struct dkim_tags, 1);
    tags->text = g_strndup(text, length);
    *why_r = parse(tags, tags->text, tags->text + length);
    if (*why_r != NULL)
        dkim_tags_free(&tags);
    return tags;
}

void
dkim_tags_free(struct dkim_tags **tags)
{
    if (*tags == NULL)
        return;
    g_free((*tags)->text);
    g_clear_pointer(tags, g_free);
}

const char *
dkim_tags_get(const struct dkim_tags *tags, const char *name)
{
    for (guint i = 0; i < tags->count; i++)
        if (strcmp(tags->tags[i].name, name) == 0)
            return tags->tags[i].value;
    return NULL;
}

const char *
dkim_tags_name(const struct dkim_tags *tags, guint n)
{
    return n < tags->count ? tags->tags[n].name : NULL;
}

gboolean
dkim_list_has(const char *list, const char *word)
{
    gsize length = strlen(word);

    for (;;) {
        const char *end = strchr(list, ':'), *next = end;
        if (end == NULL)
            end = list + strlen(list);
        while (list < end && is_white(*list))
            list++;
        while (end > list && is_white(end[-1]))
            end--;
        if ((gsize)(end - list) == length && memcmp(list, word, length) == 0)
            return TRUE;
        if (next == NULL)
            return FALSE;
        list = next + 1;
    }
}

static gint
base64_value(char c)
{
    if (g_ascii_isupper(c))
        return c - 'A';
    if (g_ascii_islower(c))
        return c - 'a' + 26;
    if (g_ascii_isdigit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

guint8 *
dkim_base64(const char *text, gsize *length_r)
{
    g_autofree guint8 *out = g_malloc(strlen(text) / 4 * 3 + 3);
    gsize digits = 0, padding = 0, length = 0;
    guint32 group = 0;

    for (; *text != '\0'; text++) {
        if (is_white(*text))
            continue;
        gint value = base64_value(*text);
        if (*text == '=')
            padding++;
        else if (value < 0 || padding > 0)
            return NULL;
        group = group << 6 | (guint32)MAX(value, 0);
        if (++digits % 4 == 0)
            for (guint i = 0; i < 3; i++)
                out[length++] = (guint8)(group >> (16 - 8 * i));
    }
    if (digits == 0 || digits % 4 != 0 || padding > 2)
        return NULL;
    *length_r = length - padding;
    return g_steal_pointer(&out);
}

gboolean
dkim_number(const char *text, guint64 *number_r)
{
    gsize digits = strspn(text, "0123456789");
    guint64 number = 0;

    if (digits == 0 || digits > DKIM_NUMBER_DIGITS_MAX || text[digits] != '\0')
        return FALSE;
    for (; *text != '\0'; text++) {
        guint64 digit = (guint64)(*text - '0');
        number = number > (G_MAXUINT64 - digit) / 10 ? G_MAXUINT64 : number * 10 + digit;
    }
    *number_r = number;
    return TRUE;
}
