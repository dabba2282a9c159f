/* charset_locale.c: charsets of languages that ASCII and its extensions don't serve. */
#include "lib/spam/eval/charset_locale.h"
#include <string.h>

#define CYRILLIC " KOI8R KOI8U KOI8T ISOIR111 CP1251 GEORGIANPS PT154 CP866 "

static const struct {
    char language[3];
    const char *charsets; /* capitals and digits only */
} of_languages[] = {
    {"ja", " EUCJP JISX020119760 JISX020819830 JISX020819900 JISX020819970 JISX021219900 JISX021320001 JISX021320002 SHIFT_JIS "
           "SHIFTJIS ISO2022JP SJIS JIS7 JISX0201 JISX0208 JISX0212 "},
    {"ko", " EUCKR KSC56011987 "},
    {"ru", CYRILLIC},
    {"ka", CYRILLIC},
    {"tg", CYRILLIC},
    {"be", CYRILLIC},
    {"uk", CYRILLIC},
    {"bg", CYRILLIC},
    {"th", " TIS620 "},
    {"zh", " GB1988 GB2312 GB231219800 GB18030 GBK BIG5HKSCS BIG5 EUCTW ISO2022CN "},
};

/* The charset's letters and digits in capitals, without the "3D" of broken quoted-printable. */
static GString *
simplified(const char *charset)
{
    GString *name = g_string_new(NULL);

    for (; *charset != '\0'; charset++)
        if (g_ascii_isalnum(*charset))
            g_string_append_c(name, g_ascii_toupper(*charset));
    if (g_str_has_prefix(name->str, "3D"))
        g_string_erase(name, 0, 2);
    return name;
}

/* Charsets that mail of any language comes in. */
static gboolean
is_general(const char *name)
{
    static const char *const starts[] = {"ISO8859", "ISO10646", "UTF",           "UCS",
                                         "CP125",   "WINDOWS",  "UNICODE11UTF7", "UNICODE11UTF8"};
    static const char *const names[] = {"USASCII", "ASCII", "IBM852", "XUNKNOWN", "ISO"};

    for (guint i = 0; i < G_N_ELEMENTS(starts); i++)
        if (g_str_has_prefix(name, starts[i]))
            return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (strcmp(name, names[i]) == 0)
            return TRUE;
    return FALSE;
}

static const char *
charsets_of(const char *locale)
{
    for (guint i = 0; i < G_N_ELEMENTS(of_languages); i++)
        if (strncmp(locale, of_languages[i].language, 2) == 0)
            return of_languages[i].charsets;
    return NULL;
}

gboolean
charset_is_ok_for_locales(const char *charset, const char *const *locales)
{
    g_autoptr(GString) name = simplified(charset);

    if (is_general(name->str))
        return TRUE;
    if (name->len == 0)
        return FALSE;
    g_string_prepend_c(name, ' ');
    g_string_append_c(name, ' ');
    for (; *locales != NULL; locales++) {
        const char *charsets = charsets_of(*locales);

        if (charsets != NULL && strstr(charsets, name->str) != NULL)
            return TRUE;
    }
    return FALSE;
}
