/* tokenizer.h: the FTS5 tokenizer "postern", which runs the segmenter (segmenter.h).
 *
 * FTS5 doesn't tell a tokenizer which column a text is from, so the first byte of all text given to FTS5 says what it
 * is, in documents and in MATCH strings alike:
 *   'T'  text: goes through the segmenter in the form SEGMENTER_INDEX
 *   'O'  opaque: tokens made already; ' ' goes to the next position, '\t' adds another token at the same one
 * Callers always put this byte themselves, so that no mail can choose. */
#pragma once
#include <glib.h>
#include <sqlite3.h>

#define TOKENIZER_TEXT 'T'
#define TOKENIZER_OPAQUE 'O'

/* Registers it with the connection. FALSE: the SQLite library has no FTS5. */
gboolean tokenizer_register(sqlite3 *db, GError **error);
