/* prefilter_rough.c: one pass over the pattern, which writes while it reads.
 *
 * All that is done keeps this: where the pattern matches, the expression finds something that ends at the same byte or before it. */
#include "lib/spam/engine/prefilter_rough.h"
#include <string.h>
#include "lib/spam/engine/rough_piece.h"

#define NESTED_MAX 60u
#define COUNT_MAX 3u /* of one byte: larger differences between least and most become endless */

struct flags {
    gboolean caseless, lines, dotall, extended;
};

struct reader {
    const char *at, *end;
    struct flags flags;
    gboolean joined, ascii, failed;
    guint depth;
};

static struct rough_piece read_alternatives(struct reader *r, guint least_max, gboolean leading);

/* One byte of a set. */
static struct rough_piece
of_set(const struct reader *r, const struct byte_set *set)
{
    struct rough_piece piece = {.text = g_string_new(NULL), .first = *set, .least = 1, .most = 1, .positions = 1, .bare = TRUE};

    if (r->ascii)
        piece.first.bits[2] = piece.first.bits[3] = 0;
    piece.never = (piece.first.bits[0] | piece.first.bits[1] | piece.first.bits[2] | piece.first.bits[3]) == 0;
    byte_set_write(piece.text, &piece.first);
    return piece;
}

/* ---- escapes and classes ---- */

static void
add_range(struct byte_set *set, guint low, guint high)
{
    for (guint c = low; c <= high; c++)
        byte_set_add(set, c);
}

/* The class of a letter ("d", "W", ..); FALSE when it is none. */
static gboolean
add_named(struct byte_set *set, char letter)
{
    static const char blanks[] = " \t\n\v\f\r";
    struct byte_set named = {{0}};

    for (guint c = 0; c < 256; c++) {
        gboolean in = FALSE;
        switch (g_ascii_tolower(letter)) {
        case 'd': in = c < 128 && g_ascii_isdigit((gchar)c); break;
        case 'w': in = c < 128 && (g_ascii_isalnum((gchar)c) || c == '_'); break;
        case 's': in = c != 0 && c < 128 && strchr(blanks, (int)c) != NULL; break;
        case 'h': in = c == ' ' || c == '\t' || c == 0xa0; break;
        case 'v': in = (c >= '\n' && c <= '\r') || c == 0x85; break;
        case 'n': in = c == '\n'; break; /* \N */
        default: return FALSE;
        }
        if (in)
            byte_set_add(&named, c);
    }
    if (g_ascii_isupper(letter))
        byte_set_invert(&named);
    byte_set_join(set, &named);
    return TRUE;
}

static gint
hexadecimal(struct reader *r)
{
    guint value = 0, digits = 0;
    gboolean brace = r->at < r->end && *r->at == '{';

    r->at += brace;
    while (r->at < r->end && g_ascii_isxdigit(*r->at) && digits < (brace ? 6u : 2u)) {
        value = value * 16 + (guint)g_ascii_xdigit_value(*r->at++);
        digits++;
    }
    if (brace && (r->at >= r->end || *r->at++ != '}'))
        return -1;
    return value > 0xff ? -1 : (gint)value;
}

/* A number of up to three digits, the first of which was read; -1: too large. */
static gint
octal(struct reader *r, char first)
{
    guint value = (guint)(first - '0');

    for (guint i = 0; i < 2 && r->at < r->end && *r->at >= '0' && *r->at <= '7'; i++)
        value = value * 8 + (guint)(*r->at++ - '0');
    return value > 0xff ? -1 : (gint)value;
}

/* The byte that an escape stands for, whose letter was read; -1: it stands for none. */
static gint
escaped_byte(struct reader *r, char letter)
{
    static const char letters[] = "ntrfea", bytes[] = "\n\t\r\f\033\a";
    const char *known = letter != '\0' ? strchr(letters, letter) : NULL;

    if (letter == 'x')
        return hexadecimal(r);
    if (known != NULL)
        return bytes[known - letters];
    if (letter == '0')
        return octal(r, letter);
    return g_ascii_isalnum(letter) ? -1 : (gint)(guchar)letter;
}

