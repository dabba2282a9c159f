/* config_quota.c: the section quota: what the policy daemon hears of mailboxes' quotas, and whom it tells. */
#include "lib/mail/config_private.h"
#include <string.h>

#define S G_GINT64_CONSTANT(1000)
#define MINUTE (60 * S)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define LEVELS_MAX 8
#define LEVEL_MAX 150
#define LANGUAGE_MAX 16u

static const char *const quota2_uses[] = {"none", "write", "read", NULL}; /* enum config_quota2 */
static const char *const notices[] = {"over", "under", "rejected", NULL};

const struct setting quota_settings[] = {
    ROW(config_quota, listen, SETTING_SOCKET, "unix:/run/postern/quota.sock",
        .doc = "Where the Dovecot plugin postern_quota sends its events, a unix socket of datagrams; empty for none."),
    ROW(config_quota, script, SETTING_SOCKET, "",
        .doc = "Where Dovecot's own quota_warning connects, for servers without the plugin: a unix socket of the \"script\" protocol, with the "
               "arguments KIND PERCENT USER [ROOT], as over 80 alice@example.org; empty for none."),
    ROW(config_quota, socket_mode, SETTING_MODE, "0666", .min = 0600, .max = 0666,
        .doc = "Mode of both sockets. Dovecot's mail processes run as the users of mail, so with many of them everyone must be let in; uids tells "
               "who is heard."),
    ROW(config_quota, uids, SETTING_LIST, "", .max = 64,
        .doc = "System users, by name or number, whose events count; root always. Empty: everyone's who can reach the sockets."),
    ROW(config_quota, levels, SETTING_LIST, "80, 95, 100", .max = LEVELS_MAX,
        .doc = "At how many percent of a limit its user is warned, rising; empty: never. The plugin's thresholds should have these among them, else the poll finds "
               "what the plugin does not tell."),
    ROW(config_quota, settle, SETTING_TIME, "1h", .min = 0, .max = 30 * DAY,
        .doc = "How long after a notice a mailbox that falls below a level is still taken to be there, so that one that goes up and down "
               "does not bring mail after mail."),
    ROW(config_quota, rejected_every, SETTING_TIME, "1d", .min = 1 * MINUTE, .max = 30 * DAY,
        .doc = "How long no second notice of refused mail is sent to a user."),
    ROW(config_quota, root, SETTING_STRING, "", .max = 128,
        .doc = "Name of the quota root that stands for a mailbox in quota2 and at RCPT, where users have several. Empty: in quota2 the one that is known "
               "longest, and at RCPT a mailbox is full only when all are."),
    ROW(config_quota, notices, SETTING_LIST, "over, under, rejected", .choices = notices, .max = 3,
        .doc = "What users get mail about: over a level, below all levels again, refused mail. Needs from and lmtp."),
    ROW(config_quota, from, SETTING_STRING, "", .max = 254,
        .doc = "Address in the From field of notices, as postmaster@example.org; empty: no notices are sent."),
    ROW(config_quota, lmtp, SETTING_SOCKET, "",
        .doc = "Where notices are delivered by LMTP: a socket of Dovecot that does not enforce quotas, see postern-policyd(8); empty: no notices are "
               "sent."),
    ROW(config_quota, templates, SETTING_PATH, "/etc/postern/quota",
        .doc = "Directory of the notices' texts: DOMAIN/LANGUAGE/over.txt, under.txt and rejected.txt, and rate.txt for warn_user of checks of the kind "
               "rate, with default for a DOMAIN that has none. A text begins with the line Subject: and an empty line. {user}, {domain}, {percent}, "
               "{used} and {limit} stand for what they say; what else rate.txt may have, postern-policyd(8) tells. Where there is no file, the built-in "
               "texts in English (en) and Traditional Chinese (zh-TW) are used."),
    ROW(config_quota, language, SETTING_STRING, "en", .min = 2, .max = LANGUAGE_MAX, .doc = "Language of notices."),
    ROW(config_quota, languages, SETTING_LIST, "", .max = 4096, .doc = "Domains with another one, as example.tw=zh-TW."),
    ROW(config_quota, poll, SETTING_TIME, "15m", .min = 0, .max = 7 * DAY,
        .doc = "In what time all mailboxes are asked about once (by the section doveadm), evenly; it finds lowered limits and events that were lost. 0: never."),
    ROW(config_quota, stale, SETTING_TIME, "1h", .min = 10 * S, .max = 30 * DAY,
        .doc = "How long what is known of a mailbox counts at RCPT; then it is asked again, and what can't be asked is not known, so mail is let in."),
    ROW(config_quota, confirm, SETTING_TIME, "10s", .min = 0, .max = 1 * DAY,
        .doc = "How old the news may be that refuses a recipient, when there is doveadm to ask: older ones are asked again first."),
    ROW(config_quota, quota2, SETTING_ENUM, "none", .choices = quota2_uses,
        .doc = "What PostfixAdmin's table quota2 is for: none; write: what is known is written there, for which the account of the section accounts needs "
               "SELECT, INSERT and UPDATE on it; read: Dovecot writes it, and it is believed at RCPT, with the limits of the table mailbox, about "
               "mailboxes of which nothing else is known."),
    {.name = NULL}};

