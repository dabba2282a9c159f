/* levels.h: what a mailbox is known to hold, at which level that is, and what its user is to be told of it.
 *
 * A user has one fact (FACT_QUOTA) with all quota roots in it, since the question at RCPT knows the user only:
 *     {"roots":[{"root":"User quota","used":861000123,"limit":1073741824,"messages":9121,"messages_limit":0,"percent":80,"level":80,
 *                "told":80,"told_at":1795953600123,"rejected_at":0,"at":1795953600123}]}
 * level is the highest of the configured levels that is reached now, told the one that the user was told of last: what is no news against
 * it is a repeat, from however many sessions, nodes and polls it comes. It falls only when quota.settle has passed since, so a mailbox
 * that goes up and down at a level brings two mails in that time at most. Whoever takes samples looks again then (quota_levels_fall). */
#pragma once
#include "policyd/quota/event.h"

#define QUOTA_ROOTS_MAX 8u /* of a user; the one with the oldest news goes for another */
#define QUOTA_LEVELS_MAX 8u

struct quota_root {
    char name[QUOTA_ROOT_MAX + 1];
    gint64 used, limit, messages, messages_limit; /* limit 0: none, or not known */
    gint64 at_ms;                                 /* when that was so */
    guint percent;                                /* the higher of the two, or what a script said */
    guint level, told;                            /* 0: below all */
    gint64 told_ms, rejected_ms;                  /* 0: never */
};
struct quota_roots {
    guint n;
    struct quota_root root[QUOTA_ROOTS_MAX];
};
/* What can't be read is no root. json may be NULL. */
void quota_roots_read(const char *json, struct quota_roots *roots_r);
/* At most max bytes: roots with the oldest news are left out. Caller frees. */
char *quota_roots_write(const struct quota_roots *roots, gsize max);
const struct quota_root *quota_roots_find(const struct quota_roots *roots, const char *name);

struct quota_sample {
    const char *root;
    gint64 used, limit, messages, messages_limit;
    int percent;       /* -1: by the numbers above; else these are not known */
    gint64 at_ms;
    gboolean rejected; /* mail was refused for it */
    gboolean whole_kib; /* used was cut to whole KiB: what is known better within the same one stays */
    gboolean quiet;    /* a root that was not known before is no news */
};
struct quota_rules {
    guint levels[QUOTA_LEVELS_MAX]; /* rising */
    guint n_levels;
    gint64 settle_ms, rejected_every_ms;
};
/* Takes the sample in. *root_r: the root, as it is now (in roots). Returns what the user is to be told, QUOTA_KINDS for nothing; then the
 * caller keeps roots before it tells. *changed_r: whether anything but the time is another than before. Times that can't be count as now. */
enum quota_kind quota_levels_take(struct quota_roots *roots, const struct quota_sample *sample, const struct quota_rules *rules, gint64 now_ms,
                                  struct quota_root **root_r, gboolean *changed_r);
/* When a fall of one of the roots will have settled; 0: none has fallen. */
gint64 quota_levels_fall(const struct quota_roots *roots, const struct quota_rules *rules);
/* What is known of the root, as a sample: nothing new, but what has settled meanwhile is told. Its name is borrowed. */
struct quota_sample quota_levels_again(const struct quota_root *root);
