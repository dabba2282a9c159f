/* index_private.h: the whole index: its files, the writer's and the readers' connections. Private to the index. */
#pragma once
#include "archive-store/index/index_file.h"

struct archive_index {
    char *dir;
    char *note; /* what index_open found and did, or NULL */

    GMutex lock;      /* guards months, idle, cursor */
    GArray *months;   /* guint YYYYMM, newest first */
    GQueue idle;      /* struct index_file *: readers, most recently used first */
    guint8 cursor[16];

    /* Only for the writer's thread. */
    sqlite3 *state;      /* index.db */
    GHashTable *writers; /* month -> struct index_file * */
    guint64 uses;
    GHashTable *joined; /* months whose segments index_optimise has joined, and nothing was added since */
};

/* A reader's connection for the month, to be given back; NULL with error. */
struct index_file *index_take_reader(struct archive_index *index, guint month, GError **error);
void index_give_reader(struct archive_index *index, struct index_file *file);
/* Copy of the months, newest first; caller unrefs. */
GArray *index_months(struct archive_index *index);
/* The writer's connection for the month, with an open batch when begin; create = may make the file. NULL without error: no such file. */
struct index_file *index_writer(struct archive_index *index, guint month, gboolean create, gboolean begin, GError **error);
