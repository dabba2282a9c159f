/* dmarc_report_unpack.c: from the bytes of a file to XML text that a parser takes: gzip and zip by libarchive, charsets. */
#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#include "lib/mail/auth/dmarc_report_internal.h"
#include "lib/mail/text.h"

#define BLOCK 65536u
#define DECLARATION_MAX 200u /* bytes in which an encoding is looked for */

static gboolean
begins(const guint8 *data, gsize size, const char *magic, gsize length)
{
    return size >= length && memcmp(data, magic, length) == 0;
}

static gboolean
is_gzip(const guint8 *data, gsize size)
{
    return begins(data, size, "\x1f\x8b", 2);
}

static gboolean
is_zip(const guint8 *data, gsize size)
{
    return begins(data, size, "PK\x03\x04", 4);
}

static gboolean
is_utf16(const guint8 *data, gsize size)
{
    return begins(data, size, "\xff\xfe", 2) || begins(data, size, "\xfe\xff", 2);
}

/* Where the "<" is that only a byte order mark and white space stand before; NULL when there is none. */
static const guint8 *
find_markup(const guint8 *data, gsize size)
{
    const guint8 *at = data, *end = data + size;

    if (begins(data, size, "\xef\xbb\xbf", 3))
        at += 3;
    while (at < end && g_ascii_isspace(*at))
        at++;
    return at < end && *at == '<' ? at : NULL;
}

static gboolean
is_xml(const guint8 *data, gsize size)
{
    return size > 0 && (is_utf16(data, size) || find_markup(data, size) != NULL);
}

gboolean
report_is_packed(const guint8 *data, gsize size)
{
    return is_gzip(data, size) || is_zip(data, size) || is_xml(data, size);
}

/* ---- charsets ---- */

/* The encoding that the XML declaration names, or NULL. */
static char *
declared_encoding(const guint8 *data, gsize size)
{
    g_autofree char *head = g_strndup((const char *)data, MIN(size, DECLARATION_MAX));
    const char *end = strstr(head, "?>"), *at = strstr(head, "encoding");

    if (!g_str_has_prefix(head, "<?xml") || end == NULL || at == NULL || at > end)
        return NULL;
    at += strlen("encoding");
    while (g_ascii_isspace(*at) || *at == '=')
        at++;
    if (*at != '"' && *at != '\'')
        return NULL;
    const char *close = strchr(at + 1, *at);
    return close != NULL && close < end ? g_strndup(at + 1, (gsize)(close - at - 1)) : NULL;
}

/* XML 1.0 2.2 knows no control characters but these three, and not U+FFFE and U+FFFF. */
static void
replace_forbidden(GString *xml)
{
    for (gsize i = 0; i < xml->len; i++) {
        guchar c = (guchar)xml->str[i];

        if ((c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
            xml->str[i] = '?';
        else if (c == 0xef && xml->len - i >= 3 && (guchar)xml->str[i + 1] == 0xbf && (guchar)xml->str[i + 2] >= 0xbe)
            memset(xml->str + i, '?', 3);
    }
}

static GString *
to_utf8(const guint8 *data, gsize size)
{
    const guint8 *markup = find_markup(data, size);
    g_autofree char *encoding = NULL;
    GString *xml;

#ifdef POSTERN_PLANTED_BUGS
    if (data[size] == '>') /* reads the byte after the file */
        return g_string_new(NULL);
#endif
    if (is_utf16(data, size)) {
        xml = g_string_new(NULL);
        text_to_utf8(data, size, "UTF-16", DMARC_REPORT_XML_MAX, xml);
    } else if (g_utf8_validate((const char *)markup, data + size - markup, NULL)) {
        xml = g_string_new_len((const char *)markup, data + size - markup);
    } else if ((encoding = declared_encoding(markup, (gsize)(data + size - markup))) != NULL &&
               g_ascii_strncasecmp(encoding, "utf", 3) != 0) {
        xml = g_string_new(NULL);
        text_to_utf8(markup, (gsize)(data + size - markup), encoding, DMARC_REPORT_XML_MAX, xml);
    } else {
        g_autofree char *valid = g_utf8_make_valid((const char *)markup, data + size - markup);
        xml = g_string_new(valid);
    }
    replace_forbidden(xml);
    return xml;
}

/* ---- gzip, zip ---- */

/* Appends the entry's bytes to out; FALSE and why when it is broken or too large. */
static gboolean
read_entry(struct archive *archive, GByteArray *out, const char **why_r)
{
    g_autofree guint8 *block = g_malloc(BLOCK);
    la_ssize_t n;

    while ((n = archive_read_data(archive, block, BLOCK)) > 0) {
        if (out->len + (gsize)n > DMARC_REPORT_XML_MAX) {
            *why_r = "larger than 16 MiB when unpacked";
            return FALSE;
        }
        g_byte_array_append(out, block, (guint)n);
    }
    if (n < 0)
        *why_r = "the archive is broken";
    return n == 0;
}

/* The first file of the archive that is XML. Bytes are counted over all entries. */
static GString *
read_archive(struct archive *archive, const char **why_r)
{
    g_autoptr(GByteArray) all = g_byte_array_new();
    struct archive_entry *entry;

    *why_r = "no XML in the archive";
    for (guint i = 0; i < DMARC_REPORT_ENTRIES_MAX; i++) {
        guint begin = all->len;
        int status = archive_read_next_header(archive, &entry);

        if (status == ARCHIVE_EOF)
            return NULL;
        if (status < ARCHIVE_WARN) {
            *why_r = "the archive is broken";
            return NULL;
        }
        if (!read_entry(archive, all, why_r))
            return NULL;
        if (all->len > begin && is_xml(all->data + begin, all->len - begin)) /* data is NULL while all is empty */
            return to_utf8(all->data + begin, all->len - begin);
    }
    *why_r = "too many files in the archive";
    return NULL;
}

GString *
report_unpack(const guint8 *data, gsize size, const char **why_r)
{
    struct archive *archive;
    GString *xml = NULL;

    if (size > DMARC_REPORT_PACKED_MAX) {
        *why_r = "larger than 16 MiB";
        return NULL;
    }
    if (is_xml(data, size))
        return to_utf8(data, size);
    if (!report_is_packed(data, size)) {
        *why_r = "neither XML nor gzip nor zip";
        return NULL;
    }
    archive = archive_read_new();
    if (is_gzip(data, size)) {
        archive_read_support_filter_gzip(archive);
        archive_read_support_format_raw(archive);
    } else
        archive_read_support_format_zip(archive);
    if (archive_read_open_memory(archive, data, size) == ARCHIVE_OK)
        xml = read_archive(archive, why_r);
    else
        *why_r = "the archive is broken";
    archive_read_free(archive);
    return xml;
}
