/* config.c: the tables of postern.conf: every section, setting, default, bound and line of documentation.
 *
 * The manual page postern.conf(5), the sample file, `postern config show` and the checks all come from
 * here. A new setting is one line below (or in a config_NAME.c) and one field in config.h. */
#include "lib/mail/config_private.h"
#include <string.h>

static const char *const log_targets[] = {"stderr", "syslog", NULL};                  /* enum log_target */
static const char *const log_formats[] = {"text", "json", NULL};                      /* enum log_format */
static const char *const log_levels[] = {"debug", "info", "warning", "error", NULL};  /* enum log_severity */
static const char *const accounts_drivers[] = {"none", "sqlite", "mariadb", NULL};
static const char *const catalogue_drivers[] = {"sqlite", "mariadb", NULL};
static const char *const milter_modules[] = {"auth", "spam", "sign", "archive", "envelope", NULL};

#define K (G_GINT64_CONSTANT(1) << 10)
#define M (G_GINT64_CONSTANT(1) << 20)
#define G (G_GINT64_CONSTANT(1) << 30)
#define T (G_GINT64_CONSTANT(1) << 40)
#define S G_GINT64_CONSTANT(1000)
#define HOUR (3600 * S)
#define NAME_MAX_BYTES 255

static const struct setting log_settings[] = {
    ROW(config_log, target, SETTING_ENUM, "syslog", .choices = log_targets,
        .doc = "Where log lines go: syslog (facility mail), or stderr for the journal and for containers."),
    ROW(config_log, format, SETTING_ENUM, "text", .choices = log_formats,
        .doc = "Form of a log line: key=value text, or one JSON object."),
    {.name = "level", .type = SETTING_ENUM, .offset = G_STRUCT_OFFSET(struct config_log, least), .dflt = "info",
     .choices = log_levels, .doc = "The least severity that is logged."},
    {.name = NULL}};

static const struct setting accounts_settings[] = {
    ROW(config_accounts, driver, SETTING_ENUM, "none", .choices = accounts_drivers,
        .doc = "Where PostfixAdmin's tables (domain, mailbox, alias, alias_domain) are, so that recipients are "
               "expanded to mailboxes when mail arrives. With none, every recipient is taken as its own mailbox."),
    ROW(config_accounts, path, SETTING_PATH, "",
        .doc = "The database file, when the driver is sqlite."),
    ROW(config_accounts, host, SETTING_STRING, "localhost", .max = NAME_MAX_BYTES,
        .doc = "Host of the MariaDB server, or the path of its socket."),
    ROW(config_accounts, port, SETTING_INT, "3306", .min = 1, .max = 65535, .doc = "Port of the MariaDB server."),
    ROW(config_accounts, database, SETTING_STRING, "", .max = 64, .doc = "Name of the MariaDB database."),
    ROW(config_accounts, user, SETTING_STRING, "", .max = 128,
        .doc = "MariaDB account; it needs no right but SELECT on the four tables."),
    ROW(config_accounts, password, SETTING_STRING, "", .secret = TRUE, .max = 1024,
        .doc = "Password of the MariaDB account; keep the file that holds it unreadable to others."),
    ROW(config_accounts, retry, SETTING_TIME, "10s", .min = 1 * S, .max = 1 * HOUR,
        .doc = "How long to leave the server alone after a failed connection; mail goes on, marked as not expanded."),
    ROW(config_accounts, recipient_delimiter, SETTING_STRING, "+", .max = 8,
        .doc = "Postfix's recipient_delimiter: what separates user and extension in user+extension@domain."),
    {.name = NULL}};

