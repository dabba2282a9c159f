/* html_view.h: an HTML part as SpamAssassin renders it, and what it notes about it on the way.
 *
 * The reader is its parser's (HTML::Parser 3.81: marked sections, declarations, unterminated tags and entities as there), not
 * a browser's. Text comes in as the tree part made it: characters after charset normalisation, or bytes where nothing was
 * decoded. Linear in length; what is kept is bounded: HTML_VIEW_KEPT_MAX titles, comments, scripts and anchors each, and as
 * html_tags.h, html_tokens.h and html_uris.h say. Thread-safe on different texts. */
#pragma once
#include "lib/spam/view/spam_string.h"

#define HTML_VIEW_KEPT_MAX 65536

struct html_inside; /* html_tags.h */

/* One URI of the document. */
struct html_uri {
    struct spam_string *uri; /* as SpamAssassin keys it: made absolute; that of an anchor only cleaned, and perhaps empty */
    GPtrArray *anchor_texts; /* struct spam_string *: text of each <a> with it, in order */
    GPtrArray *types;        /* const char *: "a", "img", "form", .. unique; empty: only an anchor's */
};

/* What Plugin/HTMLEval.pm and others read. Numbers that SpamAssassin leaves undefined are NAN or -1 as said. */
struct html_results {
    gboolean is_html;  /* html */
    /* FALSE: SpamAssassin did not see the end of the document (it gave up at a CSS background without a value, or the end is
     * in an ignored section) and has none of the values that it makes there: image_area to uri_truncated and the lists. */
    gboolean complete;
    double image_area;
    gint64 length;             /* of the source, in its characters */
    double min_size, max_size; /* font sizes */
    double closed_extra_ratio, bad_tag_ratio, non_element_ratio, obfuscation_ratio; /* NAN = undefined */
    gint64 backhair_count;     /* -1 = undefined */
    gboolean uri_truncated;
    double ratio;                      /* NAN = undefined (an empty source) */
    gint64 html_length, non_space_len; /* of the rendered text, in its characters */
    struct html_inside *inside;        /* how often each tag is open at the end */
    GPtrArray *titles, *comments, *scripts, *anchors; /* struct spam_string *, in order */
    GPtrArray *uris;                                  /* struct html_uri *, in order of first appearance */
    gboolean font_face_bad, font_low_contrast, font_invalid_color, form_action_mailto, embeds;
};

struct html_view {
    struct spam_string rendered, visible, invisible;
    struct html_results results;
};

/* utf8_bytes: text is bytes that were not decoded at all (normalize_charset 0), and entities come out as UTF-8. Else bytes
 * are Latin-1, as pure ASCII is after normalisation. source_length: bytes of the part before charset decoding (for ratio).
 * Never NULL. */
struct html_view *html_view_new(struct spam_slice text, gboolean utf8_bytes, gsize source_length);
void html_view_free(struct html_view **view); /* NULL-safe */

/* A result by the name that SpamAssassin has for it. FALSE: undefined there. Lists and tables are 1: true, no number of use. */
gboolean html_results_get(const struct html_results *results, const char *name, double *value);
/* A list of texts by name: title, comment, script, anchor. NULL: no such list. */
const GPtrArray *html_results_texts(const struct html_results *results, const char *name);
