/* html_reader.h: what happens to a view while its document is read; for html_reader.c, html_text.c and html_view.c only. */
#pragma once
#include "lib/spam/view/html_looks.h"
#include "lib/spam/view/html_uris.h"
#include "lib/spam/view/html_view.h"

/* The latest run of text. It is kept apart because the next one may still trim it. */
struct html_piece {
    gboolean is_there;
    struct spam_string text; /* its memory serves all pieces */
    gboolean is_space;       /* made by a tag */
    gboolean is_invisible;
};

struct html_reader {
    struct html_view *view;
    struct html_tokens *tokens;
    gboolean is_chars, utf8_bytes;
    struct html_looks looks;
    struct html_uris *uris;
    struct html_piece piece;
    struct html_uri *anchor_uri; /* of the latest <a>; NULL: there was no room */
    gint64 tags, tags_seen, elements, elements_seen, closed_extra, obfuscations;
    guint64 backhair; /* bit 7 * (before - 1) + after - 1: lengths of word parts seen on both sides of a tag */
};

extern const struct html_events html_reader_events; /* data is the reader */

void html_text_read(struct html_reader *reader, const char *text, gsize length, gboolean is_cdata);
void html_text_space(struct html_reader *reader, const char *space); /* made by a tag: "\n", " ", .. */
void html_text_flush(struct html_reader *reader);                    /* the latest piece to the texts of the view */
void html_text_keep(GPtrArray *list, struct spam_slice text);        /* unless there are too many */
