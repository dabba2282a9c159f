/* sender_owner.c: see sender_owner.h. */
#include "policyd/accounts/sender_owner.h"
#include "lib/mail/address.h"
#include "policyd/accounts/policy_accounts_private.h"
#include "policyd/accounts/policy_keys.h"
#include <string.h>

struct question {
    struct policy_accounts *accounts;
    const char *login, *sender;
    guint members_max;
    gboolean forwards;
};

const char *
sender_why_text(enum sender_why why)
{
    switch (why) {
    case SENDER_NULL:
        return "the null sender";
    case SENDER_OWN:
        return "its own mailbox";
    case SENDER_ALIAS:
        return "a member of the alias";
    case SENDER_CATCH_ALL:
        return "the domain's catch-all leads to it";
    case SENDER_FORWARDED:
        return "that mailbox forwards to it";
    case SENDER_TABLE:
        return "the table policy_sender (postern account sender) says so";
    case SENDER_NOT_OWNED:
        return "the address is not its own";
    case SENDER_TOO_MANY_MEMBERS:
        return "the alias has too many members";
    case SENDER_LOGIN_OFF:
        return "its mailbox or domain is switched off";
    case SENDER_DOMAIN_OFF:
        return "the sender's domain is switched off";
    case SENDER_UNTOLD:
        break;
    }
    return "not known now";
}

/* A row of PostfixAdmin's that is on or off. */
struct switched {
    const char *name;
    gboolean there, on;
};

static gboolean
switched_row(const struct sql_row *row, gpointer data)
{
    struct switched *switched = data;

    if (!policy_row_is(row, 0, switched->name))
        return TRUE;
    switched->there = TRUE;
    switched->on = sql_row_int(row, 1) != 0;
    return FALSE;
}

/* FALSE: can't be told now. */
static gboolean
read_switched(struct policy_accounts *accounts, const char *statement, const char *name, struct switched *switched_r)
{
    *switched_r = (struct switched){.name = name};
    return policy_source_run(&accounts->accounts, statement, (struct sql_value[]){SQL_T(name)}, 1, switched_row, switched_r);
}

/* Whether PostfixAdmin has the address' domain switched off: 1, 0, or -1 when it can't be told. */
static int
domain_is_off(struct policy_accounts *accounts, const char *address)
{
    const char *domain = address_domain(address);
    struct switched switched;

    if (!domain || *domain == '\0')
        return 0;
    if (!read_switched(accounts, "account_domain", domain, &switched))
        return -1;
    return switched.there && !switched.on;
}

/* The rows of policy_sender for one login; what comes back is compared with the wanted ones. */
struct table {
    const char *wanted[3];
    gboolean found;
};

static gboolean
table_row(const struct sql_row *row, gpointer data)
{
    struct table *table = data;

    for (guint i = 0; i < G_N_ELEMENTS(table->wanted); i++)
        if (table->wanted[i] && strcmp(table->wanted[i], sql_row_text(row, 0, NULL)) == 0)
            table->found = TRUE;
    return !table->found;
}

static enum lookup
ask_table(const struct question *q)
{
    const char *domain = address_domain(q->sender);
    g_autofree char *base = NULL, *all = NULL;
    struct table table = {.wanted = {q->sender}};

    if (!q->accounts->policy.pool)
        return LOOKUP_NO;
    if (domain) {
        gsize length = address_base_length(q->sender, (gsize)(domain - q->sender) - 1, q->accounts->delimiter);
        base = length ? g_strdup_printf("%.*s@%s", (int)length, q->sender, domain) : NULL;
        all = g_strconcat("@", domain, NULL);
    }
    table.wanted[1] = base;
    table.wanted[2] = all;
    const struct sql_value values[] = {SQL_T(q->login), SQL_T(table.wanted[0]), SQL_T(base), SQL_T(all)};
    if (!policy_source_run(&q->accounts->policy, "policy_sender_find", values, G_N_ELEMENTS(values), table_row, &table))
        return LOOKUP_UNKNOWN;
    return table.found ? LOOKUP_YES : LOOKUP_NO;
}

/* The login is one of those whose the address is. */
static enum lookup
weigh_owners(const struct question *q, char *const *owners, enum sender_why yes, enum sender_why *why_r)
{
    if (!g_strv_contains((const char *const *)owners, q->login))
        return LOOKUP_NO;
    gboolean too_many = q->members_max > 0 && g_strv_length((char **)owners) > q->members_max;
    *why_r = too_many ? SENDER_TOO_MANY_MEMBERS : yes;
    return too_many ? LOOKUP_NO : LOOKUP_YES;
}

