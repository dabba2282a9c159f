/* module_auth.c: who mail from outside is really from.
 *
 * NAME     auth - SPF, DKIM, DMARC and ARC, one Authentication-Results field
 *
 * What is checked: mail that came by SMTP from a client that did not sign in and is in none of auth.skip_networks. SPF begins
 * at MAIL, on a thread of its own; the lookups for DKIM, ARC and DMARC go out when the message is there; inspect() joins all of
 * them under one deadline. A check whose answer did not come is a temperror, which is told and never refuses mail.
 *
 * Fields that claim to be ours are deleted first, from signed-in clients too: nobody else may speak in our name
 * (RFC 8601 5). So are those that name nobody, as Microsoft writes them: a reader that takes such a field at all (DKIM Verifier
 * for Thunderbird can be told to; a Sieve test of the whole header does) can only take it for ours, so that anybody could
 * write one. Those with another name stay: readers know whom they trust. */
#include <string.h>
#include "lib/base/networks.h"
#include "milters/auth_policy.h"
#include "milters/results.h"
#include "milters/runtime.h"
#include "milters/stats.h"
#include "milters/transaction.h"

#define FIELD "Authentication-Results"

struct auth_state {
    const struct config_auth *config;
    struct dns *dns;
    struct spf_pool *spf; /* NULL: not checked */
    struct networks *skip, *forwarders;
    gboolean dkim, dmarc, arc;
    char *authserv_id;
    gint64 timeout_us;
};

static guint
auth_needs(const struct config *config)
{
    guint reports = config->dmarc.driver != CONFIG_DMARC_NONE ? NEED_RECIPIENTS : 0; /* they tell the recipients' domain */

    return NEED_CLIENT | NEED_HELO | NEED_SENDER | NEED_HEADERS | NEED_BODY | MAY_EDIT | NEED_DNS | reports;
}

static void
auth_close(gpointer data)
{
    struct auth_state *state = data;

    spf_pool_free(&state->spf);
    networks_free(&state->skip);
    networks_free(&state->forwarders);
    dns_unref(state->dns);
    g_free(state->authserv_id);
    g_free(state);
}

static gpointer
auth_open(struct runtime *runtime, GError **error)
{
    const struct config_auth *config = &runtime->config->auth;
    const char *const *checks = (const char *const *)config->checks;
    struct auth_state *state = g_new0(struct auth_state, 1);

    state->config = config;
    state->dns = dns_ref(runtime->dns);
    state->authserv_id = g_strdup(auth_findings_authserv_id(config));
    state->timeout_us = runtime->config->dns.timeout * 1000;
    state->dkim = g_strv_contains(checks, "dkim");
    state->dmarc = g_strv_contains(checks, "dmarc");
    state->arc = g_strv_contains(checks, "arc");
    if (g_strv_contains(checks, "spf"))
        state->spf = spf_pool_new(runtime->dns, (guint)config->threads, state->authserv_id, runtime->config->dns.timeout);
    state->skip = networks_new(config->skip_networks, error);
    state->forwarders = state->skip != NULL ? networks_new(config->forwarders, error) : NULL;
    if (state->forwarders != NULL)
        return state;
    auth_close(state);
    return NULL;
}

static gboolean
is_skipped(const struct auth_state *state, const struct capture *capture)
{
    return capture->source == CAPTURE_LOCAL || networks_contain(state->skip, capture->client_address);
}

static void
auth_begin(gpointer data, struct transaction *tx)
{
    struct auth_state *state = data;
    const struct capture *capture = tx->capture;

    if (is_skipped(state, capture) || capture->source != CAPTURE_SMTP)
        return;
    tx->auth = g_new0(struct auth_findings, 1);
    tx->auth->spf_asked = state->spf != NULL;
    tx->auth->dkim_asked = state->dkim;
    tx->auth->dmarc_asked = state->dmarc;
    tx->auth->arc_asked = state->arc;
    if (state->spf != NULL)
        tx->auth->spf_task = spf_pool_start(state->spf, NULL, *capture->mail_from != '\0' ? SPF_MAIL_FROM : SPF_HELO,
                                            capture->client_address, capture->helo, capture->mail_from);
}

static void
auth_look(gpointer data, struct transaction *tx)
{
    const struct auth_state *state = data;
    const struct dkim_limits limits = {.signatures = (guint)state->config->signatures};
    struct auth_findings *f = tx->auth;

    if (f == NULL)
        return;
    f->view = auth_message_new(transaction_message(tx), NULL);
    if (f->view == NULL) /* inspect() refuses it */
        return;
    dmarc_author(transaction_message(tx), &f->author);
    if (f->dmarc_asked && f->author.domain != NULL)
        f->dmarc_check = dmarc_start(state->dns, f->author.domain);
    if (f->dkim_asked)
        f->dkim_verification = dkim_verify_start(state->dns, f->view, &limits);
    if (f->arc_asked)
        f->arc_verification = arc_verify_start(state->dns, f->view, NULL);
}

/* ---- the end of the message ---- */

static void
finish_spf(struct auth_findings *f, gint64 deadline)
{
    if (f->spf_task != NULL)
        f->spf = spf_task_wait(f->spf_task, deadline);
}

