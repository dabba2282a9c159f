/* uri_number.c: character references and numeric hosts, read as SpamAssassin reads them. */
#include "lib/spam/view/uri_number.h"
#include <string.h>

/* Replaces the references that one of read()'s calls knows: it gives the length of the reference at the text's start and its
 * character, or 0. */
static void
replace(GString *uri, gsize (*read)(const char *text, gsize length, char *c_r))
{
    gsize kept = 0;

    if (strstr(uri->str, "&#") == NULL && memchr(uri->str, '\0', uri->len) == NULL)
        return;
    for (gsize i = 0; i < uri->len; kept++) {
        char c = uri->str[i];
        gsize length = c == '&' ? read(uri->str + i, uri->len - i, &c) : 0;

        uri->str[kept] = c;
        i += length > 0 ? length : 1;
    }
    g_string_truncate(uri, kept);
}

/* The digits of &#NNN; after its zeros: their value, -1 where there are none or too many, and what the reference is long. */
static int
digits_of(const char *text, gsize length, gboolean is_hex, gsize *length_r)
{
    gsize i = is_hex ? 3 : 2, first;
    int value = 0;

    if (length < i || text[1] != '#' || (is_hex && text[2] != 'x'))
        return -1;
    while (i < length && text[i] == '0')
        i++;
    for (first = i; i < length && i - first < 4 && (is_hex ? g_ascii_isxdigit(text[i]) : g_ascii_isdigit(text[i])); i++)
        value = value * (is_hex ? 16 : 10) + g_ascii_xdigit_value(text[i]);
    *length_r = i + 1;
    return i > first && i < length && text[i] == ';' ? value : -1;
}

static gsize
read_decimal(const char *text, gsize length, char *c_r)
{
    gsize size;
    int value = digits_of(text, length, FALSE, &size);

#ifdef POSTERN_PLANTED_BUGS
    if (value == 66) { /* reads far behind the URI */
        *c_r = text[length + 65536];
        return size;
    }
#endif
    if (value < 33 || value > 126)
        return 0;
    *c_r = (char)value;
    return size;
}

static gsize
read_hex(const char *text, gsize length, char *c_r)
{
    gsize size;
    int value = digits_of(text, length, TRUE, &size);

    if (value < 0x21 || value > 0x7e || (value > 0x29 && value < 0x30)) /* 2A to 2F are not among SpamAssassin's */
        return 0;
    *c_r = (char)value;
    return size;
}

static gsize
read_dot(const char *text, gsize length, char *c_r)
{
    static const char *const dots[] = {"&#x2e;", "&#12290;", "&#x3002;", "&#65294;", "&#xff0e;", "&#65377;", "&#xff61;"};

    for (guint i = 0; i < G_N_ELEMENTS(dots); i++) {
        gsize size = strlen(dots[i]);

        if (length >= size && g_ascii_strncasecmp(text, dots[i], size) == 0) {
            *c_r = '.';
            return size;
        }
    }
    return 0;
}

void
uri_decode_references(GString *uri)
{
    replace(uri, read_decimal);
    replace(uri, read_hex);
    replace(uri, read_dot);
}

/* Perl's hex(): what is beyond 64 bits is "huge", a number that prints as the greatest or as "Inf". */
static guint64
hex_value(const char *digits, gsize length, gsize *significant_r)
{
    guint64 value = 0;

    while (length > 0 && *digits == '0') {
        digits++;
        length--;
    }
    *significant_r = length;
    for (gsize i = 0; i < length && i < 16; i++)
        value = value << 4 | (guint64)g_ascii_xdigit_value(digits[i]);
    return value;
}

/* sprintf("%d", hex(digits)) */
static void
append_hex_as_decimal(GString *out, const char *digits, gsize length)
{
    gsize significant;
    guint64 value = hex_value(digits, length, &significant);

    if (significant > 256)
        g_string_append(out, "Inf");
    else if (significant > 16)
        g_string_append(out, "-1");
    else
        g_string_append_printf(out, "%" G_GINT64_FORMAT, (gint64)value);
}

/* The octal number behind leading zeros of an octet: up to three digits that fit it; -1 where there is none. */
static int
octal_value(const char *digits, gsize length)
{
    gsize zeros = 0, count;
    int value = 0;

    while (zeros < length && digits[zeros] == '0')
        zeros++;
    count = length - zeros;
    if (zeros == 0 || count < 1 || count > 3 || (count == 3 && digits[zeros] > '3'))
        return -1;
    for (gsize i = zeros; i < length; i++) {
        if (digits[i] < '0' || digits[i] > '7')
            return -1;
        value = value * 8 + (digits[i] - '0');
    }
    return value;
}

/* One octet as a decimal number; zeros at its start go, even when nothing is left. */
static void
append_octet(GString *out, const char *octet, gsize length)
{
    g_autoptr(GString) decimal = g_string_new(NULL);
    gsize zeros = 0;

    if (length > 2 && octet[0] == '0' && (octet[1] | 0x20) == 'x')
        append_hex_as_decimal(decimal, octet + 2, length - 2);
    else
        g_string_append_len(decimal, octet, (gssize)length);
    int octal = octal_value(decimal->str, decimal->len);
    if (octal >= 0)
        g_string_printf(decimal, "%d", octal);
    while (decimal->str[zeros] == '0')
        zeros++;
    g_string_append(out, decimal->str + zeros);
}

/* Length of the number at the text's start: decimal digits, or 0x and hexadecimal ones. */
static gsize
number_length(const char *text, gsize length)
{
    gsize i = 0;

    if (length > 2 && text[0] == '0' && (text[1] | 0x20) == 'x' && g_ascii_isxdigit(text[2]))
        for (i = 2; i < length && g_ascii_isxdigit(text[i]);)
            i++;
    else
        while (i < length && g_ascii_isdigit(text[i]))
            i++;
    return i;
}

static char *
four_octets(const char *host, gsize length)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (guint octet = 0; octet < 4; octet++) {
        gsize size = number_length(host, length);

        if (size == 0 || (octet < 3 ? size >= length || host[size] != '.' : size != length))
            return NULL;
        append_octet(out, host, size);
        if (octet < 3)
            g_string_append_c(out, '.');
        size += octet < 3;
        host += size;
        length -= size;
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* The first four bytes of the number in hexadecimal, with at least eight digits. */
static char *
dotted(guint64 number)
{
    while (number > G_MAXUINT32)
        number >>= 4;
    return g_strdup_printf("%u.%u.%u.%u", (guint)(number >> 24), (guint)(number >> 16 & 0xff), (guint)(number >> 8 & 0xff),
                           (guint)(number & 0xff));
}

char *
uri_number_address(const char *host, gsize length)
{
    gsize size = number_length(host, length);
    guint64 value = 0;

    if (size == 0)
        return NULL;
    if (size < length)
        return four_octets(host, length);
    if (length > 1 && (host[1] | 0x20) == 'x') {
        gsize digits = MIN(length - 2, 8), significant;

        return dotted(hex_value(host + length - digits, digits, &significant));
    }
    for (gsize i = 0; i < length; i++)
        value = value > (G_MAXUINT64 - 9) / 10 ? G_MAXUINT64 : value * 10 + (guint64)(host[i] - '0');
    return dotted(value);
}
