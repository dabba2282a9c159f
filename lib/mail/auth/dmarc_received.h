/* dmarc_received.h: reports of others in the schema "reports" (dmarc_store.h): kept once each, and counted up
 * by who sends. */
#pragma once
#include "lib/mail/auth/dmarc_store.h"

enum dmarc_received {
    DMARC_RECEIVED_NEW,
    DMARC_RECEIVED_KNOWN,  /* the same organisation, report id and policy domain: nothing is changed */
    DMARC_RECEIVED_USELESS /* no organisation, report id or policy domain: nothing is kept */
};
/* Keeps a report, all or nothing; counts over DMARC_STORE_COUNT_MAX are cut. now_s: seconds since the epoch.
 * FALSE with error. */
gboolean dmarc_received_add(struct sql *sql, const struct dmarc_report *report, gint64 now_s,
                            enum dmarc_received *what_r, GError **error);

/* What reports that begin between begin_s and end_s (seconds since the epoch) say of domain and all domains
 * below it. */
struct dmarc_received_query {
    const char *domain; /* lower case */
    gint64 begin_s, end_s;
    guint max; /* rows of each answer */
};
struct dmarc_received_reporter {
    const char *name;
    gint64 reports, messages, newest_s;
};
struct dmarc_received_source {
    const char *ip;
    gint64 messages, dkim, spf, either, quarantined, rejected,
        reporters; /* dkim, spf, either: messages that are aligned */
};
struct dmarc_received_failure {
    const char *ip, *header_from, *dkim, *spf, *disposition, *reason;
    gint64 messages;
};
/* The most messages first. each gets borrowed data, text as others wrote it (valid UTF-8, no control
 * characters). */
gboolean dmarc_received_reporters(struct sql *sql, const struct dmarc_received_query *query,
                                  void (*each)(const struct dmarc_received_reporter *reporter, gpointer data),
                                  gpointer data, GError **error);
gboolean dmarc_received_sources(struct sql *sql, const struct dmarc_received_query *query,
                                void (*each)(const struct dmarc_received_source *source, gpointer data),
                                gpointer data, GError **error);
/* Messages with neither DKIM nor SPF aligned, by source, author domain and results. */
gboolean dmarc_received_failures(struct sql *sql, const struct dmarc_received_query *query,
                                 void (*each)(const struct dmarc_received_failure *failure, gpointer data),
                                 gpointer data, GError **error);
