/* from_name.c: see from_name.h. */
#include "lib/spam/eval/from_name.h"
#include <string.h>
#include "lib/spam/eval/address_lists.h"
#include "lib/spam/eval/header_text.h"
#include "lib/spam/view/bytes.h"

static const char list_prefix[] = "FNS_";

struct owner {
    char *name;
    struct glob_list *addresses;
};

struct from_name_settings {
    const struct registry *registry;
    GArray *owners;                           /* struct owner, by name */
    GHashTable *ignore_headers, *ignore_dkim; /* of the ruleset, or NULL */
    double extra_chars;
    int level;
};

static void
owner_clear(gpointer data)
{
    struct owner *owner = data;

    g_free(owner->name);
    glob_list_free(owner->addresses);
}

static int
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(((const struct owner *)a)->name, ((const struct owner *)b)->name);
}

struct from_name_settings *
from_name_settings_new(const struct spam_ruleset *ruleset, const struct registry *registry)
{
    struct from_name_settings *settings = g_new0(struct from_name_settings, 1);
    GHashTable *lists = rules_map(ruleset, "fns_addrlists");
    GHashTableIter iter;
    gpointer list;

    settings->registry = registry;
    settings->owners = g_array_new(FALSE, FALSE, sizeof(struct owner));
    g_array_set_clear_func(settings->owners, owner_clear);
    settings->ignore_headers = rules_map(ruleset, "fns_ignore_headers");
    settings->ignore_dkim = rules_map(ruleset, "fns_ignore_dkim");
    settings->extra_chars = rules_number(ruleset, "fns_extrachars");
    settings->level = (int)rules_number(ruleset, "fns_check");
    if (lists == NULL)
        return settings;
    g_hash_table_iter_init(&iter, lists);
    while (g_hash_table_iter_next(&iter, &list, NULL)) {
        const char *name = list;
        struct owner owner = {g_ascii_strdown(g_str_has_prefix(name, list_prefix) ? name + strlen(list_prefix) : name, -1),
                              address_list_new(ruleset, name)};
        g_array_append_val(settings->owners, owner);
    }
    g_array_sort(settings->owners, by_name);
    return settings;
}

void
from_name_settings_free(struct from_name_settings *settings)
{
    if (settings == NULL)
        return;
    g_array_unref(settings->owners);
    g_free(settings);
}

int
from_name_level(const struct from_name_settings *settings)
{
    return settings->level;
}

/* ---- messages to be looked over ---- */

static gboolean
is_ignored(const struct from_name_settings *settings, const struct spam_headers *headers, const char *const *signers)
{
    GHashTableIter iter;
    gpointer name;

    for (guint i = 0; signers != NULL && settings->ignore_dkim != NULL && signers[i] != NULL; i++) {
        g_autofree char *low = g_ascii_strdown(signers[i], -1);
        if (g_hash_table_contains(settings->ignore_dkim, low))
            return TRUE;
    }
    if (settings->ignore_headers == NULL)
        return FALSE;
    g_hash_table_iter_init(&iter, settings->ignore_headers);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        g_autoptr(GString) value = header_text(headers, name);
        if (!bytes_is_false(value))
            return TRUE;
    }
    return FALSE;
}

/* ---- addresses ---- */

static gboolean
is_local(char c)
{
    return byte_is_word(c) || byte_in(c, ".!#$%&'*+/=?^`{|}~-");
}

/* Where a domain ends that begins at text[at]: a label, a dot, two bytes or more, the last a letter, digit or underscore. 0: none does. */
static gsize
domain_end(const GString *text, gsize at)
{
    gsize i = at;

    while (i < text->len && (byte_is_word(text->str[i]) || (i > at && text->str[i] == '-')))
        i++;
    if (i == at || i + 2 >= text->len || text->str[i] != '.' || !byte_is_word(text->str[i + 1]))
        return 0;
    for (at = i += 2; i < text->len && (byte_is_word(text->str[i]) || byte_in(text->str[i], ".-")); i++)
        ;
    return i > at && byte_is_word(text->str[i - 1]) ? i : 0;
}

