/* message_internal.h: what the files of the message model share. Private to lib/mail and its tests.
 *
 * message.c owns the bytes and the top header block; message_scan.c is the pre-scan that finds the parts;
 * message_mime.c describes and decodes parts; message_text.c makes text of them. */
#pragma once
#include "lib/mail/message.h"
#include "lib/mail/mime_field.h"

/* One part, as the pre-scan leaves it (spans and Content-Type) and message_mime.c completes it. */
struct part {
    struct message_part public;
    struct span content_type, disposition, encoding; /* values of these fields, 0,0 when absent */
    gsize head;                 /* where its header block begins; of the top part: unused */
    struct span body;
    struct mime_field *type;    /* parsed Content-Type; NULL = absent or broken */
    gboolean digest_child;      /* its parent is multipart/digest: message/rfc822 when undeclared */
    gboolean is_multipart;
    gboolean opened;            /* its children were looked for */
    gboolean boundary_seen;     /* and a delimiter of it was there */
    gboolean cut;               /* the scan stopped inside: its end is not known */
};

struct message {
    GBytes *bytes;
    const guint8 *data;
    gsize size;
    struct message_limits limits;
    enum message_limit limit;
    gsize header_offset, body_offset;
    GArray *headers;      /* struct header_field */
    GPtrArray *parts;     /* struct part *, depth first */
    gboolean described;   /* message_mime.c was here */
    GStringChunk *strings; /* what message_part points to */
    GHashTable *utf8;     /* header values by lower-case name; NULL = absent */
    GString *text;        /* NULL until asked for */
    guint64 work;         /* bytes that the pre-scan looked at, for the tests of linearity */
};

/* Notes the first cap that was passed. */
void message_over(struct message *message, enum message_limit limit);
/* Length of the field name when the line at data begins a header field by Postfix' rule (printable ASCII,
 * then maybe white space, then a colon), else 0. *value_r: offset after the colon. */
gsize message_field_name(const guint8 *data, gsize length, gsize *value_r);
/* Offset after the line that begins at offset (size when it is the last). */
gsize message_next_line(const struct message *message, gsize offset);
/* TRUE for a line of only LF or CR LF. */
gboolean message_line_empty(const guint8 *data, gsize length);
/* The pre-scan of the body; fills parts. */
void message_scan(struct message *message);
/* Fills the public side of all parts, once. */
void message_describe(struct message *message);
