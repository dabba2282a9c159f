/* reports_test.h: what the tests of the schema "reports" share: a fresh database with it, and calls that must succeed. */
#pragma once
#include "lib/mail/auth/dmarc_store.h"
#include "tests/support/sqltest.h"

/* call may use &error. */
#define assert_done(call)                                                                                    \
    do {                                                                                                     \
        g_autoptr(GError) error = NULL;                                                                      \
        if (!(call))                                                                                         \
            fail_msg("%s: %s", #call, error != NULL ? error->message : "?");                                 \
    } while (0)

static inline struct sql *
open_migrated(const struct sqltest *test)
{
    struct sql *sql = sqltest_open(test);

    assert_done(sql_migrate(sql, DMARC_STORE_SCHEMA, NULL, &error));
    assert_done(sql_check(sql, DMARC_STORE_SCHEMA, &error));
    return sql;
}
