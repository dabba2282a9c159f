/* signin.c: the decision about a sign-in, and what is counted when it is over. */
#include <jansson.h>
#include <string.h>
#include "policyd/abuse/abuse.h"
#include "policyd/greylist/origin.h"
#include "policyd/signin/signin_private.h"
#include "policyd/state/facts.h"
#include "policyd/state/marks.h"

#define LEARN_EVERY_S 600u /* a known network is noted again: clients sign in every few minutes */

const char *const signin_reasons[] = {"good", "trusted", "suspended", "banned", "network", "user", "pair", "trouble", NULL};
const char *const signin_counteds[] = {"success", "failure", "repeated", "not_counted", NULL};

struct signin *
signin_new(struct state *state, const struct config *config)
{
    struct signin *signin = g_new0(struct signin, 1);

    signin->state = state;
    signin->guesses = guesses_new();
    signin_notes_register();
    signin->rules = signin_rules_new(&config->signin);
    g_mutex_init(&signin->lock);
    return signin;
}

void
signin_set_abuse(struct signin *signin, struct abuse *abuse)
{
    signin->abuse = abuse;
}

void
signin_free(struct signin **signin)
{
    if (*signin == NULL)
        return;
    guesses_free((*signin)->guesses);
    signin_rules_unref((*signin)->rules);
    g_mutex_clear(&(*signin)->lock);
    g_clear_pointer(signin, g_free);
}

void
signin_reload(struct signin *signin, const struct config *config)
{
    struct signin_rules *fresh = signin_rules_new(&config->signin), *old;

    g_mutex_lock(&signin->lock);
    old = signin->rules;
    signin->rules = fresh;
    g_mutex_unlock(&signin->lock);
    signin_rules_unref(old);
}

struct signin_rules *
signin_rules_now(struct signin *signin)
{
    struct signin_rules *rules;

    g_mutex_lock(&signin->lock);
    rules = signin_rules_ref(signin->rules);
    g_mutex_unlock(&signin->lock);
    return rules;
}

/* ---- one request and what hangs on it ---- */

struct attempt {
    struct signin *signin;
    struct signin_rules *rules; /* a reference */
    const struct signin_request *request;
    gint64 now_ms;
    char *network, *pair; /* pair: "USER NETWORK" */
    gboolean known;
};

static guint32
seconds(gint64 ms)
{
    return (guint32)(ms / 1000);
}

static void
attempt_init(struct attempt *attempt, struct signin *signin, const struct signin_request *request, gint64 now_ms)
{
    *attempt = (struct attempt){.signin = signin, .rules = signin_rules_now(signin), .request = request, .now_ms = now_ms};
    attempt->network = origin_network(request->remote);
    attempt->pair = g_strdup_printf("%s %s", request->user, attempt->network);
    attempt->known = *request->user != '\0' && marks_get(signin->state, MARK_NETWORK, attempt->pair, seconds(now_ms), NULL);
}

static void
attempt_clear(struct attempt *attempt)
{
    g_free(attempt->network);
    g_free(attempt->pair);
    signin_rules_unref(attempt->rules);
}

static gboolean
is_trusted(const struct attempt *attempt)
{
    return *attempt->request->remote == '\0' || networks_contain(attempt->rules->allowed, attempt->request->remote);
}

/* The three subjects, each with its meter, its limit and its guesses. */
struct subject {
    enum meter_kind kind;
    enum guesses_of of;
    const char *text;
    const struct meter_limit *limit;
    enum signin_reason reason;
};
enum { PAIR, NETWORK, USER, SUBJECTS };

