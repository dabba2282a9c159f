/* header_words.c: encoded words are cut out, joined where charsets follow one another, and only then read as characters. */
#include "lib/spam/view/header_words.h"
#include <string.h>
#include "lib/spam/view/bytes.h"
#include "lib/spam/view/charset.h"
#include "lib/spam/view/decode.h"

struct word {
    gsize charset, charset_length, text, text_length, end; /* offsets */
    char encoding;                                         /* b or q */
};

/* Whether an encoded word starts at at. */
static gboolean
read_word(const GString *s, gsize at, struct word *word)
{
    gsize i = at + 2;

    if (at + 8 > s->len || s->str[at] != '=' || s->str[at + 1] != '?')
        return FALSE;
    word->charset = i;
    while (i < s->len && (g_ascii_isalnum(s->str[i]) || byte_in(s->str[i], "*_-")))
        i++;
    word->charset_length = i - word->charset;
    if (word->charset_length == 0 || i + 3 > s->len || s->str[i] != '?' || !byte_in(s->str[i + 1], "bBqQ") ||
        s->str[i + 2] != '?')
        return FALSE;
    word->encoding = g_ascii_tolower(s->str[i + 1]);
    word->text = i + 3;
    const char *mark = memchr(s->str + word->text, '?', s->len - word->text);
    if (mark == NULL || (gsize)(mark - s->str) + 1 >= s->len || mark[1] != '=')
        return FALSE;
    word->text_length = (gsize)(mark - s->str) - word->text;
    word->end = (gsize)(mark - s->str) + 2;
    return TRUE;
}

/* Where the next '=' is, or the end. */
static gsize
next_mark(const GString *s, gsize from)
{
    const char *mark = from < s->len ? memchr(s->str + from, '=', s->len - from) : NULL;

    return mark != NULL ? (gsize)(mark - s->str) : s->len;
}

/* White space between two encoded words goes. */
static GString *
without_gaps(const GString *s)
{
    GString *out = g_string_sized_new(s->len);
    struct word word, next;

    for (gsize i = 0, mark; i < s->len;) {
        mark = next_mark(s, i);
        g_string_append_len(out, s->str + i, (gssize)(mark - i));
        i = mark;
        if (i == s->len)
            break;
        if (!read_word(s, i, &word)) {
            g_string_append_c(out, s->str[i++]);
            continue;
        }
        gsize after = word.end;
        while (after < s->len && byte_is_space(s->str[after]))
            after++;
        if (after > word.end && read_word(s, after, &next)) {
            g_string_append_len(out, s->str + i, (gssize)(word.end - i));
            i = after;
        } else {
            g_string_append_c(out, s->str[i++]);
        }
    }
    return out;
}

static GString *
word_bytes(const GString *s, const struct word *word)
{
    if (word->encoding == 'b')
        return decode_base64(s->str + word->text, word->text_length);
    g_autoptr(GString) text = g_string_sized_new(word->text_length);
    for (gsize i = 0; i < word->text_length; i++) {
        char c = s->str[word->text + i];
        if (c == '_')
            g_string_append(text, "=20");
        else
            g_string_append_c(text, c);
    }
    return decode_quoted_printable(text->str, text->len);
}

/* Neighbours of one charset, gathered. */
struct section {
    GString *bytes, *charset; /* "" = not encoded */
    gboolean any;
};

static void
end_section(struct section *section, GString *out)
{
    if (section->charset->len == 0) {
        g_string_append_len(out, section->bytes->str, (gssize)section->bytes->len);
    } else {
        const char *star = memchr(section->charset->str, '*', section->charset->len);
        if (star != NULL) /* RFC 2231 section 5: a language */
            g_string_truncate(section->charset, (gsize)(star - section->charset->str));
        if (section->charset->len == 0) {
            g_string_append_len(out, section->bytes->str, (gssize)section->bytes->len);
        } else {
            g_autoptr(GString) text =
                charset_normalize(section->bytes->str, section->bytes->len, section->charset->str, CHARSET_AS_DECLARED, NULL);
            g_string_append_len(out, text->str, (gssize)text->len);
        }
    }
    g_string_truncate(section->bytes, 0);
    section->any = FALSE;
}

static void
add_to_section(struct section *section, const char *charset, gsize charset_length, const char *bytes, gsize length,
               GString *out)
{
    g_autofree char *lower = g_ascii_strdown(charset, (gssize)charset_length);

    if (section->any && strcmp(lower, section->charset->str) != 0)
        end_section(section, out);
    if (!section->any)
        g_string_assign(section->charset, lower);
    g_string_append_len(section->bytes, bytes, (gssize)length);
    section->any = TRUE;
}

static GString *
decode_words(const GString *s)
{
    struct section section = { g_string_new(NULL), g_string_new(NULL), FALSE };
    GString *out = g_string_sized_new(s->len);

    for (gsize i = 0; i < s->len;) {
        struct word word;
        if (s->str[i] == '=' && read_word(s, i, &word)) {
            g_autoptr(GString) bytes = word_bytes(s, &word);
            add_to_section(&section, s->str + word.charset, word.charset_length, bytes->str, bytes->len, out);
            i = word.end;
            continue;
        }
        gsize end = s->str[i] == '=' ? i + 1 : next_mark(s, i);
        add_to_section(&section, "", 0, s->str + i, end - i, out);
        i = end;
    }
    end_section(&section, out);
    g_string_free(section.bytes, TRUE);
    g_string_free(section.charset, TRUE);
    return out;
}

/* Fields whose text holds no words by their definition. */
static gboolean
is_without_words(const char *name, gsize length)
{
    static const char *const names[] = { "received", "message-id", "resent-message-id", "date", "resent-date",
                                         "mime-version", "references", "in-reply-to" };

    if (length >= 5 && g_ascii_strncasecmp(name, "list-", 5) == 0)
        return TRUE;
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (length == strlen(names[i]) && g_ascii_strncasecmp(name, names[i], length) == 0)
            return TRUE;
    return FALSE;
}

/* Line ends go; a tab behind one becomes a blank. */
static GString *
on_one_line(const char *value, gsize length)
{
    GString *out = g_string_sized_new(length);
    const char *end = value + length, *lf;

    while ((lf = memchr(value, '\n', (gsize)(end - value))) != NULL) {
        gboolean has_cr = lf > value && lf[-1] == '\r';
        g_string_append_len(out, value, lf - value - (has_cr ? 1 : 0));
        value = lf + 1;
        if (value < end && *value == '\t') {
            g_string_append_c(out, ' ');
            value++;
        }
    }
    g_string_append_len(out, value, end - value);
    return out;
}

gboolean
header_words_are_plain(const char *value, gsize length)
{
    const char *end = value + length;

    for (const char *mark = value; (mark = memchr(mark, '=', (gsize)(end - mark))) != NULL;)
        if (++mark < end && *mark == '?')
            return FALSE;
    return memchr(value, '\n', length) == NULL && bytes_are_ascii(value, length);
}

GString *
header_words_decode(const char *value, gsize length, const char *name, gsize name_length)
{
    GString *text = on_one_line(value, length);

    if (!bytes_are_ascii(text->str, text->len)) {
        GString *whole = charset_normalize(text->str, text->len, "UTF-8", CHARSET_GUESS, NULL);
        g_string_free(text, TRUE);
        text = whole;
    }
    if (is_without_words(name, name_length) || memmem(text->str, text->len, "=?", 2) == NULL)
        return text;
    g_autoptr(GString) source = text;
    g_autoptr(GString) joined = without_gaps(source);
    return decode_words(joined);
}
