/* text_detect.c: guesses the charset of undeclared text, subjects of a few characters included.
 *
 * Valid UTF-8 is UTF-8. Otherwise each candidate reads the bytes and collects points: for usual characters
 * (lists in text_common.c, as the bytes they have in that charset), for the zones where a charset keeps its
 * frequent ones, against byte pairs it does not have. Cyrillic is told by letter frequency and by capitals
 * inside words (KOI8-R and windows-1251 have the cases swapped); Western text by single accented letters
 * between ASCII ones. The highest sum wins. ICU's detector, which needs a few lines to be right, is asked
 * where Western won or nothing clearly: it knows the charsets of Central Europe, Greek, Hebrew, Arabic and
 * Turkish. Linear in the first 16 KiB; the rest is not read. */
#include "lib/mail/text_internal.h"

#include <string.h>
#include <unicode/ucnv.h>
#include <unicode/ucsdet.h>

#define SAMPLE 16384u
#define ICU_MIN_LENGTH 48 /* below that its answers are noise */
#define ICU_WESTERN_CONFIDENCE 30 /* against Western */
#define ICU_OTHER_CONFIDENCE 45 /* against a weak winner with some points of its own */
#define ICU_MAX_LENGTH 2048 /* its n-grams cost some 0.2 ms a kilobyte */
#define WEAK 9 /* points a byte: what wins with less may be a charset that is no candidate here (Russian has some 10) */

/* Points, in tenths. */
enum { INVALID = -60, COMMON = 30, KNOWN = 15, ALIEN = -20 };

/* ---- multibyte candidates ---- */

/* Points for the zone of a pair that is not in the list of common characters. */
typedef int (*zone_points)(guint lead, guint trail);

static int
gb18030_zone(guint lead, guint trail)
{
    if (lead < 0x81 || lead == 0xff || trail < 0x40 || trail == 0x7f || trail == 0xff)
        return INVALID;
    if (trail < 0xa1 || lead < 0xa1)
        return ALIEN; /* GBK's additions */
    if (lead <= 0xa3)
        return 10;
    if (lead <= 0xa5)
        return 0; /* kana */
    if (lead < 0xb0 || lead > 0xf7)
        return ALIEN;
    return lead <= 0xd7 ? 10 : -5;
}

static int
big5_zone(guint lead, guint trail)
{
    if (lead < 0x81 || lead == 0xff || trail < 0x40 || (trail > 0x7e && trail < 0xa1) || trail == 0xff)
        return INVALID;
    if (lead < 0xa1 || lead > 0xf9)
        return ALIEN;
    if (lead <= 0xa3)
        return 10;
    if (lead < 0xc6 || (lead == 0xc6 && trail <= 0x7e))
        return 10;
    return lead >= 0xc9 ? -5 : ALIEN;
}

static int
shift_jis_zone(guint lead, guint trail)
{
    guint code = lead << 8 | trail;

    if (lead == 0x80 || lead == 0xa0 || lead > 0xfc || trail < 0x40 || trail == 0x7f || trail > 0xfc)
        return INVALID;
    if (code >= 0x829f && code <= 0x82f1)
        return 25; /* hiragana */
    if (code >= 0x8340 && code <= 0x8396)
        return 20;
    if (code <= 0x81ac || (code >= 0x824f && code <= 0x829a) || (code >= 0x889f && code <= 0x9872))
        return 10;
    if (code >= 0x8740 && code <= 0x879c)
        return 0;
    return code >= 0x989f && code <= 0xeaa4 ? -10 : -30;
}

static int
euc_jp_zone(guint lead, guint trail)
{
    if (lead < 0xa1 || lead == 0xff || trail < 0xa1 || trail == 0xff)
        return INVALID;
    if (lead == 0xa4)
        return trail <= 0xf3 ? 25 : ALIEN;
    if (lead == 0xa5)
        return trail <= 0xf6 ? 20 : ALIEN;
    if (lead <= 0xa3 || (lead >= 0xb0 && lead <= 0xcf))
        return 10;
    return lead >= 0xd0 && lead <= 0xf4 ? -10 : -30;
}

static int
euc_kr_zone(guint lead, guint trail)
{
    if (lead < 0x81 || lead == 0xff || trail < 0x41 || trail == 0xff || (trail > 0x5a && trail < 0x61) ||
        (trail > 0x7a && trail < 0x81))
        return INVALID;
    if (lead < 0xa1 || trail < 0xa1)
        return ALIEN; /* the syllables of windows-949 */
    if (lead <= 0xa3)
        return 10;
    if (lead == 0xa4)
        return 0;
    return lead >= 0xb0 && lead <= 0xc8 ? 10 : ALIEN;
}

