/* preview.c: the first words of a message, plain and tidy, for the report. */
#include "lib/spam/verdict/report_private.h"
#include <string.h>
#include "lib/spam/verdict/wrap.h"
#include "lib/spam/view/bytes.h"

#define PREVIEW_BYTES 200     /* paragraphs are taken until there are so many */
#define PREVIEW_PARAGRAPHS 3
#define PREVIEW_WIDTH 75
#define RULE_LEAST 10         /* so many of -_*. in a row are a drawn line, and go */

static const char label[] = "Content preview:  ";

static GString *
first_paragraphs(const GPtrArray *body)
{
    GString *out = g_string_new(NULL);

    for (guint i = 1; i < body->len && i <= PREVIEW_PARAGRAPHS && out->len < PREVIEW_BYTES; i++) {
        const GString *paragraph = body->pdata[i];
        g_string_append_len(out, paragraph->str, (gssize)paragraph->len);
    }
    return out;
}

/* Long lines end after PREVIEW_BYTES. */
static GString *
shorten_lines(const GString *text)
{
    GString *out = g_string_sized_new(text->len);
    const char *end = text->str + text->len;

    for (const char *line = text->str; line < end;) {
        const char *line_end = memchr(line, '\n', (gsize)(end - line));
        gsize length = (gsize)((line_end != NULL ? line_end : end) - line);

        g_string_append_len(out, line, (gssize)MIN(length, PREVIEW_BYTES));
        if (length > PREVIEW_BYTES)
            g_string_append(out, " [...]");
        if (line_end != NULL)
            g_string_append_c(out, '\n');
        line += length + (line_end != NULL ? 1 : 0);
    }
    return out;
}

/* Takes out every `text`; to_line_end: with the rest of its line. */
static void
take_out(GString *from, const char *text, gboolean to_line_end)
{
    gsize length = strlen(text), to = 0;

    for (gsize i = 0; i < from->len;) {
        if (from->len - i >= length && memcmp(from->str + i, text, length) == 0) {
            i += length;
            while (to_line_end && i < from->len && from->str[i] != '\n')
                i++;
        } else {
            from->str[to++] = from->str[i++];
        }
    }
    g_string_truncate(from, to);
}

static void
take_out_drawn_lines(GString *text)
{
    gsize to = 0;

    for (gsize i = 0; i < text->len;) {
        gsize end = i;

        while (end < text->len && byte_in(text->str[end], "-_*."))
            end++;
        if (end - i >= RULE_LEAST)
            i = end;
        else
            for (end = MAX(end, i + 1); i < end;)
                text->str[to++] = text->str[i++];
    }
    g_string_truncate(text, to);
}

static void
squeeze(GString *text)
{
    gsize to = 0;
    gboolean in_space = FALSE;

    for (gsize i = 0; i < text->len; i++) {
        gboolean is_space = byte_is_space(text->str[i]);

        if (!is_space)
            text->str[to++] = text->str[i];
        else if (!in_space)
            text->str[to++] = ' ';
        in_space = is_space;
    }
    g_string_truncate(text, to);
}

const GString *
report_preview(struct report *report)
{
    static const struct wrap_style style = {.first = label, .prefix = "  ", .width = PREVIEW_WIDTH, .overflow = TRUE};
    const struct report_help *help = report->scan.help;
    const GPtrArray *body = help != NULL && help->body != NULL ? help->body(help->data) : NULL;

    if (report->preview != NULL)
        return report->preview;
    g_autoptr(GString) all = body != NULL ? first_paragraphs(body) : g_string_new(NULL);
    g_autoptr(GString) text = shorten_lines(all);
    if (text->len == 0 || text->str[text->len - 1] != '\n')
        g_string_append_c(text, '\n');
    take_out(text, "-----Original Message-----", TRUE);
    take_out(text, "This is a multi-part message in MIME format.", FALSE);
    take_out_drawn_lines(text);
    squeeze(text);
    report->preview = g_string_new(NULL);
    wrap_append(report->preview, text->str, text->len, &style);
    gsize cut = strlen("Content preview:");
    while (cut < report->preview->len && byte_is_space(report->preview->str[cut]))
        cut++;
    g_string_erase(report->preview, 0, (gssize)cut);
    return report->preview;
}
