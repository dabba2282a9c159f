/* metrics.h: counters, gauges and histograms with a Prometheus text endpoint.
 *
 * Metrics are registered once at start (static pointers), updated lock-free from any thread, and rendered
 * in the text exposition format 0.0.4. Names begin with postern_ and end in _total (counters), _seconds or
 * _bytes. A metric may have one label whose values are known at registration, and before it one that groups
 * them, whose values come up at run time. */
#pragma once
#include <glib.h>

struct metric;

/* Registers (or finds again) a metric; name, help and label are literals. label NULL: none; otherwise
 * values is a NULL-terminated list of the label's values and the index selects one. */
struct metric *metrics_counter(const char *name, const char *help, const char *label, const char *const *values);
struct metric *metrics_gauge(const char *name, const char *help, const char *label, const char *const *values);
/* A counter of two labels: group's values are told by metrics_group as they come up. */
#define METRICS_GROUPS_MAX 64u
struct metric *metrics_counter_grouped(const char *name, const char *help, const char *group, const char *label,
                                       const char *const *values);
/* The index of the first of the values in the group (value is copied); the others follow. The last group is "other"
 * and takes all that come when the rest are in use. */
guint metrics_group(struct metric *metric, const char *value);
/* A histogram of seconds with the bounds 1 ms .. 60 s (16 buckets). */
struct metric *metrics_histogram(const char *name, const char *help);

void metrics_add(struct metric *metric, guint index, gint64 delta);
void metrics_set(struct metric *metric, guint index, gint64 value);
gint64 metrics_get(const struct metric *metric, guint index);
void metrics_observe(struct metric *metric, gint64 microseconds);

/* Appends all metrics as Prometheus text. */
void metrics_render(GString *out);

struct metrics_server;
/* Serves GET /metrics (and /healthz, 200 "ok") on address ("inet:PORT@HOST" or "unix:/path", see net.h);
 * own thread by libmicrohttpd. NULL and error on failure. */
struct metrics_server *metrics_server_start(const char *address, GError **error);
void metrics_server_stop(struct metrics_server **server);
