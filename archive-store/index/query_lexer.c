/* query_lexer.c: tokens of a query, full-width forms included (query_lexer.h). */
#include "archive-store/index/query_lexer.h"
#include "archive-store/index/fold.h"
#include "archive-store/index/index.h"
#include <string.h>

static const char *const field_names[] = {"", "from:", "to:", "subject:", "body:", "attachment:", "has:", "after:",
                                          "before:"};

const char *
query_field_name(enum query_field field)
{
    return field_names[field];
}

void
query_lexer_init(struct query_lexer *lexer, const char *text, gsize length)
{
    *lexer = (struct query_lexer){.text = text, .length = length, .at = 1};
}

/* narrow - full-width operators to their ASCII kin */
static gunichar
narrow(gunichar c)
{
    switch (c) {
    case 0x3000:
        return ' ';
    case 0xff08:
        return '(';
    case 0xff09:
        return ')';
    case 0xff0d:
        return '-';
    case 0xff5c:
        return '|';
    case 0xff0a:
        return '*';
    case 0xff1a:
        return ':';
    case 0xff02:
    case 0x201c:
    case 0x201d:
        return '"';
    default:
        return c;
    }
}

static gunichar
peek(const struct query_lexer *lexer, gsize i, gsize *n_r)
{
    gunichar c;

    if (i >= lexer->length) {
        *n_r = 0;
        return 0;
    }
    *n_r = fold_decode(lexer->text + i, lexer->length - i, &c);
    return narrow(c);
}

static void
advance(struct query_lexer *lexer, gsize n)
{
    lexer->i += n;
    lexer->at++;
}

static gboolean
is_space(gunichar c)
{
    /* Closing marks without an opening one are passed over. */
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0 || c == 0x300d || c == 0x300f || g_unichar_isspace(c);
}

/* closing - the mark that ends a quotation begun by c, or 0 */
static gunichar
closing(gunichar c)
{
    return c == '"' ? '"' : c == 0x300c ? 0x300d : c == 0x300e ? 0x300f : 0;
}

static gboolean
ends_word(gunichar c)
{
    return is_space(c) || c == '(' || c == ')' || c == '|' || closing(c) != 0;
}

static gboolean
lex_quoted(struct query_lexer *lexer, gunichar close, gsize n, struct query_token *token, GError **error)
{
    gunichar c;

    token->kind = TOKEN_QUOTED;
    advance(lexer, n);
    token->text = lexer->text + lexer->i;
    while ((c = peek(lexer, lexer->i, &n)) != close) {
        if (n == 0) {
            g_set_error(error, INDEX_ERROR, INDEX_ERROR_QUERY,
                        "at character %u: this quotation has no end; add the closing quotation mark", token->at);
            return FALSE;
        }
        advance(lexer, n);
    }
    token->length = (gsize)(lexer->text + lexer->i - token->text);
    advance(lexer, n);
    return TRUE;
}

/* lex_field - a field's name and colon at i? */
static gboolean
lex_field(struct query_lexer *lexer, struct query_token *token)
{
    for (guint f = FIELD_FROM; f < G_N_ELEMENTS(field_names); f++) {
        gsize length = strlen(field_names[f]) - 1, n;
        if (lexer->length - lexer->i <= length ||
            g_ascii_strncasecmp(lexer->text + lexer->i, field_names[f], length) != 0 ||
            peek(lexer, lexer->i + length, &n) != ':')
            continue;
        token->kind = TOKEN_FIELD;
        token->field = (enum query_field)f;
        lexer->i += length + n;
        lexer->at += (guint)length + 1;
        return TRUE;
    }
    return FALSE;
}

static void
lex_word(struct query_lexer *lexer, struct query_token *token)
{
    gunichar c, last = 0;
    gsize n, last_n = 0;

    token->kind = TOKEN_WORD;
    token->text = lexer->text + lexer->i;
    while ((c = peek(lexer, lexer->i, &n), n > 0) && !ends_word(c)) {
        advance(lexer, n);
        last = c;
        last_n = n;
    }
    token->length = (gsize)(lexer->text + lexer->i - token->text);
    if (last == '*') {
        token->star = TRUE;
        token->length -= last_n;
    }
    if (token->length == 2 && memcmp(token->text, "OR", 2) == 0)
        token->kind = TOKEN_OR;
    else if (token->length == 3 && memcmp(token->text, "AND", 3) == 0)
        token->kind = TOKEN_AND;
    else if (token->length == 3 && memcmp(token->text, "NOT", 3) == 0)
        token->kind = TOKEN_NOT;
}

gboolean
query_lexer_next(struct query_lexer *lexer, struct query_token *token_r, GError **error)
{
    gunichar c;
    gsize n, after;

    while ((c = peek(lexer, lexer->i, &n), n > 0) && is_space(c))
        advance(lexer, n);
    *token_r = (struct query_token){.kind = TOKEN_END, .at = lexer->at};
    if (n == 0)
        return TRUE;
    if (closing(c) != 0)
        return lex_quoted(lexer, closing(c), n, token_r, error);
    if (c == '-') {
        gunichar next = peek(lexer, lexer->i + n, &after);
        if (after > 0 && !is_space(next)) {
            token_r->kind = TOKEN_NOT;
            advance(lexer, n);
            return TRUE;
        }
    }
    if (c == '(' || c == ')' || c == '|') {
        token_r->kind = c == '(' ? TOKEN_OPEN : c == ')' ? TOKEN_CLOSE : TOKEN_OR;
        advance(lexer, n);
        return TRUE;
    }
    if (!lex_field(lexer, token_r))
        lex_word(lexer, token_r);
    return TRUE;
}
