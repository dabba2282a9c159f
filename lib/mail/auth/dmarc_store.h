/* dmarc_store.h: the schema "reports": what reports to others are made of, and which were sent.
 *
 * A tally is one kind of message of one day (UTC) and one policy domain, with a count. Tallies come in
 * batches: a batch is one transaction that also keeps its number, so that a batch whose commit got no answer
 * is not counted twice. Texts are made fit for their columns here: valid UTF-8 without control characters,
 * cut. Functions with sql belong to that connection's thread. The reports of others are in dmarc_received.h.
 */
#pragma once
#include "lib/base/sql.h"
#include "lib/mail/auth/dmarc_record.h"
#include "lib/mail/auth/dmarc_report.h"

#define DMARC_STORE_SCHEMA "reports"
#define DMARC_STORE_TEXT_MAX 255u  /* bytes of a text column */
#define DMARC_STORE_WORD_MAX 32u   /* bytes of a result or disposition */
#define DMARC_STORE_LONG_MAX 4000u /* bytes of signatures' or SPF's results of one row */
#define DMARC_STORE_COUNT_MAX G_GINT64_CONSTANT(1000000000) /* messages of one row: sums stay in 64 bits */
#define DMARC_STORE_SIGNATURES_MAX 5u /* signatures of a message that are told, those that passed first */
#define DMARC_STORE_DAY_S 86400

/* The columns of a tally in the order of the table. Absent ones are "". */
enum dmarc_tally_text {
    TALLY_SOURCE_IP,
    TALLY_DISPOSITION,
    TALLY_REASON,
    TALLY_COMMENT,
    TALLY_ALIGNED_DKIM,
    TALLY_ALIGNED_SPF, /* "pass" or "fail" */
    TALLY_ENVELOPE_TO,
    TALLY_ENVELOPE_FROM,
    TALLY_HEADER_FROM, /* domains */
    TALLY_DKIM,        /* "domain selector result; domain selector result" */
    TALLY_SPF,         /* "domain scope result" */
    TALLY_TEXTS
};
struct dmarc_tally {
    gint64 day;   /* days since the epoch */
    char *domain; /* where the record was found, lower case */
    char *record; /* dmarc_store_record: the policy as it was seen last that day */
    char *texts[TALLY_TEXTS];
    char key[33]; /* dmarc_tally_seal: tells kinds apart within day and domain */
    gint64 messages;
};
struct dmarc_tally *dmarc_tally_new(gint64 day, const char *domain, const struct dmarc_record *record);
/* Copies text; NULL counts as "". */
void dmarc_tally_set(struct dmarc_tally *tally, enum dmarc_tally_text which, const char *text);
/* Makes the key; after it nothing but messages may change. */
void dmarc_tally_seal(struct dmarc_tally *tally);
void dmarc_tally_free(struct dmarc_tally *tally); /* NULL-safe */

/* The record in the form that is stored, "v=DMARC1; p=none; ...", which dmarc_record_parse reads. At most
 * DMARC_RECORD_MAX bytes: reporting addresses at the end are left out before that is passed. Caller frees. */
char *dmarc_store_record(const struct dmarc_record *record);

/* Adds all tallies (struct dmarc_tally *) as batch number batch (rising) of this writer (32 hexadecimal
 * digits), or does nothing when that batch is there already. FALSE: nothing of it is in, or (SQL_ERROR_AWAY)
 * that isn't known: call again with the same. */
gboolean dmarc_store_add_batch(struct sql *sql, const char *writer, gint64 batch, const GPtrArray *tallies,
                               GError **error);

/* Names of the day's policy domains, at most max, those after `after` in byte order (char *, freed with the
 * array); with_done: also those that dmarc_store_done was called for. */
GPtrArray *dmarc_store_domains(struct sql *sql, gint64 day, const char *after, gboolean with_done, guint max,
                               GError **error);
/* All who want the day's report about the domain have it: what is counted later of that day is not told, as it
 * would make other files of it, and count rows twice that were told. */
gboolean dmarc_store_done(struct sql *sql, gint64 day, const char *domain, GError **error);
/* 16 hexadecimal digits that are always the same of this database, and no other's. NULL with error. Caller
 * frees. */
char *dmarc_store_site(struct sql *sql, GError **error);
/* The day's record of a domain; *record_r NULL when there is none or it can't be read. */
gboolean dmarc_store_policy(struct sql *sql, gint64 day, const char *domain, struct dmarc_record **record_r,
                            GError **error);
/* The day's report about a domain: rows, published policy, begin and end. The most frequent
 * DMARC_REPORT_ROWS_MAX rows; left_out is set when there are more. metadata (org_name, email, report_id) is
 * the caller's to fill. NULL with error. Caller frees. */
struct dmarc_report *dmarc_store_report(struct sql *sql, gint64 day, const char *domain,
                                        const struct dmarc_record *record, GError **error);

#define DMARC_SENT_ALL (-1)
/* What became of one file of a report at one address. */
struct dmarc_sent {
    gint64 day;
    const char *domain, *uri;
    gint part; /* which file, from 0; DMARC_SENT_ALL: nothing of the report goes there, whatever its files are */
    const char *outcome; /* "sent", "refused", "not verified", "too big", "no address" */
    const char *detail;  /* may be NULL */
};
/* Whether something final is known of it already. */
gboolean dmarc_store_is_sent(struct sql *sql, const struct dmarc_sent *sent, gboolean *is_sent_r,
                             GError **error);
/* now_s: seconds since the epoch. */
gboolean dmarc_store_sent(struct sql *sql, const struct dmarc_sent *sent, gint64 now_s, GError **error);

#define DMARC_STORE_PRUNE_ROWS 1000u /* that one statement takes away at most, but for the rows of one report */
/* Takes away what is older: days before day, reports received before that day. In pieces: on an error some is
 * gone. */
gboolean dmarc_store_prune(struct sql *sql, gint64 day, GError **error);

/* For dmarc_received.c: text as a column takes it, NULL as "". Caller frees. */
char *dmarc_store_clean(const char *text, gsize max);
/* 32 hexadecimal digits that stand for the texts. Caller frees. */
char *dmarc_store_key(const char *const *texts, guint n);
