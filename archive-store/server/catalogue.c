/* catalogue.c: opening and writing the archive's catalogue.
 *
 * Tables (sql/migrations/catalogue/), made for few bytes on disk:
 *   word       id -> value: addresses, hosts, names (catalogue_word.c); NULL instead of an id means ""
 *   message    one content: id, size, sent (Date, s, NULL unknown), attachments (count), author (word), message_key
 *              (63 bits of the Message-ID's SHA-256; the text is in the segment), subject
 *   event      one delivery: event, message (NULL: the same number as event, as for most), received (ms), source and
 *              verdict (their enums), again (0/1), words of the client, queue_id
 *   recipient  (event, position, n): original (word, NULL when the same as mailbox), mailbox (word, NULL when it
 *              expands to nothing or isn't known yet), state (enum capture_expansion); one row a mailbox, at least one
 *   pending    (event, position) of recipients to be expanded later
 *   reader     name -> position in the store's log
 *
 * The content's hash isn't repeated here: the store finds contents by it. All rows of an event and the
 * reader's position are in one transaction; an event that is there already is left alone, with what late
 * expansions made of it. */
#include "archive-store/server/catalogue_private.h"
#include "lib/mail/address.h"
#include <string.h>

#define CONNECTIONS 8
static const char *const reader = "catalogue"; /* whose position it is */

struct catalogue *
catalogue_new(const struct sql_options *options)
{
    struct catalogue *catalogue = g_new0(struct catalogue, 1);
    struct sql_options own = *options;
    own.create = TRUE;
    catalogue->pool = sql_pool_new(&own, CONNECTIONS);
    g_mutex_init(&catalogue->lock);
    catalogue->words = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return catalogue;
}

void
catalogue_free(struct catalogue **catalogue)
{
    if (!catalogue || !*catalogue)
        return;
    struct catalogue *c = *catalogue;
    catalogue_abandon(c);
    sql_pool_free(&c->pool);
    g_hash_table_destroy(c->words);
    g_mutex_clear(&c->lock);
    g_free(c);
    *catalogue = NULL;
}

struct sql *
catalogue_take(struct catalogue *catalogue, GError **error)
{
    struct sql *sql = sql_pool_take(catalogue->pool, error);
    if (!sql)
        return NULL;
    g_mutex_lock(&catalogue->lock);
    if (!catalogue->schema_fits)
        catalogue->schema_fits = sql_is_mariadb(sql) ? sql_check(sql, "catalogue", error)
                                                     : sql_migrate(sql, "catalogue", NULL, error);
    gboolean fits = catalogue->schema_fits;
    g_mutex_unlock(&catalogue->lock);
    if (!fits) {
        sql_pool_give(catalogue->pool, sql);
        sql = NULL;
    }
    return sql;
}

void
catalogue_give(struct catalogue *catalogue, struct sql *sql)
{
    sql_pool_give(catalogue->pool, sql);
}

gboolean
catalogue_check(struct catalogue *catalogue, GError **error)
{
    struct sql *sql = catalogue_take(catalogue, error);
    gboolean good = sql && sql_check(sql, "catalogue", error);
    catalogue_give(catalogue, sql);
    return good;
}

/* Opens a batch when none is open. */
static gboolean
batch_begin(struct catalogue *catalogue, GError **error)
{
    if (catalogue->batch)
        return TRUE;
    struct sql *sql = catalogue_take(catalogue, error);
    if (!sql)
        return FALSE;
    if (!sql_begin(sql, error)) {
        catalogue_give(catalogue, sql);
        return FALSE;
    }
    catalogue->batch = sql;
    return TRUE;
}

void
catalogue_abandon(struct catalogue *catalogue)
{
    if (!catalogue->batch)
        return;
    sql_rollback(catalogue->batch);
    catalogue_give(catalogue, catalogue->batch);
    catalogue->batch = NULL;
    g_hash_table_remove_all(catalogue->words); /* some were only in that batch */
}

static gboolean
run(struct catalogue *catalogue, const char *name, const struct sql_value *values, guint n, GError **error)
{
    return sql_run(catalogue->batch, name, values, n, NULL, NULL, NULL, error);
}