/* "[:name:]" whose "[" was read. */
static gboolean
add_posix(struct reader *r, struct byte_set *set)
{
    static const struct {
        const char *name;
        int type;
    } names[] = {{"alpha", G_ASCII_ALPHA}, {"digit", G_ASCII_DIGIT}, {"alnum", G_ASCII_ALNUM}, {"upper", G_ASCII_UPPER},
                 {"lower", G_ASCII_LOWER}, {"space", G_ASCII_SPACE}, {"punct", G_ASCII_PUNCT}, {"xdigit", G_ASCII_XDIGIT},
                 {"print", G_ASCII_PRINT}, {"graph", G_ASCII_GRAPH}, {"cntrl", G_ASCII_CNTRL}};
    const char *name = r->at + 1, *close = g_strstr_len(name, r->end - name, ":]");
    gboolean negated = close != NULL && *name == '^';
    struct byte_set named = {{0}};

    if (close == NULL)
        return FALSE;
    name += negated;
    r->at = close + 2;
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (strlen(names[i].name) == (gsize)(close - name) && memcmp(names[i].name, name, (gsize)(close - name)) == 0) {
            for (guint c = 0; c < 128; c++)
                if ((g_ascii_table[c] & names[i].type) != 0 || (names[i].type == G_ASCII_SPACE && c == '\v'))
                    byte_set_add(&named, c);
            if (negated)
                byte_set_invert(&named);
            byte_set_join(set, &named);
            return TRUE;
        }
    return FALSE; /* word, blank, ascii: nobody writes them */
}

/* One member of a class; what may begin a range is returned, else -1. */
static gint
class_member(struct reader *r, struct byte_set *set)
{
    guchar c = (guchar)*r->at++;
    gint value = c;

    if (c == '[' && r->at < r->end && *r->at == ':') {
        r->failed |= !add_posix(r, set);
        return -1;
    }
    if (c == '\\' && r->at < r->end) {
        char letter = *r->at++;
        if (letter != 'n' && add_named(set, letter))
            return -1;
        value = letter == 'b' ? '\b' : letter >= '1' && letter <= '7' ? octal(r, letter) : escaped_byte(r, letter);
        if (value < 0) /* \8, \c, \p.. */
            r->failed = TRUE;
    }
    if (value >= 0)
        byte_set_add(set, (guint)value);
    return value;
}

/* A class, whose "[" was read. */
static struct rough_piece
read_class(struct reader *r)
{
    struct byte_set set = {{0}};
    gboolean negated = r->at < r->end && *r->at == '^';

    r->at += negated;
    while (r->at < r->end && *r->at != ']' && !r->failed) {
        gint low = class_member(r, &set), high;
        if (r->end - r->at < 2 || *r->at != '-' || r->at[1] == ']' || low < 0)
            continue;
        r->at++;
        high = class_member(r, &set);
        if (high < low)
            r->failed = TRUE;
        else
            add_range(&set, (guint)low, (guint)high);
    }
    r->failed |= r->at >= r->end;
    r->at += r->at < r->end;
    if (r->flags.caseless)
        byte_set_fold(&set);
    if (negated)
        byte_set_invert(&set);
    return of_set(r, &set);
}

static struct rough_piece
of_byte(const struct reader *r, guint c)
{
    struct byte_set set = {{0}};

    byte_set_add(&set, c);
    if (r->flags.caseless)
        byte_set_fold(&set);
    return of_set(r, &set);
}

static struct rough_piece
anything(void)
{
    struct rough_piece piece = {.text = g_string_new("[\\x00-\\xff]*"), .most = ROUGH_ENDLESS, .positions = 1, .bare = TRUE};

    byte_set_invert(&piece.first);
    byte_set_invert(&piece.rest);
    return piece;
}

