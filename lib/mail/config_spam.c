/* config_spam.c: the table of the section spam: which rules judge, what follows from how many points, and who may ask by spamd's protocol. */
#include "lib/mail/config_private.h"
#include <string.h>
#include "lib/base/net.h"
#include "lib/base/networks.h"

#define K (G_GINT64_CONSTANT(1) << 10)
#define M (G_GINT64_CONSTANT(1) << 20)
#define S G_GINT64_CONSTANT(1000)
#define POINTS_MAX G_GINT64_CONSTANT(1000000)

static const char *const own_choices[] = {"skip", "score", "tag", NULL};            /* enum config_spam_own */
static const char *const kill_choices[] = {"reject", "quarantine", "discard", NULL}; /* enum config_spam_kill */

const struct setting spam_settings[] = {
    ROW(config_spam, rules, SETTING_PATH, "",
        .doc = "Directory of the default rules; empty for what sa-update keeps in /var/lib/spamassassin, or else "
               "/usr/share/spamassassin. `postern reload` reads changed rules; with new errors in them it keeps the former ones."),
    ROW(config_spam, site, SETTING_PATH, "/etc/spamassassin", .min = 1, .doc = "Directory of the site's own *.pre and *.cf files."),
    ROW(config_spam, cache, SETTING_PATH, "/var/cache/postern",
        .doc = "Directory for compiled patterns; empty for none: then each start costs a minute of CPU."),
    ROW(config_spam, network, SETTING_BOOL, "yes",
        .doc = "Rules that ask the DNS (lists of relays, links and senders) and rules on SPF, DKIM and DMARC, whose results the module "
               "auth finds (for a message by spamc: which are found then), run too. Public lists refuse resolvers that many share: see dns.mode."),
    ROW(config_spam, tag_level, SETTING_POINTS, "-999", .min = -POINTS_MAX, .max = POINTS_MAX,
        .doc = "Points from which mail gets X-Spam fields that tell the score; -999 for all mail. X-Spam fields that came with a "
               "message are taken out always."),
    ROW(config_spam, tag2_level, SETTING_POINTS, "0", .min = 0, .max = POINTS_MAX,
        .doc = "Points from which mail is spam: X-Spam-Flag: YES and the subject tag. 0 for required_score of the rules."),
    ROW(config_spam, kill_level, SETTING_POINTS, "0", .min = 0, .max = POINTS_MAX,
        .doc = "Points from which mail is not delivered; 0 for never."),
    ROW(config_spam, kill_action, SETTING_ENUM, "reject", .choices = kill_choices,
        .doc = "What happens from kill_level on: the client is refused (and tells its user), the message is held in the archive "
               "for release, or it is dropped without a word."),
    ROW(config_spam, subject_tag, SETTING_STRING, "", .max = 64,
        .doc = "Put before the subject of spam, as \"***SPAM***\"; empty for none."),
    ROW(config_spam, skip_networks, SETTING_LIST, "",
        .doc = "Clients whose mail is not judged, beside filters and relays of your own that have done so."),
    ROW(config_spam, own_mail, SETTING_ENUM, "score", .choices = own_choices,
        .doc = "Mail of users who signed in and of this machine: not judged, judged for the log only, or treated as all mail."),
    ROW(config_spam, max_size, SETTING_SIZE, "8M", .min = 64 * K, .max = 1024 * M,
        .doc = "How much of a message is looked at; what is beyond is delivered unseen."),
    ROW(config_spam, time_limit, SETTING_TIME, "20s", .min = 100, .max = 60 * S,
        .doc = "Longest time for one message; what is known by then decides, with a hit of TIME_LIMIT_EXCEEDED."),
    ROW(config_spam, spamd_listen, SETTING_LIST, "", .max = 16,
        .doc = "Where clients of spamd's protocol connect (spamc, Exim, ..), as \"127.0.0.1:783\" or "
               "\"unix:/run/postern/spamd.sock\"; systemd:NAME takes the socket that a unit passes. Empty: nowhere."),
    ROW(config_spam, spamd_networks, SETTING_LIST, "127.0.0.0/8, ::1",
        .doc = "Networks of the clients that may ask by TCP (spamd's --allowed-ips)."),
    ROW(config_spam, spamd_socket_mode, SETTING_MODE, "0666", .min = 0600, .max = 0666,
        .doc = "Mode of unix sockets: who of this machine's users may ask."),
    ROW(config_spam, spamd_max_size, SETTING_SIZE, "10M", .min = 64 * K, .max = 256 * M,
        .doc = "The largest message that clients may send; a compressed one counts as what it unpacks to."),
    ROW(config_spam, spamd_max_connections, SETTING_INT, "32", .min = 1, .max = 1000,
        .doc = "Most connections at a time (spamd's --max-children); further ones wait."),
    ROW(config_spam, spamd_timeout, SETTING_TIME, "300s", .min = 1 * S, .max = 3600 * S,
        .doc = "How long one request may take, its scan included (spamd's --timeout-child)."),
    {.name = NULL}};

/* Addresses as spamd's --listen has them, too: HOST:PORT. */
static void
check_listen(const struct config_spam *spam, struct settings_report *report)
{
    for (char **text = spam->spamd_listen; *text != NULL; text++) {
        const char *colon = strrchr(*text, ':');
        const gboolean named = g_str_has_prefix(*text, "unix:") || g_str_has_prefix(*text, "inet:") ||
                               g_str_has_prefix(*text, "fd:") || g_str_has_prefix(*text, "systemd:");
        g_autoptr(GError) error = NULL;

        if (named ? net_check_address(*text, &error)
                  : colon != NULL && colon != *text && g_ascii_string_to_unsigned(colon + 1, 10, 1, 65535, NULL, NULL))
            continue;
        settings_complain(report, TRUE, "spam", "spamd_listen", "%s",
                          error != NULL ? error->message : "is no address; write 127.0.0.1:783 or unix:/path");
    }
}

/* Two addresses of different ends: who lets both in lets in all. */
static void
check_open_networks(const struct config_spam *spam, struct settings_report *report)
{
    struct networks *networks = networks_new(spam->spamd_networks, NULL);

    if (networks != NULL && networks_contain(networks, "192.0.2.1") && networks_contain(networks, "203.0.113.1"))
        settings_complain(report, FALSE, "spam", "spamd_networks",
                          "lets everybody in; the protocol has no login, and whoever asks has the machine work for him");
    networks_free(&networks);
}

void
spam_check(const void *section, struct settings_report *report)
{
    const struct config_spam *spam = section;

    config_check_networks(report, "spam", "skip_networks", spam->skip_networks);
    config_check_networks(report, "spam", "spamd_networks", spam->spamd_networks);
    check_listen(spam, report);
    check_open_networks(spam, report);
    if (spam->kill_level > 0 && spam->kill_level < spam->tag2_level)
        settings_complain(report, TRUE, "spam", "kill_level", "is below tag2_level: mail would be refused that is no spam");
    if (spam->tag2_level > 0 && spam->tag_level > spam->tag2_level)
        settings_complain(report, FALSE, "spam", "tag_level", "is above tag2_level: spam below it gets no X-Spam-Flag");
    if (spam->kill_level > 0 && spam->kill_action == CONFIG_SPAM_DISCARD)
        settings_complain(report, FALSE, "spam", "kill_action",
                          "discard loses good mail without a trace when a rule is wrong; reject tells the sender");
}
