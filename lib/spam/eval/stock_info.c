/* stock_info.c: the headings of stock tips ("Symbol: ABCD", "Target price: 5"), as check_stock_info counts them. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "lib/spam/eval/body_eval.h"
#include <pcre2.h>
#include <string.h>

#define HEADING_MIN 3
#define HEADING_MAX 30 /* characters */
#define PARAGRAPH 2048 /* characters: a text is looked at in pieces of one to two of them */

/* On the letters of a heading in lower case; the first alternative is anchored, as in SpamAssassin's. */
static const char heading_pattern[] =
    "(?:^trad(?:e|ing)date|company(?:name)?|s\\w?(?:t\\w?o\\w?c\\w?k|y\\w?m(?:\\w?b\\w?o\\w?l)?)|t(?:arget|icker)|"
    "(?:opening|current)p(?:rice)?|p(?:rojected|osition)|expectations|weeks?high|marketperformance|"
    "(?:year|week|month|day|price)(?:target|estimates?)|sector|r(?:ecommendation|ating))$";

static const pcre2_code *
heading_code(void)
{
    static pcre2_code *code;
    static gsize once;

    if (g_once_init_enter(&once)) {
        int error;
        PCRE2_SIZE at;

        code = pcre2_compile((PCRE2_SPTR)heading_pattern, PCRE2_ZERO_TERMINATED, 0, &error, &at, NULL);
        g_assert(code != NULL);
        g_once_init_leave(&once, 1);
    }
    return code;
}

/* Notes what of the heading is a stock tip's. */
static void
note_heading(GHashTable *hits, struct perl_text heading)
{
    char letters[HEADING_MAX + 1];
    gsize count = 0;
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);

    for (gsize i = 0; i < heading.length && count < HEADING_MAX; i++)
        if (g_ascii_isalpha(heading.at[i]))
            letters[count++] = g_ascii_tolower(heading.at[i]);
    if (pcre2_match(heading_code(), (PCRE2_SPTR)letters, count, 0, 0, data, NULL) >= 0) {
        const PCRE2_SIZE *span = pcre2_get_ovector_pointer(data);
        g_hash_table_add(hits, g_strndup(letters + span[0], span[1] - span[0]));
    }
    pcre2_match_data_free(data);
}

static gsize
skip_space(struct perl_text text, gsize at)
{
    gsize size;

    while (at < text.length && perl_is_space(perl_text_char(text, at, &size), text.is_chars))
        at += size;
    return at;
}

/* The end of a heading that starts at `at` (no space) and has a colon and text behind it; *after_r is behind the first character
 * of that text. 0 where there is none. */
static gsize
heading_end(struct perl_text text, gsize at, gsize *after_r)
{
    gsize end = at, size, colon;
    guint count = 0;

    for (; end < text.length && count < HEADING_MAX && text.at[end] != ':' && (count == 0 || text.at[end] != '\n'); count++) {
        perl_text_char(text, end, &size);
        end += size;
    }
    colon = skip_space(text, end);
    if (count < HEADING_MIN || colon == text.length || text.at[colon] != ':')
        return 0;
    *after_r = skip_space(text, colon + 1);
    if (*after_r == text.length)
        return 0;
    perl_text_char(text, *after_r, &size);
    *after_r += size;
    return end;
}

static void
note_headings(GHashTable *hits, struct perl_text text)
{
    gsize at = 0; /* the start of a line */

    while (at < text.length) {
        gsize start = skip_space(text, at), after = start, end = 0;
        const char *next;

        if (start < text.length)
            end = heading_end(text, start, &after);
        if (end > 0)
            note_heading(hits, (struct perl_text){text.at + start, end - start, text.is_chars});
        next = after < text.length ? memchr(text.at + after, '\n', text.length - after) : NULL;
        at = next != NULL ? (gsize)(next + 1 - text.at) : text.length;
    }
}

/* Where the piece of the text that starts at `from` ends: behind the first line break, '>' or space after PARAGRAPH characters,
 * if within another PARAGRAPH. */
static gsize
piece_end(struct perl_text text, gsize from)
{
    static const char ends[] = "\n> ";
    struct perl_text rest = {text.at + from, text.length - from, text.is_chars};
    gsize first = perl_text_prefix(rest, PARAGRAPH), last = perl_text_prefix(rest, (gsize)2 * PARAGRAPH), size;

    if (last == rest.length)
        return text.length;
    for (guint i = 0; ends[i] != '\0'; i++) {
        const char *found = memchr(rest.at + first, ends[i], last - first);
        if (found != NULL)
            return (gsize)(found + 1 - text.at);
    }
    perl_text_char(rest, first, &size);
    return from + first + size;
}

guint
body_eval_stock_info(struct eval_parts parts)
{
    g_autoptr(GHashTable) hits = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (gsize i = 0; i < parts.count; i++) {
        struct perl_text text = parts.part[i].rendered;

        if (strcmp(parts.part[i].type, "text/plain") != 0)
            continue;
        if (parts.part[i].rendered_type != NULL)
            for (gsize from = 0, end; from < text.length; from = end) {
                end = piece_end(text, from);
                note_headings(hits, (struct perl_text){text.at + from, end - from, text.is_chars});
            }
        break; /* the first only */
    }
    return g_hash_table_size(hits);
}
