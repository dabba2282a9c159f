/* notice.c: see notice.h. */
#include "lib/mail/notice.h"
#include <string.h>
#include "lib/mail/address.h"
#include "lib/mail/compose.h"

#define WORD_BYTES 45u    /* of an encoded word's text: 60 characters of base64 in the 75 of RFC 2047 2 */
#define SUBJECT_BYTES 400u
#define LINE_BYTES 900u   /* RFC 5322 2.1.1 has 998 */

/* Valid UTF-8 without controls, at most max bytes. Caller frees. */
static char *
plain_line(const char *text, gsize max)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    GString *line = g_string_new(NULL);

    for (const char *p = valid; *p != '\0'; p = g_utf8_next_char(p)) {
        gsize length = (gsize)(g_utf8_next_char(p) - p);
        if (line->len + length > max)
            break;
        if (!g_unichar_iscntrl(g_utf8_get_char(p)))
            g_string_append_len(line, p, (gssize)length);
    }
    return g_string_free(line, FALSE);
}

static void
append_subject(GString *out, const char *text)
{
    g_autofree char *subject = plain_line(text, SUBJECT_BYTES);

    if (g_str_is_ascii(subject) && strstr(subject, "=?") == NULL) {
        g_string_append_printf(out, "Subject: %s\r\n", subject);
        return;
    }
    g_string_append(out, "Subject:");
    for (const char *from = subject; *from != '\0';) {
        const char *to = from;
        while (*to != '\0' && (gsize)(g_utf8_next_char(to) - from) <= WORD_BYTES)
            to = g_utf8_next_char(to);
        g_autofree char *word = g_base64_encode((const guchar *)from, (gsize)(to - from));
        g_string_append_printf(out, "%s =?UTF-8?B?%s?=", from == subject ? "" : "\r\n", word);
        from = to;
    }
    g_string_append(out, "\r\n");
}

static gboolean
is_7bit(const char *body)
{
    for (const char *line = body; *line != '\0';) {
        gsize length = strcspn(line, "\n");
        if (length > LINE_BYTES)
            return FALSE;
        line += length + (line[length] == '\n');
    }
    return g_str_is_ascii(body);
}

/* Every line with CRLF, and one at the end. Caller frees. */
static GString *
with_crlf(const char *body)
{
    GString *out = g_string_new(body);

    g_string_replace(out, "\r\n", "\n", 0);
    g_string_replace(out, "\r", "\n", 0);
    if (out->len == 0 || out->str[out->len - 1] != '\n')
        g_string_append_c(out, '\n');
    g_string_replace(out, "\n", "\r\n", 0);
    return out;
}

static void
append_body(GString *out, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_autoptr(GString) body = with_crlf(valid);
    gboolean plain = is_7bit(body->str);

    g_string_append_printf(out, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=%s\r\nContent-Transfer-Encoding: %s\r\n\r\n",
                           plain ? "us-ascii" : "utf-8", plain ? "7bit" : "base64");
    if (plain)
        g_string_append_len(out, body->str, (gssize)body->len);
    else
        compose_base64(out, body->str, body->len);
}

GString *
notice_compose(const struct notice *notice)
{
    g_autofree char *from = plain_line(notice->from, LINE_BYTES), *to = plain_line(notice->to, LINE_BYTES);
    g_autofree char *id = g_uuid_string_random();
    const char *domain = address_domain(from);
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "From: <%s>\r\nTo: <%s>\r\n", from, to);
    append_subject(out, notice->subject);
    compose_date(out, notice->now_ms / 1000);
    g_string_append_printf(out, "Message-ID: <%s@%s>\r\nAuto-Submitted: auto-generated\r\n", id, domain != NULL ? domain : "localhost");
    append_body(out, notice->body);
    return out;
}
