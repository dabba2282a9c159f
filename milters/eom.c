/* eom.c: what happens at the end of a message, in this order and nowhere else:
 *
 *   finish    the message is rebuilt, the envelope completed
 *   limits    what was over a cap is refused, by a reply that says which
 *   look      each module starts the lookups that it needs
 *   expand    recipients to mailboxes
 *   inspect   each module adds outcomes and edits
 *   decide    one decision over all outcomes; Postfix' own bounces are never refused
 *   keep      a message that is to be accepted is made durable; when that fails, 4xx
 *   edits     recipients removed, header fields changed and the body replaced, in one burst
 *   answer    the reply
 *   ended     each module is told what became of the message, and so is the policy daemon
 *   log       one line, and the metrics */
#include <string.h>
#include "lib/base/log.h"
#include "milters/eom.h"
#include "milters/reports.h"
#include "milters/stats.h"
#include "milters/test_hooks.h"

#define EXPAND_BUDGET_MS 5000
#define REPLY_TEXT_MAX 400u

struct eom {
    struct session *session;
    struct transaction *tx;
    struct decision decision;
    enum verdict_action action; /* the decision's, or what became of it */
    char *trouble;              /* why the decision could not be carried out, for the log */
    gint64 began, expanded, inspected, kept, edited; /* monotonic ends of the steps */
};

static void
check_limits(struct transaction *tx)
{
    struct verdict *verdict = tx->capture->verdict;

    switch (tx->limit) {
    case TRANSACTION_WHOLE:
        break;
    case TRANSACTION_TOO_BIG:
        verdict_add(verdict, VERDICT_REJECT, "host", "message over max_message",
                    "5.3.4 Message is larger than this system takes", NULL, 0);
        break;
    case TRANSACTION_TOO_MANY_RECIPIENTS:
        verdict_add(verdict, VERDICT_TEMPFAIL, "host", "too many recipients", "4.5.3 Too many recipients", NULL, 0);
        break;
    case TRANSACTION_ARGUMENT_TOO_LONG:
        verdict_add(verdict, VERDICT_REJECT, "host", "address too long", "5.1.3 An address is too long", NULL, 0);
        break;
    }
}

static void
inspect(struct eom *eom)
{
    const struct runtime *runtime = eom->session->runtime;

    for (guint i = 0; milter_modules[i] != NULL; i++)
        if ((runtime->selected & 1u << i) != 0 && milter_modules[i]->look != NULL)
            milter_modules[i]->look(runtime->states[i], eom->tx);
    if ((runtime->needs & NEED_EXPANSION) != 0)
        eom->tx->pending = expander_fill(runtime->expander, eom->tx->capture, EXPAND_BUDGET_MS);
    eom->expanded = g_get_monotonic_time();
    for (guint i = 0; milter_modules[i] != NULL; i++)
        if ((runtime->selected & 1u << i) != 0 && milter_modules[i]->inspect != NULL)
            milter_modules[i]->inspect(runtime->states[i], eom->tx);
}

/* A bounce that is refused is lost, and its sender never hears of it: it goes out, marked in the log. The modules' outcomes stay in the
 * record. */
static void
decide(struct eom *eom)
{
    const struct capture *capture = eom->tx->capture;

    verdict_decide(capture->verdict, capture->recipients->len, &eom->decision);
    if (eom->decision.action == VERDICT_REJECT && capture_is_bounce(capture) && eom->tx->limit == TRANSACTION_WHOLE)
        eom->decision.action = VERDICT_TAG;
    eom->action = eom->decision.action;
}

static gboolean
is_kept(const struct transaction *tx)
{
    return tx->archive == ARCHIVE_STORED_NOW || tx->archive == ARCHIVE_SPOOLED;
}

/* Makes durable what is to be accepted; otherwise the message can't be accepted now. */
static void
keep(struct eom *eom)
{
    const struct runtime *runtime = eom->session->runtime;

    if (eom->action >= VERDICT_REJECT)
        return;
    test_stage("eom-before-archive");
    for (guint i = 0; milter_modules[i] != NULL; i++) {
        g_autoptr(GError) error = NULL;

        if ((runtime->selected & 1u << i) == 0 || milter_modules[i]->keep == NULL ||
            milter_modules[i]->keep(runtime->states[i], eom->tx, &eom->decision, &error))
            continue;
        eom->action = VERDICT_TEMPFAIL;
        eom->trouble = g_strdup_printf("%s: %s", milter_modules[i]->name, error->message);
        return;
    }
    test_stage("eom-after-archive");
    if (eom->decision.quarantine->len > 0 && !is_kept(eom->tx)) {
        eom->action = VERDICT_TEMPFAIL;
        eom->trouble = g_strdup("quarantine is in the archive, and the module archive is off");
    }
}

