/* prefilter_rough.c: one pass over the pattern, which writes while it reads.
 *
 * Each piece that was read knows its expression and what bytes it may hold, so that what holds it can put something rougher in its place.
 * All that is done keeps this: where the pattern matches, the expression finds something that ends at the same byte or before it. */
#include "lib/spam/engine/prefilter_rough.h"
#include <string.h>

#define NESTED_MAX 60u
#define ENDLESS G_MAXUINT32
#define COUNT_MAX 3u   /* of one byte: larger differences between least and most become endless */
#define ROW_MAX 16u    /* bytes of alternatives that become classes */

struct set {
    guint64 bits[4];
};

/* What was read: an expression, and which strings of bytes it stands for. */
struct piece {
    GString *text;
    struct set first, rest; /* bytes that may come first, and later */
    guint32 least, most;    /* bytes */
    guint32 positions;      /* about how many states the expression needs */
    gboolean cut;           /* the end was left out: nothing may follow */
    gboolean never;         /* stands for no string at all */
    gboolean bare;          /* only bytes: nothing that looks at where it is */
};

struct flags {
    gboolean caseless, lines, dotall, extended;
};

struct reader {
    const char *at, *end;
    struct flags flags;
    gboolean joined, ascii, failed;
    guint depth;
};

static struct piece read_alternatives(struct reader *r, guint least_max, gboolean leading);

/* ---- sets ---- */

static void
add(struct set *set, guint c)
{
    set->bits[c / 64] |= G_GUINT64_CONSTANT(1) << c % 64;
}

static gboolean
has(const struct set *set, guint c)
{
    return (set->bits[c / 64] >> c % 64 & 1) != 0;
}

static void
add_set(struct set *set, const struct set *other)
{
    for (guint i = 0; i < 4; i++)
        set->bits[i] |= other->bits[i];
}

static void
invert(struct set *set)
{
    for (guint i = 0; i < 4; i++)
        set->bits[i] = ~set->bits[i];
}

static gboolean
is_letter(guint c)
{
    return g_ascii_isalpha((gchar)c) || (c >= 0xc0 && c <= 0xde && c != 0xd7) || (c >= 0xe0 && c <= 0xfe && c != 0xf7);
}

/* Adds the other case of each letter, as Perl folds Latin-1. */
static void
fold(struct set *set)
{
    for (guint c = 0; c < 256; c++)
        if (has(set, c) && is_letter(c))
            add(set, c ^ 0x20);
}

static void
write_byte(GString *out, guint c)
{
    if (c > 127 || g_ascii_isalnum((gchar)c) || c == ' ')
        g_string_append_c(out, (gchar)c); /* as it is: the length of expressions is limited */
    else
        g_string_append_printf(out, "\\x%02x", c);
}

static void
write_set(GString *out, const struct set *set)
{
    gsize begin = out->len;
    guint n = 0;

    g_string_append_c(out, '[');
    for (guint c = 0; c < 256; c++) {
        guint last = c;
        if (!has(set, c))
            continue;
        while (last < 255 && has(set, last + 1))
            last++;
        write_byte(out, c);
        if (last > c + 1)
            g_string_append_c(out, '-');
        if (last > c)
            write_byte(out, last);
        n += last - c + 1;
        c = last;
    }
    if (n == 1)
        g_string_erase(out, (gssize)begin, 1);
    else
        g_string_append_c(out, ']');
}

/* ---- pieces ---- */

static struct piece
nothing(void)
{
    return (struct piece){.text = g_string_new(NULL), .bare = TRUE};
}

/* One byte of a set. */
static struct piece
of_set(const struct reader *r, const struct set *set)
{
    struct piece piece = {.text = g_string_new(NULL), .first = *set, .least = 1, .most = 1, .positions = 1, .bare = TRUE};

    if (r->ascii)
        piece.first.bits[2] = piece.first.bits[3] = 0;
    piece.never = (piece.first.bits[0] | piece.first.bits[1] | piece.first.bits[2] | piece.first.bits[3]) == 0;
    write_set(piece.text, &piece.first);
    return piece;
}

/* Something that takes no bytes. */
static struct piece
assertion(const char *text)
{
    return (struct piece){.text = g_string_new(text), .bare = *text == '\0', .positions = *text != '\0'};
}

