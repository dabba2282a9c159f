/* evaluation.c: the way of a request through the checks, its log line and, in a trial, its story. */
#include "policyd/checks/evaluation.h"
#include <string.h>
#include "lib/mail/address.h"
#include "lib/mail/policy_action.h"
#include "policyd/abuse/abuse.h"
#include "policyd/greylist/correspondents.h"
#include "policyd/policy.h"

#define ADDRESS_MAX 320u /* bytes: RFC 5321 4.5.3.1 has 64 and 255 */

/* The comparison form; of an address that is too long its end, so that the domain is there. */
static char *
normal(const char *address)
{
    char *form = address_normalise(address);
    gsize length = strlen(form);

    if (length > ADDRESS_MAX)
        memmove(form, form + length - ADDRESS_MAX, ADDRESS_MAX + 1);
    return form;
}

static const char *
domain_of(const char *address)
{
    const char *domain = address_domain(address);

    return domain != NULL ? domain : "";
}

struct evaluation *
evaluation_new(struct policy *policy, struct policy_request *request, gint64 now_ms)
{
    struct evaluation *evaluation = g_new0(struct evaluation, 1);

    evaluation->request = request;
    evaluation->policy = policy_ref(policy);
    evaluation->now_ms = now_ms;
    evaluation->sender = normal(request->values[POLICY_SENDER]);
    evaluation->recipient = normal(request->values[POLICY_RECIPIENT]);
    evaluation->user = normal(request->values[POLICY_SASL_USERNAME]);
    evaluation->sender_domain = domain_of(evaluation->sender);
    evaluation->recipient_domain = domain_of(evaluation->recipient);
    evaluation->answer = g_string_new("DUNNO");
    evaluation->notes = g_string_new(NULL);
    return evaluation;
}

void
evaluation_free(struct evaluation *evaluation)
{
    if (evaluation == NULL)
        return;
    policy_request_free(evaluation->request);
    policy_unref(evaluation->policy);
    g_free(evaluation->sender);
    g_free(evaluation->recipient);
    g_free(evaluation->user);
    g_string_free(evaluation->answer, TRUE);
    g_string_free(evaluation->notes, TRUE);
    if (evaluation->trace != NULL)
        g_string_free(evaluation->trace, TRUE);
    g_free(evaluation);
}

void
evaluation_trace(struct evaluation *evaluation, const struct check *check, const char *format, ...)
{
    va_list args;

    if (evaluation->trace == NULL)
        return;
    g_string_append_printf(evaluation->trace, "%s %s: ", check->kind->name, check->config->title);
    va_start(args, format);
    g_string_append_vprintf(evaluation->trace, format, args);
    va_end(args);
    g_string_append_c(evaluation->trace, '\n');
}

void
evaluation_note(struct evaluation *evaluation, const char *key, const char *value)
{
    g_string_append_printf(evaluation->notes, "%s%s=%s", evaluation->notes->len > 0 ? " " : "", key, value);
}

/* What a check has found becomes the answer, or, in a dry run, a line in the log only. TRUE: it is the answer. */
static gboolean
settle(struct evaluation *evaluation, const struct check *check)
{
    evaluation_trace(evaluation, check, "answers %s%s", evaluation->answer->str, check->config->dry_run ? ", but this is a dry run" : "");
    if (!check->config->dry_run) {
        evaluation->by = check;
        return TRUE;
    }
    if (!evaluation->trial)
        evaluation_log(evaluation, 0);
    g_string_assign(evaluation->answer, "DUNNO");
    return FALSE;
}

/* A check that can't be made: TRUE ends the evaluation. */
static gboolean
in_trouble(struct evaluation *evaluation, const struct check *check)
{
    gboolean defers = evaluation->policy->config->policyd.on_trouble == CONFIG_POLICYD_DEFER;

    evaluation->trouble = TRUE;
    evaluation_note(evaluation, "not_made", check->config->title);
    evaluation_trace(evaluation, check, "can't be made now (policyd.on_trouble = %s)", defers ? "defer" : "dunno");
    if (!defers)
        return FALSE;
    g_string_assign(evaluation->answer, "DEFER_IF_PERMIT 4.3.0 Service unavailable, please try again later");
    return settle(evaluation, check);
}

