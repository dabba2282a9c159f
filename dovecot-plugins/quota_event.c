/* quota_event.c: an event as JSON; quota_event.h defines the format.
 *
 * The buffer has a fixed size and the names have caps, so the longest event fits: 320 + 128 + 32 + 7 bytes of names, six times as long
 * when all are escaped, and less than 600 of the rest. What nevertheless did not fit would give no event rather than half of one. */
#include "dovecot-plugins/quota_event.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct writer {
    char *out;
    size_t length;
    bool full;
};

/* Of a string that may be longer than anyone wants to read: its length, or max + 1. */
static size_t
capped_length(const char *text, size_t max)
{
    return strnlen(text, max + 1);
}

static void
put_bytes(struct writer *w, const char *bytes, size_t count)
{
    if (w->full || count >= PQ_EVENT_MAX - w->length) {
        w->full = true;
        return;
    }
    memcpy(w->out + w->length, bytes, count);
    w->length += count;
}

__attribute__((format(printf, 2, 3))) static void
put(struct writer *w, const char *format, ...)
{
    char text[192];
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof text)
        w->full = true;
    else
        put_bytes(w, text, (size_t)length);
}

/* Bytes of the well-formed UTF-8 character (RFC 3629) at text, or 0 when there is none. */
static size_t
utf8_length(const unsigned char *text, size_t left)
{
    unsigned char lead = text[0];
    size_t length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;

    if (length == 0 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    /* overlong forms, surrogates, and what is beyond U+10FFFF */
    if ((lead == 0xe0 && text[1] < 0xa0) || (lead == 0xed && text[1] > 0x9f) || (lead == 0xf0 && text[1] < 0x90) ||
        (lead == 0xf4 && text[1] > 0x8f))
        return 0;
    return length;
}

/* The first `length` bytes of text as a JSON string. */
static void
put_string(struct writer *w, const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;

    put_bytes(w, "\"", 1);
    for (size_t i = 0; i < length;) {
        size_t size = utf8_length(bytes + i, length - i);

        if (size == 0) {
            put_bytes(w, "\xef\xbf\xbd", 3);
            size = 1;
        } else if (bytes[i] == '"' || bytes[i] == '\\') {
            put(w, "\\%c", bytes[i]);
        } else if (bytes[i] < 0x20 || bytes[i] == 0x7f) {
            put(w, "\\u%04x", (unsigned int)bytes[i]);
        } else {
            put_bytes(w, text + i, size);
        }
        i += size;
    }
    put_bytes(w, "\"", 1);
}

static void
put_name(struct writer *w, const char *member, const char *text, size_t max)
{
    size_t length = capped_length(text, max);

    put(w, ",\"%s\":", member);
    put_string(w, text, length > max ? max : length);
}

/* Readers take integers of 63 bits (jansson does); so much mail there is not. */
static uint64_t
capped(uint64_t number)
{
    return number > INT64_MAX ? INT64_MAX : number;
}

static void
put_amount(struct writer *w, const char *member, const struct pq_amount *amount)
{
    put(w, ",\"%s\":{\"before\":%" PRIu64 ",\"used\":%" PRIu64 ",\"limit\":%" PRIu64 "}", member, capped(amount->before),
        capped(amount->used), capped(amount->limit));
}

size_t
pq_event_format(const struct pq_event *event, char out[PQ_EVENT_MAX])
{
    static const char *const kinds[] = {[PQ_OVER] = "over", [PQ_UNDER] = "under", [PQ_REJECTED] = "rejected"};
    static const char *const resources[] = {[PQ_STORAGE] = "storage", [PQ_MESSAGES] = "messages"};
    struct writer w = {.out = out};

    if (capped_length(event->user, PQ_USER_MAX) > PQ_USER_MAX || capped_length(event->root, PQ_ROOT_MAX) > PQ_ROOT_MAX)
        return 0;
    put(&w, "{\"v\":1,\"event\":\"%s\"", kinds[event->kind]);
    put_name(&w, "user", event->user, PQ_USER_MAX);
    put_name(&w, "root", event->root, PQ_ROOT_MAX);
    put(&w, ",\"resource\":\"%s\",\"threshold\":%u", resources[event->resource], event->threshold);
    for (enum pq_resource i = PQ_STORAGE; i < PQ_RESOURCES; i++)
        put_amount(&w, resources[i], &event->amount[i]);
    put(&w, ",\"refused\":%" PRIu64 ",\"size\":%" PRIu64, capped(event->refused), capped(event->size));
    put_name(&w, "service", event->service, PQ_SERVICE_MAX);
    put_name(&w, "cause", event->cause, PQ_SERVICE_MAX);
    put(&w, ",\"time\":%" PRId64 "}\n", event->time_ms);
    return w.full ? 0 : w.length;
}
