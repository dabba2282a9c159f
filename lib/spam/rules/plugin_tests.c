/* plugin_tests.c: rules that plugins define: mimeheader, uri_detail, askdns, the uridnsbl family, shortcircuit, uri_block_*. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/spam/rules/parser.h"

/* ---- mimeheader ---- */

/* "NAME Header:raw =~ /re/ [if-unset: text]" */
static struct spam_mimeheader *
read_mimeheader(struct rules_parser *parser, const char *text)
{
    g_auto(GStrv) groups = NULL, unset = NULL;
    g_autoptr(GError) error = NULL;

    if (!rules_match(parser, "^([^:\\s]+(?:\\:(?:raw)?)?)\\s*([=!]~)\\s*(.+)$", text, &groups))
        return NULL;
    struct spam_mimeheader *mime = g_new0(struct spam_mimeheader, 1);
    if (rules_match(parser, "\\s+\\[if-unset:\\s+(.+)\\]$", groups[3], &unset))
        groups[3][strlen(groups[3]) - strlen(unset[0])] = '\0';
    mime->if_unset = g_strdup(unset != NULL ? unset[1] : "");
    mime->negated = *groups[2] == '!';
    mime->raw = g_str_has_suffix(groups[1], ":raw");
    mime->header = g_strndup(groups[1], strcspn(groups[1], ":"));
    if (!rules_pattern_parse(&mime->pattern, groups[3], RULES_DELIMITED, FALSE, &error))
        g_clear_pointer(&mime, rules_mimeheader_free);
    return mime;
}

/* A second definition changes what is looked for, but never the rule's type again: so SpamAssassin does. */
enum rules_outcome
code_mimeheader(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    const char *text;
    g_autofree char *name = rules_word(value, &text);

    (void)row;
    if (!rules_is_name(name) || *text == '\0')
        return RULES_INVALID;
    struct spam_mimeheader *mime = read_mimeheader(parser, text);
    if (mime == NULL)
        return RULES_INVALID;
    g_hash_table_replace(parser->set->mimeheaders, g_strdup(name), mime);
    if (!g_hash_table_add(parser->mime_rules, g_strdup(name)))
        return RULES_GOOD;
    g_autofree char *call = g_strdup_printf("_mimeheader_eval_%s()", name);
    rules_add_test(parser, name, call, SPAM_RULE_BODY_EVAL);
    struct spam_rule *rule = rules_rule(parser, name);
    g_autofree char *pattern = g_strdup(mime->pattern.text);
    if (rule != NULL)
        rules_note_captures(rule, &pattern);
    return RULES_GOOD;
}

/* ---- uri_detail ---- */

