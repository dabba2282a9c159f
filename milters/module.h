/* module.h: what a milter module is, and the one fixed order in which modules run.
 *
 * A module sees a message as it comes and twice at its end. begin() is called when the sender is known, and look() when all of
 * the message is there: both start what takes its time elsewhere (lookups), for all modules before the first inspect(), so that
 * waiting overlaps. inspect() looks at it and adds outcomes and header edits
 * to the verdict; the host then decides once over all outcomes. keep() runs after the decision, when all
 * edits are known, for a message that is about to be accepted (also one to be discarded or quarantined); a
 * module that must have it safe returns only when it is, and FALSE turns the reply into a 4xx. Nothing of
 * the message goes back to the MTA before every keep() has said TRUE. ended() then tells what became of the
 * message: for what must count a message once, since a 4xx makes the client send it again. */
#pragma once
#include "lib/mail/config.h"
#include "lib/mail/verdict.h"

/* Errors of the milter itself; their text is for the admin, the code is always 0. */
#define MILTER_ERROR milter_error_quark()
GQuark milter_error_quark(void);

struct runtime;
struct transaction;

/* What a module needs of the milter protocol; the host switches off what nobody needs. */
enum milter_need {
    NEED_CLIENT = 1 << 0,     /* connect: name, address */
    NEED_HELO = 1 << 1,
    NEED_SENDER = 1 << 2,     /* MAIL FROM */
    NEED_RECIPIENTS = 1 << 3, /* RCPT TO */
    NEED_HEADERS = 1 << 4,
    NEED_BODY = 1 << 5,
    NEED_EXPANSION = 1 << 6,  /* recipients expanded to mailboxes before inspect */
    MAY_EDIT = 1 << 7,        /* may add, change or delete header fields */
    MAY_REMOVE = 1 << 8,      /* may delete recipients, or quarantine the message */
    NEED_DNS = 1 << 9,        /* runtime->dns */
    MAY_REPLACE_BODY = 1 << 10,
    NEED_SCANNER = 1 << 11,   /* runtime->scanner */
};

struct milter_module {
    const char *name; /* as in the setting milter.modules, and the name of its section */
    /* Set of milter_need under this configuration; 0 = nothing to do at all. */
    guint (*needs)(const struct config *config);
    /* State for a new runtime; NULL without error is allowed. May be NULL. */
    gpointer (*open)(struct runtime *runtime, GError **error);
    void (*close)(gpointer state);
    /* These two never block; each may be NULL. */
    void (*begin)(gpointer state, struct transaction *tx);
    void (*look)(gpointer state, struct transaction *tx);
    void (*inspect)(gpointer state, struct transaction *tx);
    /* error says what to log when FALSE. */
    gboolean (*keep)(gpointer state, struct transaction *tx, const struct decision *decision, GError **error);
    /* action is what the MTA is answered: the decision's, or TEMPFAIL when that could not be carried out. Also called for a
     * message over a cap of the host, which look() and inspect() did not see. Never blocks; may be NULL. */
    void (*ended)(gpointer state, struct transaction *tx, enum verdict_action action);
};

#define MILTER_MODULES_MAX 8
/* In the order in which they run; closed by NULL. */
extern const struct milter_module *const milter_modules[];

extern const struct milter_module auth_module, spam_module, sign_module, archive_module, envelope_module;

/* Set of indexes (bits) into milter_modules for the names, in whatever order they are given; unknown names
 * are an error that lists the known ones. */
gboolean milter_modules_select(char *const *names, guint *selected_r, GError **error);