static gboolean
apply_edit(const struct edit *edit, const struct mta_ops *ops, gpointer mta)
{
    const char *value = edit->value != NULL ? edit->value : "";

    switch (edit->kind) {
    case EDIT_ADD_HEADER:
        return ops->add_header(mta, edit->name, value);
    case EDIT_INSERT_HEADER:
        return ops->insert_header(mta, edit->index, edit->name, value);
    case EDIT_CHANGE_HEADER:
        return ops->change_header(mta, edit->index, edit->name, value);
    case EDIT_DELETE_HEADER:
        return ops->change_header(mta, edit->index, edit->name, NULL);
    }
    return FALSE;
}

static gboolean
burst(struct eom *eom, const struct mta_ops *ops, gpointer mta)
{
    const GPtrArray *edits = eom->tx->capture->verdict->edits;
    const GArray *removed = eom->decision.remove;

    for (guint i = 0; i < removed->len; i++) {
        guint r = g_array_index(removed, guint, i);

        if (!ops->delete_recipient(mta, g_ptr_array_index(eom->tx->rcpt_arguments, r)))
            return FALSE;
    }
    for (guint i = 0; i < edits->len; i++)
        if (!apply_edit(g_ptr_array_index(edits, i), ops, mta))
            return FALSE;
    return eom->tx->new_body == NULL || ops->replace_body(mta, eom->tx->new_body);
}

static void
edits(struct eom *eom, const struct mta_ops *ops, gpointer mta)
{
    if (eom->action > VERDICT_TAG || burst(eom, ops, mta))
        return;
    eom->action = VERDICT_TEMPFAIL;
    eom->trouble = g_strdup("the MTA does not take our edits");
}

/* Length of an enhanced status code (RFC 3463: class.subject.detail) of that class at the start of text, or 0. */
static gsize
enhanced_length(const char *text, char class)
{
    gsize i = 1;

    if (text[0] != class)
        return 0;
    for (int part = 0; part < 2; part++) {
        gsize digits;

        if (text[i] != '.')
            return 0;
        digits = strspn(text + i + 1, "0123456789");
        if (digits < 1 || digits > 3)
            return 0;
        i += 1 + digits;
    }
    return text[i] == ' ' || text[i] == '\0' ? i : 0;
}

static const char *
reply_code(enum verdict_action action, const char *enhanced)
{
    if (action == VERDICT_TEMPFAIL)
        return strcmp(enhanced, "4.5.3") == 0 ? "452" : "451";
    if (strcmp(enhanced, "5.3.4") == 0)
        return "552";
    return strcmp(enhanced, "5.1.3") == 0 ? "553" : "550";
}

void
eom_reply_parts(enum verdict_action action, const char *reply, const char *ref, char code_r[4], char enhanced_r[12],
                GString *text_r)
{
    gboolean temporary = action == VERDICT_TEMPFAIL;
    gsize length;

    if (reply == NULL)
        reply = temporary ? "4.3.0 Message can't be taken now, please try again later" : "5.7.1 Message refused";
    length = enhanced_length(reply, temporary ? '4' : '5');
    if (length > 0)
        g_snprintf(enhanced_r, 12, "%.*s", (int)length, reply);
    else
        g_strlcpy(enhanced_r, temporary ? "4.3.0" : "5.7.1", 12);
    g_strlcpy(code_r, reply_code(action, enhanced_r), 4);
    for (reply += length; *reply == ' '; reply++)
        ;
    for (; *reply != '\0' && text_r->len < REPLY_TEXT_MAX; reply++)
        g_string_append_c(text_r, g_ascii_isprint(*reply) ? *reply : '?');
    g_string_append_printf(text_r, "%s(ref %s)", text_r->len > 0 ? " " : "", ref);
}

static enum mta_answer
answer(const struct eom *eom, const struct mta_ops *ops, gpointer mta)
{
    /* What became of the decision has its own text; the decision's reply explains only itself. */
    const char *reply = eom->action == eom->decision.action ? eom->decision.reply : NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    char code[4], enhanced[12];

    switch (eom->action) {
    case VERDICT_ACCEPT:
    case VERDICT_TAG:
        return MTA_ACCEPT;
    case VERDICT_QUARANTINE: /* the archive has it; the client gets 250 and the MTA drops it */
    case VERDICT_DISCARD:
        return MTA_DISCARD;
    case VERDICT_REJECT:
    case VERDICT_TEMPFAIL:
        break;
    }
    eom_reply_parts(eom->action, reply, eom->tx->ref, code, enhanced, text);
    ops->set_reply(mta, code, enhanced, text->str); /* refused: the MTA uses its own text */
    return eom->action == VERDICT_REJECT ? MTA_REJECT : MTA_TEMPFAIL;
}

