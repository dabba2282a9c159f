/* pdf_info.c: see pdf_info.h. */
#include "lib/spam/eval/pdf_info.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "lib/spam/eval/args.h"
#include "lib/spam/eval/pdf_line.h"
#include "lib/spam/view/bytes.h"

#define FUZZY_LINES 70      /* of the beginning that is summed up */
#define MAGIC_WITHIN 1024   /* bytes before "%PDF-" */

/* One file while it is read. */
struct file {
    struct pdf_info *info;
    GString *fuzzy, *tags;
    guint lines;
    gboolean fuzzy_ends, in_image;
    double height, width, area; /* sums over images */
    GHashTable *uris;           /* char * of this file */
};

static void
string_free(gpointer data)
{
    g_string_free(data, TRUE);
}

static void
keep_text(GHashTable *set, char *text)
{
    if (g_hash_table_size(set) < PDF_INFO_KEPT_MAX)
        g_hash_table_add(set, text);
    else
        g_free(text);
}

/* Takes value. */
static void
keep_detail(struct pdf_info *info, enum pdf_detail detail, GString *value)
{
    GPtrArray *values = info->details[detail];
    gboolean known = value == NULL || values->len >= PDF_INFO_KEPT_MAX;

    for (guint i = 0; !known && i < MIN(values->len, 16); i++) /* doubles do no harm: most are near the beginning */
        known = g_string_equal(values->pdata[i], value);
    if (!known)
        g_ptr_array_add(values, g_steal_pointer(&value));
    if (value != NULL)
        g_string_free(value, TRUE);
}

/* ---- images ---- */

/* "W n n H n n cm": all of the line. */
static gboolean
is_matrix(const char *line, gsize length, struct perl_text *width_r, struct perl_text *height_r)
{
    gsize at = 0;

    for (guint word = 0; word < 6; word++) {
        gsize start = at;
        while (at < length && g_ascii_isdigit(line[at]))
            at++;
        if (at == start)
            return FALSE;
        if (word == 0 || word == 3)
            *(word == 0 ? width_r : height_r) = (struct perl_text){line + start, at - start, FALSE};
        start = at;
        while (at < length && byte_is_space(line[at]))
            at++;
        if (at == start)
            return FALSE;
    }
    return length - at == 2 && memcmp(line + at, "cm", 2) == 0;
}

/* Digits behind a word and one blank; FALSE when there are none. */
static gboolean
number_at(const char *line, gsize length, gsize at, const char *word, struct perl_text *number_r)
{
    gsize n = strlen(word), end = at + n + 1;

    if (at + n + 1 >= length || memcmp(line + at, word, n) != 0 || !byte_is_space(line[at + n]))
        return FALSE;
    while (end < length && g_ascii_isdigit(line[end]))
        end++;
    *number_r = (struct perl_text){line + at + n + 1, end - at - n - 1, FALSE};
    return number_r->length > 0;
}

/* "/Width 1/Height 2" within a line that begins with neither. */
static gboolean
both_in_line(const char *line, gsize length, struct perl_text *width_r, struct perl_text *height_r)
{
    static const char word[] = "/Width";
    struct perl_text alone;

    if (number_at(line, length, 0, "/Width", &alone) || number_at(line, length, 0, "/Height", &alone))
        return FALSE;
    for (const char *at = line; (at = memmem(at, length - (gsize)(at - line), word, strlen(word))) != NULL; at++)
        if (number_at(line, length, (gsize)(at - line), word, width_r) &&
            number_at(line, length, (gsize)(width_r->at + width_r->length - line), "/Height", height_r))
            return TRUE;
    return FALSE;
}

/* What Perl takes for true. */
static gboolean
is_true(struct perl_text number)
{
    return number.length > 1 || (number.length == 1 && number.at[0] != '0');
}

static double
value_of(struct perl_text number)
{
    g_autofree char *text = g_strndup(number.at, number.length);

    return g_ascii_strtod(text, NULL);
}

