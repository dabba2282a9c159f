/* dmarc_report_xml.c: a report as XML by the table of its elements, packed, and dealt out to files of a size. */
#include "lib/mail/auth/dmarc_report_xml.h"

#include <gio/gio.h>
#include <string.h>

#include "lib/mail/auth/auth_results.h"
#include "lib/mail/auth/dmarc_report_internal.h"

#define NAME_PART_MAX 200u /* bytes of each part of a file name */

static void
append_text(GString *xml, const char *text)
{
    g_autoptr(GString) clean = g_string_new(NULL);

    auth_results_clean(text, strlen(text), DMARC_REPORT_TEXT_MAX, clean);
    g_autofree char *escaped = g_markup_escape_text(clean->str, (gssize)clean->len);
    g_string_append(xml, escaped);
}

static void
indent(GString *xml, guint depth)
{
    for (guint i = 0; i < depth; i++)
        g_string_append(xml, "  ");
}

/* The elements that are open below the owner's, "row/policy_evaluated", and the depth of the owner's content. */
struct open {
    GString *path;
    guint depth;
};

static guint
open_depth(const struct open *open)
{
    guint depth = open->depth;

    if (open->path->len == 0)
        return depth;
    for (const char *c = open->path->str; *c != '\0'; c++)
        depth += *c == '/';
    return depth + 1;
}

/* Closes elements until those open are above path. */
static void
close_to(GString *xml, struct open *open, const char *path)
{
    while (open->path->len > 0 &&
           !(g_str_has_prefix(path, open->path->str) && path[open->path->len] == '/')) {
        const char *slash = strrchr(open->path->str, '/');
        const char *name = slash != NULL ? slash + 1 : open->path->str;

        indent(xml, open_depth(open) - 1);
        g_string_append_printf(xml, "</%s>\n", name);
        g_string_truncate(open->path, slash != NULL ? (gsize)(slash - open->path->str) : 0);
    }
}

/* Opens what path is in; returns the name of its last element. */
static const char *
open_to(GString *xml, struct open *open, const char *path)
{
    close_to(xml, open, path);
    const char *rest = path + open->path->len + (open->path->len > 0 ? 1 : 0);
    for (const char *slash = strchr(rest, '/'); slash != NULL; slash = strchr(rest, '/')) {
        indent(xml, open_depth(open));
        g_string_append_printf(xml, "<%.*s>\n", (int)(slash - rest), rest);
        g_string_append_printf(open->path, "%s%.*s", open->path->len > 0 ? "/" : "", (int)(slash - rest), rest);
        rest = slash + 1;
    }
    return rest;
}

/* What is written instead of the report's own: its part of the rows and their id. */
struct part {
    guint first, n;
    const char *report_id;
};

static void append_object(GString *xml, gconstpointer object, const struct report_shape *shape, guint depth,
                          const struct part *part);

static void
append_field(GString *xml, gconstpointer object, const struct report_field *field, struct open *open, const struct part *part)
{
    if (field->kind == REPORT_LIST) {
        const GPtrArray *list = *(GPtrArray **)report_place(object, field);
        guint first = part != NULL ? part->first : 0, end = part != NULL ? part->first + part->n : list->len;

        for (guint i = first; i < end; i++) {
            open_to(xml, open, field->path);
            append_object(xml, g_ptr_array_index(list, i), field->items, open_depth(open), NULL);
        }
        return;
    }
    const char *text = field->kind == REPORT_TEXT ? *(char **)report_place(object, field) : NULL;
    if (part != NULL && strcmp(field->path, "report_metadata/report_id") == 0)
        text = part->report_id;
    if (part != NULL && text == NULL && strcmp(field->path, "version") == 0)
        text = "1.0";
    if (field->kind == REPORT_TEXT && text == NULL)
        return;
    const char *name = open_to(xml, open, field->path);
    indent(xml, open_depth(open));
    g_string_append_printf(xml, "<%s>", name);
    if (field->kind == REPORT_TEXT)
        append_text(xml, text);
    else
        g_string_append_printf(xml, "%" G_GUINT64_FORMAT, *(guint64 *)report_place(object, field));
    g_string_append_printf(xml, "</%s>\n", name);
}

