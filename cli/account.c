/* account.c: `postern account`: what was decided about an account's sending, by whom, and taking it back. */
#include <stdio.h>
#include <string.h>
#include "cli/members.h"
#include "cli/table.h"

/* Kinds of facts, in the words of people. */
static const struct {
    const char *kind, *word;
} decisions[] = {{"suspension", "suspended"}, {"hold", "on hold"}, {"slow", "slowed down"}};

static gboolean
is_about(const char *subject, const char *account)
{
    const char *at = strrchr(account, '@');

    return strcmp(subject, account) == 0 || (at != NULL && strcmp(subject, at) == 0);
}

/* account NULL: all. FALSE: the daemon did not answer. */
static gboolean
print_decisions(const struct config *config, const char *account)
{
    struct table *table = table_new((const char *const[]){"ACCOUNT", "IS", "SINCE", "UNTIL", "BY", "WHY", NULL});
    gboolean good = TRUE;

    for (guint k = 0; good && k < G_N_ELEMENTS(decisions); k++) {
        json_t *told = POLICYD_ASK(config, "facts", decisions[k].kind), *row;
        size_t i;
        json_array_foreach(json_object_get(told, "rows"), i, row) {
            g_autofree char *since = policyd_time(policyd_number(row, "since_ms") / 1000), *until = policyd_time(policyd_number(row, "expires_ms") / 1000);
            json_t *value = json_loads(policyd_text(row, "value"), 0, NULL);
            if (account == NULL || is_about(policyd_text(row, "subject"), account))
                table_add(table, (const char *const[]){policyd_text(row, "subject"), decisions[k].word, since, until, policyd_text(row, "by"),
                                                       policyd_text(value, "reason"), NULL});
            json_decref(value);
        }
        good = told != NULL;
        json_decref(told);
    }
    if (good && table_rows(table) == 0)
        printf("nothing was decided%s%s\n", account != NULL ? " about " : "", account != NULL ? account : "");
    table_print(&table);
    return good;
}

static gboolean
print_audit(const struct config *config, const char *account)
{
    json_t *told = POLICYD_ASK(config, "audit", account, "20"), *row;
    struct table *table = table_new((const char *const[]){"AT", "WHO", "NODE", "DID", "WHY", NULL});
    gboolean good = told != NULL;
    size_t i;

    json_array_foreach(json_object_get(told, "rows"), i, row) {
        g_autofree char *at = policyd_time(policyd_number(row, "at_ms") / 1000);
        table_add(table, (const char *const[]){at, policyd_text(row, "who"), policyd_text(row, "node"), policyd_text(row, "action"), policyd_text(row, "detail"), NULL});
    }
    if (table_rows(table) > 0)
        puts("\nWhat was done:");
    table_print(&table);
    json_decref(told);
    return good;
}

/* What the table gives it; a domain signs in nowhere. */
static gboolean
print_senders(const struct config *config, const char *account)
{
    struct table *table = table_new((const char *const[]){"MAY ALSO SEND AS", NULL});
    gboolean good = *account == '@' || members_each(config, "senders", account, "member", members_add_row, table);

    if (table_rows(table) > 0)
        puts("");
    table_print(&table);
    return good;
}

/* The score and its signs, where scores are counted. */
static gboolean
print_score(const struct config *config, const char *account)
{
    json_t *told = POLICYD_ASK(config, "abuse", account), *row;
    struct table *table = table_new((const char *const[]){"SIGN", "TIMES", "POINTS", NULL});
    gboolean good = told != NULL;
    size_t i;

    json_array_foreach(json_object_get(told, "signals"), i, row) {
        double count = json_number_value(json_object_get(row, "count"));
        g_autofree char *times = g_strdup_printf("%.1f", count), *points = g_strdup_printf("%.1f", count * (double)policyd_number(row, "points"));
        table_add(table, (const char *const[]){policyd_text(row, "signal"), times, points, NULL});
    }
    if (good && json_is_true(json_object_get(told, "enabled")))
        printf("\nScore: %.1f (slow at %" G_GINT64_FORMAT ", hold at %" G_GINT64_FORMAT ", suspend at %" G_GINT64_FORMAT "; 0 is never)%s\n",
               json_number_value(json_object_get(told, "score")), policyd_number(told, "slow_at"), policyd_number(told, "hold_at"),
               policyd_number(told, "suspend_at"), json_is_true(json_object_get(told, "dry_run")) ? "; this is a dry run" : "");
    table_print(&table);
    json_decref(told);
    return good;
}

/* What was decided and the score the daemon has in its memory; the rest is in SQL, which may be away. */
static gboolean
print_account(const struct config *config, const char *account)
{
    gboolean good = print_score(config, account);

    good = print_senders(config, account) && good;
    return print_audit(config, account) && good;
}

