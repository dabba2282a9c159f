/* identity.h: what makes two messages the same content: everything but trace lines of the top header block.
 *
 * Trace lines differ by hop and by delivery: Received, Return-Path, Delivered-To, X-Original-To,
 * X-Envelope-To, X-Envelope-From, X-Virus-Scanned, X-Spam-*, X-Amavis-*, X-Quarantine-ID,
 * Authentication-Results, X-Postern-*. Each delivery event keeps its own. Thread-safe. */
#pragma once
#include "lib/mail/capture.h"
#include "archive-store/store/crypto.h"

#define TRACE_SPANS_MAX 1000 /* runs of trace lines; later ones count as content */

struct trace_span {
    guint32 offset, length; /* in the message as received; rising, never touching */
};

struct identity {
    GArray *trace;          /* struct trace_span */
    guint8 message_sha[32]; /* of all bytes */
    guint8 content_sha[32]; /* without the trace */
    guint8 hash[32];        /* keyed content hash, as in record headers */
    guint8 envelope[16];    /* keyed hash of content, sender and set of recipients */
};

/* The trace spans of a message of at most 4 GiB. Linear; caller frees. */
GArray *identity_find_trace(const guint8 *message, gsize length);
/* All of it, for a capture with a message. Clear after use. */
void identity_init(struct identity *identity, const struct capture *capture, const struct secrets *secrets);
void identity_clear(struct identity *identity);

/* The content: message without spans (they lie within it). */
GBytes *identity_strip(GBytes *message, const struct trace_span *spans, guint n_spans);
/* One run of trace lines of an event and where it goes into the content (rising positions). */
struct trace_insert {
    guint32 position;
    guint32 length;
    const guint8 *data;
};
/* The reverse; NULL when a position lies outside. */
GBytes *identity_weave(GBytes *content, const struct trace_insert *inserts, guint n_inserts);