static void
subjects_of(const struct attempt *attempt, struct subject subjects_r[SUBJECTS])
{
    subjects_r[PAIR] = (struct subject){METER_SIGNIN_PAIR, GUESSES_OF_PAIR, attempt->pair, &attempt->rules->pair, SIGNIN_PAIR};
    subjects_r[NETWORK] = (struct subject){METER_SIGNIN_NETWORK, GUESSES_OF_NETWORK, attempt->network, &attempt->rules->network, SIGNIN_NETWORK};
    subjects_r[USER] = (struct subject){METER_SIGNIN_USER, GUESSES_OF_USER, attempt->request->user, &attempt->rules->user, SIGNIN_USER};
}

/* Whether a subject is counted for the attempt: a known network's failures stay between it and the user. */
static gboolean
takes_part(const struct attempt *attempt, guint which)
{
    if (which == NETWORK)
        return !attempt->known;
    return *attempt->request->user != '\0' && (which == PAIR || !attempt->known);
}

guint
signin_level(struct state *state, enum meter_kind kind, const char *text, const struct meter_limit *limit, gint64 now_ms)
{
    struct meter_answer answer = {0};

    if (limit->amount == 0)
        return 0;
    meter_read(state, kind, text, limit, 1, 1, now_ms, &answer);
    return (guint)MIN(answer.before[0] + 0.5, 1e6);
}

char *
signin_anyone(const char *network)
{
    return g_strconcat("* ", network, NULL);
}

char *
signin_network(const char *text)
{
    g_autofree char *address = g_strdelimit(g_strdup(text), "/", '\0'), *network = NULL;
    guint8 octets[16];

    if (network_address(address, octets) == 0)
        return NULL;
    network = origin_network(address);
    return strchr(text, '/') == NULL || strcmp(text, network) == 0 ? g_steal_pointer(&network) : NULL;
}

/* ---- the question ---- */

/* Whether the decision, if there is one, is about signing in as well as about sending. */
static gboolean
stops_signin(struct state *state, const char *subject, gint64 now_ms)
{
    struct fact *fact = fact_get(state, FACT_SUSPENSION, subject, now_ms);
    json_t *value = fact != NULL ? json_loads(fact->value, 0, NULL) : NULL;
    gboolean stops = json_is_true(json_object_get(value, "signin"));

    json_decref(value);
    fact_unref(fact);
    return stops;
}

gboolean
signin_is_suspended(struct state *state, const char *user, gint64 now_ms)
{
    const char *at = strrchr(user, '@');

    return *user != '\0' && (stops_signin(state, user, now_ms) || (at != NULL && stops_signin(state, at, now_ms)));
}

gboolean
signin_is_banned(struct state *state, const char *network, gint64 now_ms)
{
    struct fact *fact = fact_get(state, FACT_BAN, network, now_ms);

    fact_unref(fact);
    return fact != NULL;
}

/* By what was counted. The strictest of the three answers. */
static void
weigh(const struct attempt *attempt, struct signin_answer *answer)
{
    guint *counts[SUBJECTS] = {&answer->pair, &answer->network, &answer->user};
    struct subject subjects[SUBJECTS];

    subjects_of(attempt, subjects);
    for (guint i = 0; i < SUBJECTS; i++) {
        const struct subject *s = &subjects[i];
        int status;
        if (!takes_part(attempt, i))
            continue;
        *counts[i] = signin_level(attempt->signin->state, s->kind, s->text, s->limit, attempt->now_ms) +
                     guesses_others(attempt->signin->guesses, s->of, s->text, attempt->request->user, attempt->request->pwhash, attempt->now_ms);
        status = signin_rules_status(attempt->rules, s->limit, *counts[i]);
        if (answer->status < 0 || status == 0 || (status > 0 && status <= answer->status))
            continue;
        answer->status = status;
        answer->reason = s->reason;
    }
}

/* Dovecot asks again when the password was right. Whoever was let try it is not refused then for what others did meanwhile, as that would tell
 * that it was the right one; and has waited already. Without a session it may as well be another try of the same password, which tells
 * nobody anything, but has to wait. */
