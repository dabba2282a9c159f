/* scan_report.c: hits put in order, tags answered from the view. */
#include "lib/spam/scan/scan_report.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "lib/spam/view/bytes.h"
#include "lib/spam/view/host_name.h"

struct scan_report {
    struct scan_result *result;
    struct scan_report_options options;
    struct report_help help;
    struct report_hit *hits;
    GPtrArray *body; /* GString *; made on demand */
    struct report *report;
};

/* ---- order ---- */

/* When rules of a type run, among those of the same priority. */
static guint
phase(const struct spam_rule *rule)
{
    static const guint8 phases[] = {
        [SPAM_RULE_HEADER] = 1, [SPAM_RULE_HEADER_EVAL] = 2, [SPAM_RULE_BODY] = 3, [SPAM_RULE_URI] = 4, [SPAM_RULE_BODY_EVAL] = 5,
        [SPAM_RULE_RAWBODY] = 6, [SPAM_RULE_RAWBODY_EVAL] = 7, [SPAM_RULE_FULL] = 8, [SPAM_RULE_FULL_EVAL] = 9,
        [SPAM_RULE_META] = 10, [SPAM_RULE_RBL_EVAL] = 11, [SPAM_RULE_EMPTY] = 11, [SPAM_RULE_NONE] = 11,
    };

    return phases[rule->type];
}

static int
compare_hits(gconstpointer a, gconstpointer b)
{
    const struct spam_rule *one = ((const struct report_hit *)a)->rule, *other = ((const struct report_hit *)b)->rule;

    if (one->priority != other->priority)
        return one->priority < other->priority ? -1 : 1;
    if (phase(one) != phase(other))
        return phase(one) < phase(other) ? -1 : 1;
    return one->index < other->index ? -1 : one->index > other->index;
}

static struct report_hit *
hits_of(const struct scan_result *result)
{
    const GPtrArray *rules = result->engine.hits;
    struct report_hit *hits = g_new0(struct report_hit, rules->len + 1);

    for (guint i = 0; i < rules->len; i++) {
        hits[i].rule = rules->pdata[i];
        hits[i].score = hits[i].rule->scores[result->score_set];
    }
    qsort(hits, rules->len, sizeof *hits, compare_hits);
    return hits;
}

/* ---- what the view knows ---- */

static GString *
string_of(GBytes *bytes)
{
    gsize length;
    const char *data;

    if (bytes == NULL)
        return NULL;
    data = g_bytes_get_data(bytes, &length);
    return g_string_new_len(data, (gssize)length);
}

/* As get() in scalar context: of addresses, names and the like the first, else all together. */
static GString *
help_header(gpointer data, const char *name)
{
    static const char *const single[] = {":addr", ":name", ":host", ":domain", ":ip", ":revip"};
    struct scan_report *report = data;
    const GPtrArray *values = message_view_header(report->result->view, name);
    gboolean first_only = strcmp(name, "EnvelopeFrom") == 0;
    GString *out;

    if (values == NULL || values->len == 0)
        return NULL;
    for (guint i = 0; i < G_N_ELEMENTS(single); i++) {
        const char *found = strstr(name, single[i]);
        first_only |= found != NULL && !byte_is_word(found[strlen(single[i])]);
    }
    out = string_of(values->pdata[0]);
    if (first_only) {
        if (out->len > 0 && out->str[out->len - 1] == '\n')
            g_string_truncate(out, out->len - 1);
        return out;
    }
    for (guint i = 1; i < values->len; i++) {
        gsize length;
        const char *value = g_bytes_get_data(values->pdata[i], &length);
        g_string_append_len(out, value, (gssize)length);
    }
    return out;
}

static const GPtrArray *
help_body(gpointer data)
{
    struct scan_report *report = data;
    const GPtrArray *body = message_view_body(report->result->view);

    if (report->body != NULL)
        return report->body;
    report->body = g_ptr_array_new_with_free_func((GDestroyNotify)bytes_free);
    for (guint i = 0; body != NULL && i < body->len; i++)
        g_ptr_array_add(report->body, string_of(body->pdata[i]));
    return report->body;
}

/* Distinct hosts of the author addresses. */
static GString *
author_domains(struct scan_report *report)
{
    const GPtrArray *hosts = message_view_header(report->result->view, "From:addr:host");
    g_autoptr(GHashTable) seen = g_hash_table_new(g_bytes_hash, g_bytes_equal);
    GString *out = NULL;

    for (guint i = 0; hosts != NULL && i < hosts->len; i++) {
        g_autoptr(GString) host = NULL;

        if (!g_hash_table_add(seen, hosts->pdata[i]))
            continue;
        host = string_of(hosts->pdata[i]);
        out = out != NULL ? g_string_append_c(out, ' ') : g_string_new(NULL);
        g_string_append_len(out, host->str, (gssize)host->len);
    }
    return out;
}

