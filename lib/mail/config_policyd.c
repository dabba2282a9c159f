/* config_policyd.c: the tables of the policy daemon: the section policyd, and a titled section for each kind of check. */
#include "lib/mail/config_private.h"
#include <string.h>
#include "lib/base/dnsbl.h"
#include "lib/base/net.h"
#include "lib/mail/policy_action.h"
#include "lib/mail/policy_match.h"

#define S G_GINT64_CONSTANT(1000)
#define MINUTE (60 * S)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define MANY 1000000000 /* of a rate */

static const char *const drivers[] = {"sqlite", "mariadb", NULL};   /* enum config_policyd_driver */
static const char *const troubles[] = {"dunno", "defer", NULL};     /* enum config_policyd_trouble */
static const char *const states[] = {"CONNECT", "EHLO", "HELO", "MAIL", "RCPT", "DATA", "END-OF-MESSAGE", "VRFY", "ETRN", NULL};
static const char *const sign_ins[] = {"any", "yes", "no", NULL};   /* enum config_when_sign_in */
static const char *const rates_of[] = {"user", "sender", "sender_domain", "client", "recipient", "recipient_domain", NULL}; /* enum config_rate_of */

const struct setting policyd_settings[] = {
    ROW(config_policyd, listen, SETTING_LIST, "unix:/var/spool/postfix/postern/policy.sock", .min = 1, .max = 16,
        .doc = "Where Postfix connects; check_policy_service names the first one unix:postern/policy.sock, since Debian's smtpd runs in a "
               "chroot. inet:PORT@HOST as well."),
    ROW(config_policyd, socket_mode, SETTING_MODE, "0660", .min = 0600, .max = 0666, .doc = "Mode of the unix sockets."),
    ROW(config_policyd, socket_group, SETTING_STRING, "postfix", .max = 64,
        .doc = "Group of the unix sockets; empty leaves it as it is made."),
    ROW(config_policyd, control, SETTING_SOCKET, "unix:/run/postern/policyd.control",
        .doc = "Control socket for postern reload and postern policy; empty for none."),
    ROW(config_policyd, metrics, SETTING_SOCKET, "inet:9872@127.0.0.1", .doc = "Where Prometheus reads /metrics; empty for none."),
    ROW(config_policyd, reports, SETTING_SOCKET, "unix:/run/postern/report.sock",
        .doc = "Where the milter tells what it has found of mail (milter.reports), for greylisting and the section abuse; empty: nowhere. Only the "
               "daemon's own user and root are believed."),
    ROW(config_policyd, user, SETTING_STRING, "postern", .max = 64, .doc = "Account that the daemon runs as when it is started by root."),
    ROW(config_policyd, threads, SETTING_INT, "0", .min = 0, .max = 64, .doc = "Threads that serve connections; 0: one for each core."),
    ROW(config_policyd, connections, SETTING_INT, "4096", .min = 1, .max = 100000,
        .doc = "Most connections at the same time; more wait. Each smtpd process of Postfix has one."),
    ROW(config_policyd, checks, SETTING_LIST, "", .max = SETTINGS_ITEMS_MAX,
        .doc = "The checks in use, by the titles of their sections, in the order in which they are made. With none, every answer is DUNNO."),
    ROW(config_policyd, on_trouble, SETTING_ENUM, "dunno", .choices = troubles,
        .doc = "What Postfix is told when a check can't be made, since the database is away or the daemon has more to do than it can: "
               "dunno, that Postfix goes on without it, or defer, that the client tries again later."),
    ROW(config_policyd, driver, SETTING_ENUM, "sqlite", .choices = drivers,
        .doc = "Where it is kept what the daemon knows: a SQLite file, or a MariaDB server, which several nodes may share. postern db init makes "
               "the tables."),
    ROW(config_policyd, path, SETTING_PATH, "/var/lib/postern/policy/policy.db", .min = 1, .doc = "The database file, when the driver is sqlite."),
    ROW(config_policyd, host, SETTING_STRING, "localhost", .max = 255, .doc = "Host of the MariaDB server, or the path of its socket."),
    ROW(config_policyd, port, SETTING_INT, "3306", .min = 1, .max = 65535, .doc = "Port of the MariaDB server."),
    ROW(config_policyd, database, SETTING_STRING, "", .max = 64, .doc = "Name of the MariaDB database."),
    ROW(config_policyd, db_user, SETTING_STRING, "", .max = 128, .doc = "MariaDB account."),
    ROW(config_policyd, password, SETTING_STRING, "", .secret = TRUE, .max = 1024,
        .doc = "Password of the MariaDB account; keep the file that holds it unreadable to others."),
    ROW(config_policyd, keep_audit, SETTING_TIME, "730d", .min = 0, .max = 10000 * DAY,
        .doc = "How long lines of the audit are kept, back from the newest: who decided what about an account, a list, a limit or a network, and why. 0: for "
               "ever. Two years, so that a yearly review finds the whole year before it."),
    ROW(config_policyd, node, SETTING_STRING, "", .max = 32,
        .doc = "Name of this machine among several that share one MariaDB database; empty: the host's name."),
    {.name = NULL}};

