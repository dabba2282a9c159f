/* metrics.c: the registry of counters, gauges and histograms and their text form.
 *
 * A metric is made once and never freed; its values are atomics, so that updating takes no lock. The
 * registry (a list in order of registration) is behind a mutex that only registration and rendering take. */
#include "lib/base/metrics.h"
#include <stdatomic.h>
#include <string.h>

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

static const char *const kind_names[] = {"counter", "gauge", "histogram"};

/* Upper bounds of the histogram's buckets, in microseconds and as Prometheus shows them. */
static const struct {
    gint64 microseconds;
    const char *le;
} bounds[] = {{1000, "0.001"},  {2500, "0.0025"}, {5000, "0.005"},   {10000, "0.01"},
              {25000, "0.025"}, {50000, "0.05"},  {100000, "0.1"},   {250000, "0.25"},
              {500000, "0.5"},  {1000000, "1"},   {2500000, "2.5"},  {5000000, "5"},
              {10000000, "10"}, {20000000, "20"}, {30000000, "30"},  {60000000, "60"}};

struct metric {
    enum metric_kind kind;
    const char *name, *help, *label;
    const char *const *label_values; /* NULL without a label */
    guint n_values;                  /* of one group */
    const char *group;               /* NULL without groups */
    GPtrArray *groups;               /* char *, behind the registry's lock; all values were made with the metric */
    _Atomic gint64 *values; /* histogram: one per bound, one for the rest, one for the sum */
};

static GMutex registry_lock;
static GPtrArray *registry;

/* metrics_name_is_right - the naming rules of the header; our own literals, so a breach is a bug */
static gboolean
metrics_name_is_right(enum metric_kind kind, const char *name)
{
    return g_str_has_prefix(name, "postern_") && (kind != METRIC_COUNTER || g_str_has_suffix(name, "_total")) &&
           (kind != METRIC_HISTOGRAM || g_str_has_suffix(name, "_seconds"));
}

/* metrics_capacity - how many values there are room for */
static guint
metrics_capacity(const struct metric *metric)
{
    return metric->n_values * (metric->group ? METRICS_GROUPS_MAX : 1);
}

static struct metric *
metrics_register(enum metric_kind kind, const char *name, const char *help, const char *group, const char *label,
                 const char *const *values)
{
    struct metric *metric = NULL;
    g_mutex_lock(&registry_lock);
    if (!registry)
        registry = g_ptr_array_new();
    for (guint i = 0; i < registry->len && !metric; i++) {
        struct metric *known = g_ptr_array_index(registry, i);
        if (strcmp(known->name, name) == 0)
            metric = known;
    }
    if (metric && metric->kind != kind)
        g_error("metric %s is registered twice, as %s and as %s", name, kind_names[metric->kind], kind_names[kind]);
    if (!metric) {
        if (!metrics_name_is_right(kind, name))
            g_error("metric %s: the name doesn't follow the rules of metrics.h", name);
        metric = g_new0(struct metric, 1);
        metric->kind = kind;
        metric->name = name;
        metric->help = help;
        metric->label = label;
        metric->label_values = label ? values : NULL;
        metric->n_values = kind == METRIC_HISTOGRAM ? G_N_ELEMENTS(bounds) + 2
                           : label                  ? g_strv_length((char **)(guintptr)values)
                                                    : 1;
        metric->group = group;
        metric->groups = group ? g_ptr_array_new() : NULL;
        metric->values = g_new0(_Atomic gint64, metrics_capacity(metric));
        g_ptr_array_add(registry, metric);
    }
    g_mutex_unlock(&registry_lock);
    return metric;
}

struct metric *
metrics_counter(const char *name, const char *help, const char *label, const char *const *values)
{
    return metrics_register(METRIC_COUNTER, name, help, NULL, label, values);
}

struct metric *
metrics_gauge(const char *name, const char *help, const char *label, const char *const *values)
{
    return metrics_register(METRIC_GAUGE, name, help, NULL, label, values);
}

struct metric *
metrics_counter_grouped(const char *name, const char *help, const char *group, const char *label,
                        const char *const *values)
{
    return metrics_register(METRIC_COUNTER, name, help, group, label, values);
}

guint
metrics_group(struct metric *metric, const char *value)
{
    g_return_val_if_fail(metric->group != NULL, 0);
    g_mutex_lock(&registry_lock);
    guint i = 0;
    while (i < metric->groups->len && strcmp(g_ptr_array_index(metric->groups, i), value) != 0)
        i++;
    i = MIN(i, METRICS_GROUPS_MAX - 1);
    if (i == metric->groups->len)
        g_ptr_array_add(metric->groups, g_strdup(i < METRICS_GROUPS_MAX - 1 ? value : "other"));
    g_mutex_unlock(&registry_lock);
    return i * metric->n_values;
}

