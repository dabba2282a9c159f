/* query.h: what people type into the archive's search, parsed to a tree and compiled to FTS5.
 *
 *   budget report          both words, anywhere in the message
 *   budget OR report       either; OR binds tighter than the space (from:ann budget OR report), "|" is the same
 *   -draft, NOT draft      without that word
 *   "annual report"        these words in this order; Chinese exactly as written: "軟體" doesn't find 软体,
 *                          軟體 without quotation marks finds both
 *   repor*                 words that begin so (two letters at least)
 *   ( ... )                groups, to 16 deep; subject:(a OR b) puts the field before each
 *   from: to:              an address (from:ann@example.org), a domain (from:@example.org, from:example.org) or words of
 *                          the name (from:王小明); to: is To, Cc, envelope recipients and the mailboxes behind them;
 *                          an owner finds by the envelope only what the owner sent: other blind copies stay blind
 *   subject: body:         words, a phrase or a group, only there
 *   attachment:            words of file names
 *   has:attachment         messages with attachments
 *   after: before:         day of receipt: YYYY-MM-DD, YYYY/MM/DD, YYYY-MM or YYYY; after: includes the day (the first of
 *                          the month or year), before: doesn't. Days begin at 00:00 in the server's time zone.
 *                          They limit the whole query: not within OR, NOT or a field's group
 *
 * Fields and has: may be in capitals; full-width ：（）－｜＊ “ ” 「 」 『 』 and the full-width space do as their narrow kin.
 * OR, AND, NOT are operators only in capitals. Words are compared as segmenter.h says: no case, no accents; a word with
 * punctuation inside (e-mail, 3.14) is a phrase. Nothing but spaces finds everything. A query may have
 * 4096 bytes, 256 words (pairs of Chinese characters) and 48 addresses and domains (an owner's to: counts as two). */
#pragma once
#include "archive-store/index/terms.h"

#define QUERY_BYTES_MAX 4096
#define QUERY_DEPTH_MAX 16
#define QUERY_TOKENS_MAX 256
#define QUERY_TERMS_MAX 48 /* below 64: they are bits of a mask */

enum query_kind { QUERY_ALL, QUERY_AND, QUERY_OR, QUERY_NOT, QUERY_PHRASE, QUERY_TERM, QUERY_DATE };
struct query_node {
    enum query_kind kind;
    GPtrArray *children; /* of AND, OR (two or more), NOT (one) */
    const char *columns; /* PHRASE: FTS5 columns (static) or NULL = all */
    char *phrase;        /* PHRASE: opaque tokens (tokenizer.h), without the first byte */
    gboolean prefix;     /* PHRASE: the last token is a prefix */
    guint term;          /* TERM: index in terms */
    gint64 after_ms, before_ms; /* DATE; moved to the query at the end of parsing */
    guint at;            /* position in the text, characters from 1 */
};
struct query {
    struct query_node *root;
    gint64 after_ms, before_ms; /* receipt time: after_ms <= t < before_ms */
    GArray *terms;              /* struct term: addresses, domains, owners; they may also have come late */
    GPtrArray *words;           /* char *: words that are looked for in subject and body, folded, for snippets */
};

/* Parses; zone is where days begin (NULL = UTC). owner (comparison form) adds the demand that the message belongs to that
 * mailbox, and restricts to: (above); NULL = everything (auditor). Errors (INDEX_ERROR_QUERY) say at which character and what to do. */
struct query *query_parse(const char *text, GTimeZone *zone, const char *owner, GError **error);
void query_free(struct query *query);
/* The FTS5 MATCH expression (caller frees). Terms whose bit is set in known_true are taken as true. */
char *query_match(const struct query *query, guint64 known_true);

struct query_node *query_node_new(enum query_kind kind, guint at);
void query_node_free(struct query_node *node);

typedef struct query query_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(query_t, query_free)