static int
target_of(const char *name)
{
    static const char *const names[SPAM_URI_TARGETS] = {"raw", "type", "cleaned", "text", "domain", "host"};

    for (int i = 0; i < SPAM_URI_TARGETS; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

static struct spam_uri_detail *
uri_detail_of(struct rules_parser *parser, const char *name)
{
    struct spam_uri_detail *detail = g_hash_table_lookup(parser->set->uri_details, name);

    if (detail == NULL) {
        detail = g_new0(struct spam_uri_detail, 1);
        g_hash_table_insert(parser->set->uri_details, g_strdup(name), detail);
    }
    return detail;
}

/* "NAME target =~ /re/ target !~ m{re} .." */
enum rules_outcome
code_uri_detail(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    const char *text;
    g_autofree char *name = rules_word(value, &text);
    static const char regex[] = "\\b(\\w+)\\b\\s*([=!]~)\\s*((?:/.*?/|m(\\W).*?\\4)[imsx]*)(?=\\s|$)";
    gsize offset = 0;
    gboolean added = FALSE;

    (void)row;
    if (*text == '\0')
        return RULES_INVALID;
    for (;;) {
        g_auto(GStrv) g = NULL;
        if (!rules_match_next(parser, regex, text, &offset, &g))
            break;
        struct spam_pattern pattern = {0};
        g_autoptr(GError) error = NULL;
        int target = target_of(g[1]);
        if (target < 0 || !rules_pattern_parse(&pattern, g[3], RULES_DELIMITED, FALSE, &error))
            return RULES_INVALID;
        struct spam_uri_detail *detail = uri_detail_of(parser, name);
        rules_pattern_clear(&detail->targets[target].pattern);
        detail->targets[target].pattern = pattern;
        detail->targets[target].negated = *g[2] == '!';
        added = TRUE;
    }
    if (!added)
        return RULES_INVALID;
    rules_add_test(parser, name, "check_uri_detail()", SPAM_RULE_BODY_EVAL);
    return RULES_GOOD;
}

/* ---- DNS answers ---- */

/* A decimal, 0x or dotted number, as decimal text. FALSE when it is none. */
static gboolean
read_dns_number(const char *text, char **number, gboolean *dotted, gboolean plain)
{
    gsize length = strlen(text);
    guint a, b, c, d;
    int end = 0;

    if (length > 0 && length <= 10 && text[strspn(text, "0123456789")] == '\0') {
        *number = plain ? g_strdup(text) : g_strdup_printf("%" G_GUINT64_FORMAT, g_ascii_strtoull(text, NULL, 10));
        return TRUE;
    }
    if (length > 2 && length <= 10 && text[0] == '0' && text[1] == 'x'
        && text[2 + strspn(text + 2, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS)] == '\0') {
        *number = g_strdup_printf("%" G_GUINT64_FORMAT, g_ascii_strtoull(text, NULL, 16));
        return TRUE;
    }
    if (length <= 15 && strspn(text, "0123456789.") == length && sscanf(text, "%3u.%3u.%3u.%3u%n", &a, &b, &c, &d, &end) == 4
        && (gsize)end == length) {
        *number = g_strdup_printf("%u", (a & 255) << 24 | (b & 255) << 16 | (c & 255) << 8 | (d & 255));
        *dotted = TRUE;
        return TRUE;
    }
    return FALSE;
}

/* "n", "n-m" and "n/m" in decimal; one dotted address is a range of itself. NULL: none of them. plain: decimals stay as written. */
static char *
read_dns_range(const char *text, gboolean plain)
{
    g_autofree char *first = NULL, *second = NULL;
    gsize length = strcspn(text, "/-");
    g_autofree char *head = g_strndup(text, length);
    gboolean dotted = FALSE;

    if (length == 0 || (text[length] != '\0' && text[length + 1] == '\0') || !read_dns_number(head, &first, &dotted, plain))
        return NULL;
    if (text[length] == '\0')
        return dotted ? g_strdup_printf("%s-%s", first, first) : g_steal_pointer(&first);
    if (!read_dns_number(text + length + 1, &second, &dotted, plain))
        return NULL;
    return g_strdup_printf("%s%c%s", first, text[length], second);
}

static int
rcode_of(const char *name)
{
    static const struct {
        const char *name;
        int code;
    } codes[] = {{"NOERROR", 0}, {"FORMERR", 1}, {"SERVFAIL", 2}, {"NXDOMAIN", 3}, {"NOTIMP", 4}, {"REFUSED", 5}, {"YXDOMAIN", 6},
                 {"YXRRSET", 7}, {"NXRRSET", 8}, {"NOTAUTH", 9}, {"NOTZONE", 10}, {"BADVERS", 16}, {"BADSIG", 16}, {"BADKEY", 17},
                 {"BADTIME", 18}, {"BADMODE", 19}, {"BADNAME", 20}, {"BADALG", 21}, {"BADTRUNC", 22}};

    for (gsize i = 0; i < G_N_ELEMENTS(codes); i++)
        if (g_ascii_strcasecmp(name, codes[i].name) == 0)
            return codes[i].code;
    return name[strspn(name, "0123456789")] == '\0' && strlen(name) < 9 ? atoi(name) : -1;
}

/* "[NXDOMAIN, 5]" as "3,5". */
static char *
read_rcodes(const char *list)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_auto(GStrv) words = g_strsplit(list, ",", -1);

    for (char **word = words; *word != NULL; word++) {
        int code = rcode_of(g_strstrip(*word));
        if (code < 0)
            return NULL;
        g_string_append_printf(out, "%s%d", out->len > 0 ? "," : "", code);
    }
    return g_strdup(out->str);
}

/* What an answer must be. A pattern that doesn't compile leaves a line that can't be used, and so does anything else unknown. */
static gboolean
read_subtest(struct rules_parser *parser, struct spam_askdns *ask, const char *text)
{
    g_auto(GStrv) groups = NULL;
    g_autoptr(GError) error = NULL;

    if (rules_match(parser, "^(?:/.+/|m(?:\\W).+(?:\\W))[a-z]*\\z", text, NULL)) {
        ask->kind = SPAM_SUBTEST_PATTERN;
        return rules_pattern_parse(&ask->pattern, text, RULES_DELIMITED, FALSE, &error);
    }
    if (rules_match(parser, "^([\"'])(.*)\\1\\z", text, &groups)) {
        ask->kind = SPAM_SUBTEST_TEXT;
        ask->text = g_strdup(groups[2]);
        return TRUE;
    }
    if (rules_match(parser, "(?i)^\\[((?:[A-Z]+|\\d+)(?:\\s*,\\s*(?:[A-Z]+|\\d+))*)\\]\\z", text, &groups)) {
        ask->kind = SPAM_SUBTEST_RCODES;
        ask->text = read_rcodes(groups[1]);
        return ask->text != NULL;
    }
    ask->kind = SPAM_SUBTEST_TEXT;
    ask->text = read_dns_range(text, FALSE);
    return ask->text != NULL;
}

static GPtrArray *
read_query_tags(const char *query)
{
    GPtrArray *tags = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GRegex) regex = g_regex_new("_([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*(?:\\(.*?\\))?)_", G_REGEX_RAW, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;

    for (g_regex_match(regex, query, 0, &match); g_match_info_matches(match); g_match_info_next(match, NULL)) {
        char *tag = g_match_info_fetch(match, 1);
        if (g_ptr_array_find_with_equal_func(tags, tag, g_str_equal, NULL))
            g_free(tag);
        else
            g_ptr_array_add(tags, tag);
    }
    return tags;
}

#define DNS_TYPES \
    "^(?:ANY|A|AAAA|MX|TXT|PTR|NAPTR|NS|SOA|CERT|CNAME|DNAME|DHCID|HINFO|MINFO|RP|HIP|IPSECKEY|KX|LOC|GPOS|SRV|" \
    "OPENPGPKEY|SSHFP|SPF|TLSA|URI|CAA|CSYNC)\\z"

/* "A,AAAA": the types that count, and the one to ask for. FALSE: an unknown one. */
static gboolean
read_types(struct rules_parser *parser, struct spam_askdns *ask, const char *types)
{
    g_autofree char *upper = g_ascii_strup(*types != '\0' ? types : "A", -1);
    g_auto(GStrv) words = g_strsplit(upper, ",", -1);
    guint n = g_strv_length(words);

    while (n > 0 && *words[n - 1] == '\0') /* as split does */
        n--;
    ask->answers = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < n; i++) {
        if (!rules_match(parser, DNS_TYPES, words[i], NULL))
            return FALSE;
        g_ptr_array_add(ask->answers, g_strdup(words[i]));
    }
    ask->type = g_strdup(n != 1 ? "ANY" : words[0]);
    return n > 0;
}