static void
ended(const struct eom *eom)
{
    const struct runtime *runtime = eom->session->runtime;

    for (guint i = 0; milter_modules[i] != NULL; i++)
        if ((runtime->selected & 1u << i) != 0 && milter_modules[i]->ended != NULL)
            milter_modules[i]->ended(runtime->states[i], eom->tx, eom->action);
    reports_send(runtime->config->milter.reports, eom->tx, eom->action);
}

static void
log_message(const struct eom *eom)
{
    static const char *const sources[] = {"smtp", "submission", "local", "ingest"};
    const struct transaction *tx = eom->tx;
    const struct capture *capture = tx->capture;
    struct log_line *line = log_line_new(eom->trouble != NULL ? LOG_SEV_ERROR : LOG_SEV_INFO, "eom");
    gint64 now = g_get_monotonic_time();

    log_line_str(line, "queue_id", capture->queue_id);
    log_line_str(line, "message_id", tx->message_id);
    log_line_str(line, "ref", tx->ref);
    log_line_str(line, "verdict", verdict_action_name(eom->action));
    log_line_str(line, "reason", eom->trouble != NULL ? eom->trouble : eom->decision.reason);
    if (tx->auth != NULL)
        auth_findings_log(tx->auth, line);
    if (tx->spam != NULL)
        spam_findings_log(tx->spam, line);
    log_line_str(line, "signed", tx->signed_by);
    log_line_str(line, "unsigned", tx->unsigned_why);
    log_line_str(line, "recoded", tx->recoded);
    log_line_str(line, "archive", transaction_archive_names[tx->archive]);
    log_line_str(line, "archive_id", tx->archive_id[0] != '\0' ? tx->archive_id : NULL);
    log_line_str(line, "archive_event", strcmp(tx->archive_id, tx->archive_event) != 0 ? tx->archive_event : NULL);
    log_line_str(line, "repeat", tx->archive_repeat ? "yes" : NULL);
    log_line_str(line, "source", sources[capture->source]);
    log_line_str(line, "client", capture->client_address);
    log_line_str(line, "auth_user", capture->auth_user[0] != '\0' ? capture->auth_user : NULL);
    log_line_str(line, "from", capture->mail_from);
    log_line_int(line, "rcpts", capture->recipients->len);
    if (tx->pending > 0)
        log_line_int(line, "rcpts_pending", tx->pending);
    log_line_int(line, "size", (gint64)tx->size);
    log_line_ms(line, "receive_ms", eom->began - tx->began_us);
    log_line_ms(line, "expand_ms", eom->expanded - eom->began);
    log_line_ms(line, "inspect_ms", eom->inspected - eom->expanded);
    log_line_ms(line, "archive_ms", eom->kept - eom->inspected);
    log_line_ms(line, "edit_ms", eom->edited - eom->kept);
    log_line_ms(line, "eom_ms", now - eom->began);
    log_line_emit(line);
    metrics_add(stats.messages, eom->action, 1);
    if (eom->action < VERDICT_REJECT || tx->archive == ARCHIVE_NOT_KEPT)
        metrics_add(stats.archive, tx->archive, 1);
    metrics_add(stats.pending, 0, tx->pending);
    metrics_observe(stats.eom, now - eom->began);
}

enum mta_answer
eom_run(struct session *session, const char *queue_id, const struct mta_ops *ops, gpointer mta)
{
    struct eom eom = {.session = session, .tx = session->tx, .began = g_get_monotonic_time()};
    enum mta_answer result;

    transaction_finish(eom.tx);
    g_free(eom.tx->capture->queue_id);
    eom.tx->capture->queue_id = g_strndup(queue_id != NULL ? queue_id : "", 255);
    check_limits(eom.tx);
    eom.expanded = eom.began;
    if (eom.tx->limit == TRANSACTION_WHOLE)
        inspect(&eom);
    decide(&eom);
    eom.inspected = g_get_monotonic_time();
    keep(&eom);
    eom.kept = g_get_monotonic_time();
    edits(&eom, ops, mta);
    eom.edited = g_get_monotonic_time();
    test_stage("eom-before-reply");
    result = answer(&eom, ops, mta);
    ended(&eom);
    log_message(&eom);
    decision_clear(&eom.decision);
    g_free(eom.trouble);
    session_end_transaction(session);
    return result;
}
