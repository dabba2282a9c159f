/* texts.h: the texts that body and rawbody rules see, as SpamAssassin makes them of a tree.
 *
 * body: the decoded Subject and the rendered text/plain and text/html leaves, white space squeezed, one paragraph an element,
 * UTF-8. rawbody: the decoded text and message leaves, bytes as they came, in chunks. Linear. For one thread at a time. */
#pragma once
#include <glib.h>
#include "lib/spam/view/tree.h"

struct html_view;

struct texts_options {
    gsize body_part_scan_size;    /* characters of a part's rendered text; 0 = all (SpamAssassin: 50000) */
    gsize rawbody_part_scan_size; /* bytes of a part's decoded text; 0 = all (500000) */
};

/* How text/html leaves are rendered. The result is the callee's and lives as long as the texts are being made. */
typedef const struct html_view *(*texts_render_fn)(gpointer data, struct spam_part *part, const GString *text,
                                                   gboolean is_chars, gsize source_length);

enum texts_kind { TEXTS_BODY, TEXTS_VISIBLE, TEXTS_INVISIBLE };

/* GString * elements; container and elements: g_ptr_array_unref. */
GPtrArray *texts_body(struct spam_tree *tree, enum texts_kind kind, const struct texts_options *options,
                      texts_render_fn render, gpointer data);
GPtrArray *texts_rawbody(struct spam_tree *tree, const struct texts_options *options);
