/* fuzz_query.c: any text as a query: parsed, compiled, and the result must be an expression that FTS5 takes. */
#include <stdint.h>
#include <string.h>
#include "archive-store/index/query.h"
#include "archive-store/index/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static sqlite3_stmt *
prepare(void)
{
    sqlite3 *db;
    sqlite3_stmt *stmt;

    if (sqlite3_open(":memory:", &db) != SQLITE_OK || !tokenizer_register(db, NULL) ||
        sqlite3_exec(db,
                     "CREATE VIRTUAL TABLE doc USING fts5(body, subject, sender, rcpt, attach, addr, content='',"
                     " columnsize=0, tokenize='postern')",
                     NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "SELECT rowid FROM doc WHERE doc MATCH ?1", -1, &stmt, NULL) != SQLITE_OK)
        g_error("%s", sqlite3_errmsg(db));
    return stmt;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static sqlite3_stmt *stmt;
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(GError) error = NULL;

    if (stmt == NULL)
        stmt = prepare();
    g_autoptr(query_t) query = query_parse(text, NULL, size % 2 == 0 ? "ann@example.test" : NULL, &error);
    if (query == NULL) {
        if (error == NULL || *error->message == '\0')
            g_error("refused without a word");
        return 0;
    }
    g_autofree char *match = query_match(query, size);
    sqlite3_bind_text(stmt, 1, match, -1, SQLITE_STATIC);
    if (sqlite3_step(stmt) != SQLITE_DONE)
        g_error("%s: %s", match, sqlite3_errmsg(sqlite3_db_handle(stmt)));
    sqlite3_reset(stmt);
    return 0;
}
