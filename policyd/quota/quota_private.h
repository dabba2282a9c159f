/* quota_private.h: what the parts of quota.h share. */
#pragma once
#include "lib/base/metrics.h"
#include "policyd/quota/quota_ask.h"
#include "policyd/quota/quota.h"
#include "policyd/quota/script.h"

#define QUOTA_UIDS_MAX 64u

/* What a configuration says, ready for use. Immutable, shared, swapped whole by a reload. */
struct quota_setup {
    gint refs;
    struct config *config; /* a reference */
    struct quota_rules rules;
    uid_t uids[QUOTA_UIDS_MAX];
    guint n_uids;            /* 0: all count, unless only unknown names were given */
    gboolean any_uid;
    struct doveadm *doveadm; /* NULL: it is not asked */
};

struct quota {
    struct state *state;
    struct policy_accounts *accounts;
    GMutex lock; /* of setup, and of each fact from its reading to its writing */
    struct quota_setup *setup;
    struct mailer *mailer; /* borrowed */
    struct quota_sink *sink;
    struct quota_keeper *keeper;
    gint crowded; /* atomic: it was said that there are too many facts */
    gint away; /* atomic: doveadm did not answer last time */
    struct metric *asked;
};

struct quota_setup *quota_setup_ref(struct quota *quota); /* in force; give it back by quota_setup_unref */
void quota_setup_unref(struct quota_setup *setup);
gboolean quota_setup_hears(const struct quota_setup *setup, uid_t uid);

/* News of one user: samples of n roots. whole: these are all roots that the user has. source and detail are for the log. */
struct quota_news {
    const char *user;
    const struct quota_sample *samples;
    guint n;
    gboolean whole;
    const char *source, *detail;
    gint64 uid; /* of who told it; -1: we asked */
};
void quota_take(struct quota *quota, const struct quota_setup *setup, const struct quota_news *news, gint64 now_ms);
/* Takes what is known of the user as if it were told again. */
void quota_take_again(struct quota *quota, const struct quota_setup *setup, const char *user, gint64 now_ms);
/* The same of what doveadm said. about: what a script said, and why it was asked; NULL: a poll, which says nothing of roots that are new to it. */
void quota_take_answer(struct quota *quota, const struct quota_setup *setup, const char *user, const struct doveadm_answer *answer,
                       const struct quota_script *about, gint64 now_ms);
/* doveadm_quota by the setup's doveadm (there is one); the log says when it goes away and when it is back. */
gboolean quota_ask(struct quota *quota, const struct quota_setup *setup, const char *const *users, guint n_users, int timeout_ms,
                   struct doveadm_answer *answers_r);
/* The root that stands for the mailbox; NULL: there is none. */
const struct quota_root *quota_main_root(const struct quota_setup *setup, const struct quota_roots *roots);

/* sink.c: the thread of the sockets; takes them over. */
struct quota_sink *quota_sink_start(struct quota *quota, const struct quota_sockets *sockets);
void quota_sink_stop(struct quota_sink **sink);

/* keeper.c: the thread that asks doveadm and writes quota2. */
struct quota_keeper *quota_keeper_start(struct quota *quota);
void quota_keeper_stop(struct quota_keeper **keeper);
/* What a script said: the numbers are asked for soon, and then it is taken. FALSE: too many wait. */
gboolean quota_keeper_hear(struct quota_keeper *keeper, const struct quota_script *script);
/* Looks again at what is known of the user, at that time (real, milliseconds): see quota_levels_fall. */
void quota_keeper_fall(struct quota_keeper *keeper, const char *user, gint64 at_ms);
/* Writes it to quota2 soon. */
void quota_keeper_use(struct quota_keeper *keeper, const char *user, gint64 bytes, gint64 messages);