/* The first address in the name, or NULL. */
static GString *
address_in(const GString *name)
{
    const char *mark = name->str;

    while ((mark = memchr(mark, '@', name->len - (gsize)(mark - name->str))) != NULL) {
        gsize at = (gsize)(mark - name->str), start = at, end;
        while (start > 0 && is_local(name->str[start - 1]))
            start--;
        while (start < at && !byte_is_word(name->str[start])) /* it begins at a word's edge */
            start++;
        end = start < at ? domain_end(name, at + 1) : 0;
        if (end > 0)
            return g_string_new_len(name->str + start, (gssize)(end - start));
        mark++;
    }
    return NULL;
}

/* NULL when it has none that is valid. */
static char *
domain_of(const struct registry *registry, const GString *address)
{
    g_autoptr(GString) uri = g_string_new("mailto:");
    char *domain = NULL;

    g_string_append_len(uri, address->str, (gssize)address->len);
    registry_uri_domain(registry, (struct perl_text){uri->str, uri->len, FALSE}, &domain, NULL);
    return domain;
}

static gsize
count_others(const GString *text)
{
    gsize n = 0;

    for (gsize i = 0; i < text->len; i++)
        n += !g_ascii_islower(text->str[i]) && !g_ascii_isdigit(text->str[i]);
    return n;
}

/* Whether there is not much else in the name than the address. */
static gboolean
is_close(const struct from_name_settings *settings, const GString *name, const GString *address)
{
    double others = (double)count_others(name) - (double)count_others(address);

    return (double)name->len + others - (double)address->len <= settings->extra_chars;
}

static const char *
listed_owner(const struct from_name_settings *settings, const char *address, gsize length)
{
    for (guint i = 0; i < settings->owners->len; i++) {
        const struct owner *owner = &g_array_index(settings->owners, struct owner, i);
        if (glob_list_has(owner->addresses, address, length))
            return owner->name;
    }
    return NULL;
}

/* Whose address it is: by the lists, by the lists for its registered domain, or else that domain's first label. Caller frees. */
static char *
owner_of(const struct from_name_settings *settings, const GString *address, const char *domain)
{
    const char *owner = listed_owner(settings, address->str, address->len);
    const char *mark = memchr(address->str, '@', address->len);

    if (owner == NULL && mark != NULL && mark > address->str && mark[1] != '\0' && strcmp(mark + 1, domain) != 0) {
        g_autofree char *short_address = g_strdup_printf("%.*s@%s", (int)(mark - address->str), address->str, domain);
        owner = listed_owner(settings, short_address, strlen(short_address));
    }
    if (owner != NULL)
        return g_strdup(owner);
    return *domain != '.' && strchr(domain, '.') != NULL ? g_strndup(domain, strcspn(domain, ".")) : g_strdup(domain);
}

/* ---- the check ---- */

static gboolean
has_address(const GPtrArray *addresses, const GString *address)
{
    for (guint i = 0; i < addresses->len; i++)
        if (g_string_equal(addresses->pdata[i], address))
            return TRUE;
    return FALSE;
}

static GString *
lower_header(const struct spam_headers *headers, const char *name)
{
    return g_string_ascii_down(header_text(headers, name));
}

struct from_name
from_name_check(const struct from_name_settings *settings, const struct spam_headers *headers, const GPtrArray *to,
                const char *const *signers)
{
    struct from_name found = {0};

    if (is_ignored(settings, headers, signers))
        return found;
    g_autoptr(GString) from = lower_header(headers, "From:addr"), name = lower_header(headers, "From:name");
    g_autoptr(GString) address = address_in(name), reply_to = lower_header(headers, "Reply-To:addr");
    g_autofree char *domain = domain_of(settings->registry, from);
    g_autofree char *other = address != NULL ? domain_of(settings->registry, address) : NULL;
    if (domain == NULL || other == NULL)
        return found;
    found.contains_email = TRUE;
    if (!is_close(settings, name, address))
        return found;
    g_autofree char *owner = owner_of(settings, from, domain), *other_owner = owner_of(settings, address, other);
    found.address_differs = !g_string_equal(address, from);
    found.domain_differs = strcmp(other, domain) != 0;
    found.owner_differs = strcmp(other_owner, owner) != 0;
    found.equals_reply_to = g_string_equal(address, reply_to);
    found.equals_to = has_address(to, address);
    return found;
}

gboolean
from_name_is_spoofed(const struct from_name *name, int level)
{
    return name->address_differs && (level == 0 || (level == 1 ? name->owner_differs : name->domain_differs));
}
