/* html_view.h: an HTML part as SpamAssassin renders it, and what it notes about it on the way.
 *
 * The reader is its parser's (HTML::Parser 3.81: marked sections, declarations, unterminated tags and entities as there), not
 * a browser's. Text comes in as the tree part made it: characters (UTF-8 here) after charset normalisation, or bytes where
 * nothing was decoded. Linear in length; what is kept is bounded. Thread-safe on different texts. */
#pragma once
#include <glib.h>

/* A string with Perl's two meanings: characters (then bytes is their UTF-8) or plain bytes. */
struct spam_string {
    GString *text;
    gboolean is_chars;
};

/* One URI of the document. */
struct html_uri {
    char *uri;               /* as SpamAssassin keys it: after canon_uri and resolving against base */
    GPtrArray *anchor_texts; /* GString *: text of each <a> with it, in order */
    GPtrArray *types;        /* char *: "a", "img", "form", .. unique */
};

/* What Plugin/HTMLEval.pm and others read. Numbers that SpamAssassin leaves undefined are NAN or -1 as said. */
struct html_results {
    gboolean is_html;                /* html */
    double image_area;
    gint64 length;                   /* of the source */
    double min_size, max_size;       /* font sizes */
    double closed_extra_ratio, bad_tag_ratio, non_element_ratio, obfuscation_ratio, ratio; /* NAN = undefined */
    gint64 backhair_count;           /* -1 = undefined */
    gint64 html_length, non_space_len; /* of the rendered text, in characters (see spam_string) */
    GHashTable *inside;              /* tag name -> count (GINT_TO_POINTER), the nesting left open at the end */
    GPtrArray *titles, *comments, *scripts, *anchors; /* GString * */
    GPtrArray *uris;                 /* struct html_uri *, in order of first appearance */
    char *charsets;                  /* from meta, joined by blanks, or NULL */
    guint font_face_bad, font_low_contrast, font_invalid_color, form_action_mailto, embeds, uri_truncated;
    GHashTable *tests;               /* further values that html_test and html_eval ask by name: name -> GString */
};

struct html_view {
    struct spam_string rendered, visible, invisible;
    struct html_results results;
};

/* text is UTF-8 when is_chars. source_length: bytes of the part before charset decoding (for ratio). Never NULL. */
struct html_view *html_view_new(const char *text, gsize length, gboolean is_chars, gsize source_length);
void html_view_free(struct html_view **view); /* NULL-safe */
