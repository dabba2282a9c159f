/* reader.c: the first line, the header lines, the message: each as spamd reads it. */
#include "lib/spam/spamd/reader.h"
#include <gio/gio.h>
#include <string.h>
#include "lib/spam/spamd/reply.h"

#define INFLATE_STEP (64u << 10)

const char *const spamd_method_names[] = {"CHECK", "SYMBOLS", "REPORT", "REPORT_IFSPAM", "HEADERS", "PROCESS", "PING", "SKIP", "TELL",
                                          NULL};

enum stage { STAGE_LINE, STAGE_HEADERS, STAGE_MESSAGE, STAGE_DONE };

struct spamd_reader {
    enum stage stage;
    enum spamd_state state;
    gsize max_size;
    struct spamd_request request;
    gboolean has_line;
    GString *line;          /* of what is not read yet: less than a line */
    guint n_headers;
    gboolean has_length;
    char *length_text;      /* as the client wrote it */
    gsize length;
    GString *refusal;
};

struct spamd_reader *
spamd_reader_new(gsize max_size)
{
    struct spamd_reader *reader = g_new0(struct spamd_reader, 1);

    reader->max_size = max_size;
    reader->line = g_string_new(NULL);
    reader->request.message = g_string_new(NULL);
    return reader;
}

void
spamd_reader_free(struct spamd_reader **reader)
{
    struct spamd_reader *old = *reader;

    if (old == NULL)
        return;
    g_string_free(old->line, TRUE);
    g_string_free(old->request.message, TRUE);
    g_free(old->request.user);
    g_free(old->length_text);
    if (old->refusal != NULL)
        g_string_free(old->refusal, TRUE);
    g_free(old);
    *reader = NULL;
}

gboolean
spamd_reader_has_line(const struct spamd_reader *reader)
{
    return reader->has_line;
}

const struct spamd_request *
spamd_reader_request(const struct spamd_reader *reader)
{
    return &reader->request;
}

const GString *
spamd_reader_refusal(const struct spamd_reader *reader)
{
    return reader->refusal;
}

static void
refuse_bytes(struct spamd_reader *reader, enum spamd_status status, const char *text, gsize length)
{
    reader->refusal = g_string_new(NULL);
    spamd_refuse(reader->refusal, status, text, length);
    reader->stage = STAGE_DONE;
    reader->state = SPAMD_REFUSED;
}

static void
refuse(struct spamd_reader *reader, enum spamd_status status, const char *text)
{
    refuse_bytes(reader, status, text, strlen(text));
}

static void
refuse_size(struct spamd_reader *reader)
{
    g_autofree char *text = g_strdup_printf("message is over the limit of %" G_GSIZE_FORMAT " bytes", reader->max_size);

    refuse(reader, SPAMD_UNAVAILABLE, text);
}

static void
ready(struct spamd_reader *reader)
{
    reader->stage = STAGE_DONE;
    reader->state = SPAMD_READY;
}

/* ---- the first line ---- */

/* What Perl reads as a number at the begin of text. */
static double
version_of(const char *text)
{
    g_autofree char *number = g_strndup(text, strspn(text, "0123456789."));

    return g_ascii_strtod(number, NULL);
}

/* "METHOD SPAMC/" anywhere in the line, as spamd has it; of several, the first that scans. */
static const char *
find_method(const char *line, enum spamd_method *method_r)
{
    const char *first = NULL;

    for (guint m = 0; m < SPAMD_METHODS; m++) {
        g_autofree char *words = g_strconcat(spamd_method_names[m], " SPAMC/", NULL);
        const char *found = strstr(line, words);

        if (found == NULL)
            continue;
        if (first == NULL || (m < SPAMD_PING && found < first)) {
            first = found;
            *method_r = m;
        }
    }
    return first != NULL ? strstr(first, " SPAMC/") + strlen(" SPAMC/") : NULL;
}

static void
take_first_line(struct spamd_reader *reader, GString *line)
{
    struct spamd_request *request = &reader->request;

#ifdef POSTERN_PLANTED_BUGS
    if (line->len > 0 && line->str[line->len - 1] == '\n') /* looks at what is before a line that is only its end */
        g_string_truncate(line, line->len - (line->str[line->len - 2] == '\r' ? 2 : 1));
#else
    if (line->len > 0 && line->str[line->len - 1] == '\n')
        g_string_truncate(line, line->len - (line->len > 1 && line->str[line->len - 2] == '\r' ? 2 : 1));
#endif
    const char *version = find_method(line->str, &request->method);
    if (version == NULL) {
        refuse_bytes(reader, SPAMD_PROTOCOL, line->str, line->len);
        return;
    }
    reader->has_line = TRUE;
    request->version = version_of(version);
    if (request->method == SPAMD_PING || request->method == SPAMD_SKIP) {
        if (request->version >= 1.5)
            reader->stage = STAGE_HEADERS;
        else
            ready(reader);
    } else {
        reader->stage = request->version > 1.0 || request->method == SPAMD_TELL ? STAGE_HEADERS : STAGE_MESSAGE;
    }
}