/* "NAME query [types [subtest]]" */
enum rules_outcome
code_askdns(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) groups = NULL;

    (void)row;
    if (!rules_match(parser, "^(\\S+)\\s+(\\S+)(?:\\s+([A-Za-z0-9,]+)(?:\\s+(.*?))?)?\\s*$", value, &groups))
        return *value == '\0' ? RULES_MISSING : RULES_INVALID;
    struct spam_askdns *ask = g_new0(struct spam_askdns, 1);
    if (!read_types(parser, ask, groups[3]) || (*groups[4] != '\0' && !read_subtest(parser, ask, groups[4]))) {
        rules_askdns_free(ask);
        return RULES_INVALID;
    }
    ask->query = g_strdup(groups[2]);
    ask->tags = read_query_tags(groups[2]);
    g_hash_table_replace(parser->set->askdns, g_strdup(groups[1]), ask);
    rules_add_test(parser, groups[1], NULL, SPAM_RULE_EMPTY);
    return RULES_GOOD;
}

/* uridnsbl, urirhsbl, .. "NAME zone type", and their "sub" kin with "subtest" behind. argument: "domain sub". */
enum rules_outcome
code_uridnsbl(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    gboolean sub = strstr(row->argument, " sub") != NULL;
    g_auto(GStrv) groups = NULL;
    g_autofree char *subtest = NULL;
    const char *regex = sub ? "^(\\w+)\\s+(\\S+)\\s+(\\S+)\\s+(.*?)\\s*$" : "^(\\w+)\\s+(\\S+)\\s+(\\S+)$";

    if (!rules_match(parser, regex, value, &groups))
        return *value == '\0' ? RULES_MISSING : RULES_INVALID;
    if (sub && (subtest = read_dns_range(groups[4], TRUE)) == NULL)
        return RULES_INVALID;
    struct spam_uridnsbl *list = g_new0(struct spam_uridnsbl, 1);
    gsize length = strlen(groups[2]);
    list->zone = g_strndup(groups[2], length - (groups[2][length - 1] == '.'));
    list->type = g_strdup(groups[3]);
    list->subtest = g_steal_pointer(&subtest);
    list->kind = *row->argument == 'i'   ? SPAM_URIDNSBL_IP
                 : *row->argument == 'd' ? SPAM_URIDNSBL_DOMAIN
                 : *row->argument == 'n' ? SPAM_URIDNSBL_NS
                                         : SPAM_URIDNSBL_FULL_NS;
    g_hash_table_replace(parser->set->uridnsbls, g_strdup(groups[1]), list);
    return RULES_GOOD;
}

