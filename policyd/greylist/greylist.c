/* greylist.c: checks of the kind greylist: mail from a place that is not known yet is put off; who tries again is let in.
 *
 * A triplet (origin, sender, recipient) passes when it was first seen long enough ago. An origin (origin.h) that passed some times for a
 * sender's domain is known, and its mail is not put off any more. SPF is only asked about mail that would be put off else: it makes
 * one origin of all networks of a domain. DKIM can't be known at RCPT; what the milter has found of a network's earlier mail counts as passes. */
#include "policyd/checks/check.h"
#include "policyd/greylist/origin.h"
#include "policyd/state/facts.h"
#include "policyd/state/marks.h"

#define SPF_MS 5000 /* an answer that takes longer is as good as none */

struct greylist {
    const struct config_greylist *config;
    struct state *state;
    struct dns *dns; /* NULL: SPF is not asked */
    struct policy_match *skip;
};

/* What is looked up for one request. */
struct look {
    const struct greylist *own;
    struct evaluation *evaluation;
    char *network;
    gint64 wait_s;       /* of a triplet that is too early */
    const char *outcome; /* for the log */
};

static gpointer
greylist_make(const struct config_when *config, const struct check_parts *parts)
{
    struct greylist *own = g_new0(struct greylist, 1);

    own->config = (const struct config_greylist *)config;
    own->state = parts->state;
    own->dns = own->config->spf ? parts->dns : NULL;
    own->skip = policy_match_new(POLICY_MATCH_CLIENTS, own->config->skip_clients, NULL);
    return own;
}

static void
greylist_free(gpointer data)
{
    struct greylist *own = data;

    policy_match_free(own->skip);
    g_free(own);
}

static guint32
seconds(const struct look *look)
{
    return (guint32)(look->evaluation->now_ms / 1000);
}

static gboolean
has_fact(const struct look *look, enum fact_kind kind, const char *subject)
{
    struct fact *fact = *subject != '\0' ? fact_get(look->own->state, kind, subject, look->evaluation->now_ms) : NULL;
    gboolean has = fact != NULL;

    fact_unref(fact);
    return has;
}

static gboolean
has_fact_of_domain(const struct look *look, enum fact_kind kind, const char *domain)
{
    g_autofree char *subject = g_strconcat("@", domain, NULL);

    return *domain != '\0' && has_fact(look, kind, subject);
}

/* Why mail is let in whatever is remembered of it; NULL: it is not. */
static const char *
exempt(const struct look *look)
{
    const struct evaluation *evaluation = look->evaluation;
    const char *const *values = evaluation->request->values;

    if (policy_match_client(look->own->skip, values[POLICY_CLIENT_ADDRESS], values[POLICY_CLIENT_NAME], NULL, NULL) > 0 &&
        !policy_match_is_empty(look->own->skip))
        return "client";
    if (has_fact(look, FACT_OPTOUT, evaluation->recipient) || has_fact_of_domain(look, FACT_OPTOUT, evaluation->recipient_domain))
        return "recipient";
    if (has_fact(look, FACT_ALLOW, evaluation->sender) || has_fact_of_domain(look, FACT_ALLOW, evaluation->sender_domain) ||
        has_fact(look, FACT_ALLOW, look->network) || has_fact(look, FACT_ALLOW, values[POLICY_CLIENT_ADDRESS]))
        return "allowed";
    if (*evaluation->sender != '\0' && marks_get(look->own->state, MARK_CORRESPONDENT, evaluation->sender, seconds(look), NULL))
        return "correspondent";
    return NULL;
}

/* Whether the origin is known for the sender's domain. */
static gboolean
is_known(const struct look *look, const char *origin)
{
    struct mark mark;

    if (!marks_get(look->own->state, MARK_ORIGIN, origin, seconds(look), &mark) || mark.count < (guint32)look->own->config->passes)
        return FALSE;
    if (!look->evaluation->trial)
        marks_touch(look->own->state, MARK_ORIGIN, origin, seconds(look), 0, NULL);
    return TRUE;
}