struct multibyte {
    const char *name; /* of the ICU converter */
    zone_points zone;
    guint common, known; /* enum text_commonness: which lists give COMMON and KNOWN points */
    guint8 *points;      /* by pair of bytes: 0 = ask zone; made once */
};

static struct multibyte multibytes[] = {
    {"gb18030", gb18030_zone, TEXT_COMMON_HANS, TEXT_COMMON_HANT, NULL},
    {"big5-hkscs", big5_zone, TEXT_COMMON_HANT, 0, NULL},
    {"windows-31j", shift_jis_zone, TEXT_COMMON_KANJI, 0, NULL},
    {"euc-jp", euc_jp_zone, TEXT_COMMON_KANJI, 0, NULL},
    {"windows-949", euc_kr_zone, TEXT_COMMON_HANGUL, 0, NULL},
};

/* Writes the points of the listed characters under the bytes they have in that charset. */
static void
mark_common(struct multibyte *m)
{
    UErrorCode status = U_ZERO_ERROR;
    UConverter *cnv = ucnv_open(m->name, &status);

    m->points = g_malloc0(65536);
    if (U_FAILURE(status))
        return;
    for (gunichar c = 0x4e00; c <= 0xd7a3; c++) {
        guint lists = text_commonness(c);
        UChar unit = (UChar)c;
        char bytes[8];
        int32_t n;

        if ((lists & (m->common | m->known)) == 0)
            continue;
        status = U_ZERO_ERROR;
        n = ucnv_fromUChars(cnv, bytes, sizeof bytes, &unit, 1, &status);
        if (U_SUCCESS(status) && n == 2)
            m->points[(guint)(guchar)bytes[0] << 8 | (guchar)bytes[1]] = (lists & m->common) != 0 ? COMMON : KNOWN;
    }
    ucnv_close(cnv);
}

static void
prepare(void)
{
    static gsize once;

    if (!g_once_init_enter(&once))
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(multibytes); i++)
        mark_common(&multibytes[i]);
    g_once_init_leave(&once, 1);
}

/* Length of what begins at bytes, when it is no pair: a single byte, or a three- or four-byte character; 0 =
 * a pair. */
static gsize
other_length(const struct multibyte *m, const guint8 *bytes, gsize length, int *points_r)
{
    if (m->zone == shift_jis_zone && bytes[0] >= 0xa1 && bytes[0] <= 0xdf) {
        *points_r = -15; /* half-width kana: any byte soup is full of them */
        return 1;
    }
    if (m->zone == euc_jp_zone && bytes[0] == 0x8e && length >= 2) {
        *points_r = bytes[1] >= 0xa1 && bytes[1] <= 0xdf ? -10 : INVALID;
        return 2;
    }
    if (m->zone == euc_jp_zone && bytes[0] == 0x8f && length >= 3) {
        *points_r = bytes[1] >= 0xa1 && bytes[2] >= 0xa1 ? -10 : INVALID;
        return 3;
    }
    if (m->zone == gb18030_zone && length >= 4 && bytes[1] >= '0' && bytes[1] <= '9' && bytes[2] >= 0x81 &&
        bytes[3] >= '0' && bytes[3] <= '9') {
        *points_r = ALIEN;
        return 4;
    }
    return 0;
}

static int
multibyte_points(const struct multibyte *m, const guint8 *bytes, gsize length, gboolean sampled)
{
    int sum = 0;

    for (gsize i = 0; i < length;) {
        int points = 0;
        gsize n;

        if (bytes[i] < 0x80) {
            i++;
            continue;
        }
        n = other_length(m, bytes + i, length - i, &points);
        if (n == 0 && i + 1 == length) { /* half a character at the end */
            n = 1;
            points = sampled ? 0 : INVALID;
        } else if (n == 0) {
            points = m->points[(guint)bytes[i] << 8 | bytes[i + 1]];
            if (points == 0)
                points = m->zone(bytes[i], bytes[i + 1]);
            n = points == INVALID ? 1 : 2;
        }
        sum += points;
        i += n;
    }
    return sum;
}

/* ---- Cyrillic ---- */

/* Letters a-ya of windows-1251 (0xe0 + i) by how frequent they are in Russian, in tenths. */
static const gint8 letter_points[32] = {
    12, 7, 11, 8, 10, 12, 3, 7, 12, 6, 11, 11, 10, 12, 12, 10, /* а б в г д е ж з и й к л м н о п */
    11, 12, 12, 9, 1, 6, 2, 7, 3, 1, -2, 8, 8, 1, 2, 9,        /* р с т у ф х ц ч ш щ ъ ы ь э ю я */
};
static const char vowels[32] = {1, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0,
                                0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 1};
