/* scanner.c: a ruleset, its engine and its eval functions, put together; workers for the threads that scan. */
#include "lib/spam/scan/scanner.h"
#include <string.h>
#include "lib/base/log.h"
#include "lib/spam/engine/cache_sweep.h"
#include "lib/spam/scan/evals.h"
#include "lib/spam/scan/message_tags.h"
#include "lib/spam/scan/scan_net.h"

/* What one scan needs for itself; kept for the next one. */
struct worker {
    struct engine_worker *engine;
    struct matcher *matcher; /* of eval functions */
};

struct scanner {
    gatomicrefcount refs;
    struct spam_ruleset *ruleset;
    gboolean shows_sub_rules; /* in a template */
    struct spam_engine *engine; /* under lock: one that is compiled takes its place */
    struct view_settings *settings;
    struct eval_bindings *bindings;
    struct scan_net_rules *net;
    struct spam_rule over_time; /* what hits where not all rules could run, unless the set has a rule of that name */
    GMutex lock;
    GCond freed;
    GPtrArray *idle;   /* struct worker * */
    guint n_workers, n_waiting;
};

/* ---- workers ---- */

static void
worker_free(gpointer data)
{
    struct worker *worker = data;

    engine_worker_free(worker->engine);
    matcher_free(worker->matcher);
    g_free(worker);
}

static struct worker *
worker_take(struct scanner *scanner)
{
    struct worker *worker = NULL;
    struct spam_engine *engine;

    g_mutex_lock(&scanner->lock);
    while (scanner->idle->len == 0 && scanner->n_workers >= SCANNER_WORKERS_MAX) {
        scanner->n_waiting++;
        g_cond_wait(&scanner->freed, &scanner->lock);
        scanner->n_waiting--;
    }
    if (scanner->idle->len > 0)
        worker = g_ptr_array_steal_index(scanner->idle, scanner->idle->len - 1);
    else
        scanner->n_workers++;
    engine = engine_ref(scanner->engine);
    g_mutex_unlock(&scanner->lock);
    if (worker == NULL) {
        worker = g_new0(struct worker, 1);
        worker->matcher = matcher_new();
    } else if (engine_of_worker(worker->engine) != engine) {
        g_clear_pointer(&worker->engine, engine_worker_free); /* it is compiled now */
    }
    if (worker->engine == NULL)
        worker->engine = engine_worker_new(engine);
    engine_unref(engine);
    return worker;
}

static void
worker_give(struct scanner *scanner, struct worker *worker)
{
    g_mutex_lock(&scanner->lock);
    g_ptr_array_add(scanner->idle, worker);
    if (scanner->n_waiting > 0) /* a signal is a system call, also when nobody waits */
        g_cond_signal(&scanner->freed);
    g_mutex_unlock(&scanner->lock);
}

/* ---- compiling behind ---- */

static gint compiling; /* threads, by atomic operations */

struct compilation {
    struct scanner *scanner;
    char *cache;
};

static gpointer
compile(gpointer data)
{
    struct compilation *job = data;
    gint64 began = g_get_monotonic_time();
    g_autoptr(GError) error = NULL;
    struct spam_engine *engine = engine_new(job->scanner->ruleset, ENGINE_COMPILED, job->cache, &error), *former = engine;

    if (engine == NULL) {
        log_text(LOG_SEV_ERROR, "rules", "patterns could not be compiled, scans stay slow: %s", error->message);
    } else {
        g_mutex_lock(&job->scanner->lock);
        former = job->scanner->engine;
        job->scanner->engine = engine;
        g_mutex_unlock(&job->scanner->lock);
        log_text(LOG_SEV_INFO, "rules", "patterns were compiled in %.1f s: scans are fast now",
                 (double)(g_get_monotonic_time() - began) / G_USEC_PER_SEC);
        if (job->cache != NULL)
            cache_sweep(job->cache, g_get_real_time() / G_USEC_PER_SEC);
    }
    engine_unref(former);
    scanner_unref(job->scanner);
    g_free(job->cache);
    g_free(job);
    g_atomic_int_add(&compiling, -1);
    return NULL;
}

static void
start_compiling(struct scanner *scanner, const char *cache)
{
    struct compilation *job = g_new0(struct compilation, 1);

    job->scanner = scanner_ref(scanner);
    job->cache = g_strdup(cache);
    g_atomic_int_inc(&compiling);
    g_thread_unref(g_thread_new("compile", compile, job));
}

gboolean
scanner_is_compiling(void)
{
    return g_atomic_int_get(&compiling) > 0;
}

/* ---- the scanner ---- */

#define OVER_TIME "TIME_LIMIT_EXCEEDED"
#define OVER_TIME_SCORE 0.001 /* SpamAssassin's, unless the rules have a score for it */

