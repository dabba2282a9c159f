/* locator_db.c: locator.db, an SQLite file in WAL mode with synchronous=NORMAL: a power cut may take back its
 * last commits but leaves it whole, and what is missing is replayed from the cursor kept in the same
 * transaction.
 *
 * Tables are small on purpose, since their bytes count on every message: 64-bit prefixes of the hashes as
 * rowids, and the place as one number. A prefix may collide; the record's header, which has the whole hash,
 * decides. place(id, place)             event id of a MESSAGE or EVENT to its place content(hash, place)
 * newest MESSAGE with that content txn(hash, place)             MESSAGE or EVENT of that transaction
 *   attachment(hash, place)      by attachment id and month
 *   envelope(hash, event)        newest EVENT with that content and envelope; only EVENT records are in it,
 * and rows older than needed are deleted when the file is opened state                        one row:
 * format, cursor, counters */
#include "archive-store/store/locator_db.h"
#include "archive-store/store/store.h"
#include <errno.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#define LOCATOR_FORMAT 1
#define ENVELOPE_KEPT_MS (6 * G_GINT64_CONSTANT(86400000))

enum statement {
    INSERT_PLACE,
    INSERT_CONTENT,
    INSERT_TXN,
    INSERT_ATTACHMENT,
    INSERT_ENVELOPE,
    UPDATE_STATE,
    N_STATEMENTS
};
static const char *const statement_text[N_STATEMENTS] = {
    [INSERT_PLACE] = "INSERT OR REPLACE INTO place(id, place) VALUES(?1, ?2)",
    [INSERT_CONTENT] = "INSERT OR REPLACE INTO content(hash, place) VALUES(?1, ?2)",
    [INSERT_TXN] = "INSERT OR REPLACE INTO txn(hash, place) VALUES(?1, ?2)",
    [INSERT_ATTACHMENT] = "INSERT OR REPLACE INTO attachment(hash, place) VALUES(?1, ?2)",
    [INSERT_ENVELOPE] = "INSERT OR REPLACE INTO envelope(hash, event) VALUES(?1, ?2)",
    [UPDATE_STATE] = ("UPDATE state SET segment = ?1, offset = ?2, records = ?3, messages = ?4, events = ?5, "
                      "attachments = ?6, raw = ?7"),
};
static const char *const find_text[LOCATOR_KEYS] = {
    [LOCATE_CONTENT] = "SELECT place FROM content WHERE hash = ?1",
    [LOCATE_TRANSACTION] = "SELECT place FROM txn WHERE hash = ?1",
    [LOCATE_ENVELOPE] = "SELECT event FROM envelope WHERE hash = ?1",
    [LOCATE_ATTACHMENT] = "SELECT place FROM attachment WHERE hash = ?1",
    [LOCATE_ID] = "SELECT place FROM place WHERE id = ?1",
};
static const char schema[] =
    "CREATE TABLE place(id INTEGER PRIMARY KEY, place INTEGER NOT NULL);"
    "CREATE TABLE content(hash INTEGER PRIMARY KEY, place INTEGER NOT NULL);"
    "CREATE TABLE txn(hash INTEGER PRIMARY KEY, place INTEGER NOT NULL);"
    "CREATE TABLE attachment(hash INTEGER PRIMARY KEY, place INTEGER NOT NULL);"
    "CREATE TABLE envelope(hash INTEGER PRIMARY KEY, event INTEGER NOT NULL);"
    "CREATE TABLE state(segment INTEGER, offset INTEGER, records INTEGER, messages INTEGER, events INTEGER,"
    " attachments INTEGER, raw INTEGER);"
    "INSERT INTO state VALUES(0, 0, 0, 0, 0, 0, 0);"
    "PRAGMA user_version = 1;";

struct locator_db {
    char *path;
    sqlite3 *writer, *reader;
    sqlite3_stmt *statements[N_STATEMENTS];
    GMutex lock; /* of reader and its statements */
    sqlite3_stmt *finds[LOCATOR_KEYS];
};

static gboolean
fail(struct locator_db *db, sqlite3 *connection, GError **error)
{
    int code = connection != NULL ? sqlite3_errcode(connection) & 0xff : SQLITE_NOMEM;

    g_set_error(error, STORE_ERROR, code == SQLITE_FULL ? STORE_ERROR_FULL : STORE_ERROR_IO,
                "%s: %s; it can be rebuilt: stop the archive, delete this file, start it again", db->path,
                connection != NULL ? sqlite3_errmsg(connection) : "out of memory");
    return FALSE;
}

static gboolean
run(struct locator_db *db, sqlite3 *connection, const char *text, GError **error)
{
    return sqlite3_exec(connection, text, NULL, NULL, NULL) == SQLITE_OK || fail(db, connection, error);
}

