/* text_header.c: header values to one line of UTF-8: unfolding, RFC 2047 encoded words, raw 8-bit bytes.
 *
 * Words of the same charset that follow one another are joined as bytes before they are converted, since
 * senders cut characters in two. Tolerated: words inside quotes or glued to text, raw spaces and "?" inside a
 * Q word, missing padding. What is no encoded word stays as it is; its 8-bit bytes are read in one charset
 * for the whole value, so that short pieces between words are guessed from all of them. */
#include "lib/mail/text_internal.h"

#include <string.h>

#define MAX_CHARSET 64
#define MAX_WORD 8192 /* RFC 2047 says 75 */

struct word {
    const char *charset; /* not terminated */
    gsize charset_length;
    gboolean base64;
    const char *text;
    gsize text_length;
    const char *end; /* after "?=" */
};

struct header {
    GString *out;
    gsize max;            /* longest that out may become */
    const char *raw;      /* charset of the bytes outside of words; NULL = not guessed yet */
    const char *value;
    gsize length;
    GByteArray *pending;  /* decoded bytes of words not yet converted */
    char charset[MAX_CHARSET + 1];
    const char *no_close; /* from here on there is no "?=" */
};

static gboolean
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The first "?=" at or after from, within the length of a word. A search that found nothing is remembered and
 * not done again, so that a value of openings without an end stays linear. (from only rises.) */
static const char *
find_close(struct header *h, const char *from, const char *end)
{
    const char *limit = (gsize)(end - from) > MAX_WORD ? from + MAX_WORD : end;
    const char *start = h->no_close != NULL && h->no_close - 1 > from ? h->no_close - 1 : from;
    const char *found = limit > start ? memmem(start, (gsize)(limit - start), "?=", 2) : NULL;

    if (found == NULL && (h->no_close == NULL || limit > h->no_close))
        h->no_close = limit;
    return found;
}

/* Is there an encoded word at at ("=?charset?B?text?=")? */
static gboolean
parse_word(struct header *h, const char *at, const char *end, struct word *word)
{
    const char *p = at + 2, *close;

    if (end - at < 8 || at[0] != '=' || at[1] != '?')
        return FALSE;
    word->charset = p;
    while (p < end && (g_ascii_isalnum(*p) || (*p != '\0' && strchr("-_.:*+", *p) != NULL)) &&
           p - word->charset < MAX_CHARSET)
        p++;
    word->charset_length = (gsize)(p - word->charset);
    if (word->charset_length == 0 || end - p < 5 || p[0] != '?' || p[2] != '?' || strchr("bBqQ", p[1]) == NULL)
        return FALSE;
#ifdef POSTERN_PLANTED_BUGS
    if (word->charset_length == 5 && *end == '?') /* reads the byte after the value */
        return FALSE;
#endif
    word->base64 = p[1] == 'b' || p[1] == 'B';
    word->text = p + 3;
    close = find_close(h, word->text, end);
    if (close == NULL)
        return FALSE;
    word->text_length = (gsize)(close - word->text);
    word->end = close + 2;
    return word->base64 || memchr(word->text, '\n', word->text_length) == NULL;
}

static void
decode_q(GByteArray *out, const char *text, gsize length)
{
    for (gsize i = 0; i < length; i++) {
        guint8 byte = (guint8)text[i];

        if (byte == '_') {
            byte = ' ';
        } else if (byte == '=' && i + 2 < length && g_ascii_isxdigit(text[i + 1]) && g_ascii_isxdigit(text[i + 2])) {
            byte = (guint8)(g_ascii_xdigit_value(text[i + 1]) << 4 | g_ascii_xdigit_value(text[i + 2]));
            i += 2;
        }
        g_byte_array_append(out, &byte, 1);
    }
}

