/* line_form.c: see line_form.h.
 *
 * A form is a list of steps; matching walks it with one recursion per step that can end at several places. Each step knows which
 * bytes it and what follows it can begin with, so that most places are passed over without a recursion.
 * Whether the steps after an unlimited run match from some place doesn't depend on where the run began, so
 * each run remembers from where on that has failed: a place is tried once, whatever the line. */
#include <string.h>
#include "lib/spam/view/ip_text.h"
#include "lib/spam/view/line_form_private.h"

/* What is known of a run without limit: the last stretch of its class that was looked at is [seen, seen_end],
 * and from `failed` on the steps behind the run don't match anywhere in the stretch. */
struct stretch {
    gboolean known, has_failed;
    gsize seen, seen_end, failed;
};

struct walk {
    const struct line_form *form;
    const char *line;
    gsize len;
    struct form_match match;
    struct stretch stretches[STEPS_MAX];
};

static gboolean walk_on(struct walk *w, guint at, gsize pos);

/* The end of the run of a class in [pos, most]. */
static gsize
run_end(const struct walk *w, const struct step *step, gsize pos, gsize most)
{
    gsize end = pos;
    const char *newline;

    if (step->class == '*')
        return most;
    if (step->class == '.') {
        newline = memchr(w->line + pos, '\n', most - pos);
        return newline != NULL ? (gsize)(newline - w->line) : most;
    }
    while (end < most && line_has_bit(step->members, (guchar)w->line[end]))
        end++;
    return end;
}

/* The stretch of an unlimited run's class at pos, without looking twice at what was seen before. */
static struct stretch *
stretch_at(struct walk *w, guint at, gsize pos)
{
    struct stretch *s = &w->stretches[at];
    gsize end;

    if (s->known && pos >= s->seen && pos <= s->seen_end)
        return s;
    end = run_end(w, &w->form->steps[at], pos, s->known && pos < s->seen ? s->seen : w->len);
    if (s->known && end == s->seen) {
        s->seen = pos;
        return s;
    }
    *s = (struct stretch){.known = TRUE, .seen = pos, .seen_end = end};
    return s;
}

static gboolean
text_at(const struct walk *w, const char *text, gsize len, gsize pos)
{
    if (w->len - pos < len)
        return FALSE;
    return w->form->ignore_case ? g_ascii_strncasecmp(w->line + pos, text, len) == 0
                                : memcmp(w->line + pos, text, len) == 0;
}

/* Whether the steps from at on may match at pos. */
static gboolean
may_begin(const struct walk *w, guint at, gsize pos)
{
    const struct step *step = &w->form->steps[at];

    if (at >= w->form->n)
        return TRUE;
    if (pos >= w->len)
        return step->begins_empty;
    return line_has_bit(step->begins, (guchar)w->line[pos]);
}

/* The next place in [pos, last] where they may match: last + 1 when there is none. */
static gsize
next_place(const struct walk *w, guint at, gsize pos, gsize last)
{
    const GString *sign = at < w->form->n ? w->form->steps[at].sign : NULL;
    const char *found;

    if (sign == NULL || pos > last) {
        while (pos <= last && !may_begin(w, at, pos))
            pos++;
        return pos;
    }
    found = memmem(w->line + pos, MIN(w->len, last + sign->len) - pos, sign->str, sign->len);
    return found != NULL ? (gsize)(found - w->line) : last + 1;
}

static gboolean
walk_few(struct walk *w, guint at, gsize first, gsize last)
{
    for (gsize pos = next_place(w, at + 1, first, last); pos <= last; pos = next_place(w, at + 1, pos + 1, last))
        if (walk_on(w, at + 1, pos))
            return TRUE;
    return FALSE;
}

static gboolean
walk_many(struct walk *w, guint at, gsize first, gsize last)
{
    for (gsize pos = last + 1; pos-- > first;)
        if (may_begin(w, at + 1, pos) && walk_on(w, at + 1, pos))
            return TRUE;
    return FALSE;
}

/* A run of at most so many bytes: no notes are kept of it. */
static gboolean
walk_limited_run(struct walk *w, guint at, gsize pos)
{
    const struct step *step = &w->form->steps[at];
    gsize end = run_end(w, step, pos, MIN(w->len, pos + step->most)), first = pos + step->least;

    if (end < first)
        return FALSE;
    return step->few ? walk_few(w, at, first, end) : walk_many(w, at, first, end);
}