/* The rows that all kinds of checks begin with. s: the kind's struct; d: states by default. */
#define WHEN_ROW(s, f, t, d, ...) {.name = #f, .type = t, .offset = G_STRUCT_OFFSET(struct s, when.f), .dflt = d, __VA_ARGS__}
#define WHEN(s, d)                                                                                                                \
    WHEN_ROW(s, states, SETTING_LIST, d, .choices = states,                                                                       \
             .doc = "The steps of the SMTP session at which the check is made, as Postfix' protocol_state names them."),           \
        WHEN_ROW(s, clients, SETTING_LIST, "",                                                                                    \
                 .doc = "Clients that it is about: networks, .example.org (hosts of a verified name in the domain), list:NAME (see " \
                        "postern policy list)."),                                                                                 \
        WHEN_ROW(s, senders, SETTING_LIST, "",                                                                                    \
                 .doc = "Envelope senders that it is about: user@example.org, @example.org, .example.org (the domain and all below), <> " \
                        "(bounces), list:NAME."),                                                                                 \
        WHEN_ROW(s, recipients, SETTING_LIST, "", .doc = "Envelope recipients that it is about, written as senders are."),        \
        WHEN_ROW(s, users, SETTING_LIST, "",                                                                                      \
                 .doc = "Users who signed in that it is about, written as senders are; who did not sign in is none of them."),      \
        WHEN_ROW(s, sign_in, SETTING_ENUM, "any", .choices = sign_ins, .doc = "Whether it is about sessions in which a user signed in."), \
        WHEN_ROW(s, dry_run, SETTING_BOOL, "no",                                                                                  \
                 .doc = "Whether the check only logs what it would answer. What it counts is counted all the same.")

const struct setting access_settings[] = {
    WHEN(config_access, "RCPT"),
    ROW(config_access, action, SETTING_STRING, "DUNNO", .min = 1, .max = POLICY_ACTION_MAX,
        .doc = "What Postfix is told, an action of access(5) as REJECT text or HOLD text. DUNNO ends the checks without one."),
    {.name = NULL}};

const struct setting greylist_settings[] = {
    WHEN(config_greylist, "RCPT"),
    ROW(config_greylist, delay, SETTING_TIME, "5m", .min = 1 * S, .max = 1 * DAY, .doc = "How long mail from an unknown host is put off."),
    ROW(config_greylist, window, SETTING_TIME, "2d", .min = 1 * MINUTE, .max = 30 * DAY,
        .doc = "How long after the first try the next one counts as the same."),
    ROW(config_greylist, keep, SETTING_TIME, "35d", .min = 1 * HOUR, .max = 400 * DAY,
        .doc = "How long it is remembered who has passed, from the last time on."),
    ROW(config_greylist, passes, SETTING_INT, "2", .min = 1, .max = 1000,
        .doc = "After how many messages that passed a network is not put off any more for the domain that they came from."),
    ROW(config_greylist, spf, SETTING_BOOL, "yes",
        .doc = "Whether SPF is asked about mail that would be put off, so that all networks from which a domain says that it sends are one."),
    ROW(config_greylist, skip_clients, SETTING_LIST,
        "127.0.0.0/8, ::1, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7, .google.com, .outlook.com, .yahoo.com, .yahoodns.net, .icloud.com, .apple.com, .amazonses.com, .sendgrid.net, .mailgun.net, "
        ".mandrillapp.com, .mcsv.net, .rsgsv.net, .postmarkapp.com, .facebook.com, .linkedin.com, .github.com, .paypal.com, .mimecast.com, "
        ".pphosted.com, .messagelabs.com, .gmx.net, .web.de, .mail.ru, .yandex.net, .qq.com, .163.com, .126.com, .aliyun.com, .hinet.net",
        .doc = "Clients that are never put off, as clients above: private networks, and large senders, who try again from many networks. A name counts only "
               "when Postfix has verified it."),
    ROW(config_greylist, action, SETTING_STRING, "DEFER_IF_PERMIT 4.2.0 Greylisted, please try again in {wait} seconds", .min = 1,
        .max = POLICY_ACTION_MAX, .doc = "What Postfix is told while mail is put off; {wait} becomes the seconds that are left."),
    {.name = NULL}};

