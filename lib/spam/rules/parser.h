/* parser.h: what the files of lib/spam/rules share while a ruleset is being read. Not for others. */
#pragma once
#include "lib/spam/rules/plugin_table.h"
#include "lib/spam/rules/pattern.h"
#include "lib/spam/rules/ruleset.h"

struct rules_parser;
struct rules_row;

enum rules_outcome { RULES_GOOD, RULES_INVALID, RULES_MISSING };

/* What a line does: value is the text after the directive, trimmed. Its faults may also be told through rules_error. */
typedef enum rules_outcome rules_code(struct rules_parser *parser, const struct rules_row *row, const char *value);

enum rules_kind {
    KIND_NONE, /* its code keeps what it keeps */
    KIND_TEXT, KIND_BOOL, KIND_NUMBER, KIND_DURATION,
    KIND_MAP,       /* key, blanks, value */
    KIND_ADDRESSES, /* words in lower case, globs */
    KIND_TEMPLATE,  /* lines that are collected */
    KIND_WORDS,     /* words that are collected */
    KIND_NETWORKS,
};

/* A directive. */
struct rules_row {
    const char *name;    /* lower case, with underscores */
    const char *key;     /* the setting that it changes */
    const char *plugin;  /* short name; NULL: always there */
    enum rules_kind kind;
    const char *initial; /* "=text", "[]", "[a b]", "{}", "{a=1 b=1}"; NULL: undefined at first */
    rules_code *code;    /* NULL: what its kind does */
    const char *argument; /* for code */
};
extern const struct rules_row rules_rows[];
extern const gsize rules_n_rows;

struct rules_parser {
    struct spam_ruleset *set;
    const struct rules_options *options;
    GHashTable *commands;   /* char * -> const struct rules_row *: those of the core and of loaded plugins */
    GHashTable *functions;  /* char * -> const struct rules_function *: likewise */
    GHashTable *compat;     /* char *: a set of enable_compat's flags */
    GHashTable *regexes;    /* char * -> pcre2_code *, of rules_match */
    GHashTable *calls;      /* eval function -> GPtrArray of rules' names, also of earlier definitions */
    GHashTable *mime_rules; /* char *: a set: names that mimeheader has defined */
    GHashTable *read;       /* char *: a set: files that were read */
    GHashTable *conditions; /* "if TEXT" -> 0 or 1 */
    GHashTable *lines;      /* const char * -> number of the line that was read last */
    GPtrArray *outer;       /* const char *: files that include the present one */
    const char *file;       /* the present one, "(no file)" between files */
    GArray *blocks;         /* struct rules_block: open ifs */
    gboolean skipping;
    guint includes;         /* depth */
};

struct rules_block {
    gboolean skipping; /* before it */
    guint line;
    const char *kind;  /* "if", "ifplugin" */
};

/* parser.c */
void rules_error(struct rules_parser *parser, const char *format, ...) G_GNUC_PRINTF(2, 3);
void rules_warn(struct rules_parser *parser, const char *format, ...) G_GNUC_PRINTF(2, 3);
guint rules_line(const struct rules_parser *parser);
/* The rule of the name, made when it is new. NULL when there are SPAM_RULES_MAX. */
struct spam_rule *rules_rule(struct rules_parser *parser, const char *name);
/* Does text match? groups: at least as many as asked for, "" for those that took no part; free. NULL: not wanted. */
gboolean rules_match(struct rules_parser *parser, const char *regex, const char *text, char ***groups);
/* The same from *offset on, which moves behind the match. */
gboolean rules_match_next(struct rules_parser *parser, const char *regex, const char *text, gsize *offset, char ***groups);
void rules_regex_free(gpointer code);
/* Words of text, NULL-terminated; g_strfreev. An empty text has none. */
char **rules_words(const char *text);
/* The first word of value, and *rest: what follows, after blanks. free. */
char *rules_word(const char *value, const char **rest);
gboolean rules_is_name(const char *name);
/* Does \bWORD\b match in text? */
gboolean rules_has_word(const char *text, const char *word);
void rules_load_plugin(struct rules_parser *parser, const char *name, gboolean silent);

/* read.c */
void rules_read_all(struct rules_parser *parser);
void rules_include(struct rules_parser *parser, const char *value);
void rules_begin_file(struct rules_parser *parser, const char *name);
void rules_end_file(struct rules_parser *parser);
/* lines.c */
void rules_parse_text(struct rules_parser *parser, const char *text, gsize length);
/* condition.c: opens a block */
void rules_condition(struct rules_parser *parser, const char *kind, const char *value);

