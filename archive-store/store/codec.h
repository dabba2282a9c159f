/* codec.h: the plain payload of MESSAGE, EVENT and EXPANSION records. Pure; the format is told in codec.c. */
#pragma once
#include "lib/mail/capture.h"
#include "archive-store/store/attach.h"
#include "archive-store/store/format.h"
#include "archive-store/store/identity.h"

/* A decoded payload. Pointers lead into plain. */
struct payload {
    GBytes *plain;
    enum record_type type;
    struct bytes capture;      /* capture_encode() without the message */
    const guint8 *message_sha; /* 32, of the message as received */
    guint32 size;              /* of that message */
    GArray *trace;             /* struct trace_span (MESSAGE) */
    GArray *inserts;           /* struct trace_insert (EVENT) */
    GArray *references;        /* struct attach_reference (MESSAGE), rising offsets, none touching another */
    struct bytes frame;        /* message without the referred spans */
    guint32 recipient;         /* EXPANSION */
    char **mailboxes;
};

/* Payloads to bytes. */
GByteArray *payload_encode_message(const struct capture *capture, const struct identity *identity,
                                   const GArray *references);
GByteArray *payload_encode_event(const struct capture *capture, const struct identity *identity);
GByteArray *payload_encode_expansion(guint32 recipient, char *const *mailboxes);
/* FALSE = damaged (every length is checked against the input). plain is referenced. Clear it in any case. */
gboolean payload_decode(GBytes *plain, enum record_type type, struct payload *payload_r);
void payload_clear(struct payload *payload);
