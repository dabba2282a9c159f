/* body_eval.c: how a message's texts compare, and what they look like. */
#include "lib/spam/eval/body_eval.h"
#include <math.h>
#include <string.h>
#include "lib/spam/eval/word_counts.h"

#define DECOY_MAX 4 /* bytes after a signature's mark that don't make it one */

static gboolean
type_starts(const char *type, const char *word)
{
    gsize length = strlen(word);

    return strncmp(type, word, length) == 0 && !perl_is_word((guint8)type[length], FALSE);
}

static void
compare_alternatives(const struct eval_part *part, struct body_difference *difference)
{
    struct word_counts *html = word_counts_new(), *plain = word_counts_new();
    guint total;

    for (const struct eval_part *text = part; text <= part + part->below; text++) {
        if (!type_starts(text->type, "text") || text->rendered_type == NULL)
            continue;
        if (strcmp(text->rendered_type, "text/html") != 0) {
            word_counts_add_text(plain, text->rendered);
            continue;
        }
        word_counts_add_text(html, text->rendered);
        if (word_counts_size(html) == 0 && text->has_image)
            word_counts_add(html, "\n", 1); /* no word is a line break */
    }
    total = word_counts_size(html);
    if (total > 0) {
        difference->html = total;
        difference->plain = word_counts_size(plain);
        difference->percent = MAX(difference->percent, (double)word_counts_more(html, plain) / total * 100);
    }
    word_counts_free(html);
    word_counts_free(plain);
}

/* Exchange's meeting requests: HTML and a calendar. */
static gboolean
is_meeting_request(struct eval_parts parts)
{
    return parts.count == 3 && parts.part[0].below == 2 && parts.part[1].below == 0 &&
           strcmp(parts.part[0].type, "multipart/alternative") == 0 && strcmp(parts.part[1].type, "text/html") == 0 &&
           strcmp(parts.part[2].type, "text/calendar") == 0;
}

struct body_difference
body_eval_difference(struct eval_parts parts)
{
    struct body_difference difference = {0};

    if (is_meeting_request(parts))
        return difference;
    for (gsize i = 0; i < parts.count; i++)
        if (type_starts(parts.part[i].type, "multipart/alternative"))
            compare_alternatives(&parts.part[i], &difference);
    return difference;
}

gboolean
body_eval_differs(const struct body_difference *difference, double min, double max)
{
    return (min == 0 || difference->percent > min) && difference->percent <= max;
}

gboolean
body_eval_differs_in_count(const struct body_difference *difference, double ratio, double min_html)
{
    return difference->html > min_html && (double)difference->plain / difference->html > ratio;
}

double
body_eval_blank_lines(const struct perl_text *texts, gsize count, double min_lines)
{
    gsize lines = 0, blank = 0, size;

    for (gsize i = 0; i < count; i++) {
        gboolean is_blank = TRUE;

        for (gsize at = 0; at < texts[i].length; at += size) {
            gunichar c = perl_text_char(texts[i], at, &size);

            is_blank = is_blank && perl_is_space(c, texts[i].is_chars);
            if (c != '\n' && at + size < texts[i].length)
                continue;
            lines++;
            blank += is_blank;
            is_blank = TRUE;
        }
    }
    if (!(min_lines >= 1))
        min_lines = 1;
    return (double)lines < min_lines ? -1 : 100 * (double)blank / (double)lines;
}

gboolean
body_eval_blank_lines_within(double percent, double min, double max)
{
    return percent <= max && (min == 0 || percent > min);
}

int
body_eval_vertical_words(const struct perl_text *texts, gsize count)
{
    int most = -1;

    for (gsize i = 0; i < count; i++) {
        gsize spaces = 0, others;

        if (texts[i].length <= 5)
            continue;
        for (gsize at = 0; at < texts[i].length; at++)
            spaces += texts[i].at[at] == ' ';
        others = texts[i].length - spaces;
        most = MAX(most, spaces > others || others == 0 ? 100 : (int)(100 * spaces / others));
    }
    return most;
}

gboolean
body_eval_vertical_words_within(int percent, double min, double max)
{
    return percent >= min && percent < (max >= 100 ? 101 : max);
}

/* Whether the line that starts at `at` is "--" or "-- "; *end_r is where its text ends. */
static gboolean
is_signature_mark(struct perl_text text, gsize at, gsize *end_r)
{
    gsize end = at + 2;

    if (text.length - at < 2 || memcmp(text.at + at, "--", 2) != 0)
        return FALSE;
    end += end < text.length && text.at[end] == ' ';
    end += end < text.length && text.at[end] == '\r';
    *end_r = end;
    return end == text.length || text.at[end] == '\n';
}

gboolean
body_eval_signature(struct eval_parts parts, struct body_signature *signature_r)
{
    const struct eval_part *part = NULL;

    for (gsize i = 0; i < parts.count && part == NULL; i++)
        if (g_str_has_prefix(parts.part[i].type, "text/plain"))
            part = &parts.part[i];
    if (part == NULL || !part->is_leaf)
        return FALSE;
    struct perl_text text = part->decoded;
    struct body_signature found = {text.length, 0, 0};
    for (gsize at = 0, end; at < text.length; at++) {
        const char *next;

        if (is_signature_mark(text, at, &end) && text.length - end > DECOY_MAX) {
            found.body = at;
            found.signature = text.length - end;
        }
        if ((next = memchr(text.at + at, '\n', text.length - at)) == NULL)
            break;
        at = (gsize)(next - text.at);
    }
    found.ratio = found.signature > 0 ? (double)found.body / (double)found.signature : 1e6;
    *signature_r = found;
    return TRUE;
}
