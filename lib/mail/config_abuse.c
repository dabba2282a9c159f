/* config_abuse.c: the tables of the sections abuse (misused accounts, for the policy daemon) and doveadm. */
#include "lib/mail/config_private.h"
#include <string.h>
#include "lib/base/net.h"
#include "lib/base/networks.h"
#include "lib/mail/policy_match.h"

#define S G_GINT64_CONSTANT(1000)
#define MINUTE (60 * S)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

#define POINTS(f, d, what) ROW(config_abuse, f, SETTING_INT, d, .min = 0, .max = 10000, .doc = "Points of " what "; 0: it does not count.")
#define LEVEL(f, what) ROW(config_abuse, f, SETTING_INT, "0", .min = 0, .max = 1000000, .doc = "From which score on " what "; 0: never.")

const struct setting abuse_settings[] = {
    ROW(config_abuse, enabled, SETTING_BOOL, "no", .doc = "Whether accounts get a score at all."),
    ROW(config_abuse, dry_run, SETTING_BOOL, "no", .doc = "Whether it is only logged what would be done about an account."),
    ROW(config_abuse, exempt, SETTING_LIST, "", .max = 256,
        .doc = "Accounts that get no score: user@example.org, @example.org, .example.org, list:NAME (see postern policy list)."),
    ROW(config_abuse, window, SETTING_TIME, "24h", .min = 1 * MINUTE, .max = 7 * DAY,
        .doc = "In which time a score as high as the highest level goes back to 0 when nothing more is seen."),
    POINTS(points_spam, "10", "a message of the account that the milter judged to be spam (spam.own_mail must not be skip)"),
    POINTS(points_virus, "50", "a message of the account in which the milter found a virus"),
    POINTS(points_bounce, "5", "a bounce to the account, while bounces are more than bounce_share (Postfix' internal_mail_filter_classes = bounce)"),
    POINTS(points_burst, "5", "reaching a limit of a check of the kind rate, of its user or sender, once a minute at most"),
    POINTS(points_networks, "20", "one more network than networks that the account sends or signs in from in a day"),
    POINTS(points_unknown, "2", "a recipient in the account's own domain that does not exist, each once a day (needs the section accounts)"),
    POINTS(points_refused, "5", "one more domain than refused_domains to which the account's mail was refused by a check in a day"),
    ROW(config_abuse, bounce_share, SETTING_INT, "20", .min = 1, .max = 100,
        .doc = "Up to how many percent of an account's recipients in a day bounces are taken for usual. Below five bounces they are."),
    ROW(config_abuse, networks, SETTING_INT, "10", .min = 1, .max = 10000,
        .doc = "How many networks (/24, or /64 of IPv6) that an account did not use the day before are usual in a day."),
    ROW(config_abuse, refused_domains, SETTING_INT, "10", .min = 1, .max = 10000,
        .doc = "How many domains are usual to which an account's mail is refused in a day."),
    LEVEL(slow_at, "the account is slowed down (what that is, the check of the kind account says)"),
    LEVEL(hold_at, "its mail is held in Postfix' queue"),
    LEVEL(suspend_at, "its mail is refused, and its IMAP sessions are ended (by the section doveadm)"),
    ROW(config_abuse, expires, SETTING_TIME, "24h", .min = 0, .max = 366 * DAY, .doc = "How long it lasts what is done; 0: until postern account release."),
    ROW(config_abuse, cool_down, SETTING_TIME, "1h", .min = 0, .max = 1 * DAY,
        .doc = "How long an account that was released by hand is left alone."),
    ROW(config_abuse, mail_to, SETTING_STRING, "postmaster@{domain}", .max = 320,
        .doc = "Who is told by mail of what was done; {domain} is the account's. Empty: nobody."),
    ROW(config_abuse, mail_user, SETTING_BOOL, "no", .doc = "Whether the user is told by mail, too."),
    ROW(config_abuse, mail_from, SETTING_STRING, "postmaster@{domain}", .min = 1, .max = 320,
        .doc = "What stands in From of these mails; their envelope sender is empty, so that they never bounce."),
    ROW(config_abuse, smtp, SETTING_SOCKET, "inet:25@127.0.0.1", .min = 1, .doc = "Where mails are handed to Postfix, as inet:PORT@HOST or unix:/path."),
    ROW(config_abuse, webhook, SETTING_STRING, "", .max = 2048,
        .doc = "URL that gets a POST with a JSON object of what was done: https, or http to this machine; empty: none."),
    {.name = NULL}};

const struct setting doveadm_settings[] = {
    ROW(config_doveadm, url, SETTING_STRING, "", .max = 1024,
        .doc = "Where it listens: https, or http to this machine, as http://127.0.0.1:8080, or unix:/path, a unix_listener of Dovecot whose name is "
               "http, as unix:/run/dovecot/http; empty: it is not used."),
    ROW(config_doveadm, key, SETTING_STRING, "", .secret = TRUE, .max = 1024, .doc = "Dovecot's doveadm_api_key."),
    {.name = NULL}};

