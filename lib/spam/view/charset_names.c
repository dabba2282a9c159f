/* charset_names.c: which charset a declared name means, as Encode's aliases have it: case, '-', '_' and blanks matter little,
 * many names only have to end in a known word. */
#include <string.h>
#include "lib/spam/view/charset_private.h"

#define NAME_MAX_LENGTH 64 /* longer ones are nobody's */

enum how {
    WHOLE,     /* the name is the word */
    WORD_END,  /* it ends in the word, which starts a word */
    END,       /* it ends in it */
    ANYWHERE,
    WORD_IN,   /* holds it at a word's start */
    AROUND,    /* at a word's start there is the word's first half (up to '*'), and its second half ends the name */
};

struct alias {
    enum how how;
    const char *word; /* without '-' and '_', which may stand between its letters */
    const char *canonical;
};

/* The first that fits wins. */
static const struct alias aliases[] = {
    { WORD_END, "utf8", "utf-8-strict" },    { ANYWHERE, "cp65001", "utf-8-strict" }, { ANYWHERE, "cp65000", "utf-7" },
    { WORD_END, "hkscsbig5", "big5-hkscs" }, { WORD_END, "hkbig5", "big5-hkscs" },    { WORD_END, "big5hkscs", "big5-hkscs" },
    { WORD_END, "big5hk", "big5-hkscs" },    { WORD_END, "tcabig5", "big5-eten" },    { WORD_END, "big5eten", "big5-eten" },
    { WORD_END, "big5et", "big5-eten" },     { WORD_END, "big5", "big5-eten" },       { WORD_END, "ksc56011987", "cp949" },
    { END, "windows949", "cp949" },          { END, "uhc", "cp949" },                 { AROUND, "kr*euc", "euc-kr" },
    { AROUND, "euc*kr", "euc-kr" },          { WORD_END, "windows31j", "cp932" },     { WORD_END, "sjis", "shiftjis" },
    { AROUND, "shift*jis", "shiftjis" },     { WORD_END, "ujis", "euc-jp" },          { AROUND, "jp*euc", "euc-jp" },
    { AROUND, "euc*jp", "euc-jp" },          { WORD_END, "jis", "7bit-jis" },         { WORD_IN, "gb2312", "euc-cn" },
    { WHOLE, "gbk", "cp936" },               { AROUND, "cn*euc", "euc-cn" },          { AROUND, "euc*cn", "euc-cn" },
    { WORD_END, "koi8r", "koi8-r" },         { WORD_END, "koi8u", "koi8-u" },         { WHOLE, "macce", "maccentraleurroman" },
    { WHOLE, "macintosh", "macroman" },      { WORD_IN, "tis620", "iso-8859-11" },    { WHOLE, "thai", "iso-8859-11" },
    { WHOLE, "hebrew", "iso-8859-8" },       { WHOLE, "greek", "iso-8859-7" },        { WHOLE, "arabic", "iso-8859-6" },
    { WHOLE, "cyrillic", "iso-8859-5" },     { WORD_END, "winlatin1", "cp1252" },     { WORD_END, "winlatin2", "cp1250" },
    { WORD_END, "wincyrillic", "cp1251" },   { WORD_END, "wingreek", "cp1253" },      { WORD_END, "winturkish", "cp1254" },
    { WORD_END, "winhebrew", "cp1255" },     { WORD_END, "winarabic", "cp1256" },     { WORD_END, "winbaltic", "cp1257" },
    { WORD_END, "winvietnamese", "cp1258" }, { WORD_END, "ansix3.41968", "ascii" },   { WORD_END, "hproman8", "hp-roman8" },
    { WORD_END, "646", "ascii" },            { WORD_END, "646us", "ascii" },          { WORD_END, "iso646", "ascii" },
    { WORD_END, "iso646us", "ascii" },       { WHOLE, "c", "ascii" },                 { WHOLE, "usascii", "ascii" },
    { WHOLE, "utf16be", "utf-16be" },        { WHOLE, "utf16le", "utf-16le" },        { WHOLE, "utf16", "utf-16" },
    { WHOLE, "utf32be", "utf-32be" },        { WHOLE, "utf32le", "utf-32le" },        { WHOLE, "utf32", "utf-32" },
    { WHOLE, "ucs4be", "utf-32be" },         { WHOLE, "ucs4le", "utf-32le" },         { WHOLE, "ucs4", "utf-32" },
    { WHOLE, "ucs2le", "ucs-2le" },          { WHOLE, "ucs2be", "ucs-2be" },          { WHOLE, "ucs2", "ucs-2be" },
    { WHOLE, "iso106461", "ucs-2be" },       { WHOLE, "utf7", "utf-7" },              { WHOLE, "unicode11utf7", "utf-7" },
};

