/* core_codes.c: the core's directives that are no plain kind and no list. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include "lib/spam/rules/parser.h"

/* ---- values that must look so ---- */

/* argument: what the value must match. */
enum rules_outcome
code_checked(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    if (!rules_match(parser, row->argument, value, NULL))
        return *value == '\0' ? RULES_MISSING : RULES_INVALID;
    rules_set_text(parser, row->key, value);
    return RULES_GOOD;
}

enum rules_outcome
code_lower_choice(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_autofree char *low = g_ascii_strdown(value, -1);

    return code_checked(parser, row, low);
}

/* argument: "low high". What is no number counts 0, as in Perl. */
enum rules_outcome
code_range(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    char *high;
    double low = g_ascii_strtod(row->argument, &high), number = g_ascii_strtod(value, NULL);

    if (number < low || number > g_ascii_strtod(high, NULL))
        return RULES_INVALID;
    rules_set_text(parser, row->key, value);
    return RULES_GOOD;
}

enum rules_outcome
code_not_directory(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    if (*value == '\0' || g_file_test(value, G_FILE_TEST_IS_DIR))
        return *value == '\0' ? RULES_MISSING : RULES_INVALID;
    rules_set_text(parser, row->key, value);
    return RULES_GOOD;
}

/* argument: "x" a program, "d" a directory. */
enum rules_outcome
code_path(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    if (*value == '\0')
        return RULES_MISSING;
    if (!g_file_test(value, *row->argument == 'x' ? G_FILE_TEST_IS_EXECUTABLE : G_FILE_TEST_IS_DIR))
        return RULES_INVALID;
    rules_set_text(parser, row->key, value);
    return RULES_GOOD;
}

enum rules_outcome
code_file_mode(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    if (!rules_match(parser, "^0?[0-7]{3}$", value, NULL))
        return RULES_INVALID;
    g_autofree char *mode = strlen(value) == 3 ? g_strconcat("0", value, NULL) : g_strdup(value);
    rules_set_text(parser, row->key, mode);
    return RULES_GOOD;
}

/* ---- headers of the report ---- */

static struct spam_setting *
headers_of(struct rules_parser *parser, gboolean spam)
{
    return rules_setting_of(parser, spam ? "headers_spam" : "headers_ham", SPAM_SETTING_LIST);
}

/* Pairs name, text: takes the header of the name out. */
static void
remove_header(struct spam_setting *headers, const char *name)
{
    for (guint i = 0; i < headers->list->len;) {
        if (g_ascii_strcasecmp(g_ptr_array_index(headers->list, i), name) == 0)
            g_ptr_array_remove_range(headers->list, i, 2);
        else
            i += 2;
    }
}

/* \\ is a backslash, \t a tab, \n a new line; other escapes vanish. */
static char *
unescape(const char *text)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (; *text != '\0'; text++) {
        if (*text != '\\') {
            g_string_append_c(out, *text);
            continue;
        }
        if (*++text == '\0')
            break;
        if (*text == '\\' || *text == 't' || *text == 'n')
            g_string_append_c(out, *text == 't' ? '\t' : *text == 'n' ? '\n' : '\\');
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

enum rules_outcome
code_add_header(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) groups = NULL;

    (void)row;
    if (!rules_match(parser, "^(ham|spam|all)\\s+([A-Za-z0-9_-]+)\\s+(.*?)\\s*$", value, &groups))
        return RULES_INVALID;
    char *text = groups[3];
    gsize length = strlen(text);
    if (length >= 2 && text[0] == '"' && text[length - 1] == '"') {
        text[length - 1] = '\0';
        text++;
    }
    for (guint spam = 0; spam < 2; spam++) {
        if (strcmp(groups[1], spam ? "ham" : "spam") == 0)
            continue;
        struct spam_setting *headers = headers_of(parser, spam);
        remove_header(headers, groups[2]);
        g_ptr_array_add(headers->list, g_strdup(groups[2]));
        g_ptr_array_add(headers->list, unescape(text));
    }
    return RULES_GOOD;
}

enum rules_outcome
code_remove_header(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) groups = NULL;

    (void)row;
    if (!rules_match(parser, "^(ham|spam|all)\\s+([A-Za-z0-9_-]+)\\s*$", value, &groups))
        return RULES_INVALID;
    if (strcmp(groups[2], "Checker-Version") == 0)
        return RULES_GOOD;
    if (strcmp(groups[1], "spam") != 0)
        remove_header(headers_of(parser, FALSE), groups[2]);
    if (strcmp(groups[1], "ham") != 0)
        remove_header(headers_of(parser, TRUE), groups[2]);
    return RULES_GOOD;
}

