/* policy_source.c: see policy_source.h. */
#include "policyd/accounts/policy_source.h"
#include "lib/base/log.h"
#include <stdatomic.h>

#define CALM_US (30 * G_USEC_PER_SEC)

void
policy_source_report(struct policy_source *source, const GError *error)
{
    gint64 failed = source->failed;

    if (error) {
        if (atomic_exchange(&source->failed, g_get_monotonic_time()) == 0)
            log_text(LOG_SEV_WARNING, "accounts", "%s can't be asked: %s; what is known is used for up to an hour, the rest is unknown",
                     source->name, error->message);
    } else if (failed != 0 && g_get_monotonic_time() - failed > CALM_US &&
               atomic_compare_exchange_strong(&source->failed, &failed, 0)) {
        log_text(LOG_SEV_INFO, "accounts", "%s can be asked again", source->name);
    }
}

gboolean
policy_source_run(struct policy_source *source, const char *statement, const struct sql_value *values, guint n_values,
                  sql_row_func each, gpointer data)
{
    g_autoptr(GError) error = NULL;
    struct sql *sql = sql_pool_take(source->pool, &error);

    if (sql)
        sql_run(sql, statement, values, n_values, each, data, NULL, &error);
    sql_pool_give(source->pool, sql);
    policy_source_report(source, error);
    return error == NULL;
}
