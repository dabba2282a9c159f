/* received_forms.h: how mail programs write Received lines, and what SpamAssassin's reader takes from each
 * way. Internal to received_line.c. */
#pragma once
#include "lib/spam/view/line_form.h"

/* What is done with a line that has a form. */
enum received_action {
    RECEIVED_TAKE,         /* it is a hop */
    RECEIVED_SKIP,         /* it is none that says anything of the network: passed over */
    RECEIVED_FETCHED,      /* passed over; a mail fetcher wrote it, so what came before it is the mailbox's
                              business */
    RECEIVED_QMAIL_SCANNER /* passed over; its envelope sender is that of the next hop */
};

/* What else a form means. */
enum received_trait {
    RECEIVED_LOOKED_UP = 1 << 0,      /* the program always asks DNS: no name here means that there is none */
    RECEIVED_RDNS_IS_HELO = 1 << 1,   /* one name stands for both */
    RECEIVED_FIELDS = 1 << 2,         /* {x} holds "helo=.." and "ident=.." */
    RECEIVED_NO_ID = 1 << 3,          /* what looked like an identifier is none */
    RECEIVED_UNKNOWN_RDNS = 1 << 4,   /* "unknown" says that there is no name */
    RECEIVED_RDNS_HAS_IDENT = 1 << 5, /* "IDENT:user@name" or "user@name" */
    RECEIVED_CLEAR_IDENT = 1 << 6,    /* no {ident} here: none at all */
    RECEIVED_CLEAR_HELO = 1 << 7,     /* the same for {helo} */
    RECEIVED_XMAIL = 1 << 8,          /* identifier and sender stand behind, in angle brackets */
    RECEIVED_HOTMAIL = 1 << 9,        /* the address is at the start, if anywhere */
    RECEIVED_SOFT_DNS = 1 << 10,      /* {x} is the name; "softdnserr": DNS didn't answer */
    RECEIVED_OBTUSE = 1 << 11,        /* "UNKNOWN": not looked up */
    RECEIVED_UNVERIFIED = 1 << 12,    /* "unverified": no name */
    RECEIVED_NO_BY = 1 << 13          /* an address only */
};

struct received_form {
    const char *form;
    guint traits;
    enum received_action action;
    const char *sign; /* a form that the line must have as well, or NULL */
};

/* Forms of one mail program, tried when a line has the sign of it and of none before in the list. */
struct received_family {
    const char *sign[2]; /* any of them */
    const struct received_form *forms;
    guint n_forms;
    gboolean is_exim; /* its odd forms are put together from bits */
};

extern const struct received_family received_families[];
extern const guint received_families_len;
/* A form that is tried only on lines with one sign and without another (NULL: whatever). */
struct received_guarded {
    const char *sign, *unless;
    struct received_form form;
};
extern const struct received_guarded received_before_families[], received_after_families[];
extern const guint received_before_families_len, received_after_families_len;

/* How lines say that the client has authenticated itself: the first that matches gives the name of the
 * method. {x} and {y} in the name stand for what the form has kept. */
struct received_auth {
    const char *sign, *form; /* both must match; sign may be NULL */
    const char *name;
    gboolean ignore_case; /* in form */
};
extern const struct received_auth received_auths[];
extern const guint received_auths_len;

/* Tried in order on what no family has taken. */
extern const struct received_form received_forms[], received_forms_upper[], received_forms_bracket[],
    received_ignored[];
extern const guint received_forms_len, received_forms_upper_len, received_forms_bracket_len,
    received_ignored_len;
/* qmail's: lines with the sign have one of the forms, or none, and are hops all the same. */
extern const char received_qmail_sign[];
extern const struct received_form received_qmail[];
extern const guint received_qmail_len;
/* From this one on the forms come after qmail's. */
extern const guint received_forms_after_qmail;