static GString *
relay_tag(const struct spam_relays *relays, const char *name)
{
    const struct spam_relay *last = relays->external->len > 0 ? relays->external->pdata[0] : NULL;
    const struct spam_relay *first = relays->trusted->len > 0 ? relays->trusted->pdata[relays->trusted->len - 1] : NULL;
    gboolean is_first = g_str_has_prefix(name, "FIRSTTRUSTED");
    const struct spam_relay *relay = is_first ? first : last;
    const char *what = name + strlen(is_first ? "FIRSTTRUSTED" : "LASTEXTERNAL");

    if (relay == NULL)
        return NULL;
    if (strcmp(what, "REVIP") == 0) {
        g_autoptr(GString) ip = g_string_new(relay->ip);
        return host_name_reversed_ip(ip);
    }
    const char *text = strcmp(what, "IP") == 0 ? relay->ip : is_first ? NULL : strcmp(what, "RDNS") == 0 ? relay->rdns
                     : strcmp(what, "HELO") == 0 ? relay->helo : NULL;
    return text != NULL ? g_string_new(text) : NULL;
}

static GString *
relays_text(const struct spam_relays *relays, const char *name)
{
    const struct {
        const char *name;
        const GString *text;
    } texts[] = {{"RELAYSTRUSTED", relays->trusted_text}, {"RELAYSUNTRUSTED", relays->untrusted_text},
                 {"RELAYSINTERNAL", relays->internal_text}, {"RELAYSEXTERNAL", relays->external_text}};

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        if (strcmp(texts[i].name, name) == 0)
            return g_string_new_len(texts[i].text->str, (gssize)texts[i].text->len);
    return NULL;
}

static GString *
help_tag(gpointer data, const char *name, const char *argument)
{
    struct scan_report *report = data;
    const char *remote = strcmp(name, "REMOTEHOSTNAME") == 0 ? report->options.client_name
                       : strcmp(name, "REMOTEHOSTADDR") == 0 ? report->options.client_address : NULL;

    (void)argument;
    if (remote != NULL && *remote != '\0')
        return g_string_new(remote);
    if (g_str_has_prefix(name, "RELAYS"))
        return relays_text(message_view_relays(report->result->view), name);
    if (g_str_has_prefix(name, "FIRSTTRUSTED") || g_str_has_prefix(name, "LASTEXTERNAL"))
        return relay_tag(message_view_relays(report->result->view), name);
    if (strcmp(name, "AUTHORDOMAIN") == 0)
        return author_domains(report);
    if (strcmp(name, "SENDERDOMAIN") == 0)
        return help_header(report, "EnvelopeFrom:first:addr:host");
    return NULL;
}

/* What _AUTOLEARN_ says when nobody has learnt. */
static const char *
not_learnt(const struct spam_ruleset *ruleset)
{
    gboolean wanted = rules_number(ruleset, "bayes_auto_learn") != 0 && rules_number(ruleset, "use_bayes") != 0;

    return wanted ? "unavailable" : "disabled";
}

/* ---- life ---- */

struct scan_report *
scan_report_new(struct scan_result *result, const struct scan_report_options *options)
{
    struct scan_report *report = g_new0(struct scan_report, 1);

    report->result = result;
    report->options = *options;
    report->help = (struct report_help){.data = report, .tag = help_tag, .header = help_header, .body = help_body};
    report->hits = hits_of(result);
    const struct report_scan scan = {
        .ruleset = scanner_ruleset(result->scanner),
        .tree = options->tree != NULL ? options->tree : message_view_tree(result->view),
        .hits = report->hits,
        .n_hits = result->engine.hits->len,
        .sub_hits = (const struct spam_rule *const *)result->engine.sub_hits->pdata,
        .n_sub_hits = result->engine.sub_hits->len,
        .score = result->engine.score,
        .required = (double)NAN,
        .autolearn = options->autolearn != NULL ? options->autolearn : not_learnt(scanner_ruleset(result->scanner)),
        .autolearn_force = options->autolearn_force,
        .host_name = options->host_name != NULL ? options->host_name : g_get_host_name(),
        .now = options->now > 0 ? options->now : g_get_real_time() / G_USEC_PER_SEC,
        .random = g_random_int(),
        .help = &report->help,
    };
    report->report = report_new(&scan);
    return report;
}

void
scan_report_free(struct scan_report **report)
{
    struct scan_report *old = *report;

    if (old == NULL)
        return;
    report_free(&old->report);
    if (old->body != NULL)
        g_ptr_array_unref(old->body);
    g_free(old->hits);
    g_free(old);
    *report = NULL;
}

struct report *
scan_report_of(struct scan_report *report)
{
    return report->report;
}
