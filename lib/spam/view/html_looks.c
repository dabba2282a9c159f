/* html_looks.c: the stack of looks, the attributes that change them and the CSS of style="". */
#include "lib/spam/view/html_looks.h"
#include "lib/spam/view/html_colors.h"
#include <string.h>

#define COLOR_TRANSPARENT (-3) /* until the tag's style is read */
#define DEFAULT_SIZE 3

enum role { ROLE_FOREGROUND, ROLE_SIZE, ROLE_STYLE, ROLE_NONE };

#define TAG(id) (1u << HTML_TAG_##id)
G_STATIC_ASSERT(HTML_TAG_IDS <= 32);

/* Attributes that count, and on which tags. */
static const struct look_attribute {
    const char *name;
    enum role role;
    guint32 tags;
} ATTRIBUTES[] = {
    {"color", ROLE_FOREGROUND, TAG(FONT) | TAG(BASEFONT)},
    {"text", ROLE_FOREGROUND, TAG(BODY)},
    {"size", ROLE_SIZE, TAG(FONT) | TAG(BASEFONT)},
    {"style", ROLE_STYLE, TAG(TABLE) | TAG(TD) | TAG(TR) | TAG(SPAN) | TAG(P) | TAG(DIV) | TAG(A)},
    {"face", ROLE_NONE, TAG(FONT) | TAG(BASEFONT)},
    {"bgcolor", ROLE_NONE, TAG(BODY) | TAG(TABLE) | TAG(TD) | TAG(TR)}, /* read there, but then forgotten */
    {"background", ROLE_NONE, TAG(BODY)},
    {"link", ROLE_NONE, TAG(BODY)},
    {"alink", ROLE_NONE, TAG(BODY)},
    {"vlink", ROLE_NONE, TAG(BODY)},
};

void
html_looks_init(struct html_looks *looks)
{
    const struct html_look plain = {HTML_TAG_UNKNOWN, 0x000000, 0xffffff, DEFAULT_SIZE, FALSE, FALSE};

    memset(looks, 0, sizeof *looks);
    looks->basefont = looks->min_size = looks->max_size = DEFAULT_SIZE;
    looks->stack = g_array_new(FALSE, FALSE, sizeof(struct html_look));
    g_array_append_val(looks->stack, plain);
}

void
html_looks_clear(struct html_looks *looks)
{
    g_clear_pointer(&looks->stack, g_array_unref);
}

const struct html_look *
html_looks_top(const struct html_looks *looks)
{
    return &g_array_index(looks->stack, struct html_look, looks->stack->len - 1);
}

static void
look_push(struct html_looks *looks, const struct html_look *look)
{
    looks->open[look->tag]++;
    g_array_append_vals(looks->stack, look, 1);
}

static enum html_tag_id
look_pop(struct html_looks *looks)
{
    enum html_tag_id tag = html_looks_top(looks)->tag;

    looks->open[tag]--;
    g_array_set_size(looks->stack, looks->stack->len - 1);
    return tag;
}

/* <td> and <tr> close cells (and fonts) that were left open. */
static void
cells_close(struct html_looks *looks, enum html_tag_id tag)
{
    if (looks->open[tag] == 0)
        return;
    for (;;) {
        enum html_tag_id top = html_looks_top(looks)->tag;

        if (top != HTML_TAG_FONT && top != HTML_TAG_TD && !(top == HTML_TAG_TR && tag == HTML_TAG_TR))
            return;
        look_pop(looks);
    }
}

/* ^\s*(\d+) or, with sign, ^\s*([+-]\d+): its number. */
static gboolean
number_read(struct spam_slice text, gboolean with_sign, double *number)
{
    struct spam_slice trimmed = spam_slice_trim(text);
    const char *p = trimmed.data;
    const char *end = p + trimmed.length;
    double sign = 1;
    gsize size;

    if (with_sign) {
        if (p == end || (*p != '+' && *p != '-'))
            return FALSE;
        sign = *p++ == '-' ? -1 : 1;
    }
    if (p == end || !spam_char_is_digit(spam_char_next(p, end, text.is_chars, &size), text.is_chars))
        return FALSE;
    for (*number = 0; p < end && g_ascii_isdigit(*p); p++)
        *number = *number * 10 + (*p - '0');
    *number *= sign;
    return TRUE;
}

