/* tokenizer.c: FTS5 glue (tokenizer.h). One instance per FTS5 table and connection, so per thread at a time. */
#include "archive-store/index/tokenizer.h"
#include "archive-store/index/index.h"
#include "archive-store/index/segmenter.h"
#include <string.h>

typedef int (*emit_token)(void *context, int flags, const char *token, int length, int start, int end);

struct sink {
    emit_token emit;
    void *context;
    int rc;
};

static int
tokenizer_create(void *context, const char **args, int n_args, Fts5Tokenizer **out)
{
    (void)context;
    (void)args;
    (void)n_args;
    *out = (Fts5Tokenizer *)segmenter_new();
    return SQLITE_OK;
}

static void
tokenizer_delete(Fts5Tokenizer *tokenizer)
{
    struct segmenter *segmenter = (struct segmenter *)tokenizer;
    segmenter_free(&segmenter);
}

static gboolean
pass_on(const struct segmenter_token *token, gpointer data)
{
    struct sink *sink = data;

    sink->rc = sink->emit(sink->context, token->colocated ? FTS5_TOKEN_COLOCATED : 0, token->text, (int)token->length,
                          0, 0);
    return sink->rc == SQLITE_OK;
}

/* opaque - tokens separated by ' ' or '\t' */
static int
opaque(const char *text, gsize length, void *context, emit_token emit)
{
    int flags = 0, rc = SQLITE_OK;

    for (gsize i = 0; i < length && rc == SQLITE_OK;) {
        gsize end = i;
        while (end < length && text[end] != ' ' && text[end] != '\t')
            end++;
        if (end > i)
            rc = emit(context, flags, text + i, (int)(end - i), 0, 0);
        flags = end < length && text[end] == '\t' ? FTS5_TOKEN_COLOCATED : 0;
        i = end + 1;
    }
    return rc;
}

static int
tokenize(Fts5Tokenizer *tokenizer, void *context, int flags, const char *text, int length, emit_token emit)
{
    struct sink sink = {emit, context, SQLITE_OK};

    (void)flags;
    if (text == NULL || length < 1)
        return SQLITE_OK;
    if (text[0] == TOKENIZER_OPAQUE)
        return opaque(text + 1, (gsize)length - 1, context, emit);
    if (text[0] != TOKENIZER_TEXT)
        return SQLITE_MISUSE;
    segmenter_run((struct segmenter *)tokenizer, text + 1, (gsize)length - 1, SEGMENTER_INDEX, pass_on, &sink);
    return sink.rc;
}

gboolean
tokenizer_register(sqlite3 *db, GError **error)
{
    static fts5_tokenizer methods = {tokenizer_create, tokenizer_delete, tokenize};
    fts5_api *api = NULL;
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &stmt, NULL);

    if (rc == SQLITE_OK) {
        sqlite3_bind_pointer(stmt, 1, &api, "fts5_api_ptr", NULL);
        sqlite3_step(stmt);
    }
    sqlite3_finalize(stmt);
    if (api != NULL && api->xCreateTokenizer(api, "postern", NULL, &methods, NULL) == SQLITE_OK)
        return TRUE;
    g_set_error(error, INDEX_ERROR, INDEX_ERROR_IO, "this SQLite library (%s) has no FTS5", sqlite3_libversion());
    return FALSE;
}
