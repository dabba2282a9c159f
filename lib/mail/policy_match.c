/* policy_match.c: items sorted by what they look at, so that a lookup does not grow with the list. */
#include "lib/mail/policy_match.h"
#include <string.h>
#include "lib/base/networks.h"
#include "lib/mail/address.h"

#define LABELS_MAX 128u /* of a domain: no more fit in 255 octets */

/* Items with or without "!". */
struct side {
    GHashTable *texts; /* set: addresses, "@domain", ".domain", "<>" */
    GPtrArray *networks_text;
    struct networks *networks;
    GPtrArray *lists;  /* char *: names */
    guint n;
};
struct policy_match {
    struct side sides[2]; /* plain, negated */
};

static gboolean
refuse(GError **error, const char *item, const char *why)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "\"%s\" %s", item, why);
    return FALSE;
}

gboolean
policy_match_is_list_name(const char *name)
{
    gsize length = strlen(name);

    return length > 0 && length <= 64 && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == length;
}

static gboolean
take_address(struct side *side, const char *item, GError **error)
{
    const char *at = strrchr(item, '@'), *domain = at != NULL ? at + 1 : item + 1;
    char *text;

    if (strcmp(item, "<>") == 0) {
        g_hash_table_add(side->texts, g_strdup(""));
        return TRUE;
    }
    if ((at == NULL && *item != '.') || *domain == '\0' || *domain == '.' || strpbrk(item, " \t<>,") != NULL)
        return refuse(error, item, "is none of user@example.org, @example.org, .example.org, <> and list:NAME");
    if (at != NULL && at > item) {
        text = address_normalise(item);
    } else {
        g_autofree char *normal = address_normalise_domain(domain);
        text = g_strdup_printf("%c%s", *item, normal);
    }
    g_hash_table_add(side->texts, text);
    return TRUE;
}

static gboolean
take_client(struct side *side, const char *item, GError **error)
{
    char *const one[] = {(char *)item, NULL};
    struct networks *network;

    if (*item == '.' && item[1] != '\0' && item[1] != '.') {
        g_autofree char *normal = address_normalise_domain(item + 1);
        g_hash_table_add(side->texts, g_strconcat(".", normal, NULL));
        return TRUE;
    }
    if (g_ascii_isdigit(*item) || strchr(item, ':') != NULL) {
        network = networks_new(one, error);
        if (network == NULL)
            return FALSE;
    } else
        return refuse(error, item, "is none of 192.0.2.0/24, 2001:db8::/32, .example.org and list:NAME");
    networks_free(&network);
    g_ptr_array_add(side->networks_text, g_strdup(item));
    return TRUE;
}

static gboolean
take(struct policy_match *match, enum policy_match_kind kind, const char *item, GError **error)
{
    gboolean negated = *item == '!';
    struct side *side = &match->sides[negated];
    const char *rest = item + negated;

    side->n++;
    if (g_str_has_prefix(rest, "list:")) {
        if (!policy_match_is_list_name(rest + strlen("list:")))
            return refuse(error, item, "names no list: letters, digits, -, _ and . only");
        g_ptr_array_add(side->lists, g_strdup(rest + strlen("list:")));
        return TRUE;
    }
    return kind == POLICY_MATCH_ADDRESSES ? take_address(side, rest, error) : take_client(side, rest, error);
}

struct policy_match *
policy_match_new(enum policy_match_kind kind, char *const *items, GError **error)
{
    struct policy_match *match = g_new0(struct policy_match, 1);
    gboolean good = TRUE;

    for (guint i = 0; i < 2; i++) {
        match->sides[i].texts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        match->sides[i].networks_text = g_ptr_array_new_with_free_func(g_free);
        match->sides[i].lists = g_ptr_array_new_with_free_func(g_free);
    }
    for (; good && *items != NULL; items++)
        good = take(match, kind, *items, error);
    for (guint i = 0; good && i < 2; i++) {
        GPtrArray *texts = match->sides[i].networks_text;
        g_ptr_array_add(texts, NULL);
        match->sides[i].networks = networks_new((char *const *)texts->pdata, error);
        good = match->sides[i].networks != NULL;
    }
    if (!good)
        g_clear_pointer(&match, policy_match_free);
    return match;
}

void
policy_match_free(struct policy_match *match)
{
    for (guint i = 0; match != NULL && i < 2; i++) {
        g_hash_table_unref(match->sides[i].texts);
        g_ptr_array_unref(match->sides[i].networks_text);
        g_ptr_array_unref(match->sides[i].lists);
        networks_free(&match->sides[i].networks);
    }
    g_free(match);
}

gboolean
policy_match_is_empty(const struct policy_match *match)
{
    return match->sides[0].n + match->sides[1].n == 0;
}

/* Whether ".domain" of the domain itself, or of one above it, is among the items. */
static gboolean
holds_domain(const struct side *side, const char *domain)
{
    g_autofree char *dotted = g_strconcat(".", domain, NULL);
    const char *at = dotted;

    for (guint n = 0; at != NULL && at[1] != '\0' && n < LABELS_MAX; n++) {
        if (g_hash_table_contains(side->texts, at))
            return TRUE;
        at = strchr(at + 1, '.');
    }
    return FALSE;
}

static gboolean
holds_address(const struct side *side, const char *address)
{
    const char *domain = address_domain(address);

    if (side->n == 0)
        return FALSE;
    if (g_hash_table_contains(side->texts, address))
        return TRUE;
    return domain != NULL && (g_hash_table_contains(side->texts, domain - 1) || holds_domain(side, domain));
}

static gboolean
holds_client(const struct side *side, const char *address, const char *name)
{
    g_autofree char *lower = NULL;

    if (side->n == 0)
        return FALSE;
    if (networks_contain(side->networks, address))
        return TRUE;
    if (g_hash_table_size(side->texts) == 0 || *name == '\0' || strcmp(name, "unknown") == 0)
        return FALSE;
    lower = address_normalise_domain(name);
    return holds_domain(side, lower);
}

/* 1, 0, -1 as in the header, of the side's SQL lists. */
static int
ask_lists(const struct side *side, const char *subject, policy_list_func ask, gpointer data)
{
    int known = 0;

    for (guint i = 0; ask != NULL && i < side->lists->len; i++) {
        int one = ask(g_ptr_array_index(side->lists, i), subject, data);
        if (one > 0)
            return 1;
        known = MIN(known, one);
    }
    return known;
}

/* held: by the items themselves, of both sides. */
static int
decide(const struct policy_match *match, const gboolean held[2], const char *subject, policy_list_func ask, gpointer data)
{
    int plain = 1, negated = held[1] ? 1 : ask_lists(&match->sides[1], subject, ask, data);

    if (negated > 0)
        return 0;
    if (match->sides[0].n > 0)
        plain = held[0] ? 1 : ask_lists(&match->sides[0], subject, ask, data);
    return plain == 0 ? 0 : MIN(plain, negated == 0 ? 1 : -1);
}

int
policy_match_address(const struct policy_match *match, const char *address, policy_list_func ask, gpointer data)
{
    const gboolean held[2] = {holds_address(&match->sides[0], address), holds_address(&match->sides[1], address)};

    return decide(match, held, address, ask, data);
}

int
policy_match_client(const struct policy_match *match, const char *address, const char *name, policy_list_func ask, gpointer data)
{
    const gboolean held[2] = {holds_client(&match->sides[0], address, name), holds_client(&match->sides[1], address, name)};

    return decide(match, held, address, ask, data);
}
