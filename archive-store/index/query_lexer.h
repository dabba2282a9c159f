/* query_lexer.h: the query's text to tokens (query.h has the syntax). */
#pragma once
#include <glib.h>

enum query_token_kind { TOKEN_END, TOKEN_WORD, TOKEN_QUOTED, TOKEN_FIELD, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_OR, TOKEN_AND,
                        TOKEN_NOT };
enum query_field { FIELD_NONE, FIELD_FROM, FIELD_TO, FIELD_SUBJECT, FIELD_BODY, FIELD_ATTACHMENT, FIELD_HAS, FIELD_AFTER,
                   FIELD_BEFORE };
struct query_token {
    enum query_token_kind kind;
    const char *text; /* WORD, QUOTED: without the quotation marks; into the query */
    gsize length;
    gboolean star;    /* WORD: "*" stood at its end (not in text) */
    enum query_field field;
    guint at;         /* characters from 1 */
};
struct query_lexer {
    const char *text;
    gsize length, i;
    guint at;
};

void query_lexer_init(struct query_lexer *lexer, const char *text, gsize length);
/* The next token. FALSE: error (a quotation without end). */
gboolean query_lexer_next(struct query_lexer *lexer, struct query_token *token_r, GError **error);
/* "from:" and so on, for messages. */
const char *query_field_name(enum query_field field);
