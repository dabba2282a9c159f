/* account_sender.c: `postern account sender`: what an account may send as besides the addresses that are its own. */
#include <string.h>
#include "cli/members.h"

static void
hint(const struct config *config, const char *login)
{
    if (config->sender_login->len == 0)
        cli_error("noted, but no check of the kind sender_login is configured, so everybody may send as anybody; add: sender_login own { }");
    for (guint i = 0; strchr(login, '@') == NULL && i < config->sender_login->len; i++) {
        const struct config_sender_login *check = g_ptr_array_index(config->sender_login, i);
        if (*check->default_domain != '\0')
            cli_error("noted, but the check %s takes the login to be %s@%s; write it so", check->when.title, login, check->default_domain);
    }
}

static int
sender_add(int argc, char **argv, const char *config_path)
{
    static const struct members_command command = {
        "sender-add", "USER SENDER...",
        "Lets the user send as these addresses as well, as those of a shared mailbox: an address (with all its extensions), or @example.org for\n"
        "all of a domain. USER is the login; write it with its domain where the check has a default_domain. It takes effect at once, on\n"
        "other nodes of the same database within a minute.",
        FALSE, hint};

    return members_change(argc, argv, config_path, &command);
}

static int
sender_remove(int argc, char **argv, const char *config_path)
{
    static const struct members_command command = {
        "sender-remove", "USER SENDER...",
        "Takes back that the user may send as these addresses; what is the user's own stays so. It takes effect at once, on other nodes of\n"
        "the same database within a minute.",
        TRUE, NULL};

    return members_change(argc, argv, config_path, &command);
}

const struct cli_command cli_account_sender_commands[] = {
    {"add", "let an account send as other addresses", sender_add, NULL},
    {"remove", "take that back", sender_remove, NULL},
    {NULL, NULL, NULL, NULL}};
