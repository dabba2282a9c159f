/* ruleset.h: SpamAssassin's rule files, read: an immutable set of rules and settings.
 *
 * The language is that of SpamAssassin 4.0.1 (perldoc Mail::SpamAssassin::Conf and its plugins' pages), read unchanged; what its
 * plugins would register is known by a table (plugin_table.h) and counts only when a loadplugin line names them. All strings are
 * bytes that belong to the set and live as long as it does. A ruleset never changes after rules_load, so any number of threads
 * may read one. Where SpamAssassin's own answer hangs on the order of Perl's hashes (the net flag and the priority that pass from
 * rule to rule), the set holds the fixed point of its steps. */
#pragma once
#include <glib.h>

enum {
    SPAM_SCORE_SETS = 4,           /* index: network on = 1, Bayes on = 2, added */
    SPAM_RULES_MAX = 200000,       /* names: SpamAssassin's own set has 6,000 */
    SPAM_PATTERN_MAX = 4u << 20,   /* bytes of one pattern, tags replaced: its longest has 224 KB */
    SPAM_FILE_MAX = 64u << 20,     /* bytes of one file */
    SPAM_FILES_MAX = 4096,         /* files in all, included ones too */
    SPAM_INCLUDES_MAX = 32,        /* files within files */
    SPAM_DIAGNOSTICS_MAX = 1000,   /* messages that are kept; all are counted */
};

enum spam_rule_type {
    SPAM_RULE_NONE,         /* only a name: scored, described or asked for by a meta, but defined nowhere */
    SPAM_RULE_HEADER,
    SPAM_RULE_HEADER_EVAL,
    SPAM_RULE_BODY,
    SPAM_RULE_BODY_EVAL,
    SPAM_RULE_FULL,
    SPAM_RULE_FULL_EVAL,
    SPAM_RULE_RAWBODY,
    SPAM_RULE_RAWBODY_EVAL,
    SPAM_RULE_URI,
    SPAM_RULE_META,
    SPAM_RULE_RBL_EVAL,     /* header rules whose function begins with check_rbl or check_dns: their priority is not looked at */
    SPAM_RULE_EMPTY,        /* nothing to run here: a plugin hits it (askdns, reuse) */
};

enum spam_tflags {
    SPAM_TFLAG_NET = 1 << 0,
    SPAM_TFLAG_MULTIPLE = 1 << 1,
    SPAM_TFLAG_NOSUBJECT = 1 << 2,
    SPAM_TFLAG_LEARN = 1 << 3,
    SPAM_TFLAG_USERCONF = 1 << 4,
    SPAM_TFLAG_NOAUTOLEARN = 1 << 5,
    SPAM_TFLAG_NICE = 1 << 6,
    SPAM_TFLAG_AUTOLEARN_FORCE = 1 << 7,
    SPAM_TFLAG_AUTOLEARN_HEADER = 1 << 8,
    SPAM_TFLAG_AUTOLEARN_BODY = 1 << 9,
    SPAM_TFLAG_DOMAINS_ONLY = 1 << 10,
    SPAM_TFLAG_IPS_ONLY = 1 << 11,
    SPAM_TFLAG_NOTRIM = 1 << 12,
    SPAM_TFLAG_NOLOG = 1 << 13,
    SPAM_TFLAG_CONCAT = 1 << 14, /* mimeheader */
    SPAM_TFLAG_A = 1 << 15,      /* uridnsbl */
    SPAM_TFLAG_NS = 1 << 16,
};

/* A pattern as Perl's qr would get it: delimiters off, modifiers in front as "(?mods)". It means what Perl means under /aa with
 * bytes: compile it through rules_pattern_compile (pattern.h). */
struct spam_pattern {
    char *text;
    gsize modifiers; /* bytes of the "(?mods)" in front; 0 without */
};

/* A <TAG> of replace_tag in a pattern before tags were replaced. */
struct spam_tag_use {
    gsize offset, length; /* in unexpanded, brackets included */
    const char *tag;
};

struct spam_meta;
struct spam_mimeheader;
struct spam_uri_detail;

struct spam_rule {
    char *name;
    guint index; /* in ruleset->rules */
    enum spam_rule_type type;
    const char *file; /* where it was defined last; NULL for names without definition */
    guint line;

    double scores[SPAM_SCORE_SETS]; /* 0 in a set: not run there. Names without score or definition: 0 */
    gboolean has_score;             /* in the files, or by default because it is defined */
    char *tflags;                   /* as written, or NULL; flags are its words */
    guint32 flags;
    guint max_hits;                 /* of maxhits=; 0 without */
    gboolean has_priority;          /* said by a line, or defined at all; for the reader's own use */
    gint64 priority;                /* lower runs first; net rules: -100 where nothing else is said */
    char *describe;                 /* or NULL */
    char *subject_prefix;           /* of subjprefix, or NULL */

