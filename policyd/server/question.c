/* question.c: from the text of a question to the text of its answer. */
#include <string.h>
#include "lib/base/metrics.h"
#include "lib/mail/policy_action.h"
#include "policyd/server/server_private.h"

static const char *const kinds[] = {"dunno", "ok", "reject", "defer", "hold", "other", NULL};
static struct metric *answers, *seconds, *repeated, *troubles;

void
question_register_metrics(void)
{
    answers = metrics_counter_grouped("postern_policy_answers_total", "Answers to Postfix, by the check that gave them", "check", "action",
                                      kinds);
    seconds = metrics_histogram("postern_policy_seconds", "Time from a question to its answer");
    repeated = metrics_counter("postern_policy_repeated_total", "Questions that were asked again and answered as before", NULL, NULL);
    troubles = metrics_counter("postern_policy_trouble_total", "Questions with a check that could not be made", NULL, NULL);
}

static guint
kind_of(const char *action)
{
    if (g_ascii_strncasecmp(action, "DUNNO", 5) == 0)
        return 0;
    if (g_ascii_strncasecmp(action, "OK", 2) == 0)
        return 1;
    if (g_ascii_strncasecmp(action, "REJECT", 6) == 0 || *action == '5')
        return 2;
    if (g_ascii_strncasecmp(action, "DEFER", 5) == 0 || *action == '4')
        return 3;
    return g_ascii_strncasecmp(action, "HOLD", 4) == 0 ? 4 : 5;
}

/* The evaluation is over: its answer, its line in the log, its figures. */
static void
settle(struct question *question)
{
    const struct evaluation *evaluation = question->evaluation;
    gint64 took = g_get_monotonic_time() - question->begun_us;

    question->answer = g_ref_string_new(evaluation->answer->str);
    if (question->has_identity)
        repeats_keep(question->loop->server->repeats, question->identity, question->answer, server_now_ms());
    metrics_add(answers, metrics_group(answers, evaluation->by != NULL ? evaluation->by->config->title : "none") + kind_of(question->answer), 1);
    metrics_observe(seconds, took);
    if (evaluation->trouble)
        metrics_add(troubles, 0, 1);
    evaluation_log(evaluation, took);
}

void
question_work(gpointer data, gpointer user_data)
{
    struct question *question = data;
    struct policy_server *server = user_data;

    evaluation_run(question->evaluation, TRUE);
    settle(question);
    g_async_queue_push(question->loop->done, question);
    event_active(question->loop->woken, EV_READ, 0);
    g_atomic_int_add(&server->n_jobs, -1);
}

/* The pool has more than enough to do: answered as checks that can't be made are. */
static void
turn_away(struct question *question)
{
    struct evaluation *evaluation = question->evaluation;

    evaluation->trouble = TRUE;
    if (evaluation->policy->config->policyd.on_trouble == CONFIG_POLICYD_DEFER)
        g_string_assign(evaluation->answer, "DEFER_IF_PERMIT 4.3.2 Too busy, please try again later");
    evaluation_note(evaluation, "busy", "yes");
    settle(question);
}

static void
evaluate(struct question *question)
{
    struct policy_server *server = question->loop->server;

    if (evaluation_run(question->evaluation, FALSE)) {
        settle(question);
    } else if ((guint)g_atomic_int_add(&server->n_jobs, 1) < server->options.jobs) {
        question->waits = TRUE;
        g_thread_pool_push(server->pool, question, NULL);
    } else {
        g_atomic_int_add(&server->n_jobs, -1);
        turn_away(question);
    }
}

struct question *
question_begin(struct connection *connection, struct loop *loop, const char *text, gsize length, char **problem_r)
{
    struct policy_request *request = policy_request_parse(text, length, problem_r);
    struct question *question;
    struct policy *policy;

    if (request == NULL)
        return NULL;
    question = g_new0(struct question, 1);
    question->loop = loop;
    question->connection = connection;
    question->begun_us = g_get_monotonic_time();
    question->has_identity = policy_request_identity(request, question->identity);
    if (question->has_identity)
        question->answer = repeats_find(loop->server->repeats, question->identity, server_now_ms());
    if (question->answer != NULL) {
        metrics_add(repeated, 0, 1);
        policy_request_free(request);
        return question;
    }
    policy = loop->server->source(loop->server->data);
    question->evaluation = evaluation_new(policy, request, g_get_real_time() / 1000);
    policy_unref(policy);
    evaluate(question);
    return question;
}

void
question_free(struct question *question)
{
    if (question->answer != NULL)
        g_ref_string_release(question->answer);
    evaluation_free(question->evaluation);
    g_free(question);
}