static guint32
sum(guint32 a, guint32 b)
{
    return a > ENDLESS - b ? ENDLESS : a + b;
}

static guint32
product(guint32 a, guint32 b)
{
    return a != 0 && b > ENDLESS / a ? ENDLESS : a * b;
}

/* piece, and next behind it. */
static void
append(struct piece *piece, struct piece next)
{
    g_string_append_len(piece->text, next.text->str, (gssize)next.text->len);
    if (piece->least == 0)
        add_set(&piece->first, &next.first);
    if (piece->most > 0)
        add_set(&piece->rest, &next.first);
    add_set(&piece->rest, &next.rest);
    piece->least = sum(piece->least, next.least);
    piece->most = sum(piece->most, next.most);
    piece->positions = sum(piece->positions, next.positions);
    piece->cut |= next.cut;
    piece->never |= next.never;
    piece->bare &= next.bare;
    g_string_free(next.text, TRUE);
}

/* piece or other. */
static void
alternate(struct piece *piece, struct piece other)
{
    if (piece->never || other.never) {
        g_string_free(piece->never ? piece->text : other.text, TRUE);
        *piece = piece->never ? other : *piece;
        return;
    }
    g_string_append_c(piece->text, '|');
    g_string_append_len(piece->text, other.text->str, (gssize)other.text->len);
    add_set(&piece->first, &other.first);
    add_set(&piece->rest, &other.rest);
    piece->least = MIN(piece->least, other.least);
    piece->most = MAX(piece->most, other.most);
    piece->positions = sum(piece->positions, other.positions);
    piece->cut |= other.cut;
    piece->bare &= other.bare;
    g_string_free(other.text, TRUE);
}

/* Rows of bytes, one byte among them, as a replace tag writes a letter: "[first][rest]*" has far fewer states and matches not much more. */
static void
roughen(struct piece *piece)
{
    if (!piece->bare || piece->cut || piece->most > ROW_MAX || piece->least != 1 || piece->positions <= 4)
        return;
    g_string_truncate(piece->text, 0);
    write_set(piece->text, &piece->first);
    piece->positions = 1;
    if (piece->most > 1) {
        write_set(piece->text, &piece->rest);
        g_string_append_c(piece->text, '*');
        piece->positions = 2;
    }
}

static void
enclose(struct piece *piece)
{
    g_string_prepend(piece->text, "(?:");
    g_string_append_c(piece->text, ')');
}

/* ---- escapes and classes ---- */

static void
add_range(struct set *set, guint low, guint high)
{
    for (guint c = low; c <= high; c++)
        add(set, c);
}

/* The class of a letter ("d", "W", ..); FALSE when it is none. */
static gboolean
add_named(struct set *set, char letter)
{
    static const char blanks[] = " \t\n\v\f\r";
    struct set named = {{0}};

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
            add(&named, c);
    }
    if (g_ascii_isupper(letter))
        invert(&named);
    add_set(set, &named);
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
add_posix(struct reader *r, struct set *set)
{
    static const struct {
        const char *name;
        int type;
    } names[] = {{"alpha", G_ASCII_ALPHA}, {"digit", G_ASCII_DIGIT}, {"alnum", G_ASCII_ALNUM}, {"upper", G_ASCII_UPPER},
                 {"lower", G_ASCII_LOWER}, {"space", G_ASCII_SPACE}, {"punct", G_ASCII_PUNCT}, {"xdigit", G_ASCII_XDIGIT},
                 {"print", G_ASCII_PRINT}, {"graph", G_ASCII_GRAPH}, {"cntrl", G_ASCII_CNTRL}};
    const char *name = r->at + 1, *close = g_strstr_len(name, r->end - name, ":]");
    gboolean negated = close != NULL && *name == '^';
    struct set named = {{0}};

    if (close == NULL)
        return FALSE;
    name += negated;
    r->at = close + 2;
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (strlen(names[i].name) == (gsize)(close - name) && memcmp(names[i].name, name, (gsize)(close - name)) == 0) {
            for (guint c = 0; c < 128; c++)
                if ((g_ascii_table[c] & names[i].type) != 0 || (names[i].type == G_ASCII_SPACE && c == '\v'))
                    add(&named, c);
            if (negated)
                invert(&named);
            add_set(set, &named);
            return TRUE;
        }
    return FALSE; /* word, blank, ascii: nobody writes them */
}