    char *text;                     /* the definition without name and type */
    struct spam_pattern pattern;    /* header, body, rawbody, uri, full: what to look for (with exists: it means nothing) */
    char *header;                   /* header rules: name and modifiers as written, "From:addr" */
    char *if_unset;                 /* header rules: the text for a header that isn't there, or NULL */
    gboolean negated, exists;       /* header rules: !~, and exists: */

    char *unexpanded;               /* pattern.text before replace_rules changed it, or NULL */
    GArray *tag_uses;               /* struct spam_tag_use of unexpanded; NULL without */
    gboolean has_captures;          /* (?<NAME>..): its captures become tags */
    GPtrArray *templates;           /* char *: names X of %\{X\} in the pattern that tags' values stand for; NULL without */

    char *function;                 /* eval rules; NULL when the call can't be read: such a rule never runs */
    GPtrArray *arguments;           /* char * */
    gboolean function_known;        /* a loaded plugin has it; else the rule never hits */

    struct spam_meta *meta;         /* meta rules */
    const struct spam_mimeheader *mimeheader; /* function _mimeheader_eval_NAME */
    const struct spam_uri_detail *uri_detail; /* function check_uri_detail */
};

/* ---- metas ---- */

enum spam_meta_op {
    SPAM_META_NUMBER, /* number */
    SPAM_META_RULE,   /* the hits of rules[a] */
    SPAM_META_LOCAL,  /* local_tests_only */
    SPAM_META_TEXT,   /* conditions only: a word, which is true and counts 0 */
    SPAM_META_NOT,
    SPAM_META_NEGATE,
    SPAM_META_MULTIPLY, SPAM_META_DIVIDE, SPAM_META_ADD, SPAM_META_SUBTRACT,
    SPAM_META_LESS, SPAM_META_GREATER, SPAM_META_LESS_EQUAL, SPAM_META_GREATER_EQUAL,
    SPAM_META_EQUAL, SPAM_META_UNEQUAL,
    SPAM_META_XOR,    /* of bits */
    SPAM_META_AND, SPAM_META_OR,
    SPAM_META_CHOOSE, /* a ? b : c */
};

/* Where evaluation goes on after a node: with the next, or, where the value decides what is looked at, with a later one. */
enum spam_meta_skip { SPAM_META_GO_ON, SPAM_META_SKIP_IF_FALSE, SPAM_META_SKIP_IF_TRUE, SPAM_META_SKIP };

/* Operands are indices of nodes, always lower than the node's own. Small: a message makes many of them be read. */
struct spam_meta_node {
    enum spam_meta_op op : 8;
    enum spam_meta_skip skip : 8;
    guint skip_to;
    guint a, b;
    union {
        double number; /* of NUMBER */
        guint c;       /* of CHOOSE */
    };
};

struct spam_meta {
    const struct spam_meta_node *nodes; /* of the set's meta_nodes; the last one is the whole */
    guint n_nodes;
    GArray *dependencies; /* guint: indices of rules, in the order of the text, doubles too; empty for circular metas */
    gboolean circular;    /* SpamAssassin runs such a meta at once, with whatever has hit by then */
    gboolean declared;    /* "()": hit by others, else 0 when all is done */
};

/* ---- rules of plugins ---- */

struct spam_mimeheader {
    char *header;     /* without ":raw"; "ALL" for all of a part's */
    gboolean raw, negated;
    char *if_unset;   /* "" without */
    struct spam_pattern pattern;
    guint range_min, range_max; /* of tflags range=: parts, from 1 */
};

enum spam_uri_target { SPAM_URI_RAW, SPAM_URI_TYPE, SPAM_URI_CLEANED, SPAM_URI_TEXT, SPAM_URI_DOMAIN, SPAM_URI_HOST, SPAM_URI_TARGETS };

/* All targets that have a pattern must match, for one URI. */
struct spam_uri_detail {
    struct {
        struct spam_pattern pattern; /* text NULL: not asked for */
        gboolean negated;
    } targets[SPAM_URI_TARGETS];
};

struct spam_askdns {
    char *query;          /* with _TAGS_ */
    char *type;           /* "A", .., "ANY" */
    GPtrArray *answers;   /* char *: types that count */
    GPtrArray *tags;      /* char *: of query */
    enum { SPAM_SUBTEST_ANY, SPAM_SUBTEST_PATTERN, SPAM_SUBTEST_TEXT, SPAM_SUBTEST_RCODES } kind;
    struct spam_pattern pattern; /* SUBTEST_PATTERN */
    char *text;           /* SUBTEST_TEXT: "n", "n1-n2" or "n/mask" in decimal where the file has numbers; RCODES: "0,3" */
};

struct spam_uridnsbl {
    char *zone, *type;
    char *subtest;        /* or NULL; as in spam_askdns.text */
    enum { SPAM_URIDNSBL_IP, SPAM_URIDNSBL_DOMAIN, SPAM_URIDNSBL_NS, SPAM_URIDNSBL_FULL_NS } kind;
};

