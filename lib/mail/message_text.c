/* message_text.c: a mail as a reader sees it: decoded header values, the date, and all shown text in UTF-8. */
#include "lib/mail/message_internal.h"

#include <gmime/gmime.h>
#include <string.h>

#include "lib/mail/text_internal.h"

#define MAX_HEADER_UTF8 65536
#define MAX_DATE 256
#define META_WINDOW 1024

const char *
message_header_utf8(struct message *message, const char *name)
{
    const struct header_field *field;
    GString *value;
    char *key = g_ascii_strdown(name, -1);
    gpointer known;

    if (message->utf8 == NULL)
        message->utf8 = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    if (g_hash_table_lookup_extended(message->utf8, key, NULL, &known)) {
        g_free(key);
        return known;
    }
    field = message_find_header(message, name, 0);
    if (field == NULL) {
        g_hash_table_insert(message->utf8, key, NULL);
        return NULL;
    }
    value = g_string_new(NULL);
    text_header_to_utf8((const char *)message->data + field->value.offset, field->value.length, MAX_HEADER_UTF8,
                        value);
    known = g_string_free(value, FALSE);
    g_hash_table_insert(message->utf8, key, known);
    return known;
}

gint64
message_date(struct message *message)
{
    const struct header_field *field = message_find_header(message, "Date", 0);
    g_autofree char *value = NULL;
    g_autoptr(GDateTime) date = NULL;

    if (field == NULL)
        return -1;
    value = g_strndup((const char *)message->data + field->value.offset, MIN(field->value.length, MAX_DATE));
    date = g_mime_utils_header_decode_date(value);
    return date != NULL ? g_date_time_to_unix(date) : -1;
}

/* The charset that an HTML document names itself (<meta charset=x>, or in content="text/html; charset=x"), or
 * NULL. */
static char *
meta_charset(const char *html, gsize length)
{
    g_autofree char *head = g_ascii_strdown(html, (gssize)MIN(length, META_WINDOW));
    const char *at = strstr(head, "<meta");
    gsize n = 0;

    at = at != NULL ? strstr(at, "charset=") : NULL;
    if (at == NULL)
        return NULL;
    at += strlen("charset=");
    if (*at == '"' || *at == '\'')
        at++;
    while (n < 40 && (g_ascii_isalnum(at[n]) || strchr("-_.:", at[n]) != NULL) && at[n] != '\0')
        n++;
    /* It was readable as ASCII, so it is not what these say. */
    return n > 0 && strncmp(at, "utf-16", 6) != 0 && strncmp(at, "utf-32", 6) != 0 ? g_strndup(at, n) : NULL;
}

static gboolean
looks_like_html(const char *text, gsize length)
{
    while (length > 0 && g_ascii_isspace(*text)) {
        text++;
        length--;
    }
    return (length >= 9 && g_ascii_strncasecmp(text, "<!doctype", 9) == 0) ||
           (length >= 5 && g_ascii_strncasecmp(text, "<html", 5) == 0);
}

/* Appends one shown part; notes when max_text cut it. */
static void
append_part(struct message *message, guint n, GString *out)
{
    const struct message_part *part = message_part(message, n);
    gsize left = message->limits.max_text - MIN(message->limits.max_text, out->len);
    /* Markup and wide encodings shrink on the way to text: four times as many bytes may go in. */
    gsize take = message->limits.max_text * 4;
    g_autoptr(GBytes) content = message_part_content(message, n, take);
    gsize length;
    const char *data = g_bytes_get_data(content, &length);
    gboolean cut = length == take, too_long = FALSE;

    if (length == 0) /* data may be NULL then */
        return;
    gboolean html = strcmp(part->type, "text/html") == 0 ||
                    (g_str_has_prefix(part->type, "multipart/") && looks_like_html(data, length));

    if (!html) {
        text_convert(data, length, part->charset, left, out, &too_long);
    } else {
        g_autofree char *meta = part->charset == NULL ? meta_charset(data, length) : NULL;
        GString *source = g_string_sized_new(length);

        text_convert(data, length, part->charset != NULL ? part->charset : meta, take, source, &cut);
        text_html_convert(source->str, source->len, left, out, &too_long);
        g_string_free(source, TRUE);
    }
    if (cut || too_long)
        message_over(message, MESSAGE_LIMIT_TEXT);
}

const char *
message_text(struct message *message, gsize *length_r)
{
    if (message->text == NULL) {
        message->text = g_string_new(NULL);
        for (guint i = 0; i < message->parts->len; i++) {
            if (!message_part(message, i)->is_text)
                continue;
            if (message->text->len >= message->limits.max_text) {
                message_over(message, MESSAGE_LIMIT_TEXT);
                break;
            }
            if (message->text->len > 0 && message->text->str[message->text->len - 1] != '\n')
                g_string_append_c(message->text, '\n');
            append_part(message, i, message->text);
        }
    }
    if (length_r != NULL)
        *length_r = message->text->len;
    return message->text->str;
}
