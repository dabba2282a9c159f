/* line_form.c: see line_form.h.
 *
 * A form is a list of steps; matching walks it with one recursion per step that can end at several places. Each step knows which
 * bytes it and what follows it can begin with, so that most places are passed over without a recursion.
 * Whether the steps after an unlimited run match from some place doesn't depend on where the run began, so
 * each run remembers from where on that has failed: a place is tried once, whatever the line. */
#include "lib/spam/view/line_form.h"
#include "lib/spam/view/ip_text.h"
#include <string.h>

#define STEPS_MAX 64
#define NO_LIMIT G_MAXUINT

enum step_kind {
    TEXT,
    RUN,
    ADDRESS,
    LOCALHOST,
    CHOICE,
    NOT_TEXT,
    KEEP_FROM,
    KEEP_TO,
    OPTIONAL,
    OPTIONAL_END,
    BOUNDARY,
    TEXT_END,
    LINE_START,
    LINE_END
};

struct step {
    enum step_kind kind;
    char class;
    guint64 members[4]; /* bytes of the class, of a run */
    gboolean few;
    guint least, most; /* of a run */
    enum form_slot slot;
    GString *text;
    char **texts; /* of a choice */
    guint after;  /* the step after an optional part */
    guint64 begins[4];     /* bytes that this step and those behind it can begin with, at least */
    gboolean begins_empty; /* they may match at the end of the line */
    const GString *sign;   /* a text that they must begin with, where case counts; or NULL */
};

/* Most forms are looked at no further than to needs, for each line: that comes first, and a form takes no more memory than it has steps. */
struct line_form {
    struct line_print needs; /* pairs of its texts, but for those that may be missing */
    GPtrArray *any_of;       /* GArray * of struct line_print: pairs of each text of a choice, of which one must be there */
    guint n;
    gboolean ignore_case;
    struct step steps[];     /* n; STEPS_MAX while it is made */
};

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

static const char *const slot_names[FORM_SLOTS] = {"helo",  "rdns", "ip", "by", "id",
                                                   "ident", "env",  "x",  "y"};

/* ---- compiling ---- */

