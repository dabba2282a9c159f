/* client.c: checks of the kind client: what is known of a client is weighed, and at a threshold it is refused.
 *
 * What can't be known weighs nothing: a list that refuses to serve us, or a resolver that is away, must not refuse mail. */
#include <string.h>
#include "lib/base/dnsbl.h"
#include "lib/base/networks.h"
#include "policyd/checks/check.h"

struct client {
    const struct config_client *config;
    struct dns *dns;
    GPtrArray *lists; /* struct dnsbl * */
};

/* What has been weighed of one client. */
struct scale {
    gint64 sum;
    GString *reasons; /* what weighed above 0, between commas */
};

static gpointer
client_make(const struct config_when *config, const struct check_parts *parts)
{
    struct client *own = g_new0(struct client, 1);
    g_autofree char *lists = NULL;

    own->config = (const struct config_client *)config;
    own->dns = parts->dns;
    lists = g_strjoinv(" ", own->config->dnsbl);
    own->lists = dnsbl_parse(lists, NULL);
    return own;
}

static void
client_free(gpointer data)
{
    struct client *own = data;

    g_ptr_array_unref(own->lists);
    g_free(own);
}

static void
weigh(struct scale *scale, struct evaluation *evaluation, const struct check *check, gint64 weight, const char *what)
{
    if (weight == 0)
        return;
    scale->sum += weight;
    evaluation_trace(evaluation, check, "%s: %+" G_GINT64_FORMAT, what, weight);
    if (weight > 0)
        g_string_append_printf(scale->reasons, "%s%s", scale->reasons->len > 0 ? ", " : "", what);
}

/* Neither a host name with a dot in it nor the client's address in brackets (RFC 5321 4.1.3). */
static gboolean
helo_is_bad(const char *helo, const char *client)
{
    gsize length = strlen(helo);
    guint8 told[16], real[16];
    gsize told_length, real_length = network_address(client, real);
    g_autofree char *inside = NULL;

    if (length < 2 || helo[0] != '[') {
        gsize digits = strspn(helo, "0123456789.:");
        return strchr(helo, '.') == NULL || digits == length || !dns_name_is_valid(helo);
    }
    inside = g_strndup(helo + 1, length - 2);
    told_length = network_address(inside, told);
    return helo[length - 1] != ']' || told_length == 0 || told_length != real_length || memcmp(told, real, told_length) != 0;
}

/* All lists are asked at once, while SPF is worked out. */
static void
weigh_dns(const struct client *own, const struct check *check, struct evaluation *evaluation, struct scale *scale)
{
    const char *address = evaluation->request->values[POLICY_CLIENT_ADDRESS];
    gint64 deadline_us = g_get_monotonic_time() + own->config->timeout * 1000;
    g_autofree struct dnsbl_lookup **lookups = g_new0(struct dnsbl_lookup *, own->lists->len + 1);
    enum auth_result spf = AUTH_NONE;

    for (guint i = 0; i < own->lists->len; i++)
        lookups[i] = dnsbl_start(own->dns, g_ptr_array_index(own->lists, i), address);
    if (own->config->spf_fail != 0 || own->config->spf_softfail != 0)
        spf = check_spf(own->dns, evaluation, deadline_us);
    for (guint i = 0; i < own->lists->len; i++) {
        const struct dnsbl *list = g_ptr_array_index(own->lists, i);
        const struct dnsbl_answer *answer = dnsbl_wait(lookups[i], deadline_us);
        if (answer->outcome == DNSBL_FAILED)
            evaluation_trace(evaluation, check, "%s %s: it weighs nothing", dnsbl_name(list), answer->why);
        weigh(scale, evaluation, check, dnsbl_weight(list, answer), dnsbl_name(list));
        dnsbl_lookup_free(&lookups[i]);
    }
    weigh(scale, evaluation, check, spf == AUTH_FAIL ? own->config->spf_fail : spf == AUTH_SOFTFAIL ? own->config->spf_softfail : 0,
          spf == AUTH_FAIL ? "SPF fail" : "SPF softfail");
}

static enum step
decide(const struct client *own, const struct check *check, struct evaluation *evaluation, const struct scale *scale)
{
    g_autofree char *sum = g_strdup_printf("%" G_GINT64_FORMAT, scale->sum);

    evaluation_note(evaluation, "client_weight", sum);
    evaluation_trace(evaluation, check, "weighs %s of %" G_GINT64_FORMAT, sum, own->config->threshold);
    if (scale->sum < own->config->threshold)
        return STEP_GO_ON;
    check_answer(evaluation, own->config->action, 0);
    g_string_replace(evaluation->answer, "{reason}", scale->reasons->str, 0);
    return STEP_ANSWERED;
}

static enum step
client_run(const struct check *check, struct evaluation *evaluation, gboolean may_block)
{
    const struct client *own = check->own;
    const char *const *values = evaluation->request->values;
    struct scale scale = {0, NULL};
    gboolean asks = own->dns != NULL && (own->lists->len > 0 || own->config->spf_fail != 0 || own->config->spf_softfail != 0);
    enum step step;

    if (*evaluation->user != '\0')
        return STEP_GO_ON; /* who signs in may come from anywhere */
    if (asks && !may_block)
        return STEP_WOULD_BLOCK;
    scale.reasons = g_string_new(NULL);
    if (*values[POLICY_CLIENT_NAME] == '\0' || strcmp(values[POLICY_CLIENT_NAME], "unknown") == 0)
        weigh(&scale, evaluation, check, own->config->unverified, "unverified name");
    if (helo_is_bad(values[POLICY_HELO_NAME], values[POLICY_CLIENT_ADDRESS]))
        weigh(&scale, evaluation, check, own->config->helo, "HELO");
    if (asks)
        weigh_dns(own, check, evaluation, &scale);
    step = decide(own, check, evaluation, &scale);
    g_string_free(scale.reasons, TRUE);
    return step;
}

const struct check_kind check_client = {"client", client_make, client_free, client_run};
