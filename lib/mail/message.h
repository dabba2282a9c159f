/* message.h: one mail message: its pristine bytes, spans into them, and lazy views.
 *
 * A message owns the bytes exactly as received (lines may end CRLF or LF; NUL and 8-bit bytes allowed) and
 * never changes them; edits are a list beside it (verdict.h). Construction runs a linear pre-scan that
 * enforces the caps before any library sees a byte; over a cap the message is still whole (it can be
 * archived byte for byte), but its limit field names the first cap passed and the views see only what lies
 * within the caps. Views are built on first use and cached: not thread-safe. No GMime type shows here.
 * Which fields and parts there are is decided by one reader, described in message.c and message_scan.c. */
#pragma once
#include <glib.h>

/* Caps (0 = the default in brackets). */
struct message_limits {
    gsize max_header_bytes; /* [1 MiB] whole header block that views look at */
    guint max_headers;      /* [2000] header fields, in all parts together 10 times that */
    guint max_parts;        /* [1000] MIME parts */
    guint max_depth;        /* [100] nested multiparts and message/rfc822 */
    guint max_parameters;   /* [200] parameters of one Content-* field */
    gsize max_text;         /* [4 MiB] decoded UTF-8 text of all parts together */
};

enum message_limit { MESSAGE_LIMIT_NONE, MESSAGE_LIMIT_HEADER_BYTES, MESSAGE_LIMIT_HEADERS, MESSAGE_LIMIT_PARTS,
                     MESSAGE_LIMIT_DEPTH, MESSAGE_LIMIT_PARAMETERS, MESSAGE_LIMIT_TEXT };
/* "none", "header_bytes", ... for log lines and metrics. */
const char *message_limit_name(enum message_limit limit);

struct span {
    gsize offset, length;
};

/* One header field of the top header block. A line without a colon ends the header block as Postfix's
 * cleanup does (RFC 5322 2.2; such a line is the first of the body). */
struct header_field {
    struct span raw;   /* whole field with all its line ends */
    struct span name;  /* without the colon or white space before it */
    struct span value; /* after the colon, folding and the closing line end included */
};

struct message;

/* Takes a reference on bytes. Never fails. limits NULL = defaults. */
struct message *message_new(GBytes *bytes, const struct message_limits *limits);
void message_free(struct message **message);
GBytes *message_bytes(const struct message *message); /* borrowed */
/* The first cap passed. Of the pre-scan right after message_new; MESSAGE_LIMIT_TEXT only once message_text
 * was asked. */
enum message_limit message_limit(const struct message *message);

/* Top header fields in order; body begins at message_body_offset (after the empty line, if there is one). */
guint message_header_count(const struct message *message);
const struct header_field *message_header(const struct message *message, guint n);
gsize message_body_offset(const struct message *message);
/* Where the first field begins: 0, or after an mbox "From " line. The fields' raw spans and the empty line
 * cover all from here to the body (unless a cap was passed). */
gsize message_header_offset(const struct message *message);
/* The n-th (from 0) field of that name, case folded, or NULL. */
const struct header_field *message_find_header(const struct message *message, const char *name, guint n);
/* Unfolded value of the first such field, RFC 2047 decoded, in valid UTF-8 (see text.h for charsets), or
 * NULL when absent. Cached: owned by the message. */
const char *message_header_utf8(struct message *message, const char *name);

/* The MIME tree flattened depth first. */
struct message_part {
    guint depth;             /* 0 = top */
    const char *type;        /* lower case "text/plain"; as declared, "text/plain" when absent or broken */
    const char *charset;     /* as declared, lower case, or NULL */
    const char *filename;    /* UTF-8 from Content-Disposition or Content-Type (RFC 2231, RFC 2047), or NULL */
    const char *disposition; /* lower case, or NULL */
    const char *encoding;    /* content transfer encoding, lower case, or NULL */
    struct span raw;         /* the part's body within the message as transported (still encoded), without the line end
                                that belongs to the delimiter after it; 0,0 = not known (a cap was passed inside) */
    gboolean is_text;        /* shown to a reader: text/plain or text/html and not an attachment */
    gboolean is_attachment;  /* has a file name, is disposed as attachment, or is neither text/... nor a container; an
                                inline text/plain with a file name is both text and attachment */
    gboolean is_container;   /* multipart or message/rfc822 whose children follow; FALSE for a multipart whose boundary
                                never occurs (then is_text: its raw body is shown) and for an encoded message/rfc822 */
};
guint message_part_count(struct message *message);
const struct message_part *message_part(struct message *message, guint n);
/* Decoded content (base64, quoted-printable, uuencode removed), at most max bytes; never NULL. */
GBytes *message_part_content(struct message *message, guint n, gsize max);

/* All shown text as UTF-8: text/plain as is, text/html rendered to its words (script, style and comments
 * out), parts parted by "\n". A multipart whose boundary never occurs yields its raw body as text. Owned by
 * the message; *length_r may be NULL. */
const char *message_text(struct message *message, gsize *length_r);
gboolean message_has_attachment(struct message *message);

/* Time of the Date field in seconds since the epoch, or -1 when absent or unreadable. */
gint64 message_date(struct message *message);
