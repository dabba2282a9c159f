/* verify.c: re-reading everything: records, keys, messages, seals, the chain, the locator, dictionaries.
 *
 * An attachment's key is only inside the messages that refer to it, so its tag is checked there, when each
 * message is put together; its checksum is checked where it lies. */
#include "archive-store/store/crc32c.h"
#include "archive-store/store/keys.h"
#include "archive-store/store/seal.h"
#include "archive-store/store/store_private.h"
#include "archive-store/store/walk.h"
#include <errno.h>
#include <string.h>

#define PROBLEMS_MAX 1000u

struct verify {
    struct store *store;
    struct store_verify_report *report;
    store_progress progress;
    gpointer data;
    guint64 total;
};

static void G_GNUC_PRINTF(2, 3) problem(struct verify *v, const char *format, ...)
{
    va_list args;

    if (v->report->problems->len >= PROBLEMS_MAX)
        return;
    va_start(args, format);
    g_ptr_array_add(v->report->problems, g_strdup_vprintf(format, args));
    va_end(args);
}

static void
bad_record(struct verify *v, const struct segment *s, guint64 offset, const char *what)
{
    v->report->damaged++;
    problem(v, "segment %016" G_GINT64_MODIFIER "x, offset %" G_GUINT64_FORMAT ": %s", s->header.segment,
            offset, what);
}

/* Message put together and compared with its hash, envelope decoded. */
static gboolean
check_payload(struct verify *v, const struct record_header *header, GBytes *plain, GError **error)
{
    struct payload payload;
    gboolean good = payload_decode(plain, header->type, &payload);

    if (!good) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_DAMAGED, "the payload is malformed");
    } else if (header->type != RECORD_EXPANSION) {
        g_autoptr(GBytes) message = header->type == RECORD_MESSAGE
                                        ? fetch_message(v->store, &payload, error)
                                        : fetch_event_message(v->store, &payload, header->id, error);
        struct capture *capture = message != NULL ? fetch_capture(&payload, error) : NULL;
        good = capture != NULL;
        capture_free(&capture);
    }
    payload_clear(&payload);
    return good;
}

static void
check_located(struct verify *v, const struct segment *s, const struct walk *walk)
{
    struct locator_entry e;

    if (walk->header.type != RECORD_MESSAGE && walk->header.type != RECORD_EVENT)
        return;
    int found = locator_find_id(v->store->locator, walk->header.event, &e, NULL);
    if (found != 1 || e.segment != s->header.segment || e.offset != walk->at)
        problem(v,
                "segment %016" G_GINT64_MODIFIER "x, offset %" G_GUINT64_FORMAT
                ": locator.db doesn't know this record; stop the archive, delete locator.db, start it again",
                s->header.segment, walk->at);
}

static void
check_record(struct verify *v, const struct segment *s, const struct walk *walk)
{
    const struct record_header *header = &walk->header;
    g_autoptr(GError) error = NULL;

    if (header->type == RECORD_GAP || (header->flags & RECORD_VOID) != 0)
        return;
    v->report->records++;
    v->report->bytes += RECORD_HEADER + (guint64)header->stored;
    v->report->messages += header->type == RECORD_MESSAGE;
    if (header->type == RECORD_ATTACHMENT)
        return; /* the walk has checked both CRCs */
    check_located(v, s, walk);
    g_autofree guint8 *stored = g_memdup2(walk->record + RECORD_HEADER, header->stored);
    g_autoptr(GBytes) plain = fetch_open(v->store, s->header.segment, walk->at, header, stored, &error);
    if (plain != NULL && check_payload(v, header, plain, &error))
        return;
    if (g_error_matches(error, STORE_ERROR, STORE_ERROR_ERASED))
        v->report->erased++;
    else
        bad_record(v, s, walk->at, error->message);
}

static gboolean
verify_records(struct verify *v, const struct segment *s, int fd, GError **error)
{
    struct walk walk;
    enum walk_step step;

    walk_init(&walk, fd, SEGMENT_HEADER, s->end);
    while ((step = walk_next(&walk)) == WALK_RECORD || step == WALK_DAMAGED) {
        if (step == WALK_DAMAGED) {
            g_autofree char *what =
                g_strdup_printf("%" G_GUINT64_FORMAT " bytes are damaged", walk.next - walk.at);
            bad_record(v, s, walk.at, what);
        } else {
            check_record(v, s, &walk);
        }
    }
    int number = errno;
    walk_clear(&walk);
    if (step == WALK_ERROR)
        g_set_error(error, STORE_ERROR, STORE_ERROR_IO, "reading segment %016" G_GINT64_MODIFIER "x: %s",
                    s->header.segment, g_strerror(number));
    return step != WALK_ERROR;
}

