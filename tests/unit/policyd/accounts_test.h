/* accounts_test.h: PostfixAdmin's tables and the schema policy in one database, and what is asked of them. */
#pragma once
#include "policyd/accounts/policy_accounts.h"
#include "tests/support/sqltest.h"

#define NOW G_GINT64_CONSTANT(1796000000000) /* milliseconds */

struct accounts_test {
    struct sql *sql; /* for changes */
    struct sql_pool *accounts, *policy, *quota;
    struct policy_accounts *policy_accounts;
};
/* Makes the tables, runs script ("...;\n" each) and opens everything. */
void accounts_test_open(struct accounts_test *t, const struct sqltest *test, const char *script);
void accounts_test_close(struct accounts_test *t);
