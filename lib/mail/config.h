/* config.h: the whole configuration of Postern as one C struct, one file: postern.conf.
 *
 * Every program loads all of it (so that one `postern config check` covers all), and uses its sections. A
 * loaded configuration never changes; reload makes a new one beside it. Reference counted, thread-safe. */
#pragma once
#include "lib/base/settings.h"
#include "lib/base/log.h"

#define CONFIG_DEFAULT_PATH "/etc/postern/postern.conf"

struct config_log {
    int target, format, least; /* enum log_target, log_format, log_severity; least is "level" in the file */
};
struct config_accounts {
    int driver; /* 0 none, 1 sqlite, 2 mariadb */
    char *path, *host, *database, *user, *password, *recipient_delimiter;
    gint64 port, retry;
};
struct config_milter {
    char *instance, *listen, *socket_group, *control, *metrics, *reports, *user;
    gint64 socket_mode, max_message, drain_time, sessions;
    char **modules;
};
struct config_archive_module {      /* section "archive": the milter module and how to reach the archive */
    char *connect, *spool;
    gint64 timeout, spool_max, spool_min_free, drain_interval;
};
struct config_envelope {            /* section "envelope" */
    gboolean tag_delivered;         /* X-Envelope-To on delivered mail: shows Bcc; the manual warns */
    char *header;
};
enum config_dns_mode { CONFIG_DNS_SYSTEM, CONFIG_DNS_FORWARD, CONFIG_DNS_RECURSIVE };
enum config_dnssec { CONFIG_DNSSEC_AUTO, CONFIG_DNSSEC_STRICT, CONFIG_DNSSEC_OFF };
struct config_dns {
    int mode, dnssec;
    char **forwarders;
    char *trust_anchor, *root_hints;
    gint64 timeout, cache;
};
struct config_auth {                /* section "auth": the milter module that checks who mail is from */
    char **checks, **skip_networks, **forwarders, **arc_trusted;
    char *authserv_id, *junk_header;
    gint64 signatures, threads;
    gboolean spf_reject, dmarc_reject, dmarc_junk;
};
enum config_spam_own { CONFIG_SPAM_OWN_SKIP, CONFIG_SPAM_OWN_SCORE, CONFIG_SPAM_OWN_TAG };
enum config_spam_kill { CONFIG_SPAM_REJECT, CONFIG_SPAM_QUARANTINE, CONFIG_SPAM_DISCARD };
struct config_spam {                /* section "spam": the milter module that judges by SpamAssassin's rules, and the
                                       server of spamd's protocol */
    char *rules, *site, *cache, *subject_tag;
    char **skip_networks;
    int own_mail, kill_action;
    gint64 tag_level, tag2_level, kill_level; /* thousandths of a point */
    gint64 max_size, time_limit;
    gboolean network;               /* ask DNS lists, and use what the module auth has found */
    char **spamd_listen, **spamd_networks;
    gint64 spamd_socket_mode, spamd_max_size, spamd_max_connections, spamd_timeout;
};
enum config_sign_source { CONFIG_SIGN_DIRECTORY, CONFIG_SIGN_OPENDKIM, CONFIG_SIGN_SQL };
struct config_sign {                /* section "sign": the milter module that signs our users' mail */
    int source, canonicalization;   /* canonicalization: 0 relaxed/relaxed, 1 relaxed/simple, 2 simple/relaxed, 3 simple/simple */
    char *directory, *key_table, *signing_table, *arc_domain;
    char **networks, **headers, **oversign;
    gboolean any_sender, recode, arc;
    gint64 expire;
};
enum config_dmarc_driver { CONFIG_DMARC_NONE, CONFIG_DMARC_SQLITE, CONFIG_DMARC_MARIADB };
struct config_dmarc {               /* section "dmarc": aggregate reports, kept, sent and read */
    int driver;
    gboolean report;
    char *path, *host, *database, *user, *password, *organisation, *contact, *from, *smtp;
    gint64 port, keep;              /* keep in milliseconds */
};
struct config_archived {            /* section "archived": the daemon */
    char *listen, *socket_group, *control, *metrics, *user, *dir, *master_key;
    gint64 socket_mode, segment_size, level, attachment_min, max_message, min_free, workers, index_batch,
        search_budget;
    int catalogue_driver;           /* 0 sqlite (in dir), 1 mariadb */
    char *catalogue_host, *catalogue_database, *catalogue_user, *catalogue_password;
    gint64 catalogue_port;
};
enum config_policyd_driver { CONFIG_POLICYD_SQLITE, CONFIG_POLICYD_MARIADB };
enum config_policyd_trouble { CONFIG_POLICYD_DUNNO, CONFIG_POLICYD_DEFER };
struct config_policyd {             /* section "policyd": the policy daemon */
    char **listen, **checks;        /* checks: titles of the sections below, in order */
    char *socket_group, *control, *metrics, *reports, *user;
    gint64 socket_mode, threads, connections;
    gint64 keep_audit;
    int on_trouble;
    int driver;                     /* where what it knows is kept */
    char *path, *host, *database, *db_user, *password, *node;
    gint64 port;
};
/* Whom a check is about; first in the struct of each kind of check, after its title. Lists as policy_match.h has them. */
enum config_when_sign_in { CONFIG_WHEN_ANY, CONFIG_WHEN_SIGNED_IN, CONFIG_WHEN_NOT_SIGNED_IN };
struct config_when {
    char *title;
    char **states, **clients, **senders, **recipients, **users;
    int sign_in;
    gboolean dry_run;
};
struct config_access {              /* sections "access TITLE": a fixed answer */
    struct config_when when;
    char *action;
};
struct config_greylist {            /* sections "greylist TITLE" */
    struct config_when when;
    gint64 delay, window, keep, passes;
    gboolean spf;
    char **skip_clients;
    char *action;
};
enum config_rate_of { CONFIG_RATE_USER, CONFIG_RATE_SENDER, CONFIG_RATE_SENDER_DOMAIN, CONFIG_RATE_CLIENT, CONFIG_RATE_RECIPIENT, CONFIG_RATE_RECIPIENT_DOMAIN };
struct config_client {              /* sections "client TITLE": weights in points */
    struct config_when when;
    char **dnsbl;
    gint64 unverified, helo, spf_fail, spf_softfail, threshold, timeout;
    char *action;
};
struct config_rate {                /* sections "rate TITLE" */
    struct config_when when;
    int of;
    gint64 messages_per_minute, messages_per_hour, messages_per_day, recipients_per_minute, recipients_per_hour, recipients_per_day;
    gint64 warn_at;
    gboolean warn_user;
    char *action;
};
struct config_sender_login {        /* sections "sender_login TITLE" */
    struct config_when when;
    gboolean null_sender, forwards;
    gint64 members_max;
    char *default_domain, *action;
};
struct config_account {             /* sections "account TITLE" */
    struct config_when when;
    gint64 slow_per_hour;
    char *suspended_action, *hold_action, *slow_action;
};
struct config_signin {              /* section "signin": Dovecot's auth policy */
    char *listen, *api_key, *ban_file;
    gint64 window, pair_limit, network_limit, user_limit, max_delay, ban_limit, ban_time;
    char **allow_networks;
};