#define PER(f, what) ROW(config_rate, f, SETTING_INT, "0", .min = 0, .max = MANY, .doc = "Most " what "; 0: no limit.")

const struct setting rate_settings[] = {
    WHEN(config_rate, "RCPT"),
    ROW(config_rate, of, SETTING_ENUM, "user", .choices = rates_of,
        .doc = "What has the limit, each by itself: the user who signed in, the envelope sender or its domain, the client's network (/24, or /64 of "
               "IPv6), the recipient or its domain. Where a session has none, the check does not apply."),
    PER(messages_per_minute, "messages in a minute"),
    PER(messages_per_hour, "messages in an hour"),
    PER(messages_per_day, "messages in a day"),
    PER(recipients_per_minute, "recipients in a minute"),
    PER(recipients_per_hour, "recipients in an hour"),
    PER(recipients_per_day, "recipients in a day"),
    ROW(config_rate, warn_at, SETTING_INT, "80", .min = 0, .max = 100,
        .doc = "At how many percent of a limit a warning is logged; 0: never."),
    ROW(config_rate, warn_user, SETTING_BOOL, "no",
        .doc = "Whether the user who signed in is told so by mail, too, of limits by hour and by day; only where of is user or sender. Needs quota.from and "
               "quota.lmtp, and its text is rate.txt in quota.templates. No mail in a dry run."),
    ROW(config_rate, action, SETTING_STRING, "450 4.7.1 Sending limit reached, please try again in {wait} seconds", .min = 1,
        .max = POLICY_ACTION_MAX, .doc = "What Postfix is told when a limit is reached; {wait} becomes the seconds until there is room again."),
    {.name = NULL}};

const struct setting sender_login_settings[] = {
    WHEN(config_sender_login, "RCPT"),
    ROW(config_sender_login, null_sender, SETTING_BOOL, "yes", .doc = "Whether everybody may send as <>, as mail programs do for read receipts."),
    ROW(config_sender_login, forwards, SETTING_BOOL, "no", .doc = "Whether a mailbox that forwards to the user's own may be sent as, too."),
    ROW(config_sender_login, members_max, SETTING_INT, "0", .min = 0, .max = 1000,
        .doc = "An alias with more members than this gives none of them the right to send as it; 0: however many."),
    ROW(config_sender_login, default_domain, SETTING_STRING, "", .max = 253, .doc = "Domain of users who sign in without one."),
    ROW(config_sender_login, action, SETTING_STRING, "553 5.7.1 Sender address rejected: not owned by the user who signed in", .min = 1,
        .max = POLICY_ACTION_MAX, .doc = "What Postfix is told when the address is not theirs."),
    {.name = NULL}};

const struct setting client_settings[] = {
    WHEN(config_client, "RCPT"),
    ROW(config_client, dnsbl, SETTING_LIST, "", .max = 64,
        .doc = "DNS lists as Postfix' postscreen_dnsbl_sites writes them, each in quotes: ZONE=CODES*WEIGHT, with weights below 0 for welcome lists. "
               "postern dnsbl tells whether a list serves you."),
    ROW(config_client, unverified, SETTING_INT, "0", .min = -1000, .max = 1000,
        .doc = "Weight of a client without a verified name (its address leads to no name that leads back to it)."),
    ROW(config_client, helo, SETTING_INT, "0", .min = -1000, .max = 1000,
        .doc = "Weight of a HELO that is neither a full host name nor the client's own address in brackets."),
    ROW(config_client, spf_fail, SETTING_INT, "0", .min = -1000, .max = 1000, .doc = "Weight of SPF's fail for the envelope sender."),
    ROW(config_client, spf_softfail, SETTING_INT, "0", .min = -1000, .max = 1000, .doc = "Weight of SPF's softfail for the envelope sender."),
    ROW(config_client, threshold, SETTING_INT, "3", .min = 1, .max = 100000, .doc = "From which sum on the check has an answer."),
    ROW(config_client, timeout, SETTING_TIME, "5s", .min = 100, .max = 20 * S, .doc = "How long it waits for the DNS; what has not come by then weighs nothing."),
    ROW(config_client, action, SETTING_STRING, "550 5.7.1 Client refused: {reason}", .min = 1, .max = POLICY_ACTION_MAX,
        .doc = "What Postfix is told; {reason} becomes what weighed, as zen.example.org, unverified name."),
    {.name = NULL}};