static void
decode_b(GByteArray *out, const char *text, gsize length)
{
    gint state = 0;
    guint save = 0;
    guint old = out->len;

    g_byte_array_set_size(out, old + (guint)length / 4 * 3 + 6);
    length = g_base64_decode_step(text, length, out->data + old, &state, &save);
    /* A missing "=" leaves up to two bytes in save. */
    if ((state == 2 || state == 3) && save != 0) {
        gsize more = g_base64_decode_step("==", (gsize)(4 - state), out->data + old + length, &state, &save);

        length += more;
    }
    g_byte_array_set_size(out, old + (guint)length);
}

static gsize
room(const struct header *h)
{
    return h->max > h->out->len ? h->max - h->out->len : 0;
}

/* Converts to the end of out; nothing more follows a cut. */
static void
put(struct header *h, const void *bytes, gsize length, const char *charset)
{
    gboolean cut;

    text_convert(bytes, length, charset, room(h), h->out, &cut);
    if (cut)
        h->max = h->out->len;
}

/* Line ends and other control characters that decoding may bring in are no part of one line. */
static void
tidy(GString *out, gsize from)
{
    for (gsize i = from; i < out->len; i++)
        if (out->str[i] == '\r' || out->str[i] == '\n')
            out->str[i] = ' ';
}

static void
flush_words(struct header *h)
{
    gsize from = h->out->len;

    if (h->pending->len == 0)
        return;
    put(h, h->pending->data, h->pending->len, h->charset);
    tidy(h->out, from);
    g_byte_array_set_size(h->pending, 0);
}

static void
add_word(struct header *h, const struct word *word)
{
    gsize length = word->charset_length;
    const char *star = memchr(word->charset, '*', length); /* language, RFC 2231 5 */

    if (star != NULL)
        length = (gsize)(star - word->charset);
    if (strlen(h->charset) != length || g_ascii_strncasecmp(h->charset, word->charset, length) != 0) {
        flush_words(h);
        memcpy(h->charset, word->charset, length);
        h->charset[length] = '\0';
    }
    if (word->base64)
        decode_b(h->pending, word->text, word->text_length);
    else
        decode_q(h->pending, word->text, word->text_length);
}

/* Appends what stands outside of words: line ends removed (folding keeps its white space). */
static void
add_raw(struct header *h, const char *from, const char *to)
{
    GString *plain = g_string_sized_new((gsize)(to - from));
    gboolean wide = FALSE;

    for (; from < to; from++) {
        if (*from == '\r' || *from == '\n')
            continue;
        wide |= (guchar)*from >= 0x80 || *from == 0x1b;
        g_string_append_c(plain, *from == '\t' ? ' ' : *from);
    }
    if (wide && h->raw == NULL)
        h->raw = text_detect(h->value, h->length);
    put(h, plain->str, plain->len, wide ? h->raw : "utf-8");
    g_string_free(plain, TRUE);
}

static const char *
skip_spaces(const char *at, const char *end)
{
    while (at < end && is_space(*at))
        at++;
    return at;
}

void
text_header_to_utf8(const char *value, gsize length, gsize max, GString *out)
{
    struct header h = {.out = out, .max = out->len + MIN(max, G_MAXSIZE / 2), .value = value, .length = length};
    const char *end, *at, *plain;

    if (length == 0)
        return; /* value may be NULL */
    end = value + length;
    while (end > value && is_space(end[-1]))
        end--;
    if (end == value)
        return;
    at = plain = skip_spaces(value, end);
    h.pending = g_byte_array_new();
    while (at < end && room(&h) > 0) {
        const char *next = memchr(at, '=', (gsize)(end - at));
        struct word word;

        if (next == NULL)
            break;
        if (!parse_word(&h, next, end, &word)) {
            at = next + 1;
            continue;
        }
        /* only white space between two words: it is not shown */
        if (h.pending->len == 0 || skip_spaces(plain, next) != next) {
            flush_words(&h);
            add_raw(&h, plain, next);
        }
        add_word(&h, &word);
        at = plain = word.end;
    }
    flush_words(&h);
    if (plain < end)
        add_raw(&h, plain, end);
    g_byte_array_unref(h.pending);
}