static void
verify_seal(struct verify *v, const struct segment *s, int fd)
{
    const struct secrets *secrets = keyring_find(v->store->keyring, s->seal.key_id);
    guint8 public_key[32];
    struct segment before;
    struct seal now;

    if (seal_read(fd, &now) != 1) {
        problem(v, "segment %016" G_GINT64_MODIFIER "x: its seal is damaged or gone", s->header.segment);
        return;
    }
    seal_check(fd, s, v->report->problems);
    if (secrets == NULL) {
        problem(v,
                "segment %016" G_GINT64_MODIFIER "x: sealed under a master key that is not in the key file",
                s->header.segment);
    } else {
        crypto_public_key(secrets->checkpoint, public_key);
        if (memcmp(public_key, now.public_key, 32) != 0 ||
            !crypto_verify(public_key, s->seal_hash, 32, now.signature))
            problem(v, "segment %016" G_GINT64_MODIFIER "x: the signature of its seal is wrong",
                    s->header.segment);
    }
    if (s->seal.previous == 0)
        return;
    if (!segments_get(v->store->segments, s->seal.previous, &before) || before.state != SEGMENT_SEALED)
        problem(v,
                "segment %016" G_GINT64_MODIFIER "x is chained to segment %016" G_GINT64_MODIFIER
                "x, which is missing",
                s->header.segment, s->seal.previous);
    else if (memcmp(before.seal_hash, s->seal.previous_hash, 32) != 0)
        problem(v,
                "segment %016" G_GINT64_MODIFIER "x: the chain is broken: segment %016" G_GINT64_MODIFIER
                "x is not the one that was sealed before it",
                s->header.segment, s->seal.previous);
}

/* Key slots that no longer parse, whoever they belong to. */
static void
verify_keys(struct verify *v, const struct segment *s)
{
    struct segment_handle *h = segments_open(v->store->segments, s->header.segment, SEGMENT_KEYS, NULL);
    guint8 slot[KEY_SLOT];
    guint64 segment, key_id;
    guint32 slots;

    if (h == NULL || pread(h->fd, slot, sizeof slot, 0) != KEY_SLOT ||
        !parse_key_file(slot, &segment, &key_id, &slots) || segment != s->header.segment ||
        key_id != s->header.key_id)
        problem(v,
                "segment %016" G_GINT64_MODIFIER
                "x: its key file is missing or damaged; restore it from its backup",
                s->header.segment);
    segments_release(v->store->segments, h);
}

/* Two seals chained to the same one, or two beginnings: a segment was taken out or put in. */
static void
verify_chain(struct verify *v)
{
    g_autoptr(GHashTable) followed = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    struct segment s;

    for (guint64 at = 0; segments_after(v->store->segments, at, &s); at = s.header.segment) {
        if (s.state == SEGMENT_SEALED &&
            !g_hash_table_add(followed, g_memdup2(&s.seal.previous, sizeof s.seal.previous)))
            problem(v,
                    "segment %016" G_GINT64_MODIFIER
                    "x: two sealed segments are chained to segment %016" G_GINT64_MODIFIER "x",
                    s.header.segment, s.seal.previous);
    }
}

static gboolean
verify_segment(struct verify *v, const struct segment *s, GError **error)
{
    struct segment_handle *h = segments_open(v->store->segments, s->header.segment, SEGMENT_LOG, error);

    if (h == NULL)
        return FALSE;
    v->report->segments++;
    verify_keys(v, s);
    gboolean good = verify_records(v, s, h->fd, error);
    if (good && s->state == SEGMENT_SEALED)
        verify_seal(v, s, h->fd);
    segments_release(v->store->segments, h);
    return good;
}

gboolean
store_verify(struct store *store, store_progress progress, gpointer data,
             struct store_verify_report *report_r, GError **error)
{
    struct verify v = {.store = store, .report = report_r, .progress = progress, .data = data};
    struct segment s;
    guint64 done = 0;

    memset(report_r, 0, sizeof *report_r);
    report_r->problems = g_ptr_array_new_with_free_func(g_free);
    for (guint64 at = 0; segments_after(store->segments, at, &s); at = s.header.segment)
        v.total += s.end;
    for (guint64 at = 0; segments_after(store->segments, at, &s); at = s.header.segment) {
        if (progress != NULL) {
            g_autofree char *what = g_strdup_printf("segment %016" G_GINT64_MODIFIER "x", s.header.segment);
            progress(done, MAX(v.total, done), what, data);
        }
        if (!verify_segment(&v, &s, error)) {
            store_verify_report_clear(report_r);
            return FALSE;
        }
        done += s.end;
    }
    verify_chain(&v);
    dictionaries_verify(store->dictionaries, report_r->problems);
    if (report_r->problems->len > PROBLEMS_MAX)
        g_ptr_array_set_size(report_r->problems, PROBLEMS_MAX);
    return TRUE;
}

void
store_verify_report_clear(struct store_verify_report *report)
{
    g_clear_pointer(&report->problems, g_ptr_array_unref);
}