static void
look_for_image(struct file *file, const char *line, gsize length)
{
    struct perl_text width, height;

    if ((!is_matrix(line, length, &width, &height) && !both_in_line(line, length, &width, &height)) || !is_true(width) ||
        !is_true(height))
        return;
    file->fuzzy_ends = TRUE;
    file->in_image = FALSE;
    file->height += value_of(height);
    file->width += value_of(width);
    file->area += value_of(height) * value_of(width);
    file->info->images++;
    keep_text(file->info->sizes, g_strdup_printf("%.*sx%.*s", (int)height.length, height.at, (int)width.length, width.at));
}

/* ---- lines ---- */

static gboolean
is_of_image(const char *line, gsize length)
{
    static const char *const heads[] = {"%", "/Height", "/Width", "/MediaBox", "/CropBox"};
    struct perl_text width, height;

    for (guint i = 0; i < G_N_ELEMENTS(heads); i++)
        if (length >= strlen(heads[i]) && memcmp(line, heads[i], strlen(heads[i])) == 0)
            return TRUE;
    return is_matrix(line, length, &width, &height);
}

/* The beginning, up to the first stream or image, without what differs between pictures. The line's length without blanks at its end, where it
 * counts. */
static gsize
add_fuzzy(struct file *file, const char *line, gsize length)
{
    if (file->fuzzy_ends || ++file->lines >= FUZZY_LINES)
        return length;
    if (!is_of_image(line, length)) {
        while (length > 0 && byte_is_space(line[length - 1]))
            length--;
        g_string_append_len(file->fuzzy, line, (gssize)length);
    }
    file->fuzzy_ends = memmem(line, length, "stream", 6) != NULL;
    return length;
}

/* FALSE: the rest of the line isn't looked at. */
static gboolean
look_for_uri(struct file *file, struct pdf_line *line)
{
    GString *uri;

    if (g_hash_table_size(file->uris) >= PDF_INFO_URIS_MAX || !pdf_line_uri(line, &uri))
        return TRUE;
    if (uri == NULL)
        return FALSE;
    gboolean good = uri->str[0] != '.' && memchr(uri->str, '.', uri->len) != NULL && memchr(uri->str, '\0', uri->len) == NULL;
    if (good && !g_hash_table_contains(file->uris, uri->str)) {
        g_hash_table_add(file->uris, g_strdup(uri->str));
        g_ptr_array_add(file->info->uris, g_string_new_len(uri->str, (gssize)uri->len));
    }
    g_string_free(uri, TRUE);
    return good;
}

static void
look_for_details(struct pdf_info *info, struct pdf_line *line)
{
    keep_detail(info, PDF_AUTHOR, pdf_line_property(line, "/Author"));
    line->asked[0] = line->asked[1] = 0;
    keep_detail(info, PDF_CREATOR, pdf_line_property(line, "/Creator"));
    keep_detail(info, PDF_CREATED, pdf_line_date(line, "/CreationDate"));
    keep_detail(info, PDF_MODIFIED, pdf_line_date(line, "/ModDate"));
    line->asked[0] = line->asked[1] = 0;
    keep_detail(info, PDF_PRODUCER, pdf_line_property(line, "/Producer"));
    line->asked[0] = line->asked[1] = 0;
    keep_detail(info, PDF_TITLE, pdf_line_property(line, "/Title"));
}

static void
read_line(struct file *file, const char *text, gsize length)
{
    gsize tag = 1;

    length = add_fuzzy(file, text, length);
    file->in_image = file->in_image || memmem(text, length, "/Image", 6) != NULL;
    file->info->encrypted = file->info->encrypted || (length >= 8 && memcmp(text, "/Encrypt", 8) == 0);
    if (file->in_image)
        look_for_image(file, text, length);
    if (memchr(text, '/', length) == NULL)
        return;
    while (text[0] == '/' && tag < length && g_ascii_isalpha(text[tag]))
        tag++;
    if (tag > 1)
        g_string_append_len(file->tags, text + 1, (gssize)(tag - 1));
    struct pdf_line line = {text, length, {0}, {0}};
    if (!look_for_uri(file, &line))
        return;
    line.asked[0] = line.asked[1] = 0;
    look_for_details(file->info, &line);
}

/* ---- files ---- */

