/* dmarc_report_read.c: the XML of a report to structs, by the table of its elements; and the report that a mail carries.
 *
 * Elements that the table does not have are skipped with all they hold, name prefixes ("ns:feedback") are ignored, of a text
 * that comes twice the first counts. */
#include "lib/mail/auth/dmarc_report_read.h"

#include <expat.h>
#include <string.h>

#include "lib/mail/auth/auth_results.h"
#include "lib/mail/auth/dmarc_report_internal.h"
#include "lib/mail/message.h"

#define ELEMENT_MAX 64u /* bytes of an element's name that the table can have */

/* An open element. */
struct level {
    const struct report_shape *shape; /* of the struct it is in; NULL = skipped */
    gpointer object;
    gsize path_begin, path_end;       /* of its path from the struct's own element, in reader.path */
    const struct report_field *field; /* that its text is for, or NULL */
};
struct reader {
    XML_Parser parser;
    struct dmarc_report *report;
    struct level levels[DMARC_REPORT_DEPTH_MAX];
    guint depth, items;
    GString *path, *text;
    const char *why;
};

static void
stop(struct reader *r, const char *why)
{
    r->why = why;
    XML_StopParser(r->parser, XML_FALSE);
}

static const struct report_field *
find_field(const struct report_shape *shape, const char *path)
{
    for (guint i = 0; shape != NULL && i < shape->n_fields; i++)
        if (strcmp(shape->fields[i].path, path) == 0)
            return &shape->fields[i];
    return NULL;
}

/* A new struct of a list, unless there are too many. */
static void
enter_item(struct reader *r, struct level *level, const struct report_field *field)
{
    if (r->items >= DMARC_REPORT_ITEMS_MAX ||
        (level->object == r->report && r->report->rows->len >= DMARC_REPORT_ROWS_MAX)) {
        r->report->left_out = TRUE;
        level->shape = NULL;
        return;
    }
    r->items++;
    level->object = report_add(level->object, field);
    level->shape = field->items;
    level->path_begin = level->path_end;
}

static void XMLCALL
start_element(void *data, const char *name, const char **attributes)
{
    struct reader *r = data;
    const char *colon = strchr(name, ':');

    (void)attributes;
    if (colon != NULL)
        name = colon + 1;
    if (r->depth >= DMARC_REPORT_DEPTH_MAX) {
        stop(r, "elements nested too deep");
        return;
    }
    struct level *level = &r->levels[r->depth];
    if (r->depth++ == 0) {
        if (strcmp(name, report_shape.element) != 0)
            stop(r, "no aggregate report: the root is not feedback");
        *level = (struct level){.shape = &report_shape, .object = r->report};
        return;
    }
    *level = level[-1];
    level->field = NULL;
    g_string_truncate(r->path, level->path_end);
    if (level->shape == NULL || strnlen(name, ELEMENT_MAX + 1) > ELEMENT_MAX) {
        level->shape = NULL;
        return;
    }
    if (level->path_end > level->path_begin)
        g_string_append_c(r->path, '/');
    g_string_append(r->path, name);
    level->path_end = r->path->len;
    level->field = find_field(level->shape, r->path->str + level->path_begin);
    g_string_truncate(r->text, 0);
    if (level->field != NULL && level->field->kind == REPORT_LIST) {
        enter_item(r, level, level->field);
        level->field = NULL;
    }
}

static void XMLCALL
character_data(void *data, const char *text, int length)
{
    struct reader *r = data;

    /* One byte over the cap is enough to know that it was passed. */
    if (r->depth > 0 && r->levels[r->depth - 1].field != NULL && r->text->len <= DMARC_REPORT_TEXT_MAX)
        g_string_append_len(r->text, text, length);
}

static void
store(struct reader *r, const struct level *level)
{
    gpointer place = report_place(level->object, level->field);

    for (gsize i = 0; i < r->text->len; i++)
        if (g_ascii_isspace(r->text->str[i]))
            r->text->str[i] = ' ';
    const char *text = g_strstrip(r->text->str);
    if (level->field->kind == REPORT_NUMBER) {
        guint64 *number = place;

        if (*number == 0 && g_ascii_isdigit(text[0]))
            *number = g_ascii_strtoull(text, NULL, 10);
    } else if (*(char **)place == NULL) {
        GString *clean = g_string_new(NULL);

        auth_results_clean(text, strlen(text), DMARC_REPORT_TEXT_MAX, clean);
        *(char **)place = g_string_free(clean, FALSE);
    }
}

static void XMLCALL
end_element(void *data, const char *name)
{
    struct reader *r = data;
    struct level *level = &r->levels[--r->depth];

    (void)name;
    if (level->field != NULL)
        store(r, level);
    g_string_truncate(r->text, 0);
}

static void XMLCALL
start_doctype(void *data, const char *name, const char *system_id, const char *public_id, int has_internal_subset)
{
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal_subset;
    stop(data, "a document type is not allowed");
}

static struct dmarc_report *
read_xml(const GString *xml, const char **why_r)
{
    struct reader r = {.parser = XML_ParserCreate("UTF-8"), .report = dmarc_report_new()};

    r.path = g_string_new(NULL);
    r.text = g_string_new(NULL);
    XML_SetUserData(r.parser, &r);
    XML_SetElementHandler(r.parser, start_element, end_element);
    XML_SetCharacterDataHandler(r.parser, character_data);
    XML_SetStartDoctypeDeclHandler(r.parser, start_doctype);
    if (XML_Parse(r.parser, xml->str, (int)xml->len, XML_TRUE) != XML_STATUS_OK) {
        *why_r = r.why != NULL ? r.why : XML_ErrorString(XML_GetErrorCode(r.parser));
        dmarc_report_free(&r.report);
    }
    XML_ParserFree(r.parser);
    g_string_free(r.path, TRUE);
    g_string_free(r.text, TRUE);
    return r.report;
}

static struct dmarc_report *
read_file(const guint8 *data, gsize size, const char **why_r)
{
    g_autoptr(GString) xml = report_unpack(data, size, why_r);

    return xml != NULL ? read_xml(xml, why_r) : NULL;
}

/* ---- mail ---- */

/* Parts are tried by what they hold, as their types are often wrong. */
static struct dmarc_report *
read_mail(GBytes *bytes, const char **why_r)
{
    struct message *message = message_new(bytes, NULL);
    struct dmarc_report *report = NULL;
    guint tried = 0;

    *why_r = "neither a report nor a mail with one";
    for (guint i = 0; i < message_part_count(message) && report == NULL && tried < DMARC_REPORT_ENTRIES_MAX; i++) {
        if (message_part(message, i)->is_container)
            continue;
        /* One byte more than is taken, to tell. */
        g_autoptr(GBytes) content = message_part_content(message, i, DMARC_REPORT_PACKED_MAX + 1);
        gsize size;
        const guint8 *data = g_bytes_get_data(content, &size);

        if (size == 0 || !report_is_packed(data, size))
            continue;
        tried++;
        report = read_file(data, size, why_r);
    }
    message_free(&message);
    return report;
}

struct dmarc_report *
dmarc_report_read(GBytes *bytes, const char **why_r)
{
    gsize size;
    const guint8 *data = g_bytes_get_data(bytes, &size);

    if (size == 0) {
        *why_r = "empty";
        return NULL;
    }
    return report_is_packed(data, size) ? read_file(data, size, why_r) : read_mail(bytes, why_r);
}