/* Checker-Version stays, in both lists as in that for ham. */
enum rules_outcome
code_clear_headers(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    const GPtrArray *ham = headers_of(parser, FALSE)->list;
    g_autofree char *name = NULL, *text = NULL;

    (void)row;
    if (*value != '\0')
        return RULES_INVALID;
    for (guint i = 0; i < ham->len && name == NULL; i += 2)
        if (g_ascii_strcasecmp(g_ptr_array_index(ham, i), "Checker-Version") == 0) {
            name = g_strdup(g_ptr_array_index(ham, i));
            text = g_strdup(g_ptr_array_index(ham, i + 1));
        }
    for (guint spam = 0; spam < 2; spam++) {
        GPtrArray *list = headers_of(parser, spam)->list;
        g_ptr_array_set_size(list, 0);
        if (name != NULL) {
            g_ptr_array_add(list, g_strdup(name));
            g_ptr_array_add(list, g_strdup(text));
        }
    }
    return RULES_GOOD;
}

/* With 0 the report goes into a header. */
enum rules_outcome
code_report_safe(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    GPtrArray *headers = headers_of(parser, TRUE)->list;
    gboolean has_report = FALSE;

    if (strlen(value) != 1 || *value < '0' || *value > '2')
        return *value == '\0' ? RULES_MISSING : RULES_INVALID;
    rules_set_text(parser, row->key, value);
    for (guint i = 0; i < headers->len; i += 2)
        has_report |= g_ascii_strcasecmp(g_ptr_array_index(headers, i), "Report") == 0;
    if (*value == '0' && !has_report) {
        g_ptr_array_add(headers, g_strdup("Report"));
        g_ptr_array_add(headers, g_strdup("_REPORT_"));
    }
    return RULES_GOOD;
}

enum rules_outcome
code_rewrite_header(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    const char *text;
    g_autofree char *name = rules_word(value, &text);
    struct spam_setting *setting = rules_setting_of(parser, row->key, SPAM_SETTING_MAP);

    for (char *p = name; *p != '\0'; p++)
        *p = p == name ? g_ascii_toupper(*p) : g_ascii_tolower(*p);
    if (*name == '\0')
        return RULES_MISSING;
    if (strcmp(name, "From") != 0 && strcmp(name, "Subject") != 0 && strcmp(name, "To") != 0)
        return RULES_INVALID;
    if (*text == '\0') {
        g_hash_table_remove(setting->map, name);
        return RULES_GOOD;
    }
    g_autofree char *string = g_strdup(text);
    for (char *p = string; strcmp(name, "Subject") != 0 && *p != '\0'; p++) /* brackets would be a comment there */
        *p = *p == '(' ? '[' : *p == ')' ? ']' : *p;
    rules_set_pair(parser, row->key, name, string);
    return RULES_GOOD;
}

/* ---- DNS ---- */

enum rules_outcome
code_dns_available(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    if (rules_match(parser, "^test(?::\\s*\\S.*)?$", value, NULL))
        rules_set_text(parser, row->key, value);
    else if (strcmp(value, "yes") == 0 || strcmp(value, "1") == 0)
        rules_set_text(parser, row->key, "yes");
    else if (strcmp(value, "no") == 0 || strcmp(value, "0") == 0)
        rules_set_text(parser, row->key, "no");
    else
        return RULES_INVALID;
    return RULES_GOOD;
}

static gboolean
is_address(const char *text)
{
    struct in6_addr address;

    return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

/* "address", "[address]:port" and so on, kept as "[address]:port". */
enum rules_outcome
code_dns_server(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) groups = NULL;
    const char *port = "53";

    (void)row;
    if (rules_match(parser, "^(?:\\[([^\\]]*)\\]|([^:]*)):(\\d+)\\z", value, &groups))
        port = groups[3];
    else if (!rules_match(parser, "(?i)^(?:\\[([^\\]]*)\\]|([0-9A-F.:]+(?:%[A-Z0-9._~-]*)?))\\z", value, &groups))
        return RULES_INVALID;
    g_autofree char *address = g_strconcat(groups[1], groups[2], NULL);
    char *scope = strchr(address, '%');
    g_autofree char *kept = g_strdup(scope != NULL ? scope : "");
    if (scope != NULL)
        *scope = '\0';
    guint64 number = g_ascii_strtoull(port, NULL, 10);
    if (!is_address(address) || number < 1 || number > 65535)
        return RULES_INVALID;
    struct spam_setting *servers = rules_setting_of(parser, "dns_servers", SPAM_SETTING_LIST);
    g_ptr_array_add(servers->list, g_strdup_printf("[%s%s]:%s", address, kept, port));
    return RULES_GOOD;
}

