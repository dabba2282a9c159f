/* line_form_compile.c: a form's text is made a list of steps, with what helps to see soon that a line does not have it. */
#include <string.h>
#include "lib/spam/view/line_form_private.h"

static const char *const slot_names[FORM_SLOTS] = {"helo",  "rdns", "ip", "by", "id",
                                                   "ident", "env",  "x",  "y"};

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
        return line_is_word(c);
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

static void
set_bit(guint64 set[4], guchar c)
{
    set[c / 64] |= G_GUINT64_CONSTANT(1) << c % 64;
}

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
array_free(gpointer array)
{
    g_array_unref(array);
}

/* One of the texts must be there: that says something unless one has no pair. */
static void
need_any(struct line_form *form, char *const *texts)
{
    GArray *all = g_array_new(FALSE, TRUE, sizeof(struct line_pairs));

    for (; *texts != NULL && strlen(*texts) > 1; texts++) {
        g_array_set_size(all, all->len + 1);
        line_pairs_add(&g_array_index(all, struct line_pairs, all->len - 1), *texts, strlen(*texts));
    }
    if (*texts == NULL)
        g_ptr_array_add(form->any_of, all);
    else
        g_array_unref(all);
}

static gint
by_length(gconstpointer a, gconstpointer b)
{
    const GString *one = *(const GString *const *)a, *other = *(const GString *const *)b;

    return one->len < other->len ? 1 : one->len > other->len ? -1 : 0;
}

/* What helps to see soon that a line does not have the form. */
static void
note_signs(struct line_form *form)
{
    guint optional = 0;
    g_autoptr(GPtrArray) needed = g_ptr_array_new(); /* GString * */

    form->any_of = g_ptr_array_new_with_free_func(array_free);
    for (guint i = 0; i < form->n; i++) {
        const struct step *step = &form->steps[i];

        optional += step->kind == OPTIONAL;
        optional -= step->kind == OPTIONAL_END;
        if (step->kind == TEXT && optional == 0)
            g_ptr_array_add(needed, step->text);
        if (step->kind == CHOICE && optional == 0)
            need_any(form, step->texts);
    }
    g_ptr_array_sort(needed, by_length);
    for (guint i = 0; i < needed->len; i++) {
        const GString *text = needed->pdata[i];
        line_pairs_add(&form->needs, text->str, text->len);
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
