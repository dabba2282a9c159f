/* html_looks.h: how text looks at a place of the document: colours, size, shown or not, by tags and their attributes.
 *
 * A stack of looks as SpamAssassin keeps it, not CSS: only certain tags and attributes count, style sheets do not. Where it takes
 * a tag's attributes in the random order of a Perl hash, here it is the order of the document. Amortised constant time
 * per tag. One value per thread. */
#pragma once
#include "lib/spam/view/html_attributes.h"
#include "lib/spam/view/html_tags.h"

struct html_look {
    enum html_tag_id tag;
    gint32 foreground, background; /* html_colors.h */
    double size;
    gboolean display_none, hidden;
};

struct html_looks {
    GArray *stack; /* struct html_look; never empty */
    guint open[HTML_TAG_IDS];
    double basefont;
    double min_size, max_size;
};

void html_looks_init(struct html_looks *looks);
void html_looks_clear(struct html_looks *looks);
/* A tag with HTML_TAG_STYLED. FALSE: SpamAssassin reads no further than this tag. */
gboolean html_looks_start(struct html_looks *looks, enum html_tag_id tag, const struct html_attributes *attributes);
void html_looks_end(struct html_looks *looks, enum html_tag_id tag);
const struct html_look *html_looks_top(const struct html_looks *looks);
