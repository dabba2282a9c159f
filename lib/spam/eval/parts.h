/* parts.h: a message's parts as the eval functions want them; the tree (lib/spam/view) fills them in.
 *
 * Parts come in SpamAssassin's order: each before its children, those in their order. Nothing is owned here, everything is
 * read only, so the functions are thread-safe on different messages. Strings are NUL-terminated bytes. */
#pragma once
#include "lib/spam/view/perl_text.h"

struct eval_part {
    const char *type;          /* as the tree has it: "text/plain", "multipart/digest" */
    const char *declared_type; /* of the last Content-Type field alone (parse_content_type) */
    const char *charset;       /* of that field; NULL where it has none */
    const char *name;          /* the file's, or NULL */
    const char *encoding;      /* the last Content-Transfer-Encoding field, without line break; "" where there is none */
    const char *disposition;   /* the last Content-Disposition field, likewise */
    guint below;               /* parts below this one: they follow it */
    gboolean is_leaf;
    gboolean has_image;        /* rendered HTML with an <img> left open, as html_results.inside has it */
    struct perl_text raw;      /* leaves: the lines as the tree keeps them */
    struct perl_text decoded;  /* leaves: bytes after transfer decoding */
    const char *rendered_type; /* "text/html", "text/plain", or NULL where the part isn't rendered */
    struct perl_text rendered;
};

struct eval_parts {
    const struct eval_part *part;
    gsize count;
};