static void
finish_dkim(struct auth_findings *f, gint64 now, gint64 deadline)
{
    /* From the best to the least, for the one word of the log line. */
    static const enum auth_result order[] = {AUTH_PASS, AUTH_TEMPERROR, AUTH_FAIL, AUTH_POLICY, AUTH_PERMERROR, AUTH_NEUTRAL};
    guint best = G_N_ELEMENTS(order), n;

    if (f->dkim_verification == NULL)
        return;
    dkim_verify_finish(f->dkim_verification, now, deadline);
    n = dkim_verify_count(f->dkim_verification);
    for (guint i = 0; i < n; i++)
        for (guint rank = 0; rank < best; rank++)
            if (order[rank] == dkim_verify_get(f->dkim_verification, i)->result)
                best = rank;
    if (best < G_N_ELEMENTS(order))
        f->dkim = order[best];
}

static void
finish_dmarc(struct auth_findings *f, gint64 deadline)
{
    guint n = f->dkim_verification != NULL ? dkim_verify_count(f->dkim_verification) : 0;
    g_autofree struct dmarc_dkim *signatures = g_new0(struct dmarc_dkim, n + 1);
    const struct dmarc_spf spf = {auth_findings_spf(f), f->spf != NULL ? f->spf->domain : NULL};
    const struct dmarc_input input = {.spf = f->spf_asked ? &spf : NULL, .signatures = signatures, .n_signatures = n,
                                      .sample = (guint)g_random_int_range(0, 100)};

    for (guint i = 0; i < n; i++) {
        const struct dkim_signature *s = dkim_verify_get(f->dkim_verification, i);
        signatures[i] = (struct dmarc_dkim){s->result, s->domain};
    }
    if (f->dmarc_check != NULL) {
        dmarc_finish(f->dmarc_check, &input, deadline, &f->dmarc);
    } else if (f->dmarc_asked) {
        f->dmarc.result = f->author.outcome;
        f->dmarc.why = g_strdup(f->author.why);
    }
}

static gboolean
is_results(const struct auth_field *field)
{
    return field->name_length == strlen(FIELD) && g_ascii_strncasecmp(field->name, FIELD, strlen(FIELD)) == 0;
}

/* Deletes what others said in our name, from the last to the first: deleting one must not renumber those that follow. */
static void
delete_forged(const struct auth_state *state, struct transaction *tx)
{
    struct message *message = transaction_message(tx);
    guint nth = 0;

    for (guint i = 0; i < message_header_count(message); i++) {
        struct auth_field field = auth_field_received(message, i);
        nth += is_results(&field);
    }
    for (guint i = message_header_count(message); i > 0 && nth > 0; i--) {
        struct auth_field field = auth_field_received(message, i - 1);

        if (!is_results(&field))
            continue;
        if (auth_results_claims(&field, state->authserv_id))
            verdict_edit(tx->capture->verdict, EDIT_DELETE_HEADER, (gint32)nth, FIELD, NULL);
        nth--;
    }
}

/* A header that goes beyond our caps could hide a From or a forged result where nobody looked. */
static gboolean
refuse_unseen(struct transaction *tx)
{
    enum message_limit limit = message_limit(transaction_message(tx));

    if (limit != MESSAGE_LIMIT_HEADER_BYTES && limit != MESSAGE_LIMIT_HEADERS)
        return FALSE;
    verdict_add(tx->capture->verdict, VERDICT_REJECT, "auth", message_limit_name(limit),
                "5.6.0 The header has more fields, or is longer, than can be checked", NULL, 0);
    return TRUE;
}

static void
count(gboolean asked, enum stats_method method, enum auth_result result)
{
    if (asked)
        metrics_add(stats.auth, (guint)method * (AUTH_PERMERROR + 1) + (guint)result, 1);
}

static void
count_results(const struct auth_findings *f)
{
    count(f->spf_asked, STATS_SPF, auth_findings_spf(f));
    count(f->dkim_asked, STATS_DKIM, f->dkim);
    count(f->dmarc_asked, STATS_DMARC, f->dmarc.result);
    count(f->arc_asked, STATS_ARC, f->arc);
}

static void
auth_inspect(gpointer data, struct transaction *tx)
{
    const struct auth_state *state = data;
    struct auth_findings *f = tx->auth;
    gint64 deadline = g_get_monotonic_time() + state->timeout_us;

    if (is_skipped(state, tx->capture) || refuse_unseen(tx))
        return;
    delete_forged(state, tx);
    if (f == NULL)
        return;
    if (f->dmarc_check != NULL) /* first, since it may have to ask once more */
        dmarc_discover(f->dmarc_check, deadline);
    finish_spf(f, deadline);
    finish_dkim(f, tx->capture->received_us / G_USEC_PER_SEC, deadline);
    if (f->arc_verification != NULL)
        f->arc = arc_verify_finish(f->arc_verification, tx->capture->received_us / G_USEC_PER_SEC, deadline);
    finish_dmarc(f, deadline);
    count_results(f);
    auth_findings_render(f, tx->capture, state->authserv_id);
    verdict_edit(tx->capture->verdict, EDIT_INSERT_HEADER, 0, FIELD, f->header);
    auth_policy_apply(state->config, state->forwarders, tx);
}

static void
auth_ended(gpointer data, struct transaction *tx, enum verdict_action action)
{
    (void)data;
    if (tx->auth != NULL)
        results_add(tx->auth, tx->capture, action);
}

const struct milter_module auth_module = {
    .name = "auth",
    .needs = auth_needs,
    .open = auth_open,
    .close = auth_close,
    .begin = auth_begin,
    .look = auth_look,
    .inspect = auth_inspect,
    .ended = auth_ended,
};