static gboolean
slot_named(const char *name, gsize len, enum form_slot *slot_r)
{
    for (guint i = 0; i < FORM_SLOTS; i++) {
        if (strlen(slot_names[i]) == len && memcmp(slot_names[i], name, len) == 0) {
            *slot_r = (enum form_slot)i;
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean in_class(char class, char c);

static void
set_bit(guint64 set[4], guchar c)
{
    set[c / 64] |= G_GUINT64_CONSTANT(1) << c % 64;
}

static gboolean
has_bit(const guint64 set[4], guchar c)
{
    return (set[c / 64] >> c % 64 & 1) != 0;
}

static struct step *
add_step(struct line_form *form, enum step_kind kind)
{
    if (form->n == STEPS_MAX)
        g_error("line form with more than %d steps", STEPS_MAX);
    form->steps[form->n] = (struct step){.kind = kind};
    return &form->steps[form->n++];
}

static void
add_run(struct line_form *form, char class, guint least, guint most, gboolean few)
{
    struct step *step = add_step(form, RUN);

    step->class = class;
    step->least = least;
    step->most = most;
    step->few = few;
    for (guint c = 0; c < 256; c++)
        if (in_class(class, (char)c))
            set_bit(step->members, (guchar)c);
}

static void
add_keep(struct line_form *form, enum step_kind kind, enum form_slot slot)
{
    add_step(form, kind)->slot = slot;
}

/* "CLASS:LO-HI", HI and "~" may be absent. */
static void
add_counted_run(struct line_form *form, const char *token)
{
    char *rest;
    guint least = (guint)g_ascii_strtoull(token + 2, &rest, 10);
    guint most =
        *rest == '-' && g_ascii_isdigit(rest[1]) ? (guint)g_ascii_strtoull(rest + 1, NULL, 10) : NO_LIMIT;

    add_run(form, token[0], least, most, strchr(rest, '~') != NULL);
}

static void
end_optional(struct line_form *form)
{
    guint at = form->n;

    while (at > 0 && !(form->steps[at - 1].kind == OPTIONAL && form->steps[at - 1].after == 0))
        at--;
    g_assert(at > 0);
    add_step(form, OPTIONAL_END);
    form->steps[at - 1].after = form->n;
}

/* A word or a mark of a slot: FALSE when token names none. */
static gboolean
add_slot(struct line_form *form, const char *token)
{
    gsize len = strlen(token);
    gboolean optional = len > 0 && token[len - 1] == '?';
    enum form_slot slot;

    if (token[0] == '>' && slot_named(token + 1, len - 1, &slot)) {
        add_keep(form, KEEP_TO, slot);
    } else if (len > 0 && token[len - 1] == '<' && slot_named(token, len - 1, &slot)) {
        add_keep(form, KEEP_FROM, slot);
    } else if (slot_named(token, len - optional, &slot)) {
        add_keep(form, KEEP_FROM, slot);
        if (slot == FORM_IP)
            add_step(form, ADDRESS);
        else
            add_run(form, 'S', optional ? 0 : 1, NO_LIMIT, FALSE);
        add_keep(form, KEEP_TO, slot);
    } else {
        return FALSE;
    }
    return TRUE;
}

static gboolean
add_simple(struct line_form *form, const char *token)
{
    static const struct {
        const char *token;
        enum step_kind kind;
    } simple[] = {{"[", OPTIONAL},   {"b", BOUNDARY}, {"end", TEXT_END},   {"bol", LINE_START},
                  {"eol", LINE_END}, {"IP", ADDRESS}, {"local", LOCALHOST}};

    for (guint i = 0; i < G_N_ELEMENTS(simple); i++) {
        if (strcmp(token, simple[i].token) == 0) {
            add_step(form, simple[i].kind);
            return TRUE;
        }
    }
    return FALSE;
}

static void
add_token(struct line_form *form, const char *token)
{
    if (token[0] != '\0' && token[1] == ':')
        add_counted_run(form, token);
    else if (add_simple(form, token) || add_slot(form, token))
        ;
    else if (strcmp(token, "]") == 0)
        end_optional(form);
    else if (strcmp(token, "-") == 0 || strcmp(token, "-?") == 0)
        add_run(form, 'S', token[1] == '?' ? 0 : 1, NO_LIMIT, FALSE);
    else if (strcmp(token, "few") == 0 || strcmp(token, "any") == 0)
        add_run(form, '.', 0, NO_LIMIT, token[0] == 'f');
    else if (strcmp(token, "find") == 0)
        add_run(form, '*', 0, NO_LIMIT, TRUE);
    else if (token[0] == '!')
        add_step(form, NOT_TEXT)->text = g_string_new(token + 1);
    else if (strchr(token, '|') != NULL)
        add_step(form, CHOICE)->texts = g_strsplit(token, "|", -1);
    else
        g_error("line form with {%s}", token);
}

static void
begin_with_text(const struct line_form *form, struct step *step, const char *text)
{
    set_bit(step->begins, (guchar)(form->ignore_case ? g_ascii_tolower(*text) : *text));
    set_bit(step->begins, (guchar)(form->ignore_case ? g_ascii_toupper(*text) : *text));
}

/* At what other begins with; NULL: at anything. */
static void
begin_like(struct step *step, const struct step *other)
{
    for (guint i = 0; i < G_N_ELEMENTS(step->begins); i++)
        step->begins[i] |= other != NULL ? other->begins[i] : G_MAXUINT64;
    step->begins_empty |= other == NULL || other->begins_empty;
}

/* What a step begins with, when that is known of those behind it (NULL: there are none). */
static void
note_begin(struct line_form *form, struct step *step, const struct step *next)
{
    switch (step->kind) {
    case TEXT:
        begin_with_text(form, step, step->text->str);
        step->sign = form->ignore_case ? NULL : step->text;
        break;
    case CHOICE:
        for (char **text = step->texts; *text != NULL; text++)
            if (**text != '\0')
                begin_with_text(form, step, *text);
            else
                begin_like(step, next);
        break;
    case RUN:
        memcpy(step->begins, step->members, sizeof step->begins);
        if (step->least == 0)
            begin_like(step, next);
        break;
    case ADDRESS:
    case LOCALHOST:
        begin_like(step, NULL);
        break;
    case OPTIONAL:
        begin_like(step, next);
        begin_like(step, step->after < form->n ? &form->steps[step->after] : NULL);
        break;
    default: /* of no length */
        begin_like(step, next);
        step->sign = next != NULL ? next->sign : NULL;
    }
}

static void
add_pairs(struct line_print *print, const char *text, gsize len)
{
    guint before = len > 0 ? (guchar)g_ascii_tolower(*text) : 0;

    for (gsize at = 1; at < len; at++) {
        guint c = (guchar)text[at], hash;
        c += c >= 'A' && c <= 'Z' ? 'a' - 'A' : 0;
        hash = (before * 37 + c) % LINE_PRINT_BITS;
        print->bits[hash / 64] |= G_GUINT64_CONSTANT(1) << hash % 64;
        before = c;
    }
}

static void
array_free(gpointer array)
{
    g_array_unref(array);
}

/* One of the texts must be there: that says something unless one has no pair. */
static void
need_any(struct line_form *form, char *const *texts)
{
    GArray *prints = g_array_new(FALSE, TRUE, sizeof(struct line_print));

    for (; *texts != NULL && strlen(*texts) > 1; texts++) {
        g_array_set_size(prints, prints->len + 1);
        add_pairs(&g_array_index(prints, struct line_print, prints->len - 1), *texts, strlen(*texts));
    }
    if (*texts == NULL)
        g_ptr_array_add(form->any_of, prints);
    else
        g_array_unref(prints);
}

/* What helps to see soon that a line does not have the form. */
static void
note_signs(struct line_form *form)
{
    guint optional = 0;

    form->any_of = g_ptr_array_new_with_free_func(array_free);
    for (guint i = 0; i < form->n; i++) {
        const struct step *step = &form->steps[i];

        optional += step->kind == OPTIONAL;
        optional -= step->kind == OPTIONAL_END;
        if (step->kind == TEXT && optional == 0)
            add_pairs(&form->needs, step->text->str, step->text->len);
        if (step->kind == CHOICE && optional == 0)
            need_any(form, step->texts);
    }
    for (guint i = form->n; i > 0; i--)
        note_begin(form, &form->steps[i - 1], i < form->n ? &form->steps[i] : NULL);
}

struct line_form *
line_form_new(const char *text, gboolean ignore_case)
{
    struct line_form *form = g_malloc0(sizeof *form + STEPS_MAX * sizeof form->steps[0]);

    form->ignore_case = ignore_case;
    while (*text != '\0') {
        gsize plain = strcspn(text, "{");

        if (plain > 0) {
            add_step(form, TEXT)->text = g_string_new_len(text, (gssize)plain);
            text += plain;
        } else {
            const char *close = strchr(text, '}');
            g_assert(close != NULL);
            g_autofree char *token = g_strndup(text + 1, (gsize)(close - text) - 1);
            add_token(form, token);
            text = close + 1;
        }
    }
    note_signs(form);
    return g_realloc(form, sizeof *form + form->n * sizeof form->steps[0]);
}

void
line_form_free(struct line_form *form)
{
    if (form == NULL)
        return;
    g_ptr_array_unref(form->any_of);
    for (guint i = 0; i < form->n; i++) {
        if (form->steps[i].text != NULL)
            g_string_free(form->steps[i].text, TRUE);
        g_strfreev(form->steps[i].texts);
    }
    g_free(form);
}

/* ---- matching ---- */

static gboolean walk_on(struct walk *w, guint at, gsize pos);

static gboolean
is_word(char c)
{
    return g_ascii_isalnum(c) || c == '_';
}

static gboolean
is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static gboolean
in_class(char class, char c)
{
    switch (class) {
    case 'd':
        return g_ascii_isdigit(c);
    case 'D':
        return !g_ascii_isdigit(c);
    case 'l':
        return g_ascii_islower(c);
    case 'a':
        return g_ascii_islower(c) || g_ascii_isdigit(c);
    case 'A':
        return g_ascii_isalpha(c);
    case '6':
        return c >= '0' && c <= '6';
    case ')':
        return c != ')';
    case '>':
        return c != '>';
    case 'r':
        return c != ' ' && c != '(' && c != ')';
    case 'p':
        return c != '.';
    case 'n':
        return !is_blank(c) && c != '@';
    case ';':
        return !is_blank(c) && c != ';';
    case 'i':
        return !is_blank(c) && c != '<' && c != '>' && c != ';';
    case 'z':
        return g_ascii_isupper(c) || g_ascii_isdigit(c) || (c != '\0' && strchr("._~-", c) != NULL);
    case 'h':
        return g_ascii_isalnum(c) || (c != '\0' && strchr("-.^+_&:=?!@%*$\\/", c) != NULL);
    case ']':
        return c != ']';
    case '"':
        return c != '"';
    case 's':
        return is_blank(c);
    case 'w':
        return is_word(c);
    case 'U':
        return g_ascii_isupper(c);
    case '+':
        return c == '+' || c == '-';
    case '.':
        return c != '\n';
    case 'S':
        return !is_blank(c);
    default:
        return TRUE;
    }
}

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
    while (end < most && has_bit(step->members, (guchar)w->line[end]))
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
    return has_bit(step->begins, (guchar)w->line[pos]);
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
    return (pos > 0 && is_word(w->line[pos - 1])) != (pos < w->len && is_word(w->line[pos]));
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

void
line_print_take(struct line_print *print, const char *line, gsize len)
{
    memset(print, 0, sizeof *print);
    add_pairs(print, line, len);
}

static gboolean
holds(const struct line_print *print, const struct line_print *needs)
{
    for (guint i = 0; i < G_N_ELEMENTS(print->bits); i++)
        if ((needs->bits[i] & ~print->bits[i]) != 0)
            return FALSE;
    return TRUE;
}

static gboolean
holds_any(const struct line_print *print, const GArray *needs)
{
    for (guint i = 0; i < needs->len; i++)
        if (holds(print, &g_array_index(needs, struct line_print, i)))
            return TRUE;
    return FALSE;
}

gboolean
line_form_may_match(const struct line_form *form, const struct line_print *print)
{
    if (!holds(print, &form->needs))
        return FALSE;
    for (guint i = 0; i < form->any_of->len; i++)
        if (!holds_any(print, form->any_of->pdata[i]))
            return FALSE;
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
