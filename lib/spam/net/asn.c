/* asn.c: ASN: the number and the route of the network that the last external relay is in, by TXT records, and rules on them.
 *
 * Forms of a record: "1103" "192.88.99.0" "24" as strings of their own; "559 1103 | 192.88.99.0/24 | US"; "192.88.99.0/24 | AS1103 |
 * SURFnet"; "as1103". */
#include <string.h>
#include "lib/spam/net/net_private.h"
#include "lib/spam/rules/pattern.h"
#include "lib/spam/view/bytes.h"
#include "lib/spam/view/ip_text.h"

#define FIELDS_MAX 64u  /* of one record */
#define NUMBERS_MAX 64u /* of a tag */

/* ---- rules ---- */

void
net_rules_read_asn(struct net_rules *rules)
{
    static const char *const keys[] = {"asnlookups", "asnlookups_ipv6"};

    for (guint k = 0; k < 2; k++) {
        const GPtrArray *list = rules_list(rules->ruleset, keys[k]);
        rules->asn_lookups[k] = g_array_new(FALSE, FALSE, sizeof(struct asn_lookup));
        for (guint i = 0; list != NULL && i + 2 < list->len; i += 3) {
            struct asn_lookup lookup = {g_ptr_array_index(list, i), g_ptr_array_index(list, i + 1), g_ptr_array_index(list, i + 2)};
            g_array_append_val(rules->asn_lookups[k], lookup);
        }
    }
}

void
asn_rule_free(gpointer data)
{
    struct asn_rule *asn = data;

    pattern_free(asn->pattern);
    g_free(asn->tag);
    g_free(asn);
}

void
net_rules_add_asn(struct net_rules *rules, const struct spam_rule *rule)
{
    const char *text = net_argument(rule, 0), *tag = net_argument(rule, 1);
    struct spam_pattern parsed = {0};
    struct pattern *pattern = NULL;

    g_hash_table_add(rules->known, (gpointer)rule);
    if (text != NULL && (rules_pattern_parse(&parsed, text, RULES_DELIMITED, FALSE, NULL) ||
                         rules_pattern_parse(&parsed, text, RULES_BARE, FALSE, NULL)))
        pattern = pattern_new(parsed.text, strlen(parsed.text), NULL, NULL);
    rules_pattern_clear(&parsed);
    if (pattern == NULL) {
        net_rules_warn(rules, rule, "check_asn wants a pattern");
        return;
    }
    struct asn_rule *asn = g_new0(struct asn_rule, 1);
    asn->rule = rule;
    asn->pattern = pattern;
    asn->tag = g_ascii_strup(tag != NULL ? tag : "ASN", -1);
    g_ptr_array_add(rules->asns, asn);
}

static char *
joined(const GPtrArray *values, const char *between)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; values != NULL && i < values->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? between : "", (const char *)g_ptr_array_index(values, i));
    return g_string_free(text, FALSE);
}

static void
run(struct net_check *check, gconstpointer rule)
{
    const struct asn_rule *asn = rule;
    g_autofree char *text = joined(net_check_tag(check, asn->tag), " ");

    if (pattern_match(asn->pattern, check->matcher, text, strlen(text), 0, NULL, NULL) == MATCH_YES)
        net_check_hit(check, asn->rule);
}

/* ---- records ---- */

/* "AS1103 559": digits, each perhaps with AS before, from the last such on to the end of the field. */
static gboolean
ends_in_numbers(const char *field)
{
    const char *end = field + strlen(field), *start = end;

    while (start > field && g_ascii_isdigit(start[-1]))
        start--;
    if (start == end)
        return FALSE;
    if (start - field >= 2 && g_ascii_strncasecmp(start - 2, "as", 2) == 0 && (start - 2 == field || byte_is_space(start[-3])))
        return TRUE;
    return start == field || byte_is_space(start[-1]);
}

/* The record's fields. */
static char **
fields_of(const struct dns_record *record)
{
    g_autoptr(GString) text = g_string_new(NULL);
    GPtrArray *strings = g_ptr_array_new_with_free_func(g_free);
    gboolean has_bar = memchr(record->data, '|', record->length) != NULL;
    gsize at = 0;

    for (guint i = 0; i < record->n_strings && i < FIELDS_MAX; i++) {
        gsize length = record->strings[i];
#ifdef POSTERN_PLANTED_BUGS
        if (length > 20) /* planted: reads on behind the record */
            g_free(g_memdup2(record->data + at, 0x10000));
#endif
        g_ptr_array_add(strings, g_strndup((const char *)record->data + at, length));
        at += length;
    }
    if (record->n_strings == 0)
        g_ptr_array_add(strings, g_strndup((const char *)record->data, record->length));
    if (strings->len > 1 && !has_bar) {
        if (strings->len >= 3) {
            const char *route = g_ptr_array_index(strings, 1), *mask = g_ptr_array_index(strings, 2);
            if (strchr(route, '/') == NULL && *mask != '\0' && mask[strspn(mask, G_CSET_DIGITS)] == '\0') {
                char *whole = g_strconcat(route, "/", mask, NULL);
                g_free(strings->pdata[1]);
                strings->pdata[1] = whole;
            }
        }
        g_ptr_array_add(strings, NULL);
        return (char **)g_ptr_array_free(strings, FALSE);
    }
    for (guint i = 0; i < strings->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? " " : "", (const char *)g_ptr_array_index(strings, i));
    g_ptr_array_unref(strings);
    char **fields = g_strsplit(text->str, "|", FIELDS_MAX);
    for (char **field = fields; *field != NULL; field++)
        g_strstrip(*field);
    return fields;
}

