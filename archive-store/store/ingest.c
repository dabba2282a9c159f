/* ingest.c: one capture into the log: known transaction, known content, or a new message with its
 * attachments.
 *
 * While a record is built nobody else builds one for the same transaction or content (claims). A record is
 * built for an epoch; when a segment was retired meanwhile, or the month changed under a message with
 * attachments, what it refers to may be gone or in the wrong month, so everything is looked up and built
 * again. */
#include "archive-store/store/keys.h"
#include "archive-store/store/store_private.h"
#include <string.h>

#define REPEAT_WINDOW_MS (5 * G_GINT64_CONSTANT(86400000))
#define ATTEMPTS 100 /* epochs change once a segment at most: more means that something is broken */

enum claim_kind { CLAIM_TRANSACTION, CLAIM_CONTENT, CLAIM_ATTACHMENT };

struct ingest {
    struct store *store;
    const struct capture *capture;
    struct identity identity;
    struct append_epoch epoch;
    struct append_waiter waiter;
};

/* 1 found, 0 not, -1 error. Found and durable or in flight: answered or joined (*done_r). */
static int
known_transaction(struct ingest *in, gboolean *done_r, GError **error)
{
    struct locator_entry e;
    int found = locator_find(in->store->locator, LOCATE_TRANSACTION, in->capture->transaction, 0, &e, error);

    if (found <= 0 || memcmp(e.header.hash, in->identity.hash, 32) != 0)
        return MIN(found, 0); /* another content under the same number is another message */
    in->waiter.receipt =
        (struct store_receipt){.id = e.header.id, .event = e.header.event, .known = TRUE, .repeat = TRUE};
    *done_r = TRUE;
    if (append_join(in->store->appender, e.segment, e.offset, &in->waiter) == 1)
        return 1;
    struct store_cursor end = append_end(in->store->appender);
    if (e.segment < end.segment || (e.segment == end.segment && e.offset < end.offset)) {
        in->waiter.done(&in->waiter.receipt, NULL, in->waiter.data);
        return 1;
    }
    *done_r = FALSE; /* it failed just now: look again */
    return 1;
}

static gboolean
is_erased(struct store *store, const struct locator_entry *e)
{
    struct segment_handle *h = segments_open(store->segments, e->segment, SEGMENT_KEYS, NULL);

    if (h == NULL)
        return FALSE;
    gboolean erased = keys_state(h->fd, e->header.slot, e->header.event) == KEY_ERASED;
    segments_release(store->segments, h);
    return erased;
}

static int
known_content(struct ingest *in, struct locator_entry *e, GError **error)
{
    int found = locator_find(in->store->locator, LOCATE_CONTENT, in->identity.hash, 0, e, error);

    return found == 1 && is_erased(in->store, e) ? 0 : found;
}

static gboolean
is_recent(guint64 id)
{
    return store_id_time_ms(id) >= store_clock() - REPEAT_WINDOW_MS;
}

/* Whether an earlier delivery of the last days had the same envelope; first is the content's MESSAGE record.
 */
static int
is_repeat(struct ingest *in, const struct locator_entry *first, GError **error)
{
    struct locator_entry e;

    if (memcmp(first->header.envelope, in->identity.envelope, 16) == 0 && is_recent(first->header.event))
        return 1;
    int found = locator_find(in->store->locator, LOCATE_ENVELOPE, in->identity.envelope, 0, &e, error);
    return found == 1 ? is_recent(e.header.event) : found;
}

static gboolean
too_big(gsize length, GError **error)
{
    if (length <= RECORD_MAX - RECORD_TAG)
        return FALSE;
    g_set_error(error, STORE_ERROR, STORE_ERROR_TOO_BIG,
                "a record of %" G_GSIZE_FORMAT " bytes is more than the format allows", length);
    return TRUE;
}

/* Packs and appends a MESSAGE or EVENT. */
static int
append_payload(struct ingest *in, enum record_type type, GByteArray *plain, guint64 content,
               gboolean same_month, GError **error)
{
    struct append append = {.epoch = in->epoch, .same_month = same_month, .waiter = &in->waiter};
    struct record_header *h = &append.record.header;

    if (too_big(plain->len, error))
        return -1;
    record_pack(&append.record, type, plain->data, plain->len, in->store->options.level,
                in->epoch.dictionary);
    h->id = content;
    h->raw = (guint32)g_bytes_get_size(in->capture->message);
    memcpy(h->hash, in->identity.hash, 32);
    memcpy(h->transaction, in->capture->transaction, 16);
    memcpy(h->envelope, in->identity.envelope, 16);
    crypto_random(append.key, sizeof append.key);
    int result = append_record(in->store->appender, &append, error);
    crypto_wipe(append.key, sizeof append.key);
    record_clear(&append.record);
    return result;
}

