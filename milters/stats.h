/* stats.h: the milter's metrics. */
#pragma once
#include "lib/base/metrics.h"

struct milter_stats {
    struct metric *messages;      /* label action, index: enum verdict_action */
    struct metric *archive;       /* label result, index: enum transaction_archive */
    struct metric *drained;       /* spooled records that the archive took later */
    struct metric *refused;       /* spooled records that the archive refuses for good, or that are damaged */
    struct metric *spool_files, *spool_bytes;
    struct metric *eom;           /* seconds at end of message */
    struct metric *sessions;      /* now */
    struct metric *transactions;  /* now, from MAIL to the final reply */
    struct metric *turned_away;   /* sessions over the setting sessions */
    struct metric *pending;       /* recipients whose mailboxes could not be looked up at receipt */
    struct metric *signatures;    /* label result, 0 signed, 1 unsigned, 2 failed: messages of ours */
    struct metric *auth;          /* label result, index: enum stats_method * 8 + enum auth_result; mail from outside */
    struct metric *results;       /* label result, index: enum stats_results; messages that DMARC reports count */
    struct metric *results_waiting; /* kinds of such messages in memory */
    struct metric *spam;          /* label result, index: enum spam_level; messages that were judged */
    struct metric *spam_over_time; /* of them those where not all rules ran */
    struct metric *spam_time;     /* seconds for one */
    struct metric *reports;       /* label result, index: enum stats_reports; messages that the policy daemon was told of */
    struct metric *reloads;       /* label result, 0 ok, 1 refused */
};
extern struct milter_stats stats;
enum stats_results { STATS_RESULTS_STORED, STATS_RESULTS_LOST };
enum stats_reports { STATS_REPORTS_SENT, STATS_REPORTS_LOST };
enum stats_method { STATS_SPF, STATS_DKIM, STATS_DMARC, STATS_ARC };

/* Registers them; call once at start. */
void stats_init(void);
