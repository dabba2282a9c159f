/* seal.c: sealing and checking seals.
 *
 * Sealing only reads what is in the log, so doing it again after a crash gives the same index and tree; a
 * file counts as sealed when its last 512 bytes are a seal that names the file's own size, which is so only
 * after the cut. */
#include "archive-store/store/seal.h"
#include "archive-store/store/io.h"
#include "archive-store/store/keys.h"
#include "archive-store/store/merkle.h"
#include "archive-store/store/store.h"
#include "archive-store/store/walk.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void
seal_hash(const struct seal *seal, guint8 hash[32])
{
    guint8 bytes[SEAL_SIZE];
    format_seal(seal, bytes);
    crypto_sha256(&(struct bytes){bytes, SEAL_HASHED}, 1, hash);
}

int
seal_read(int fd, struct seal *seal_r)
{
    guint8 bytes[SEAL_SIZE];
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -1;
    if (st.st_size < (off_t)(SEGMENT_HEADER + SEAL_SIZE))
        return 0;
    gssize n = io_read_full(fd, bytes, SEAL_SIZE, (guint64)st.st_size - SEAL_SIZE);
    if (n < 0)
        return -1;
    return n == SEAL_SIZE && parse_seal(bytes, seal_r) && seal_r->file_size == (guint64)st.st_size;
}

/* What the log says about itself, in the form of the index. */
struct digest {
    GByteArray *index;
    struct merkle tree;
    guint64 damaged;
    guint32 last_slot;
};

static gboolean
digest_log(int fd, guint64 end, struct digest *d, const char *path, GError **error)
{
    struct walk walk;
    enum walk_step step;

    walk_init(&walk, fd, SEGMENT_HEADER, end);
    while ((step = walk_next(&walk)) == WALK_RECORD || step == WALK_DAMAGED) {
        struct index_entry entry = {.offset = walk.at};
        guint8 bytes[INDEX_ENTRY];

        if (step == WALK_DAMAGED) {
            d->damaged++;
            continue;
        }
        if (walk.header.type == RECORD_GAP)
            continue;
        entry.event = walk.header.type == RECORD_EXPANSION ? walk.header.id : walk.header.event;
        entry.size = RECORD_HEADER + walk.header.stored;
        entry.type = walk.header.type;
        merkle_leaf(walk.record, entry.size, entry.leaf);
        merkle_add(&d->tree, entry.leaf);
        format_index_entry(&entry, bytes);
        g_byte_array_append(d->index, bytes, sizeof bytes);
        if (walk.header.slot != RECORD_NO_SLOT)
            d->last_slot = MAX(d->last_slot, walk.header.slot);
    }
    int number = errno;
    walk_clear(&walk);
    if (step == WALK_ERROR)
        io_set_error(error, number, "reading", path);
    return step != WALK_ERROR;
}

static gboolean
hash_header(int fd, guint8 hash[32])
{
    guint8 header[SEGMENT_HEADER];

    if (io_read_full(fd, header, sizeof header, 0) != SEGMENT_HEADER)
        return FALSE;
    crypto_sha256(&(struct bytes){header, sizeof header}, 1, hash);
    return TRUE;
}

/* Key files end behind their last slot; erasures overwrite in place and never make them longer. */
static gboolean
cut_keys(const struct segments *table, struct segment *segment, guint32 last_slot, GError **error)
{
    g_autofree char *path = segments_path(table, segment->header.segment, SEGMENT_KEYS);
    int fd = store_io->open(path, O_RDWR | O_CLOEXEC, 0);

    if (fd < 0) {
        io_set_error(error, errno, "opening", path);
        return FALSE;
    }
    gboolean good = TRUE;
    if (store_io->ftruncate(fd, (off_t)key_file_size(last_slot)) < 0) {
        io_set_error(error, errno, "cutting", path);
        good = FALSE;
    }
    good = good && io_fsync(fd, path, error);
    store_io->close(fd);
    if (good)
        segment->key_bytes = key_file_size(last_slot);
    return good;
}