static const struct setting milter_settings[] = {
    ROW(config_milter, instance, SETTING_STRING, "main", .min = 1, .max = 32,
        .doc = "Name of this instance in log lines, as inbound or outbound: letters, digits, - and _."),
    ROW(config_milter, listen, SETTING_SOCKET, "unix:/var/spool/postfix/postern/milter.sock", .min = 1,
        .doc = "Where Postfix connects; in smtpd_milters it is unix:postern/milter.sock, since Debian's smtpd runs "
               "in a chroot. systemd:NAME takes the socket that the unit passes."),
    ROW(config_milter, socket_mode, SETTING_MODE, "0660", .min = 0600, .max = 0666,
        .doc = "Mode of the unix socket."),
    ROW(config_milter, socket_group, SETTING_STRING, "postfix", .max = 64,
        .doc = "Group of the unix socket; empty leaves it as it is made."),
    ROW(config_milter, control, SETTING_SOCKET, "unix:/run/postern/milter.control",
        .doc = "Control socket for postern reload and postern status; empty for none."),
    ROW(config_milter, metrics, SETTING_SOCKET, "inet:9870@127.0.0.1",
        .doc = "Where Prometheus reads /metrics; empty for none."),
    ROW(config_milter, reports, SETTING_SOCKET, "unix:/run/postern/report.sock",
        .doc = "Where postern-policyd takes reports of what mail was found to be (policyd.reports); a report that nobody takes is "
               "lost. Empty: none is sent."),
    ROW(config_milter, user, SETTING_STRING, "postern", .max = 64,
        .doc = "Account that the milter runs as when it is started by root."),
    ROW(config_milter, modules, SETTING_LIST, "auth, sign, archive, envelope", .choices = milter_modules,
        .doc = "The modules that are in use. Their order is fixed by the program; the order here has no meaning."),
    ROW(config_milter, max_message, SETTING_SIZE, "200M", .min = 64 * K, .max = 224 * M, /* a frame holds 256M */
        .doc = "Largest message; a larger one gets a permanent error, so keep it above Postfix's "
               "message_size_limit."),
    ROW(config_milter, sessions, SETTING_INT, "1000", .min = 1, .max = 100000,
        .doc = "Most SMTP sessions at the same time; one more is answered with a temporary error."),
    ROW(config_milter, drain_time, SETTING_TIME, "20s", .min = 0, .max = 10 * 60 * S,
        .doc = "How long a milter that was told to stop goes on serving the sessions that it has."),
    {.name = NULL}};

static const struct setting archive_settings[] = {
    ROW(config_archive_module, connect, SETTING_SOCKET, "unix:/run/postern/archived.sock", .min = 1,
        .doc = "Where postern-archived listens; used by the milter and by postern archive."),
    ROW(config_archive_module, timeout, SETTING_TIME, "20s", .min = 100, .max = 60 * S,
        .doc = "How long a message may wait for the archive at its end before it goes to the spool."),
    ROW(config_archive_module, spool, SETTING_PATH, "/var/spool/postern", .min = 1,
        .doc = "Directory where messages wait, synced to disk, while the archive is away."),
    ROW(config_archive_module, spool_max, SETTING_SIZE, "10G", .min = 1 * M, .max = 16 * T,
        .doc = "Most bytes in the spool; when it is full, mail gets a temporary error and stays with its sender."),
    ROW(config_archive_module, spool_min_free, SETTING_SIZE, "1G", .min = 0, .max = 1 * T,
        .doc = "Bytes that the spool leaves free on its disk; below that, mail gets a temporary error."),
    ROW(config_archive_module, drain_interval, SETTING_TIME, "10s", .min = 100, .max = 1 * HOUR,
        .doc = "How often the archive is tried again while messages wait in the spool."),
    {.name = NULL}};

static const struct setting envelope_settings[] = {
    ROW(config_envelope, tag_delivered, SETTING_BOOL, "no",
        .doc = "Whether delivered mail gets a header with all its envelope recipients. Every reader of a message "
               "then sees who got it by Bcc; the archive has the recipients without it."),
    ROW(config_envelope, header, SETTING_STRING, "X-Envelope-To", .min = 1, .max = 64,
        .doc = "Name of the header that shows the envelope recipients, in exports and in tagged mail."),
    {.name = NULL}};