/* KOI8-R 0xc0 + i to the same numbers. */
static const guint8 koi8_letters[32] = {30, 0,  1,  22, 4, 5,  20, 3,  21, 8,  9,  10, 11, 12, 13, 14,
                                        15, 31, 16, 17, 18, 19, 6,  2, 28, 27, 7,  24, 29, 25, 23, 26};

/* What a high byte is in one of the two charsets: letter 0..31 (32 = io), or -1 with points. */
static int
cyrillic_letter(guint8 byte, gboolean koi8, gboolean *upper_r, int *points_r)
{
    if (koi8) {
        *upper_r = byte >= 0xe0 || byte == 0xb3;
        *points_r = -15; /* box drawing */
        if (byte == 0xa3 || byte == 0xb3)
            return 32;
        if (byte < 0xc0)
            return -1;
        return koi8_letters[byte & 0x1f];
    }
    *upper_r = byte < 0xe0 && byte != 0xb8;
    *points_r = strchr("\x85\x93\x94\x96\x97\xa0\xab\xbb\xb9", byte) != NULL ? 4 : -15;
    if (byte == 0xa8 || byte == 0xb8)
        return 32;
    if (strchr("\xa1\xa2\xa5\xaa\xaf\xb2\xb3\xb4\xba\xbf", byte) != NULL)
        *points_r = 2; /* Ukrainian and Belarusian */
    return byte < 0xc0 ? -1 : byte & 0x1f;
}

static int
cyrillic_points(const guint8 *bytes, gsize length, gboolean koi8)
{
    int sum = 0, before = -1; /* the letter before, in the same word */
    guint capitals = 0;       /* in a row before this letter */

    for (gsize i = 0; i < length; i++) {
        gboolean upper;
        int points, letter;

        if (bytes[i] < 0x80) {
            before = -1;
            continue;
        }
        letter = cyrillic_letter(bytes[i], koi8, &upper, &points);
        if (letter < 0) {
            sum += points;
            before = -1;
            continue;
        }
        sum += letter < 32 ? letter_points[letter] : 2;
        if ((i > 0 && g_ascii_isalpha(bytes[i - 1])) || (i + 1 < length && g_ascii_isalpha(bytes[i + 1])))
            sum -= 12; /* Latin in the same word */
        if (before < 0)
            capitals = 0;
        else if (upper ? capitals == 0 : capitals >= 2)
            sum -= 15; /* a capital inside a word, or a small letter inside capitals */
        if (before >= 0 && letter < 32 && before < 32)
            sum += vowels[letter] != vowels[before] ? 3 : -2;
        before = letter;
        capitals = upper ? capitals + 1 : 0;
    }
    return sum;
}

/* ---- Western ---- */

static int
western_points(const guint8 *bytes, gsize length)
{
    static const char signs[] =
        "\x80\x85\x91\x92\x93\x94\x95\x96\x97\x99\xa0\xa1\xa3\xa7\xa9\xab\xae\xb0\xb4\xb7\xbb\xbf";
    int sum = 0;

    for (gsize i = 0; i < length; i++) {
        guint8 before = i > 0 ? bytes[i - 1] : ' ', after = i + 1 < length ? bytes[i + 1] : ' ';
        int high = (before >= 0x80) + (after >= 0x80);

        if (bytes[i] < 0x80)
            continue;
        if (bytes[i] >= 0xc0 && bytes[i] != 0xd7 && bytes[i] != 0xf7) {
            gboolean inside = g_ascii_isalpha(before) || g_ascii_isalpha(after);

            sum += high == 0 ? (inside ? 15 : 8) : high == 1 ? -5 : -15;
            if (bytes[i] < 0xdf && g_ascii_islower(before))
                sum -= 10; /* a capital inside a word */
        } else if (strchr(signs, bytes[i]) != NULL) {
            sum += high == 0 ? 6 : -3;
        } else {
            sum -= 10;
        }
    }
    return sum;
}

/* ---- the rest ---- */

