/* freemail.h: whether addresses are at providers that give them to anybody: Plugin::FreeMail of SpamAssassin.
 *
 * The lists are made of a ruleset's settings once, immutable and shared by threads. Where SpamAssassin's /o makes the first pattern
 * that a process comes by count for all rules (and the first address of welcomelist_auth for all of them), each has its own here. */
#pragma once
#include "lib/spam/engine/pattern.h"
#include "lib/spam/rules/ruleset.h"
#include "lib/spam/view/headers.h"
#include "lib/spam/view/uris.h"

#define FREEMAIL_BODY_MAX 40u  /* addresses of a message's texts and links; its own limits, too */
#define FREEMAIL_LINKS_MAX 20u /* those of links */

struct freemail;
/* NULL when there are no freemail_domains: then nothing hits. registry must outlive it. */
struct freemail *freemail_new(const struct spam_ruleset *ruleset, const struct registry *registry);
void freemail_free(struct freemail *freemail); /* NULL-safe */
gboolean freemail_is(const struct freemail *freemail, const GString *address); /* in lower case */

struct freemail_answer {
    gboolean known, value;
};

/* A message's. */
struct freemail_message {
    const struct freemail *freemail;
    const struct spam_headers *headers;
    const struct uris *(*uris)(gpointer data);
    const struct perl_text *(*texts)(gpointer data, gsize *count_r); /* the body's paragraphs */
    /* Told of paragraphs that read otherwise now: SpamAssassin takes addresses that are only quoted out of the body while it looks for
     * others, and body rules see it so. texts' index may be overwritten. May be NULL. */
    void (*replace)(gpointer data, gsize index, const GString *text);
    gpointer data;
    struct matcher *matcher; /* of the thread, for the rules' patterns */
    gboolean body_read, body_skipped;
    GPtrArray *body; /* GString *: freemail addresses, once body_read; free with freemail_message_clear */
    struct freemail_answer replies[2]; /* of freemail_reply_to, by or_from: rules ask several times */
};
void freemail_message_clear(struct freemail_message *message);

/* The four functions. pattern: what the address must match, or NULL. The matcher's last capture is nothing to rely on. */
gboolean freemail_from(struct freemail_message *message, const GPtrArray *from, const struct pattern *pattern);
gboolean freemail_header(struct freemail_message *message, const char *header, const struct pattern *pattern);
gboolean freemail_body(struct freemail_message *message, const struct pattern *pattern);
/* or_from: the option "reply", by which a message without Reply-To is compared by its From. */
gboolean freemail_reply_to(struct freemail_message *message, gboolean or_from);