static void
make_over_time(struct scanner *scanner)
{
    struct spam_rule *rule = &scanner->over_time;

    *rule = (struct spam_rule){.name = (char *)(guintptr)OVER_TIME, .index = scanner->ruleset->rules->len, .type = SPAM_RULE_EMPTY,
                               .describe = (char *)(guintptr)"Exceeded time limit / deadline"};
    for (guint i = 0; i < SPAM_SCORE_SETS; i++)
        rule->scores[i] = OVER_TIME_SCORE;
}

/* Whether the text, a template perhaps, shows the names of sub-rules. */
static gboolean
has_sub_rules_tag(const char *text)
{
    return text != NULL && strstr(text, "_SUBTESTS") != NULL; /* or _SUBTESTSCOLLAPSED_ */
}

/* Templates are texts (reports), in lists (header fields) and in maps (rewritten ones). */
static gboolean
shows_sub_rules(const struct spam_setting *setting)
{
    GHashTableIter iter;
    gpointer value;

    if (has_sub_rules_tag(setting->text))
        return TRUE;
    for (guint i = 0; setting->list != NULL && i < setting->list->len; i++)
        if (has_sub_rules_tag(g_ptr_array_index(setting->list, i)))
            return TRUE;
    if (setting->type != SPAM_SETTING_MAP || setting->map == NULL)
        return FALSE;
    g_hash_table_iter_init(&iter, setting->map);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        if (has_sub_rules_tag(value))
            return TRUE;
    return FALSE;
}

static gboolean
any_shows_sub_rules(const struct spam_ruleset *ruleset)
{
    GHashTableIter iter;
    gpointer setting;

    g_hash_table_iter_init(&iter, ruleset->settings);
    while (g_hash_table_iter_next(&iter, NULL, &setting))
        if (shows_sub_rules(setting))
            return TRUE;
    return FALSE;
}

struct scanner *
scanner_of(struct spam_ruleset *ruleset, enum scanner_start start, const char *cache, GError **error)
{
    struct scanner *scanner = g_new0(struct scanner, 1);

    g_atomic_ref_count_init(&scanner->refs);
    g_mutex_init(&scanner->lock);
    g_cond_init(&scanner->freed);
    scanner->idle = g_ptr_array_new_with_free_func(worker_free);
    scanner->ruleset = ruleset;
    scanner->shows_sub_rules = any_shows_sub_rules(ruleset);
    scanner->engine = engine_new(ruleset, start == SCANNER_COMPILED ? ENGINE_COMPILED : ENGINE_CACHED, cache, error);
    if (scanner->engine == NULL) {
        scanner_unref(scanner);
        return NULL;
    }
    make_over_time(scanner);
    scanner->settings = view_settings_new(ruleset);
    scanner->bindings = eval_bindings_new(scanner->settings);
    scanner->net = scan_net_rules_new(ruleset);
    if (start == SCANNER_COMPILING && !engine_is_compiled(scanner->engine))
        start_compiling(scanner, cache);
    return scanner;
}

struct scanner *
scanner_new(const struct scanner_options *options, GError **error)
{
    struct spam_ruleset *ruleset = rules_load(&options->rules, error);

    return ruleset != NULL ? scanner_of(ruleset, options->start, options->cache, error) : NULL;
}

struct scanner *
scanner_ref(struct scanner *scanner)
{
    g_atomic_ref_count_inc(&scanner->refs);
    return scanner;
}

void
scanner_unref(struct scanner *scanner)
{
    if (scanner == NULL || !g_atomic_ref_count_dec(&scanner->refs))
        return;
    g_ptr_array_unref(scanner->idle);
    scan_net_rules_free(&scanner->net);
    eval_bindings_free(&scanner->bindings);
    view_settings_free(&scanner->settings);
    engine_unref(scanner->engine);
    rules_free(&scanner->ruleset);
    g_mutex_clear(&scanner->lock);
    g_cond_clear(&scanner->freed);
    g_free(scanner);
}

const struct spam_ruleset *
scanner_ruleset(const struct scanner *scanner)
{
    return scanner->ruleset;
}

/* ---- one scan ---- */

static const GPtrArray *
source_body(gpointer data)
{
    evals_before_body(data);
    return message_view_body(((struct eval_context *)data)->view);
}

static const GPtrArray *
source_rawbody(gpointer data)
{
    return message_view_rawbody(((struct eval_context *)data)->view);
}

static const GPtrArray *
source_uris(gpointer data)
{
    return message_view_uri_texts(((struct eval_context *)data)->view);
}

/* Between the kinds of rules is the time to see which answers have come. */
static GBytes *
source_full(gpointer data)
{
    scan_net_step(((struct eval_context *)data)->net);
    return message_view_full(((struct eval_context *)data)->view);
}

static GBytes *
source_header(gpointer data, const char *name)
{
    return message_view_header_text(((struct eval_context *)data)->view, name);
}

static double
source_eval(gpointer data, const struct spam_rule *rule)
{
    return evals_run(data, rule);
}

