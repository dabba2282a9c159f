/* module_spam.c: what a message is worth by SpamAssassin's rules.
 *
 * NAME     spam - scores mail, tells the score in X-Spam fields, refuses what is over kill_level
 *
 * Rules see the message as they would after delivery: below the Return-Path and Received lines that the MTA is about to write, made
 * here of what the milter knows of the session. X-Spam fields that came with a message are taken out, whoever sent it, unless it is
 * mail of ours.
 *
 * Whatever happens here, mail goes on: what could not be judged in time is delivered by what is known. */
#include <math.h>
#include <string.h>
#include "lib/base/networks.h"
#include "lib/spam/scan/scan_report.h"
#include "lib/spam/verdict/rewrite.h"
#include "milters/runtime.h"
#include "milters/spam_findings.h"
#include "milters/spam_known.h"
#include "milters/stats.h"
#include "milters/transaction.h"

struct spam_state {
    const struct config_spam *config;
    struct scanner *scanner; /* borrowed from the runtime */
    struct dns *dns;         /* NULL: network rules don't run */
    gint64 dns_ms;
    struct spf_pool *spf;    /* of the runtime */
    struct networks *skipped;
};

static guint
spam_needs(const struct config *config)
{
    return NEED_CLIENT | NEED_HELO | NEED_SENDER | NEED_RECIPIENTS | NEED_HEADERS | NEED_BODY | NEED_SCANNER | MAY_EDIT | MAY_REMOVE |
           (config->spam.network ? NEED_DNS : 0);
}

static void
spam_close(gpointer data)
{
    struct spam_state *state = data;

    networks_free(&state->skipped);
    dns_unref(state->dns);
    g_free(state);
}

static gpointer
spam_open(struct runtime *runtime, GError **error)
{
    struct spam_state *state = g_new0(struct spam_state, 1);

    state->config = &runtime->config->spam;
    state->scanner = runtime->scanner;
    state->dns = state->config->network ? dns_ref(runtime->dns) : NULL;
    state->dns_ms = runtime->config->dns.timeout;
    state->spf = runtime->spf;
    state->skipped = networks_new(state->config->skip_networks, error);
    if (state->skipped != NULL)
        return state;
    spam_close(state);
    return NULL;
}

/* ---- scan ---- */

static gboolean
is_ours(const struct capture *capture)
{
    return capture->auth_user[0] != '\0' || capture->source == CAPTURE_LOCAL;
}

static void
scan(const struct spam_state *state, struct transaction *tx, struct scan_result *result_r)
{
    const struct capture *capture = tx->capture;
    gsize length, max = (gsize)state->config->max_size;
    const char *message = g_bytes_get_data(capture->message, &length);
    const struct relays_session session = {
        .client_ip = capture->client_address, .client_name = capture->client_name, .helo = capture->helo,
        .mta_name = g_get_host_name(), .queue_id = capture->queue_id, .auth_user = capture->auth_user,
        .mail_from = capture->mail_from, .tls = g_str_has_prefix(capture->protocol, "ESMTPS"),
        .esmtp = g_str_has_prefix(capture->protocol, "ESMTP"), .time = capture->received_us / G_USEC_PER_SEC};
    struct spam_known known;
    struct scan_request request = {.message = message, .length = MIN(length, max), .extent = ENGINE_WHAT_COUNTS,
                                   .session = capture->source != CAPTURE_LOCAL ? &session : NULL,
                                   .now = session.time, .time_ms = state->config->time_limit, .dns = state->dns,
                                   .dns_ms = state->dns_ms,
                                   .spf = tx->auth != NULL && tx->auth->spf_asked ? state->spf : NULL};

    spam_known_init(&known, tx->auth, capture);
    request.known = &known.known;
    scanner_scan(state->scanner, &request, result_r);
    spam_known_clear(&known);
}

/* ---- edits ---- */

static gboolean
has_edit(const struct verdict *verdict, const char *name)
{
    for (guint i = 0; i < verdict->edits->len; i++) {
        const struct edit *edit = verdict->edits->pdata[i];
        if (edit->kind != EDIT_DELETE_HEADER && g_ascii_strcasecmp(edit->name, name) == 0)
            return TRUE;
    }
    return FALSE;
}

/* The subject as it came, on lines of its own, behind the tag. */
static void
tag_subject(struct transaction *tx, const char *tag)
{
    struct message *message = transaction_message(tx);
    const struct header_field *subject = message_find_header(message, "Subject", 0);
    const char *data = g_bytes_get_data(message_bytes(message), NULL);
    g_autoptr(GString) value = g_string_new(tag);

    if (has_edit(tx->capture->verdict, "Subject"))
        return; /* the rules' rewrite_header has done so */
    if (subject == NULL) {
        verdict_edit(tx->capture->verdict, EDIT_ADD_HEADER, 0, "Subject", tag);
        return;
    }
    g_autofree char *raw = g_strndup(data + subject->value.offset, subject->value.length);
    const char *text = raw + strspn(raw, " \t");
    if (g_str_has_prefix(text, tag))
        return;
    g_string_append_printf(value, " %s", text);
    g_string_replace(value, "\r\n", "\n", 0);
    while (value->len > 0 && value->str[value->len - 1] == '\n')
        g_string_truncate(value, value->len - 1);
    verdict_edit(tx->capture->verdict, EDIT_CHANGE_HEADER, 1, "Subject", value->str);
}

