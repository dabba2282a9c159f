/* pdf_info.h: what can be seen of a message's PDF files without opening them as such: Plugin::PDFInfo of SpamAssassin.
 *
 * Files are read line by line as text; streams are not unpacked. Linear in their length. Thread-safe on different messages. */
#pragma once
#include "lib/spam/engine/pattern.h"
#include "lib/spam/view/perl_text.h"
#include "lib/spam/view/tree.h"

#define PDF_INFO_URIS_MAX 20u     /* of a file; its own limit */
#define PDF_INFO_KEPT_MAX 65536u  /* sizes, and values of each property, of a message */
#define PDF_INFO_VALUE_MAX 256u   /* bytes of a value; its own limit */

enum pdf_detail { PDF_AUTHOR, PDF_CREATOR, PDF_PRODUCER, PDF_TITLE, PDF_CREATED, PDF_MODIFIED, PDF_DETAILS };

struct pdf_info {
    guint count, images;
    double pixels;          /* of the last file that has images; NAN: none */
    gboolean encrypted;
    GHashTable *sizes;      /* char *, "HEIGHTxWIDTH": of each image, and sums */
    GHashTable *names;      /* char *: of files that begin as a PDF does */
    GHashTable *md5, *fuzzy_md5; /* char *, in capitals: of a file; of its beginning and of its tags */
    GPtrArray *details[PDF_DETAILS]; /* GString *, each once */
    GPtrArray *uris;        /* GString *, in order, those of one file each once */
};

void pdf_info_init(struct pdf_info *info, const struct spam_tree *tree);
void pdf_info_clear(struct pdf_info *info);

/* Arguments of numbers are NAN, others NULL, where the rule has none. */
gboolean pdf_info_within(double value, double min, double max); /* pdf_count, pdf_image_count, pdf_pixel_coverage; value NAN: never */
gboolean pdf_info_text_ratio(const struct pdf_info *info, gsize text_length, double min, double max);
gboolean pdf_info_is_empty_body(const struct pdf_info *info, const struct perl_text *texts, gsize count, double max);
gboolean pdf_info_has_size(const struct pdf_info *info, const char *height, const char *width);
gboolean pdf_info_size_within(const struct pdf_info *info, double min_height, double min_width, double max_height, double max_width);
gboolean pdf_info_has_md5(GHashTable *sums, const char *md5);
gboolean pdf_info_name_matches(const struct pdf_info *info, const struct pattern *pattern, struct matcher *matcher);
/* detail: "author", "creator", "producer", "title", "created", "modified". */
gboolean pdf_info_detail_matches(const struct pdf_info *info, const char *detail, const struct pattern *pattern, struct matcher *matcher);
