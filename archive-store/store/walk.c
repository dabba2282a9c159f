/* walk.c: sequential reading of a segment through a window.
 *
 * After damage the next record is looked for at every 8 bytes: a header with a right CRC whose stored bytes
 * have theirs too. Mail can't forge one, since all that comes from mail is stored encrypted under a random
 * key. */
#include "archive-store/store/walk.h"
#include "archive-store/store/crc32c.h"
#include "archive-store/store/io.h"
#include <errno.h>

#define WINDOW (1u << 20)

void
walk_init(struct walk *w, int fd, guint64 from, guint64 end)
{
    *w = (struct walk){.fd = fd, .at = from, .next = from, .end = MAX(end, from)};
}

void
walk_clear(struct walk *w)
{
    g_clear_pointer(&w->window, g_free);
    w->have = w->room = 0;
}

/* n bytes at offset, or NULL: beyond end or end of file (errno 0), or an error (errno). */
static const guint8 *
need(struct walk *w, guint64 offset, gsize n)
{
    errno = 0;
    if (offset > w->end || n > w->end - offset)
        return NULL;
    if (offset >= w->base && offset - w->base <= w->have && n <= w->have - (gsize)(offset - w->base))
        return w->window + (offset - w->base);
    gsize want = (gsize)MIN(MAX((guint64)n, WINDOW), w->end - offset);
    if (want > w->room) {
        g_free(w->window);
        w->window = g_malloc(want);
        w->room = want;
    }
    gssize got = io_read_full(w->fd, w->window, want, offset);
    w->base = offset;
    w->have = got > 0 ? (gsize)got : 0;
    if (got >= 0)
        errno = 0;
    return got >= 0 && (gsize)got >= n ? w->window : NULL;
}

/* Whether a whole good record begins at offset; fills header and record. */
static gboolean
record_at(struct walk *w, guint64 offset, gboolean payload, struct record_header *header,
          const guint8 **record_r)
{
    const guint8 *p = need(w, offset, RECORD_HEADER);

    if (p == NULL || !parse_record_header(p, header) || record_span(header->stored) > w->end - offset)
        return FALSE;
    *record_r = NULL;
    if (!payload || header->type == RECORD_GAP)
        return TRUE;
    p = need(w, offset, RECORD_HEADER + (gsize)header->stored);
    if (p == NULL || crc32c(0, p + RECORD_HEADER, header->stored) != header->payload_crc)
        return FALSE;
    *record_r = p;
    return TRUE;
}

/* The next offset from where a good record begins, or end; G_MAXUINT64 on a read error. */
static guint64
resync(struct walk *w, guint64 from)
{
    struct record_header header;
    const guint8 *record;

    for (guint64 at = from; at < w->end && w->end - at >= RECORD_HEADER; at += 8) {
        const guint8 *p = need(w, at, 8);
        if (p == NULL)
            return errno != 0 ? G_MAXUINT64 : w->end;
        if (p[0] != 'P' || p[1] != 'R' || p[2] != FORMAT_VERSION)
            continue;
        if (record_at(w, at, TRUE, &header, &record))
            return at;
        if (errno != 0)
            return G_MAXUINT64;
    }
    return w->end;
}

static enum walk_step
step(struct walk *w, gboolean payload)
{
    w->at = w->next;
    w->record = NULL;
    if (w->at >= w->end)
        return WALK_END;
    if (record_at(w, w->at, payload, &w->header, &w->record)) {
        w->next = w->at + record_span(w->header.stored);
        return WALK_RECORD;
    }
    if (errno != 0)
        return WALK_ERROR;
    guint64 next = resync(w, w->at + 8);
    if (next == G_MAXUINT64)
        return WALK_ERROR;
    w->next = next;
    return WALK_DAMAGED;
}

enum walk_step
walk_next(struct walk *w)
{
    return step(w, TRUE);
}

enum walk_step
walk_next_header(struct walk *w)
{
    return step(w, FALSE);
}

guint64
walk_nonzero_end(int fd, guint64 from, guint64 to)
{
    g_autofree guint8 *buffer = g_malloc((gsize)MIN(WINDOW, MAX(to, from + 1) - from));
    guint64 end = from;

    for (guint64 at = from; at < to;) {
        gssize got = io_read_full(fd, buffer, (gsize)MIN(to - at, WINDOW), at);
        if (got < 0)
            return G_MAXUINT64;
        if (got == 0)
            break;
        for (gssize n = got; n > 0; n--) {
            if (buffer[n - 1] != 0) {
                end = at + (guint64)n;
                break;
            }
        }
        at += (guint64)got;
    }
    return end;
}
