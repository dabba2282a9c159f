/* received_synthetic.c: the newest Received line, from what the MTA knows, before it has written its own.
 *
 * The line has Postfix' form, which names everything that the reader looks for. What a client may say freely
 * (HELO, sender) must not look like another program's mark or field to the reader: such texts are broken up.
 */
#include <string.h>
#include "lib/spam/view/ip_text.h"
#include "lib/spam/view/relays.h"

#define WORD_MAX 512 /* bytes of each name: longer than any that DNS or SMTP allows */

/* Breaks every occurrence of text up by putting a "!" in the place of its byte at `at`. */
static void
break_up(GString *word, const char *text, gsize at)
{
    gsize len = strlen(text);

    for (gsize i = 0; i + len <= word->len; i++)
        if (g_ascii_strncasecmp(word->str + i, text, len) == 0)
            word->str[i + at] = '!';
}

/* keep: of the bytes that structure a line, those that may stay. */
static char *
as_word(const char *text, const char *keep)
{
    GString *word = g_string_new(NULL);

    for (gsize i = 0; text != NULL && text[i] != '\0' && i < WORD_MAX; i++) {
        char c = text[i];
        gboolean structures = (guchar)c <= ' ' || c == 0x7f || strchr("()[]<>;@|#", c) != NULL;
        g_string_append_c(word, structures && strchr(keep, c) == NULL ? '!' : c);
    }
    break_up(word, "Exim", 0);
    break_up(word, "return-path", 6);
    break_up(word, "envelope-", 8);
    if (word->len == 0)
        g_string_assign(word, "unknown");
    return g_string_free(word, FALSE);
}

static void
append_date(GString *line, gint64 seconds)
{
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(CLAMP(seconds, 0, G_MAXUINT32));

    g_string_append_printf(line, "; %s, %d %s %d %02d:%02d:%02d +0000",
                           days[g_date_time_get_day_of_week(time) - 1], g_date_time_get_day_of_month(time),
                           months[g_date_time_get_month(time) - 1], g_date_time_get_year(time),
                           g_date_time_get_hour(time), g_date_time_get_minute(time),
                           g_date_time_get_second(time));
}

static gboolean
is_said(const char *text)
{
    return text != NULL && text[0] != '\0';
}

char *
relays_synthetic_received(const struct relays_session *session)
{
    GString *line = g_string_new(NULL);
    g_autofree char *helo = as_word(session->helo, "[]"), *name = as_word(session->client_name, "");
    g_autofree char *mta = as_word(session->mta_name, ""), *id = as_word(session->queue_id, "");
    const char *ip = session->client_ip != NULL ? session->client_ip : "";
    gsize ends[IP_TEXT_ENDS];
    gboolean is_ip = ip_text_ends(ip, strlen(ip), 0, ends) > 0 && ip[ends[0]] == '\0';

    g_string_append_printf(line, "from %s (%s [%s]) by %s (Postfix) with %s%s%s id %s", helo, name,
                           is_ip ? ip : "127.0.0.1", mta,
                           session->esmtp || session->tls || is_said(session->auth_user) ? "ESMTP" : "SMTP",
                           session->tls ? "S" : "", is_said(session->auth_user) ? "A" : "", id);
    if (is_said(session->mail_from)) {
        g_autofree char *from = as_word(session->mail_from, "@|#");
        g_string_append_printf(line, " (envelope-from <%s>)", from);
    }
    append_date(line, session->time);
    return g_string_free(line, FALSE);
}