/* The sender's base in the login's domain or in another: the login's own mailbox rather than an alias of it? */
static gboolean
is_own(const struct question *q, char *const *owners)
{
    const char *domain = address_domain(q->sender), *own = address_domain(q->login);
    gsize length = domain ? (gsize)(domain - q->sender) - 1 : 0;
    gsize base = address_base_length(q->sender, length, q->accounts->delimiter);
    gsize local = own ? (gsize)(own - q->login) - 1 : 0;

    return owners[0] && !owners[1] && local > 0 && (local == length || local == base) && memcmp(q->sender, q->login, local) == 0;
}

/* What PostfixAdmin's aliases say. */
static enum lookup
ask_owners(const struct question *q, enum sender_why *why_r)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) owners = NULL, members = NULL;
    gboolean catch_all = FALSE;
    int result = accounts_owners(q->accounts->expansion, q->sender, &owners, &catch_all, &error);

    policy_source_report(&q->accounts->accounts, error);
    if (result != 1)
        return LOOKUP_UNKNOWN;
    enum sender_why yes = catch_all ? SENDER_CATCH_ALL : is_own(q, owners) ? SENDER_OWN : SENDER_ALIAS;
    enum lookup answer = weigh_owners(q, owners, yes, why_r);
    if (answer == LOOKUP_YES || !q->forwards || !owners[0] || *why_r == SENDER_TOO_MANY_MEMBERS)
        return answer;
    result = accounts_expand(q->accounts->expansion, q->sender, &members, &error);
    policy_source_report(&q->accounts->accounts, error);
    return result == 1 ? weigh_owners(q, members, SENDER_FORWARDED, why_r) : LOOKUP_UNKNOWN;
}

/* The answer of both databases. An account that is switched off sends nothing; so without the accounts database nothing is sure. */
static enum lookup
decide(const struct question *q, enum sender_why *why_r)
{
    struct switched mailbox = {0};
    enum lookup owned = LOOKUP_UNKNOWN, given;

    *why_r = SENDER_NOT_OWNED;
    if (q->accounts->accounts.pool) {
        int login_off = domain_is_off(q->accounts, q->login), sender_off = domain_is_off(q->accounts, q->sender);
        if (login_off < 0 || sender_off < 0 || !read_switched(q->accounts, "account_mailbox", q->login, &mailbox))
            return LOOKUP_UNKNOWN;
        if (login_off == 1 || (mailbox.there && !mailbox.on)) {
            *why_r = SENDER_LOGIN_OFF;
            return LOOKUP_NO;
        }
        if (sender_off == 1) {
            *why_r = SENDER_DOMAIN_OFF;
            return LOOKUP_NO;
        }
        owned = mailbox.there ? ask_owners(q, why_r) : LOOKUP_NO;
        if (owned == LOOKUP_YES)
            return LOOKUP_YES;
    }
    given = ask_table(q);
    if (given == LOOKUP_YES)
        *why_r = SENDER_TABLE;
    return given == LOOKUP_NO ? owned : given;
}

static enum lookup
ask(gpointer data, GBytes **value_r)
{
    enum sender_why why;
    enum lookup answer = decide(data, &why);
    guint8 byte = (guint8)why;

    if (answer == LOOKUP_YES || answer == LOOKUP_NO)
        *value_r = g_bytes_new(&byte, 1);
    return answer;
}

/* "user" is user@default_domain. */
static char *
full_login(const char *login, const struct sender_rules *rules)
{
    if (strchr(login, '@') || !rules->default_domain || *rules->default_domain == '\0')
        return address_normalise(login);
    g_autofree char *whole = g_strconcat(login, "@", rules->default_domain, NULL);
    return address_normalise(whole);
}

enum lookup
sender_owner_may_send(struct policy_accounts *accounts, const char *login, const char *sender, gboolean may_block, gint64 now_ms,
                      const struct sender_rules *rules, struct sender_answer *answer_r)
{
    struct sender_answer unused;
    struct sender_answer *said = answer_r ? answer_r : &unused;
    g_autofree char *full = full_login(login, rules);
    struct question q = {accounts, full, sender, rules->members_max, rules->forwards};
    g_autoptr(GBytes) value = NULL;

    *said = (struct sender_answer){.why = SENDER_NULL};
    if (*sender == '\0')
        return rules->null_sender ? LOOKUP_YES : LOOKUP_NO;
    said->why = SENDER_NOT_OWNED;
    if (*full == '\0' || *sender == '@' || strlen(full) > POLICY_ADDRESS_MAX || strlen(sender) > POLICY_ADDRESS_MAX)
        return LOOKUP_NO;
    GString *key = policy_key(ASKED_SENDER, full, sender);
    g_string_append_printf(key, "%c%u %d", '\0', q.members_max, q.forwards);
    enum lookup answer = policy_lookup(accounts, key, may_block, now_ms, ask, &q, &value, &said->stale);
    said->why = value ? (enum sender_why) * (const guint8 *)g_bytes_get_data(value, NULL) : SENDER_UNTOLD;
    return answer;
}
