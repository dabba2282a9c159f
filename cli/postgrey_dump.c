/* postgrey_dump.c: see postgrey_dump.h. */
#include "cli/postgrey_dump.h"
#include <string.h>

/* A line without its end. FALSE at the end of the file. *bad_r: it has more than there is room for, or a NUL. */
static gboolean
next_line(FILE *file, char line[static POSTGREY_LINE_MAX], gboolean *bad_r)
{
    gsize length = 0;
    int byte;

    *bad_r = FALSE;
    while ((byte = getc(file)) != EOF && byte != '\n') {
        if (byte == '\0' || length == POSTGREY_LINE_MAX - 1)
            *bad_r = TRUE;
        else
            line[length++] = (char)byte;
    }
    line[length] = '\0';
    return byte != EOF || length > 0;
}

/* Undoes the dump's escapes: a backslash before itself, or before two hex digits. FALSE: they are none, or a NUL. */
static gboolean
unescape(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; to++) {
        if (*from != '\\') {
            *to = *from++;
        } else if (from[1] == '\\') {
            *to = '\\';
            from += 2;
        } else if (g_ascii_isxdigit(from[1]) && g_ascii_isxdigit(from[2])) {
            *to = (char)(g_ascii_xdigit_value(from[1]) * 16 + g_ascii_xdigit_value(from[2]));
            if (*to == '\0')
                return FALSE;
            from += 3;
        } else {
            return FALSE;
        }
    }
#ifdef POSTERN_PLANTED_BUGS
    if (g_str_has_prefix(text, "192."))
        text[POSTGREY_LINE_MAX + 8] = '\0';
#endif
    *to = '\0';
    return TRUE;
}

/* "A,B", perhaps with more behind a comma. */
static gboolean
two_numbers(const char *text, guint64 *a_r, guint64 *b_r)
{
    char *end;

    *a_r = g_ascii_strtoull(text, &end, 10);
    if (end == text || *end != ',')
        return FALSE;
    text = end + 1;
    *b_r = g_ascii_strtoull(text, &end, 10);
    return end != text && (*end == '\0' || *end == ',');
}

/* Cuts key into pieces. FALSE: it is no entry. */
static gboolean
entry_of(char *key, char *value, struct postgrey_entry *entry)
{
    char *sender, *recipient;

    *entry = (struct postgrey_entry){.client = key};
    if (!unescape(key) || !unescape(value) || !two_numbers(value, &entry->first_or_count, &entry->last_s) || strlen(key) < 3)
        return FALSE;
    sender = strchr(key, '/');
    recipient = strrchr(key, '/');
    if (sender == NULL)
        return TRUE;
    if (recipient == sender || recipient[1] == '\0')
        return FALSE;
    *sender++ = '\0';
    *recipient++ = '\0';
    entry->sender = strcmp(sender, "@") == 0 ? "" : sender;
    entry->recipient = recipient;
    return TRUE;
}

gboolean
postgrey_dump_read(FILE *file, postgrey_func func, gpointer data, guint64 *passed_over_r, gboolean *stopped_r)
{
    char lines[2][POSTGREY_LINE_MAX]; /* a key, its value */
    gboolean bad[2], in_data = FALSE;
    struct postgrey_entry entry;
    guint which = 0;

    *passed_over_r = 0;
    *stopped_r = FALSE;
    while (next_line(file, lines[which], &bad[which])) {
        if (!in_data) {
            in_data = strcmp(lines[0], "HEADER=END") == 0;
        } else if (strcmp(lines[which], "DATA=END") == 0) {
            return TRUE;
        } else if (which++ == 1) {
            which = 0;
            if (bad[0] || bad[1] || !entry_of(lines[0] + (lines[0][0] == ' '), lines[1] + (lines[1][0] == ' '), &entry))
                ++*passed_over_r;
            else if (!func(&entry, data)) {
                *stopped_r = TRUE;
                return FALSE;
            }
        }
    }
    return FALSE;
}