/* ---- header lines ---- */

static void
take_length(struct spamd_reader *reader, const char *value)
{
    gsize digits = strspn(value, "0123456789");

    if (value[digits] != '\0' && strcmp(value + digits, "\n") != 0) {
        refuse(reader, SPAMD_PROTOCOL, "(Content-Length contains non-numeric bytes)");
        return;
    }
    g_free(reader->length_text);
    reader->length_text = g_strndup(value, digits);
    reader->has_length = TRUE;
    reader->length = 0;
    for (gsize i = 0; i < digits && reader->length <= reader->max_size; i++)
        reader->length = reader->length * 10 + (gsize)(value[i] - '0');
}

static void
take_user(struct spamd_reader *reader, const char *value)
{
    gsize length = strlen(value);

    if (length > 0 && value[length - 1] == '\n')
        length--;
    for (gsize i = 0; i < length; i++)
        if ((guchar)value[i] < ' ') {
            refuse(reader, SPAMD_PROTOCOL, "(User header contains control chars)");
            return;
        }
    g_free(reader->request.user);
    reader->request.user = g_strndup(value, MIN(length, SPAMD_USER_MAX));
}

static void
take_compress(struct spamd_reader *reader, const char *value)
{
    g_autofree char *lower = g_ascii_strdown(value, -1);

    if (strstr(lower, "zlib") != NULL) {
        reader->request.compressed = TRUE;
        return;
    }
    g_autofree char *text = g_strdup_printf("(compression type not supported: %s)", value);
    refuse(reader, SPAMD_PROTOCOL, text);
}

static void
end_headers(struct spamd_reader *reader)
{
    switch (reader->request.method) {
    case SPAMD_PING:
    case SPAMD_SKIP:
        ready(reader);
        return;
    case SPAMD_TELL:
        refuse(reader, SPAMD_UNAVAILABLE, "TELL commands are not enabled, set the --allow-tell switch.");
        return;
    default:
        break;
    }
    reader->stage = STAGE_MESSAGE;
    if (reader->request.compressed && !reader->has_length)
        refuse(reader, SPAMD_UNAVAILABLE, "Compress requires Content-length header");
    else if (reader->has_length && reader->length > reader->max_size)
        refuse_size(reader);
}

static void
take_header(struct spamd_reader *reader, GString *line)
{
    if (line->len > 1 && line->str[line->len - 2] == '\r' && line->str[line->len - 1] == '\n')
        g_string_truncate(line, line->len - 2);
    if (line->len == 0) {
        end_headers(reader);
        return;
    }
    char *colon = memchr(line->str, ':', line->len);
    if (colon == NULL) {
        refuse(reader, SPAMD_PROTOCOL, "(header not in 'Name: value' format)");
        return;
    }
    const char *value = colon + 1;
    value += strspn(value, " \t\n\r\f\v");
    *colon = '\0';
    if (memchr(value, '\0', (gsize)(line->str + line->len - value)) != NULL)
        refuse(reader, SPAMD_PROTOCOL, "(header not in 'Name: value' format)");
    else if (strcmp(line->str, "Content-length") == 0)
        take_length(reader, value);
    else if (strcmp(line->str, "User") == 0)
        take_user(reader, value);
    else if (strcmp(line->str, "Compress") == 0)
        take_compress(reader, value);
    if (reader->stage == STAGE_HEADERS && ++reader->n_headers == SPAMD_HEADERS_MAX)
        refuse(reader, SPAMD_PROTOCOL, "(too many headers)");
}

static void
take_line(struct spamd_reader *reader, GString *line)
{
    if (reader->stage == STAGE_LINE)
        take_first_line(reader, line);
    else
        take_header(reader, line);
}

/* ---- the message ---- */