static gint64
query_number(sqlite3 *connection, const char *text)
{
    sqlite3_stmt *statement = NULL;
    gint64 value = -1;

    if (sqlite3_prepare_v2(connection, text, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static void
close_connections(struct locator_db *db)
{
    for (int n = 0; n < N_STATEMENTS; n++)
        g_clear_pointer(&db->statements[n], sqlite3_finalize);
    for (int n = 0; n < LOCATOR_KEYS; n++)
        g_clear_pointer(&db->finds[n], sqlite3_finalize);
    g_clear_pointer(&db->reader, sqlite3_close);
    g_clear_pointer(&db->writer, sqlite3_close);
}

static void
remove_files(struct locator_db *db)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (gsize n = 0; n < G_N_ELEMENTS(suffixes); n++) {
        g_autofree char *path = g_strconcat(db->path, suffixes[n], NULL);
        unlink(path);
    }
}

static sqlite3 *
connect_to(struct locator_db *db, int flags, GError **error)
{
    sqlite3 *connection = NULL;

    if (sqlite3_open_v2(db->path, &connection, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
                        NULL) != SQLITE_OK) {
        fail(db, connection, error);
        sqlite3_close(connection);
        return NULL;
    }
    sqlite3_busy_timeout(connection, 10000);
    return connection;
}

static gboolean
prepare_all(struct locator_db *db, GError **error)
{
    for (int n = 0; n < N_STATEMENTS; n++) {
        if (sqlite3_prepare_v3(db->writer, statement_text[n], -1, SQLITE_PREPARE_PERSISTENT,
                               &db->statements[n], NULL) != SQLITE_OK)
            return fail(db, db->writer, error);
    }
    for (int n = 0; n < LOCATOR_KEYS; n++) {
        if (sqlite3_prepare_v3(db->reader, find_text[n], -1, SQLITE_PREPARE_PERSISTENT, &db->finds[n],
                               NULL) != SQLITE_OK)
            return fail(db, db->reader, error);
    }
    return TRUE;
}

static gboolean
delete_old_envelopes(struct locator_db *db, GError **error)
{
    gint64 before = (g_get_real_time() / 1000 - ENVELOPE_KEPT_MS) << 20;
    g_autofree char *text = g_strdup_printf("DELETE FROM envelope WHERE event < %" G_GINT64_FORMAT, before);
    return run(db, db->writer, text, error);
}

/* FALSE: can't be used as it is. */
static gboolean
try_open(struct locator_db *db, GError **error)
{
    db->writer = connect_to(db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error);
    if (db->writer == NULL ||
        !run(db, db->writer,
             "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -8192", error))
        return FALSE;
    gint64 version = query_number(db->writer, "PRAGMA user_version");
    if (version == 0 && query_number(db->writer, "SELECT count(*) FROM sqlite_schema") == 0) {
        if (!run(db, db->writer, "BEGIN", error) || !run(db, db->writer, schema, error) ||
            !run(db, db->writer, "COMMIT", error))
            return FALSE;
    } else if (version != LOCATOR_FORMAT || query_number(db->writer, "SELECT count(*) FROM state") != 1) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_DAMAGED, "%s: of another version or damaged", db->path);
        return FALSE;
    }
    db->reader = connect_to(db, SQLITE_OPEN_READONLY, error);
    return db->reader != NULL && run(db, db->reader, "PRAGMA cache_size = -8192", error) &&
           prepare_all(db, error) && delete_old_envelopes(db, error);
}

struct locator_db *
locator_db_open(const char *path, GError **error)
{
    struct locator_db *db = g_new0(struct locator_db, 1);
    g_autoptr(GError) first = NULL;

    g_mutex_init(&db->lock);
    db->path = g_strdup(path);
    if (try_open(db, &first))
        return db;
    close_connections(db);
    remove_files(db);
    if (try_open(db, error))
        return db;
    locator_db_close(&db);
    return NULL;
}

void
locator_db_close(struct locator_db **db)
{
    if (*db == NULL)
        return;
    close_connections(*db);
    g_free((*db)->path);
    g_mutex_clear(&(*db)->lock);
    g_clear_pointer(db, g_free);
}