static int
account_show(int argc, char **argv, const char *config_path)
{
    g_autofree char *account = NULL;
    struct config *config;
    gboolean good;
    int done = cli_parse(&argc, &argv, "[ACCOUNT]",
                         "Shows what was decided about the account (user@example.org, or @example.org for a whole domain) and by whom, what it may send\n"
                         "as besides its own addresses, and its score (section abuse); without an argument, all accounts that are suspended, on hold or\n"
                         "slowed down.",
                         NULL, 0, 1);

    if (done >= 0)
        return done;
    config = cli_load_config(config_path);
    if (config == NULL)
        return CLI_FAILED;
    account = argc > 1 ? g_ascii_strdown(argv[1], -1) : NULL;
    good = print_decisions(config, account) && (account == NULL || print_account(config, account));
    config_unref(config);
    return good ? CLI_OK : CLI_FAILED;
}

static int
account_suspend(int argc, char **argv, const char *config_path)
{
    gboolean hold = FALSE, slow = FALSE;
    g_autofree char *reason = NULL, *time = NULL, *who = NULL, *seconds = NULL, *account = NULL;
    const GOptionEntry options[] = {
        {"hold", 0, 0, G_OPTION_ARG_NONE, &hold, "Keep its mail in Postfix' queue instead of refusing it", NULL},
        {"slow", 0, 0, G_OPTION_ARG_NONE, &slow, "Only slow it down", NULL},
        {"for", 'f', 0, G_OPTION_ARG_STRING, &time, "For a TIME, as 2h or 7d; else until it is released", "TIME"},
        {"reason", 'r', 0, G_OPTION_ARG_STRING, &reason, "Why, for those who look at it later", "TEXT"},
        G_OPTION_ENTRY_NULL};
    struct config *config;
    json_t *told;
    gint64 length;
    int done = cli_parse(&argc, &argv, "ACCOUNT",
                         "Stops the account (user@example.org, or @example.org for a whole domain) from sending. It takes effect at once where a\n"
                         "check of the kind account is in use (policyd.checks).",
                         options, 1, 1);

    if (done >= 0)
        return done;
    length = policyd_for(time);
    if (hold && slow)
        cli_error("use one of --hold and --slow");
    if (length < 0 || (hold && slow))
        return CLI_USAGE;
    config = cli_load_config(config_path);
    if (config == NULL)
        return CLI_FAILED;
    account = g_ascii_strdown(argv[1], -1);
    who = policyd_who();
    seconds = g_strdup_printf("%" G_GINT64_FORMAT, length);
    told = POLICYD_ASK(config, "fact-put", hold ? "hold" : slow ? "slow" : "suspension", account, seconds, who, reason != NULL ? reason : "");
    if (told != NULL && config->account->len == 0)
        cli_error("noted, but no check of the kind account is configured, so it has no effect yet; add: account main { }");
    json_decref(told);
    config_unref(config);
    return told != NULL ? CLI_OK : CLI_FAILED;
}

/* 1: something of the kind was decided about just this account; 0: nothing; -1: the daemon did not answer. */
static int
is_decided(const struct config *config, const char *kind, const char *account)
{
    json_t *told = POLICYD_ASK(config, "facts", kind), *row;
    int decided = told != NULL ? 0 : -1;
    size_t i;

    json_array_foreach(json_object_get(told, "rows"), i, row)
        if (strcmp(policyd_text(row, "subject"), account) == 0)
            decided = 1;
    json_decref(told);
    return decided;
}

static int
account_release(int argc, char **argv, const char *config_path)
{
    g_autofree char *reason = NULL, *who = NULL, *account = NULL;
    const GOptionEntry options[] = {{"reason", 'r', 0, G_OPTION_ARG_STRING, &reason, "Why, for those who look at it later", "TEXT"}, G_OPTION_ENTRY_NULL};
    struct config *config;
    gboolean was = FALSE, good = TRUE;
    int done = cli_parse(&argc, &argv, "ACCOUNT", "Takes back whatever was decided about the account: it may send again at once.", options, 1, 1);

    if (done >= 0)
        return done;
    config = cli_load_config(config_path);
    if (config == NULL)
        return CLI_FAILED;
    account = g_ascii_strdown(argv[1], -1);
    who = policyd_who();
    for (guint k = 0; good && k < G_N_ELEMENTS(decisions); k++) {
        int decided = is_decided(config, decisions[k].kind, account);
        json_t *told;
        if (decided == 0)
            continue;
        told = decided > 0 ? POLICYD_ASK(config, "fact-drop", decisions[k].kind, account, who, reason != NULL ? reason : "") : NULL;
        if (json_is_true(json_object_get(told, "was"))) {
            printf("%s is no longer %s\n", account, decisions[k].word);
            was = TRUE;
        }
        good = told != NULL;
        json_decref(told);
    }
    if (good && !was)
        cli_error("nothing was decided about %s", account);
    config_unref(config);
    return good && was ? CLI_OK : CLI_FAILED;
}

const struct cli_command cli_account_commands[] = {
    {"show", "what was decided about accounts, and by whom", account_show, NULL},
    {"suspend", "stop an account from sending, or slow it down", account_suspend, NULL},
    {"release", "let it send again", account_release, NULL},
    {"sender", "what it may send as besides its own addresses", NULL, cli_account_sender_commands},
    {NULL, NULL, NULL, NULL}};
