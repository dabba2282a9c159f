/* line_form.h: forms of text, such as the ways in which mail programs write their Received lines.
 *
 * A form is the line as it is written, with what varies in braces:
 *   {helo} {rdns} {by} {id} {ident} {env} {x} {y}   a word, kept under that name; "{helo?}" may be empty
 *   {-} {-?}         a word that is not kept            {ip} {IP}     an address, kept or not (ip_text.h)
 *   {few} {any}      any text in a line, as little or as much as the rest of the form allows
 *   {find}           the rest of the form may begin anywhere, in any line
 *   {CLASS:LO-HI}    LO to HI bytes of a class: . any, S no blank, d digit, l a-z, a a-z 0-9, A letter, 6
 * 0-6, D no digit, ) no closing parenthesis, r neither blank nor parenthesis, p no dot, n neither blank nor
 * @, z of a zone name, h of a host name after HELO, i of a queue id, > no >, ] no ], " no ", ; neither blank
 * nor semicolon, s blank, w of a word, U A-Z, + or -. HI is left out for no limit; "~" at the end: as few as
 * the rest allows {a|b}            one of these texts                 {! text}      not followed by this text
 *   {[} .. {]}       may be absent                      {name<} .. {>name}   what is between is kept
 *   {local}          a name of the own host             {b} {end}     a boundary of a word, the end of the
 * text {bol} {eol}      the start and the end of a line A word is what has no white space in it (ASCII's).
 * Forms are matched from the start of the text. Meaning and preferences are those of a backtracking regular
 * expression, the time is linear in the line's length but for classes with an upper limit (a factor of at
 * most 100).
 *
 * Compiled forms are immutable, matching is thread-safe. */
#pragma once
#include <glib.h>

enum form_slot {
    FORM_HELO,
    FORM_RDNS,
    FORM_IP,
    FORM_BY,
    FORM_ID,
    FORM_IDENT,
    FORM_ENV,
    FORM_X,
    FORM_Y,
    FORM_SLOTS
};

/* What a match kept: offsets into the line; set only for the slots that took part. */
struct form_match {
    struct {
        gboolean set;
        gsize start, end;
    } slot[FORM_SLOTS];
    gsize end; /* of the whole match */
};

struct line_form;
/* The form must be well-formed (it is part of the program): g_error otherwise. ignore_case: of ASCII letters
 * in literal text. */
struct line_form *line_form_new(const char *form, gboolean ignore_case);
void line_form_free(struct line_form *form); /* NULL-safe */
/* match may be NULL; it is written on success only. */
gboolean line_form_match(const struct line_form *form, const char *line, gsize len, struct form_match *match);

/* Which pairs of bytes stand in a line, whatever their case, roughly: it tells of most forms that the line does not have them. */
#define LINE_PRINT_BITS 1024u
struct line_print {
    guint64 bits[LINE_PRINT_BITS / 64];
};
void line_print_take(struct line_print *print, const char *line, gsize len);
/* FALSE: the form does not match the line of which the print is taken, nor a part of it. */
gboolean line_form_may_match(const struct line_form *form, const struct line_print *print);

/* A form that is compiled when it is first needed and then kept: static struct line_form_once x = {"..",
 * FALSE, NULL}. */
struct line_form_once {
    const char *text;
    gboolean ignore_case;
    struct line_form *form;
};
gboolean line_form_once_match(struct line_form_once *once, const char *line, gsize len,
                              struct form_match *match);
