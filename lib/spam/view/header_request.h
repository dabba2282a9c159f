/* header_request.h: what is asked for by "From", "To:addr", "Reply-To:addr:domain": read once, for many messages. */
#pragma once
#include <glib.h>

/* Where the values come from. */
enum header_source {
    HEADER_FIELD,         /* fields of that name */
    HEADER_METADATA,      /* the same, or where there are none what others know of it: X-SenderDomain and so on */
    HEADER_ALL,           /* ALL */
    HEADER_ALL_RANGE,     /* ALL-TRUSTED and so on: modifiers have no say */
    HEADER_RELAYS,        /* X-Spam-Relays-Trusted and so on */
    HEADER_ENVELOPE_FROM, /* EnvelopeFrom */
    HEADER_TO_CC,         /* ToCc */
    HEADER_MESSAGE_ID     /* MESSAGEID */
};

struct header_request {
    char *text;          /* as asked */
    char *name;          /* without the modifiers */
    char *field;         /* the name of its fields */
    gsize field_length;
    guint field_hash;    /* part_field_hash */
    enum header_source source;
    gboolean raw, addr, display, host, domain, ip, revip, first, last; /* unknown modifiers are dropped */
    guint index;         /* its place in the set */
};

/* A set of requests. Immutable and thread-safe but for header_requests_add. */
struct header_requests;
struct header_requests *header_requests_new(void);
void header_requests_free(struct header_requests **set); /* NULL-safe */
guint header_requests_count(const struct header_requests *set);
/* The request of that text, or NULL. Belongs to the set. */
const struct header_request *header_requests_find(const struct header_requests *set, const char *text);
/* Adds one by a text that stays where it is, unchanged, as long as the set: by its address it is found sooner. */
void header_requests_add_lasting(struct header_requests *set, const char *text);
/* The same; it is added when it is not there. */
const struct header_request *header_requests_add(struct header_requests *set, const char *text);