/* ---- checks ---- */

static void
check_sockets(const struct config_quota *quota, struct settings_report *report)
{
    const struct {
        const char *name, *address;
    } sockets[] = {{"listen", quota->listen}, {"script", quota->script}};

    for (guint i = 0; i < G_N_ELEMENTS(sockets); i++)
        if (*sockets[i].address != '\0' && !g_str_has_prefix(sockets[i].address, "unix:"))
            settings_complain(report, TRUE, "quota", sockets[i].name, "must be a unix socket: Dovecot's processes send from this machine");
    if ((*quota->listen != '\0' || *quota->script != '\0') && (quota->socket_mode & 002) != 0 && *quota->uids == NULL && *quota->from != '\0')
        settings_complain(report, FALSE, "quota", "uids", "is empty, so every local user can have warnings sent; name the users that Dovecot's mail "
                          "processes run as, as {vmail}");
}

static void
check_levels(const struct config_quota *quota, struct settings_report *report)
{
    guint64 last = 0, level;

    for (char **text = quota->levels; *text != NULL; text++, last = level)
        if (!g_ascii_string_to_unsigned(*text, 10, 1, LEVEL_MAX, &level, NULL) || level <= last) {
            settings_complain(report, TRUE, "quota", "levels", "\"%s\": levels are whole numbers of percent from 1 to %d, each higher than the one "
                              "before", *text, LEVEL_MAX);
            return;
        }
}

static gboolean
is_language(const char *text)
{
    gsize length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");

    return length >= 2 && length <= LANGUAGE_MAX && text[length] == '\0';
}

static void
check_languages(const struct config_quota *quota, struct settings_report *report)
{
    if (!is_language(quota->language))
        settings_complain(report, TRUE, "quota", "language", "\"%s\" is no name of a language, as en or zh-TW", quota->language);
    for (char **item = quota->languages; *item != NULL; item++) {
        const char *equals = strchr(*item, '=');
        if (equals == NULL || equals == *item || !is_language(equals + 1))
            settings_complain(report, TRUE, "quota", "languages", "\"%s\" is not DOMAIN=LANGUAGE, as example.tw=zh-TW", *item);
    }
}

void
quota_check(const void *section, struct settings_report *report)
{
    const struct config_quota *quota = section;

    check_sockets(quota, report);
    check_levels(quota, report);
    check_languages(quota, report);
    if (*quota->from != '\0' && !config_is_plain_address(quota->from))
        settings_complain(report, TRUE, "quota", "from", "\"%s\" is no plain address, as postmaster@example.org", quota->from);
    if ((*quota->from != '\0') != (*quota->lmtp != '\0'))
        settings_complain(report, FALSE, "quota", *quota->from != '\0' ? "lmtp" : "from", "is empty, so no notices are sent");
    if (*quota->lmtp != '\0' && !g_str_has_prefix(quota->lmtp, "inet:") && !g_str_has_prefix(quota->lmtp, "unix:"))
        settings_complain(report, TRUE, "quota", "lmtp", "must be inet:PORT@HOST or unix:PATH");
}