void
locator_db_state(struct locator_db *db, guint64 *segment_r, guint64 *offset_r, struct locator_counters *c)
{
    sqlite3_stmt *s = NULL;

    *segment_r = *offset_r = 0;
    memset(c, 0, sizeof *c);
    if (sqlite3_prepare_v2(db->writer,
                           "SELECT segment, offset, records, messages, events, attachments, raw FROM state",
                           -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW) {
        *segment_r = (guint64)sqlite3_column_int64(s, 0);
        *offset_r = (guint64)sqlite3_column_int64(s, 1);
        c->records = (guint64)sqlite3_column_int64(s, 2);
        c->messages = (guint64)sqlite3_column_int64(s, 3);
        c->events = (guint64)sqlite3_column_int64(s, 4);
        c->attachments = (guint64)sqlite3_column_int64(s, 5);
        c->raw_bytes = (guint64)sqlite3_column_int64(s, 6);
    }
    sqlite3_finalize(s);
}

gboolean
locator_db_reset(struct locator_db *db, GError **error)
{
    g_mutex_lock(&db->lock);
    close_connections(db);
    remove_files(db);
    gboolean good = try_open(db, error);
    g_mutex_unlock(&db->lock);
    return good;
}

gint64
locator_hash(enum locator_key key, const guint8 *hash, guint32 month)
{
    guint64 value = get_u64(hash);
    if (key == LOCATE_ATTACHMENT)
        value ^= month * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    return (gint64)value;
}

static gboolean
put(struct locator_db *db, enum statement n, gint64 key, guint64 value)
{
    sqlite3_stmt *s = db->statements[n];

    sqlite3_bind_int64(s, 1, key);
    sqlite3_bind_int64(s, 2, (gint64)value);
    gboolean good = sqlite3_step(s) == SQLITE_DONE;
    sqlite3_reset(s);
    return good;
}

static gboolean
put_entry(struct locator_db *db, const struct locator_entry *e)
{
    const struct record_header *h = &e->header;
    guint64 place = locator_place(e->segment, e->offset);

    switch (h->type) {
    case RECORD_ATTACHMENT:
        return put(db, INSERT_ATTACHMENT, locator_hash(LOCATE_ATTACHMENT, h->hash, e->month), place);
    case RECORD_MESSAGE:
        return put(db, INSERT_PLACE, (gint64)h->event, place) &&
               put(db, INSERT_CONTENT, locator_hash(LOCATE_CONTENT, h->hash, 0), place) &&
               put(db, INSERT_TXN, locator_hash(LOCATE_TRANSACTION, h->transaction, 0), place);
    case RECORD_EVENT:
        return put(db, INSERT_PLACE, (gint64)h->event, place) &&
               put(db, INSERT_TXN, locator_hash(LOCATE_TRANSACTION, h->transaction, 0), place) &&
               put(db, INSERT_ENVELOPE, locator_hash(LOCATE_ENVELOPE, h->envelope, 0), h->event);
    default:
        return TRUE;
    }
}

static gboolean
put_state(struct locator_db *db, const struct locator_entry *last, const struct locator_counters *c)
{
    sqlite3_stmt *s = db->statements[UPDATE_STATE];
    const guint64 values[] = {last->segment, last->end,      c->records,  c->messages,
                              c->events,     c->attachments, c->raw_bytes};

    for (guint n = 0; n < G_N_ELEMENTS(values); n++)
        sqlite3_bind_int64(s, (int)n + 1, (gint64)values[n]);
    gboolean good = sqlite3_step(s) == SQLITE_DONE;
    sqlite3_reset(s);
    return good;
}

gboolean
locator_db_write(struct locator_db *db, const struct locator_entry *const *entries, guint n,
                 const struct locator_counters *counters, GError **error)
{
    if (!run(db, db->writer, "BEGIN IMMEDIATE", error))
        return FALSE;
    gboolean good = TRUE;
    for (guint i = 0; i < n && good; i++)
        good = put_entry(db, entries[i]);
    if (good && put_state(db, entries[n - 1], counters) && run(db, db->writer, "COMMIT", error))
        return TRUE;
    if (error != NULL && *error == NULL)
        fail(db, db->writer, error);
    sqlite3_exec(db->writer, "ROLLBACK", NULL, NULL, NULL);
    return FALSE;
}

int
locator_db_find(struct locator_db *db, enum locator_key key, gint64 hash, guint64 *value_r, GError **error)
{
    g_mutex_lock(&db->lock);
    sqlite3_stmt *s = db->finds[key];
    int found = -1;
    if (s != NULL) {
        sqlite3_bind_int64(s, 1, hash);
        int step = sqlite3_step(s);
        if (step == SQLITE_ROW)
            *value_r = (guint64)sqlite3_column_int64(s, 0);
        found = step == SQLITE_ROW ? 1 : step == SQLITE_DONE ? 0 : -1;
    }
    if (found < 0)
        fail(db, db->reader, error);
    if (s != NULL)
        sqlite3_reset(s);
    g_mutex_unlock(&db->lock);
    return found;
}

gboolean
locator_db_forget(struct locator_db *db, enum locator_key key, gint64 hash, guint64 value, GError **error)
{
    g_autofree char *text =
        g_strdup_printf("DELETE FROM %s WHERE hash = %" G_GINT64_FORMAT " AND place = %" G_GINT64_FORMAT,
                        key == LOCATE_CONTENT ? "content" : "attachment", hash, (gint64)value);
    return run(db, db->writer, text, error);
}
