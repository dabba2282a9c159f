/* reply.c: what spamd answers, by the version that the client speaks. */
#include "lib/spam/spamd/reply.h"
#include <string.h>

void
spamd_verdict_clear(struct spamd_verdict *verdict)
{
    g_free(verdict->score);
    g_free(verdict->required);
    g_free(verdict->tests);
    if (verdict->text != NULL)
        g_string_free(verdict->text, TRUE);
    *verdict = (struct spamd_verdict){0};
}

void
spamd_refuse(GString *out, enum spamd_status status, const char *text, gsize length)
{
    const char *what = status == SPAMD_PROTOCOL ? "Bad header line" : status == SPAMD_TIMEOUT ? "Timeout" : "Service Unavailable";

    g_string_append_printf(out, "SPAMD/1.0 %d %s: ", (int)status, what);
    g_string_append_len(out, text, (gssize)length);
    g_string_append(out, "\r\n");
}

static void
append_spam(GString *out, const struct spamd_request *request, const struct spamd_verdict *verdict)
{
    gboolean short_words = request->method == SPAMD_REPORT_IFSPAM;
    const char *word = verdict->is_spam ? (short_words ? "Yes" : "True") : short_words ? "No" : "False";

    g_string_append_printf(out, "Spam: %s ; %s / %s\r\n\r\n", word, verdict->score, verdict->required);
}

/* The bytes of a message up to its first empty line, that included. */
static gsize
header_length(const GString *message)
{
    const char *p = message->str, *end = p + message->len;

    while ((p = memchr(p, '\n', (gsize)(end - p))) != NULL) {
        p++;
        if (p < end && *p == '\n')
            return (gsize)(p + 1 - message->str);
        if (end - p > 1 && p[0] == '\r' && p[1] == '\n')
            return (gsize)(p + 2 - message->str);
    }
    return message->len;
}

static void
reply_message(GString *out, const struct spamd_request *request, const struct spamd_verdict *verdict)
{
    gsize length = request->method == SPAMD_HEADERS ? header_length(verdict->text) : verdict->text->len;

    if (request->version >= 1.2)
        g_string_append_printf(out, "SPAMD/1.1 0 EX_OK\r\nContent-length: %" G_GSIZE_FORMAT "\r\n", length);
    else
        g_string_append(out, "SPAMD/1.0 0 EX_OK\r\n");
    if (request->version >= 1.3)
        append_spam(out, request, verdict);
    else if (request->version >= 1.2)
        g_string_append(out, "\r\n");
    g_string_append_len(out, verdict->text->str, (gssize)length);
}

static void
reply_text(GString *out, const struct spamd_request *request, const struct spamd_verdict *verdict)
{
    gboolean is_empty = verdict->text == NULL || (request->method == SPAMD_REPORT_IFSPAM && !verdict->is_spam);
    gsize length = is_empty ? 0 : verdict->text->len;

    g_string_append(out, "SPAMD/1.1 0 EX_OK\r\n");
    if (request->version >= 1.3)
        g_string_append_printf(out, "Content-length: %" G_GSIZE_FORMAT "\r\n", length);
    append_spam(out, request, verdict);
    if (length > 0)
        g_string_append_len(out, verdict->text->str, (gssize)length);
    if (request->method == SPAMD_SYMBOLS && request->version < 1.3)
        g_string_append(out, "\r\n");
}

void
spamd_reply(GString *out, const struct spamd_request *request, const struct spamd_verdict *verdict)
{
    switch (request->method) {
    case SPAMD_PROCESS:
    case SPAMD_HEADERS:
        reply_message(out, request, verdict);
        break;
    case SPAMD_CHECK:
        g_string_append(out, "SPAMD/1.1 0 EX_OK\r\n");
        append_spam(out, request, verdict);
        break;
    case SPAMD_SYMBOLS:
    case SPAMD_REPORT:
    case SPAMD_REPORT_IFSPAM:
        reply_text(out, request, verdict);
        break;
    case SPAMD_PING:
        g_string_append(out, "SPAMD/1.5 0 PONG\r\n");
        break;
    case SPAMD_SKIP:
    case SPAMD_TELL:
    case SPAMD_METHODS:
        break;
    }
}