/* One member of a class; what may begin a range is returned, else -1. */
static gint
class_member(struct reader *r, struct set *set)
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
        add(set, (guint)value);
    return value;
}

/* A class, whose "[" was read. */
static struct piece
read_class(struct reader *r)
{
    struct set set = {{0}};
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
        fold(&set);
    if (negated)
        invert(&set);
    return of_set(r, &set);
}

static struct piece
of_byte(const struct reader *r, guint c)
{
    struct set set = {{0}};

    add(&set, c);
    if (r->flags.caseless)
        fold(&set);
    return of_set(r, &set);
}

static struct piece
anything(void)
{
    struct piece piece = {.text = g_string_new("[\\x00-\\xff]*"), .most = ENDLESS, .positions = 1, .bare = TRUE};

    invert(&piece.first);
    invert(&piece.rest);
    return piece;
}

static struct piece
line_break(const struct reader *r)
{
    struct set set = {{0}};
    struct piece piece;

    add_named(&set, 'v');
    piece = of_set(r, &set);
    piece.rest = set;
    piece.most = piece.positions = 2;
    g_string_append(piece.text, "{1,2}");
    return piece;
}

static struct piece
read_escape(struct reader *r)
{
    struct set set = {{0}};
    char letter = r->at < r->end ? *r->at++ : '\0';
    gint value;

    switch (letter) {
    case 'A': return assertion(r->joined ? "(?m:^)" : "^");
    case 'z': return assertion(r->joined ? "(?m:$)" : "$");
    case 'Z': return assertion(r->joined ? "(?m:$)" : "$");
    case 'b': return assertion("\\b");
    case 'B': return assertion("\\B");
    case 'G': case 'K': return nothing();
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

static struct piece
read_group(struct reader *r, guint least_max, gboolean leading)
{
    struct flags before = r->flags;
    enum group kind = open_group(r);
    struct piece piece;
    const char *close;

    if (kind == GROUP_FLAGS)
        return nothing();
    if (kind == GROUP_COMMENT) {
        close = memchr(r->at, ')', (gsize)(r->end - r->at));
        r->at = close != NULL ? close + 1 : r->end;
        return nothing();
    }
    if (kind == GROUP_UNKNOWN || r->depth == NESTED_MAX) {
        r->failed = TRUE;
        return nothing();
    }
    r->depth++;
    piece = read_alternatives(r, least_max, leading && kind == GROUP_PLAIN);
    r->depth--;
    r->failed |= r->at >= r->end;
    r->at += r->at < r->end;
    r->flags = before;
    if (kind == GROUP_PLAIN) {
        enclose(&piece);
        return piece;
    }
    g_string_free(piece.text, TRUE);
    return nothing();
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
        most = end[1] == '}' ? ENDLESS : g_ascii_strtoull(end + 1, &end, 10);
        end += *end == ',';
    }
    if (*end != '}')
        return FALSE;
    r->at = end + 1;
    *least_r = (guint32)MIN(least, 65535);
    *most_r = (guint32)MIN(most, ENDLESS);
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
        *most_r = *r->at == '?' ? 1 : ENDLESS;
        r->at++;
    }
    skip_blanks(r);
    if (r->at < r->end && (*r->at == '?' || *r->at == '+'))
        r->at++; /* lazy or possessive: the same places, or fewer */
    return TRUE;
}

/* One byte, repeated. */
static void
repeat_byte(struct piece *piece, guint32 least, guint32 most, guint least_max)
{
    if (least >= least_max) {
        least = most = least_max;
        piece->cut = TRUE;
    } else if (most - least > COUNT_MAX) {
        most = ENDLESS;
    }
    if (most == ENDLESS && least <= 1)
        g_string_append_c(piece->text, least == 0 ? '*' : '+');
    else if (most == ENDLESS)
        g_string_append_printf(piece->text, "{%u,}", least);
    else
        g_string_append_printf(piece->text, "{%u,%u}", least, most);
    piece->positions = most == ENDLESS ? MAX(least, 1) : most;
    piece->rest = piece->first;
    piece->least = least;
    piece->most = most;
}

