/* capture.h: the record of one accepted transaction, as the milter hands it to the archive.
 *
 * The same encoded bytes travel over the ingest socket, lie in the milter's spool and (without the message,
 * which is deduplicated) in the archive's segments. Format: "PCAP" u16 version, then fields u16 tag, u32
 * length, bytes, little-endian; unknown tags are kept out of the way (skipped), so that older archives read
 * newer milters. The format's narrative is at the top of capture.c. */
#pragma once
#include "lib/mail/verdict.h"

#define CAPTURE_ERROR capture_error_quark()
GQuark capture_error_quark(void);
enum capture_error { CAPTURE_ERROR_FORMAT, CAPTURE_ERROR_TOO_BIG };

enum capture_source { CAPTURE_SMTP, CAPTURE_SUBMISSION, CAPTURE_LOCAL /* sendmail */, CAPTURE_INGEST /* direct */ };
enum capture_expansion { CAPTURE_EXPANDED, CAPTURE_PENDING /* accounts were away: resolve later */,
                         CAPTURE_NOT_CONFIGURED };

struct capture_recipient {
    char *original;    /* RCPT TO as given, without <> */
    char **mailboxes;  /* what it expands to, comparison form; NULL-terminated, never NULL */
    enum capture_expansion expansion;
};

struct capture {
    guint8 transaction[16]; /* random, made once per end of message: the idempotency key */
    gint64 received_us;     /* microseconds since the epoch at end of message */
    enum capture_source source;
    char *instance;         /* milter instance name */
    char *client_name, *client_address, *helo, *auth_user, *queue_id, *protocol; /* "" when unknown */
    char *mail_from;        /* without <>; "" for the null sender */
    GPtrArray *recipients;  /* struct capture_recipient * */
    struct verdict *verdict; /* outcomes and edits */
    GPtrArray *notes;       /* char *: "key=value" pairs for the viewer and auditors */
    GBytes *message;        /* as received */
};

struct capture *capture_new(void); /* transaction random, received_us now, everything else empty */
void capture_free(struct capture **capture);
struct capture_recipient *capture_add_recipient(struct capture *capture, const char *original);
/* A bounce or other notice for the null sender that our own Postfix made, and let the milter see (internal_mail_filter_classes). */
gboolean capture_is_bounce(const struct capture *capture);
/* Encodes all, the message last when with_message. */
GBytes *capture_encode(const struct capture *capture, gboolean with_message);
/* Decodes; every length is checked against the input; at most 10,000 recipients, 100,000 mailboxes, 10,000
 * edits. The message is a slice of bytes (no copy). */
struct capture *capture_decode(GBytes *bytes, GError **error);