static gboolean
walk_run(struct walk *w, guint at, gsize pos)
{
    const struct step *step = &w->form->steps[at];
    gsize first = pos + step->least, last;
    struct stretch *s;

    if (step->most != NO_LIMIT)
        return walk_limited_run(w, at, pos);
    s = stretch_at(w, at, pos);
    if (s->seen_end < first || (s->has_failed && first >= s->failed))
        return FALSE;
    last = s->has_failed ? s->failed - 1 : s->seen_end;
    if (step->few ? walk_few(w, at, first, last) : walk_many(w, at, first, last))
        return TRUE;
    s->has_failed = TRUE;
    s->failed = first;
    return FALSE;
}

static gboolean
walk_ends(struct walk *w, guint at, gsize pos)
{
    gsize ends[IP_TEXT_ENDS];
    guint n = w->form->steps[at].kind == ADDRESS ? ip_text_ends(w->line, w->len, pos, ends)
                                                 : ip_text_localhost_ends(w->line, w->len, pos, ends);

    for (guint i = 0; i < n; i++)
        if (walk_on(w, at + 1, ends[i]))
            return TRUE;
    return FALSE;
}

static gboolean
walk_choice(struct walk *w, guint at, gsize pos)
{
    char *const *texts = w->form->steps[at].texts;

    for (guint i = 0; texts[i] != NULL; i++) {
        gsize len = strlen(texts[i]);
        if (text_at(w, texts[i], len, pos) && walk_on(w, at + 1, pos + len))
            return TRUE;
    }
    return FALSE;
}

static gboolean
walk_optional(struct walk *w, guint at, gsize pos)
{
    if (may_begin(w, at + 1, pos)) {
        struct form_match before = w->match;
        if (walk_on(w, at + 1, pos))
            return TRUE;
        w->match = before;
    }
    return walk_on(w, w->form->steps[at].after, pos);
}

static gboolean
is_boundary(const struct walk *w, gsize pos)
{
    return (pos > 0 && line_is_word(w->line[pos - 1])) != (pos < w->len && line_is_word(w->line[pos]));
}

/* A step that has at most one end: moves *pos there. */
static gboolean
walk_plain(struct walk *w, const struct step *step, gsize *pos)
{
    switch (step->kind) {
    case TEXT:
        if (!text_at(w, step->text->str, step->text->len, *pos))
            return FALSE;
        *pos += step->text->len;
        return TRUE;
    case NOT_TEXT:
        return !text_at(w, step->text->str, step->text->len, *pos);
    case KEEP_FROM:
        w->match.slot[step->slot].start = *pos;
        return TRUE;
    case KEEP_TO:
        w->match.slot[step->slot].end = *pos;
        w->match.slot[step->slot].set = TRUE;
        return TRUE;
    case BOUNDARY:
        return is_boundary(w, *pos);
    case TEXT_END:
        return *pos == w->len;
    case LINE_START:
        return *pos == 0 || w->line[*pos - 1] == '\n';
    case LINE_END:
        return *pos == w->len || w->line[*pos] == '\n';
    default:
        return TRUE;
    }
}

static gboolean
walk_on(struct walk *w, guint at, gsize pos)
{
    for (; at < w->form->n; at++) {
        const struct step *step = &w->form->steps[at];

        switch (step->kind) {
        case RUN:
            return walk_run(w, at, pos);
        case ADDRESS:
        case LOCALHOST:
            return walk_ends(w, at, pos);
        case CHOICE:
            return walk_choice(w, at, pos);
        case OPTIONAL:
            return walk_optional(w, at, pos);
        default:
            if (!walk_plain(w, step, &pos))
                return FALSE;
        }
    }
    w->match.end = pos;
    return TRUE;
}

gboolean
line_form_match(const struct line_form *form, const char *line, gsize len, struct form_match *match)
{
    const struct step *first = &form->steps[0];
    struct walk w;

    w.form = form;
    w.line = line;
    w.len = len;
    if (form->n > 0 && first->kind == TEXT && !text_at(&w, first->text->str, first->text->len, 0))
        return FALSE; /* most forms end here */
    memset(w.stretches, 0, form->n * sizeof w.stretches[0]);
    memset(&w.match, 0, sizeof w.match);
    if (!walk_on(&w, 0, 0))
        return FALSE;
    if (match != NULL)
        *match = w.match;
    return TRUE;
}

gboolean
line_form_once_match(struct line_form_once *once, const char *line, gsize len, struct form_match *match)
{
    if (g_once_init_enter(&once->form))
        g_once_init_leave(&once->form, line_form_new(once->text, once->ignore_case));
    return line_form_match(once->form, line, len, match);
}
