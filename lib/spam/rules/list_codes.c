/* list_codes.c: directives that fill and empty lists: addresses, hosts, words, networks. */
#include <string.h>
#include "lib/spam/rules/parser.h"

static char *
lower(const char *text)
{
    return g_ascii_strdown(text, -1);
}

/* ---- addresses ---- */

/* argument: the lists that lose the addresses. */
enum rules_outcome
code_unlist(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) lists = rules_words(row->argument), words = rules_words(value);

    if (*words == NULL)
        return RULES_MISSING;
    for (char **list = lists; *list != NULL; list++) {
        GHashTable *map = rules_map(parser->set, *list);
        for (char **word = words; map != NULL && *word != NULL; word++) {
            g_autofree char *address = lower(*word);
            g_hash_table_remove(map, address);
        }
    }
    return RULES_GOOD;
}

/* address -> domains, one more of them. */
static void
add_domain(struct rules_parser *parser, const char *key, const char *address, const char *domain)
{
    struct spam_setting *setting = rules_setting_of(parser, key, SPAM_SETTING_LISTS);
    g_autofree char *name = lower(address);
    GPtrArray *domains = setting != NULL ? g_hash_table_lookup(setting->map, name) : NULL;

    if (setting == NULL)
        return;
    if (domains == NULL) {
        domains = g_ptr_array_new_with_free_func(g_free);
        g_hash_table_insert(setting->map, g_steal_pointer(&name), domains);
    }
    g_ptr_array_add(domains, lower(domain));
}

enum rules_outcome
code_rcvd(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) words = rules_words(value);

    if (g_strv_length(words) != 2)
        return *words == NULL ? RULES_MISSING : RULES_INVALID;
    add_domain(parser, row->key, words[0], words[1]);
    return RULES_GOOD;
}

/* address [domain]; without a domain the author's is meant: "". */
enum rules_outcome
code_dkim_list(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) words = rules_words(value);
    guint n = g_strv_length(words);

    if (n == 0 || n > 2)
        return n == 0 ? RULES_MISSING : RULES_INVALID;
    add_domain(parser, row->key, words[0], n == 2 ? words[1] : "");
    return RULES_GOOD;
}

static void
remove_domain(struct rules_parser *parser, const char *key, const char *address, const char *domain)
{
    GHashTable *map = rules_map(parser->set, key);
    g_autofree char *name = lower(address), *gone = lower(domain);
    GPtrArray *domains = map != NULL ? g_hash_table_lookup(map, name) : NULL;

    for (guint i = 0; domains != NULL && i < domains->len;) {
        if (strcmp(g_ptr_array_index(domains, i), gone) == 0)
            g_ptr_array_remove_index(domains, i);
        else
            i++;
    }
    if (domains != NULL && domains->len == 0)
        g_hash_table_remove(map, name);
}

enum rules_outcome
code_dkim_unlist(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) words = rules_words(value);
    guint n = g_strv_length(words);

    (void)row;
    if (n == 0 || n > 2)
        return n == 0 ? RULES_MISSING : RULES_INVALID;
    remove_domain(parser, "welcomelist_from_dkim", words[0], n == 2 ? words[1] : "");
    remove_domain(parser, "def_welcomelist_from_dkim", words[0], n == 2 ? words[1] : "");
    return RULES_GOOD;
}

/* "(LIST) words": LIST, and *words; free both. FALSE when it isn't so. */
static gboolean
named_words(struct rules_parser *parser, const char *value, char **list, char ***words)
{
    g_auto(GStrv) groups = NULL;

    if (!rules_match(parser, "^\\((.+?)\\)\\s+(.+)\\z", value, &groups))
        return FALSE;
    *list = g_strdup(groups[1]);
    *words = rules_words(groups[2]);
    return TRUE;
}

enum rules_outcome
code_enlist_addresses(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_autofree char *list = NULL;
    g_auto(GStrv) words = NULL;

    (void)row;
    if (!named_words(parser, value, &list, &words))
        return RULES_MISSING;
    for (char **word = words; *word != NULL; word++) {
        g_autofree char *address = lower(*word);
        rules_set_pair(parser, list, address, "");
    }
    return RULES_GOOD;
}

/* FNS_list: of the plugin FromNameSpoof. argument: "add" or "remove". */
enum rules_outcome
code_prefixed_addresses(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_autofree char *list = NULL;
    g_auto(GStrv) words = NULL;

    if (!named_words(parser, value, &list, &words))
        return RULES_MISSING;
    g_autofree char *low = lower(list), *key = g_strconcat("FNS_", low, NULL);
    gboolean add = *row->argument == 'a';
    for (char **word = words; *word != NULL; word++) {
        g_autofree char *address = lower(*word);
        GHashTable *map = rules_map(parser->set, key);
        if (add)
            rules_set_pair(parser, key, address, "");
        else if (map != NULL)
            g_hash_table_remove(map, address);
    }
    if (add)
        rules_set_pair(parser, "fns_addrlists", key, "1");
    return RULES_GOOD;
}

/* A glob of a whole line. */
enum rules_outcome
code_subject_list(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_autofree char *subject = lower(value);

    rules_set_pair(parser, row->key, subject, "");
    return RULES_GOOD;
}