/* Whether the triplet passes now. Else wait_s is set, for a triplet that is there. */
static gboolean
passes(struct look *look, const char *origin, const char *triplet)
{
    const struct config_greylist *config = look->own->config;
    struct mark mark;
    gint64 age_s, delay_s = config->delay / 1000;

    if (!marks_get(look->own->state, MARK_GREYLIST, triplet, seconds(look), &mark))
        return FALSE;
    age_s = (gint64)seconds(look) - mark.first_s;
    if (mark.count == 0 && age_s > config->window / 1000) { /* too late: it begins anew */
        if (!look->evaluation->trial)
            marks_forget(look->own->state, MARK_GREYLIST, triplet, seconds(look));
        return FALSE;
    }
    if (mark.count == 0 && age_s < delay_s) {
        look->wait_s = delay_s - MAX(age_s, 0);
        return FALSE;
    }
    if (!look->evaluation->trial) {
        marks_touch(look->own->state, MARK_GREYLIST, triplet, seconds(look), 1, NULL);
        marks_touch(look->own->state, MARK_ORIGIN, origin, seconds(look), 1, NULL);
    }
    return TRUE;
}

/* TRUE: let in, as one of this origin. */
static gboolean
let_in(struct look *look, const char *origin)
{
    g_autofree char *triplet = origin_triplet(origin, look->evaluation->sender, look->evaluation->recipient);

    if (is_known(look, origin))
        look->outcome = "known";
    else if (passes(look, origin, triplet))
        look->outcome = "passed";
    return look->outcome != NULL;
}

static enum step
put_off(struct look *look, const struct check *check, const char *origin)
{
    const struct config_greylist *config = look->own->config;
    g_autofree char *triplet = origin_triplet(origin, look->evaluation->sender, look->evaluation->recipient);

    if (!look->evaluation->trial && look->wait_s == 0)
        marks_touch(look->own->state, MARK_GREYLIST, triplet, seconds(look), 0, NULL);
    evaluation_note(look->evaluation, "greylist", look->wait_s > 0 ? "early" : "new");
    evaluation_trace(look->evaluation, check, "%s has %s tried for %s", origin, look->wait_s > 0 ? "just" : "never", look->evaluation->recipient);
    check_answer(look->evaluation, config->action, look->wait_s > 0 ? look->wait_s : config->delay / 1000);
    return STEP_ANSWERED;
}

static enum step
go_on(struct look *look, const struct check *check, const char *why)
{
    evaluation_note(look->evaluation, "greylist", why);
    evaluation_trace(look->evaluation, check, "lets it in: %s", why);
    return STEP_GO_ON;
}

static enum step
decide(struct look *look, const struct check *check, gboolean may_block)
{
    const char *domain = look->evaluation->sender_domain, *why = exempt(look);
    g_autofree char *by_network = origin_text(look->network, domain), *by_spf = origin_text(NULL, domain);
    gboolean asks_spf = look->own->dns != NULL && *domain != '\0';

    if (why != NULL)
        return go_on(look, check, why);
    if (let_in(look, by_network))
        return go_on(look, check, look->outcome);
    if (asks_spf && !may_block)
        return STEP_WOULD_BLOCK;
    if (!asks_spf || check_spf(look->own->dns, look->evaluation, g_get_monotonic_time() + SPF_MS * 1000) != AUTH_PASS)
        return put_off(look, check, by_network);
    look->wait_s = 0;
    return let_in(look, by_spf) ? go_on(look, check, look->outcome) : put_off(look, check, by_spf);
}

static enum step
greylist_run(const struct check *check, struct evaluation *evaluation, gboolean may_block)
{
    struct look look = {.own = check->own, .evaluation = evaluation};
    enum step step;

    if (*evaluation->user != '\0')
        return STEP_GO_ON; /* who signs in is known */
    look.network = origin_network(evaluation->request->values[POLICY_CLIENT_ADDRESS]);
    step = decide(&look, check, may_block);
    g_free(look.network);
    return step;
}

const struct check_kind check_greylist = {"greylist", greylist_make, greylist_free, greylist_run};