/* settings.c */
enum rules_outcome rules_run_row(struct rules_parser *parser, const struct rules_row *row, const char *value);
void rules_row_defaults(struct rules_parser *parser, const struct rules_row *row);
/* The setting, made when it isn't there; NULL when it is of another type. */
struct spam_setting *rules_setting_of(struct rules_parser *parser, const char *key, enum spam_setting_type type);
void rules_set_text(struct rules_parser *parser, const char *key, const char *text);
void rules_set_number(struct rules_parser *parser, const char *key, double number);
void rules_set_pair(struct rules_parser *parser, const char *key, const char *name, const char *value);
void rules_drop(struct rules_parser *parser, const char *key);
struct spam_setting *rules_setting_new(enum spam_setting_type type);
void rules_setting_free(gpointer setting);
/* networks.c */
void rules_add_networks(struct rules_parser *parser, struct spam_setting *setting, const char *const *words);
void rules_check_networks(struct rules_parser *parser);

/* definitions.c: defines a rule. text may be NULL for SPAM_RULE_EMPTY. */
void rules_add_test(struct rules_parser *parser, const char *name, const char *text, enum spam_rule_type type);
void rules_note_captures(struct spam_rule *rule, char **text);
/* metas.c */
gboolean rules_meta_valid(struct rules_parser *parser, const char *name, const char *text);
void rules_finish_metas(struct rules_parser *parser);
/* replace_tags.c */
void rules_replace_tags(struct rules_parser *parser);
/* finish.c */
void rules_default_scores(struct rules_parser *parser);
void rules_finish(struct rules_parser *parser);
/* ruleset.c */
void rules_rule_free(gpointer rule);
void rules_mimeheader_free(gpointer rule);
void rules_uri_detail_free(gpointer rule);
void rules_askdns_free(gpointer rule);
void rules_uridnsbl_free(gpointer rule);
void rules_meta_free(struct spam_meta *meta);
struct spam_ruleset *rules_new(void);

/* The codes of rows: core_codes.c, definitions.c, list_codes.c, plugin_codes.c, plugin_tests.c. */
#define RULES_CODE(name) enum rules_outcome name(struct rules_parser *, const struct rules_row *, const char *)
RULES_CODE(code_score);
RULES_CODE(code_describe);
RULES_CODE(code_tflags);
RULES_CODE(code_priority);
RULES_CODE(code_subjprefix);
RULES_CODE(code_header);
RULES_CODE(code_body);
RULES_CODE(code_uri);
RULES_CODE(code_rawbody);
RULES_CODE(code_full);
RULES_CODE(code_meta);
RULES_CODE(code_reuse);
RULES_CODE(code_mimeheader);
RULES_CODE(code_uri_detail);
RULES_CODE(code_askdns);
RULES_CODE(code_uridnsbl);
RULES_CODE(code_shortcircuit);
RULES_CODE(code_uri_block);
RULES_CODE(code_unlist);
RULES_CODE(code_rcvd);
RULES_CODE(code_dkim_list);
RULES_CODE(code_dkim_unlist);
RULES_CODE(code_adsp_override);
RULES_CODE(code_enlist_uri_host);
RULES_CODE(code_delist_uri_host);
RULES_CODE(code_uri_host);
RULES_CODE(code_enlist_addresses);
RULES_CODE(code_subject_list);
RULES_CODE(code_rewrite_header);
RULES_CODE(code_add_header);
RULES_CODE(code_remove_header);
RULES_CODE(code_clear_headers);
RULES_CODE(code_report_safe);
RULES_CODE(code_clear_networks);
RULES_CODE(code_unique_words);
RULES_CODE(code_clear);
RULES_CODE(code_clear_template);
RULES_CODE(code_checked);
RULES_CODE(code_range);
RULES_CODE(code_dns_available);
RULES_CODE(code_dns_server);
RULES_CODE(code_dns_ports);
RULES_CODE(code_dns_options);
RULES_CODE(code_dns_query_restriction);
RULES_CODE(code_dns_block_rule);
RULES_CODE(code_token_sources);
RULES_CODE(code_set_words);
RULES_CODE(code_set_words_lower);
RULES_CODE(code_unset_words);
RULES_CODE(code_redirector_pattern);
RULES_CODE(code_rbl_timeout);
RULES_CODE(code_tld);
RULES_CODE(code_not_directory);
RULES_CODE(code_file_mode);
RULES_CODE(code_loadplugin);
RULES_CODE(code_geodb);
RULES_CODE(code_geodb_options);
RULES_CODE(code_geodb_search_path);
RULES_CODE(code_enable_compat);
RULES_CODE(code_ignore);
RULES_CODE(code_obsolete);
RULES_CODE(code_asn_lookup);
RULES_CODE(code_asn_clear);
RULES_CODE(code_unquoted);
RULES_CODE(code_stopword_languages);
RULES_CODE(code_stopwords);
RULES_CODE(code_freemail_domains);
RULES_CODE(code_freemail_welcomelist);
RULES_CODE(code_hashbl_acl);
RULES_CODE(code_domain_alias);
RULES_CODE(code_bare_pattern);
RULES_CODE(code_address);
RULES_CODE(code_relayhost);
RULES_CODE(code_lower_choice);
RULES_CODE(code_prefixed_addresses);
RULES_CODE(code_extracttext);
RULES_CODE(code_two_numbers);
RULES_CODE(code_path);