/* dns_local_ports_permit, _avoid and _none: only checked and noted in order; our resolver's library picks its own ports. */
enum rules_outcome
code_dns_ports(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    gboolean none = g_str_has_suffix(row->name, "none"), permit = g_str_has_suffix(row->name, "permit");
    g_auto(GStrv) ranges = g_strsplit_set(value, " \t,", -1);

    if (none && *value != '\0')
        return RULES_INVALID;
    for (char **range = ranges; *range != NULL; range++) {
        g_auto(GStrv) groups = NULL;
        if (**range == '\0' && range != ranges)
            continue;
        if (none)
            break;
        if (!rules_match(parser, "^(\\d{1,5})(?:-(\\d{1,5}))?\\z", *range, &groups) || atoi(groups[1]) > 65535
            || atoi(groups[2]) > 65535 || (permit && (atoi(groups[1]) < 1 || (*groups[2] != '\0' && atoi(groups[2]) < 1))))
            return *value == '\0' ? RULES_GOOD : RULES_INVALID;
    }
    struct spam_setting *log = rules_setting_of(parser, "dns_local_ports", SPAM_SETTING_LIST);
    g_ptr_array_add(log->list, g_strdup_printf("%s %s", strrchr(row->name, '_') + 1, value));
    return RULES_GOOD;
}

enum rules_outcome
code_dns_options(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_autofree char *low = g_ascii_strdown(value, -1);
    g_auto(GStrv) words = g_regex_split_simple("[ \t\r\f\v,]+", low, G_REGEX_RAW, 0);

    for (char **word = words; *word != NULL; word++) {
        g_auto(GStrv) g = NULL, edns = NULL;
        if (rules_match(parser, "^(no)?(rotate|dns0x20|v4|v6)\\z", *word, &g)) {
            rules_set_pair(parser, row->key, g[2], *g[1] == '\0' ? "1" : "0");
        } else if (rules_match(parser, "^noedns0?\\z", *word, NULL)) {
            rules_set_pair(parser, row->key, "edns", "0");
        } else if (rules_match(parser, "^edns0?(?:=(\\d+))?\\z", *word, &edns)) {
            gboolean given = *edns[1] != '\0' && strcmp(edns[1], "0") != 0;
            rules_set_pair(parser, row->key, "edns", given ? edns[1] : "1220");
            if (given && g_ascii_strtoull(edns[1], NULL, 10) < 512)
                return RULES_INVALID;
        } else if (**word != '\0' || word[1] != NULL) {
            return RULES_INVALID;
        }
    }
    return RULES_GOOD;
}

/* Without the dots at its ends, in lower case; free. */
static char *
domain_of(const char *word)
{
    char *domain = g_ascii_strdown(word + (*word == '.'), -1);

    if (g_str_has_suffix(domain, "."))
        domain[strlen(domain) - 1] = '\0';
    return domain;
}

enum rules_outcome
code_dns_query_restriction(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) groups = NULL;

    (void)row;
    if (!rules_match(parser, "(?i)^(allow|deny)\\s+(.*)", value, &groups))
        return RULES_INVALID;
    g_auto(GStrv) words = rules_words(groups[2]);
    for (char **word = words; *word != NULL; word++) {
        g_autofree char *domain = domain_of(*word);
        rules_set_pair(parser, "dns_query_blocked", domain, g_ascii_tolower(*groups[1]) == 'd' ? "1" : "0");
    }
    return RULES_GOOD;
}