static void
size_read(const struct html_looks *looks, struct html_look *look, struct spam_slice text)
{
    double number;

    if (number_read(text, TRUE, &number))
        look->size = looks->basefont + number;
    else if (number_read(text, FALSE, &number))
        look->size = number;
}

/* \s*(.+?)\s*$ in what follows a property's colon. A value of nothing but blanks is the last of these. */
static gboolean
value_read(struct spam_slice rest, struct spam_slice *value)
{
    const char *end = rest.data + rest.length;

    *value = spam_slice_trim(rest);
    if (value->length > 0)
        return memchr(value->data, '\n', value->length) == NULL;
    while (end > rest.data) {
        const char *last = spam_char_before(rest.data, end, rest.is_chars);

        if (*last != '\n') {
            *value = (struct spam_slice){last, (gsize)(end - last), rest.is_chars};
            return TRUE;
        }
        end = last;
    }
    return FALSE;
}

static gboolean
value_is(struct spam_slice value, const char *word)
{
    return value.length == strlen(word) && g_ascii_strncasecmp(value.data, word, value.length) == 0;
}

/* Without "!important" at its end. */
static struct spam_slice
value_without_important(struct spam_slice value)
{
    static const char WORD[] = "important";
    gsize n = sizeof WORD - 1;
    struct spam_slice rest = value;

    if (value.length < n || g_ascii_strncasecmp(value.data + value.length - n, WORD, n) != 0)
        return value;
    for (guint i = 0; i < 2; i++) {
        rest.length = i == 0 ? value.length - n : rest.length - 1;
        while (rest.length > 0) {
            const char *end = rest.data + rest.length;
            const char *last = spam_char_before(rest.data, end, rest.is_chars);
            gsize size;

            if (!spam_char_is_space(spam_char_next(last, end, rest.is_chars, &size), rest.is_chars))
                break;
            rest.length = (gsize)(last - rest.data);
        }
        if (i == 0 && (rest.length == 0 || rest.data[rest.length - 1] != '!'))
            return value;
    }
    return rest;
}

static gboolean
mentions_rgb(struct spam_slice value)
{
    for (gsize i = 0; i + 3 <= value.length; i++)
        if (g_ascii_strncasecmp(value.data + i, "rgb", 3) == 0)
            return TRUE;
    return FALSE;
}

static void
css_color(gint32 *color, struct spam_slice value)
{
    value = value_without_important(value);
    if (mentions_rgb(value))
        *color = html_color_rgb_loose(value);
    else if (value_is(value, "transparent"))
        *color = COLOR_TRANSPARENT;
    else if (!value_is(value, "inherit"))
        *color = html_color_read(value);
}

/* "display" or "visibility", exactly so, with a value on one line. */
static gboolean
css_plain_property(const char *p, const char *end, gboolean is_chars, const char *name, struct spam_slice *value)
{
    gsize n = strlen(name);
    struct spam_slice rest;

    if ((gsize)(end - p) < n || memcmp(p, name, n) != 0)
        return FALSE;
    rest = spam_slice_trim((struct spam_slice){p + n, (gsize)(end - p) - n, is_chars});
    if (rest.length == 0 || rest.data[0] != ':')
        return FALSE;
    *value = spam_slice_trim((struct spam_slice){rest.data + 1, rest.length - 1, is_chars});
    return value->length > 0 && memchr(value->data, '\n', value->length) == NULL;
}

/* One property of a style. FALSE: SpamAssassin reads no further. */
static gboolean
css_property(struct html_look *look, struct spam_slice part)
{
    const char *end = part.data + part.length;
    const char *p = spam_slice_trim(part).data;
    gsize background = spam_slice_folds(p, end, part.is_chars, "background-");
    gsize color = spam_slice_folds(p + background, end, part.is_chars, "color:");
    const char *after = p + background + color;
    struct spam_slice value;

    if (color > 0 && value_read((struct spam_slice){after, (gsize)(end - after), part.is_chars}, &value)) {
        css_color(background > 0 ? &look->background : &look->foreground, value);
    } else if (end - p >= 11 && memcmp(p, "background:", 11) == 0 &&
               value_read((struct spam_slice){p + 11, (gsize)(end - p) - 11, part.is_chars}, &value)) {
        gboolean broken;
        gint32 found = html_color_background(value, &broken);

        if (broken)
            return FALSE;
        if (found != HTML_COLOR_INVALID)
            look->background = found;
    } else if (css_plain_property(p, end, part.is_chars, "display", &value)) {
        look->display_none = value_is(value, "none");
    } else if (css_plain_property(p, end, part.is_chars, "visibility", &value)) {
        look->hidden = value_is(value, "hidden");
    }
    return TRUE;
}

