/* html_colors.c: named, hex and rgb() colours. */
#include "lib/spam/view/html_colors.h"
#include <math.h>
#include <string.h>

#define NAME_MAX_LENGTH 20
#define HEX_MAX 7      /* digits that matter: six, and whether there are more */
#define DISTANCE_MIN 12 /* weighted by brightness; the greatest is 191 */

/* HTML 4's and CSS 3's names, by strcmp. */
static const struct color_name {
    char name[NAME_MAX_LENGTH + 1];
    gint32 color;
} NAMES[] = {
    {"aliceblue", 0xf0f8ff}, {"antiquewhite", 0xfaebd7}, {"aqua", 0x00ffff}, {"aquamarine", 0x7fffd4},
    {"azure", 0xf0ffff}, {"beige", 0xf5f5dc}, {"bisque", 0xffe4c4}, {"black", 0x000000}, {"blanchedalmond", 0xffebcd},
    {"blue", 0x0000ff}, {"blueviolet", 0x8a2be2}, {"brown", 0xa52a2a}, {"burlywood", 0xdeb887},
    {"cadetblue", 0x5f9ea0}, {"chartreuse", 0x7fff00}, {"chocolate", 0xd2691e}, {"coral", 0xff7f50},
    {"cornflowerblue", 0x6495ed}, {"cornsilk", 0xfff8dc}, {"crimson", 0xdc143c}, {"cyan", 0x00ffff},
    {"darkblue", 0x00008b}, {"darkcyan", 0x008b8b}, {"darkgoldenrod", 0xb8860b}, {"darkgray", 0xa9a9a9},
    {"darkgreen", 0x006400}, {"darkgrey", 0xa9a9a9}, {"darkkhaki", 0xbdb76b}, {"darkmagenta", 0x8b008b},
    {"darkolivegreen", 0x556b2f}, {"darkorange", 0xff8c00}, {"darkorchid", 0x9932cc}, {"darkred", 0x8b0000},
    {"darksalmon", 0xe9967a}, {"darkseagreen", 0x8fbc8f}, {"darkslateblue", 0x483d8b}, {"darkslategray", 0x2f4f4f},
    {"darkslategrey", 0x2f4f4f}, {"darkturquoise", 0x00ced1}, {"darkviolet", 0x9400d3}, {"deeppink", 0xff1493},
    {"deepskyblue", 0x00bfff}, {"dimgray", 0x696969}, {"dimgrey", 0x696969}, {"dodgerblue", 0x1e90ff},
    {"firebrick", 0xb22222}, {"floralwhite", 0xfffaf0}, {"forestgreen", 0x228b22}, {"fuchsia", 0xff00ff},
    {"gainsboro", 0xdcdcdc}, {"ghostwhite", 0xf8f8ff}, {"gold", 0xffd700}, {"goldenrod", 0xdaa520},
    {"gray", 0x808080}, {"green", 0x008000}, {"greenyellow", 0xadff2f}, {"grey", 0x808080}, {"honeydew", 0xf0fff0},
    {"hotpink", 0xff69b4}, {"indianred", 0xcd5c5c}, {"indigo", 0x4b0082}, {"ivory", 0xfffff0}, {"khaki", 0xf0e68c},
    {"lavender", 0xe6e6fa}, {"lavenderblush", 0xfff0f5}, {"lawngreen", 0x7cfc00}, {"lemonchiffon", 0xfffacd},
    {"lightblue", 0xadd8e6}, {"lightcoral", 0xf08080}, {"lightcyan", 0xe0ffff}, {"lightgoldenrodyellow", 0xfafad2},
    {"lightgray", 0xd3d3d3}, {"lightgreen", 0x90ee90}, {"lightgrey", 0xd3d3d3}, {"lightpink", 0xffb6c1},
    {"lightsalmon", 0xffa07a}, {"lightseagreen", 0x20b2aa}, {"lightskyblue", 0x87cefa}, {"lightslategray", 0x778899},
    {"lightslategrey", 0x778899}, {"lightsteelblue", 0xb0c4de}, {"lightyellow", 0xffffe0}, {"lime", 0x00ff00},
    {"limegreen", 0x32cd32}, {"linen", 0xfaf0e6}, {"magenta", 0xff00ff}, {"maroon", 0x800000},
    {"mediumaquamarine", 0x66cdaa}, {"mediumblue", 0x0000cd}, {"mediumorchid", 0xba55d3}, {"mediumpurple", 0x9370db},
    {"mediumseagreen", 0x3cb371}, {"mediumslateblue", 0x7b68ee}, {"mediumspringgreen", 0x00fa9a},
    {"mediumturquoise", 0x48d1cc}, {"mediumvioletred", 0xc71585}, {"midnightblue", 0x191970}, {"mintcream", 0xf5fffa},
    {"mistyrose", 0xffe4e1}, {"moccasin", 0xffe4b5}, {"navajowhite", 0xffdead}, {"navy", 0x000080},
    {"oldlace", 0xfdf5e6}, {"olive", 0x808000}, {"olivedrab", 0x6b8e23}, {"orange", 0xffa500},
    {"orangered", 0xff4500}, {"orchid", 0xda70d6}, {"palegoldenrod", 0xeee8aa}, {"palegreen", 0x98fb98},
    {"paleturquoise", 0xafeeee}, {"palevioletred", 0xdb7093}, {"papayawhip", 0xffefd5}, {"peachpuff", 0xffdab9},
    {"peru", 0xcd853f}, {"pink", 0xffc0cb}, {"plum", 0xdda0dd}, {"powderblue", 0xb0e0e6}, {"purple", 0x800080},
    {"red", 0xff0000}, {"rosybrown", 0xbc8f8f}, {"royalblue", 0x4169e1}, {"saddlebrown", 0x8b4513},
    {"salmon", 0xfa8072}, {"sandybrown", 0xf4a460}, {"seagreen", 0x2e8b57}, {"seashell", 0xfff5ee},
    {"sienna", 0xa0522d}, {"silver", 0xc0c0c0}, {"skyblue", 0x87ceeb}, {"slateblue", 0x6a5acd},
    {"slategray", 0x708090}, {"slategrey", 0x708090}, {"snow", 0xfffafa}, {"springgreen", 0x00ff7f},
    {"steelblue", 0x4682b4}, {"tan", 0xd2b48c}, {"teal", 0x008080}, {"thistle", 0xd8bfd8}, {"tomato", 0xff6347},
    {"turquoise", 0x40e0d0}, {"violet", 0xee82ee}, {"wheat", 0xf5deb3}, {"white", 0xffffff}, {"whitesmoke", 0xf5f5f5},
    {"yellow", 0xffff00}, {"yellowgreen", 0x9acd32},
};