static struct rough_piece
line_break(const struct reader *r)
{
    struct byte_set set = {{0}};
    struct rough_piece piece;

    add_named(&set, 'v');
    piece = of_set(r, &set);
    piece.rest = set;
    piece.most = piece.positions = 2;
    g_string_append(piece.text, "{1,2}");
    return piece;
}

static struct rough_piece
read_escape(struct reader *r)
{
    struct byte_set set = {{0}};
    char letter = r->at < r->end ? *r->at++ : '\0';
    gint value;

    switch (letter) {
    case 'A': return rough_assertion(r->joined ? "(?m:^)" : "^");
    case 'z': return rough_assertion(r->joined ? "(?m:$)" : "$");
    case 'Z': return rough_assertion(r->joined ? "(?m:$)" : "$");
    case 'b': return rough_assertion("\\b");
    case 'B': return rough_assertion("\\B");
    case 'G': case 'K': return rough_nothing();
    case 'R': return line_break(r);
    default: break;
    }
    if (letter >= '1' && letter <= '9') {
        while (r->at < r->end && g_ascii_isdigit(*r->at))
            r->at++;
        return anything();
    }
    if (letter != 'n' && add_named(&set, letter))
        return of_set(r, &set);
    value = escaped_byte(r, letter);
    r->failed |= value < 0 || letter == '\0';
    return of_byte(r, value < 0 ? 0 : (guint)value);
}

/* ---- groups ---- */

/* Flags up to ":" or ")"; FALSE when these are none. */
static gboolean
read_flags(struct reader *r)
{
    const char *p = r->at;
    struct flags flags = r->flags;
    gboolean on = TRUE;

    for (; p < r->end && strchr("^imsxn-", *p) != NULL && *p != '\0'; p++)
        switch (*p) {
        case '^': flags = (struct flags){0}; break;
        case '-': on = FALSE; break;
        case 'i': flags.caseless = on; break;
        case 'm': flags.lines = on; break;
        case 's': flags.dotall = on; break;
        case 'x': flags.extended = on; break;
        default: break;
        }
    if (p >= r->end || (*p != ':' && *p != ')'))
        return FALSE;
    r->at = p;
    r->flags = flags;
    return TRUE;
}

/* What a group is, whose "(" was read; r->at is moved to its alternatives. */
enum group { GROUP_PLAIN, GROUP_LOOKS, GROUP_FLAGS, GROUP_COMMENT, GROUP_UNKNOWN };

static enum group
open_group(struct reader *r)
{
    static const char *const looks[] = {"?=", "?!", "?<=", "?<!"}, *const plain[] = {"?>", "?|"};
    const char *name;

    if (r->at >= r->end || (*r->at != '?' && *r->at != '*'))
        return GROUP_PLAIN;
    for (guint i = 0; i < G_N_ELEMENTS(looks); i++)
        if (g_str_has_prefix(r->at, looks[i])) {
            r->at += strlen(looks[i]);
            return GROUP_LOOKS;
        }
    for (guint i = 0; i < G_N_ELEMENTS(plain); i++)
        if (g_str_has_prefix(r->at, plain[i])) {
            r->at += 2;
            return GROUP_PLAIN;
        }
    if (g_str_has_prefix(r->at, "?#"))
        return GROUP_COMMENT;
    name = r->at + 1 + (r->at + 1 < r->end && r->at[1] == 'P');
    if (name + 1 < r->end && *name == '<' && (g_ascii_isalpha(name[1]) || name[1] == '_')) {
        const char *close = memchr(name, '>', (gsize)(r->end - name));
        r->at = close != NULL ? close + 1 : r->end;
        return GROUP_PLAIN;
    }
    if (*r->at++ != '?' || !read_flags(r))
        return GROUP_UNKNOWN;
    return *r->at++ == ')' ? GROUP_FLAGS : GROUP_PLAIN;
}