/* ---- hosts of URIs ---- */

/* The list of the name, made when it is new. */
static GHashTable *
host_list(struct rules_parser *parser, const char *list)
{
    struct spam_setting *setting = rules_setting_of(parser, "uri_host_lists", SPAM_SETTING_MAPS);
    GHashTable *hosts = g_hash_table_lookup(setting->map, list);

    if (hosts == NULL) {
        hosts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        g_hash_table_insert(setting->map, g_strdup(list), hosts);
    }
    return hosts;
}

/* list -> host -> "1", or "0" for !host. */
static void
enlist_host(struct rules_parser *parser, const char *list, const char *word)
{
    g_hash_table_replace(host_list(parser, list), lower(word + (*word == '!')), g_strdup(*word == '!' ? "0" : "1"));
}

enum rules_outcome
code_enlist_uri_host(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_autofree char *list = NULL;
    g_auto(GStrv) words = NULL;

    (void)row;
    if (!named_words(parser, value, &list, &words))
        return RULES_MISSING;
    for (char **word = words; *word != NULL; word++)
        enlist_host(parser, list, *word);
    return RULES_GOOD;
}

/* argument: the list */
enum rules_outcome
code_uri_host(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) words = rules_words(value);

    for (char **word = words; *word != NULL; word++)
        enlist_host(parser, row->argument, *word);
    return RULES_GOOD;
}

static void
delist(GHashTable *hosts, char **words)
{
    for (; hosts != NULL && *words != NULL; words++) {
        g_autofree char *host = lower(*words + (**words == '!'));
        g_hash_table_remove(hosts, host);
    }
}

/* "[(LIST)] hosts": without a list from all of them. */
enum rules_outcome
code_delist_uri_host(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    struct spam_setting *setting = rules_setting_of(parser, "uri_host_lists", SPAM_SETTING_MAPS);
    g_autofree char *list = NULL;
    g_auto(GStrv) words = NULL;
    GHashTableIter iter;
    gpointer hosts;

    (void)row;
    if (*value == '\0')
        return RULES_MISSING;
    if (named_words(parser, value, &list, &words)) {
        delist(host_list(parser, list), words);
        return RULES_GOOD;
    }
    words = rules_words(value);
    g_hash_table_iter_init(&iter, setting->map);
    while (g_hash_table_iter_next(&iter, NULL, &hosts))
        delist(hosts, words);
    return RULES_GOOD;
}

/* ---- words ---- */

/* word -> argument */
enum rules_outcome
code_set_words(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) words = rules_words(value);

    for (char **word = words; *word != NULL; word++)
        rules_set_pair(parser, row->key, *word, row->argument);
    return *words == NULL ? RULES_MISSING : RULES_GOOD;
}

enum rules_outcome
code_set_words_lower(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_autofree char *low = lower(value);

    return code_set_words(parser, row, low);
}

/* Takes words out of argument's map; all of them when none is named. */
enum rules_outcome
code_unset_words(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    GHashTable *map = rules_map(parser->set, row->argument);
    g_autofree char *low = lower(value);
    g_auto(GStrv) words = rules_words(low);

    if (map != NULL && *words == NULL)
        g_hash_table_remove_all(map);
    for (char **word = words; map != NULL && *word != NULL; word++)
        g_hash_table_remove(map, *word);
    return RULES_GOOD;
}

/* A list in which no word, whatever its case, comes twice. */
enum rules_outcome
code_unique_words(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    struct spam_setting *setting = rules_setting_of(parser, row->key, SPAM_SETTING_LIST);
    g_auto(GStrv) words = rules_words(value);

    for (char **word = words; *word != NULL; word++) {
        gboolean known = FALSE;
        for (guint i = 0; i < setting->list->len; i++)
            known |= g_ascii_strcasecmp(g_ptr_array_index(setting->list, i), *word) == 0;
        if (!known)
            g_ptr_array_add(setting->list, g_strdup(*word));
    }
    return *words == NULL ? RULES_MISSING : RULES_GOOD;
}

/* ---- clearing ---- */

/* argument: the settings that end. */
enum rules_outcome
code_clear(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) keys = rules_words(row->argument);

    if (*value != '\0')
        return RULES_INVALID;
    for (char **key = keys; *key != NULL; key++)
        rules_drop(parser, *key);
    return RULES_GOOD;
}

enum rules_outcome
code_clear_template(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    if (*value != '\0')
        return RULES_INVALID;
    rules_set_text(parser, row->argument, "");
    return RULES_GOOD;
}

/* Loopback is in two of the three lists from the start. */
enum rules_outcome
code_clear_networks(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    static const char *const loopback[] = {"127.0.0.0/8", "::1", NULL};

    if (*value != '\0')
        return RULES_INVALID;
    rules_drop(parser, row->argument);
    struct spam_setting *setting = rules_setting_of(parser, row->argument, SPAM_SETTING_NETWORKS);
    if (strcmp(row->argument, "msa_networks") != 0)
        rules_add_networks(parser, setting, loopback);
    return RULES_GOOD;
}
