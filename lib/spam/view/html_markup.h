/* html_markup.h: what the two halves of the HTML reader share; for html_tokens.c and html_markup.c only. */
#pragma once
#include "lib/spam/view/html_tokens.h"

/* By strength: the strongest of the open ones is in force. */
enum html_section { SECTION_NONE, SECTION_INCLUDE, SECTION_RCDATA, SECTION_CDATA, SECTION_IGNORE };

/* What becomes of a literal element that is open at the end of the document. */
enum html_literal_end { LITERAL_TEXT_AT_END, LITERAL_EMPTY_AT_END, LITERAL_CLOSED_LATE };

struct html_literal {
    const char *name;
    gboolean is_cdata;
    enum html_literal_end at_end;
};

struct html_tokens {
    const struct html_events *events;
    gpointer data;
    GString *rest;                      /* read but not understood yet */
    GArray *attributes;                 /* struct html_attribute, of the tag at hand */
    const struct html_literal *literal; /* the open literal element */
    gboolean is_cdata;
    GArray *sections; /* enum html_section: of the open ones, the strongest up to each */
    enum html_section section;
    gboolean comment_ends_at_gt; /* at the end of the document a comment without "-->" ends at '>' */
    const char *pending_end;     /* name whose end tag comes before the next tag */
    gboolean stopped;
};

static inline gboolean
html_is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* '<' at s, at least three bytes to end. See html_tokens.c for what comes back. */
const char *html_markup_read(struct html_tokens *t, const char *s, const char *end);

void html_literal_enter(struct html_tokens *t, const char *name, gsize length); /* if the element is one */
void html_section_open(struct html_tokens *t, enum html_section section);
void html_report_text(struct html_tokens *t, const char *start, const char *end);
void html_report_comment(struct html_tokens *t, const char *start, const char *end);
void html_report_start(struct html_tokens *t, const char *name, gsize length); /* with t->attributes */
void html_report_end(struct html_tokens *t, const char *name, gsize length);
void html_report_declaration(struct html_tokens *t, const char *start, const char *end);
void html_report_other(struct html_tokens *t); /* anything else was seen: a pending end tag is due */