static void
ask_again(const struct attempt *attempt, struct signin_answer *answer)
{
    const struct signin_request *request = attempt->request;
    gboolean session = *request->session != '\0';
    gboolean tried = (session || *request->pwhash != '\0') &&
                     guesses_tries(attempt->signin->guesses, session ? GUESSES_OF_SESSION : GUESSES_OF_PAIR, session ? request->session : attempt->pair,
                                   request->user, request->pwhash, attempt->now_ms);

    answer->again = tried && session;
    if (tried && (session || answer->status < 0))
        answer->status = 0;
}

/* The password is being tried from now on. */
static void
begin(const struct attempt *attempt)
{
    const struct signin_request *request = attempt->request;
    struct guesses *guesses = attempt->signin->guesses;
    struct subject subjects[SUBJECTS];

    subjects_of(attempt, subjects);
    for (guint i = 0; i < SUBJECTS && *request->pwhash != '\0'; i++)
        if (takes_part(attempt, i))
            guesses_begin(guesses, subjects[i].of, subjects[i].text, request->user, request->pwhash, attempt->now_ms);
    if (*request->session != '\0')
        guesses_begin(guesses, GUESSES_OF_SESSION, request->session, request->user, request->pwhash, attempt->now_ms);
}

static void
end(const struct attempt *attempt)
{
    const struct signin_request *request = attempt->request;
    struct subject subjects[SUBJECTS];

    subjects_of(attempt, subjects);
    for (guint i = 0; i < SUBJECTS; i++)
        guesses_end(attempt->signin->guesses, subjects[i].of, subjects[i].text, request->user, request->pwhash, attempt->now_ms);
    guesses_end(attempt->signin->guesses, GUESSES_OF_SESSION, request->session, request->user, request->pwhash, attempt->now_ms);
}

void
signin_allow(struct signin *signin, const struct signin_request *request, gint64 now_ms, struct signin_answer *answer_r)
{
    struct attempt attempt;

    memset(answer_r, 0, sizeof *answer_r);
    if (!state_is_loaded(signin->state)) {
        answer_r->reason = SIGNIN_TROUBLE;
        return;
    }
    attempt_init(&attempt, signin, request, now_ms);
    answer_r->known = attempt.known;
    if (signin_is_suspended(signin->state, request->user, now_ms)) {
        answer_r->reason = SIGNIN_SUSPENDED;
        answer_r->status = -1;
    } else if (is_trusted(&attempt)) {
        answer_r->reason = SIGNIN_TRUSTED;
    } else if (signin_is_banned(signin->state, attempt.network, now_ms)) {
        answer_r->reason = SIGNIN_BANNED;
        answer_r->status = -1;
    } else {
        weigh(&attempt, answer_r);
        ask_again(&attempt, answer_r);
        if (answer_r->status >= 0)
            begin(&attempt);
    }
    attempt_clear(&attempt);
}

/* ---- the report ---- */

/* Who signs in has only mistyped before: what the pair counts is forgotten, and taken from what the others counted with it. */
static void
forgive(const struct attempt *attempt)
{
    struct state *state = attempt->signin->state;
    const struct signin_rules *rules = attempt->rules;
    guint mistakes = signin_level(state, METER_SIGNIN_PAIR, attempt->pair, &rules->pair, attempt->now_ms);

    if (mistakes == 0)
        return;
    meter_reset(state, METER_SIGNIN_PAIR, attempt->pair, attempt->now_ms);
    if (attempt->known)
        return; /* nothing else has counted them */
    meter_give(state, METER_SIGNIN_USER, attempt->request->user, &rules->user, 1, mistakes, attempt->now_ms);
    meter_give(state, METER_SIGNIN_NETWORK, attempt->network, &rules->network, 1, mistakes, attempt->now_ms);
}