static const char *const plain_names[] = { "iso-2022-jp", "iso-2022-jp-1", "7bit-jis", "iso-2022-kr", "hz", "utf8" };

static gboolean
is_filler(char c)
{
    return c == '-' || c == '_';
}

/* How far a match of word from s on reaches, or NULL. */
static const char *
match(const char *s, const char *word, gsize word_length)
{
    for (gsize i = 0; i < word_length; i++) {
        while (i > 0 && is_filler(*s))
            s++;
        if (*s != word[i])
            return NULL;
        s++;
    }
    return s;
}

static gboolean
starts_word(const char *name, const char *at)
{
    return at == name || !(g_ascii_isalnum(at[-1]) || at[-1] == '_');
}

static gboolean
fits(const char *name, const struct alias *alias)
{
    const char *star = strchr(alias->word, '*');
    gsize first = star != NULL ? (gsize)(star - alias->word) : strlen(alias->word);

    for (const char *at = name; *at != '\0'; at++) {
        const char *end = match(at, alias->word, first);
        gboolean word = alias->how != END && alias->how != ANYWHERE;
        if (end == NULL || (word && !starts_word(name, at)) || (alias->how == WHOLE && at != name))
            continue;
        if (alias->how == ANYWHERE || alias->how == WORD_IN || (alias->how != AROUND && *end == '\0'))
            return TRUE;
        if (alias->how == AROUND && g_str_has_suffix(end, star + 1))
            return TRUE;
    }
    return FALSE;
}

/* Names with a number: iso-8859-N, latinN, cpN, macX. */
static char *
numbered(const char *name)
{
    static const int latin[] = { 0, 1, 2, 3, 4, 9, 10, 13, 14, 15, 16 };
    static const struct {
        const char *word, *target;
    } kinds[] = { { "iso8859", "iso-8859-" }, { "isolatin", NULL }, { "latin", NULL }, { "cp", "cp" }, { "ibm", "cp" },
                  { "ms", "cp" }, { "windows", "cp" } };

    for (const char *at = name; *at != '\0'; at++) {
        if (!starts_word(name, at))
            continue;
        for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
            const char *end = match(at, kinds[i].word, strlen(kinds[i].word));
            if (end == NULL)
                continue;
            while (is_filler(*end))
                end++;
            if (*end == '\0' || strspn(end, "0123456789") != strlen(end) || strlen(end) > 4)
                continue;
            guint64 number = g_ascii_strtoull(end, NULL, 10);
            if (kinds[i].target != NULL)
                return g_strdup_printf("%s%" G_GUINT64_FORMAT, kinds[i].target, number);
            return number < G_N_ELEMENTS(latin) ? g_strdup_printf("iso-8859-%d", latin[number]) : NULL;
        }
    }
    if (g_str_has_prefix(name, "mac") || g_str_has_prefix(name, "x-mac"))
        return g_strconcat("mac", strstr(name, "mac") + 3 + (is_filler(strstr(name, "mac")[3]) ? 1 : 0), NULL);
    return NULL;
}

static char *
without_blanks(const char *declared)
{
    GString *out = g_string_new(NULL);

    for (const char *s = declared; *s != '\0' && out->len < NAME_MAX_LENGTH; s++)
        if (!g_ascii_isspace(*s))
            g_string_append_c(out, g_ascii_tolower(*s));
    return g_string_free(out, FALSE);
}

char *
charset_canonical(const char *declared)
{
    g_autofree char *name = without_blanks(declared);

    for (gsize i = 0; i < G_N_ELEMENTS(plain_names); i++)
        if (strcmp(name, plain_names[i]) == 0)
            return g_strdup(name);
    for (gsize i = 0; i < charset_n_sources; i++)
        if (strcmp(name, charset_sources[i].name) == 0)
            return g_strdup(name);
    for (char *c = name; *c != '\0'; c++)
        if (*c == '_' && strchr(c + 1, '_') == NULL && strchr(name, '_') == c)
            *c = '-';
    for (gsize i = 0; i < G_N_ELEMENTS(plain_names); i++)
        if (strcmp(name, plain_names[i]) == 0)
            return g_strdup(name);
    for (gsize i = 0; i < G_N_ELEMENTS(aliases); i++)
        if (fits(name, &aliases[i]))
            return g_strdup(aliases[i].canonical);
    char *number = numbered(name);
    return number != NULL ? number : g_steal_pointer(&name);
}