static int
append_event(struct ingest *in, const struct locator_entry *first, GError **error)
{
    int repeat = is_repeat(in, first, error);

    if (repeat < 0)
        return -1;
    in->waiter.receipt = (struct store_receipt){.id = first->header.id, .known = TRUE, .repeat = repeat == 1};
    GByteArray *plain = payload_encode_event(in->capture, &in->identity);
    int result = append_payload(in, RECORD_EVENT, plain, first->header.id, FALSE, error);
    g_byte_array_unref(plain);
    return result;
}

/* The attachment's record: the one that is there in this month, or a new one. */
static int
place_attachment(struct ingest *in, const struct attachment *a, struct attach_reference *r, GError **error)
{
    struct store *store = in->store;
    guint8 sha[32];
    gsize length;
    const guint8 *data = g_bytes_get_data(a->plain, &length);
    struct locator_entry e;

    *r = (struct attach_reference){
        .offset = a->offset, .length = a->length, .plain = (guint32)length, .coding = a->coding};
    crypto_sha256(&(struct bytes){data, length}, 1, sha);
    crypto_hmac(store->secrets->attachment_id, &(struct bytes){sha, 32}, 1, r->id);
    crypto_hmac(store->secrets->attachment_key, &(struct bytes){sha, 32}, 1, r->key);
    claims_take(store->claims, CLAIM_ATTACHMENT, r->id, 32);
    int result = locator_find(store->locator, LOCATE_ATTACHMENT, r->id, in->epoch.month, &e, error);
    if (result == 1) {
        r->segment = e.segment;
        r->at = e.offset;
    } else if (result == 0) {
        struct append append = {.epoch = in->epoch, .same_month = TRUE};
        record_pack(&append.record, RECORD_ATTACHMENT, data, length, store->options.level, NULL);
        memcpy(append.record.header.hash, r->id, 32);
        memcpy(append.key, r->key, 32);
        result = append_record(store->appender, &append, error);
        crypto_wipe(append.key, sizeof append.key);
        record_clear(&append.record);
        r->segment = append.segment;
        r->at = append.offset;
    }
    claims_release(store->claims, CLAIM_ATTACHMENT, r->id, 32);
    return result;
}

static int
append_message(struct ingest *in, GArray *attachments, GError **error)
{
    g_autoptr(GArray) references = g_array_new(FALSE, FALSE, sizeof(struct attach_reference));
    int result = 1;

    for (guint n = 0; n < attachments->len && result == 1; n++) {
        struct attach_reference r;
        result = place_attachment(in, &g_array_index(attachments, struct attachment, n), &r, error);
        g_array_append_val(references, r);
        crypto_wipe(r.key, sizeof r.key);
    }
    if (result == 1) {
        in->waiter.receipt = (struct store_receipt){0};
        GByteArray *plain = payload_encode_message(in->capture, &in->identity, references);
        result = append_payload(in, RECORD_MESSAGE, plain, 0, references->len > 0, error);
        g_byte_array_unref(plain);
    }
    crypto_wipe(references->data, references->len * sizeof(struct attach_reference));
    return result;
}

/* One try in one epoch: 1 under way or answered, 0 again, -1 error. */
static int
attempt(struct ingest *in, GArray **attachments, GError **error)
{
    struct locator_entry first;
    gboolean done = FALSE;

    append_epoch(in->store->appender, &in->epoch);
    int found = known_transaction(in, &done, error);
    if (found != 0)
        return found < 0 ? -1 : done;
    found = known_content(in, &first, error);
    if (found != 0)
        return found < 0 ? -1 : append_event(in, &first, error);
    if (*attachments == NULL)
        *attachments = attach_find(in->capture->message, in->store->options.attachment_min);
    int result = append_message(in, *attachments, error);
    if (result == 1 && g_atomic_int_add(&in->store->new_messages, 1) % 500 == 499) {
        g_mutex_lock(&in->store->keeper_lock);
        in->store->train = TRUE;
        g_cond_signal(&in->store->keeper_wake);
        g_mutex_unlock(&in->store->keeper_lock);
    }
    return result;
}