static gboolean
add_message(struct catalogue *catalogue, guint64 id, const struct catalogue_message *message, GError **error)
{
    g_autofree char *subject = catalogue_text(message->subject, CATALOGUE_SUBJECT_MAX);
    gint64 key = catalogue_message_key(message->message_id);
    struct sql_value author, null = {.type = SQL_NULL};
    if (!catalogue_word(catalogue, message->from, &author, error))
        return FALSE;
    struct sql_value values[] = {
        SQL_I((gint64)id),
        SQL_I((gint64)message->size),
        message->date >= 0 ? SQL_I(message->date) : null,
        SQL_I(MIN(message->attachments, 65535)),
        author,
        key ? SQL_I(key) : null,
        SQL_T(subject),
    };
    g_autoptr(GError) failure = NULL;
    if (run(catalogue, "message_add", values, G_N_ELEMENTS(values), &failure) ||
        g_error_matches(failure, SQL_ERROR, SQL_ERROR_DUPLICATE))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static gboolean
collect_int(const struct sql_row *row, gpointer data)
{
    gint64 number = sql_row_int(row, 0);
    g_array_append_val((GArray *)data, number);
    return TRUE;
}

/* The words of the recipients as given, in order. */
static gboolean
originals_of(struct catalogue *catalogue, const struct capture *capture, GArray *out, GError **error)
{
    for (guint i = 0; i < capture->recipients->len; i++) {
        const struct capture_recipient *recipient = capture->recipients->pdata[i];
        struct sql_value word;
        if (!catalogue_word(catalogue, recipient->original, &word, error))
            return FALSE;
        g_array_append_val(out, word.integer);
    }
    return TRUE;
}

/* Does an earlier event of this content have the same sender and the same recipients? 1, 0, -1 error. */
static int
is_again(struct catalogue *catalogue, guint64 id, guint64 event, gint64 mail_from, const struct capture *capture,
         GError **error)
{
    g_autoptr(GArray) before = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autoptr(GArray) ours = g_array_new(FALSE, FALSE, sizeof(gint64));
    struct sql_value values[] = {SQL_I((gint64)id), SQL_I((gint64)event), SQL_I(mail_from),
                                 SQL_I((gint64)id), SQL_I((gint64)event), SQL_I(mail_from)};
    if (!sql_run(catalogue->batch, "events_before", values, G_N_ELEMENTS(values), collect_int, before, NULL, error) ||
        !originals_of(catalogue, capture, ours, error))
        return -1;
    for (guint i = 0; i < before->len; i++) {
        g_autoptr(GArray) theirs = g_array_new(FALSE, FALSE, sizeof(gint64));
        if (!sql_run(catalogue->batch, "event_originals", (struct sql_value[]){SQL_I(g_array_index(before, gint64, i))}, 1,
                     collect_int, theirs, NULL, error))
            return -1;
        if (theirs->len == ours->len && (ours->len == 0 || memcmp(theirs->data, ours->data, ours->len * sizeof(gint64)) == 0))
            return 1;
    }
    return 0;
}

static enum verdict_action
action_of(const struct capture *capture)
{
    if (!capture->verdict)
        return VERDICT_ACCEPT;
    struct decision decision = {0};
    verdict_decide(capture->verdict, capture->recipients->len, &decision);
    enum verdict_action action = decision.action;
    decision_clear(&decision);
    return action;
}

/* 1 added, 0 there already, -1 error. */
static int
add_event(struct catalogue *catalogue, guint64 id, guint64 event, const struct capture *capture, GError **error)
{
    g_autofree char *queue_id = catalogue_text(capture->queue_id, CATALOGUE_QUEUE_ID_MAX);
    g_autofree char *user = address_normalise(capture->auth_user ? capture->auth_user : "");
    const char *const words[] = {capture->instance, capture->client_name, capture->client_address, capture->helo, user,
                                 capture->mail_from};
    struct sql_value word[G_N_ELEMENTS(words)], null = {.type = SQL_NULL};
    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        if (!catalogue_word(catalogue, words[i], &word[i], error))
            return -1;
    int again = event == id ? 0 : is_again(catalogue, id, event, word[5].integer, capture, error);
    if (again < 0)
        return -1;
    struct sql_value values[] = {
        SQL_I((gint64)event),
        event == id ? null : SQL_I((gint64)id),
        SQL_I(capture->received_us / 1000),
        SQL_I(capture->source),
        SQL_I(action_of(capture)),
        SQL_I(again),
        word[0], word[1], word[2], word[3], word[4], word[5],
        *queue_id ? SQL_T(queue_id) : null,
    };
    g_autoptr(GError) failure = NULL;
    if (run(catalogue, "event_add", values, G_N_ELEMENTS(values), &failure))
        return 1;
    if (g_error_matches(failure, SQL_ERROR, SQL_ERROR_DUPLICATE))
        return 0;
    g_propagate_error(error, g_steal_pointer(&failure));
    return -1;
}

/* The rows of one recipient: one a mailbox, at least one. original is a word's id or 0. */
static gboolean
add_recipient(struct catalogue *catalogue, guint64 event, guint position, gint64 original, char *const *mailboxes,
              enum capture_expansion state, GError **error)
{
    guint n = 0;
    do {
        const char *mailbox = mailboxes ? mailboxes[n] : NULL;
        struct sql_value word, null = {.type = SQL_NULL};
        if (!catalogue_word(catalogue, mailbox, &word, error))
            return FALSE;
        gboolean same = word.type == SQL_INT && word.integer == original;
        struct sql_value values[] = {SQL_I((gint64)event), SQL_I(position), SQL_I(n),
                                     same || !original ? null : SQL_I(original), word, SQL_I(state)};
        if (!run(catalogue, "recipient_add", values, G_N_ELEMENTS(values), error))
            return FALSE;
        if (!mailbox)
            break;
        n++;
    } while (mailboxes[n]);
    return TRUE;
}

static gboolean
add_recipients(struct catalogue *catalogue, guint64 event, const struct capture *capture, GError **error)
{
    for (guint i = 0; i < capture->recipients->len; i++) {
        const struct capture_recipient *recipient = capture->recipients->pdata[i];
        struct sql_value original;
        if (!catalogue_word(catalogue, recipient->original, &original, error) ||
            !add_recipient(catalogue, event, i, original.integer, recipient->mailboxes, recipient->expansion, error))
            return FALSE;
        if (recipient->expansion == CAPTURE_PENDING &&
            !run(catalogue, "pending_add", (struct sql_value[]){SQL_I((gint64)event), SQL_I(i)}, 2, error))
            return FALSE;
    }
    return TRUE;
}

int
catalogue_add(struct catalogue *catalogue, guint64 id, guint64 event, const struct capture *capture,
              const struct catalogue_message *message, GError **error)
{
    if (!batch_begin(catalogue, error))
        return -1;
    if (message && !add_message(catalogue, id, message, error))
        return -1;
    int added = add_event(catalogue, id, event, capture, error);
    if (added > 0 && !add_recipients(catalogue, event, capture, error))
        return -1;
    return added;
}

struct original {
    gboolean found;
    gint64 word;
};

static gboolean
take_original(const struct sql_row *row, gpointer data)
{
    struct original *original = data;
    original->found = TRUE;
    original->word = sql_row_int(row, 0);
    return FALSE;
}

int
catalogue_expand(struct catalogue *catalogue, guint64 event, guint recipient, char *const *mailboxes, GError **error)
{
    if (!batch_begin(catalogue, error))
        return -1;
    struct sql_value key[] = {SQL_I((gint64)event), SQL_I(recipient)};
    struct original original = {0};
    if (!sql_run(catalogue->batch, "recipient_original", key, 2, take_original, &original, NULL, error))
        return -1;
    if (!original.found)
        return 0;
    gboolean good = run(catalogue, "recipient_remove", key, 2, error) &&
                    add_recipient(catalogue, event, recipient, original.word, mailboxes, CAPTURE_EXPANDED, error) &&
                    run(catalogue, "pending_remove", key, 2, error);
    return good ? 1 : -1;
}

gboolean
catalogue_commit(struct catalogue *catalogue, const guint8 position[CATALOGUE_POSITION], GError **error)
{
    if (!batch_begin(catalogue, error))
        return FALSE;
    struct sql_value values[] = {SQL_T(reader), SQL_B(position, CATALOGUE_POSITION)};
    if (!run(catalogue, "reader_set", values, 2, error) || !sql_commit(catalogue->batch, error)) {
        catalogue_abandon(catalogue);
        return FALSE;
    }
    catalogue_give(catalogue, catalogue->batch);
    catalogue->batch = NULL;
    return TRUE;
}

static gboolean
take_position(const struct sql_row *row, gpointer data)
{
    gsize length;
    const char *at = sql_row_text(row, 0, &length);
    memcpy(data, at, MIN(length, CATALOGUE_POSITION));
    return FALSE;
}

gboolean
catalogue_position(struct catalogue *catalogue, guint8 position_r[CATALOGUE_POSITION], GError **error)
{
    memset(position_r, 0, CATALOGUE_POSITION);
    struct sql *sql = catalogue_take(catalogue, error);
    gboolean good = sql && sql_run(sql, "reader_get", (struct sql_value[]){SQL_T(reader)}, 1, take_position, position_r,
                                   NULL, error);
    catalogue_give(catalogue, sql);
    return good;
}