static struct rough_piece
read_group(struct reader *r, guint least_max, gboolean leading)
{
    struct flags before = r->flags;
    enum group kind = open_group(r);
    struct rough_piece piece;
    const char *close;

    if (kind == GROUP_FLAGS)
        return rough_nothing();
    if (kind == GROUP_COMMENT) {
        close = memchr(r->at, ')', (gsize)(r->end - r->at));
        r->at = close != NULL ? close + 1 : r->end;
        return rough_nothing();
    }
    if (kind == GROUP_UNKNOWN || r->depth == NESTED_MAX) {
        r->failed = TRUE;
        return rough_nothing();
    }
    r->depth++;
    piece = read_alternatives(r, least_max, leading && kind == GROUP_PLAIN);
    r->depth--;
    r->failed |= r->at >= r->end;
    r->at += r->at < r->end;
    r->flags = before;
    if (kind == GROUP_PLAIN) {
        rough_enclose(&piece);
        return piece;
    }
    g_string_free(piece.text, TRUE);
    return rough_nothing();
}

/* ---- sequences ---- */

/* Blanks and comments of /x. */
static void
skip_blanks(struct reader *r)
{
    while (r->flags.extended && r->at < r->end && (g_ascii_isspace(*r->at) || *r->at == '#')) {
        const char *stop = *r->at == '#' ? memchr(r->at, '\n', (gsize)(r->end - r->at)) : r->at;
        r->at = stop != NULL ? stop + 1 : r->end;
    }
}

/* "{n}", "{n,}" or "{n,m}" at r->at. */
static gboolean
read_counts(struct reader *r, guint32 *least_r, guint32 *most_r)
{
    char *end;
    guint64 least = g_ascii_strtoull(r->at + 1, &end, 10), most = least;

    if (!g_ascii_isdigit(r->at[1]))
        return FALSE;
    if (*end == ',') {
        most = end[1] == '}' ? ROUGH_ENDLESS : g_ascii_strtoull(end + 1, &end, 10);
        end += *end == ',';
    }
    if (*end != '}')
        return FALSE;
    r->at = end + 1;
    *least_r = (guint32)MIN(least, 65535);
    *most_r = (guint32)MIN(most, ROUGH_ENDLESS);
    return TRUE;
}

static gboolean
read_repeat(struct reader *r, guint32 *least_r, guint32 *most_r)
{
    skip_blanks(r);
    if (r->at >= r->end || strchr("?*+{", *r->at) == NULL || *r->at == '\0')
        return FALSE;
    if (*r->at == '{') {
        if (!read_counts(r, least_r, most_r))
            return FALSE;
    } else {
        *least_r = *r->at == '+';
        *most_r = *r->at == '?' ? 1 : ROUGH_ENDLESS;
        r->at++;
    }
    skip_blanks(r);
    if (r->at < r->end && (*r->at == '?' || *r->at == '+'))
        r->at++; /* lazy or possessive: the same places, or fewer */
    return TRUE;
}

/* One byte, repeated. */
static void
repeat_byte(struct rough_piece *piece, guint32 least, guint32 most, guint least_max)
{
    if (least >= least_max) {
        least = most = least_max;
        piece->cut = TRUE;
    } else if (most - least > COUNT_MAX) {
        most = ROUGH_ENDLESS;
    }
    if (most == ROUGH_ENDLESS && least <= 1)
        g_string_append_c(piece->text, least == 0 ? '*' : '+');
    else if (most == ROUGH_ENDLESS)
        g_string_append_printf(piece->text, "{%u,}", least);
    else
        g_string_append_printf(piece->text, "{%u,%u}", least, most);
    piece->positions = most == ROUGH_ENDLESS ? MAX(least, 1) : most;
    piece->rest = piece->first;
    piece->least = least;
    piece->most = most;
}