static gboolean
check_size(struct store *store, const struct capture *capture, GError **error)
{
    gsize size = capture->message != NULL ? g_bytes_get_size(capture->message) : 0;

    if (capture->message == NULL) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_DAMAGED, "a capture without a message can't be stored");
        return FALSE;
    }
    if (size > store->options.max_message) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_TOO_BIG,
                    "a message of %" G_GSIZE_FORMAT " bytes is larger than max_message, %" G_GSIZE_FORMAT,
                    size, store->options.max_message);
        return FALSE;
    }
    return preparer_room(store->dir, store->options.min_free, 0, error);
}

void
store_ingest(struct store *store, const struct capture *capture, store_done done, gpointer data)
{
    struct ingest in = {.store = store, .capture = capture, .waiter = {.done = done, .data = data}};
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) attachments = NULL;

    if (!check_size(store, capture, &error)) {
        done(NULL, error, data);
        return;
    }
    identity_init(&in.identity, capture, store->secrets);
    claims_take(store->claims, CLAIM_TRANSACTION, capture->transaction, 16);
    claims_take(store->claims, CLAIM_CONTENT, in.identity.hash, 32);
    int result = 0;
    for (int n = 0; n < ATTEMPTS && result == 0; n++)
        result = attempt(&in, &attachments, &error);
    claims_release(store->claims, CLAIM_CONTENT, in.identity.hash, 32);
    claims_release(store->claims, CLAIM_TRANSACTION, capture->transaction, 16);
    identity_clear(&in.identity);
    if (result == 0)
        g_set_error(&error, STORE_ERROR, STORE_ERROR_IO,
                    "the log changed too often while a message was being stored");
    if (result != 1)
        done(NULL, error, data);
}

struct waiting {
    GMutex lock;
    GCond ready;
    gboolean finished;
    struct store_receipt receipt;
    GError *error;
};

static void
wake(const struct store_receipt *receipt, const GError *error, gpointer data)
{
    struct waiting *w = data;

    g_mutex_lock(&w->lock);
    if (receipt != NULL)
        w->receipt = *receipt;
    w->error = error != NULL ? g_error_copy(error) : NULL;
    w->finished = TRUE;
    g_cond_signal(&w->ready);
    g_mutex_unlock(&w->lock);
}

static void
waiting_init(struct waiting *w)
{
    memset(w, 0, sizeof *w);
    g_mutex_init(&w->lock);
    g_cond_init(&w->ready);
}

static gboolean
waiting_finish(struct waiting *w, struct store_receipt *receipt_r, GError **error)
{
    g_mutex_lock(&w->lock);
    while (!w->finished)
        g_cond_wait(&w->ready, &w->lock);
    g_mutex_unlock(&w->lock);
    g_cond_clear(&w->ready);
    g_mutex_clear(&w->lock);
    if (w->error != NULL) {
        g_propagate_error(error, w->error);
        return FALSE;
    }
    *receipt_r = w->receipt;
    return TRUE;
}

gboolean
store_ingest_wait(struct store *store, const struct capture *capture, struct store_receipt *receipt_r,
                  GError **error)
{
    struct waiting w;

    waiting_init(&w);
    store_ingest(store, capture, wake, &w);
    return waiting_finish(&w, receipt_r, error);
}

gboolean
store_add_expansion(struct store *store, guint64 event, guint recipient, char **mailboxes, GError **error)
{
    struct locator_entry e;
    struct waiting w;
    struct store_receipt receipt;
    struct append_waiter waiter = {.done = wake, .data = &w};

    int result = locator_find_id(store->locator, event, &e, error);
    if (result == 0)
        g_set_error(error, STORE_ERROR, STORE_ERROR_ABSENT, "no such delivery");
    if (result != 1)
        return FALSE;
    GByteArray *plain = payload_encode_expansion(recipient, mailboxes);
    waiting_init(&w);
    result = too_big(plain->len, error) ? -1 : 0;
    for (int n = 0; n < ATTEMPTS && result == 0; n++) {
        struct append append = {.waiter = &waiter};
        append_epoch(store->appender, &append.epoch);
        record_pack(&append.record, RECORD_EXPANSION, plain->data, plain->len, store->options.level,
                    append.epoch.dictionary);
        append.record.header.event = event;
        crypto_random(append.key, sizeof append.key);
        result = append_record(store->appender, &append, error);
        crypto_wipe(append.key, sizeof append.key);
        record_clear(&append.record);
    }
    g_byte_array_unref(plain);
    if (result == 1)
        return waiting_finish(&w, &receipt, error);
    g_cond_clear(&w.ready);
    g_mutex_clear(&w.lock);
    if (result == 0)
        g_set_error(error, STORE_ERROR, STORE_ERROR_IO,
                    "the log changed too often while an expansion was being stored");
    return FALSE;
}