static void
append_object(GString *xml, gconstpointer object, const struct report_shape *shape, guint depth, const struct part *part)
{
    g_autoptr(GString) path = g_string_new(NULL);
    struct open open = {path, depth + 1};

    indent(xml, depth);
    g_string_append_printf(xml, "<%s>\n", shape->element);
    for (guint i = 0; i < shape->n_fields; i++)
        append_field(xml, object, &shape->fields[i], &open, part);
    close_to(xml, &open, "");
    indent(xml, depth);
    g_string_append_printf(xml, "</%s>\n", shape->element);
}

GString *
dmarc_report_xml(const struct dmarc_report *report, guint first, guint n, const char *report_id)
{
    GString *xml = g_string_new("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    const struct part part = {first, n, report_id};

    append_object(xml, report, &report_shape, 0, &part);
    return xml;
}

/* ---- files ---- */

static GBytes *
gzip(const GString *xml)
{
    g_autoptr(GZlibCompressor) compressor = g_zlib_compressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP, -1);
    g_autoptr(GOutputStream) memory = g_memory_output_stream_new_resizable();
    g_autoptr(GOutputStream) stream = g_converter_output_stream_new(memory, G_CONVERTER(compressor));

    /* Into memory nothing can fail but memory. */
    g_output_stream_write_all(stream, xml->str, xml->len, NULL, NULL, NULL);
    g_output_stream_close(stream, NULL, NULL);
    return g_memory_output_stream_steal_as_bytes(G_MEMORY_OUTPUT_STREAM(memory));
}

static void
append_name_part(GString *name, const char *text)
{
    gsize n = 0;

    for (const char *c = text; c != NULL && *c != '\0' && n < NAME_PART_MAX; c++, n++)
        g_string_append_c(name, g_ascii_isalnum(*c) || strchr("._-", *c) != NULL ? *c : '_');
}

/* RFC 7489 7.2.1.1, whose unique-id is of letters and digits only: a report's id has more. */
static char *
file_name(const struct dmarc_report *report, const char *receiver, const char *report_id)
{
    GString *name = g_string_new(NULL);
    g_autofree char *unique = g_compute_checksum_for_string(G_CHECKSUM_SHA256, report_id, -1);

    append_name_part(name, receiver);
    g_string_append_c(name, '!');
    append_name_part(name, report->domain);
    g_string_append_printf(name, "!%" G_GUINT64_FORMAT "!%" G_GUINT64_FORMAT "!", report->begin, report->end);
    g_string_append_printf(name, "%.32s.xml.gz", unique);
    return g_string_free(name, FALSE);
}

void
dmarc_report_file_free(struct dmarc_report_file *file)
{
    if (file == NULL)
        return;
    g_free(file->name);
    g_bytes_unref(file->bytes);
    g_free(file);
}

/* Rows first to first + n - 1 in as few halvings as needed (at most one for each bit of n deep); FALSE when one is too big. */
static gboolean
write_rows(const struct dmarc_report *report, const char *receiver, guint first, guint n, gsize max_bytes, GPtrArray *files)
{
    const char *whole_id = report->report_id != NULL ? report->report_id : "";
    g_autofree char *id = n == report->rows->len ? g_strdup(whole_id)
                                                 : g_strdup_printf("%s.%u-%u", whole_id, first + 1, first + n);
    g_autoptr(GString) xml = dmarc_report_xml(report, first, n, id);
    g_autoptr(GBytes) bytes = gzip(xml);

    if (max_bytes > 0 && g_bytes_get_size(bytes) > max_bytes) {
        guint half = n / 2;

        return n > 1 && write_rows(report, receiver, first, half, max_bytes, files) &&
               write_rows(report, receiver, first + half, n - half, max_bytes, files);
    }
    struct dmarc_report_file *file = g_new0(struct dmarc_report_file, 1);
    file->name = file_name(report, receiver, id);
    file->bytes = g_steal_pointer(&bytes);
    file->first = first;
    file->rows = n;
    g_ptr_array_add(files, file);
    return TRUE;
}

GPtrArray *
dmarc_report_write(const struct dmarc_report *report, const char *receiver, gsize max_bytes, const char **why_r)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func((GDestroyNotify)dmarc_report_file_free);

    if (!write_rows(report, receiver, 0, report->rows->len, max_bytes, files)) {
        *why_r = "one row alone is larger than the size limit";
        return NULL;
    }
    return g_steal_pointer(&files);
}