static void
edit(const struct spam_state *state, struct transaction *tx, struct report *report, gboolean told)
{
    static const enum edit_kind kinds[] = {[REWRITE_DELETE] = EDIT_DELETE_HEADER, [REWRITE_CHANGE] = EDIT_CHANGE_HEADER,
                                           [REWRITE_INSERT] = EDIT_INSERT_HEADER, [REWRITE_ADD] = EDIT_ADD_HEADER};
    g_autoptr(GPtrArray) edits = rewrite_edits(report);

    for (guint i = 0; i < edits->len; i++) {
        const struct rewrite_edit *e = edits->pdata[i];
        gboolean is_delete = e->kind == REWRITE_DELETE;
        /* What another module has said under the same name stays the only one. */
        if ((!told && !is_delete) || (!is_delete && e->kind != REWRITE_CHANGE && has_edit(tx->capture->verdict, e->name)))
            continue;
        verdict_edit(tx->capture->verdict, kinds[e->kind], (gint32)e->index, e->name, is_delete ? NULL : e->value->str);
    }
    if (tx->spam->level >= SPAM_SPAM && *state->config->subject_tag != '\0')
        tag_subject(tx, state->config->subject_tag);
}

/* ---- outcomes ---- */

static void
kill_for(const struct spam_state *state, struct transaction *tx, const GArray *killed, double score)
{
    static const enum verdict_action actions[] = {[CONFIG_SPAM_REJECT] = VERDICT_REJECT,
                                                  [CONFIG_SPAM_QUARANTINE] = VERDICT_QUARANTINE,
                                                  [CONFIG_SPAM_DISCARD] = VERDICT_DISCARD};
    g_autofree char *reason = g_strdup_printf("spam score=%.1f", score);

    verdict_add(tx->capture->verdict, actions[state->config->kill_action], "spam", reason,
                "5.7.1 Message refused as spam; if it is none, tell the recipient's postmaster this reference:",
                (const guint *)(gconstpointer)killed->data, killed->len);
}

/* The highest level among the recipients, and what follows from each one's. */
static enum spam_level
decide(const struct spam_state *state, struct transaction *tx, double score)
{
    double required = rules_number(scanner_ruleset(state->scanner), "required_score");
    g_autoptr(GArray) killed = g_array_new(FALSE, FALSE, sizeof(guint)), spam = g_array_new(FALSE, FALSE, sizeof(guint));
    enum spam_level highest = SPAM_CLEAN;

    for (guint i = 0; i < tx->capture->recipients->len; i++) {
        const struct capture_recipient *recipient = tx->capture->recipients->pdata[i];
        struct spam_levels levels;
        enum spam_level level;

        spam_levels_get(state->config, required, recipient->original, &levels);
        level = spam_level_of(&levels, score);
        highest = MAX(highest, level);
        if (level == SPAM_KILLED && !tx->spam->is_own)
            g_array_append_val(killed, i);
        else if (level >= SPAM_SPAM && !tx->spam->is_own)
            g_array_append_val(spam, i);
    }
    if (killed->len > 0)
        kill_for(state, tx, killed, score);
    if (spam->len > 0)
        verdict_add(tx->capture->verdict, VERDICT_TAG, "spam", "spam", NULL, (const guint *)(gconstpointer)spam->data, spam->len);
    return highest;
}

static void
judge(const struct spam_state *state, struct transaction *tx, const struct scan_result *result)
{
    struct spam_findings *findings = tx->spam;
    struct spam_levels levels;
    struct scan_report_options options = {.client_name = tx->capture->client_name, .client_address = tx->capture->client_address};
    struct scan_report *report;
    g_autoptr(GString) tests = NULL;

    spam_levels_get(state->config, rules_number(scanner_ruleset(state->scanner), "required_score"), NULL, &levels);
    findings->score = result->engine.score;
    findings->required = (double)levels.tag2 / 1000;
    findings->gave_up = result->engine.gave_up;
    findings->over_time = result->engine.over_time;
    options.required = findings->required;
    report = scan_report_new(result, &options);
    tests = report_names(scan_report_get(report), ",");
    findings->tests = g_strdup(tests->str);
    findings->level = decide(state, tx, findings->score);
    if (!findings->is_own)
        edit(state, tx, scan_report_get(report), spam_levels_tell(&levels, findings->score));
    scan_report_free(&report);
}

static void
spam_inspect(gpointer data, struct transaction *tx)
{
    const struct spam_state *state = data;
    gboolean ours = is_ours(tx->capture);
    gint64 began = g_get_monotonic_time();
    struct scan_result result;

    if ((ours && state->config->own_mail == CONFIG_SPAM_OWN_SKIP) ||
        networks_contain(state->skipped, tx->capture->client_address))
        return;
    tx->spam = g_new0(struct spam_findings, 1);
    tx->spam->is_own = ours && state->config->own_mail == CONFIG_SPAM_OWN_SCORE;
    tx->spam->cut = g_bytes_get_size(tx->capture->message) > (gsize)state->config->max_size;
    scan(state, tx, &result);
    judge(state, tx, &result);
    scan_result_clear(&result);
    tx->spam->took_us = g_get_monotonic_time() - began;
    metrics_add(stats.spam, tx->spam->level, 1);
    metrics_add(stats.spam_over_time, 0, tx->spam->over_time ? 1 : 0);
    metrics_observe(stats.spam_time, tx->spam->took_us);
}

const struct milter_module spam_module = {
    .name = "spam",
    .needs = spam_needs,
    .open = spam_open,
    .close = spam_close,
    .inspect = spam_inspect,
};
