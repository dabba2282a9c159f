/* dmarc_mail.h: a report as a mail (RFC 7489 7.2.1.1), and how it is handed to Postfix.
 *
 * By SMTP, not by the sendmail command: the answer says at once which address is refused for good, it works
 * from a container and from a confined service (sendmail's postdrop needs set-gid rights), and a lost answer
 * leaves nothing half written. */
#pragma once
#include <glib.h>
#include "lib/mail/auth/dmarc_report_xml.h"

#define DMARC_MAIL_HEAD_MAX 8192u  /* bytes of a mail but for its attachment's lines: more than they can be  \
                                    */
#define DMARC_MAIL_MAX (10u << 20) /* bytes of a mail to an address that names no limit: most take that */
#define DMARC_MAIL_CONNECT_MS 10000
#define DMARC_MAIL_TIMEOUT_MS                                                                                \
    300000 /* RFC 5321 4.5.3.2: the longest that one step may take, here for all of them */

struct dmarc_mail {
    const char *from, *to;                 /* addresses of dot-atoms */
    const char *policy_domain, *submitter; /* domains */
    const char *report_id;                 /* dot-atom-text, one @ allowed */
    const char *begin, *end;               /* for people, "2026-11-24 00:00 UTC" */
    const struct dmarc_report_file *file;
};
/* Bytes that a file may have for its mail to have at most max_bytes; 0 = none fits. */
gsize dmarc_mail_room(guint64 max_bytes);
/* The mail, lines ended by CRLF; its Message-ID is always the same for the same report_id and to. Caller
 * frees. */
GString *dmarc_mail_compose(const struct dmarc_mail *mail);

enum dmarc_mail_outcome {
    DMARC_MAIL_SENT,
    DMARC_MAIL_REFUSED,  /* 5xx for this sender, recipient or mail: don't try again */
    DMARC_MAIL_DEFERRED, /* 4xx for this recipient: others may be taken */
    DMARC_MAIL_LATER     /* any other 4xx, or nobody there */
};
struct dmarc_mailer;
/* server: "inet:PORT@HOST" or "unix:/path". */
struct dmarc_mailer *dmarc_mailer_new(const char *server);
void dmarc_mailer_free(struct dmarc_mailer **mailer); /* NULL-safe */
/* Hands one mail over; the connection is kept for the next. *why_r: what went wrong (caller frees), NULL when
 * sent. */
enum dmarc_mail_outcome dmarc_mailer_send(struct dmarc_mailer *mailer, const char *from, const char *to,
                                          const GString *text, char **why_r);
