/* policy.c: `postern policy test`: what the running policy daemon would answer to a request, and why. */
#include <stdio.h>
#include <string.h>
#include "cli/policyd.h"
#include "cli/terminal.h"

static void
print_clean(const char *text)
{
    g_autoptr(GString) clean = g_string_new(NULL);

    terminal_clean(clean, text, strlen(text), TRUE);
    fputs(clean->str, stdout);
}

static void
print(const json_t *told)
{
    const char *check = policyd_text(told, "check");

    print_clean(policyd_text(told, "story"));
    printf("action=");
    print_clean(policyd_text(told, "action"));
    printf("   (%s%s)\n", *check != '\0' ? "by " : "no check has an answer", check);
}

static int
policy_test(int argc, char **argv, const char *config_path)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    gboolean has_state = FALSE;
    int done = cli_parse(&argc, &argv, "NAME=VALUE...",
                         "Asks the running policy daemon what it would answer to such a request of Postfix, and tells what each check said.\n"
                         "Nothing is counted or remembered. Names are those of Postfix' protocol: client_address, client_name, helo_name,\n"
                         "sender, recipient, sasl_username, protocol_state (RCPT when it is not given), and so on.",
                         NULL, 1, 60);
    if (done >= 0)
        return done;
    for (int i = 1; i < argc; i++) {
        has_state |= g_str_has_prefix(argv[i], "protocol_state=");
        g_ptr_array_add(words, argv[i]);
    }
    if (!has_state)
        g_ptr_array_add(words, (gpointer) "protocol_state=RCPT");
    g_ptr_array_add(words, NULL);
    return policyd_show(config_path, "test", (const char *const *)words->pdata, print);
}

const struct cli_command cli_policy_commands[] = {
    {"test", "what the policy daemon would answer, and why", policy_test, NULL},
    {"list", "lists of addresses, domains and networks that checks ask for", NULL, cli_policy_list_commands},
    {NULL, NULL, NULL, NULL}};
