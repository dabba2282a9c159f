/* store.c: opening and closing a store, and its numbers. */
#include "archive-store/store/io.h"
#include "archive-store/store/keys.h"
#include "archive-store/store/store_private.h"
#include "lib/base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define SEGMENT_SIZE_MIN (1u << 20)
#define SEGMENT_SIZE_MAX (G_GUINT64_CONSTANT(1) << 30)
#define MAX_MESSAGE (900u << 20) /* a record has room for it and its envelope in any case */

G_DEFINE_QUARK(store - error - quark, store_error)

static gboolean
check_options(const struct store_options *o, GError **error)
{
    const char *wrong = NULL;

    if (o->segment_size < SEGMENT_SIZE_MIN || o->segment_size > SEGMENT_SIZE_MAX)
        wrong = "segment_size must be from 1 MiB to 1 GiB";
    else if (o->max_message == 0 || o->max_message > MAX_MESSAGE)
        wrong = "max_message must be from 1 byte to 900 MiB";
    else if (o->level < 1 || o->level > 19)
        wrong = "level must be from 1 to 19";
    if (wrong != NULL)
        g_set_error(error, STORE_ERROR, STORE_ERROR_IO, "the store can't be opened: %s", wrong);
    return wrong == NULL;
}

static gboolean
make_folders(struct store *store, GError **error)
{
    static const char *const names[] = {"segments", "keys"};

    if (!io_make_dir(store->dir, error))
        return FALSE;
    for (gsize n = 0; n < G_N_ELEMENTS(names); n++) {
        g_autofree char *path = g_build_filename(store->dir, names[n], NULL);
        if (!io_make_dir(path, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
take_lock(struct store *store, GError **error)
{
    g_autofree char *path = g_build_filename(store->dir, "lock", NULL);

    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_fd < 0) {
        io_set_error(error, errno, "opening", path);
        return FALSE;
    }
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return TRUE;
    g_set_error(error, STORE_ERROR, STORE_ERROR_IO,
                "%s: the store is open in another process; only one may have it", path);
    return FALSE;
}

static gboolean
open_parts(struct store *store, GString *report, GError **error)
{
    g_autofree char *dictionaries = g_build_filename(store->dir, "dictionaries", NULL);
    g_autofree char *locator = g_build_filename(store->dir, "locator.db", NULL);
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);

    store->keyring = keyring_load(store->master_key, error);
    if (store->keyring == NULL)
        return FALSE;
    store->secrets = keyring_current(store->keyring);
    store->dictionaries =
        dictionaries_open(dictionaries, store->keyring, store->options.level, problems, error);
    for (guint n = 0; n < problems->len; n++)
        g_string_append_printf(report, "%s\n", (const char *)g_ptr_array_index(problems, n));
    if (store->dictionaries == NULL)
        return FALSE;
    store->segments = segments_new(store->dir);
    store->claims = claims_new();
    store->locator = locator_open(locator, fetch_entry, store, error);
    return store->locator != NULL;
}

static gboolean
start_parts(struct store *store, GString *report, GError **error)
{
    struct appender_start start;

    if (!store_load(store, &start, report, error))
        return FALSE;
    store->preparer = preparer_start(store->dir, store->options.segment_size, store->options.min_free);
    struct appender_options options = {.segments = store->segments,
                                       .locator = store->locator,
                                       .dictionaries = store->dictionaries,
                                       .preparer = store->preparer,
                                       .secrets = store->secrets,
                                       .finished = keeper_finished,
                                       .data = store};
    store->appender = appender_start(&options, &start, error);
    if (store->appender == NULL)
        return FALSE;
    if (!start.active)
        preparer_want(store->preparer);
    keeper_start(store);
    return TRUE;
}

static void
tell_report(GString *report, char **recovered_r)
{
    g_auto(GStrv) lines = g_strsplit(report->str, "\n", -1);

    for (char **line = lines; *line != NULL; line++) {
        if (**line != '\0')
            log_text(LOG_SEV_WARNING, "recovery", "%s", *line);
    }
    if (recovered_r != NULL)
        *recovered_r = g_strdup(report->str);
}

struct store *
store_open(const struct store_options *options, char **recovered_r, GError **error)
{
    struct store *store = g_new0(struct store, 1);
    g_autoptr(GString) report = g_string_new(NULL);

    if (recovered_r != NULL)
        *recovered_r = NULL;
    store->options = *options;
    store->options.dir = store->dir = g_strdup(options->dir);
    store->options.master_key = store->master_key = g_strdup(options->master_key);
    store->lock_fd = -1;
    g_mutex_init(&store->keeper_lock);
    g_cond_init(&store->keeper_wake);
    g_cond_init(&store->keeper_idle);
    g_queue_init(&store->finished);
    gboolean good = check_options(options, error) && make_folders(store, error) && take_lock(store, error) &&
                    open_parts(store, report, error) && start_parts(store, report, error);
    tell_report(report, recovered_r);
    if (!good)
        store_close(&store);
    return store;
}

void
store_close(struct store **store)
{
    struct store *s = *store;

    if (s == NULL)
        return;
    appender_stop(&s->appender);
    keeper_stop(s);
    preparer_stop(&s->preparer);
    locator_close(&s->locator);
    claims_free(&s->claims);
    segments_free(&s->segments);
    dictionaries_close(&s->dictionaries);
    keyring_free(&s->keyring);
    g_queue_clear_full(&s->finished, g_free);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    g_cond_clear(&s->keeper_wake);
    g_cond_clear(&s->keeper_idle);
    g_mutex_clear(&s->keeper_lock);
    g_free(s->dir);
    g_free(s->master_key);
    g_clear_pointer(store, g_free);
}

void
store_stats(struct store *store, struct store_stats *stats_r)
{
    struct locator_counters c;
    struct segment s;
    guint64 disk = 0;

    for (guint64 at = 0; segments_after(store->segments, at, &s); at = s.header.segment)
        disk += (s.state == SEGMENT_SEALED ? s.file_size : s.end) + s.key_bytes;
    locator_count(store->locator, &c);
    *stats_r = (struct store_stats){.segments = segments_count(store->segments),
                                    .records = c.records,
                                    .messages = c.messages,
                                    .events = c.events,
                                    .attachments = c.attachments,
                                    .raw_bytes = c.raw_bytes,
                                    .disk_bytes = disk + locator_bytes(store->locator) +
                                                  dictionaries_bytes(store->dictionaries)};
}

gboolean
store_erase_key(struct store *store, guint64 id, GError **error)
{
    struct locator_entry e;

    int found = locator_find_id(store->locator, id, &e, error);
    if (found == 0)
        g_set_error(error, STORE_ERROR, STORE_ERROR_ABSENT, "no such message");
    if (found != 1)
        return FALSE;
    g_autofree char *path = segments_path(store->segments, e.segment, SEGMENT_KEYS);
    int fd = store_io->open(path, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0) {
        io_set_error(error, errno, "opening", path);
        return FALSE;
    }
    gboolean good = keys_erase(fd, e.header.slot, e.header.event, path, error);
    store_io->close(fd);
    if (good && e.header.type == RECORD_MESSAGE)
        locator_forget_content(store->locator, e.header.hash, e.segment, e.offset);
    return good;
}
