/* spf_evaluation.h: the state of one evaluation of check_host() (RFC 7208 4), shared by spf*.c only. */
#pragma once
#include "lib/mail/auth/spf.h"
#include "lib/mail/auth/spf_macro.h"
#include "lib/mail/auth/spf_record.h"

struct spf_evaluation {
    struct dns *dns;
    gint64 deadline_us;
    struct spf_macro_values values; /* values.client: an IPv4-mapped address is already IPv4 */
    GHashTable *questions;          /* "TYPE NAME" -> struct dns_lookup *: each is asked once */
    guint lookups, voids, terms, prefetched;
    gboolean term_is_void; /* the current term has been counted in voids */
    gboolean explaining;   /* the result is known: limits no longer count, failures no longer matter */
    gboolean secure;
    GPtrArray *names;      /* the client's validated names (5.5); NULL: not looked for yet */
    enum auth_result error; /* temperror or permerror ends the evaluation; AUTH_NONE: none yet */
    char *why;
};

/* What the last record of a chain of redirects said. */
struct spf_decision {
    char *mechanism;        /* NULL: nothing matched */
    char *exp, *exp_domain; /* fail only: the domain-spec of exp= and the domain of its record; NULL: none */
};

/* spf_host.c: check_host() for a domain. decision may be NULL (include). Returns e->error once there is one. */
enum auth_result spf_check_host(struct spf_evaluation *e, const char *domain, struct spf_decision *decision);

/* spf_lookup.c */
/* Ends the evaluation, unless it has ended or is only explaining. format and what it prints may hold any bytes. */
void spf_give_up(struct spf_evaluation *e, enum auth_result error, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* Counts a term that asks the DNS. FALSE: one too many, the evaluation has ended. */
gboolean spf_count_lookup(struct spf_evaluation *e);
/* Asks, unless it was asked before; doesn't wait. */
void spf_ask(struct spf_evaluation *e, const char *name, enum dns_type type);
/* The same for a question that may turn out not to be needed. FALSE: SPF_PREFETCH_MAX is reached. */
gboolean spf_ask_early(struct spf_evaluation *e, const char *name, enum dns_type type);
/* Waits for the answer, asking first if need be; what it says about voids is the caller's to count. NULL: the deadline has
 * passed (the evaluation has ended). The answer lives as long as the evaluation. */
const struct dns_answer *spf_answer(struct spf_evaluation *e, const char *name, enum dns_type type);
/* Counts an answer without records against 4.6.4, once a term. FALSE: one too many, the evaluation has ended. */
gboolean spf_count_void(struct spf_evaluation *e, const struct dns_answer *answer);
/* A or AAAA, by the client's address. */
enum dns_type spf_address_type(const struct spf_evaluation *e);
/* The question for the client's names. */
void spf_client_reverse_name(const struct spf_evaluation *e, GString *out);
/* Fills e->names; counts a void. FALSE: the evaluation has ended. */
gboolean spf_find_names(struct spf_evaluation *e);
/* For the macro p: validated_name of struct spf_macro_values; data is the evaluation. */
const char *spf_validated_name(gpointer data);
/* Whether name is domain or below it. */
gboolean spf_name_is_within(const char *name, const char *domain);
