/* check.h: what a kind of check is made of. A new kind: a file here, its row in policy.c, its section in lib/mail/config_policyd.c. */
#pragma once
#include "lib/base/dns.h"
#include "lib/mail/auth/auth.h"
#include "lib/mail/config.h"
#include "lib/mail/policy_match.h"
#include "policyd/accounts/account_limits.h"
#include "policyd/checks/evaluation.h"
#include "policyd/state/state.h"

enum step {
    STEP_GO_ON,      /* nothing to say: the next check */
    STEP_ANSWERED,   /* evaluation->answer is set */
    STEP_TROUBLE,    /* it can't be told: policyd.on_trouble says what then */
    STEP_WOULD_BLOCK /* only where may_block is FALSE */
};

/* What checks stand on, made once for the daemon. */
struct abuse;
struct mailer;
struct check_parts {
    struct state *state;              /* what is remembered; NULL: no check needs it */
    struct policy_accounts *accounts; /* what SQL says of accounts; NULL: nothing */
    struct dns *dns;                  /* NULL: none is asked */
    struct abuse *abuse;              /* who is told of signs of misuse; NULL: nobody */
    struct quota *quota;              /* what mailboxes hold; NULL: it is not known */
    struct mailer *mailer;            /* who brings notices to users; NULL: they get none */
};

struct check;
struct check_kind {
    const char *name; /* of its sections */
    /* What the check has ready, or NULL. config: the section's struct. Its texts are right, config_load has seen to that. */
    gpointer (*make)(const struct config_when *config, const struct check_parts *parts);
    void (*free)(gpointer own);
    /* Thread-safe. After STEP_WOULD_BLOCK it is called again, where it may block. */
    enum step (*run)(const struct check *check, struct evaluation *evaluation, gboolean may_block);
};
struct check {
    const struct check_kind *kind;
    const struct config_when *config; /* in the policy's configuration */
    struct policy_match *clients, *senders, *recipients, *users;
    guint states;                     /* set of 1 << enum policy_state */
    struct policy_accounts *accounts; /* whose lists conditions may name; NULL: all are empty */
    gpointer own;
};

struct check *check_new(const struct check_kind *kind, const struct config_when *config, const struct check_parts *parts);
void check_free(gpointer check);
/* Whether the request is one of those that the check is about. */
enum check_applies { CHECK_APPLIES, CHECK_APPLIES_NOT, CHECK_NOT_KNOWN, CHECK_WOULD_BLOCK };
enum check_applies check_applies(const struct check *check, const struct evaluation *evaluation, gboolean may_block);
/* Sets the answer from a text of the configuration: {wait} becomes the seconds. */
void check_answer(struct evaluation *evaluation, const char *action, gint64 wait_s);
/* Whether SPF says that the client may send for the sender's domain (MAIL FROM; for <> the HELO name): pass, fail, .. Blocks. */
enum auth_result check_spf(struct dns *dns, const struct evaluation *evaluation, gint64 deadline_us);

extern const struct check_kind check_access, check_account, check_client, check_greylist, check_rate, check_sender_login, check_quota_check;