struct config_abuse {               /* section "abuse": misused accounts */
    gboolean enabled, dry_run, mail_user;
    char **exempt;
    gint64 window, expires, cool_down; /* milliseconds */
    gint64 points_spam, points_virus, points_bounce, points_burst, points_networks, points_unknown, points_refused;
    gint64 bounce_share, networks, refused_domains;
    gint64 slow_at, hold_at, suspend_at;
    char *mail_to, *mail_from, *smtp, *webhook;
};

struct config_doveadm {             /* section "doveadm": how Dovecot is asked and told */
    char *url, *key;
};
enum config_quota2 { CONFIG_QUOTA2_NONE, CONFIG_QUOTA2_WRITE, CONFIG_QUOTA2_READ };
struct config_quota {               /* section "quota": what is known of mailboxes' quotas */
    char *listen, *script, *root, *from, *lmtp, *templates, *language;
    gint64 socket_mode, settle, rejected_every, poll, stale, confirm;
    char **uids, **levels, **notices, **languages;
    int quota2;
};
struct config_quota_check {         /* sections "quota_check TITLE" */
    struct config_when when;
    gint64 grace_percent, grace;
    char *action;
};

struct config {
    struct config_log log;
    struct config_accounts accounts;
    struct config_milter milter;
    struct config_dns dns;
    struct config_auth auth;
    struct config_spam spam;
    struct config_sign sign;
    struct config_dmarc dmarc;
    struct config_archive_module archive;
    struct config_envelope envelope;
    struct config_archived archived;
    struct config_policyd policyd;
    GPtrArray *access, *greylist, *rate, *sender_login, *account, *client, *quota_check; /* struct config_access *, .. */
    struct config_abuse abuse;
    struct config_signin signin;
    struct config_doveadm doveadm;
    struct config_quota quota;
    char *path;   /* file it came from, or NULL */
    gint refs;    /* private */
};

extern const struct settings_section config_sections[];

/* Something that can stand in a header and in an SMTP command without quoting. */
gboolean config_is_plain_address(const char *text);
/* Loads path (NULL = defaults only). On errors: NULL with them in report. */
struct config *config_load(const char *path, struct settings_report *report);
struct config *config_ref(struct config *config);
/* NULL-safe. */
void config_unref(struct config *config);
