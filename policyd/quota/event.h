/* event.h: what Dovecot tells of a mailbox: the datagrams of the plugin postern_quota (dovecot-plugins/quota_event.h defines them).
 *
 * Any process of the machine may send one, so it is read as hostile: bounded, every member's type and range looked at, unknown members
 * passed over. */
#pragma once
#include <glib.h>

#define QUOTA_EVENT_MAX 4096u /* bytes of a datagram; a longer one is refused */
#define QUOTA_USER_MAX 320u   /* bytes of names, without the NUL */
#define QUOTA_ROOT_MAX 128u
#define QUOTA_WORD_MAX 32u    /* of service and cause */
#define QUOTA_PERCENT_MAX 1000

enum quota_kind { QUOTA_OVER, QUOTA_UNDER, QUOTA_REJECTED, QUOTA_KINDS };
/* "over", "under", "rejected" */
extern const char *const quota_kind_names[];
/* QUOTA_KINDS when it is none. */
enum quota_kind quota_kind_find(const char *name);

struct quota_event {
    enum quota_kind kind;
    char user[QUOTA_USER_MAX + 1]; /* comparison form (lib/mail/address.h) */
    char root[QUOTA_ROOT_MAX + 1];
    char service[QUOTA_WORD_MAX + 1], cause[QUOTA_WORD_MAX + 1];
    gint64 used, limit;                /* bytes; limit 0: none */
    gint64 messages, messages_limit;
    gint64 refused, size;
    gint64 time_ms;
};
/* FALSE, and *problem_r (a literal, for the log), for what is no event of version 1. Thread-safe. */
gboolean quota_event_parse(const char *datagram, gsize length, struct quota_event *event_r, const char **problem_r);