/* Replaces what was received by what it stands for. FALSE: it is no whole zlib stream; with too_big_r set: or would be too big. */
static gboolean
inflate(struct spamd_reader *reader, gboolean *too_big_r)
{
    g_autoptr(GZlibDecompressor) zlib = g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_ZLIB);
    GString *in = reader->request.message, *out = g_string_new(NULL);
    GConverterResult result = G_CONVERTER_CONVERTED;
    gsize at = 0;

    while (result == G_CONVERTER_CONVERTED && out->len <= reader->max_size) {
        gsize used = 0, made = 0, had = out->len;

        g_string_set_size(out, had + INFLATE_STEP);
        result = g_converter_convert(G_CONVERTER(zlib), in->str + at, in->len - at, out->str + had, INFLATE_STEP,
                                     G_CONVERTER_INPUT_AT_END, &used, &made, NULL);
        g_string_set_size(out, had + (result == G_CONVERTER_ERROR ? 0 : made));
        at += used;
    }
    *too_big_r = out->len > reader->max_size;
    g_string_free(in, TRUE);
    reader->request.message = out;
    return result == G_CONVERTER_FINISHED && !*too_big_r;
}

static void
end_message(struct spamd_reader *reader)
{
    gboolean too_big = FALSE;

    reader->request.received = reader->request.message->len;
    if (!reader->request.compressed || inflate(reader, &too_big))
        ready(reader);
    else if (too_big)
        refuse_size(reader);
    else
        refuse(reader, SPAMD_UNAVAILABLE, "zlib: failed to find end of zlib stream\n");
}

static void
refuse_length(struct spamd_reader *reader, gsize got)
{
    g_autofree char *text = g_strdup_printf("(Content-Length mismatch: Expected %s bytes, got %" G_GSIZE_FORMAT " bytes)",
                                            reader->length_text, got);

    refuse(reader, SPAMD_PROTOCOL, text);
}

/* The promised length is there: perhaps with more, up to the end of the line in which it lies, which spamd reads too. */
static void
check_length(struct spamd_reader *reader, gboolean at_end)
{
    const GString *message = reader->request.message;
    gsize length = reader->length;

    if (reader->request.compressed) {
        g_string_truncate(reader->request.message, length);
        end_message(reader);
        return;
    }
    if (message->len == length || (length > 0 && message->str[length - 1] == '\n')) {
        g_string_truncate(reader->request.message, length);
        end_message(reader);
        return;
    }
    const char *line_end = memchr(message->str + length, '\n', message->len - length);
    if (line_end != NULL)
        refuse_length(reader, (gsize)(line_end + 1 - message->str));
    else if (at_end || message->len > reader->max_size)
        refuse_length(reader, message->len);
}

static void
take_message(struct spamd_reader *reader, const char *bytes, gsize length)
{
    GString *message = reader->request.message;
    gsize room = reader->max_size + 1 - MIN(message->len, reader->max_size + 1);

    g_string_append_len(message, bytes, (gssize)MIN(length, room));
    if (reader->has_length && message->len >= reader->length)
        check_length(reader, FALSE);
    else if (message->len > reader->max_size)
        refuse_size(reader);
}

/* ---- bytes ---- */

enum spamd_state
spamd_reader_feed(struct spamd_reader *reader, const char *bytes, gsize length)
{
    const char *end = bytes + length;

    while (reader->stage < STAGE_MESSAGE && bytes < end) {
        const char *newline = memchr(bytes, '\n', (gsize)(end - bytes));
        gsize n = (gsize)((newline != NULL ? newline + 1 : end) - bytes);

        if (reader->line->len + n > SPAMD_LINE_MAX) {
            refuse(reader, SPAMD_PROTOCOL, "(line too long)");
            break;
        }
        g_string_append_len(reader->line, bytes, (gssize)n);
        bytes += n;
        if (newline != NULL) {
            take_line(reader, reader->line);
            g_string_truncate(reader->line, 0);
        }
    }
    if (reader->stage == STAGE_MESSAGE && (bytes < end || (reader->has_length && reader->length == 0)))
        take_message(reader, bytes, (gsize)(end - bytes));
    return reader->state;
}

enum spamd_state
spamd_reader_end(struct spamd_reader *reader)
{
    if (reader->stage < STAGE_MESSAGE && reader->line->len > 0) {
        take_line(reader, reader->line);
        g_string_truncate(reader->line, 0);
    }
    if (reader->stage == STAGE_LINE)
        refuse(reader, SPAMD_PROTOCOL, "(closed before headers)");
    else if (reader->stage == STAGE_HEADERS)
        refuse(reader, SPAMD_PROTOCOL, "(EOF during headers)");
    else if (reader->stage == STAGE_MESSAGE && reader->request.compressed)
        end_message(reader);
    else if (reader->stage == STAGE_MESSAGE && reader->has_length && reader->request.message->len >= reader->length)
        check_length(reader, TRUE);
    else if (reader->stage == STAGE_MESSAGE && reader->has_length)
        refuse_length(reader, reader->request.message->len);
    else if (reader->stage == STAGE_MESSAGE)
        end_message(reader);
    return reader->state;
}
