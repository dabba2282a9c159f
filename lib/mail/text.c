/* text.c: bytes in a declared (or guessed) charset to valid UTF-8.
 *
 * What a mail declares is followed as browsers do (supersets: GB2312 is GB18030, ISO-8859-1 is windows-1252),
 * and not when the bytes contradict it: US-ASCII with 8-bit bytes counts as undeclared, and text that its
 * charset can't read although it is valid UTF-8, or mostly can't, is guessed anew. ICU converts; all it can't
 * map, and NUL, becomes U+FFFD. Guessing is text_detect.c. */
#include "lib/mail/text_internal.h"

#include <string.h>
#include <unicode/ucnv.h>
#include <unicode/ucnv_cb.h>
#include <unicode/utf16.h>

#define UNITS 2048
static const char replacement[] = "\xef\xbf\xbd";

/* Declared names (lower case, without - and _) to the ICU converter that reads them best. "": says nothing. */
static const struct {
    const char *name, *converter;
} names[] = {
    {"gb2312", "gb18030"}, {"gbk", "gb18030"}, {"gb18030", "gb18030"}, {"gb18030.2000", "gb18030"},
    {"gb231280", "gb18030"}, {"csgb2312", "gb18030"}, {"csiso58gb231280", "gb18030"}, {"euccn", "gb18030"},
    {"cp936", "gb18030"}, {"ms936", "gb18030"}, {"936", "gb18030"}, {"windows936", "gb18030"}, {"xgbk", "gb18030"},
    {"chinese", "gb18030"}, {"gb", "gb18030"},
    {"big5", "big5-hkscs"}, {"big5hkscs", "big5-hkscs"}, {"big5eten", "big5-hkscs"}, {"xbig5", "big5-hkscs"},
    {"cnbig5", "big5-hkscs"}, {"csbig5", "big5-hkscs"}, {"cp950", "big5-hkscs"}, {"windows950", "big5-hkscs"},
    {"950", "big5-hkscs"}, {"chinesebig5", "big5-hkscs"},
    {"shiftjis", "windows-31j"}, {"sjis", "windows-31j"}, {"xsjis", "windows-31j"}, {"mskanji", "windows-31j"},
    {"csshiftjis", "windows-31j"}, {"cp932", "windows-31j"}, {"ms932", "windows-31j"}, {"windows31j", "windows-31j"},
    {"ksc56011987", "windows-949"}, {"ksc5601", "windows-949"}, {"euckr", "windows-949"}, {"cp949", "windows-949"},
    {"uhc", "windows-949"}, {"korean", "windows-949"}, {"windows949", "windows-949"},
    {"iso88591", "windows-1252"}, {"latin1", "windows-1252"}, {"cp1252", "windows-1252"},
    {"windows1252", "windows-1252"}, {"l1", "windows-1252"},
    {"iso88599", "windows-1254"}, {"iso885911", "windows-874"}, {"tis620", "windows-874"},
    {"cp1250", "windows-1250"}, {"cp1251", "windows-1251"}, {"cp1253", "windows-1253"}, {"cp1254", "windows-1254"},
    {"cp1255", "windows-1255"}, {"cp1256", "windows-1256"}, {"cp1257", "windows-1257"}, {"win1251", "windows-1251"},
    {"unicode11utf7", "utf-7"}, {"unicode20utf7", "utf-7"}, {"xunicode20utf7", "utf-7"}, {"utf7", "utf-7"},
    {"utf8", "utf-8"}, {"unicode11utf8", "utf-8"}, {"utf8mb4", "utf-8"}, {"xutf8", "utf-8"},
    {"hzgb2312", "hz"}, {"hz", "hz"},
    {"usascii", ""}, {"ascii", ""}, {"ansix3.41968", ""}, {"unknown", ""}, {"xunknown", ""}, {"unknown8bit", ""},
    {"8bit", ""}, {"7bit", ""}, {"binary", ""}, {"default", ""}, {"defaultcharset", ""}, {"xuserdefined", ""},
    {"none", ""}, {"ansi", ""}, {"charset", ""},
};

/* Lower case, without - and _ and anything that no charset name holds; FALSE when that leaves nothing or too
 * much. */
static gboolean
fold_name(const char *charset, char *folded, gsize size)
{
    gsize n = 0;

    for (; *charset != '\0' && *charset != '*'; charset++) {
        if (*charset == '-' || *charset == '_' || *charset == ' ' || *charset == '"' || *charset == '\'')
            continue;
        if ((!g_ascii_isalnum(*charset) && *charset != '.' && *charset != ':') || n + 1 >= size)
            return FALSE;
        folded[n++] = g_ascii_tolower(*charset);
    }
    folded[n] = '\0';
    return n > 0;
}

