/* line_form_private.h: what a form is compiled to. Private to line_form*.c. */
#pragma once
#include "lib/spam/view/line_form.h"

#define STEPS_MAX 64
#define NO_LIMIT G_MAXUINT
#define PAIRS_MAX 27 /* with their number, and that of the steps, they fill a cache line */

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

/* Pairs of bytes that a line must have, as bits of its print: those of long texts first, which few lines have. */
struct line_pairs {
    guint16 n, bits[PAIRS_MAX];
};

/* Most forms are looked at no further than to needs, for each line: that comes first, and a form takes no more memory than it has steps. */
struct line_form {
    struct line_pairs needs; /* pairs of its texts, but for those that may be missing */
    guint n;
    GPtrArray *any_of;       /* GArray * of struct line_pairs: pairs of each text of a choice, of which one must be there */
    gboolean ignore_case;
    struct step steps[];     /* n; STEPS_MAX while it is made */
};

static inline gboolean
line_has_bit(const guint64 set[4], guchar c)
{
    return (set[c / 64] >> c % 64 & 1) != 0;
}

/* \w */
static inline gboolean
line_is_word(char c)
{
    return g_ascii_isalnum(c) || c == '_';
}

/* Adds the pairs of a text, as many as there is room for. */
void line_pairs_add(struct line_pairs *pairs, const char *text, gsize len);