/* rule -> domains. */
enum rules_outcome
code_dns_block_rule(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    const char *rest;
    g_autofree char *rule = rules_word(value, &rest);
    g_auto(GStrv) words = rules_words(rest);
    struct spam_setting *setting = rules_setting_of(parser, row->key, SPAM_SETTING_MAPS);

    if (*words == NULL || setting == NULL)
        return RULES_INVALID;
    for (char **word = words; *word != NULL; word++) {
        g_autofree char *domain = domain_of(*word);
        if (!rules_match(parser, "^[a-z0-9_.-]+$", domain, NULL))
            return RULES_INVALID;
        GHashTable *domains = g_hash_table_lookup(setting->map, rule);
        if (domains == NULL) {
            domains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
            g_hash_table_insert(setting->map, g_strdup(rule), domains);
        }
        g_hash_table_replace(domains, g_strdup(domain), g_strdup("1"));
    }
    return RULES_GOOD;
}

/* A number with s, m, h, d or w behind. */
static double
seconds(const char *text)
{
    char *unit;
    double number = g_ascii_strtod(text, &unit);

    switch (g_ascii_tolower(*unit)) {
    case 'm':
        return number * 60;
    case 'h':
        return number * 3600;
    case 'd':
        return number * 86400;
    case 'w':
        return number * 604800;
    default:
        return number;
    }
}

/* "timeout [least] [zone]": of one zone as "by_zone": zone -> "timeout least". */
enum rules_outcome
code_rbl_timeout(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) g = NULL;
    static const char regex[] =
        "(?i)^(\\+?\\d+(?:\\.\\d*)?[smhdw]?)(?:\\s+(\\+?\\d+(?:\\.\\d*)?[smhdw]?))?(?:\\s+(\\S*[a-zA-Z]))?$";

    if (!rules_match(parser, regex, value, &g))
        return *value == '\0' ? RULES_MISSING : RULES_INVALID;
    if (*g[3] == '\0') {
        rules_set_number(parser, row->key, seconds(g[1]));
        if (*g[2] != '\0')
            rules_set_number(parser, "rbl_timeout_min", seconds(g[2]));
        return RULES_GOOD;
    }
    g_autofree char *zone = domain_of(g[3]);
    g_autofree char *text = *g[2] != '\0' ? g_strdup_printf("%.15g %.15g", seconds(g[1]), seconds(g[2]))
                                          : g_strdup_printf("%.15g", seconds(g[1]));
    rules_set_pair(parser, "by_zone", zone, text);
    return RULES_GOOD;
}

/* Top, second and third level domains. argument: what the value must match. Names that aren't ASCII stay as they are: SpamAssassin
 * only makes A-labels of them where Net::LibIDN is installed, which Debian's package doesn't ask for. */
enum rules_outcome
code_tld(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    if (!rules_match(parser, row->argument, value, NULL))
        return *value == '\0' ? RULES_MISSING : RULES_INVALID;
    g_auto(GStrv) words = rules_words(value);
    for (char **word = words; *word != NULL; word++) {
        g_autofree char *domain = g_ascii_strdown(*word, -1);
        rules_set_pair(parser, row->key, domain, "1");
    }
    return RULES_GOOD;
}

/* ---- others ---- */

enum rules_outcome
code_token_sources(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    static const char *const all[] = {"header", "visible", "invisible", "uri", "mimepart", NULL};
    g_autofree char *low = g_ascii_strdown(value, -1);
    g_auto(GStrv) words = rules_words(low);
    struct spam_setting *setting = rules_setting_of(parser, row->key, SPAM_SETTING_MAP);

    for (char **word = words; *word != NULL; word++) {
        gboolean no = g_str_has_prefix(*word, "no") && g_strv_contains(all, *word + 2);
        if (strcmp(*word, "none") == 0 || strcmp(*word, "noall") == 0 || strcmp(*word, "all") == 0) {
            g_hash_table_remove_all(setting->map);
            for (gsize i = 0; strcmp(*word, "all") == 0 && all[i] != NULL; i++)
                rules_set_pair(parser, row->key, all[i], "1");
        } else if (no || g_strv_contains(all, *word)) {
            rules_set_pair(parser, row->key, *word + (no ? 2 : 0), no ? "0" : "1");
        } else {
            return RULES_INVALID;
        }
    }
    return *words == NULL ? RULES_MISSING : RULES_GOOD;
}

/* Patterns without delimiters, in order. */
enum rules_outcome
code_redirector_pattern(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    struct spam_pattern pattern = {0};
    g_autoptr(GError) error = NULL;

    if (*value == '\0')
        return RULES_MISSING;
    if (!rules_pattern_parse(&pattern, value, RULES_DELIMITED, FALSE, &error))
        return RULES_INVALID;
    g_ptr_array_add(rules_setting_of(parser, row->key, SPAM_SETTING_LIST)->list, pattern.text);
    return RULES_GOOD;
}

