/* policy_source.h: one of the databases that are asked, and whether it answers: a log line when it stops, one when it does again
 * (without a failure for 30 s, so that one broken table among good ones doesn't fill the log). Thread-safe. */
#pragma once
#include "lib/base/sql.h"

struct policy_source {
    const char *name;      /* for the log; a literal */
    struct sql_pool *pool; /* borrowed; NULL: not configured */
    _Atomic gint64 failed; /* private: when it last did; 0: all is well */
};
/* What a question came to: error (NULL: it was answered) is told when that is news. */
void policy_source_report(struct policy_source *source, const GError *error);
/* Runs a named statement on a connection of the pool's. FALSE: away or broken, and reported. */
gboolean policy_source_run(struct policy_source *source, const char *statement, const struct sql_value *values, guint n_values,
                           sql_row_func each, gpointer data);
