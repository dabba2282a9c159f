/* image_info.c: finds an image's height and width in its bytes: the little of GIF, PNG and JPEG that is needed for it. */
#include "lib/spam/eval/image_info.h"
#include "lib/spam/eval/args.h"
#include <string.h>

static const char *const kind_names[IMAGE_KINDS] = {"gif", "png", "jpeg"};

static guint
big16(const guint8 *p)
{
    return (guint)p[0] << 8 | p[1];
}

static guint
big32(const guint8 *p)
{
    return (guint)big16(p) << 16 | big16(p + 2);
}

static void
measure_gif(const guint8 *data, gsize length, struct image_size *size)
{
    if (length < 10 || (memcmp(data, "GIF87a", 6) != 0 && memcmp(data, "GIF89a", 6) != 0))
        return;
    size->width = (guint)data[6] | (guint)data[7] << 8;
    size->height = (guint)data[8] | (guint)data[9] << 8;
}

/* Looks for the header chunk at every eighth byte, as SpamAssassin does. */
static void
measure_png(const guint8 *data, gsize length, struct image_size *size)
{
    if (length < 8 || memcmp(data, "\x89PNG\r\n\x1a\n", 8) != 0)
        return;
    for (gsize pos = 8; pos + 8 <= length; pos += 8) {
        if (memcmp(data + pos + 4, "IEND", 4) == 0)
            return;
        if (memcmp(data + pos + 4, "IHDR", 4) != 0 || big32(data + pos) != 13)
            continue;
        if (length - pos < 8 + 8 + 4) /* with the checksum */
            return;
        size->width = big32(data + pos + 8);
        size->height = big32(data + pos + 12);
        return;
    }
}

/* Whether the marker starts a frame: C0 to CF, without DHT, JPG and DAC. */
static gboolean
is_frame(guint8 marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

static void
measure_jpeg(const guint8 *data, gsize length, struct image_size *size)
{
    gsize pos = 2;

    if (length < 2 || memcmp(data, "\xff\xd8", 2) != 0)
        return;
    while (pos + 4 <= length) {
        const guint8 *segment = data + pos;
        gsize size_given = big16(segment + 2);

        if (segment[0] != 0xff || segment[1] == 0xda || segment[1] == 0xd9 || size_given < 2)
            return;
        pos += 4;
        size_given = MIN(size_given - 2, length - pos);
        if (is_frame(segment[1])) {
#ifdef POSTERN_PLANTED_BUGS
            if (size_given < 5) /* reads a frame that isn't all there */
                size_given = 5;
#endif
            if (size_given >= 5) {
                size->height = big16(segment + 5);
                size->width = big16(segment + 7);
            }
            return;
        }
        pos += size_given;
    }
}

/* The kind that the part's type says; FALSE for what is no such image. */
static gboolean
kind_of(const char *type, enum image_kind *kind_r)
{
    if (!g_str_has_prefix(type, "image/"))
        return FALSE;
    type += strlen("image/");
    if (strcmp(type, "jpg") == 0)
        type = "jpeg";
    for (guint i = 0; i < IMAGE_KINDS; i++)
        if (strcmp(type, kind_names[i]) == 0) {
            *kind_r = (enum image_kind)i;
            return TRUE;
        }
    return FALSE;
}

static void
read_image(struct image_info *info, const struct eval_part *part, enum image_kind kind)
{
    static void (*const measure[IMAGE_KINDS])(const guint8 *, gsize, struct image_size *) = {measure_gif, measure_png,
                                                                                             measure_jpeg};
    struct image_size size = {.kind = kind};

    info->count[kind]++;
    measure[kind]((const guint8 *)part->decoded.at, part->decoded.length, &size);
    if (size.height == 0 || size.width == 0)
        return;
    info->pixels[kind] += (double)size.height * size.width;
    g_array_append_val(info->sizes, size);
    if (part->name != NULL && *part->name != '\0' && strcmp(part->name, "0") != 0)
        g_ptr_array_add(info->names, g_strdup(part->name));
}

void
image_info_init(struct image_info *info, struct eval_parts parts)
{
    *info = (struct image_info){.sizes = g_array_new(FALSE, FALSE, sizeof(struct image_size)),
                                .names = g_ptr_array_new_with_free_func(g_free)};
    for (gsize i = 0; i < parts.count; i++) {
        enum image_kind kind;

        if (parts.part[i].is_leaf && g_ascii_strcasecmp(parts.part[i].encoding, "base64") == 0 &&
            kind_of(parts.part[i].type, &kind))
            read_image(info, &parts.part[i], kind);
    }
}

void
image_info_clear(struct image_info *info)
{
    g_clear_pointer(&info->sizes, g_array_unref);
    g_clear_pointer(&info->names, g_ptr_array_unref);
}

static gboolean
is_asked(const char *kind, enum image_kind one)
{
    return strcmp(kind, "all") == 0 || strcmp(kind, kind_names[one]) == 0;
}

/* The sum of the kind's values; -1 for a kind that isn't. */
static double
pixels_of(const struct image_info *info, const char *kind)
{
    double sum = -1;

    for (guint i = 0; i < IMAGE_KINDS; i++)
        if (is_asked(kind, (enum image_kind)i))
            sum = MAX(sum, 0) + info->pixels[i];
    return sum;
}

gboolean
image_info_count_within(const struct image_info *info, const char *kind, double min, double max)
{
    double sum = -1;

    for (guint i = 0; i < IMAGE_KINDS; i++)
        if (is_asked(kind, (enum image_kind)i))
            sum = MAX(sum, 0) + info->count[i];
    return sum >= 0 && !isnan(min) && args_within(sum, min, max);
}

gboolean
image_info_pixels_within(const struct image_info *info, const char *kind, double min, double max)
{
    double sum = pixels_of(info, kind);

    return sum >= 0 && !isnan(min) && args_within(sum, min, max);
}

gboolean
image_info_text_ratio(const struct image_info *info, const char *kind, gsize text_length, double min, double max)
{
    double pixels = pixels_of(info, kind), ratio;

    if (text_length == 0 || pixels <= 0 || isnan(min) || isnan(max))
        return FALSE;
    ratio = (double)text_length / pixels;
    return ratio >= min && ratio < max;
}

gboolean
image_info_has_size(const struct image_info *info, const char *kind, const char *height, const char *width)
{
    for (guint i = 0; i < info->sizes->len; i++) {
        const struct image_size *size = &g_array_index(info->sizes, struct image_size, i);
        char text[2][16];

        g_snprintf(text[0], sizeof text[0], "%u", size->height);
        g_snprintf(text[1], sizeof text[1], "%u", size->width);
        if (is_asked(kind, size->kind) && strcmp(text[0], height) == 0 && strcmp(text[1], width) == 0)
            return TRUE;
    }
    return FALSE;
}

gboolean
image_info_size_within(const struct image_info *info, const char *kind, double min_height, double min_width, double max_height,
                       double max_width)
{
    if (isnan(min_height) || isnan(min_width))
        return FALSE;
    for (guint i = 0; i < info->sizes->len; i++) {
        const struct image_size *size = &g_array_index(info->sizes, struct image_size, i);

        if (is_asked(kind, size->kind) && args_within(size->height, min_height, max_height) &&
            args_within(size->width, min_width, max_width))
            return TRUE;
    }
    return FALSE;
}

gboolean
image_info_has_name(const struct image_info *info, const char *name)
{
    for (guint i = 0; i < info->names->len; i++)
        if (strcmp(g_ptr_array_index(info->names, i), name) == 0)
            return TRUE;
    return FALSE;
}