/* argument: "silent" for tryplugin. A file's name behind is not looked at: only plugins that are known count. */
enum rules_outcome
code_loadplugin(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    g_auto(GStrv) groups = NULL;

    if (!rules_match(parser, "(?i)^((?:\\w+::){0,10}\\w+)(?:\\s+(\\S+\\.pm))?$", value, &groups))
        return *value == '\0' ? RULES_MISSING : RULES_INVALID;
    rules_load_plugin(parser, groups[1], *row->argument != '\0');
    return RULES_GOOD;
}

enum rules_outcome
code_enable_compat(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    (void)row;
    if (!rules_match(parser, "^[a-zA-Z0-9_]{1,128}$", value, NULL))
        return *value == '\0' ? RULES_MISSING : RULES_INVALID;
    g_hash_table_add(parser->compat, g_strdup(value));
    return RULES_GOOD;
}

/* What a module may be called now, and by the setting of old. */
static const struct {
    const char *name, *regex;
    gboolean old;
} modules[] = {{"geoip2", "(?i)^(?:maxmind::db::reader|geoip2(?:::database::reader)?)$", FALSE},
               {"geoip", "(?i)^geo(?:::)?ip$", FALSE},
               {"dbfile", "(?i)^(?:ip::country::)?db_file$", FALSE},
               {"fast", "(?i)^(?:ip::country::)?fast$", FALSE},
               {"geoip2", "(?i)geoip2", TRUE},
               {"geoip", "(?i)geo", TRUE},
               {"fast", "(?i)fast", TRUE}};

/* geodb: "module", "country", "city" and "isp". argument: which. */
enum rules_outcome
code_geodb(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    if (strcmp(row->argument, "module") != 0) {
        if (*value == '\0')
            return RULES_INVALID;
        rules_set_pair(parser, "geodb", row->argument, value);
        return RULES_GOOD;
    }
    const char *module = NULL;
    gboolean old = strcmp(row->name, "country_db_type") == 0;
    for (gsize i = 0; i < G_N_ELEMENTS(modules) && module == NULL; i++)
        if (modules[i].old == old && rules_match(parser, modules[i].regex, value, NULL))
            module = modules[i].name;
    if (module == NULL)
        return RULES_INVALID;
    rules_set_pair(parser, "geodb", "module", module);
    return RULES_GOOD;
}

enum rules_outcome
code_geodb_options(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    static const char *const known[] = {"country", "city", "isp", NULL};
    g_auto(GStrv) words = rules_words(value);

    (void)row;
    for (char **word = words; *word != NULL; word++) {
        char *path = strchr(*word, ':');
        if (path != NULL)
            *path++ = '\0';
        g_autofree char *option = g_ascii_strdown(*word, -1);
        GHashTable *map = rules_setting_of(parser, "geodb", SPAM_SETTING_MAP)->map;
        if (strcmp(option, "reset") == 0) {
            for (gsize i = 0; known[i] != NULL; i++)
                g_hash_table_remove(map, known[i]);
        } else if (!g_strv_contains(known, option)) {
            return RULES_INVALID;
        } else if (path != NULL && *path != '\0') {
            rules_set_pair(parser, "geodb", option, path);
        } else {
            g_hash_table_remove(map, option);
        }
    }
    return RULES_GOOD;
}

enum rules_outcome
code_geodb_search_path(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    struct spam_setting *setting = rules_setting_of(parser, row->key, SPAM_SETTING_LIST);
    g_auto(GStrv) words = rules_words(value);

    if (*words == NULL)
        return RULES_MISSING;
    if (strcmp(value, "reset") == 0)
        g_ptr_array_set_size(setting->list, 0);
    else
        for (char **word = words; *word != NULL; word++)
            g_ptr_array_add(setting->list, g_strdup(*word));
    return RULES_GOOD;
}

enum rules_outcome
code_ignore(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    (void)parser;
    return strcmp(row->name, "version_tag") == 0 && *value == '\0' ? RULES_MISSING : RULES_GOOD;
}

enum rules_outcome
code_obsolete(struct rules_parser *parser, const struct rules_row *row, const char *value)
{
    (void)value;
    rules_warn(parser, "'%s' is obsolete", row->name);
    return RULES_GOOD;
}
