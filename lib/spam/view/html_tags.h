/* html_tags.h: the tags that SpamAssassin knows, and how often each tag of a document stands open.
 *
 * At most HTML_TAGS_MAX different unknown tags are counted. One counter per thread. */
#pragma once
#include <glib.h>

#define HTML_TAGS_MAX 65536

enum html_tag_traits {
    HTML_TAG_ELEMENT = 1,      /* of HTML 4 or XHTML 1 */
    HTML_TAG_TRICK = 1 << 1,   /* rendered, though none of these */
    HTML_TAG_STYLED = 1 << 2,  /* changes how text looks */
    HTML_TAG_LINE = 1 << 3,    /* breaks the line */
    HTML_TAG_BLANK = 1 << 4,   /* parts words */
    HTML_TAG_PARA = 1 << 5,    /* begins a paragraph */
};

/* Tags that are asked for one by one; all others that have traits are HTML_TAG_OTHER. */
enum html_tag_id {
    HTML_TAG_UNKNOWN, HTML_TAG_OTHER, HTML_TAG_A, HTML_TAG_AREA, HTML_TAG_BASE, HTML_TAG_BASEFONT, HTML_TAG_BGSOUND, HTML_TAG_BIG,
    HTML_TAG_BODY, HTML_TAG_DIV, HTML_TAG_EMBED, HTML_TAG_FONT, HTML_TAG_FORM, HTML_TAG_FRAME, HTML_TAG_IFRAME, HTML_TAG_IMG,
    HTML_TAG_LINK, HTML_TAG_META, HTML_TAG_OBJECT, HTML_TAG_P, HTML_TAG_SCRIPT, HTML_TAG_SMALL, HTML_TAG_SPAN,
    HTML_TAG_STYLE, HTML_TAG_TABLE, HTML_TAG_TD, HTML_TAG_TH, HTML_TAG_TITLE, HTML_TAG_TR, HTML_TAG_DOCTYPE, HTML_TAG_IDS
};

struct html_tag {
    char name[12];
    enum html_tag_id id;
    guint traits;
};

/* Name in lower case. NULL: not known. Static memory. */
const struct html_tag *html_tag_find(const char *name, gsize length);

struct html_inside; /* how many of each tag are open */

struct html_inside *html_inside_new(void);
void html_inside_free(struct html_inside **inside); /* NULL-safe */
/* The counter of a tag, made with *is_new when it was not seen before. tag may be NULL (not known). NULL: too many tags. */
gint64 *html_inside_at(struct html_inside *inside, const struct html_tag *tag, const char *name, gsize length, gboolean *is_new);
/* FALSE: never seen. */
gboolean html_inside_get(const struct html_inside *inside, const char *name, gsize length, gint64 *count);
gint64 html_inside_known(const struct html_inside *inside, enum html_tag_id id); /* 0 when never seen; not for HTML_TAG_OTHER */
void html_inside_foreach(const struct html_inside *inside, void (*each)(const char *name, gsize length, gint64 count, gpointer data),
                         gpointer data);