/* TRUE: it is over. *blocks_r: it would block. */
static gboolean
run_one(struct evaluation *evaluation, const struct check *check, gboolean may_block, gboolean *blocks_r)
{
    enum check_applies applies = check_applies(check, evaluation, may_block);

    if (applies == CHECK_WOULD_BLOCK)
        return *blocks_r = TRUE;
    if (applies == CHECK_NOT_KNOWN)
        return in_trouble(evaluation, check);
    if (applies == CHECK_APPLIES_NOT) {
        evaluation_trace(evaluation, check, "is not about this");
        return FALSE;
    }
    switch (check->kind->run(check, evaluation, may_block)) {
    case STEP_ANSWERED:
        return settle(evaluation, check);
    case STEP_TROUBLE:
        return in_trouble(evaluation, check);
    case STEP_WOULD_BLOCK:
        *blocks_r = TRUE;
        return TRUE;
    case STEP_GO_ON:
    default:
        return FALSE;
    }
}

gboolean
evaluation_run(struct evaluation *evaluation, gboolean may_block)
{
    const GPtrArray *checks = evaluation->policy->checks;
    gboolean over = FALSE, blocks = FALSE;

    while (!over && evaluation->next < checks->len) {
        over = run_one(evaluation, g_ptr_array_index(checks, evaluation->next), may_block, &blocks);
        if (!blocks)
            evaluation->next++;
    }
    if (!blocks && evaluation->policy->learns)
        correspondents_learn(evaluation->policy->parts.state, evaluation);
    if (!blocks)
        abuse_saw_recipient(evaluation->policy->parts.abuse, evaluation);
    return !blocks;
}

void
evaluation_log(const struct evaluation *evaluation, gint64 microseconds)
{
    const char *const *values = evaluation->request->values;
    gboolean quiet = evaluation->by == NULL && strcmp(evaluation->answer->str, "DUNNO") == 0;
    const struct check *by = evaluation->by;
    struct log_line *line;

    if (by == NULL && !quiet)
        by = g_ptr_array_index(evaluation->policy->checks, evaluation->next); /* in a dry run */
    line = log_line_new(evaluation->trouble ? LOG_SEV_WARNING : quiet ? LOG_SEV_DEBUG : LOG_SEV_INFO, "policy");
    log_line_str(line, "queue_id", *values[POLICY_QUEUE_ID] != '\0' ? values[POLICY_QUEUE_ID] : NULL);
    log_line_str(line, "instance", *values[POLICY_INSTANCE] != '\0' ? values[POLICY_INSTANCE] : NULL);
    log_line_str(line, "state", values[POLICY_PROTOCOL_STATE]);
    log_line_str(line, "action", evaluation->answer->str);
    log_line_str(line, "check", by != NULL ? by->config->title : NULL);
    log_line_str(line, "dry_run", by != NULL && by->config->dry_run ? "yes" : NULL);
    log_line_str(line, "client", values[POLICY_CLIENT_ADDRESS]);
    log_line_str(line, "client_name", values[POLICY_CLIENT_NAME]);
    log_line_str(line, "helo", values[POLICY_HELO_NAME]);
    log_line_str(line, "user", *evaluation->user != '\0' ? evaluation->user : NULL);
    log_line_str(line, "sender", values[POLICY_SENDER]);
    log_line_str(line, "recipient", values[POLICY_RECIPIENT]);
    log_line_str(line, "notes", evaluation->notes->len > 0 ? evaluation->notes->str : NULL);
    log_line_str(line, "trouble", evaluation->trouble ? "yes" : NULL);
    log_line_ms(line, "ms", microseconds);
    log_line_emit(line);
}
