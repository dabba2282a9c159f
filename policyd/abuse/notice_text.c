/* notice_text.c: see notice_text.h. */
#include "policyd/abuse/notice_text.h"
#include <jansson.h>
#include <string.h>
#include "lib/base/log.h"
#include "lib/base/networks.h"

#define BASE64_BYTES 57u /* of a line: RFC 2045 6.8 */
#define ACCOUNT_SHOWN 320u

static const char *const subjects[ABUSE_LEVELS] = {[ABUSE_SLOW] = "Sending slowed down", [ABUSE_HOLD] = "Sending on hold", [ABUSE_SUSPEND] = "Sending suspended"};
static const char *const did[ABUSE_LEVELS] = {[ABUSE_SLOW] = "may send only a little in an hour", [ABUSE_HOLD] = "is on hold: its mail waits in the queue of the server",
                                              [ABUSE_SUSPEND] = "may not send mail"};
static const char *const did_zh[ABUSE_LEVELS] = {[ABUSE_SLOW] = "每小時只能寄出少量郵件", [ABUSE_HOLD] = "寄出的郵件會先保留在伺服器的佇列中", [ABUSE_SUSPEND] = "已暫停寄信"};

char *
notice_address(const char *template, const char *account)
{
    g_autoptr(GString) out = g_string_new(template);
    const char *at = strrchr(account, '@');

    g_string_replace(out, "{domain}", at != NULL && at[1] != '\0' ? at + 1 : g_get_host_name(), 0);
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* Printable ASCII: it stands in a header. */
static char *
shown(const char *text)
{
    g_autoptr(GString) out = g_string_new(NULL);

    log_sanitize(out, text, strlen(text), ACCOUNT_SHOWN);
    for (gsize i = 0; i < out->len; i++)
        if (!g_ascii_isprint(out->str[i]))
            out->str[i] = '?';
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static char *
until(gint64 expires_ms)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(expires_ms / 1000);

    return expires_ms > 0 && time != NULL ? g_date_time_format(time, "%Y-%m-%d %H:%M UTC") : NULL;
}

static void
append_header(GString *out, const struct notice_text *text, const char *from, const char *to, const char *account, gint64 now_s)
{
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    g_autofree char *identity = g_strdup_printf("%d %s %" G_GINT64_FORMAT " %s", text->level, text->account, text->since_ms, to);
    g_autofree char *id = g_compute_checksum_for_string(G_CHECKSUM_SHA256, identity, -1);
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(now_s);

    g_string_append_printf(out, "From: <%s>\r\nTo: <%s>\r\nSubject: %s:\r\n %s\r\n", from, to, subjects[text->level], account);
    g_string_append_printf(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[g_date_time_get_day_of_week(time) - 1],
                           g_date_time_get_day_of_month(time), months[g_date_time_get_month(time) - 1], g_date_time_get_year(time),
                           g_date_time_get_hour(time), g_date_time_get_minute(time), g_date_time_get_second(time));
    g_string_append_printf(out, "Message-ID: <%.40s@%s>\r\n", id, strrchr(from, '@') != NULL ? strrchr(from, '@') + 1 : "localhost");
    g_string_append(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                         "Content-Transfer-Encoding: base64\r\n\r\n");
}

static void
append_base64(GString *out, const GString *body)
{
    for (gsize at = 0; at < body->len; at += BASE64_BYTES) {
        g_autofree char *line = g_base64_encode((const guchar *)body->str + at, MIN(body->len - at, BASE64_BYTES));
        g_string_append_printf(out, "%s\r\n", line);
    }
}

static void
write_for_user(GString *body, const struct notice_text *text, const char *account, const char *until_text)
{
    g_string_append_printf(body, "Your account %s %s, since mail that is not usual was sent from it.\r\n", account, did[text->level]);
    g_string_append(body, "If it was not you, somebody else knows your password: please change it, and look for unknown programs on your devices.\r\n");
    g_string_append(body, until_text != NULL ? "This ends by itself at " : "Please ask your postmaster to release it.\r\n");
    if (until_text != NULL)
        g_string_append_printf(body, "%s; your postmaster can end it before.\r\n", until_text);
    g_string_append_printf(body, "\r\n您的帳號 %s 寄出了異常的郵件，%s。\r\n", account, did_zh[text->level]);
    g_string_append(body, "如果不是您本人寄出的，表示有人知道您的密碼：請立即變更密碼，並檢查您的裝置是否有不明程式。\r\n");
    if (until_text != NULL)
        g_string_append_printf(body, "此限制將於 %s 自動解除；如需提前解除，請聯絡郵件管理員。\r\n", until_text);
    else
        g_string_append(body, "如需解除，請聯絡郵件管理員。\r\n");
}

static void
write_for_admin(GString *body, const struct notice_text *text, const char *account, const char *until_text)
{
    g_string_append_printf(body, "The account %s %s.\r\n\r\nWhy: %s\r\nUntil: %s\r\nDecided on: %s\r\n\r\n", account, did[text->level], text->reason,
                           until_text != NULL ? until_text : "it is released", text->node);
    g_string_append_printf(body, "Look at it by:   postern account show %s\r\nTake it back by: postern account release %s\r\n", account, account);
}

GString *
notice_mail(const struct notice_text *text, const char *from, const char *to, gboolean to_user, gint64 now_s)
{
    g_autofree char *account = shown(text->account), *until_text = until(text->expires_ms);
    g_autoptr(GString) body = g_string_new(NULL);
    GString *out = g_string_new(NULL);

    append_header(out, text, from, to, account, now_s);
    (to_user ? write_for_user : write_for_admin)(body, text, account, until_text);
    append_base64(out, body);
    return out;
}

static json_t *
text_of(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);

    return json_string(valid);
}

static char *
dump(json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(6)), *copy = g_strdup(text);

    free(text);
    json_decref(json);
    return copy;
}

char *
notice_json(const struct notice_text *text)
{
    return dump(json_pack("{s:s, s:o, s:s, s:f, s:o, s:I, s:o, s:o}", "event", "abuse", "account", text_of(text->account), "action",
                          fact_kind_name(abuse_level_facts[text->level]), "score", text->score, "reason", text_of(text->reason), "since",
                          (json_int_t)(text->since_ms / 1000), "until",
                          text->expires_ms > 0 ? json_integer((json_int_t)(text->expires_ms / 1000)) : json_null(), "node", text_of(text->node)));
}

char *
notice_kick(const char *account)
{
    guint8 octets[16];

    if (strpbrk(account, "*?\\/,") != NULL || network_address(account, octets) != 0 || *account == '\0')
        return NULL;
    return dump(json_pack("[[s, {s:[o]}, s]]", "kick", "mask", text_of(account), "postern"));
}