static const struct setting archived_settings[] = {
    ROW(config_archived, listen, SETTING_SOCKET, "unix:/run/postern/archived.sock", .min = 1,
        .doc = "Where the milter and postern archive connect."),
    ROW(config_archived, socket_mode, SETTING_MODE, "0660", .min = 0600, .max = 0666,
        .doc = "Mode of the unix socket. Who may connect may read all mail."),
    ROW(config_archived, socket_group, SETTING_STRING, "", .max = 64,
        .doc = "Group of the unix socket; empty leaves the daemon's own."),
    ROW(config_archived, control, SETTING_SOCKET, "unix:/run/postern/archived.control",
        .doc = "Control socket for postern reload and postern status; empty for none."),
    ROW(config_archived, metrics, SETTING_SOCKET, "inet:9871@127.0.0.1",
        .doc = "Where Prometheus reads /metrics; empty for none."),
    ROW(config_archived, user, SETTING_STRING, "postern", .max = 64,
        .doc = "Account that the archive runs as when it is started by root."),
    ROW(config_archived, dir, SETTING_PATH, "/var/lib/postern/archive", .min = 1,
        .doc = "Directory of the segments, the keys, the index and the SQLite catalogue."),
    ROW(config_archived, master_key, SETTING_PATH, "/etc/postern/archive.key", .min = 1,
        .doc = "File of the key that encrypts the archive's keys. Without it the archive can't be read: keep a copy "
               "elsewhere."),
    ROW(config_archived, segment_size, SETTING_SIZE, "128M", .min = 1 * M, .max = 1 * G,
        .doc = "Size of a segment file; 64M to 256M suits most, smaller ones are for tests."),
    ROW(config_archived, level, SETTING_INT, "3", .min = 1, .max = 19,
        .doc = "Compression level (zstd); a higher one takes more time and less disk."),
    ROW(config_archived, attachment_min, SETTING_SIZE, "16K", .min = 1 * K, .max = 256 * M,
        .doc = "Attachments of this size and more are stored once, however many messages carry them."),
    ROW(config_archived, max_message, SETTING_SIZE, "240M", .min = 64 * K, .max = 240 * M, /* with its envelope it fits a frame */
        .doc = "Largest message that is taken; keep it at least at milter.max_message."),
    ROW(config_archived, min_free, SETTING_SIZE, "1G", .min = 0, .max = 16 * T,
        .doc = "Bytes that the archive leaves free on its disk; below that it takes no mail, and the spool or a "
               "temporary error keeps it."),
    ROW(config_archived, workers, SETTING_INT, "4", .min = 1, .max = 64,
        .doc = "Threads that compress and encrypt messages on their way in."),
    ROW(config_archived, index_batch, SETTING_INT, "200", .min = 1, .max = 100000,
        .doc = "Most messages in one commit to catalogue and index."),
    ROW(config_archived, search_budget, SETTING_TIME, "5s", .min = 10, .max = 10 * 60 * S,
        .doc = "How long one search may work; then it answers with what it has."),
    ROW(config_archived, catalogue_driver, SETTING_ENUM, "sqlite", .choices = catalogue_drivers,
        .doc = "Database of the catalogue: a SQLite file in dir, or a MariaDB server."),
    ROW(config_archived, catalogue_host, SETTING_STRING, "localhost", .max = NAME_MAX_BYTES,
        .doc = "Host of the MariaDB server, or the path of its socket."),
    ROW(config_archived, catalogue_port, SETTING_INT, "3306", .min = 1, .max = 65535,
        .doc = "Port of the MariaDB server."),
    ROW(config_archived, catalogue_database, SETTING_STRING, "", .max = 64, .doc = "Name of the MariaDB database."),
    ROW(config_archived, catalogue_user, SETTING_STRING, "", .max = 128, .doc = "MariaDB account."),
    ROW(config_archived, catalogue_password, SETTING_STRING, "", .secret = TRUE, .max = 1024,
        .doc = "Password of the MariaDB account; keep the file that holds it unreadable to others."),
    {.name = NULL}};

