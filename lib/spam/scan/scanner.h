/* scanner.h: a ruleset with all that it needs to judge messages, and the judging of one.
 *
 * A scanner gives the same answers always, is counted and shared by threads: a reload makes a new one beside the old, and who scans with the old one
 * ends with it. Scans run side by side, at most SCANNER_WORKERS_MAX at once; more wait their turn. */
#pragma once
#include "lib/spam/engine/engine.h"
#include "lib/spam/net/auth_eval.h"
#include "lib/spam/scan/message_view.h"

#define SCANNER_WORKERS_MAX 128u /* most of them wait for the DNS */

/* What is done about patterns that are not in the cache. Scans come to the same without, at many times the CPU. */
enum scanner_start {
    SCANNER_COMPILED,  /* they are compiled first, which takes most of a minute, and kept in the cache */
    SCANNER_COMPILING, /* a thread compiles them meanwhile */
    SCANNER_AS_IT_IS   /* nothing: for a few messages */
};

struct scanner_options {
    struct rules_options rules;
    enum scanner_start start;
    const char *cache; /* folder of compiled prefilters, or NULL: they are made each time */
};

struct scanner;
/* NULL with error when the rules can't be read or compiled. Faults of single rules are in the ruleset's diagnostics. */
struct scanner *scanner_new(const struct scanner_options *options, GError **error);
/* The same over a ruleset that is there; taken over, also on failure. */
struct scanner *scanner_of(struct spam_ruleset *ruleset, enum scanner_start start, const char *cache, GError **error);
/* Whether some scanner's thread is compiling now. It can't be interrupted: a process that ends meanwhile must use _exit. */
gboolean scanner_is_compiling(void);
struct scanner *scanner_ref(struct scanner *scanner);
void scanner_unref(struct scanner *scanner); /* NULL-safe */
const struct spam_ruleset *scanner_ruleset(const struct scanner *scanner);

/* What is to be scanned, and what else is known. */
struct scan_request {
    const char *message; /* as received; CRLF or LF */
    gsize length;
    /* The session by which it comes, when the MTA has not written its Received line yet: the message is read as if that line and
     * Return-Path stood at its top. NULL: it is complete. */
    const struct relays_session *session;
    gint64 now;          /* seconds since 1970; 0: the clock's */
    enum engine_extent extent; /* ENGINE_WHAT_COUNTS: unless a template of the rules shows sub-rules */
    gint64 time_ms;      /* budget; 0: the rules' time_limit, at most ENGINE_TIME_MS */
    /* Who answers the network rules' questions; NULL: they don't run, nor do those on what is known of SPF, DKIM, DMARC. */
    struct dns *dns;
    gint64 dns_ms;       /* how long they are waited for at most; 0: the budget */
    const struct auth_known *known; /* or NULL: nothing is known */
    /* With dns: SPF of the HELO name, where known doesn't say it, is checked by these; NULL: nobody does. */
    struct spf_pool *spf;
    gboolean find_auth;  /* nobody has looked at SPF, DKIM, DMARC: what rules ask for of them is found here */
};

struct scan_result {
    struct engine_result engine;  /* hits, score */
    guint score_set;
    struct scanner *scanner;      /* a reference: hits belong to its ruleset */
    struct message_view *view;
};
/* Fills result_r; clear it with scan_result_clear. Never fails: what could not be done in time is over_time. Thread-safe. */
void scanner_scan(struct scanner *scanner, const struct scan_request *request, struct scan_result *result_r);
void scan_result_clear(struct scan_result *result); /* also of one that is all zero */

/* What a rule that hit has matched, as engine_why. Caller unrefs; good as long as the result. */
GBytes *scan_result_why(const struct scan_result *result, const struct spam_rule *rule);