static void
source_outside(gpointer data, double *values, guint *times, GArray *hits)
{
    struct eval_context *context = data;

    if (context->net != NULL)
        scan_net_finish(context->net, values, times, hits);
}

static GPtrArray *
source_tag(gpointer data, const char *name, GPtrArray *captured)
{
    return message_tag_values(((struct eval_context *)data)->view, name, captured);
}

static const struct engine_source source = {source_body,   source_rawbody, source_uris,    source_full,
                                            source_header, source_eval,    source_outside, source_tag};

/* The message below the lines that the MTA is about to write. */
static GString *
with_trace(const struct scan_request *request)
{
    g_autofree char *received = relays_synthetic_received(request->session);
    const char *sender = request->session->mail_from != NULL ? request->session->mail_from : "";
    const char *end = memchr(request->message, '\n', request->length);
    const char *newline = end != NULL && end > request->message && end[-1] == '\r' ? "\r\n" : "\n";
    GString *message = g_string_sized_new(request->length + strlen(received) + strlen(sender) + 64);

    g_string_append(message, "Return-Path: <");
    for (const char *p = sender; *p != '\0'; p++)
        g_string_append_c(message, (guchar)*p <= ' ' || *p == '<' || *p == '>' ? '!' : *p);
    g_string_append_printf(message, ">%sReceived: %s%s", newline, received, newline);
    g_string_append_len(message, request->message, (gssize)request->length);
    return message;
}

static gint64
budget(const struct scanner *scanner, gint64 asked)
{
    double limit = rules_number(scanner->ruleset, "time_limit") * 1000;

    if (asked <= 0)
        asked = limit > 0 && limit < ENGINE_TIME_MS ? (gint64)limit : ENGINE_TIME_MS;
    return MIN(asked, ENGINE_TIME_MS);
}

/* That not all rules ran is a hit of its own: it counts, and everybody sees it. */
static void
note_over_time(const struct scanner *scanner, guint set, struct engine_result *result)
{
    const struct spam_rule *known = rules_find(scanner->ruleset, OVER_TIME);
    const struct spam_rule *rule = known != NULL ? known : &scanner->over_time;

    if (!result->over_time || result->values[rule->index] != 0)
        return;
    result->values[rule->index] = 1;
    result->times[rule->index] = 1;
    g_ptr_array_add(result->hits, (gpointer)rule);
    result->score += rule->scores[set];
}

void
scanner_scan(struct scanner *scanner, const struct scan_request *request, struct scan_result *result_r)
{
    struct worker *worker = worker_take(scanner);
    struct eval_context context;
    gint64 time_ms = budget(scanner, request->time_ms), deadline = g_get_monotonic_time() + time_ms * 1000;
    guint set = request->dns != NULL ? 1 : 0;
    struct scan_net_options net = {
        .set = set, .dns = request->dns, .known = request->known, .spf = request->spf,
        .message = request->find_auth ? request->message : NULL, .length = request->length, .result = &result_r->engine,
        .deadline_us = request->dns_ms > 0 ? MIN(deadline, g_get_monotonic_time() + request->dns_ms * 1000) : deadline};
    GString *traced = request->session != NULL ? with_trace(request) : NULL;

    *result_r = (struct scan_result){.score_set = set, .scanner = scanner_ref(scanner)};
    result_r->view = message_view_new(scanner->settings, traced != NULL ? traced->str : request->message,
                                      traced != NULL ? traced->len : request->length);
    if (traced != NULL)
        g_string_free(traced, TRUE);
    eval_context_init(&context, scanner->bindings, result_r->view, worker->matcher,
                      request->now > 0 ? request->now : g_get_real_time() / G_USEC_PER_SEC);
    context.score_set = set;
    context.result = &result_r->engine;
    net.now = context.now;
    if (request->dns != NULL)
        context.net = scan_net_start(scanner->net, result_r->view, &net);
    engine_run(worker->engine, &source, &context, set, scanner->shows_sub_rules ? ENGINE_ALL_RULES : request->extent, time_ms, &result_r->engine);
    if (context.net != NULL)
        scan_net_add_tags(context.net, result_r->engine.tags);
    scan_net_free(&context.net);
    note_over_time(scanner, set, &result_r->engine);
    eval_context_clear(&context);
    worker_give(scanner, worker);
}

void
scan_result_clear(struct scan_result *result)
{
    engine_result_clear(&result->engine);
    message_view_free(&result->view);
    scanner_unref(result->scanner);
    *result = (struct scan_result){0};
}

GBytes *
scan_result_why(const struct scan_result *result, const struct spam_rule *rule)
{
    struct worker *worker = worker_take(result->scanner);
    struct eval_context context;
    GBytes *why;

    eval_context_init(&context, result->scanner->bindings, result->view, worker->matcher, 0);
    context.body_is_final = TRUE; /* since the scan */
    why = engine_why(worker->engine, &source, &context, &result->engine, rule);
    eval_context_clear(&context);
    worker_give(result->scanner, worker);
    return why;
}
