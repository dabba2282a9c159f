/* hashbl.c: HashBL: lists that are asked for hashes of what a message holds. Here the rules, hashing and answers; what is hashed is
 * found in hashbl_values.c. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>
#include "lib/spam/net/hashbl.h"
#include "lib/spam/rules/pattern.h"

#define MAX_DEFAULT 10u
#define BASE32_LENGTH(bytes) (((bytes)*8 + 4) / 5)

/* ---- rules ---- */

void
hash_rule_free(gpointer data)
{
    struct hash_rule *hash = data;

    net_subtest_free(&hash->subtest);
    pcre2_code_free(hash->pattern);
    g_free(hash->zone);
    g_free(hash->tag);
    g_free(hash);
}

/* "sha1/max=10/shuffle". What is not known does nothing; shuffle, too: which of many are asked for is no matter of chance here. */
static struct hash_options
read_options(const char *text)
{
    struct hash_options o = {.max = MAX_DEFAULT};
    const struct {
        const char *name;
        gboolean *flag;
    } flags[] = {{"sha256", &o.sha256}, {"sha1", &o.sha1}, {"md5", &o.md5}, {"case", &o.as_is}, {"num", &o.digits},
                 {"nodot", &o.no_dot}, {"notag", &o.no_tag}, {"nouri", &o.no_uri}, {"noquote", &o.no_quote}, {"host", &o.host},
                 {"domain", &o.domain}, {"user", &o.user}, {"ip", &o.ip}, {"ipv4", &o.ipv4}, {"ipv6", &o.ipv6},
                 {"revip", &o.reversed}, {"fqdn", &o.fqdn}, {"tld", &o.tld}, {"trim", &o.trim}, {"raw", &o.raw}};
    g_autofree char *low = g_ascii_strdown(text, -1);
    g_auto(GStrv) words = g_strsplit(low, "/", -1);

    for (char **word = words; *word != NULL; word++) {
        char *name = g_strstrip(*word), *value = strchr(name, '=');
        if (value != NULL)
            *value++ = '\0';
        for (guint i = 0; i < G_N_ELEMENTS(flags); i++)
            if (strcmp(name, flags[i].name) == 0)
                *flags[i].flag = value == NULL || (*value != '\0' && strcmp(value, "0") != 0);
        guint64 number = value != NULL ? g_ascii_strtoull(value, NULL, 10) : 1;
        if (strcmp(name, "max") == 0)
            o.max = (guint)MIN(number, NET_HASHED_MAX);
        else if (strcmp(name, "minsize") == 0)
            o.min_size = number;
        else if (strcmp(name, "maxsize") == 0)
            o.max_size = number;
    }
    o.max = o.max == 0 ? MAX_DEFAULT : o.max;
    o.fqdn |= o.trim;
    o.tld |= o.trim;
    return o;
}

/* The n-th argument, or NULL where it is false for Perl. */
static const char *
argument(const struct spam_rule *rule, guint n)
{
    const char *text = net_argument(rule, n);

    return text != NULL && *text != '\0' && strcmp(text, "0") != 0 ? text : NULL;
}

/* The zone, and what type of records it is asked for: "list.example/TXT". */
static void
take_zone(struct hash_rule *hash, const char *list)
{
    gsize length = strlen(list);
    g_autofree char *zone = g_strdup(list);

    hash->type = DNS_A;
    if (length > 4 && g_ascii_strcasecmp(list + length - 4, "/TXT") == 0) {
        hash->type = DNS_TXT;
        zone[length - 4] = '\0';
    } else if (length > 2 && g_ascii_strcasecmp(list + length - 2, "/A") == 0) {
        zone[length - 2] = '\0';
    }
    hash->zone = net_zone(zone);
}

/* _NAME_ or NAME */
static char *
read_tag(const char *text)
{
    gsize length = strlen(text);
    gboolean marked = length > 2 && *text == '_' && text[length - 1] == '_';
    g_autofree char *bare = marked ? g_strndup(text + 1, length - 2) : g_strdup(text);

    return g_ascii_strup(bare, -1);
}

/* What is wrong with the rule, or NULL. */
static const char *
read_rule(struct net_rules *rules, struct hash_rule *hash)
{
    static const char *const functions[] = {"check_hashbl_emails", "check_hashbl_uris", "check_hashbl_bodyre", "check_hashbl_tag",
                                            "check_hashbl_attachments"};
    static const char *const defaults[] = {"sha1/notag/noquote/max=10/shuffle", "sha1/max=10/shuffle"};
    const struct spam_rule *rule = hash->rule;
    const char *list = net_argument(rule, 0), *options = argument(rule, 1), *third = net_argument(rule, 2), *subtest;
    gboolean has_third;
    guint kind = 0;

    while (kind < G_N_ELEMENTS(functions) && strcmp(rule->function, functions[kind]) != 0)
        kind++;
    if (kind == G_N_ELEMENTS(functions) || list == NULL)
        return "wants a list";
    hash->kind = (enum hash_kind)kind;
    hash->options = read_options(options != NULL ? options : defaults[kind != HASH_EMAILS]);
    take_zone(hash, list);
    has_third = kind == HASH_EMAILS || kind == HASH_BODY || kind == HASH_TAG;
    if (kind == HASH_EMAILS) {
        hash->from = argument(rule, 2) != NULL ? third : "ALLFROM/Reply-To/body";
        hash->acl = net_argument(rule, 4);
        const struct spam_setting *acls = rules_setting(rules->ruleset, "hashbl_acl");
        if (hash->acl != NULL && strcmp(hash->acl, "all") != 0 &&
            (acls == NULL || acls->map == NULL || !g_hash_table_contains(acls->map, hash->acl)))
            return "names an acl that is not there";
    } else if (kind == HASH_TAG) {
        if (third == NULL || *third == '\0')
            return "wants a tag";
        hash->tag = read_tag(third);
    } else if (kind == HASH_BODY) {
        hash->pattern = argument(rule, 2) != NULL ? rules_pattern_compile(third, 0, NULL) : NULL;
        if (hash->pattern == NULL)
            return "wants a pattern";
        pcre2_jit_compile(hash->pattern, PCRE2_JIT_COMPLETE);
    }
    if ((kind == HASH_URIS || kind == HASH_ATTACHMENTS) && hash->options.raw)
        return "can't ask for what is not hashed";
    subtest = argument(rule, has_third ? 3 : 2);
    /* Unlike elsewhere, only a pattern. */
    hash->subtest = net_subtest_of_pattern(subtest != NULL ? subtest : "^127\\.");
    return hash->subtest != NULL ? NULL : "has a subtest that can't be used";
}

