/* accounts.c: expansion of an address through PostfixAdmin's alias, mailbox and alias_domain, to who gets its mail or to
 * who may send as it.
 *
 * The walk is breadth first over a queue of addresses with their depth; every address is looked up once, so a
 * loop ends by itself. An alias that names itself (PostfixAdmin makes one for every mailbox) is a result.
 *
 * As in Postfix, an alias is asked first: a mailbox whose alias points only elsewhere gets nothing. Unlike
 * Postfix a mailbox without any alias is not lost to the domain's catch-all; PostfixAdmin's own data never
 * has that case, and sites that do it by hand protect it by a further map. */
#include "lib/mail/accounts.h"
#include "lib/base/log.h"
#include "lib/mail/address.h"
#include <string.h>

#define DEPTH_MAX 20
#define RESULTS_MAX 1000
/* Addresses looked up for one recipient: bounds the work, not only what comes out. */
#define LOOKUPS_MAX 4000

struct accounts {
    struct sql_pool *pool;
    char *delimiter;
};

struct accounts *
accounts_new(struct sql_pool *pool, const char *delimiter)
{
    struct accounts *accounts = g_new0(struct accounts, 1);
    accounts->pool = pool;
    accounts->delimiter = g_strdup(delimiter ? delimiter : "");
    return accounts;
}

void
accounts_free(struct accounts **accounts)
{
    if (!accounts || !*accounts)
        return;
    g_free((*accounts)->delimiter);
    g_free(*accounts);
    *accounts = NULL;
}

/* One address waiting to be looked up. */
struct step {
    char *address; /* owned by the walk's seen */
    guint depth;
};

struct domain {
    char *twin; /* the target when it is an alias domain */
    gboolean no_catch_all;
    gboolean off; /* only looked at when owners are asked for */
};

struct walk {
    const struct accounts *accounts;
    struct sql *sql;
    GHashTable *seen;     /* char *, owned: every address that was or will be looked up */
    GHashTable *results;  /* char *, borrowed from seen */
    GHashTable *domains;  /* name -> struct domain *: asked once, so that a list of strangers costs one query each */
    GQueue steps;         /* struct step * */
    const char *limit;    /* which limit was met, or NULL */
    gboolean owners;      /* not where mail goes, but whose the address is */
    gboolean catch_all;   /* only its domain's catch-all knows the first address */
};

static void
walk_result(struct walk *walk, const char *address)
{
    if (g_hash_table_size(walk->results) >= RESULTS_MAX && !g_hash_table_contains(walk->results, address)) {
        walk->limit = "1000 results";
        return;
    }
    char *kept = g_hash_table_lookup(walk->seen, address);
    if (!kept) {
        kept = g_strdup(address);
        g_hash_table_add(walk->seen, kept);
    }
    g_hash_table_add(walk->results, kept);
}

/* Queues an address unless it was met before. */
static void
walk_push(struct walk *walk, char *address, guint depth)
{
    if (g_hash_table_contains(walk->seen, address)) {
        g_free(address);
        return;
    }
    if (g_hash_table_size(walk->seen) >= LOOKUPS_MAX) {
        walk->limit = "4000 addresses";
        g_free(address);
        return;
    }
    g_hash_table_add(walk->seen, address);
    struct step *step = g_new(struct step, 1);
    *step = (struct step){address, depth};
    g_queue_push_tail(&walk->steps, step);
}

/* The rows whose first column is key in comparison form; a row with a second column wins. */
struct lookup {
    const char *key;
    gboolean found;
    char *value; /* NULL: only rows without */
};

static gboolean
lookup_row(const struct sql_row *row, gpointer data)
{
    struct lookup *lookup = data;
    g_autofree char *found = address_normalise(sql_row_text(row, 0, NULL));
    if (strcmp(found, lookup->key) != 0)
        return TRUE;
    lookup->found = TRUE;
    if (sql_row_is_null(row, 1))
        return TRUE;
    lookup->value = g_strdup(sql_row_text(row, 1, NULL));
    return FALSE;
}

/* Takes the targets of an alias found for step. "@domain" as a target is the same local part there (virtual(5)). */
static void
walk_targets(struct walk *walk, const struct step *step, const char *alias, const char *targets)
{
    const char *domain = address_domain(step->address);
    int local = domain ? (int)(domain - step->address) - 1 : 0;
    const char *at = targets;
    while (*at) {
        gsize length = strcspn(at, ",\n");
        g_autofree char *piece = g_strstrip(g_strndup(at, length));
        at += length + (at[length] != '\0');
        if (!*piece)
            continue;
        g_autofree char *whole = *piece == '@' ? g_strdup_printf("%.*s%s", local, step->address, piece) : g_strdup(piece);
        g_autofree char *target = address_normalise(whole);
        if (strcmp(target, alias) == 0 || strcmp(target, step->address) == 0)
            walk_result(walk, target);
        else if (step->depth + 1 < DEPTH_MAX)
            walk_push(walk, g_steal_pointer(&target), step->depth + 1);
        else
            walk->limit = "20 levels";
    }
}

