/* quota_event.h: the datagrams by which postern_quota tells a daemon that a mailbox grew over a threshold, fell under one, or refused
 * mail. This header is the definition of the format, version 1.
 *
 * One event is one datagram on a Unix socket (AF_UNIX, SOCK_DGRAM) that the daemon has bound. It is one JSON object (RFC 8259) in
 * UTF-8 on one line that ends with a line feed, and shorter than PQ_EVENT_MAX bytes. Nothing is answered. Order and delivery are not
 * promised: many processes send at once, and what does not fit into the socket's queue is lost (it has as many datagrams as
 * net.unix.max_dgram_qlen said when the socket was made: 10 of the kernel's own accord, 512 by systemd). So the daemon reads at once,
 * compares "time", keeps the last level of each user, root and resource, drops what is no news, and looks for itself now and then
 * (doveadm quota get): lowered limits, a crash, a full queue, and changes made by other users in a shared mailbox bring no event. A
 * full mailbox that somebody keeps sending to brings a "rejected" with every attempt.
 *
 * Members, all always there, in this order; a reader lets members be that it does not know:
 *
 *   "v"          integer  1. A change that an old reader could not survive raises it.
 *   "event"      string   "over": the usage passed a threshold upwards. "under": it passed one downwards. "rejected": a message was
 *                         refused because the quota is, or would be, exceeded.
 *   "user"       string   Dovecot's name of the mailbox's owner, at most PQ_USER_MAX bytes before escaping.
 *   "root"       string   Name of the quota root, at most PQ_ROOT_MAX bytes before escaping. A user with more roots gets events for
 *                         each of them.
 *   "resource"   string   "storage" or "messages": which limit it is about. When both are passed at once there are two events. In
 *                         "rejected": the limit that stood in the way, "storage" when that can't be told.
 *   "threshold"  integer  Percent of the limit, 1 to PQ_PERCENT_MAX. over: the highest one passed. under: the lowest one passed, so
 *                         the usage is now below it. rejected: 0.
 *   "storage"    object   Bytes:    {"before": integer, "used": integer, "limit": integer}
 *   "messages"   object   Messages: {"before": integer, "used": integer, "limit": integer}
 *                         before: the root's usage before the first change that the event is about; used: at "time"; limit: 0 when
 *                         there is none. 0 to 2^63-1. used may exceed limit. They are of the whole root, so they are also what a
 *                         daemon would have asked for. In "rejected", before equals used when nothing else changed.
 *   "refused"    integer  How many refusals the event stands for, 0 unless "rejected". Refusals within one delay make one event.
 *   "size"       integer  Bytes of the largest message that was refused, 0 when not known (LMTP refuses a full mailbox at RCPT, before
 *                         there is a message) and in other events.
 *   "service"    string   Dovecot's service: "imap", "lmtp", "doveadm", "lda", "pop3", "quota-status", ..; cut to PQ_SERVICE_MAX bytes.
 *   "cause"      string   The last change, or what was refused: "save" (APPEND and delivery), "copy", "move", "expunge", or "rcpt" (a
 *                         question whether the mailbox is full, before a message came).
 *   "time"       integer  Milliseconds since 1970-01-01 UTC.
 *
 * Names are escaped as JSON. Bytes that are no UTF-8 become U+FFFD each. A user or root whose name is too long gets no events, since a
 * cut name could be another's.
 *
 * Example (one line):
 *   {"v":1,"event":"over","user":"alice@example.com","root":"User quota","resource":"storage","threshold":80,
 *    "storage":{"before":838000000,"used":861000123,"limit":1073741824},"messages":{"before":9120,"used":9121,"limit":0},
 *    "refused":0,"size":0,"service":"lmtp","cause":"save","time":1795953600123}
 *
 * This file and quota_event.c know nothing of Dovecot, so that they are tested without it. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define PQ_EVENT_MAX 4096   /* bytes of a datagram, line feed included, and one more */
#define PQ_USER_MAX 320     /* an address has at most 64 + 1 + 255 (RFC 5321 4.5.3.1) */
#define PQ_ROOT_MAX 128
#define PQ_SERVICE_MAX 32
#define PQ_PERCENT_MAX 150  /* mail that came before a limit was lowered, and the grace of LMTP, make more than 100 */

enum pq_kind { PQ_OVER, PQ_UNDER, PQ_REJECTED };
enum pq_resource { PQ_STORAGE, PQ_MESSAGES, PQ_RESOURCES };

struct pq_amount {
    uint64_t before, used, limit;
};

/* Strings are borrowed, NUL-terminated and not NULL. */
struct pq_event {
    enum pq_kind kind;
    enum pq_resource resource;
    unsigned int threshold;
    const char *user, *root, *service, *cause;
    struct pq_amount amount[PQ_RESOURCES];
    uint64_t refused, size;
    int64_t time_ms;
};

/* Writes the datagram without a terminating NUL and returns its length; 0 when the name of user or root is too long. */
size_t pq_event_format(const struct pq_event *event, char out[PQ_EVENT_MAX]);
