/* notice_text.c: see notice_text.h. */
#include "policyd/abuse/notice_text.h"
#include <jansson.h>
#include <string.h>
#include "lib/base/log.h"
#include "lib/base/networks.h"
#include "lib/mail/notice.h"

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
write_for_user(GString *body, const struct notice_text *text, const char *account, const char *until_text)
{
    g_string_append_printf(body, "Your account %s %s, since mail that is not usual was sent from it.\n", account, did[text->level]);
    g_string_append(body, "If it was not you, somebody else knows your password: please change it, and look for unknown programs on your devices.\n");
    g_string_append(body, until_text != NULL ? "This ends by itself at " : "Please ask your postmaster to release it.\n");
    if (until_text != NULL)
        g_string_append_printf(body, "%s; your postmaster can end it before.\n", until_text);
    g_string_append_printf(body, "\n您的帳號 %s 寄出了異常的郵件，%s。\n", account, did_zh[text->level]);
    g_string_append(body, "如果不是您本人寄出的，表示有人知道您的密碼：請立即變更密碼，並檢查您的裝置是否有不明程式。\n");
    if (until_text != NULL)
        g_string_append_printf(body, "此限制將於 %s 自動解除；如需提前解除，請聯絡郵件管理員。\n", until_text);
    else
        g_string_append(body, "如需解除，請聯絡郵件管理員。\n");
}

static void
write_for_admin(GString *body, const struct notice_text *text, const char *account, const char *until_text)
{
    g_string_append_printf(body, "The account %s %s.\n\nWhy: %s\nUntil: %s\nDecided on: %s\n\n", account, did[text->level], text->reason,
                           until_text != NULL ? until_text : "it is released", text->node);
    g_string_append_printf(body, "Look at it by:   postern account show %s\nTake it back by: postern account release %s\n", account, account);
}

GString *
notice_mail(const struct notice_text *text, const char *from, const char *to, gboolean to_user, gint64 now_ms)
{
    g_autofree char *account = shown(text->account), *until_text = until(text->expires_ms);
    g_autofree char *subject = g_strdup_printf("%s: %s", subjects[text->level], account);
    g_autoptr(GString) body = g_string_new(NULL);
    struct notice notice = {.from = from, .to = to, .subject = subject, .now_ms = now_ms};

    (to_user ? write_for_user : write_for_admin)(body, text, account, until_text);
    notice.body = body->str;
    return notice_compose(&notice);
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
