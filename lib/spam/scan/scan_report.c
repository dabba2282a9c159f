/* scan_report.c: hits and tags for a report. */
#include "lib/spam/scan/scan_report.h"
#include <string.h>
#include "lib/spam/view/bytes.h"
#include "lib/spam/view/host_name.h"

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

static GString *
text_of(const char *text)
{
    return g_string_new(text != NULL ? text : "");
}

static GString *
reversed(const char *ip)
{
    g_autoptr(GString) address = text_of(ip);
    GString *out = host_name_reversed_ip(address);

    return out != NULL ? out : g_string_new(NULL);
}

/* The hop that the names are about, or NULL. */
static const struct spam_relay *
hop_of(const struct spam_relays *relays, const char *name)
{
    if (g_str_has_prefix(name, "LASTEXTERNAL"))
        return relays->external->len > 0 ? relays->external->pdata[0] : NULL;
    return relays->trusted->len > 0 ? relays->trusted->pdata[relays->trusted->len - 1] : NULL;
}

static GString *
hop_tag(const struct spam_relays *relays, const char *name)
{
    const struct spam_relay *hop = hop_of(relays, name);

    if (hop == NULL)
        return g_string_new(NULL);
    if (g_str_has_suffix(name, "REVIP"))
        return reversed(hop->ip);
    if (g_str_has_suffix(name, "RDNS"))
        return text_of(hop->rdns);
    return text_of(g_str_has_suffix(name, "HELO") ? hop->helo : hop->ip);
}

static GString *
header_text(struct scan_report *self, const char *name)
{
    g_autoptr(GBytes) value = message_view_header_text(self->result->view, name);
    gsize length;
    const char *text = value != NULL ? g_bytes_get_data(value, &length) : NULL;

    return text != NULL ? g_string_new_len(text, (gssize)length) : value != NULL ? g_string_new(NULL) : NULL;
}

/* What rules captured under the name, each value once, between blanks. */
static GString *
captured(const struct scan_report *self, const char *name)
{
    const GPtrArray *values = g_hash_table_lookup(self->result->engine.tags, name);
    GString *out = values != NULL ? g_string_new(NULL) : NULL;

    for (guint i = 0; values != NULL && i < values->len; i++) {
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
    static const struct {
        const char *tag, *header;
    } headers[] = {{"RELAYSTRUSTED", "X-Spam-Relays-Trusted"}, {"RELAYSUNTRUSTED", "X-Spam-Relays-Untrusted"},
                   {"RELAYSINTERNAL", "X-Spam-Relays-Internal"}, {"RELAYSEXTERNAL", "X-Spam-Relays-External"},
                   {"SENDERDOMAIN", "X-SenderDomain"}, {"AUTHORDOMAIN", "X-AuthorDomain"}};
    struct scan_report *self = data;

    (void)argument;
    for (guint i = 0; i < G_N_ELEMENTS(headers); i++)
        if (strcmp(name, headers[i].tag) == 0)
            return header_text(self, headers[i].header);
    if (g_str_has_prefix(name, "LASTEXTERNAL") || g_str_has_prefix(name, "FIRSTTRUSTED"))
        return hop_tag(message_view_relays(self->result->view), name);
    if (strcmp(name, "REMOTEHOSTNAME") == 0 && self->options.client_name != NULL)
        return g_string_new(self->options.client_name);
    if (strcmp(name, "REMOTEHOSTADDR") == 0 && self->options.client_address != NULL)
        return g_string_new(self->options.client_address);
    return captured(self, name);
}

/* Of addresses, names and the like the first value alone, without its line end: as get() answers in scalar context. */
static gboolean
is_single(const char *name)
{
    static const char *const single[] = {":addr", ":name", ":host", ":domain", ":ip", ":revip"};

    for (guint i = 0; i < G_N_ELEMENTS(single); i++) {
        const char *found = strstr(name, single[i]);
        if (found != NULL && !byte_is_word(found[strlen(single[i])]))
            return TRUE;
    }
    return strcmp(name, "EnvelopeFrom") == 0;
}

/* Values joined as they are, where header rules see line ends between them. */
static GString *
header(gpointer data, const char *name)
{
    struct scan_report *self = data;
    const GPtrArray *values = message_view_header(self->result->view, name);
    guint n = values == NULL ? 0 : is_single(name) ? MIN(values->len, 1) : values->len;
    GString *out = n > 0 ? g_string_new(NULL) : NULL;

    for (guint i = 0; i < n; i++) {
        gsize length;
        const char *value = g_bytes_get_data(values->pdata[i], &length);
        g_string_append_len(out, value, (gssize)length);
    }
    if (n == 1 && is_single(name) && out->len > 0 && out->str[out->len - 1] == '\n')
        g_string_truncate(out, out->len - 1);
    return out;
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