/* A group, repeated: once or any number of times. One whose end was left out can't come again. */
static void
repeat_group(struct piece *piece, guint32 least, guint32 most)
{
    if (piece->cut) /* read_repeated sees to it that least is not 0 */
        return;
    if (piece->text->len > 0 && (least == 0 || most > 1)) {
        enclose(piece);
        g_string_append_c(piece->text, least == 0 && most == 1 ? '?' : least == 0 ? '*' : '+');
    }
    if (most > 1)
        add_set(&piece->rest, &piece->first);
    piece->least = least == 0 ? 0 : product(piece->least, 1);
    piece->most = product(piece->most, most > 1 ? ENDLESS : most);
}

static struct piece
read_atom(struct reader *r, guint least_max, gboolean leading)
{
    struct set set = {{0}};
    char c = *r->at++;

    switch (c) {
    case '\\': return read_escape(r);
    case '[': return read_class(r);
    case '(': return read_group(r, least_max, leading);
    case '^': return assertion(r->joined || r->flags.lines ? "(?m:^)" : "^");
    case '$': return assertion(r->joined || r->flags.lines ? "(?m:$)" : "$");
    case '.':
        if (!r->flags.dotall)
            add(&set, '\n');
        invert(&set);
        return of_set(r, &set);
    default: return of_byte(r, (guchar)c);
    }
}

/* An atom and how often it comes. */
static struct piece
read_repeated(struct reader *r, guint least_max, gboolean leading)
{
    gboolean is_group = *r->at == '(';
    struct reader before = *r;
    struct piece piece = read_atom(r, least_max, leading);
    guint32 least = 1, most = 1;

    if (!read_repeat(r, &least, &most))
        return piece;
    if (most == 0 || (least == 0 && (leading || piece.never))) { /* what stands behind is found without it */
        g_string_free(piece.text, TRUE);
        return nothing();
    }
    if (piece.cut && least == 0) { /* what may be passed over must be whole */
        g_string_free(piece.text, TRUE);
        *r = before;
        piece = read_atom(r, ENDLESS, leading);
        read_repeat(r, &least, &most);
    }
    if (!is_group && piece.least == 1 && piece.most == 1)
        repeat_byte(&piece, least, most, least_max);
    else
        repeat_group(&piece, least, most);
    return piece;
}

static struct piece
read_sequence(struct reader *r, guint least_max, gboolean leading)
{
    struct piece all = nothing();

    for (;;) {
        skip_blanks(r);
        if (r->at >= r->end || *r->at == '|' || *r->at == ')' || r->failed)
            break;
        struct piece next = read_repeated(r, least_max > all.least ? least_max - all.least : 1, leading && all.text->len == 0);
        if (all.cut || all.least >= least_max) {
            all.cut = TRUE;
            g_string_free(next.text, TRUE);
        } else {
            append(&all, next);
        }
    }
    return all;
}

static struct piece
read_alternatives(struct reader *r, guint least_max, gboolean leading)
{
    struct piece all = read_sequence(r, least_max, leading);
    gboolean several = FALSE;

    while (r->at < r->end && *r->at == '|' && !r->failed) {
        r->at++;
        alternate(&all, read_sequence(r, least_max, leading));
        several = TRUE;
    }
    if (several)
        roughen(&all);
    return all;
}

GString *
prefilter_rough(const GString *pattern, gboolean caseless, gboolean lines, gboolean ascii, guint least_max, guint *positions_r)
{
    struct reader r = {.at = pattern->str, .end = pattern->str + pattern->len, .flags = {.caseless = caseless, .lines = lines},
                       .joined = lines, .ascii = ascii};
    struct piece all = read_alternatives(&r, least_max, TRUE);

    *positions_r = all.positions;
    if (!r.failed && r.at == r.end && all.never)
        g_string_truncate(all.text, 0);
    if (!r.failed && r.at == r.end && (all.never || all.least > 0))
        return all.text;
    g_string_free(all.text, TRUE);
    return NULL;
}