const struct setting account_settings[] = {
    WHEN(config_account, "RCPT"),
    ROW(config_account, suspended_action, SETTING_STRING, "554 5.7.1 Sending is suspended for this account, please contact your postmaster", .min = 1,
        .max = POLICY_ACTION_MAX, .doc = "What Postfix is told of a suspended account."),
    ROW(config_account, hold_action, SETTING_STRING, "HOLD the account is on hold", .min = 1, .max = POLICY_ACTION_MAX,
        .doc = "What Postfix is told of an account on hold: its mail stays in the queue until postsuper -H lets it go."),
    ROW(config_account, slow_per_hour, SETTING_INT, "30", .min = 1, .max = 100000, .doc = "Recipients in an hour that a slowed account may send to."),
    ROW(config_account, slow_action, SETTING_STRING, "450 4.7.1 Sending is slowed down for this account, please try again in {wait} seconds", .min = 1,
        .max = POLICY_ACTION_MAX, .doc = "What Postfix is told when a slowed account has sent that many."),
    {.name = NULL}};

const struct setting quota_check_settings[] = {
    WHEN(config_quota_check, "RCPT"),
    ROW(config_quota_check, grace_percent, SETTING_INT, "10", .min = 0, .max = 100,
        .doc = "By how many percent of the limit the last message may pass it, as Dovecot 2.3's quota_grace says (10 %)."),
    ROW(config_quota_check, grace, SETTING_SIZE, "10M", .min = 0, .max = G_GINT64_CONSTANT(1) << 40,
        .doc = "The same in bytes, as Dovecot 2.4's quota_storage_grace says (10M). The larger of the two counts."),
    ROW(config_quota_check, action, SETTING_STRING, "552 5.2.2 Mailbox is full", .min = 1, .max = POLICY_ACTION_MAX,
        .doc = "What Postfix is told when all mailboxes that a recipient stands for are full, or would be with this message."),
    {.name = NULL}};

/* ---- checks ---- */

static void
check_match(struct settings_report *report, const char *section, const void *item, const char *name, enum policy_match_kind kind, char **list)
{
    g_autoptr(GError) error = NULL;
    struct policy_match *match = policy_match_new(kind, list, &error);

    if (match == NULL)
        settings_complain_item(report, TRUE, section, item, name, "%s", error->message);
    policy_match_free(match);
}

static void
check_when(struct settings_report *report, const char *section, const struct config_when *when)
{
    check_match(report, section, when, "clients", POLICY_MATCH_CLIENTS, when->clients);
    check_match(report, section, when, "senders", POLICY_MATCH_ADDRESSES, when->senders);
    check_match(report, section, when, "recipients", POLICY_MATCH_ADDRESSES, when->recipients);
    check_match(report, section, when, "users", POLICY_MATCH_ADDRESSES, when->users);
    if (*when->states == NULL)
        settings_complain_item(report, TRUE, section, when, "states", "is empty: the check would never be made");
    if (when->sign_in == CONFIG_WHEN_NOT_SIGNED_IN && *when->users != NULL)
        settings_complain_item(report, TRUE, section, when, "users", "can't hold together with sign_in = no");
}

static void
check_action(struct settings_report *report, const char *section, const void *item, const char *name, const char *action)
{
    g_autoptr(GError) error = NULL;

    if (!policy_action_check(action, &error))
        settings_complain_item(report, TRUE, section, item, name, "%s", error->message);
}

void
access_check(const void *section, struct settings_report *report)
{
    const struct config_access *access = section;

    check_when(report, "access", &access->when);
    check_action(report, "access", access, "action", access->action);
}

