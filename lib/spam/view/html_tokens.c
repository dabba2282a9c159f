/* html_tokens.c: the reader's loop, its text, literal elements and marked sections; the markup itself is in html_markup.c.
 *
 * Every reading function is given where it stands and gives where it got: further, or the same place when the markup does not
 * end within what there is so far (then all waits for more), or NULL when it is no markup (then '<' is text). */
#include "lib/spam/view/html_markup.h"
#include <string.h>
#include "lib/spam/view/bytes.h"

/* The elements whose content is text only; in the cdata ones, entities are not decoded either. */
static const struct html_literal LITERALS[] = {
    {"script", TRUE, LITERAL_EMPTY_AT_END},  {"style", TRUE, LITERAL_EMPTY_AT_END},     {"xmp", TRUE, LITERAL_TEXT_AT_END},
    {"iframe", TRUE, LITERAL_TEXT_AT_END},   {"plaintext", TRUE, LITERAL_TEXT_AT_END},  {"title", FALSE, LITERAL_CLOSED_LATE},
    {"textarea", FALSE, LITERAL_TEXT_AT_END},
};

struct html_tokens *
html_tokens_new(const struct html_events *events, gpointer data)
{
    struct html_tokens *t = g_new0(struct html_tokens, 1);

    t->events = events;
    t->data = data;
    t->rest = g_string_new(NULL);
    t->attributes = g_array_new(FALSE, FALSE, sizeof(struct html_attribute));
    t->sections = g_array_new(FALSE, FALSE, sizeof(enum html_section));
    return t;
}

void
html_tokens_free(struct html_tokens **tokens)
{
    if (*tokens == NULL)
        return;
    g_string_free((*tokens)->rest, TRUE);
    g_array_unref((*tokens)->attributes);
    g_array_unref((*tokens)->sections);
    g_clear_pointer(tokens, g_free);
}

void
html_tokens_stop(struct html_tokens *tokens)
{
    tokens->stopped = TRUE;
}

void
html_literal_enter(struct html_tokens *t, const char *name, gsize length)
{
    for (guint i = 0; i < G_N_ELEMENTS(LITERALS); i++) {
        if (byte_lower(*name) != *LITERALS[i].name || strlen(LITERALS[i].name) != length ||
            g_ascii_strncasecmp(LITERALS[i].name, name, length) != 0)
            continue;
        t->literal = &LITERALS[i];
        t->is_cdata = LITERALS[i].is_cdata;
        return;
    }
}

void
html_report_text(struct html_tokens *t, const char *start, const char *end)
{
    if (!t->stopped && t->section != SECTION_IGNORE)
        t->events->text(t->data, start, (gsize)(end - start), t->is_cdata);
}

void
html_report_comment(struct html_tokens *t, const char *start, const char *end)
{
    if (!t->stopped && t->section != SECTION_IGNORE)
        t->events->comment(t->data, start, (gsize)(end - start));
}

void
html_report_other(struct html_tokens *t)
{
    const char *name = t->pending_end;

    if (name == NULL)
        return;
    t->pending_end = NULL;
    html_report_end(t, name, strlen(name));
}

void
html_report_end(struct html_tokens *t, const char *name, gsize length)
{
    html_report_other(t);
    if (!t->stopped && t->section != SECTION_IGNORE)
        t->events->end(t->data, name, length);
}

void
html_report_start(struct html_tokens *t, const char *name, gsize length)
{
    html_report_other(t);
    if (!t->stopped && t->section != SECTION_IGNORE)
        t->events->start(t->data, name, length, (const struct html_attribute *)(gconstpointer)t->attributes->data, t->attributes->len);
}

void
html_report_declaration(struct html_tokens *t, const char *start, const char *end)
{
    html_report_other(t);
    if (!t->stopped && t->section != SECTION_IGNORE)
        t->events->declaration(t->data, start, (gsize)(end - start));
}

/* The section in force is the strongest of those open. */
void
html_section_open(struct html_tokens *t, enum html_section section)
{
    if (t->sections->len > 0)
        section = MAX(section, g_array_index(t->sections, enum html_section, t->sections->len - 1));
    g_array_append_val(t->sections, section);
    t->section = section;
    t->is_cdata = section == SECTION_CDATA;
#ifdef POSTERN_PLANTED_BUGS
    if (t->sections->len > 4)
        t->section = g_array_index(t->sections, enum html_section, t->sections->len + 64); /* planted: far past the open ones */
#endif
}

static void
section_close(struct html_tokens *t)
{
    if (t->sections->len > 0)
        g_array_set_size(t->sections, t->sections->len - 1);
    t->section = t->sections->len > 0 ? g_array_index(t->sections, enum html_section, t->sections->len - 1) : SECTION_NONE;
    t->is_cdata = t->section == SECTION_CDATA;
}

/* If "</name" blanks '>' of the open literal element is at s (a '<'): where it ends; else NULL, *after moved past what was read. */
static const char *
literal_close(struct html_tokens *t, const char *s, const char **after)
{
    const char *name = t->literal->name;
    const char *end;

    *after = s + 1;
    if (s[1] != '/')
        return NULL;
    for (*after = s + 2; *name != '\0' && g_ascii_tolower(**after) == *name; name++)
        ++*after;
    if (*name != '\0' || strcmp(t->literal->name, "plaintext") == 0)
        return NULL;
    for (end = *after; html_is_blank(*end);)
        end++;
    if (*end == '>')
        return end + 1;
    *after = end;
    return NULL;
}