/* Whether what is sent there in the clear stays on this machine. */
static gboolean
is_here(const char *host)
{
    guint8 octets[16];
    gsize length = network_address(host, octets);
    static const guint8 v6[16] = {[15] = 1};

    return g_ascii_strcasecmp(host, "localhost") == 0 || (length == 4 && octets[0] == 127) || (length == 16 && memcmp(octets, v6, 16) == 0);
}

static void
check_url(struct settings_report *report, const char *section, const char *name, const char *url)
{
    g_autoptr(GUri) uri = *url != '\0' ? g_uri_parse(url, G_URI_FLAGS_NONE, NULL) : NULL;
    const char *scheme = uri != NULL ? g_uri_get_scheme(uri) : "", *host = uri != NULL ? g_uri_get_host(uri) : NULL;

    if (*url == '\0')
        return;
    if (host == NULL || *host == '\0' || (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0))
        settings_complain(report, TRUE, section, name, "is no URL; write https://host/path");
    else if (strcmp(scheme, "http") == 0 && !is_here(host))
        settings_complain(report, TRUE, section, name, "would be readable on the network; use https, or http to 127.0.0.1");
}

/* {domain} may stand where a domain may. */
static void
check_mailbox(struct settings_report *report, const char *name, const char *text)
{
    g_autoptr(GString) filled = g_string_new(text);

    g_string_replace(filled, "{domain}", "example.org", 0);
    if (*text != '\0' && !config_is_plain_address(filled->str))
        settings_complain(report, TRUE, "abuse", name, "is no plain address; write it as postmaster@example.org or postmaster@{domain}");
}

static void
check_levels(struct settings_report *report, const struct config_abuse *abuse)
{
    if (abuse->slow_at > 0 && abuse->hold_at > 0 && abuse->slow_at > abuse->hold_at)
        settings_complain(report, TRUE, "abuse", "hold_at", "is below slow_at; the milder comes first");
    if (abuse->suspend_at > 0 && MAX(abuse->slow_at, abuse->hold_at) > abuse->suspend_at)
        settings_complain(report, TRUE, "abuse", "suspend_at", "is below slow_at or hold_at; the milder comes first");
    if (abuse->enabled && MAX(MAX(abuse->slow_at, abuse->hold_at), abuse->suspend_at) == 0)
        settings_complain(report, FALSE, "abuse", "enabled", "scores are only counted: slow_at, hold_at and suspend_at are all 0");
}

void
abuse_check(const void *section, struct settings_report *report)
{
    const struct config_abuse *abuse = section;
    g_autoptr(GError) error = NULL;
    struct policy_match *exempt = policy_match_new(POLICY_MATCH_ADDRESSES, abuse->exempt, &error);

    if (exempt == NULL)
        settings_complain(report, TRUE, "abuse", "exempt", "%s", error->message);
    policy_match_free(exempt);
    check_levels(report, abuse);
    check_url(report, "abuse", "webhook", abuse->webhook);
    check_mailbox(report, "mail_to", abuse->mail_to);
    check_mailbox(report, "mail_from", abuse->mail_from);
    if ((!g_str_has_prefix(abuse->smtp, "inet:") && !g_str_has_prefix(abuse->smtp, "unix:")) || g_str_has_suffix(abuse->smtp, "@*"))
        settings_complain(report, TRUE, "abuse", "smtp", "must be inet:PORT@HOST or unix:/path");
}

void
doveadm_check(const void *section, struct settings_report *report)
{
    const struct config_doveadm *doveadm = section;
    g_autoptr(GError) error = NULL;

    if (!g_str_has_prefix(doveadm->url, "unix:"))
        check_url(report, "doveadm", "url", doveadm->url);
    else if (!net_check_address(doveadm->url, &error))
        settings_complain(report, TRUE, "doveadm", "url", "%s", error->message);
    if (*doveadm->url != '\0' && *doveadm->key == '\0')
        settings_complain(report, TRUE, "doveadm", "key", "is empty; Dovecot's HTTP API needs its doveadm_api_key");
}

void
abuse_check_across(const struct config *config, struct settings_report *report)
{
    const struct config_abuse *abuse = &config->abuse;

    if (!abuse->enabled)
        return;
    if (MAX(MAX(abuse->slow_at, abuse->hold_at), abuse->suspend_at) > 0 && config->account->len == 0)
        settings_complain(report, FALSE, "abuse", "enabled", "no check of the kind account is configured, so what is done about accounts has no "
                          "effect; write a section, as account main { }");
    if (abuse->points_spam > 0 && config->spam.own_mail == CONFIG_SPAM_OWN_SKIP)
        settings_complain(report, FALSE, "abuse", "points_spam", "spam.own_mail is skip: the milter does not judge mail of users who signed in");
    if (*config->policyd.reports == '\0')
        settings_complain(report, FALSE, "abuse", "enabled", "policyd.reports is empty: the milter can't tell of spam, viruses and bounces");
}