/* What hangs on a recipient is only known where there is one. */
static void
check_has_recipient(struct settings_report *report, const char *section, const struct config_when *when)
{
    for (char **state = when->states; *state != NULL; state++)
        if (strcmp(*state, "RCPT") != 0)
            settings_complain_item(report, TRUE, section, when, "states", "%s: Postfix names no recipient there; use RCPT", *state);
}

void
greylist_check(const void *section, struct settings_report *report)
{
    const struct config_greylist *greylist = section;

    check_when(report, "greylist", &greylist->when);
    check_match(report, "greylist", greylist, "skip_clients", POLICY_MATCH_CLIENTS, greylist->skip_clients);
    check_action(report, "greylist", greylist, "action", greylist->action);
    check_has_recipient(report, "greylist", &greylist->when);
    if (greylist->window <= greylist->delay)
        settings_complain_item(report, TRUE, "greylist", greylist, "window", "must be longer than delay: nobody would ever pass");
}

void
rate_check(const void *section, struct settings_report *report)
{
    const struct config_rate *rate = section;

    check_when(report, "rate", &rate->when);
    check_action(report, "rate", rate, "action", rate->action);
    if (rate->of == CONFIG_RATE_RECIPIENT || rate->of == CONFIG_RATE_RECIPIENT_DOMAIN)
        check_has_recipient(report, "rate", &rate->when);
    for (char **state = rate->when.states; *state != NULL; state++)
        if (strcmp(*state, "RCPT") != 0 && strcmp(*state, "DATA") != 0 && strcmp(*state, "END-OF-MESSAGE") != 0)
            settings_complain_item(report, TRUE, "rate", rate, "states", "%s: there is nothing to count yet; use RCPT, DATA or END-OF-MESSAGE", *state);
    if (rate->when.states[0] != NULL && rate->when.states[1] != NULL)
        settings_complain_item(report, TRUE, "rate", rate, "states", "has more than one: mail would count several times");
    if (rate->messages_per_minute + rate->messages_per_hour + rate->messages_per_day + rate->recipients_per_minute +
            rate->recipients_per_hour + rate->recipients_per_day == 0)
        settings_complain_item(report, FALSE, "rate", rate, "of", "no limit is set, so the check only counts");
}

void
sender_login_check(const void *section, struct settings_report *report)
{
    const struct config_sender_login *sender_login = section;

    check_when(report, "sender_login", &sender_login->when);
    check_action(report, "sender_login", sender_login, "action", sender_login->action);
    for (char **state = sender_login->when.states; *state != NULL; state++)
        if (strcmp(*state, "CONNECT") == 0 || strcmp(*state, "HELO") == 0 || strcmp(*state, "EHLO") == 0)
            settings_complain_item(report, TRUE, "sender_login", sender_login, "states", "%s: there is no sender yet; use MAIL or RCPT", *state);
}

void
client_check(const void *section, struct settings_report *report)
{
    const struct config_client *client = section;
    g_autofree char *lists = g_strjoinv(" ", client->dnsbl);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) parsed = dnsbl_parse(lists, &error);

    check_when(report, "client", &client->when);
    check_action(report, "client", client, "action", client->action);
    if (parsed == NULL)
        settings_complain_item(report, TRUE, "client", client, "dnsbl", "%s", error->message);
    if (parsed != NULL && parsed->len == 0 && client->unverified <= 0 && client->helo <= 0 && client->spf_fail <= 0 && client->spf_softfail <= 0)
        settings_complain_item(report, FALSE, "client", client, "threshold", "nothing has a weight, so the check never answers");
}

void
account_check(const void *section, struct settings_report *report)
{
    const struct config_account *account = section;

    check_when(report, "account", &account->when);
    check_action(report, "account", account, "suspended_action", account->suspended_action);
    check_action(report, "account", account, "hold_action", account->hold_action);
    check_action(report, "account", account, "slow_action", account->slow_action);
}