/* ---- others ---- */

enum rules_outcome
code_shortcircuit(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) groups = NULL;

    if (!rules_match(parser, "^(\\w+)\\s+(ham|spam|on|off)$", value, &groups))
        return *value == '\0' ? RULES_MISSING : RULES_INVALID;
    if (strcmp(groups[2], "off") == 0) {
        GHashTable *map = rules_map(parser->set, row->key);
        if (map != NULL)
            g_hash_table_remove(map, groups[1]);
        return RULES_GOOD;
    }
    rules_set_pair(parser, row->key, groups[1], groups[2]);
    struct spam_rule *rule = strcmp(groups[2], "on") != 0 ? rules_rule(parser, groups[1]) : NULL;
    if (rule == NULL)
        return RULES_GOOD;
    if (rule->priority == 0)
        rule->priority = -200;
    rule->has_priority = TRUE;
    g_autofree char *old = g_steal_pointer(&rule->tflags);
    gboolean has_old = old != NULL && *old != '\0' && strcmp(old, "0") != 0;
    rule->tflags = g_strconcat(has_old ? old : "", has_old ? " " : "", *groups[2] == 'h' ? "nice " : "", "noautolearn", NULL);
    return RULES_GOOD;
}

/* The plugin's test of a URI's country, network and so on: kept as text (NAME -> "kind args", a line each). */
enum rules_outcome
code_uri_block(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) groups = NULL;

    if (!rules_match(parser, "^([_a-zA-Z][_a-zA-Z0-9]{0,127})\\s+(.+?)\\s*$", value, &groups))
        return RULES_INVALID;
    GHashTable *map = rules_map(parser->set, "urilocalbl");
    const char *old = map != NULL ? g_hash_table_lookup(map, groups[1]) : NULL;
    g_autofree char *text = g_strdup_printf("%s%s %s\n", old != NULL ? old : "", row->argument, groups[2]);
    rules_set_pair(parser, "urilocalbl", groups[1], text);
    rules_add_test(parser, groups[1], "check_uri_local_bl()", SPAM_RULE_BODY_EVAL);
    struct spam_rule *rule = rules_rule(parser, groups[1]);
    if (rule != NULL) {
        rule->priority = -100;
        rule->has_priority = TRUE;
    }
    return RULES_GOOD;
}