/* ---- settings ---- */

enum spam_setting_type {
    SPAM_SETTING_NUMBER,   /* number and text */
    SPAM_SETTING_TEXT,     /* text */
    SPAM_SETTING_LIST,     /* list of char * */
    SPAM_SETTING_MAP,      /* map: char * -> char * (lists of addresses, too: glob -> "") */
    SPAM_SETTING_LISTS,    /* map: char * -> GPtrArray * of char * */
    SPAM_SETTING_MAPS,     /* map: char * -> GHashTable * of char * -> char * */
    SPAM_SETTING_NETWORKS, /* list of char *, "!" before an excluded one; the first that holds an address decides */
};

struct spam_setting {
    enum spam_setting_type type;
    char *text;      /* NULL: undefined */
    double number;
    GPtrArray *list;
    GHashTable *map;
    GArray *networks; /* struct spam_network, beside list */
    gboolean given;   /* networks: by a line of the files */
};

/* An address and how many of its bits count; IPv4 as ::ffff:0:0/96. */
struct spam_network {
    guint8 address[16];
    guint bits;
    gboolean exclude;
};

/* ---- the set ---- */

struct spam_diagnostic {
    const char *file; /* "" when it is about the whole */
    guint line;
    gboolean is_error; /* as `spamassassin --lint` counts; else a warning */
    char *text;
};

struct spam_ruleset {
    GPtrArray *rules;       /* struct spam_rule *, in order of first mention; names without definition too */
    GHashTable *by_name;    /* char * -> struct spam_rule * */
    GArray *meta_nodes;     /* struct spam_meta_node: those of all metas, close together for who evaluates many */
    GHashTable *settings;   /* char * -> struct spam_setting * */
    GHashTable *plugins;    /* char * ("Mail::SpamAssassin::Plugin::Check"): a set of those that are loaded */
    GHashTable *mimeheaders, *uri_details; /* char * -> their structs; also of rules that were defined otherwise later */
    GHashTable *askdns, *uridnsbls;        /* char * -> their structs */
    GPtrArray *diagnostics; /* struct spam_diagnostic * */
    guint n_errors, n_warnings;
    guint n_files;
    GHashTable *names;      /* of files, owned here */
};

struct rules_options {
    const char *default_rules; /* directory or file; NULL: /var/lib/spamassassin/4.000001 when it is there, else /usr/share/spamassassin */
    const char *site_rules;    /* directory or file; NULL: /etc/spamassassin */
    const char *preferences;   /* a user's file, read last; NULL without */
    const char *const *more;   /* files that are read last of all, NULL-terminated; NULL without */
    const char *language;      /* of `lang` lines, "de_DE"; NULL: "en_US" */
    gboolean local_tests_only;
    gboolean lint;             /* stricter, as --lint: patterns that always match are refused, long names warned of */
};

/* Reads the files in SpamAssassin's order: site *.pre, default *.pre, default *.cf, site *.cf, preferences, more. Faults are in
 * diagnostics. NULL with error only when not a single file could be read. */
struct spam_ruleset *rules_load(const struct rules_options *options, GError **error);
/* The same from one text (site_rules and so on are not looked at), named name in diagnostics. */
struct spam_ruleset *rules_load_text(const struct rules_options *options, const char *name, const char *text, gsize length);
void rules_free(struct spam_ruleset **ruleset); /* NULL-safe */

/* NULL when the name is unknown. */
const struct spam_rule *rules_find(const struct spam_ruleset *ruleset, const char *name);
/* "header", "body", .. as in the files; "empty". */
const char *rules_type_name(enum spam_rule_type type);

/* Which rule SpamAssassin runs first: < 0 for one, > 0 for other. By priority, then by type; those alike in both, whose order is that of
 * Perl's hashes there, by index. */
int rules_compare_turns(const struct spam_rule *one, const struct spam_rule *other);

/* Settings by their name in the files (that of 4.0: welcomelist_from, not whitelist_from). NULL or 0 when not set or of another
 * type; a default is a value. */
const struct spam_setting *rules_setting(const struct spam_ruleset *ruleset, const char *name);
double rules_number(const struct spam_ruleset *ruleset, const char *name);
const char *rules_text(const struct spam_ruleset *ruleset, const char *name);
const GPtrArray *rules_list(const struct spam_ruleset *ruleset, const char *name);
GHashTable *rules_map(const struct spam_ruleset *ruleset, const char *name);
/* Is the address (as text; brackets, "IPv6:" and a %scope are looked over) in the list? The first network that holds it decides. */
gboolean rules_networks_hold(const struct spam_setting *setting, const char *address);
gboolean rules_plugin_loaded(const struct spam_ruleset *ruleset, const char *short_name); /* "Bayes" */