static void
learn(const struct attempt *attempt)
{
    struct state *state = attempt->signin->state;
    g_autofree char *anyone = signin_anyone(attempt->network);
    const char *const texts[] = {attempt->pair, anyone};

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        struct mark mark;
        if (!marks_get(state, MARK_NETWORK, texts[i], seconds(attempt->now_ms), &mark) ||
            mark.last_s + LEARN_EVERY_S <= seconds(attempt->now_ms))
            marks_touch(state, MARK_NETWORK, texts[i], seconds(attempt->now_ms), 1, NULL);
    }
}

/* A network that goes on is banned, unless somebody signed in from there: then it is refused where it isn't known, no more. */
static gboolean
ban(const struct attempt *attempt, guint level)
{
    struct state *state = attempt->signin->state;
    g_autofree char *anyone = signin_anyone(attempt->network), *network = signin_network(attempt->network);
    g_autofree char *value = g_strdup_printf("{\"reason\":\"%u failed sign-ins\"}", level);
    const struct fact_change change = {.value = value, .expires_ms = attempt->now_ms + attempt->rules->ban_ms, .by = "postern-policyd"};

    if (network == NULL || attempt->rules->ban_limit == 0 || level < attempt->rules->ban_limit || signin_is_banned(state, attempt->network, attempt->now_ms) ||
        marks_get(state, MARK_NETWORK, anyone, seconds(attempt->now_ms), NULL))
        return FALSE;
    return fact_put_behind(state, FACT_BAN, attempt->network, &change, attempt->now_ms);
}

/* Counts a failure for one subject, unless it was counted already. What is refused anyway (rejected) is still counted for the network, which
 * gets banned by it; the lock of a user doesn't last longer by it. */
static gboolean
count_failure(const struct attempt *attempt, const struct subject *subject)
{
    const struct signin_request *request = attempt->request;
    guint level = signin_level(attempt->signin->state, subject->kind, subject->text, subject->limit, attempt->now_ms);

    if (subject->limit->amount == 0 ||
        !guesses_failed(attempt->signin->guesses, subject->of, subject->text, request->user, request->pwhash, attempt->rules->window_ms, attempt->now_ms))
        return FALSE;
    if (level < MAX(2 * subject->limit->amount, attempt->rules->ban_limit)) /* enough is enough: it should end some time */
        meter_add(attempt->signin->state, subject->kind, subject->text, subject->limit, 1, 1, attempt->now_ms, NULL);
    return TRUE;
}

static enum signin_counted
fail(const struct attempt *attempt, gboolean *banned_r)
{
    struct state *state = attempt->signin->state;
    struct subject subjects[SUBJECTS];
    gboolean counted = FALSE;

    subjects_of(attempt, subjects);
    for (guint i = 0; i < SUBJECTS; i++)
        if (takes_part(attempt, i) && (i == NETWORK || !attempt->request->rejected))
            counted |= count_failure(attempt, &subjects[i]);
    if (takes_part(attempt, NETWORK))
        *banned_r = ban(attempt, signin_level(state, METER_SIGNIN_NETWORK, attempt->network, &attempt->rules->network, attempt->now_ms));
    return counted ? SIGNIN_FAILURE : SIGNIN_REPEATED;
}

enum signin_counted
signin_report(struct signin *signin, const struct signin_request *request, gint64 now_ms, gboolean *banned_r)
{
    enum signin_counted counted = SIGNIN_NOT_COUNTED;
    struct attempt attempt;

    *banned_r = FALSE;
    if (!state_is_loaded(signin->state))
        return counted;
    attempt_init(&attempt, signin, request, now_ms);
    end(&attempt);
    if (!is_trusted(&attempt)) {
        if (request->success) {
            counted = SIGNIN_SUCCESS;
            if (*request->user != '\0') {
                forgive(&attempt);
                learn(&attempt);
                abuse_saw_network(signin->abuse, request->user, request->remote, now_ms);
            }
        } else if (request->rejected || request->fail != SIGNIN_FAIL_OTHER) {
            counted = fail(&attempt, banned_r);
        }
    }
    attempt_clear(&attempt);
    return counted;
}