static int
color_compare(const void *key, const void *entry)
{
    return strcmp(key, ((const struct color_name *)entry)->name);
}

static const struct color_name *
name_find(struct spam_slice text)
{
    const char *end = text.data + text.length;
    char key[NAME_MAX_LENGTH + 1];
    gsize length = 0;
    gsize size;

    for (const char *p = text.data; p < end; p += size) {
        guint32 c = spam_char_next(p, end, text.is_chars, &size);

        if (c == 0x212a && text.is_chars)
            c = 'k'; /* the Kelvin sign's lower case */
        if (length == NAME_MAX_LENGTH || c >= 0x80 || c == '\0')
            return NULL;
        key[length++] = g_ascii_tolower((char)c);
    }
    key[length] = '\0';
    return bsearch(key, NAMES, G_N_ELEMENTS(NAMES), sizeof *NAMES, color_compare);
}

/* Adds what is a hex digit of two or more digits of a number; Perl prints an infinite one as "Inf". */
static void
hex_add(GString *hex, double number)
{
    if (isinf(number))
        g_string_append_c(hex, 'f');
    else
        g_string_append_printf(hex, "%02" G_GINT64_MODIFIER "x",
                               number >= 18446744073709551615.0 ? G_MAXUINT64 : (guint64)number);
}

