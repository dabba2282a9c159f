/* uris.h: the URIs of a message: from its text, its HTML and its DKIM signatures, with all their readings, domains and hosts.
 *
 * As SpamAssassin's get_uri_detail_list and get_uri_list. Texts are the body paragraphs that "body" rules see. SpamAssassin knows
 * no bounds but URIS_LENGTH_MAX; ours are URIS_MAX and URIS_BYTES_MAX, and what is beyond them is left out. Thread-safe on
 * different messages. */
#pragma once
#include "lib/spam/view/uri_canon.h"

#define URIS_LENGTH_MAX 8192              /* characters of a reading; what is longer is cut, and "truncated" set */
#define URIS_MAX 20000                    /* different URIs of a message; real mail has hundreds */
#define URIS_BYTES_MAX (64 * 1024 * 1024) /* bytes of all readings of a message's URIs */
#define URIS_FOUND_MAX 200000             /* links of the texts that are looked at, twice the same among them */

/* What the rules and lists say, for all messages. Not owned. */
struct uris_settings {
    const struct registry *registry;
    const struct uri_redirectors *redirectors; /* or NULL */
};

struct uri_host {
    char *host, *domain;
};

struct uri_detail {
    struct uri_text *raw;
    GPtrArray *types;        /* char *, each once: HTML elements, "parsed", "unlinked", "schemeless", "domainkeys", .. */
    GPtrArray *cleaned;      /* struct uri_text, each once; NULL for DKIM's, which uri rules don't see */
    GPtrArray *anchor_texts; /* struct uri_text, NULL where there is none */
    GPtrArray *domains;      /* char *, each once */
    GPtrArray *hosts;        /* struct uri_host, each host once */
    gboolean is_read, has_host; /* private: all readings of a URI that is no DKIM's are there; one has a host */
};

struct uris {
    GPtrArray *details; /* struct uri_detail, in order of first appearance */
    gboolean truncated;
    GHashTable *by_key; /* private */
    gsize bytes;        /* private */
};

struct uris *uris_new(void);
void uris_free(struct uris **uris); /* NULL-safe */

/* Adds the links in the paragraphs. */
void uris_add_texts(struct uris *uris, const struct uris_settings *settings, const struct perl_text *texts, gsize count);

/* A URI of an HTML part, as the HTML view found it; nothing is owned. */
struct uris_link {
    struct perl_text uri;
    const char *const *types;      /* elements that had it, ending with NULL; none: only an anchor's, which counts as "parsed" */
    const struct perl_text *texts; /* of each <a> with it */
    gsize text_count;
};

/* All of an HTML part. */
struct uris_html {
    const struct uris_link *links;
    gsize count;
    gboolean truncated; /* html_results.uri_truncated */
};

/* Adds the URIs of an HTML part. */
void uris_add_html(struct uris *uris, const struct uris_settings *settings, const struct uris_html *html);

/* Adds the domains (d=) of a DKIM-Signature or DomainKey-Signature, as parse_dkim_uris has it. */
void uris_add_dkim(struct uris *uris, const struct uris_settings *settings, struct perl_text signature);

/* Adds one URI. types ends with NULL. With must_have_domain nothing is added unless one of its readings has a valid domain.
 * Gives its entry, or NULL. */
struct uri_detail *uris_add(struct uris *uris, const struct uris_settings *settings, struct perl_text uri,
                            const char *const *types, gboolean must_have_domain);

/* All readings, each once, of struct uri_text owned by uris: what "uri" rules see. */
GPtrArray *uris_all(const struct uris *uris);
