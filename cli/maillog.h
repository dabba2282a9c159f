/* maillog.h: which messages Postfix took into its queue, read from its log.
 *
 * Lines of traditional syslog and postlogd ("Oct  5 14:03:12 host postfix/smtpd[7]: ...", local time, no
 * year) and with ISO 8601 times ("2026-10-05T14:03:12.123+08:00 host ...") are understood; all others are
 * passed over. */
#pragma once
#include <glib.h>

struct maillog_message {
    char *queue_id;
    gint64 time;         /* seconds since the epoch: when it came into the queue */
    char *from;          /* envelope sender, "" for the null sender */
    char *message_id;    /* with <>, or "" */
    gboolean local;      /* by sendmail (pickup), not SMTP */
    gboolean handed_back; /* private: came back from a content filter */
};

struct maillog;
/* now: seconds since the epoch, for the year that traditional lines leave out. */
struct maillog *maillog_new(gint64 now);
void maillog_free(struct maillog **maillog);
/* One line, without its end; any bytes. */
void maillog_line(struct maillog *maillog, const char *line, gsize length);
/* struct maillog_message *, in the order in which they were queued: those that came by smtpd or pickup and were
 * queued. Not Postfix's own (bounces, forwards), not what was rejected or discarded, not what a content filter
 * handed back. Owned by maillog; valid until the next call. */
const GPtrArray *maillog_messages(struct maillog *maillog);
/* Lines that were of Postfix and understood. */
guint64 maillog_lines(const struct maillog *maillog);
/* TRUE when there were more than 1,000,000 messages in their beginnings at once: some were not followed. */
gboolean maillog_overflow(const struct maillog *maillog);
/* The time at the start of a line, or -1; *rest_r points behind it. */
gint64 maillog_time(const char *line, gsize length, gint64 now, gsize *rest_r);
