/* config_signin.c: the table of the section signin: what Dovecot asks the policy daemon. */
#include "lib/mail/config_private.h"
#include <string.h>

#define S G_GINT64_CONSTANT(1000)
#define MINUTE (60 * S)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

const struct setting signin_settings[] = {
    ROW(config_signin, listen, SETTING_SOCKET, "",
        .doc = "Where Dovecot asks, as inet:9873@127.0.0.1; its auth_policy_server_url is then http://127.0.0.1:9873/. Empty: not at all."),
    ROW(config_signin, api_key, SETTING_STRING, "", .secret = TRUE, .max = 256,
        .doc = "What the header X-API-Key of each request must hold, if it isn't empty: Dovecot's auth_policy_server_api_header = X-API-Key: KEY."),
    ROW(config_signin, window, SETTING_TIME, "6h", .min = 1 * S, .max = 30 * DAY,
        .doc = "How long failed sign-ins count. Counts fall evenly: one of pair_limit = 12 in 6h is forgotten every half hour."),
    ROW(config_signin, pair_limit, SETTING_INT, "12", .min = 0, .max = 100000,
        .doc = "Wrong passwords of a user from one network (/24, or /64 of IPv6) after which that user is refused from there; 0: no limit. "
               "Sign-ins are delayed from a quarter of a limit on."),
    ROW(config_signin, network_limit, SETTING_INT, "40", .min = 0, .max = 100000,
        .doc = "Wrong passwords from one network after which it is refused for all users who never signed in from there; 0: no limit."),
    ROW(config_signin, user_limit, SETTING_INT, "100", .min = 0, .max = 100000,
        .doc = "Wrong passwords of a user from all networks, those aside from which the user has signed in before, after which the user is refused from "
               "networks that aren't known; 0: no limit."),
    ROW(config_signin, max_delay, SETTING_TIME, "15s", .min = 0, .max = 60 * S,
        .doc = "Longest delay of a sign-in: 1 s at a quarter of a limit, twice that with each further failure; 0: none."),
    ROW(config_signin, allow_networks, SETTING_LIST, "127.0.0.0/8, ::1",
        .doc = "Networks from which sign-ins are neither counted nor refused for what was counted: those of webmail that doesn't tell its clients' addresses."),
    ROW(config_signin, ban_limit, SETTING_INT, "100", .min = 0, .max = 100000,
        .doc = "Wrong passwords from one network after which it is banned, unless somebody has signed in from there; 0: never. Keep it above network_limit."),
    ROW(config_signin, ban_time, SETTING_TIME, "1d", .min = 1 * S, .max = 400 * DAY, .doc = "How long a ban lasts."),
    ROW(config_signin, ban_file, SETTING_PATH, "",
        .doc = "File that lists the banned networks for a firewall, as /run/postern/bans; the daemon's user must be able to write its directory. "
               "Empty: none."),
    {.name = NULL}};

void
signin_check(const void *section, struct settings_report *report)
{
    const struct config_signin *signin = section;

    if (*signin->listen != '\0' && !g_str_has_prefix(signin->listen, "inet:"))
        settings_complain(report, TRUE, "signin", "listen", "must be inet:PORT@HOST, since Dovecot asks by HTTP");
    if (g_str_has_prefix(signin->listen, "inet:") && *signin->api_key == '\0' && !g_str_has_suffix(signin->listen, "@127.0.0.1") &&
        !g_str_has_suffix(signin->listen, "@::1") && !g_str_has_suffix(signin->listen, "@localhost"))
        settings_complain(report, FALSE, "signin", "listen", "everyone on the network can ask %s and report failures of others; set api_key",
                          signin->listen);
    config_check_networks(report, "signin", "allow_networks", signin->allow_networks);
    if (signin->ban_limit > 0 && signin->network_limit == 0)
        settings_complain(report, TRUE, "signin", "ban_limit", "needs network_limit, which is 0: nothing would be counted");
    else if (signin->ban_limit > 0 && signin->ban_limit < signin->network_limit)
        settings_complain(report, FALSE, "signin", "ban_limit", "is less than network_limit, so networks are banned before they are refused");
    for (const char *p = signin->api_key; *p != '\0'; p++)
        if (*p < 33 || *p > 126) {
            settings_complain(report, TRUE, "signin", "api_key", "has printable ASCII without spaces only, as it stands in an HTTP header");
            break;
        }
}
