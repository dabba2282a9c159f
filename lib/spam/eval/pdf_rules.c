/* pdf_rules.c: what rules ask of PDF files. */
#include <math.h>
#include <string.h>
#include "lib/spam/eval/args.h"
#include "lib/spam/eval/pdf_info.h"
#include "lib/spam/view/bytes.h"

gboolean
pdf_info_within(double value, double min, double max)
{
    return !isnan(min) && !isnan(value) && args_within(value, min, max);
}

gboolean
pdf_info_text_ratio(const struct pdf_info *info, gsize text_length, double min, double max)
{
    double ratio = (double)text_length / info->pixels;

    return !isnan(max) && text_length > 0 && pdf_info_within(ratio, min, max) && ratio != max;
}

static gboolean
has_text(struct perl_text text)
{
    for (gsize i = 0; i < text.length; i++)
        if (!byte_is_space(text.at[i]))
            return TRUE;
    return FALSE;
}

gboolean
pdf_info_is_empty_body(const struct pdf_info *info, const struct perl_text *texts, gsize count, double max)
{
    double bytes = 0;

    for (gsize i = 1; i < count; i++) /* the first one is the subject's */
        if (has_text(texts[i]))
            bytes += (double)texts[i].length;
    return info->count > 0 && bytes <= (isnan(max) ? 0 : max);
}

gboolean
pdf_info_has_size(const struct pdf_info *info, const char *height, const char *width)
{
    g_autofree char *size = width != NULL ? g_strdup_printf("%sx%s", height, width) : NULL;

    return size != NULL && g_hash_table_contains(info->sizes, size);
}

gboolean
pdf_info_size_within(const struct pdf_info *info, double min_height, double min_width, double max_height, double max_width)
{
    GHashTableIter iter;
    gpointer size;

    if (isnan(min_width))
        return FALSE;
    g_hash_table_iter_init(&iter, info->sizes);
    while (g_hash_table_iter_next(&iter, &size, NULL)) {
        const char *width = strchr(size, 'x') + 1;
        if (args_within(g_ascii_strtod(size, NULL), min_height, max_height) &&
            args_within(g_ascii_strtod(width, NULL), min_width, max_width))
            return TRUE;
    }
    return FALSE;
}

gboolean
pdf_info_has_md5(GHashTable *sums, const char *md5)
{
    g_autofree char *upper = md5 != NULL ? g_ascii_strup(md5, -1) : NULL;

    return upper != NULL && g_hash_table_contains(sums, upper);
}

gboolean
pdf_info_name_matches(const struct pdf_info *info, const struct pattern *pattern, struct matcher *matcher)
{
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init(&iter, info->names);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        if (pattern_match(pattern, matcher, name, strlen(name), 0, NULL, NULL) == MATCH_YES)
            return TRUE;
    return FALSE;
}

gboolean
pdf_info_detail_matches(const struct pdf_info *info, const char *detail, const struct pattern *pattern, struct matcher *matcher)
{
    static const char *const names[PDF_DETAILS] = {[PDF_AUTHOR] = "author",     [PDF_CREATOR] = "creator", [PDF_PRODUCER] = "producer",
                                                   [PDF_TITLE] = "title",       [PDF_CREATED] = "created", [PDF_MODIFIED] = "modified"};

    for (guint i = 0; i < PDF_DETAILS; i++) {
        if (g_strcmp0(names[i], detail) != 0)
            continue;
        for (guint v = 0; v < info->details[i]->len; v++) {
            const GString *value = info->details[i]->pdata[v];
            if (pattern_match(pattern, matcher, value->str, value->len, 0, NULL, NULL) == MATCH_YES)
                return TRUE;
        }
    }
    return FALSE;
}