/* In a literal element. TRUE: it was left, *text is after it. FALSE: it goes on to the end. */
static gboolean
literal_read(struct html_tokens *t, const char **text, const char *end)
{
    const char *s = *text;

    while ((s = memchr(s, '<', (gsize)(end - s))) != NULL) {
        const char *after;
        const char *closed = literal_close(t, s, &after);

        if (closed == NULL) {
            s = MIN(after, end);
            continue;
        }
        if (s != *text)
            html_report_text(t, *text, s);
        html_report_end(t, s + 2, strlen(t->literal->name));
        t->literal = NULL;
        t->is_cdata = FALSE;
        *text = closed;
        return TRUE;
    }
    return FALSE;
}

/* In a CDATA or RCDATA section; as literal_read. */
static gboolean
section_read(struct html_tokens *t, const char **text, const char *end)
{
    const char *s = *text;

    while ((s = memchr(s, ']', (gsize)(end - s))) != NULL) {
        if (s[1] != ']' || s[2] != '>') {
            s++;
            continue;
        }
        if (s != *text)
            html_report_text(t, *text, s);
        html_report_other(t);
        section_close(t);
        *text = s + 3;
        return TRUE;
    }
    return FALSE;
}

/* From s, in text that began at *text: the next '<' or the end, past the ends of sections; *text is then after the last of these. */
static const char *
text_find_end(struct html_tokens *t, const char **text, const char *s, const char *end)
{
    while (s < end && *s != '<') {
        if (t->section == SECTION_NONE) {
            const char *tag = memchr(s, '<', (gsize)(end - s));

            return tag != NULL ? tag : end;
        }
        if (s[0] == ']' && s[1] == ']' && s[2] == '>') {
            html_report_text(t, *text, s);
            html_report_other(t);
            section_close(t);
            s += 3;
            *text = s;
        } else if (s[0] == ']') {
            s += s[1] == ']' ? 3 : 2; /* what follows a bracket is not looked at, not even a '<' */
        } else {
            s++;
        }
    }
    return MIN(s, end);
}

/* The chunk ends in text: the last word, with the blanks before it, waits for more. */
static const char *
text_keep_word(struct html_tokens *t, const char *text, const char *end)
{
    const char *s = end;

    if (!html_is_blank(s[-1]))
        while (s > text && !html_is_blank(s[-1]))
            s--;
    while (s > text && html_is_blank(s[-1]))
        s--;
    if (s != text)
        html_report_text(t, text, s);
    return s;
}

/* Reads text; gives where the rest begins that needs more (or the end of the document) to be understood. */
static const char *
chunk_read(struct html_tokens *t, const char *text, const char *end)
{
    const char *s = text; /* ahead of text after a '<' that began no markup */

    while (!t->stopped) {
        const char *next;

        if (t->literal != NULL || t->section == SECTION_CDATA || t->section == SECTION_RCDATA) {
            if (!(t->literal != NULL ? literal_read : section_read)(t, &text, end))
                return text;
            s = text;
            continue;
        }
        s = text_find_end(t, &text, s, end);
        if (s != text && s == end)
            return text_keep_word(t, text, end);
        if (s != text)
            html_report_text(t, text, s);
        text = s;
        if (end - s < 3)
            return s;
        next = html_markup_read(t, s, end);
        if (next == s)
            return s;
        s = next != NULL ? next : s + 1;
        text = next != NULL ? next : text;
    }
    return end;
}

void
html_tokens_read(struct html_tokens *t, const char *chunk, gsize length)
{
    if (t->rest->len > 0) {
        const char *rest;

        g_string_append_len(t->rest, chunk, (gssize)length);
        rest = chunk_read(t, t->rest->str, t->rest->str + t->rest->len);
        g_string_erase(t->rest, 0, rest - t->rest->str);
    } else if (length > 0) {
        const char *rest = chunk_read(t, chunk, chunk + length);

        g_string_append_len(t->rest, rest, chunk + length - rest);
    }
}

/* The document ended within a literal element. TRUE: read on without it. FALSE: the rest is text. */
static gboolean
literal_end(struct html_tokens *t)
{
    const struct html_literal *literal = t->literal;

    if (literal->at_end == LITERAL_TEXT_AT_END)
        return FALSE;
    if (literal->at_end == LITERAL_EMPTY_AT_END)
        html_report_end(t, literal->name, strlen(literal->name));
    else
        t->pending_end = literal->name; /* its end comes before the next tag */
    t->literal = NULL;
    return TRUE;
}

/* '<' that no markup came of, at the end of the document: does it look like some? */
static gboolean
looks_like_markup(const char *s, const char *end)
{
    return s + 1 == end || g_ascii_isalpha(s[1]) || s[1] == '_' || s[1] == ':' || s[1] == '/' || s[1] == '!' || s[1] == '?';
}

gboolean
html_tokens_end(struct html_tokens *t)
{
    const char *s = t->rest->str;
    const char *end = s + t->rest->len;

    while (s < end && !t->stopped) {
        if (t->literal != NULL) {
            if (!literal_end(t))
                break;
        } else if (*s == '<' && !t->comment_ends_at_gt) {
            t->comment_ends_at_gt = TRUE;
        } else {
            break;
        }
        s = chunk_read(t, s, end);
    }
    if (s < end && *s == '<' && t->literal == NULL && looks_like_markup(s, end)) {
        html_report_comment(t, s, end);
        s = end;
    }
    if (s < end)
        html_report_text(t, s, end);
    g_string_truncate(t->rest, 0);
    html_report_other(t);
    return !t->stopped && t->section != SECTION_IGNORE;
}
