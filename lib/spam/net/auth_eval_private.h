/* auth_eval_private.h: what the eval functions on authentication share. */
#pragma once
#include "lib/spam/net/auth_eval.h"

/* ADSP of one author domain. */
struct auth_adsp {
    const char *domain;
    struct dns_lookup *record, *exists; /* NULL: not asked */
    char practice;                      /* N, U, A, D, 1, 2, 3; 0: none */
};

struct auth_eval {
    const struct auth_eval_options *options;
    struct dns *dns;         /* the options', with what the rules forbid; NULL without. DMARC's is the options' */
    struct auth_known known; /* what the options say, and what was found since */
    gint64 began_us;
    struct auth_verify *verify; /* auth_verify.c; NULL: there is nothing to find */
    /* SPF: what is known of MAIL FROM [0] and HELO [1] */
    gboolean fields_read, spf_checked[2];
    enum auth_result spf[2];
    gboolean spf_set[2];  /* spf[] is a result */
    char *spf_sender;     /* NULL: no envelope sender that can be used */
    gboolean null_sender; /* the message says that there is none */
    struct spf_task *spf_task[2]; /* NULL: not asked */
    /* DKIM */
    GPtrArray *authors;       /* char *: addresses of From */
    GHashTable *domains;      /* set of char *: theirs, lower case */
    GHashTable *valid_author, *failed_author; /* sets of borrowed domains: signed, and signed with a key that is not known */
    GPtrArray *tags[3];       /* DKIMDOMAIN, DKIMIDENTITY, DKIMSELECTOR */
    gboolean dkim_ready, dkim_valid;
    GArray *adsp;             /* struct auth_adsp */
    gboolean adsp_done, welcome_known;
    guint welcome;            /* bits by enum auth_welcome */
};

enum auth_welcome { WELCOME_DEF_DKIM = 1, WELCOME_DEF_AUTH = 2, WELCOME_DKIM = 4, WELCOME_AUTH = 8 };

#define AUTH_EVAL(name) gboolean name(struct auth_eval *e, const char *const *args, guint n_args)
AUTH_EVAL(eval_dkim_signed);
AUTH_EVAL(eval_dkim_valid);
AUTH_EVAL(eval_dkim_valid_author);
AUTH_EVAL(eval_dkim_valid_envelope);
AUTH_EVAL(eval_dkim_dependable);
AUTH_EVAL(eval_dkim_adsp);
AUTH_EVAL(eval_dkim_signall);
AUTH_EVAL(eval_arc_signed);
AUTH_EVAL(eval_arc_valid);
AUTH_EVAL(eval_dkim_welcome);
AUTH_EVAL(eval_dkim_def_welcome);

void auth_dkim_init(struct auth_eval *e);
void auth_dkim_clear(struct auth_eval *e);
/* Waits for signatures, at the first call. */
void auth_dkim_ready(struct auth_eval *e);
void auth_spf_init(struct auth_eval *e);
/* The result for MAIL FROM, or HELO. FALSE: there is none. */
gboolean auth_spf_result(struct auth_eval *e, gboolean helo, enum auth_result *result_r);

/* Each fills e->known; called once. */
void auth_verify_start(struct auth_eval *e);
void auth_verify_dkim(struct auth_eval *e);
void auth_verify_dmarc(struct auth_eval *e); /* again: nothing */
void auth_verify_clear(struct auth_eval *e);

/* Until when to wait at most: the options' deadline, or a setting's seconds from the beginning on. */
gint64 auth_deadline(const struct auth_eval *e, const char *setting);
/* The first value of a header, or all; char *, to be freed with the array. */
GPtrArray *auth_values(const struct auth_eval *e, const char *name);
/* Whether an address (lower case) is in a list setting. */
gboolean auth_in_list(const struct auth_eval *e, const char *setting, const char *address);