static gboolean
begins_as_pdf(const char *data, gsize length)
{
    static const char magic[] = "%PDF-";

    for (gsize at = 0; at + 8 <= length && at <= MAGIC_WITHIN; at++)
        if (memcmp(data + at, magic, strlen(magic)) == 0 && g_ascii_isdigit(data[at + 5]) && data[at + 6] == '.' &&
            g_ascii_isdigit(data[at + 7]))
            return TRUE;
    return FALSE;
}

static void
keep_md5(GHashTable *set, const char *data, gsize length)
{
    if (length == 0 || (length == 1 && data[0] == '0'))
        return;
    g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_MD5, (const guchar *)data, length);
    keep_text(set, g_ascii_strup(sum, -1));
}

static void
end_file(struct file *file)
{
    if (file->height != 0 && file->width != 0)
        keep_text(file->info->sizes, g_strdup_printf("%.15gx%.15g", file->height, file->width));
    if (file->area != 0)
        file->info->pixels = file->area;
    keep_md5(file->info->fuzzy_md5, file->fuzzy->str, file->fuzzy->len);
    keep_md5(file->info->fuzzy_md5, file->tags->str, file->tags->len);
    g_string_free(file->fuzzy, TRUE);
    g_string_free(file->tags, TRUE);
    g_hash_table_unref(file->uris);
}

static void
read_file(struct pdf_info *info, struct spam_part *part)
{
    static const char mark[] = "\xef\xbb\xbf";
    const GString *decoded = part_decode(part);
    gsize skip = decoded != NULL && decoded->len >= 3 && memcmp(decoded->str, mark, 3) == 0 ? 3 : 0;
    const char *data = decoded != NULL ? decoded->str + skip : "";
    gsize length = decoded != NULL ? decoded->len - skip : 0;
    struct file file = {.info = info};

    if (!begins_as_pdf(data, length))
        return;
    if (part->name != NULL && !bytes_is_false(part->name))
        keep_text(info->names, g_strdup(part->name->str));
    file.fuzzy = g_string_new(NULL);
    file.tags = g_string_new(NULL);
    file.uris = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (gsize at = 0, end; at < length; at = end + 1) {
        const char *newline = memchr(data + at, '\n', length - at);
        end = newline != NULL ? (gsize)(newline - data) : length;
        if (end > at)
            read_line(&file, data + at, end - at);
    }
    keep_md5(info->md5, data, length);
    end_file(&file);
}

/* A PDF by its type, or by its name in a type that may be anything. */
static gboolean
is_pdf(const struct spam_part *part)
{
    static const char *const types[] = {"image/pdf", "application/pdf", "image/octet-stream", "application/octet-stream", NULL};
    gsize n = part->name != NULL ? part->name->len : 0;
    const char *end = n >= 4 ? part->name->str + n - 4 : "";

    if (!g_strv_contains(types, part->type))
        return FALSE;
    return g_str_has_suffix(part->type, "/pdf") || g_ascii_strcasecmp(end, ".pdf") == 0 || g_ascii_strcasecmp(end, ".fdf") == 0;
}

void
pdf_info_init(struct pdf_info *info, const struct spam_tree *tree)
{
    g_autoptr(GPtrArray) leaves = tree_leaves(tree, FALSE);
    GHashTable **sets[] = {&info->sizes, &info->names, &info->md5, &info->fuzzy_md5};

    *info = (struct pdf_info){.pixels = NAN};
    for (guint i = 0; i < G_N_ELEMENTS(sets); i++)
        *sets[i] = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < PDF_DETAILS; i++)
        info->details[i] = g_ptr_array_new_with_free_func(string_free);
    info->uris = g_ptr_array_new_with_free_func(string_free);
    for (guint i = 0; i < leaves->len; i++) {
        if (!is_pdf(leaves->pdata[i]))
            continue;
        read_file(info, leaves->pdata[i]);
        info->count++;
    }
}

void
pdf_info_clear(struct pdf_info *info)
{
    GHashTable **sets[] = {&info->sizes, &info->names, &info->md5, &info->fuzzy_md5};

    for (guint i = 0; i < G_N_ELEMENTS(sets); i++)
        g_clear_pointer(sets[i], g_hash_table_unref);
    for (guint i = 0; i < PDF_DETAILS; i++)
        g_clear_pointer(&info->details[i], g_ptr_array_unref);
    g_clear_pointer(&info->uris, g_ptr_array_unref);
}
