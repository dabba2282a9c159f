/* figures.c: gauges of the state, of the caches before SQL, and of connections. */
#include "policyd/figures.h"

static const char *const kinds[] = {"marks", "meters", "facts", NULL};
static const char *const answers[] = {"kept", "stale", "asked", NULL};
static struct metric *remembered, *unwritten, *lag, *database, *connections, *lookups;

void
figures_register(void)
{
    remembered = metrics_gauge("postern_policy_remembered", "What is in memory, by kind", "kind", kinds);
    unwritten = metrics_gauge("postern_policy_unwritten", "What has changed and is not yet in the database", NULL, NULL);
    lag = metrics_gauge("postern_policy_write_lag_seconds", "Seconds since all was in the database", NULL, NULL);
    database = metrics_gauge("postern_policy_database_up", "Whether the database answered last time", NULL, NULL);
    connections = metrics_gauge("postern_policy_connections", "Connections of Postfix", NULL, NULL);
    lookups = metrics_gauge("postern_policy_lookups", "Answers about accounts since the start: kept ones, kept ones that are old since SQL is away, "
                            "and questions to SQL", "answer", answers);
}

void
figures_update(gpointer data)
{
    struct policyd *policyd = data;
    struct state_stats stats;
    struct lookup_cache_stats cache;

    state_get_stats(policyd->parts.state, &stats);
    policy_accounts_read_stats(policyd->parts.accounts, &cache);
    metrics_set(remembered, 0, (gint64)stats.marks);
    metrics_set(remembered, 1, (gint64)stats.meters);
    metrics_set(remembered, 2, (gint64)stats.facts);
    metrics_set(unwritten, 0, (gint64)stats.dirty);
    metrics_set(lag, 0, stats.lag_ms / 1000);
    metrics_set(database, 0, state_is_connected(policyd->parts.state));
    metrics_set(connections, 0, policy_server_connections(policyd->server));
    metrics_set(lookups, 0, (gint64)cache.hits);
    metrics_set(lookups, 1, (gint64)cache.stale);
    metrics_set(lookups, 2, (gint64)cache.asked);
}