/* Of the charsets that only ICU's detector knows. */
static const char *
ask_icu(const guint8 *bytes, gsize length, int32_t confidence)
{
    static const struct {
        const char *found, *use;
    } known[] = {
        {"ISO-8859-2", "iso-8859-2"}, {"windows-1250", "windows-1250"}, {"ISO-8859-7", "windows-1253"},
        {"windows-1253", "windows-1253"}, {"ISO-8859-8", "windows-1255"}, {"ISO-8859-8-I", "windows-1255"},
        {"windows-1255", "windows-1255"}, {"ISO-8859-6", "iso-8859-6"}, {"windows-1256", "windows-1256"},
        {"ISO-8859-9", "windows-1254"}, {"windows-1254", "windows-1254"},
    };
    UErrorCode status = U_ZERO_ERROR;
    UCharsetDetector *detector = ucsdet_open(&status);
    const UCharsetMatch *match;
    const char *result = NULL, *name;

    if (U_FAILURE(status))
        return NULL;
    while (length > ICU_MAX_LENGTH && *bytes < 0x80) { /* from where it begins to say something */
        bytes++;
        length--;
    }
    ucsdet_setText(detector, (const char *)bytes, (int32_t)MIN(length, ICU_MAX_LENGTH), &status);
    match = ucsdet_detect(detector, &status);
    if (U_SUCCESS(status) && match != NULL && ucsdet_getConfidence(match, &status) >= confidence &&
        (name = ucsdet_getName(match, &status)) != NULL)
        for (gsize i = 0; i < G_N_ELEMENTS(known) && result == NULL; i++)
            if (strcmp(name, known[i].found) == 0)
                result = known[i].use;
    ucsdet_close(detector);
    return result;
}

/* Valid UTF-8, or with so few bad bytes that it was meant to be; a sample may end within a character. */
static gboolean
is_utf8(const char *bytes, gsize length)
{
    gsize good = 0, bad = 0;

    while (length > 0) {
        const char *end;

        g_utf8_validate_len(bytes, length, &end);
        for (const char *at = bytes; at < end; at++)
            good += (guchar)*at >= 0xc0;
        length -= (gsize)(end - bytes);
        bytes = end;
        if (length > 0) {
            bad += *bytes != '\0';
            bytes++;
            length--;
        }
    }
    return bad == 0 || (good >= 4 && good / 8 >= bad);
}

/* ISO-2022 by its escape sequences; NULL when there are none. */
static const char *
seven_bit(const guint8 *bytes, gsize length)
{
    for (const guint8 *at = bytes; length > 0 && (at = memchr(at, 0x1b, length - (gsize)(at - bytes))) != NULL; at++) {
        gsize left = length - (gsize)(at - bytes);

        if (left >= 3 && at[1] == '$' && (at[2] == 'B' || at[2] == '@'))
            return "iso-2022-jp";
        if (left >= 4 && at[1] == '$' && at[2] == ')' && (at[3] == 'C' || at[3] == 'A'))
            return at[3] == 'C' ? "iso-2022-kr" : "iso-2022-cn";
    }
    return NULL;
}

static int
count_high(const guint8 *bytes, gsize length)
{
    int n = 0;

    for (gsize i = 0; i < length; i++)
        n += bytes[i] >= 0x80;
    return n;
}

static const char *
best_by_points(const guint8 *bytes, gsize length, gboolean sampled)
{
    const char *best = "windows-1252";
    int most = western_points(bytes, length), points;
    gboolean western;

    for (gsize i = 0; i < G_N_ELEMENTS(multibytes); i++) {
        points = multibyte_points(&multibytes[i], bytes, length, sampled);
        if (points > most) {
            most = points;
            best = multibytes[i].name;
        }
    }
    for (int koi8 = 0; koi8 <= 1; koi8++) {
        points = cyrillic_points(bytes, length, koi8);
        if (points > most) {
            most = points;
            best = koi8 ? "koi8-r" : "windows-1251";
        }
    }
    western = strcmp(best, "windows-1252") == 0;
    if (length >= ICU_MIN_LENGTH && (western || most < count_high(bytes, length) * WEAK)) {
        const char *other = ask_icu(bytes, length, western ? ICU_WESTERN_CONFIDENCE : ICU_OTHER_CONFIDENCE);

        if (other != NULL)
            return other;
    }
    return best;
}

const char *
text_detect(const void *bytes, gsize length)
{
    const guint8 *data = bytes;
    gboolean sampled = length > SAMPLE, high = FALSE;
    const char *escaped;

    if (length >= 2 && ((data[0] == 0xff && data[1] == 0xfe) || (data[0] == 0xfe && data[1] == 0xff)))
        return "utf-16";
    /* The first non-ASCII byte may come late, as in a long English letter with one name. */
    while (sampled && length > SAMPLE && *data < 0x80 && *data != 0x1b) {
        data++;
        length--;
    }
    length = MIN(length, SAMPLE);
    for (gsize i = 0; i < length && !high; i++)
        high = data[i] >= 0x80;
    if (!high) {
        escaped = seven_bit(data, length);
        return escaped != NULL ? escaped : "utf-8";
    }
    if (is_utf8((const char *)data, length))
        return "utf-8";
    prepare();
    return best_by_points(data, length, sampled);
}