struct metric *
metrics_histogram(const char *name, const char *help)
{
    return metrics_register(METRIC_HISTOGRAM, name, help, NULL, NULL, NULL);
}

void
metrics_add(struct metric *metric, guint index, gint64 delta)
{
    g_return_if_fail(metric->kind != METRIC_HISTOGRAM && index < metrics_capacity(metric));
    atomic_fetch_add_explicit(&metric->values[index], delta, memory_order_relaxed);
}

void
metrics_set(struct metric *metric, guint index, gint64 value)
{
    g_return_if_fail(metric->kind == METRIC_GAUGE && index < metrics_capacity(metric));
    atomic_store_explicit(&metric->values[index], value, memory_order_relaxed);
}

gint64
metrics_get(const struct metric *metric, guint index)
{
    g_return_val_if_fail(index < metrics_capacity(metric), 0);
    return atomic_load_explicit(&metric->values[index], memory_order_relaxed);
}

void
metrics_observe(struct metric *metric, gint64 microseconds)
{
    g_return_if_fail(metric->kind == METRIC_HISTOGRAM);
    guint bucket = 0;
    if (microseconds < 0)
        microseconds = 0;
    while (bucket < G_N_ELEMENTS(bounds) && microseconds > bounds[bucket].microseconds)
        bucket++;
    atomic_fetch_add_explicit(&metric->values[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metric->values[metric->n_values - 1], microseconds, memory_order_relaxed);
}

/* metrics_append_escaped - backslash and newline always; quotes only in label values */
static void
metrics_append_escaped(GString *out, const char *text, gboolean is_label)
{
    for (const char *p = text; *p; p++) {
        if (*p == '\n')
            g_string_append(out, "\\n");
        else if (*p == '\\' || (*p == '"' && is_label))
            g_string_append_printf(out, "\\%c", *p);
        else
            g_string_append_c(out, *p);
    }
}

static void
metrics_render_histogram(const struct metric *metric, GString *out)
{
    gint64 count = 0, sum = metrics_get(metric, metric->n_values - 1);
    for (guint i = 0; i < G_N_ELEMENTS(bounds); i++) {
        count += metrics_get(metric, i);
        g_string_append_printf(out, "%s_bucket{le=\"%s\"} %" G_GINT64_FORMAT "\n", metric->name, bounds[i].le,
                               count);
    }
    count += metrics_get(metric, G_N_ELEMENTS(bounds));
    g_string_append_printf(out, "%s_bucket{le=\"+Inf\"} %" G_GINT64_FORMAT "\n", metric->name, count);
    g_string_append_printf(out, "%s_sum %" G_GINT64_FORMAT ".%06d\n", metric->name, sum / G_USEC_PER_SEC,
                           (int)(sum % G_USEC_PER_SEC));
    g_string_append_printf(out, "%s_count %" G_GINT64_FORMAT "\n", metric->name, count);
}

/* metrics_render_label - name="value" */
static void
metrics_render_label(GString *out, const char *name, const char *value)
{
    g_string_append_printf(out, "%s=\"", name);
    metrics_append_escaped(out, value, TRUE);
    g_string_append_c(out, '"');
}

static void
metrics_render_values(const struct metric *metric, GString *out)
{
    guint groups = metric->group ? metric->groups->len : 1;
    for (guint i = 0; i < groups * metric->n_values; i++) {
        g_string_append(out, metric->name);
        if (metric->label_values)
            g_string_append_c(out, '{');
        if (metric->group) {
            metrics_render_label(out, metric->group, g_ptr_array_index(metric->groups, i / metric->n_values));
            g_string_append_c(out, ',');
        }
        if (metric->label_values) {
            metrics_render_label(out, metric->label, metric->label_values[i % metric->n_values]);
            g_string_append_c(out, '}');
        }
        g_string_append_printf(out, " %" G_GINT64_FORMAT "\n", metrics_get(metric, i));
    }
}

void
metrics_render(GString *out)
{
    g_mutex_lock(&registry_lock);
    for (guint i = 0; registry && i < registry->len; i++) {
        const struct metric *metric = g_ptr_array_index(registry, i);
        g_string_append_printf(out, "# HELP %s ", metric->name);
        metrics_append_escaped(out, metric->help, FALSE);
        g_string_append_printf(out, "\n# TYPE %s %s\n", metric->name, kind_names[metric->kind]);
        if (metric->kind == METRIC_HISTOGRAM)
            metrics_render_histogram(metric, out);
        else
            metrics_render_values(metric, out);
    }
    g_mutex_unlock(&registry_lock);
}
