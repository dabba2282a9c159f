/* attach.h: attachments as records of their own: which spans of a message, and in which form they are kept.
 *
 * A base64 part is kept decoded only when encoding it again gives exactly the bytes that were there; else,
 * and for every other encoding, the bytes are kept as they are. Thread-safe. */
#pragma once
#include <glib.h>

#define ATTACH_MAX 1000 /* attachments of one message that get records of their own */

enum attach_kind { ATTACH_AS_IS = 0, ATTACH_BASE64 = 1 };
struct attach_coding {
    enum attach_kind kind;
    guint8 line_end; /* 0 none (one line), 1 LF, 2 CRLF */
    guint32 line;    /* characters a line; 0 with line_end 0 */
};

struct attach_reference {
    guint32 offset, length; /* of the span in the message */
    guint32 plain;          /* bytes of the attachment record's payload */
    struct attach_coding coding;
    guint8 id[32], key[32];
    guint64 segment, at; /* where the record lay when the message was written */
};

/* A span of the message that goes out, with its plain bytes. */
struct attachment {
    guint32 offset, length;
    struct attach_coding coding;
    GBytes *plain;
};

/* The spans of message (a MIME part's body each) that are worth a record: leaf parts of at least least
 * decoded bytes. Rising offsets, not touching the top header block. The array frees its elements. */
GArray *attach_find(GBytes *message, gsize least);

/* Whether the span raw decodes to bytes that encode back exactly; if so its form, its plain bytes, and which
 * part of the span that is (line ends around it stay outside). */
gboolean attach_decode_base64(const guint8 *raw, gsize length, struct attach_coding *coding_r, gsize *from_r,
                              gsize *length_r, GBytes **plain_r);
/* Length of plain bytes in that form. */
guint64 attach_coded_length(const struct attach_coding *coding, guint64 plain);
/* Writes that many bytes to out. */
void attach_encode(const struct attach_coding *coding, const guint8 *plain, gsize length, guint8 *out);
/* Whether a reference read from disk says something possible. */
gboolean attach_coding_valid(const struct attach_coding *coding, guint32 plain, guint32 length);