/* A group, repeated: once or any number of times. One whose end was left out can't come again. */
static void
repeat_group(struct rough_piece *piece, guint32 least, guint32 most)
{
    if (piece->cut) /* read_repeated sees to it that least is not 0 */
        return;
    if (piece->text->len > 0 && (least == 0 || most > 1)) {
        rough_enclose(piece);
        g_string_append_c(piece->text, least == 0 && most == 1 ? '?' : least == 0 ? '*' : '+');
    }
    if (most > 1)
        byte_set_join(&piece->rest, &piece->first);
    piece->least = least == 0 ? 0 : rough_product(piece->least, 1);
    piece->most = rough_product(piece->most, most > 1 ? ROUGH_ENDLESS : most);
}

static struct rough_piece
read_atom(struct reader *r, guint least_max, gboolean leading)
{
    struct byte_set set = {{0}};
    char c = *r->at++;

    switch (c) {
    case '\\': return read_escape(r);
    case '[': return read_class(r);
    case '(': return read_group(r, least_max, leading);
    case '^': return rough_assertion(r->joined || r->flags.lines ? "(?m:^)" : "^");
    case '$': return rough_assertion(r->joined || r->flags.lines ? "(?m:$)" : "$");
    case '.':
        if (!r->flags.dotall)
            byte_set_add(&set, '\n');
        byte_set_invert(&set);
        return of_set(r, &set);
    default: return of_byte(r, (guchar)c);
    }
}

/* An atom and how often it comes. */
static struct rough_piece
read_repeated(struct reader *r, guint least_max, gboolean leading)
{
    gboolean is_group = *r->at == '(';
    struct reader before = *r;
    struct rough_piece piece = read_atom(r, least_max, leading);
    guint32 least = 1, most = 1;

    if (!read_repeat(r, &least, &most))
        return piece;
    if (most == 0 || (least == 0 && (leading || piece.never))) { /* what stands behind is found without it */
        g_string_free(piece.text, TRUE);
        return rough_nothing();
    }
    if (piece.cut && least == 0) { /* what may be passed over must be whole */
        g_string_free(piece.text, TRUE);
        *r = before;
        piece = read_atom(r, ROUGH_ENDLESS, leading);
        read_repeat(r, &least, &most);
    }
    if (!is_group && piece.least == 1 && piece.most == 1)
        repeat_byte(&piece, least, most, least_max);
    else
        repeat_group(&piece, least, most);
    return piece;
}

static struct rough_piece
read_sequence(struct reader *r, guint least_max, gboolean leading)
{
    struct rough_piece all = rough_nothing();

    for (;;) {
        skip_blanks(r);
        if (r->at >= r->end || *r->at == '|' || *r->at == ')' || r->failed)
            break;
        struct rough_piece next = read_repeated(r, least_max > all.least ? least_max - all.least : 1, leading && all.text->len == 0);
        if (all.cut || all.least >= least_max) {
            all.cut = TRUE;
            g_string_free(next.text, TRUE);
        } else {
            rough_append(&all, next);
        }
    }
    return all;
}

static struct rough_piece
read_alternatives(struct reader *r, guint least_max, gboolean leading)
{
    struct rough_piece all = read_sequence(r, least_max, leading);
    gboolean several = FALSE;

    while (r->at < r->end && *r->at == '|' && !r->failed) {
        r->at++;
        rough_alternate(&all, read_sequence(r, least_max, leading));
        several = TRUE;
    }
    if (several)
        rough_reduce(&all);
    return all;
}

GString *
prefilter_rough(const GString *pattern, gboolean caseless, gboolean lines, gboolean ascii, guint least_max, guint *positions_r)
{
    struct reader r = {.at = pattern->str, .end = pattern->str + pattern->len, .flags = {.caseless = caseless, .lines = lines},
                       .joined = lines, .ascii = ascii};
    struct rough_piece all = read_alternatives(&r, least_max, TRUE);

    *positions_r = all.positions;
    if (!r.failed && r.at == r.end && all.never)
        g_string_truncate(all.text, 0);
    if (!r.failed && r.at == r.end && (all.never || all.least > 0))
        return all.text;
    g_string_free(all.text, TRUE);
    return NULL;
}
