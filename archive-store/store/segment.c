/* segment.c: the table of segments and a small cache of their descriptors. */
#include "archive-store/store/segment.h"
#include "archive-store/store/io.h"
#include "archive-store/store/store.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define HANDLES_KEPT 64

struct handle {
    struct segment_handle handle; /* first: what callers hold */
    guint64 id;
    enum segment_file file;
    guint refs;      /* callers */
    gboolean doomed; /* close when the last caller is done */
    guint64 used;
};

struct segments {
    GMutex lock;
    char *dir;
    GArray *list;       /* struct segment, rising ids */
    GPtrArray *handles; /* struct handle * */
    guint64 clock;
};

static void
handle_free(gpointer data)
{
    struct handle *h = data;
    close(h->handle.fd);
    g_free(h);
}

struct segments *
segments_new(const char *dir)
{
    struct segments *t = g_new0(struct segments, 1);

    g_mutex_init(&t->lock);
    t->dir = g_strdup(dir);
    t->list = g_array_new(FALSE, FALSE, sizeof(struct segment));
    t->handles = g_ptr_array_new_with_free_func(handle_free);
    return t;
}

void
segments_free(struct segments **table)
{
    if (*table == NULL)
        return;
    g_ptr_array_free((*table)->handles, TRUE);
    g_array_unref((*table)->list);
    g_free((*table)->dir);
    g_mutex_clear(&(*table)->lock);
    g_clear_pointer(table, g_free);
}

char *
segments_path(const struct segments *table, guint64 segment, enum segment_file file)
{
    return file == SEGMENT_LOG
               ? g_strdup_printf("%s/segments/%016" G_GINT64_MODIFIER "x.seg", table->dir, segment)
               : g_strdup_printf("%s/keys/%016" G_GINT64_MODIFIER "x.keys", table->dir, segment);
}

/* Index of the first segment with an id of at least id. */
static guint
lower_bound(const struct segments *t, guint64 id)
{
    guint low = 0, high = t->list->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (g_array_index(t->list, struct segment, middle).header.segment < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct segment *
lookup(const struct segments *t, guint64 id)
{
    guint n = lower_bound(t, id);
    struct segment *s = n < t->list->len ? &g_array_index(t->list, struct segment, n) : NULL;
    return s != NULL && s->header.segment == id ? s : NULL;
}

void
segments_put(struct segments *t, const struct segment *segment)
{
    g_mutex_lock(&t->lock);
    struct segment *old = lookup(t, segment->header.segment);
    if (old != NULL)
        *old = *segment;
    else
        g_array_insert_vals(t->list, lower_bound(t, segment->header.segment), segment, 1);
    g_mutex_unlock(&t->lock);
}

void
segments_remove(struct segments *t, guint64 id)
{
    g_mutex_lock(&t->lock);
    if (lookup(t, id) != NULL)
        g_array_remove_index(t->list, lower_bound(t, id));
    g_mutex_unlock(&t->lock);
    segments_forget(t, id);
}

gboolean
segments_get(struct segments *t, guint64 id, struct segment *segment_r)
{
    g_mutex_lock(&t->lock);
    const struct segment *s = lookup(t, id);
    if (s != NULL)
        *segment_r = *s;
    g_mutex_unlock(&t->lock);
    return s != NULL;
}

gboolean
segments_after(struct segments *t, guint64 id, struct segment *segment_r)
{
    if (id == G_MAXUINT64)
        return FALSE;
    g_mutex_lock(&t->lock);
    guint n = lower_bound(t, id + 1);
    gboolean found = n < t->list->len;
    if (found)
        *segment_r = g_array_index(t->list, struct segment, n);
    g_mutex_unlock(&t->lock);
    return found;
}

void
segments_set_end(struct segments *t, guint64 id, guint64 end, guint64 key_bytes)
{
    g_mutex_lock(&t->lock);
    struct segment *s = lookup(t, id);
    if (s != NULL) {
        s->end = end;
        s->key_bytes = key_bytes;
    }
    g_mutex_unlock(&t->lock);
}

void
segments_finish(struct segments *t, guint64 id, guint64 end)
{
    g_mutex_lock(&t->lock);
    struct segment *s = lookup(t, id);
    if (s != NULL) {
        s->end = end;
        s->state = SEGMENT_FINISHED;
    }
    g_mutex_unlock(&t->lock);
}

guint
segments_count(struct segments *t)
{
    g_mutex_lock(&t->lock);
    guint n = t->list->len;
    g_mutex_unlock(&t->lock);
    return n;
}

/* Closes the longest unused idle descriptor when there are too many. Lock held. */
static void
trim_handles(struct segments *t)
{
    guint oldest = G_MAXUINT;

    if (t->handles->len < HANDLES_KEPT)
        return;
    for (guint n = 0; n < t->handles->len; n++) {
        const struct handle *h = g_ptr_array_index(t->handles, n);
        if (h->refs == 0 &&
            (oldest == G_MAXUINT || h->used < ((struct handle *)g_ptr_array_index(t->handles, oldest))->used))
            oldest = n;
    }
    if (oldest != G_MAXUINT)
        g_ptr_array_remove_index_fast(t->handles, oldest);
}

struct segment_handle *
segments_open(struct segments *t, guint64 id, enum segment_file file, GError **error)
{
    struct handle *found = NULL;

    g_mutex_lock(&t->lock);
    for (guint n = 0; n < t->handles->len && found == NULL; n++) {
        struct handle *h = g_ptr_array_index(t->handles, n);
        if (h->id == id && h->file == file && !h->doomed)
            found = h;
    }
    if (found == NULL) {
        g_autofree char *path = segments_path(t, id, file);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            io_set_error(error, errno, "opening", path);
        } else {
            trim_handles(t);
            found = g_new0(struct handle, 1);
            *found = (struct handle){.handle.fd = fd, .id = id, .file = file};
            g_ptr_array_add(t->handles, found);
        }
    }
    if (found != NULL) {
        found->refs++;
        found->used = ++t->clock;
    }
    g_mutex_unlock(&t->lock);
    return found != NULL ? &found->handle : NULL;
}

void
segments_release(struct segments *t, struct segment_handle *handle)
{
    struct handle *h = (struct handle *)handle;

    if (h == NULL)
        return;
    g_mutex_lock(&t->lock);
    h->refs--;
    if (h->refs == 0 && h->doomed)
        g_ptr_array_remove_fast(t->handles, h);
    g_mutex_unlock(&t->lock);
}

void
segments_forget(struct segments *t, guint64 id)
{
    g_mutex_lock(&t->lock);
    for (guint n = t->handles->len; n-- > 0;) {
        struct handle *h = g_ptr_array_index(t->handles, n);
        if (h->id != id)
            continue;
        h->doomed = TRUE;
        if (h->refs == 0)
            g_ptr_array_remove_index_fast(t->handles, n);
    }
    g_mutex_unlock(&t->lock);
}
