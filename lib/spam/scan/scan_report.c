/* scan_report.c: hits and tags for a report. */
#include "lib/spam/scan/scan_report.h"
#include <string.h>
#include "lib/spam/scan/message_tags.h"

struct scan_report {
    const struct scan_result *result;
    struct scan_report_options options;
    GArray *hits;        /* struct report_hit */
    GPtrArray *body; /* GString * */
    struct report_help help;
    struct report_scan scan;
    struct report *report;
};

/* ---- tags ---- */

/* Each value once, between blanks. */
static GString *
joined(const GPtrArray *values)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < values->len; i++) {
        gsize length;
        const char *value = g_bytes_get_data(values->pdata[i], &length);
        if (i > 0)
            g_string_append_c(out, ' ');
        g_string_append_len(out, value, (gssize)length);
    }
    return out;
}

static GString *
tag(gpointer data, const char *name, const char *argument)
{
    struct scan_report *self = data;
    g_autoptr(GPtrArray) values = NULL;

    (void)argument;
    if (strcmp(name, "REMOTEHOSTNAME") == 0 && self->options.client_name != NULL)
        return g_string_new(self->options.client_name);
    if (strcmp(name, "REMOTEHOSTADDR") == 0 && self->options.client_address != NULL)
        return g_string_new(self->options.client_address);
    values = message_tag_values(self->result->view, name, g_hash_table_lookup(self->result->engine.tags, name));
    return values != NULL ? joined(values) : NULL;
}

static GString *
header(gpointer data, const char *name)
{
    return message_tag_header(((struct scan_report *)data)->result->view, name);
}

static const GPtrArray *
body(gpointer data)
{
    struct scan_report *self = data;
    const GPtrArray *texts = message_view_body(self->result->view);

    if (self->body != NULL)
        return self->body;
    self->body = g_ptr_array_new_full(texts->len, NULL);
    for (guint i = 0; i < texts->len; i++) {
        gsize length;
        const char *text = g_bytes_get_data(texts->pdata[i], &length);
        g_ptr_array_add(self->body, g_string_new_len(text, (gssize)length));
    }
    return self->body;
}

/* ---- hits ---- */

static int
compare_hits(gconstpointer a, gconstpointer b)
{
    return rules_compare_turns(((const struct report_hit *)a)->rule, ((const struct report_hit *)b)->rule);
}

static void
fill_hits(struct scan_report *self)
{
    const struct engine_result *engine = &self->result->engine;

    self->hits = g_array_new(FALSE, FALSE, sizeof(struct report_hit));
    for (guint i = 0; i < engine->hits->len; i++) {
        const struct spam_rule *rule = engine->hits->pdata[i];
        const struct report_hit hit = {.rule = rule, .score = rule->scores[self->result->score_set]};
        for (guint n = 0; n < MIN(engine->times[rule->index], REPORT_TIMES_MAX); n++)
            g_array_append_val(self->hits, hit);
    }
    g_array_sort(self->hits, compare_hits);
}

struct scan_report *
scan_report_new(const struct scan_result *result, const struct scan_report_options *options)
{
    struct scan_report *self = g_new0(struct scan_report, 1);

    self->result = result;
    self->options = *options;
    fill_hits(self);
    self->help = (struct report_help){self, tag, header, body};
    self->scan = (struct report_scan){
        .ruleset = scanner_ruleset(result->scanner), .tree = message_view_tree(result->view),
        .hits = (const struct report_hit *)(gconstpointer)self->hits->data, .n_hits = self->hits->len,
        .sub_hits = (const struct spam_rule *const *)result->engine.sub_hits->pdata, .n_sub_hits = result->engine.sub_hits->len,
        .times = result->engine.times,
        .score = result->engine.score, .required = options->required,
        .autolearn = "disabled", /* there is no Bayes to learn */
        .host_name = options->host_name != NULL ? options->host_name : g_get_host_name(),
        .now = options->now > 0 ? options->now : g_get_real_time() / G_USEC_PER_SEC,
        .random = g_random_int(), .help = &self->help};
    self->report = report_new(&self->scan);
    return self;
}

static void
string_free(gpointer string, gpointer unused)
{
    (void)unused;
    g_string_free(string, TRUE);
}

void
scan_report_free(struct scan_report **report)
{
    struct scan_report *self = g_steal_pointer(report);

    if (self == NULL)
        return;
    report_free(&self->report);
    if (self->body != NULL)
        g_ptr_array_foreach(self->body, string_free, NULL);
    g_clear_pointer(&self->body, g_ptr_array_unref);
    g_array_unref(self->hits);
    g_free(self);
}

struct report *
scan_report_get(struct scan_report *report)
{
    return report->report;
}
