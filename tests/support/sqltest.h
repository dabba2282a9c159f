/* sqltest.h: runs each SQL test body on SQLite and on MariaDB, each time in a fresh database.
 *
 * The MariaDB half needs POSTERN_TEST_MARIADB (a socket path; tests/support/mariadb.sh sets it) and is a
 * skipped test without it. The names end in the engine (types_mariadb), so that reports count each half. */
#pragma once
#include "lib/base/sql_private.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

struct sqltest {
    struct sql_options options; /* of a fresh, empty database */
    gboolean mariadb;
};
typedef void (*sqltest_body)(const struct sqltest *test);
struct sqltest_case {
    sqltest_body body;
    gboolean mariadb;
};
void sqltest_run(void **state);

#define SQLTEST_CASE(function, where, is_mariadb)                                                                          \
    {                                                                                                                      \
        .name = #function "_" where, .test_func = sqltest_run,                                                             \
        .initial_state = &(struct sqltest_case){function, is_mariadb}                                                      \
    }
#define SQLTEST_SQLITE(function) SQLTEST_CASE(function, "sqlite", FALSE)
#define SQLTEST_MARIADB(function) SQLTEST_CASE(function, "mariadb", TRUE)
#define SQLTEST(function) SQLTEST_SQLITE(function), SQLTEST_MARIADB(function)

/* Opens or fails the test. */
struct sql *sqltest_open(const struct sqltest *test);
/* Runs a script of statements that end in ";" at a line's end. */
void sqltest_script(struct sql *sql, const char *text);
void sqltest_script_file(struct sql *sql, const char *path);
/* One statement by its text, the same for both engines; values as in sql_run. Fails the test on error. */
void sqltest_exec(struct sql *sql, const struct sql_statement *statement, const struct sql_value *values, guint n);
/* The first column of the first row as an integer; G_MININT64 when there is no row. */
gint64 sqltest_int(struct sql *sql, const struct sql_statement *statement, const struct sql_value *values, guint n);
/* Defines a statement with the same text for both engines. */
#define SQLTEST_STATEMENT(id, text) static const struct sql_statement id = {#id, {text, text}}

/* Only in programs that mariadb.sh runs with --own: ends the server at once, as a power cut does, and starts it again. */
void sqltest_kill_server(void);
void sqltest_start_server(void);