const char *
text_charset_name(const char *charset)
{
    char folded[48];
    UErrorCode status = U_ZERO_ERROR;
    const char *canonical;

    if (charset == NULL || !fold_name(charset, folded, sizeof folded))
        return NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (strcmp(folded, names[i].name) == 0)
            return names[i].converter[0] != '\0' ? names[i].converter : NULL;
    /* ICU compares without - and _ too. Its compressors and protocol encodings are no text charsets of mail. */
    canonical = ucnv_getAlias(folded, 0, &status);
    if (U_FAILURE(status) || canonical == NULL || strncmp(canonical, "LMBCS", 5) == 0 ||
        strncmp(canonical, "SCSU", 4) == 0 || strncmp(canonical, "BOCU", 4) == 0 ||
        strncmp(canonical, "IMAP", 4) == 0)
        return NULL;
    return g_intern_string(canonical);
}

/* ---- output ---- */

/* Where converted text goes, and what was seen of it. */
struct sink {
    GString *out;
    gsize max;       /* bytes that may still be appended */
    gboolean cut;
    gsize errors;    /* U+FFFD written for bytes that could not be mapped */
    gsize characters; /* non-ASCII ones that could */
};

static void
sink_put(struct sink *sink, const char *utf8, gsize length)
{
    if (sink->cut || length > sink->max) {
        sink->cut = TRUE;
        return;
    }
    g_string_append_len(sink->out, utf8, (gssize)length);
    sink->max -= length;
}

/* Appends a run of valid UTF-8, cut between characters. */
static void
sink_put_run(struct sink *sink, const char *utf8, gsize length)
{
    if (length > sink->max) {
        length = sink->max;
        while (length > 0 && ((guchar)utf8[length] & 0xc0) == 0x80)
            length--;
        sink_put(sink, utf8, length);
        sink->cut = TRUE;
        return;
    }
    sink_put(sink, utf8, length);
}

/* Counts the characters beyond ASCII in valid UTF-8. */
static gsize
count_wide(const char *utf8, gsize length)
{
    gsize n = 0;

    for (gsize i = 0; i < length; i++)
        n += (guchar)utf8[i] >= 0xc0;
    return n;
}

static void
convert_utf8(const char *bytes, gsize length, struct sink *sink)
{
    if (length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) { /* byte order mark */
        bytes += 3;
        length -= 3;
    }
    while (length > 0 && !sink->cut) {
        const char *end;
        gsize valid;

        g_utf8_validate_len(bytes, length, &end);
        valid = (gsize)(end - bytes);
        sink->characters += count_wide(bytes, valid);
        sink_put_run(sink, bytes, valid);
        bytes += valid;
        length -= valid;
        if (length > 0) {
            sink->errors += *bytes != '\0';
            sink_put(sink, replacement, 3);
            bytes++;
            length--;
        }
    }
}

/* ICU's own substitution writes U+001A for single bytes. */
static void U_CALLCONV
substitute(const void *context, UConverterToUnicodeArgs *args, const char *units, int32_t length,
           UConverterCallbackReason reason, UErrorCode *status)
{
    static const UChar unknown = 0xfffd;
    gsize *errors = (gsize *)context;

    (void)units;
    (void)length;
    if (reason > UCNV_IRREGULAR)
        return;
    *status = U_ZERO_ERROR;
    if (reason == UCNV_IRREGULAR) /* ISO-2022 with nothing between two escapes, as joined words have it: harmless */
        return;
    ++*errors;
    ucnv_cbToUWriteUChars(args, &unknown, 1, 0, status);
}

/* UTF-16 to the sink; a lead surrogate at the end is kept in *lead for the next call. */
static void
put_units(struct sink *sink, const UChar *units, gsize n, UChar *lead)
{
    for (gsize i = 0; i < n && !sink->cut; i++) {
        gunichar c = units[i];
        char utf8[6];

        if (*lead != 0 && U16_IS_TRAIL(c)) {
            c = (gunichar)U16_GET_SUPPLEMENTARY(*lead, c);
            *lead = 0;
        } else if (*lead != 0) {
            *lead = 0;
            sink_put(sink, replacement, 3);
        }
        if (U16_IS_LEAD(c)) {
            *lead = (UChar)c;
            continue;
        }
        if (c == 0 || U16_IS_TRAIL(c))
            c = 0xfffd;
        sink->characters += c >= 0x80 && c != 0xfffd;
        sink_put(sink, utf8, (gsize)g_unichar_to_utf8(c, utf8));
    }
}