/* What there is of exactly this address, switched off or not. */
struct holding {
    const char *address;
    gboolean alias, alias_on, mailbox, mailbox_on;
    char *targets;
};

static gboolean
holding_row(const struct sql_row *row, gpointer data)
{
    struct holding *holding = data;
    g_autofree char *found = address_normalise(sql_row_text(row, 0, NULL));
    if (strcmp(found, holding->address) != 0)
        return TRUE;
    gboolean on = sql_row_int(row, 2) != 0;
    if (sql_row_is_null(row, 1)) {
        holding->mailbox = TRUE;
        holding->mailbox_on |= on;
    } else if (!holding->targets) {
        holding->alias = TRUE;
        holding->alias_on = on;
        holding->targets = g_strdup(sql_row_text(row, 1, NULL));
    }
    return TRUE;
}

/* Whose exactly this address is: the mailbox's own, or its alias' members'; what is off is nobody's. Results as walk_exact. */
static int
walk_holding(struct walk *walk, const struct step *step, const char *address, GError **error)
{
    struct holding holding = {.address = address};
    struct sql_value values[] = {SQL_T(address), SQL_T(address)};
    if (!sql_run(walk->sql, "account_find_any", values, 2, holding_row, &holding, NULL, error)) {
        g_free(holding.targets);
        return -1;
    }
    if (holding.mailbox_on)
        walk_result(walk, address);
    else if (holding.alias_on && !holding.mailbox)
        walk_targets(walk, step, address, holding.targets);
    g_free(holding.targets);
    return holding.alias || holding.mailbox;
}

/* Alias, then mailbox, of exactly this address: 1 taken, 0 none, -1 error. */
static int
walk_exact(struct walk *walk, const struct step *step, const char *address, GError **error)
{
    if (walk->owners)
        return walk_holding(walk, step, address, error);
    struct lookup found = {.key = address};
    struct sql_value values[] = {SQL_T(address), SQL_T(address)};
    if (!sql_run(walk->sql, "account_find", values, 2, lookup_row, &found, NULL, error))
        return -1;
    if (found.value)
        walk_targets(walk, step, address, found.value);
    else if (found.found)
        walk_result(walk, address);
    g_free(found.value);
    return found.found;
}

/* local@domain of a part of an address. */
static char *
join(const char *local, gsize length, const char *domain)
{
    return g_strdup_printf("%.*s@%s", (int)length, local, domain);
}

/* The address itself, then its twin in the alias domain's target. */
static int
walk_local(struct walk *walk, const struct step *step, const char *local, gsize length, const char *domain,
           const char *target, GError **error)
{
    g_autofree char *address = join(local, length, domain);
    int found = walk_exact(walk, step, address, error);
    if (found != 0 || !target)
        return found;
    g_autofree char *twin = join(local, length, target);
    return walk_exact(walk, step, twin, error);
}

static void
domain_free(gpointer data)
{
    struct domain *domain = data;
    g_free(domain->twin);
    g_free(domain);
}

struct domain_state {
    const char *name;
    gboolean off;
};

static gboolean
domain_row(const struct sql_row *row, gpointer data)
{
    struct domain_state *state = data;
    g_autofree char *found = address_normalise_domain(sql_row_text(row, 0, NULL));
    if (strcmp(found, state->name) == 0)
        state->off = sql_row_int(row, 1) == 0;
    return TRUE;
}

/* 1: PostfixAdmin has it switched off, 0: not so (or not there), -1 error. */
static int
domain_is_off(struct sql *sql, const char *name, GError **error)
{
    struct domain_state state = {.name = name};
    if (!sql_run(sql, "account_domain", (struct sql_value[]){SQL_T(name)}, 1, domain_row, &state, NULL, error))
        return -1;
    return state.off;
}

/* What is known of a domain, asked once in a walk; NULL on error. */
static struct domain *
walk_domain(struct walk *walk, const char *name, GError **error)
{
    struct domain *domain = g_hash_table_lookup(walk->domains, name);
    if (domain)
        return domain;
    struct lookup target = {.key = name};
    if (!sql_run(walk->sql, "account_alias_domain", (struct sql_value[]){SQL_T(name)}, 1, lookup_row, &target, NULL, error))
        return NULL;
    int off = walk->owners ? domain_is_off(walk->sql, name, error) : 0;
    if (off < 0) {
        g_free(target.value);
        return NULL;
    }
    domain = g_new0(struct domain, 1);
    domain->off = off == 1;
    if (target.value && *target.value) {
        /* Normalised as the domain of an address. */
        g_autofree char *at = g_strconcat("@", target.value, NULL);
        g_autofree char *normal = address_normalise(at);
        if (normal[0] == '@' && normal[1] && strcmp(normal + 1, name) != 0)
            domain->twin = g_strdup(normal + 1);
    }
    g_free(target.value);
    g_hash_table_insert(walk->domains, g_strdup(name), domain);
    return domain;
}

