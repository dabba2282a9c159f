/* fuzz_recode.c: any message, recoded: each part keeps its content, and what is called whole has no long line and no 8bit label. */
#include "lib/mail/auth/auth.h"
#include "lib/mail/recode.h"
#include <string.h>

#define PARTS_MAX 64u

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

/* The message as it leaves. NULL: too much header for that. */
static struct message *
leaving(struct message *message, const struct verdict *verdict, const struct recoded *recoded)
{
    struct auth_message *view = auth_message_new(message, verdict->edits);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GBytes) bytes = NULL;

    if (view == NULL)
        return NULL;
    if (recoded->body != NULL)
        auth_message_set_body(view, recoded->body);
    for (guint i = 0; i < view->fields->len; i++) {
        const struct auth_field *field = &g_array_index(view->fields, struct auth_field, i);
        g_string_append_len(text, field->raw, (gssize)field->length);
        if (field->raw[field->length - 1] != '\n')
            g_string_append(text, "\r\n");
    }
    g_string_append(text, "\r\n");
    if (view->body_length > 0)
        g_string_append_len(text, view->body, (gssize)view->body_length);
    auth_message_free(&view);
    bytes = g_bytes_new(text->str, text->len);
    return message_new(bytes, NULL);
}

static void
compare(struct message *before, struct message *after)
{
    if (message_part_count(before) != message_part_count(after))
        g_error("%u parts became %u", message_part_count(before), message_part_count(after));
    for (guint i = 0; i < MIN(message_part_count(before), PARTS_MAX); i++) {
        g_autoptr(GBytes) old = message_part_content(before, i, G_MAXUINT), new = message_part_content(after, i, G_MAXUINT);

        if (message_part(before, i)->is_container != message_part(after, i)->is_container ||
            strcmp(message_part(before, i)->type, message_part(after, i)->type) != 0)
            g_error("part %u has become another thing", i);
        if (!message_part(before, i)->is_container && !g_bytes_equal(old, new))
            g_error("the content of part %u has changed", i);
    }
}

static void
check_whole(struct message *after)
{
    gsize size, offset = message_body_offset(after);
    const char *data = g_bytes_get_data(message_bytes(after), &size);

    for (const char *line = data + offset, *end = data + size, *lf; line < end; line = lf + 1) {
        lf = memchr(line, '\n', (gsize)(end - line));
        if (lf == NULL)
            lf = end;
        if ((gsize)(lf - line) > RECODE_LINE_MAX + 1)
            g_error("a line of %zu bytes", (size_t)(lf - line));
    }
    for (guint i = 0; i < MIN(message_part_count(after), PARTS_MAX); i++) {
        const char *encoding = message_part(after, i)->encoding;
        gboolean inside = i > 0 && message_part(after, i)->depth > 0; /* attached messages keep their labels */
        if (!inside && encoding != NULL && (strcmp(encoding, "8bit") == 0 || strcmp(encoding, "binary") == 0))
            g_error("still labelled %s", encoding);
    }
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    struct message *before = message_new(bytes, NULL), *after = NULL;
    struct verdict *verdict = verdict_new();
    struct recoded recoded;

    message_recode(before, verdict, &recoded);
    after = leaving(before, verdict, &recoded);
    /* What has no edits is not compared: put together anew, a header that ended by a line without a colon reads otherwise. */
    if (after != NULL && recoded.notes->len > 0) {
        compare(before, after);
        if (recoded.whole)
            check_whole(after);
    }
    message_free(&after);
    message_free(&before);
    verdict_free(&verdict);
    recoded_clear(&recoded);
    return 0;
}