/* FALSE when ICU does not have the converter. */
static gboolean
convert_icu(const char *bytes, gsize length, const char *converter, struct sink *sink)
{
    UErrorCode status = U_ZERO_ERROR;
    UConverter *cnv = ucnv_open(converter, &status);
    const char *end = bytes + length;
    UChar lead = 0;

    if (U_FAILURE(status))
        return FALSE;
    ucnv_setToUCallBack(cnv, substitute, &sink->errors, NULL, NULL, &status);
    do {
        UChar units[UNITS];
        UChar *target = units;

        status = U_ZERO_ERROR;
        ucnv_toUnicode(cnv, &target, units + UNITS, &bytes, end, NULL, TRUE, &status);
        put_units(sink, units, (gsize)(target - units), &lead);
    } while (status == U_BUFFER_OVERFLOW_ERROR && !sink->cut);
    if (lead != 0)
        sink_put(sink, replacement, 3);
    ucnv_close(cnv);
    return TRUE;
}

static void
convert(const char *bytes, gsize length, const char *converter, struct sink *sink)
{
    if (strcmp(converter, "utf-8") == 0 || strcmp(converter, "UTF-8") == 0 ||
        !convert_icu(bytes, length, converter, sink))
        convert_utf8(bytes, length, sink);
}

/* Charsets that nobody declares by mistake, or whose bytes look like no other. */
static gboolean
stateful(const char *converter)
{
    return g_ascii_strncasecmp(converter, "utf-16", 6) == 0 || g_ascii_strncasecmp(converter, "utf-32", 6) == 0 ||
           g_ascii_strncasecmp(converter, "utf-7", 5) == 0 || g_ascii_strncasecmp(converter, "iso-2022", 8) == 0;
}

/* Converts with what was declared; when the result shows that it can't be true, with the better guess. */
static const char *
convert_declared(const char *bytes, gsize length, const char *declared, struct sink *sink)
{
    struct sink before = *sink, guessed;
    gsize at = sink->out->len;
    g_autofree char *first = NULL;
    gsize first_length;
    const char *guess;

    convert(bytes, length, declared, sink);
    if (sink->errors == 0 || stateful(declared))
        return declared;
    guess = text_detect(bytes, length);
    if (strcmp(guess, declared) == 0 || (strcmp(guess, "utf-8") != 0 && sink->errors <= sink->characters + 2))
        return declared;
    first_length = sink->out->len - at;
    first = g_memdup2(sink->out->str + at, first_length);
    g_string_truncate(sink->out, at);
    guessed = before;
    convert(bytes, length, guess, &guessed);
    if (guessed.errors * 4 < sink->errors) {
        *sink = guessed;
        return guess;
    }
    g_string_truncate(sink->out, at);
    g_string_append_len(sink->out, first, (gssize)first_length);
    return declared;
}

static gboolean
is_ascii(const char *bytes, gsize length)
{
    for (gsize i = 0; i < length; i++)
        if ((guchar)bytes[i] >= 0x80 || bytes[i] == '\0')
            return FALSE;
    return TRUE;
}

/* Charsets in which ASCII bytes mean ASCII, whatever stands around them. */
static gboolean
seven_bit_safe(const char *converter)
{
    return converter == NULL || strcmp(converter, "utf-8") == 0 || g_str_has_prefix(converter, "windows-") ||
           strcmp(converter, "gb18030") == 0 || strcmp(converter, "big5-hkscs") == 0;
}

const char *
text_convert(const void *bytes, gsize length, const char *charset, gsize max, GString *out, gboolean *cut_r)
{
    struct sink sink = {.out = out, .max = max};
    const char *converter = text_charset_name(charset);

    if (cut_r != NULL)
        *cut_r = FALSE;
    if (length == 0)
        return converter != NULL ? converter : "utf-8"; /* bytes may be NULL */
    if (converter == NULL)
        converter = text_detect(bytes, length);
    if (seven_bit_safe(converter) && is_ascii(bytes, length))
        sink_put_run(&sink, bytes, length);
    else
        converter = convert_declared(bytes, length, converter, &sink);
    if (cut_r != NULL)
        *cut_r = sink.cut;
    return converter;
}

const char *
text_to_utf8(const void *bytes, gsize length, const char *charset, gsize max, GString *out)
{
    return text_convert(bytes, length, charset, max, out, NULL);
}