static gboolean
style_read(const struct html_looks *looks, struct html_look *look, struct spam_slice style)
{
    const char *end = style.data + style.length;

    for (const char *p = style.data; p < end;) {
        const char *semicolon = memchr(p, ';', (gsize)(end - p));
        const char *stop = semicolon != NULL ? semicolon : end;

        if (!css_property(look, (struct spam_slice){p, (gsize)(stop - p), style.is_chars}))
            return FALSE;
        p = stop + 1;
    }
    if (look->background == COLOR_TRANSPARENT)
        look->background = html_looks_top(looks)->background;
    if (look->foreground == COLOR_TRANSPARENT)
        look->foreground = look->background;
    return TRUE;
}

/* What one attribute of a tag changes. FALSE: SpamAssassin reads no further. */
static gboolean
attribute_apply(struct html_looks *looks, struct html_look *look, enum role role, struct spam_slice value)
{
    if (role == ROLE_FOREGROUND)
        look->foreground = html_color_read(value);
    else if (role == ROLE_SIZE)
        size_read(looks, look, value);
    else if (role == ROLE_STYLE && !style_read(looks, look, value))
        return FALSE;
    if (look->size > looks->max_size)
        looks->max_size = look->size;
    else if (look->size < looks->min_size)
        looks->min_size = look->size;
    return TRUE;
}

static gboolean
attributes_apply(struct html_looks *looks, struct html_look *look, const struct html_attributes *attributes)
{
    guint seen = 0;

    for (guint i = 0; i < attributes->count; i++) {
        for (guint k = 0; k < G_N_ELEMENTS(ATTRIBUTES); k++) {
            struct spam_string *value;
            gboolean ok;

            if ((ATTRIBUTES[k].tags & (1u << look->tag)) == 0 || (seen & (1u << k)) != 0 ||
                !html_attribute_named(&attributes->list[i], ATTRIBUTES[k].name))
                continue;
            seen |= 1u << k;
            value = html_attribute_value(attributes, &attributes->list[i]);
            ok = attribute_apply(looks, look, ATTRIBUTES[k].role, spam_string_slice(value));
            spam_string_free(value);
            if (!ok)
                return FALSE;
        }
    }
    return TRUE;
}

/* <basefont size=n> changes what relative sizes mean, and nothing else. */
static gboolean
basefont_read(struct html_looks *looks, const struct html_attributes *attributes)
{
    struct spam_string *size = html_attributes_get(attributes, "size");
    gboolean ok = size != NULL && number_read(spam_string_slice(size), FALSE, &looks->basefont);

    spam_string_free(size);
    return ok;
}

gboolean
html_looks_start(struct html_looks *looks, enum html_tag_id tag, const struct html_attributes *attributes)
{
    struct html_look look;

    tag = tag == HTML_TAG_TH ? HTML_TAG_TD : tag;
    if (tag == HTML_TAG_BASEFONT && basefont_read(looks, attributes))
        return TRUE;
    if (tag == HTML_TAG_TD || tag == HTML_TAG_TR)
        cells_close(looks, tag);
    look = *html_looks_top(looks);
    look.tag = tag;
    if (tag == HTML_TAG_BIG)
        look.size += 1;
    else if (tag == HTML_TAG_SMALL)
        look.size -= 1;
    else if (!attributes_apply(looks, &look, attributes))
        return FALSE;
    look_push(looks, &look);
    return TRUE;
}

void
html_looks_end(struct html_looks *looks, enum html_tag_id tag)
{
    tag = tag == HTML_TAG_TH ? HTML_TAG_TD : tag;
    if (tag == HTML_TAG_BODY || looks->open[tag] == 0)
        return; /* browsers show what follows </body> like what was before */
    while (look_pop(looks) != tag)
        ;
}
