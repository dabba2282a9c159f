/* config_spam.c: the table of the section spam: the rules, and the clients of spamd's protocol. */
#include "lib/mail/config_private.h"
#include <string.h>
#include "lib/base/net.h"
#include "lib/base/networks.h"

#define K (G_GINT64_CONSTANT(1) << 10)
#define M (G_GINT64_CONSTANT(1) << 20)
#define S G_GINT64_CONSTANT(1000)

const struct setting spam_settings[] = {
    ROW(config_spam, rules, SETTING_PATH, "",
        .doc = "Folder of SpamAssassin's rules; empty for /var/lib/spamassassin/4.000001, where sa-update puts them, or "
               "else /usr/share/spamassassin."),
    ROW(config_spam, site_rules, SETTING_PATH, "",
        .doc = "Folder of the site's own rule files and of the plugins' .pre files; empty for /etc/spamassassin."),
    ROW(config_spam, cache, SETTING_PATH, "",
        .doc = "Folder where compiled rules are kept, so that a start takes no seconds; empty for none."),
    ROW(config_spam, spamd_listen, SETTING_LIST, "", .max = 16,
        .doc = "Where clients of spamd's protocol connect (spamc, Exim, ..), as \"127.0.0.1:783\" or "
               "\"unix:/run/postern/spamd.sock\"; systemd:NAME takes the socket that a unit passes. Empty: nowhere."),
    ROW(config_spam, spamd_networks, SETTING_LIST, "127.0.0.0/8, ::1",
        .doc = "Networks of the clients that may ask by TCP (spamd's --allowed-ips)."),
    ROW(config_spam, spamd_socket_mode, SETTING_MODE, "0666", .min = 0600, .max = 0666,
        .doc = "Mode of unix sockets: who of this machine's users may ask."),
    ROW(config_spam, spamd_max_size, SETTING_SIZE, "10M", .min = 64 * K, .max = 256 * M,
        .doc = "The largest message that is taken; a compressed one counts as what it unpacks to."),
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

void
spam_check(const void *section, struct settings_report *report)
{
    const struct config_spam *spam = section;
    g_autoptr(GError) error = NULL;
    struct networks *networks = networks_new(spam->spamd_networks, &error);

    check_listen(spam, report);
    if (networks == NULL)
        settings_complain(report, TRUE, "spam", "spamd_networks", "%s", error->message);
    else if (networks_contain(networks, "192.0.2.1") && networks_contain(networks, "203.0.113.1"))
        settings_complain(report, FALSE, "spam", "spamd_networks",
                          "lets everybody in; the protocol has no login, and whoever asks has the machine work for him");
    networks_free(&networks);
}