void
net_rules_add_hash(struct net_rules *rules, const struct spam_rule *rule)
{
    struct hash_rule *hash = g_new0(struct hash_rule, 1);
    const char *wrong;

    g_hash_table_add(rules->known, (gpointer)rule);
    hash->rule = rule;
    wrong = read_rule(rules, hash);
    if (wrong == NULL) {
        g_ptr_array_add(rules->hashes, hash);
        return;
    }
    net_rules_warn(rules, rule, "%s %s", rule->function, wrong);
    hash_rule_free(hash);
}

/* ---- hashing ---- */

/* RFC 4648's alphabet in lower case, without padding. */
static char *
base32(const guint8 *bytes, gsize length)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    GString *out = g_string_new(NULL);
    guint32 bits = 0;
    guint n = 0;

    for (gsize i = 0; i < length; i++) {
        bits = bits << 8 | bytes[i];
        for (n += 8; n >= 5; n -= 5)
            g_string_append_c(out, alphabet[bits >> (n - 5) & 31]);
    }
    if (n > 0)
        g_string_append_c(out, alphabet[bits << (5 - n) & 31]);
    return g_string_free(out, FALSE);
}

char *
hashbl_hash(const struct hash_options *options, const char *value, gsize length)
{
    if (options->sha256) {
        g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
        guint8 digest[32];
        gsize size = sizeof digest;
        g_checksum_update(sum, (const guchar *)value, (gssize)length);
        g_checksum_get_digest(sum, digest, &size);
        return base32(digest, size);
    }
    if (options->sha1)
        return g_compute_checksum_for_data(G_CHECKSUM_SHA1, (const guchar *)value, length);
    if (options->md5)
        return g_compute_checksum_for_data(G_CHECKSUM_MD5, (const guchar *)value, length);
    return g_strndup(value, length);
}

/* ---- questions and answers ---- */

static gboolean
is_ignored(const struct net_check *check, const char *value)
{
    GHashTable *ignored = rules_map(check->rules->ruleset, "hashbl_ignore");
    g_autofree char *low = g_ascii_strdown(value, -1);

    return ignored != NULL && g_hash_table_contains(ignored, low);
}

/* TXT records never hit: SpamAssassin asks for them, but wants an address then. */
static void
on_listing(gpointer context, gconstpointer subject, struct net_question *question)
{
    struct net_check *check = context;
    const struct hash_rule *hash = subject;
    const struct dnsbl_answer *judged = net_question_judge(question, hash->list);

    for (guint i = 0; i < question->answer->records->len && hash->type == DNS_A; i++) {
        struct net_datum datum = net_datum_of(DNS_A, &g_array_index(question->answer->records, struct dns_record, i), check->datum);
        if (net_subtest_matches_list(hash->subtest, check->matcher, &datum, judged)) {
            net_check_hit(check, hash->rule);
            return;
        }
    }
}

/* value: plain, or hashed already. */
static void
submit(struct net_check *check, const struct hash_rule *hash, const char *value, gboolean is_hashed)
{
    if (!is_hashed && is_ignored(check, value))
        return;
    g_autofree char *digest = is_hashed ? g_strdup(value) : hashbl_hash(&hash->options, value, strlen(value));
    if (is_ignored(check, digest))
        return;
    g_autofree char *name = g_strconcat(digest, ".", hash->zone, NULL);
    net_questions_ask(check->questions, name, hash->type, on_listing, check, hash);
}

/* The first max of values. */
static void
run(struct net_check *check, gconstpointer rule)
{
    const struct hash_rule *hash = rule;
    g_autoptr(GPtrArray) values = hash->kind == HASH_EMAILS  ? hashbl_emails(check, hash)
                                  : hash->kind == HASH_URIS  ? hashbl_uris(check, hash)
                                  : hash->kind == HASH_BODY  ? hashbl_matches(check, hash)
                                  : hash->kind == HASH_TAG   ? hashbl_tag_values(check, hash)
                                                             : hashbl_attachments(check, hash);

    for (guint i = 0; i < MIN(values->len, hash->options.max); i++)
        submit(check, hash, g_ptr_array_index(values, i), hash->kind == HASH_ATTACHMENTS);
}

void
net_hash_start(struct net_check *check)
{
    for (guint i = 0; i < check->rules->hashes->len; i++) {
        const struct hash_rule *hash = g_ptr_array_index(check->rules->hashes, i);
        if (hash->list != NULL && net_check_runs(check, hash->rule))
            net_check_when_tagged(check, &(struct net_waiting){run, hash, NULL, hash->tag});
    }
}
