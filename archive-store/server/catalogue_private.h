/* catalogue_private.h: what writing (catalogue.c), words (catalogue_word.c) and lookups (catalogue_read.c) share. */
#pragma once
#include "archive-store/server/catalogue.h"

struct catalogue {
    struct sql_pool *pool;
    GMutex lock;
    gboolean schema_fits; /* under lock: looked at once; later errors speak for themselves */
    /* the writer's own */
    struct sql *batch;    /* connection with the open batch, or NULL */
    GHashTable *words;    /* value -> id of words known to be there; emptied when a batch is abandoned */
};

/* A connection whose schema fits; give it back with catalogue_give. */
struct sql *catalogue_take(struct catalogue *catalogue, GError **error);
void catalogue_give(struct catalogue *catalogue, struct sql *sql);

#define CATALOGUE_SUBJECT_MAX 255
#define CATALOGUE_WORD_MAX 1024
#define CATALOGUE_QUEUE_ID_MAX 64
/* A valid UTF-8 copy of at most max bytes, cut between characters; caller frees. */
char *catalogue_text(const char *text, gsize max);
/* The number by which a Message-ID is found; 0 when it is empty. */
gint64 catalogue_message_key(const char *message_id);
/* The id of a word that is there: 1 id_r set, 0 no such word, -1 error. */
int catalogue_word_find(struct sql *sql, const char *value, gint64 *id_r, GError **error);
/* The value for a column that refers to a word, which is added when missing; NULL for "" and NULL. For the writer. */
gboolean catalogue_word(struct catalogue *catalogue, const char *value, struct sql_value *value_r, GError **error);