/* check_open_address - a warning for what listens to the whole network */
static void
check_open_address(struct settings_report *report, const char *section, const char *name, const char *address)
{
    if (g_str_has_prefix(address, "inet:") && strstr(address, "@*"))
        settings_complain(report, FALSE, section, name,
                          "everyone on the network can connect to %s; use a unix socket or 127.0.0.1", address);
}

static void
check_mode(struct settings_report *report, const char *section, gint64 mode)
{
    if (mode & 002)
        settings_complain(report, FALSE, section, "socket_mode",
                          "every local user can connect; use 0660 and socket_group");
}

/* check_mariadb - a MariaDB driver needs to know database and account */
static void
check_mariadb(struct settings_report *report, const char *section, const char *prefix, const char *database,
              const char *user)
{
    g_autofree char *database_name = g_strconcat(prefix, "database", NULL);
    g_autofree char *user_name = g_strconcat(prefix, "user", NULL);
    if (*database == '\0')
        settings_complain(report, TRUE, section, database_name, "is empty; %sdriver = mariadb needs it", prefix);
    if (*user == '\0')
        settings_complain(report, TRUE, section, user_name, "is empty; %sdriver = mariadb needs it", prefix);
}

static void
accounts_check(const void *section, struct settings_report *report)
{
    const struct config_accounts *accounts = section;
    if (strcmp(accounts_drivers[accounts->driver], "sqlite") == 0 && *accounts->path == '\0')
        settings_complain(report, TRUE, "accounts", "path", "is empty; driver = sqlite needs it");
    if (strcmp(accounts_drivers[accounts->driver], "mariadb") == 0)
        check_mariadb(report, "accounts", "", accounts->database, accounts->user);
}

static void
milter_check(const void *section, struct settings_report *report)
{
    const struct config_milter *milter = section;
    for (const char *p = milter->instance; *p; p++) {
        if (!g_ascii_isalnum(*p) && *p != '-' && *p != '_') {
            settings_complain(report, TRUE, "milter", "instance", "use letters, digits, - and _ only");
            break;
        }
    }
    if (!*milter->modules)
        settings_complain(report, FALSE, "milter", "modules",
                          "no module is in use, so the milter does nothing and mail is not archived");
    else if (!g_strv_contains((const char *const *)milter->modules, "archive"))
        settings_complain(report, FALSE, "milter", "modules", "archive is not in the list: mail is not archived");
    if (g_str_has_prefix(milter->control, "inet:"))
        settings_complain(report, TRUE, "milter", "control", "must be a unix socket; file rights tell who may use it");
    if (*milter->reports != '\0' && !g_str_has_prefix(milter->reports, "unix:"))
        settings_complain(report, TRUE, "milter", "reports", "must be a unix socket, as unix:/run/postern/report.sock");
    check_open_address(report, "milter", "listen", milter->listen);
    check_open_address(report, "milter", "metrics", milter->metrics);
    check_mode(report, "milter", milter->socket_mode);
}

static void
envelope_check(const void *section, struct settings_report *report)
{
    const struct config_envelope *envelope = section;
    for (const char *p = envelope->header; *p; p++) {
        if (*p < 33 || *p > 126 || *p == ':') {
            settings_complain(report, TRUE, "envelope", "header",
                              "a header's name has printable ASCII without spaces and colons only");
            break;
        }
    }
    if (envelope->tag_delivered)
        settings_complain(report, FALSE, "envelope", "tag_delivered",
                          "every reader of a delivered message will see all its recipients, those by Bcc too; set "
                          "it to no unless that is wanted");
}

