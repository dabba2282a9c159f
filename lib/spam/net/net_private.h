/* net_private.h: what the kinds of network rules share. */
#pragma once
#include "lib/spam/net/net.h"
#include "lib/spam/net/questions.h"
#include "lib/spam/net/subtest.h"

struct pcre2_real_code_8;

/* ---- rules ---- */

/* check_rbl_sub: looks at the answers of its set. */
struct rbl_sub {
    const struct spam_rule *rule;
    const char *set;
    struct net_subtest *subtest;
};

enum rbl_kind { RBL_RELAYS, RBL_ACCREDITOR, RBL_FROM_HOST, RBL_FROM_DOMAIN, RBL_ENVELOPE_FROM, RBL_NAME_SERVER, RBL_RECEIVED,
                RBL_HEADERS };

struct rbl_rule {
    const struct spam_rule *rule;
    enum rbl_kind kind;
    const char *set, *accreditor, *headers; /* of the arguments; NULL: not said */
    char *zone;
    enum dns_type type;
    struct net_subtest *subtest;
    const struct dnsbl *list;
    GPtrArray *subs; /* struct rbl_sub of the set, borrowed */
};

struct uri_rule {
    const struct spam_rule *rule;
    const struct spam_uridnsbl *what;
    enum dns_type type;
    struct net_subtest *subtest;
    const struct dnsbl *list;
};

struct ask_rule {
    const struct spam_rule *rule;
    const struct spam_askdns *what;
    struct net_subtest *subtest;
    GArray *types;            /* enum dns_type */
    char *zone;               /* of a list that the query names, or NULL */
    const struct dnsbl *list; /* or NULL */
};

enum hash_kind { HASH_EMAILS, HASH_URIS, HASH_BODY, HASH_TAG, HASH_ATTACHMENTS };
struct hash_options {
    gboolean sha256, sha1, md5, as_is /* case */, digits /* num */, no_dot, no_tag, no_uri, no_quote, host, domain, user;
    gboolean ip, ipv4, ipv6, reversed, fqdn, tld, trim, raw;
    guint max;
    guint64 min_size, max_size; /* 0: not said */
};
struct hash_rule {
    const struct spam_rule *rule;
    enum hash_kind kind;
    char *zone;
    enum dns_type type;
    struct hash_options options;
    const char *from, *acl; /* HASH_EMAILS; acl may be NULL */
    char *tag;              /* HASH_TAG, upper case */
    struct pcre2_real_code_8 *pattern; /* HASH_BODY */
    struct net_subtest *subtest;
    const struct dnsbl *list;
};

struct asn_lookup {
    const char *zone, *number_tag, *route_tag;
};
struct asn_rule {
    const struct spam_rule *rule;
    char *tag;
    struct pattern *pattern;
};

struct net_rules {
    const struct spam_ruleset *ruleset;
    struct net_policy *policy;
    GPtrArray *rbls, *subs, *uris, *asks, *hashes, *asns; /* of the structs above */
    GArray *asn_lookups[2];                               /* struct asn_lookup, for IPv4 and IPv6 */
    struct pcre2_real_code_8 *email, *email_quoted, *email_welcome, *links; /* HashBL's; NULL without its rules */
    GHashTable *lists;                                    /* zone -> GPtrArray of one struct dnsbl */
    GHashTable *known;                                    /* set of struct spam_rule */
    GPtrArray *warnings;                                  /* char *, while they are made */
};

/* Each adds its kind of rules; false starts go to warnings. */
void net_rules_add_rbl(struct net_rules *rules, const struct spam_rule *rule);
void net_rules_add_uri(struct net_rules *rules, const struct spam_rule *rule, const struct spam_uridnsbl *what);
void net_rules_add_ask(struct net_rules *rules, const struct spam_rule *rule, const struct spam_askdns *what);
void net_rules_add_hash(struct net_rules *rules, const struct spam_rule *rule);
void net_rules_add_asn(struct net_rules *rules, const struct spam_rule *rule);
void net_rules_read_asn(struct net_rules *rules);
void rbl_rule_free(gpointer rule);
void rbl_sub_free(gpointer sub);
void uri_rule_free(gpointer rule);
void ask_rule_free(gpointer rule);
void hash_rule_free(gpointer rule);
void asn_rule_free(gpointer rule);
void net_rules_compile_hash(struct net_rules *rules);
G_GNUC_PRINTF(3, 4) void net_rules_warn(struct net_rules *rules, const struct spam_rule *rule, const char *format, ...);
/* The zone in lower case, without dots at its end. */
char *net_zone(const char *zone);
/* FALSE: not one of those that can be asked for. */
gboolean net_type_of(const char *name, enum dns_type *type_r);
/* The n-th argument; NULL: not given. */
const char *net_argument(const struct spam_rule *rule, guint n);

/* ---- a message ---- */

struct net_check {
    struct net_rules *rules;
    guint set;
    const struct net_message *message;
    struct net_questions *questions;
    struct matcher *matcher;
    GString *datum;         /* of the answer that is looked at */
    GHashTable *hits;       /* struct spam_rule -> times */
    GPtrArray *hit_order;   /* struct spam_rule */
    GHashTable *tags;       /* name -> GPtrArray of char *; those asked for or set here */
    GHashTable *seen;       /* set of char *: what URIDNSBL has asked */
    GPtrArray *uri_rules;   /* struct uri_rule that run, for the answers of name servers */
    GPtrArray *waiting;     /* struct net_waiting: rules that wait for tags */
    GHashTable *emails;     /* HashBL: source -> GPtrArray of char * */
    GPtrArray *senders;     /* all_from_addrs */
    gboolean finished;
};

/* A rule that runs when tags are there. */
struct net_waiting {
    void (*run)(struct net_check *check, gconstpointer rule);
    gconstpointer rule;
    const GPtrArray *tags; /* char *, borrowed; or NULL, and */
    const char *tag;       /* the one */
};
/* Runs it when all tags are there: now, or when they are set. */
void net_check_when_tagged(struct net_check *check, const struct net_waiting *waiting);
/* Takes the values; those who wait for it run. */
void net_check_set_tag(struct net_check *check, const char *name, GPtrArray *values);

gboolean net_check_runs(const struct net_check *check, const struct spam_rule *rule);
void net_check_hit(struct net_check *check, const struct spam_rule *rule);
/* Values of a header, never NULL; and as SpamAssassin's get() in scalar context, to be freed; NULL: there is none. */
const GPtrArray *net_check_values(const struct net_check *check, const char *name);
char *net_check_text(const struct net_check *check, const char *name);
/* The message's sender addresses: char *, owned by check. */
const GPtrArray *net_check_senders(struct net_check *check);
/* Whether name is a host below a known top-level domain. */
gboolean net_check_is_host(const struct net_check *check, const char *name);
/* The address as a list wants it: reversed; NULL: none. */
char *net_reversed(const char *address);

void net_rbl_start(struct net_check *check);
void net_uri_start(struct net_check *check);
void net_ask_start(struct net_check *check);
void net_hash_start(struct net_check *check);
void net_asn_start(struct net_check *check);
