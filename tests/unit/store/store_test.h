/* store_test.h: what the store's tests share: a scratch store, captures, the corpus. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "archive-store/store/store_private.h"

struct scratch {
    char *dir; /* holds store/ and master.key */
    struct store_options options;
    struct store *store;
};
/* A new folder with a key; the store isn't open yet. Segments of 1 MiB, attachments from 4 KiB. */
void scratch_init(struct scratch *s);
void scratch_open(struct scratch *s); /* fails the test when it can't be opened */
void scratch_close(struct scratch *s);
void scratch_clear(struct scratch *s); /* closes, removes the folder */
void remove_tree(const char *path);
void copy_tree(const char *from, const char *to);

/* A capture with one sender, recipients separated by commas, and that message. */
struct capture *make_capture(const void *message, gsize length, const char *from, const char *recipients);
/* "Subject: n" and some lines made from seed. */
GBytes *make_message(guint seed, gsize size);
/* Ingests and frees the capture; fails the test on an error. */
struct store_receipt must_ingest(struct store *store, struct capture *capture);
/* The stored message equals the bytes. */
void assert_stored(struct store *store, guint64 id, GBytes *message);
/* A verification that finds nothing wrong. */
void assert_sound(struct store *store);
/* Corpus folder, or NULL when it is absent (told on stderr): POSTERN_CORPUS, else ../shared/corpus of the
 * source root. */
const char *corpus(void);
/* Regular files below corpus()/folder, sorted, every step-th. */
GPtrArray *corpus_files(const char *folder, guint step);