static void
archived_check(const void *section, struct settings_report *report)
{
    const struct config_archived *archived = section;
    if (strcmp(catalogue_drivers[archived->catalogue_driver], "mariadb") == 0)
        check_mariadb(report, "archived", "catalogue_", archived->catalogue_database, archived->catalogue_user);
    if (g_str_has_prefix(archived->control, "inet:"))
        settings_complain(report, TRUE, "archived", "control",
                          "must be a unix socket; file rights tell who may use it");
    if (g_str_has_prefix(archived->master_key, archived->dir) && archived->master_key[strlen(archived->dir)] == '/')
        settings_complain(report, FALSE, "archived", "master_key",
                          "the key lies in the archive's own directory, so who gets a copy of one has both; keep it "
                          "elsewhere");
    check_open_address(report, "archived", "listen", archived->listen);
    check_open_address(report, "archived", "metrics", archived->metrics);
    check_mode(report, "archived", archived->socket_mode);
}

#define SECTION(n, t, d)                                                                                       \
    {.name = #n, .offset = G_STRUCT_OFFSET(struct config, n), .settings = n##_settings, .check = t, .doc = d}

#define TITLED(n, d)                                                                                                          \
    {.name = #n, .offset = G_STRUCT_OFFSET(struct config, n), .item_size = sizeof(struct config_##n), .settings = n##_settings, \
     .check = n##_check, .doc = d}

const struct settings_section config_sections[] = {
    SECTION(log, NULL, "Logging of all programs. An event is one line: the ids first, then what happened."),
    SECTION(accounts, accounts_check,
            "The mail accounts, read from PostfixAdmin's own tables. A recipient is expanded to the mailboxes that "
            "its aliases name at that moment, and the archive keeps both."),
    SECTION(milter, milter_check, "The milter, postern-milter."),
    SECTION(dns, dns_check, "How names are looked up: one resolver with a cache, for all of the milter's modules."),
    SECTION(auth, auth_check,
            "The milter's module auth: SPF, DKIM, DMARC and ARC of mail from outside, told in one "
            "Authentication-Results field."),
    SECTION(spam, spam_check,
            "The milter's module spam: mail from outside is judged by SpamAssassin's rule files, read unchanged, and told so in "
            "X-Spam fields. Points are as SpamAssassin counts them; the levels are those that Amavis has. With the same rules the milter answers "
            "spamc and other clients of spamd."),
    SECTION(sign, sign_check,
            "The milter's module sign: DKIM signatures on mail of our users and of our own machines, and ARC seals."),
    SECTION(dmarc, dmarc_check,
            "DMARC's aggregate reports: what inbound mail was found to be is counted for reports to the owners of domains, and "
            "the reports that others send about ours are kept."),
    SECTION(archive, NULL,
            "The milter's module archive. It answers the end of a message only when the message is on disk, in the "
            "archive or in the spool."),
    SECTION(envelope, envelope_check, "The milter's module envelope, and how the envelope is shown."),
    SECTION(archived, archived_check, "The archive, postern-archived."),
    SECTION(policyd, policyd_check,
            "The policy daemon, postern-policyd: Postfix asks it at each step of an SMTP session. What it answers is told by checks, each a "
            "section of its own with a title, in the order of the setting checks; the first that has an answer ends the question. "
            "Whom a check is about is told by lists, which all must hold; an empty one holds for all. An item with ! before it takes out."),
    TITLED(access, "A check with a fixed answer."),
    TITLED(greylist,
           "A check that puts off mail from hosts that are not known yet: whoever tries again is let in. Hosts are told apart by network "
           "and not by address, and a network that has passed for a sender's domain some times is not put off any more."),
    TITLED(rate,
           "A check that limits how much may be sent: by minute, hour and day at once, in messages and in recipients. A limit fills up evenly: "
           "60 an hour is one a minute, and up to 60 at once after an hour of rest. An account or domain may have limits of its own (postern "
           "rate limit)."),
    TITLED(sender_login,
           "A check that lets a user who signed in send as an address of their own only: their mailbox, an alias that leads to it, or what "
           "postern account sender gives them. It needs the section accounts."),
    TITLED(client,
           "A check that weighs what is known of a client: DNS block and welcome lists, its name, its HELO, and SPF. What can't be asked weighs "
           "nothing. Without settings it weighs nothing at all."),
    TITLED(account, "A check that does what was decided about an account by postern account: suspended, on hold, or slowed down."),
    SECTION(doveadm, doveadm_check,
            "The HTTP API of Dovecot's doveadm, by which postern-policyd asks what mailboxes hold and ends the sessions of suspended accounts."),
    SECTION(abuse, abuse_check,
            "What postern-policyd does about accounts that seem to be misused: signs of it have points, the points make a score that goes down by "
            "itself, and from a level on the account is slowed down, held or suspended, until it is released or the time is over. Off until enabled."),
    SECTION(signin, signin_check,
            "Sign-ins, about which Dovecot asks the policy daemon (auth_policy_server_url). Wrong passwords are counted by user, by network and by the "
            "two together, the same one again only once; who guesses is delayed, then refused, then banned. See postern-signin(7)."),
    TITLED(quota_check,
           "A check that refuses mail to full mailboxes before it is sent: when all mailboxes that the recipient stands for, through aliases too, are full or "
           "would be with this message. It lets in what is not known to be full."),
    SECTION(quota, quota_check,
            "Quotas of mailboxes: what Dovecot's plugin postern_quota tells of them is kept, users are told by mail, PostfixAdmin's quota2 is written, "
            "and checks of the kind quota_check refuse mail that would not fit."),
    {.name = NULL}};

/* config_check_across - what no section can see alone */
static void
config_check_across(const struct config *config, struct settings_report *report)
{
    const struct {
        const char *section, *name, *address;
    } listeners[] = {{"milter", "listen", config->milter.listen},
                     {"milter", "control", config->milter.control},
                     {"milter", "metrics", config->milter.metrics},
                     {"archived", "listen", config->archived.listen},
                     {"archived", "control", config->archived.control},
                     {"archived", "metrics", config->archived.metrics},
                     {"policyd", "control", config->policyd.control},
                     {"policyd", "metrics", config->policyd.metrics},
                     {"signin", "listen", config->signin.listen},

                     {"quota", "listen", config->quota.listen},
                     {"quota", "script", config->quota.script}};
    for (guint i = 0; i < G_N_ELEMENTS(listeners); i++)
        for (guint j = 0; j < i; j++)
            if (*listeners[i].address && strcmp(listeners[i].address, listeners[j].address) == 0)
                settings_complain(report, TRUE, listeners[i].section, listeners[i].name,
                                  "%s is %s.%s already; give each its own", listeners[i].address,
                                  listeners[j].section, listeners[j].name);
    if (config->archive.spool_max < config->milter.max_message)
        settings_complain(report, TRUE, "archive", "spool_max",
                          "is less than milter.max_message: the largest message would never fit");
    if (config->archived.max_message < config->milter.max_message)
        settings_complain(report, TRUE, "archived", "max_message",
                          "is less than milter.max_message: larger messages would wait in the spool for ever");
    policyd_check_across(config, report);
    abuse_check_across(config, report);
}

struct config *
config_load(const char *path, struct settings_report *report)
{
    struct config *config = g_new0(struct config, 1);
    config->refs = 1;
    config->path = g_strdup(path);
    settings_load(config_sections, path, config, report);
    if (report->errors->len == 0)
        config_check_across(config, report);
    if (report->errors->len > 0) {
        config_unref(config);
        return NULL;
    }
    return config;
}

struct config *
config_ref(struct config *config)
{
    g_atomic_int_inc(&config->refs);
    return config;
}

void
config_unref(struct config *config)
{
    if (!config || !g_atomic_int_dec_and_test(&config->refs))
        return;
    settings_clear(config_sections, config);
    g_free(config->path);
    g_free(config);
}