static gboolean
write_seal(int fd, const struct seal *seal, const GByteArray *index, const char *path, GError **error)
{
    guint8 bytes[SEAL_SIZE];

    format_seal(seal, bytes);
    if (!io_write_full(fd, index->data, index->len, seal->index_offset, path, error) ||
        !io_write_full(fd, bytes, sizeof bytes, seal->file_size - SEAL_SIZE, path, error) ||
        !io_fdatasync(fd, path, error))
        return FALSE;
    if (store_io->ftruncate(fd, (off_t)seal->file_size) < 0) {
        io_set_error(error, errno, "cutting", path);
        return FALSE;
    }
    return io_fsync(fd, path, error);
}

gboolean
seal_segment(struct segments *table, struct segment *segment, const struct secrets *secrets, guint64 previous,
             const guint8 previous_hash[32], GError **error)
{
    g_autofree char *path = segments_path(table, segment->header.segment, SEGMENT_LOG);
    g_autoptr(GByteArray) index = g_byte_array_new();
    struct digest digest = {.index = index};
    guint8 hash[32];
    int fd = store_io->open(path, O_RDWR | O_CLOEXEC, 0);

    if (fd < 0) {
        io_set_error(error, errno, "opening", path);
        return FALSE;
    }
    struct seal seal = {.segment = segment->header.segment,
                        .index_offset = segment->end,
                        .previous = previous,
                        .key_id = secrets->key_id,
                        .sealed_ms = g_get_real_time() / 1000};
    memcpy(seal.previous_hash, previous_hash, 32);
    gboolean good = digest_log(fd, segment->end, &digest, path, error);
    if (good && !hash_header(fd, seal.header_hash)) {
        io_set_error(error, EIO, "reading", path);
        good = FALSE;
    }
    if (good) {
        seal.records = index->len / INDEX_ENTRY;
        seal.file_size = seal.index_offset + index->len + SEAL_SIZE;
        seal.damaged = digest.damaged;
        merkle_root(&digest.tree, seal.root);
        crypto_public_key(secrets->checkpoint, seal.public_key);
        seal_hash(&seal, hash);
        crypto_sign(secrets->checkpoint, hash, sizeof hash, seal.signature);
        good = cut_keys(table, segment, digest.last_slot, error) && write_seal(fd, &seal, index, path, error);
    }
    store_io->close(fd);
    if (good) {
        segment->state = SEGMENT_SEALED;
        segment->seal = seal;
        segment->file_size = seal.file_size;
        memcpy(segment->seal_hash, hash, sizeof hash);
    }
    return good;
}

void
seal_check(int fd, const struct segment *segment, GPtrArray *problems)
{
    const struct seal *seal = &segment->seal;
    g_autoptr(GByteArray) index = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    struct digest digest = {.index = index};
    guint8 root[32], header[32];
    g_autofree char *name = g_strdup_printf("segment %016" G_GINT64_MODIFIER "x", segment->header.segment);

    if (!digest_log(fd, seal->index_offset, &digest, name, &error)) {
        g_ptr_array_add(problems, g_strdup(error->message));
        return;
    }
    merkle_root(&digest.tree, root);
    if (!hash_header(fd, header) || memcmp(header, seal->header_hash, 32) != 0)
        g_ptr_array_add(problems, g_strdup_printf("%s: its header is not the one that was sealed", name));
    g_autofree guint8 *stored = g_malloc((gsize)seal->records * INDEX_ENTRY + 1);
    if (index->len / INDEX_ENTRY != seal->records || digest.damaged != seal->damaged)
        g_ptr_array_add(problems, g_strdup_printf("%s: sealed with %u records, now %u can be read", name,
                                                  seal->records, index->len / INDEX_ENTRY));
    else if (io_read_full(fd, stored, index->len, seal->index_offset) != (gssize)index->len ||
             memcmp(stored, index->data, index->len) != 0)
        g_ptr_array_add(problems,
                        g_strdup_printf("%s: its record index doesn't agree with its records", name));
    if (memcmp(root, seal->root, 32) != 0)
        g_ptr_array_add(problems,
                        g_strdup_printf("%s: the hash tree over its records is not the sealed one", name));
}