/* \d+ at *p: its number (digits beyond ASCII end it, as Perl reads numbers). */
static gboolean
number_read(const char **p, const char *end, gboolean is_chars, double *number)
{
    const char *start = *p;
    gboolean counts = TRUE;
    gsize size;

    *number = 0;
    for (; *p < end; *p += size) {
        guint32 c = spam_char_next(*p, end, is_chars, &size);

        if (!spam_char_is_digit(c, is_chars))
            break;
        counts = counts && c < 0x80;
        if (counts)
            *number = *number * 10 + (c - '0');
    }
    return *p > start;
}

static const char *
blanks_skip(const char *p, const char *end, gboolean is_chars)
{
    gsize size;

    while (p < end && spam_char_is_space(spam_char_next(p, end, is_chars, &size), is_chars))
        p += size;
    return p;
}

/* After "rgb(": three numbers, each before a percent sign if so asked, then ")". */
static gboolean
rgb_read(const char *p, const char *end, gboolean is_chars, gboolean percent, GString *hex)
{
    g_string_truncate(hex, 0);
    for (guint i = 0; i < 3; i++) {
        double number;

        if (i > 0)
            p = blanks_skip(p, end, is_chars);
        if (!number_read(&p, end, is_chars, &number))
            return FALSE;
        if (percent && (p == end || *p++ != '%'))
            return FALSE;
        if (i < 2 && (p == end || *p++ != ','))
            return FALSE;
        hex_add(hex, percent ? floor(number / 100 * 255) : number);
    }
    p = blanks_skip(p, end, is_chars);
    return p < end && *p == ')';
}

/* "rgb(", then only what may be within, then ")". */
static gboolean
rgb_plausible(const char *p, const char *end, gboolean is_chars)
{
    gsize size;

    for (; p < end; p += size) {
        guint32 c = spam_char_next(p, end, is_chars, &size);

        if (c == ')')
            return TRUE;
        if (c != '%' && c != ',' && c != ' ' && !spam_char_is_digit(c, is_chars))
            return FALSE;
    }
    return FALSE;
}

static const char *
rgb_next(const char *p, const char *end)
{
    for (; p + 4 <= end; p++)
        if (g_ascii_strncasecmp(p, "rgb(", 4) == 0)
            return p + 4;
    return NULL;
}

/* TRUE: the text is to be read as hex digits, which are in hex when they came of an rgb(), else still in text. */
static gboolean
rgb_find(struct spam_slice text, GString *hex)
{
    const char *end = text.data + text.length;
    gboolean plausible = FALSE;

    for (const char *p = text.data; !plausible && (p = rgb_next(p, end)) != NULL;)
        plausible = rgb_plausible(p, end, text.is_chars);
    if (!plausible)
        return FALSE;
    for (guint percent = 2; percent-- > 0;)
        for (const char *p = text.data; (p = rgb_next(p, end)) != NULL;)
            if (rgb_read(p, end, text.is_chars, percent != 0, hex))
                return TRUE;
    g_string_truncate(hex, 0);
    return TRUE;
}

static gboolean
hex_only(struct spam_slice text)
{
    for (gsize i = 0; i < text.length; i++)
        if (text.data[i] != '#' && !g_ascii_isxdigit(text.data[i]))
            return FALSE;
    return TRUE;
}