/* Nothing is known of an address: mail to it goes there; but as a sender it is nobody's, unless as a member of an alias. */
static void
walk_unknown(struct walk *walk, const struct step *step)
{
    if (!walk->owners || step->depth > 0)
        walk_result(walk, step->address);
}

/* FALSE on SQL errors only. */
static gboolean
walk_step(struct walk *walk, const struct step *step, GError **error)
{
    const char *name = address_domain(step->address);
    if (!name || !*name) { /* not an address (a command, a bare name): as it is */
        walk_unknown(walk, step);
        return TRUE;
    }
    gsize length = (gsize)(name - step->address) - 1, base = address_base_length(step->address, length, walk->accounts->delimiter);
    struct domain *domain = walk_domain(walk, name, error);
    if (!domain)
        return FALSE;
    if (domain->off)
        return TRUE;
    const char *twin = domain->twin;
    if (twin && walk->owners) {
        struct domain *target = walk_domain(walk, twin, error);
        if (!target)
            return FALSE;
        twin = target->off ? NULL : twin;
    }
    int found = walk_local(walk, step, step->address, length, name, twin, error);
    if (found == 0 && base)
        found = walk_local(walk, step, step->address, base, name, twin, error);
    if (found == 0 && !domain->no_catch_all) {
        found = walk_local(walk, step, "", 0, name, twin, error);
        domain->no_catch_all = found == 0;
        walk->catch_all |= found > 0 && step->depth == 0;
    }
    if (found == 0)
        walk_unknown(walk, step);
    return found >= 0;
}

static int
compare_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static char **
sorted(GHashTable *set)
{
    GPtrArray *array = g_ptr_array_new();
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, set);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        g_ptr_array_add(array, g_strdup(key));
    g_ptr_array_sort(array, compare_text);
    g_ptr_array_add(array, NULL);
    return (char **)g_ptr_array_free(array, FALSE);
}

/* The walk over one recipient; FALSE on SQL errors. */
static gboolean
walk_all(struct walk *walk, const char *start, GError **error)
{
    gboolean good = TRUE;
    walk_push(walk, g_strdup(start), 0);
    for (struct step *step; (step = g_queue_pop_head(&walk->steps)); g_free(step)) {
        /* When the results are full, further lookups could only be for nothing. */
        gboolean full = walk->limit && g_hash_table_size(walk->results) >= RESULTS_MAX;
        good = good && (full || walk_step(walk, step, error));
    }
    if (good && !walk->owners && g_hash_table_size(walk->results) == 0) /* a loop, or an alias of nothing */
        walk_result(walk, start);
    return good;
}

/* 1: *addresses_r set, -1: error. */
static int
walk_run(struct walk *walk, struct accounts *accounts, const char *start, char ***addresses_r, GError **error)
{
    walk->accounts = accounts;
    walk->sql = sql_pool_take(accounts->pool, error);
    if (!walk->sql)
        return -1;
    walk->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    walk->results = g_hash_table_new(g_str_hash, g_str_equal);
    walk->domains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, domain_free);
    g_queue_init(&walk->steps);
    gboolean good = walk_all(walk, start, error);
    sql_pool_give(accounts->pool, walk->sql);
    if (good)
        *addresses_r = sorted(walk->results);
    g_hash_table_destroy(walk->domains);
    g_hash_table_destroy(walk->results);
    g_hash_table_destroy(walk->seen);
    return good ? 1 : -1;
}

int
accounts_expand(struct accounts *accounts, const char *address, char ***mailboxes_r, GError **error)
{
    g_autofree char *start = address_normalise(address);
    struct walk walk = {0};
    if (!accounts->pool) {
        *mailboxes_r = g_new0(char *, 2);
        (*mailboxes_r)[0] = g_steal_pointer(&start);
        return 0;
    }
    int result = walk_run(&walk, accounts, start, mailboxes_r, error);
    if (result == 1 && walk.limit)
        log_text(LOG_SEV_WARNING, "accounts", "<%s> expands beyond the limit of %s; the rest is left out, so those "
                 "mailboxes won't find this mail in the archive; look for a loop or split the alias", start, walk.limit);
    return result;
}

int
accounts_owners(struct accounts *accounts, const char *address, char ***owners_r, gboolean *catch_all_r, GError **error)
{
    g_autofree char *start = address_normalise(address);
    struct walk walk = {.owners = TRUE};
    if (!accounts->pool)
        return 0;
    int result = walk_run(&walk, accounts, start, owners_r, error);
    if (result == 1 && walk.limit)
        log_text(LOG_SEV_WARNING, "accounts", "<%s> has members beyond the limit of %s; the rest is left out, so those may not send as "
                 "it; look for a loop or split the alias", start, walk.limit);
    if (result == 1 && catch_all_r)
        *catch_all_r = walk.catch_all;
    return result;
}