/* Adds words that are new; whether there was one. */
static gboolean
add_words(GPtrArray *values, const char *text, gboolean numbers)
{
    g_auto(GStrv) words = g_strsplit_set(text, " \t\r\n\f\v", -1);
    gboolean added = FALSE;

    for (char **word = words; *word != NULL && values->len < NUMBERS_MAX; word++) {
        const char *value = *word;
        if (numbers && g_ascii_strncasecmp(value, "as", 2) == 0 && g_ascii_isdigit(value[2]))
            value += 2;
        const char *slash = strrchr(value, '/');
        gboolean nothing = numbers ? strcmp(value, "0") == 0 || strcmp(value, "4294967295") == 0
                                   : slash != NULL && slash[1] != '\0' && slash[1 + strspn(slash + 1, "0")] == '\0';
        if (*value == '\0' || nothing || g_ptr_array_find_with_equal_func(values, value, g_str_equal, NULL))
            continue;
        g_ptr_array_add(values, g_strdup(value));
        added = TRUE;
    }
    return added;
}

/* What the tag holds, numbers without the prefix. */
static GPtrArray *
values_of(struct net_check *check, const char *tag, const char *prefix)
{
    const GPtrArray *old = g_hash_table_lookup(check->tags, tag);
    GPtrArray *values = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; old != NULL && i < old->len; i++) {
        const char *value = g_ptr_array_index(old, i);
        gsize skip = g_str_has_prefix(value, prefix) && g_ascii_isdigit(value[strlen(prefix)]) ? strlen(prefix) : 0;
        g_ptr_array_add(values, g_strdup(value + skip));
    }
    return values;
}

static void
on_answer(gpointer context, gconstpointer subject, struct net_question *question)
{
    struct net_check *check = context;
    const struct asn_lookup *lookup = subject;
    const char *text = rules_text(check->rules->ruleset, "asn_prefix"), *prefix = text != NULL ? text : "";
    g_autoptr(GPtrArray) numbers = values_of(check, lookup->number_tag, prefix), routes = values_of(check, lookup->route_tag, "");
    gboolean new_numbers = FALSE, new_routes = FALSE;

    for (guint i = 0; i < question->answer->records->len; i++) {
        g_auto(GStrv) fields = fields_of(&g_array_index(question->answer->records, struct dns_record, i));
        guint n = g_strv_length(fields), number = n > 0 && ends_in_numbers(fields[0]) ? 0 : 1;
        if (number == 1 && (n < 2 || !ends_in_numbers(fields[1])))
            continue;
        if (n >= 2)
            new_routes |= add_words(routes, fields[1 - number], FALSE);
        new_numbers |= add_words(numbers, fields[number], TRUE);
    }
    for (guint i = 0; new_numbers && i < numbers->len; i++) {
        char *whole = g_strconcat(prefix, g_ptr_array_index(numbers, i), NULL);
        g_free(numbers->pdata[i]);
        numbers->pdata[i] = whole;
    }
    if (new_numbers)
        net_check_set_tag(check, lookup->number_tag, g_steal_pointer(&numbers));
    if (new_routes)
        net_check_set_tag(check, lookup->route_tag, g_steal_pointer(&routes));
}

void
net_asn_start(struct net_check *check)
{
    const GPtrArray *external = check->message->relays->external;
    const struct spam_relay *relay = external->len > 0 ? g_ptr_array_index(external, 0) : NULL;

    for (guint i = 0; i < check->rules->asns->len; i++) {
        const struct asn_rule *asn = g_ptr_array_index(check->rules->asns, i);
        if (net_check_runs(check, asn->rule))
            net_check_when_tagged(check, &(struct net_waiting){run, asn, NULL, asn->tag});
    }
    if (relay == NULL || relay->ip_private || rules_number(check->rules->ruleset, "asn_use_dns") == 0)
        return;
    const GArray *lookups = check->rules->asn_lookups[ip_text_is_v4(relay->ip) ? 0 : 1];
    g_autofree char *reversed = net_reversed(relay->ip);
    for (guint i = 0; reversed != NULL && i < lookups->len; i++) {
        const struct asn_lookup *lookup = &g_array_index(lookups, struct asn_lookup, i);
        g_autofree char *name = g_strconcat(reversed, ".", lookup->zone, NULL);
        net_questions_ask(check->questions, name, DNS_TXT, on_answer, check, lookup);
    }
}