/* Three digits mean each twice; fewer are filled up with 0, four and five cut to three, more than six to six. */
static gint32
hex_color(GString *hex)
{
    char digits[7];

    if (hex->len == 0)
        return HTML_COLOR_EMPTY;
    if (hex->len >= 6) {
        g_string_truncate(hex, 6);
        return (gint32)g_ascii_strtoull(hex->str, NULL, 16);
    }
    g_string_append(hex, "00");
    for (guint i = 0; i < 6; i++)
        digits[i] = hex->str[i / 2];
    digits[6] = '\0';
    return (gint32)g_ascii_strtoull(digits, NULL, 16);
}

gint32
html_color_read(struct spam_slice text)
{
    g_autoptr(GString) hex = NULL;
    const struct color_name *name;

    text = spam_slice_trim(text);
    name = name_find(text);
    if (name != NULL)
        return name->color;
    hex = g_string_new(NULL);
    if (!hex_only(text) && !rgb_find(text, hex))
        return HTML_COLOR_INVALID;
    if (hex->len > 0)
        return hex_color(hex);
    if (text.length == 0 || text.data[0] != '#')
        return HTML_COLOR_INVALID;
    for (gsize i = 0; i < text.length && hex->len < HEX_MAX; i++)
        if (g_ascii_isxdigit(text.data[i]))
            g_string_append_c(hex, text.data[i]);
    return hex_color(hex);
}

gint32
html_color_rgb_loose(struct spam_slice text)
{
    guint numbers[3] = {0, 0, 0};
    guint n = 0;

    for (gsize i = 0; i < text.length && n < 3; i++) {
        if (text.data[i] == ',')
            n++;
        else if (g_ascii_isdigit(text.data[i]))
            numbers[n] = MIN(numbers[n] * 10 + (guint)(text.data[i] - '0'), 255);
    }
    return (gint32)(numbers[0] << 16 | numbers[1] << 8 | numbers[2]);
}

/* Values of one layer as they come, and what was found of the layers before. */
struct background {
    gsize values;
    gint32 color;
    gboolean has_layers;
    gint32 before;
};

static void
background_value(struct background *b, struct spam_slice text, gsize start, gsize end)
{
    if (start == end)
        return;
    b->values++;
    if (b->color == HTML_COLOR_INVALID)
        b->color = html_color_read((struct spam_slice){text.data + start, end - start, text.is_chars});
}

static void
background_layer_end(struct background *b)
{
    b->has_layers = TRUE;
    b->before = b->color;
    b->values = 0;
    b->color = HTML_COLOR_INVALID;
}

gint32
html_color_background(struct spam_slice text, gboolean *broken)
{
    struct background b = {0, HTML_COLOR_INVALID, FALSE, HTML_COLOR_INVALID};
    gboolean in_parens = FALSE;
    char quote = '\0';
    gsize start = 0;

    for (gsize i = 0; i < text.length; i++) {
        char c = text.data[i];

        if (quote != '\0') {
            quote = c == quote ? '\0' : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (in_parens) {
            if (c != ')')
                continue;
            in_parens = FALSE;
            background_value(&b, text, start, i + 1);
            start = i + 1;
        } else if (c == '(') {
            in_parens = TRUE;
        } else if (c == ' ' || c == ',') {
            background_value(&b, text, start, i);
            start = i + 1;
            if (c == ',')
                background_layer_end(&b);
        }
    }
    background_value(&b, text, start, text.length);
    *broken = b.values == 0 && !b.has_layers;
    return b.values > 0 ? b.color : b.before;
}

static double
weighted(gint32 foreground, gint32 background, guint shift, double weight)
{
    double distance = weight * (((foreground >> shift) & 0xff) - ((background >> shift) & 0xff));

    return distance * distance;
}

gboolean
html_colors_close(gint32 foreground, gint32 background)
{
    if (foreground == background)
        return TRUE;
    if (foreground < 0 || background < 0)
        return FALSE;
    return sqrt(weighted(foreground, background, 16, 0.2126) + weighted(foreground, background, 8, 0.7152) +
                weighted(foreground, background, 0, 0.0722)) < DISTANCE_MIN;
}