void
policyd_check(const void *section, struct settings_report *report)
{
    const struct config_policyd *policyd = section;

    for (char **address = policyd->listen; *address != NULL; address++) {
        g_autoptr(GError) error = NULL;
        if (!net_check_address(*address, &error))
            settings_complain(report, TRUE, "policyd", "listen", "%s", error->message);
        if (g_str_has_prefix(*address, "inet:") && strstr(*address, "@*") != NULL)
            settings_complain(report, FALSE, "policyd", "listen", "everyone on the network can connect to %s and learn what is refused; use a "
                              "unix socket or 127.0.0.1", *address);
    }
    if ((policyd->socket_mode & 002) != 0)
        settings_complain(report, FALSE, "policyd", "socket_mode", "every local user can connect; use 0660 and socket_group");
    if (g_str_has_prefix(policyd->control, "inet:"))
        settings_complain(report, TRUE, "policyd", "control", "must be a unix socket; file rights tell who may use it");
    if (*policyd->reports != '\0' && !g_str_has_prefix(policyd->reports, "unix:"))
        settings_complain(report, TRUE, "policyd", "reports", "must be a unix socket, as unix:/run/postern/report.sock");
    if (policyd->driver == CONFIG_POLICYD_MARIADB && *policyd->database == '\0')
        settings_complain(report, TRUE, "policyd", "database", "is empty; driver = mariadb needs it");
    if (policyd->driver == CONFIG_POLICYD_MARIADB && *policyd->db_user == '\0')
        settings_complain(report, TRUE, "policyd", "db_user", "is empty; driver = mariadb needs it");
}

void
quota_check_check(const void *section, struct settings_report *report)
{
    const struct config_quota_check *check = section;

    check_when(report, "quota_check", &check->when);
    check_action(report, "quota_check", check, "action", check->action);
    check_has_recipient(report, "quota_check", &check->when);
}

/* How many sections have the title, of all kinds. */
static guint
count_titles(const struct config *config, const char *title)
{
    const GPtrArray *kinds[] = {config->access, config->greylist, config->rate, config->sender_login, config->account, config->client,
                                config->quota_check};
    guint n = 0;

    for (guint k = 0; k < G_N_ELEMENTS(kinds); k++)
        for (guint i = 0; i < kinds[k]->len; i++)
            n += strcmp(((const struct config_when *)g_ptr_array_index(kinds[k], i))->title, title) == 0;
    return n;
}

static void
check_titles(const struct config *config, const char *section, const GPtrArray *items, struct settings_report *report)
{
    for (guint i = 0; i < items->len; i++) {
        const struct config_when *when = g_ptr_array_index(items, i);
        if (count_titles(config, when->title) > 1)
            settings_complain_item(report, TRUE, section, when, "states", "another check has the title %s as well; policyd.checks could not tell "
                                   "them apart", when->title);
        else if (!g_strv_contains((const char *const *)config->policyd.checks, when->title))
            settings_complain_item(report, FALSE, section, when, "states", "the check is not in use: policyd.checks does not name it");
    }
}

/* Whoever may send events may say that a mailbox is full; doveadm would be asked before mail is refused. */
static void
check_quota_is_safe(const struct config *config, struct settings_report *report)
{
    const struct config_quota *quota = &config->quota;
    gboolean heard = *quota->listen != '\0' || *quota->script != '\0', open = (quota->socket_mode & 002) != 0 && *quota->uids == NULL;

    if (config->quota_check->len > 0 && heard && open && *config->doveadm.url == '\0')
        settings_complain(report, FALSE, "quota", "uids", "is empty and doveadm.url as well, so every local user can have mail to a mailbox refused; name "
                          "the users that Dovecot's mail processes run as, as {vmail}, or set doveadm.url");
}

void
policyd_check_across(const struct config *config, struct settings_report *report)
{
    for (char **title = config->policyd.checks; *title != NULL; title++)
        if (count_titles(config, *title) == 0)
            settings_complain(report, TRUE, "policyd", "checks", "there is no check %s; write a section, as greylist %s { ... }", *title, *title);
    check_titles(config, "access", config->access, report);
    check_titles(config, "greylist", config->greylist, report);
    check_titles(config, "rate", config->rate, report);
    check_titles(config, "sender_login", config->sender_login, report);
    check_titles(config, "account", config->account, report);
    check_titles(config, "client", config->client, report);
    check_titles(config, "quota_check", config->quota_check, report);
    check_quota_is_safe(config, report);
    rate_check_warnings(config, report);
    if (config->quota.quota2 != CONFIG_QUOTA2_NONE && config->accounts.driver == 0)
        settings_complain(report, TRUE, "accounts", "driver", "is none; quota.quota2 needs PostfixAdmin's tables");
    if (config->sender_login->len > 0 && config->accounts.driver == 0)
        settings_complain(report, TRUE, "accounts", "driver", "is none; a check of the kind sender_login needs PostfixAdmin's tables");
}
