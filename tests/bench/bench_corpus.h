/* bench_corpus.h: documents for the index benches: real mails of the corpus, then mixtures of their sentences.
 *
 * Deterministic: the same corpus and number give the same document. */
#pragma once
#include "archive-store/index/index.h"

struct bench_corpus;
/* Reads the mails below dir (ham, spam, zh-ham, zh-spam); at most max. NULL: no mails there. */
struct bench_corpus *bench_corpus_new(const char *dir, guint max);
void bench_corpus_free(struct bench_corpus *corpus);
guint bench_corpus_real(const struct bench_corpus *corpus);

struct bench_document {
    struct index_document document; /* owned by this struct, but addresses */
    struct index_address addresses[6];
    GString *text;      /* the body; kept for reuse */
    char subject[400];
    char from[128], to[300];
    char mailboxes[6][48];
    gsize raw;          /* bytes of the mail as received; 0 for a mixture */
    gsize words;        /* bytes of subject and body */
};
void bench_document_init(struct bench_document *document);
void bench_document_clear(struct bench_document *document);
/* Fills in the n-th document (id is left to the caller). From bench_corpus_real on it is a mixture: as long as a
 * real mail, two of five Chinese, with one word that no other has (bench_unique_word). */
void bench_corpus_fill(struct bench_corpus *corpus, guint n, struct bench_document *document);
void bench_unique_word(guint n, char word[16]);
/* An address of the pool of 70,000; low numbers are in far more mails. */
void bench_mailbox(guint n, char mailbox[48]);
