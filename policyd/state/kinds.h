/* kinds.h: what marks, meters and facts are about.
 *
 * Each kind has a name that stands in SQL and in the keys, so a name never changes and is never used again for something else;
 * numbers are this program's own. A new kind is a line here and one in kinds.c. Days that something is remembered are the
 * defaults; struct state_options may change them. */
#pragma once
#include <glib.h>

enum mark_kind {
    MARK_GREYLIST = 1,  /* a triplet seen */
    MARK_ORIGIN,        /* a client network or SPF domain set, with a sender domain, that passed */
    MARK_CORRESPONDENT, /* someone here wrote to them */
    MARK_NETWORK,       /* a network that an account signed in from */
    MARK_WARNED,        /* a warning that was sent, so that it isn't repeated */
    MARK_REPORT,        /* a report that was counted already */
    MARK_KINDS
};

enum meter_kind {
    METER_RATE_MESSAGES = 1, /* of a check: "check subject" */
    METER_RATE_RECIPIENTS,
    METER_SIGNIN_USER,    /* failed sign-ins of an account */
    METER_SIGNIN_NETWORK, /* failed sign-ins from a network */
    METER_SIGNIN_PAIR,    /* of an account from a network */
    METER_SIGNAL,         /* abuse: "signal account", weights of one signal */
    METER_SCORE,          /* abuse: an account's score */
    METER_SENT,           /* messages an account sent, to take shares of */
    METER_KINDS
};

enum fact_kind {
    FACT_SUSPENSION = 1, /* of an account's sending */
    FACT_HOLD,           /* Postfix HOLD of an account's mail */
    FACT_SLOW,
    FACT_ALLOW,  /* greylisting: never delayed */
    FACT_OPTOUT, /* a recipient without greylisting */
    FACT_BAN,    /* a network that may not sign in */
    FACT_QUOTA,  /* what a mailbox holds, and the level it is at */
    FACT_KINDS
};

/* The name in SQL; NULL for a number that is no kind. */
const char *mark_kind_name(enum mark_kind kind);
const char *meter_kind_name(enum meter_kind kind);
const char *fact_kind_name(enum fact_kind kind);
/* The kind of a name; 0 when there is none (a newer program's). */
enum mark_kind mark_kind_find(const char *name);
enum meter_kind meter_kind_find(const char *name);
enum fact_kind fact_kind_find(const char *name);
/* Seconds after its last touch that a mark is remembered, and after its last use a meter (which must be at rest, too). */
guint32 mark_kind_expiry(enum mark_kind kind);
guint32 meter_kind_expiry(enum meter_kind kind);
