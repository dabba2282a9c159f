/* image_info.h: sizes of the images in a message: Plugin::ImageInfo of SpamAssassin. Only parts in base64 count. Thread-safe. */
#pragma once
#include "lib/spam/eval/parts.h"

enum image_kind { IMAGE_GIF, IMAGE_PNG, IMAGE_JPEG, IMAGE_KINDS };

struct image_size {
    enum image_kind kind;
    guint height, width;
};

struct image_info {
    guint count[IMAGE_KINDS]; /* also what isn't what its type says */
    double pixels[IMAGE_KINDS];
    GArray *sizes;    /* struct image_size */
    GPtrArray *names; /* char *: of images with a size */
};

void image_info_init(struct image_info *info, struct eval_parts parts);
void image_info_clear(struct image_info *info);

/* kind is "gif", "png", "jpeg" or "all"; any other never hits. NAN stands for an argument that the rule leaves out. */
gboolean image_info_count_within(const struct image_info *info, const char *kind, double min, double max);  /* image_count */
gboolean image_info_pixels_within(const struct image_info *info, const char *kind, double min, double max); /* pixel_coverage */
gboolean image_info_text_ratio(const struct image_info *info, const char *kind, gsize text_length, double min,
                               double max); /* image_to_text_ratio; text_length: bytes of the texts that the rule sees */
gboolean image_info_has_size(const struct image_info *info, const char *kind, const char *height,
                             const char *width); /* image_size_exact */
gboolean image_info_size_within(const struct image_info *info, const char *kind, double min_height, double min_width,
                                double max_height, double max_width);          /* image_size_range */
gboolean image_info_has_name(const struct image_info *info, const char *name); /* image_named */
