/* html_tokens.h: HTML cut into tags, text, comments and declarations, as HTML::Parser 3.81 cuts it with marked_sections on.
 *
 * Not HTML5's tokeniser: any bytes but blanks and '>' make a name, comments end at "--" blanks '>', marked sections
 * (<![CDATA[ .. ]]>, RCDATA, IGNORE, INCLUDE) nest, script, style, xmp, iframe, plaintext, title and textarea hold text up to
 * their end tag, and what is left open at the end of the document comes out as it does there. Text is given in pieces as read: the
 * last word of a chunk comes on its own.
 *
 * Input in chunks, then the end. What an event is given lives until its callback returns. Linear in length; at most
 * HTML_ATTRIBUTES_MAX attributes of one tag are given. One reader per thread. */
#pragma once
#include <glib.h>

#define HTML_ATTRIBUTES_MAX 65536

/* As written: case kept, entities not decoded, quotes taken off. Value NULL: none was given. */
struct html_attribute {
    const char *name;
    gsize name_length;
    const char *value;
    gsize value_length;
};

/* comment and declaration get the whole markup with its delimiters. */
struct html_events {
    void (*start)(gpointer data, const char *name, gsize length, const struct html_attribute *attributes, guint count);
    void (*end)(gpointer data, const char *name, gsize length);
    void (*text)(gpointer data, const char *text, gsize length, gboolean is_cdata);
    void (*comment)(gpointer data, const char *text, gsize length);
    void (*declaration)(gpointer data, const char *text, gsize length);
};

struct html_tokens;

struct html_tokens *html_tokens_new(const struct html_events *events, gpointer data); /* events are borrowed */
/* The chunk must end with a NUL that length does not count. */
void html_tokens_read(struct html_tokens *tokens, const char *chunk, gsize length);
/* FALSE: the end of the document goes unnoticed, since it is within an ignored section (or reading was stopped). */
gboolean html_tokens_end(struct html_tokens *tokens);
/* No event comes any more. For use within an event. */
void html_tokens_stop(struct html_tokens *tokens);
void html_tokens_free(struct html_tokens **tokens); /* NULL-safe */
