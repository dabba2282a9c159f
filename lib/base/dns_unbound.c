/* dns_unbound.c: the questions in libunbound and who waits for them. Everything here runs on the loop's thread.
 *
 * Lookups of the same name and type share a question. Whoever has waited for timeout_ms is told so, but the question stays
 * until libunbound answers it (the next one to ask may have the answer at once), so what libunbound has in work is always known
 * and capped. When the context changes, what is open is asked again in the new one. */
#include "lib/base/dns_unbound_private.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include <string.h>
#include <unbound-event.h>

#define WHY_MAX 200u           /* characters of libunbound's reason that are kept */
#define UNANSWERED_WARNING 20u /* failures in a row, then the log says so */

enum held {
    HELD_NOT,
    HELD_ASK,  /* to be asked when it is known how */
    HELD_BOGUS /* to be asked again if signatures turn out to be stripped, else to be answered so */
};
struct question {
    struct dns_unbound *u;
    char *key;           /* "TYPE name" */
    const char *name;    /* in key */
    enum dns_type type;
    enum held held;
    gboolean in_context; /* libunbound has it, as id */
    int id;
    gboolean asking;     /* inside ub_resolve_event, which may answer at once */
    gboolean answered;   /* .. and did */
    gint64 asked;        /* g_get_monotonic_time */
    char *why;           /* HELD_BOGUS */
    GPtrArray *waiters;  /* struct waiter */
};

/* ---- completing ---- */

struct dns_answer *
dns_unbound_failure(const char *why)
{
    struct dns_answer *answer = dns_answer_new(DNS_FAILED);

    answer->why = g_strndup(why, WHY_MAX);
    for (char *c = answer->why; *c != '\0'; c++)
        if (!g_ascii_isprint(*c))
            *c = '?';
    return answer;
}

void
dns_unbound_complete(struct dns_unbound *u, struct waiter *waiter, struct dns_answer *answer)
{
    metrics_add(u->lookups, (guint)answer->outcome, 1);
    metrics_observe(u->seconds, g_get_monotonic_time() - waiter->begun);
    if (answer->bogus)
        metrics_add(u->bogus, 0, 1);
    g_atomic_int_add(&u->open, -1);
    dns_complete(waiter->lookup, answer);
    g_free(waiter);
}

static void
question_free(gpointer data)
{
    struct question *question = data;

    if (question->in_context)
        ub_cancel(question->u->ctx, question->id); /* so that it is not called back for */
    g_ptr_array_unref(question->waiters);
    g_free(question->key);
    g_free(question->why);
    g_free(question);
}

void
dns_unbound_init(struct dns_unbound *u)
{
    static const char *const outcomes[] = {"found", "no_data", "no_name", "failed", NULL};

    u->questions = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, question_free);
    u->lookups = metrics_counter("postern_dns_lookups_total", "DNS lookups by outcome.", "outcome", outcomes);
    u->seconds = metrics_histogram("postern_dns_seconds", "Time that DNS lookups took, answers from the cache among them.");
    u->bogus = metrics_counter("postern_dns_bogus_total", "DNS lookups that failed because DNSSEC says bogus.", NULL, NULL);
}

/* What there is to tell. */
struct given {
    const guint8 *packet; /* NULL: failed */
    gsize length;
    const char *why;
    guint rcode;          /* failed: what came, or 0 */
    gboolean secure, bogus;
};

/* Completes all who wait for the question, each with an answer of its own; the caller frees the question. */
static void
question_complete(struct question *question, const struct given *given)
{
    for (guint i = 0; i < question->waiters->len; i++) {
        struct waiter *waiter = g_ptr_array_index(question->waiters, i);
        struct dns_answer *answer = given->packet != NULL && !given->bogus
                                        ? dns_rdata_answer(given->packet, given->length, question->name, question->type)
                                        : dns_unbound_failure(given->why);

        answer->secure = given->secure && answer->outcome != DNS_FAILED;
        answer->bogus = given->bogus;
        if (given->packet == NULL || given->bogus)
            answer->rcode = given->bogus ? DNS_RCODE_SERVFAIL : given->rcode;
        g_queue_unlink(&question->u->waiters, &waiter->link);
        dns_unbound_complete(question->u, waiter, answer);
    }
    g_ptr_array_set_size(question->waiters, 0);
}

/* ---- asking ---- */

/* Says in the log when nothing is answered any more, and when something is again. */
static void
note_answered(struct dns_unbound *u, gboolean answered)
{
    if (answered && u->unanswered >= UNANSWERED_WARNING)
        log_text(LOG_SEV_INFO, "dns", "name servers answer again");
    u->unanswered = answered ? 0 : u->unanswered + 1;
    if (u->unanswered == UNANSWERED_WARNING)
        log_text(LOG_SEV_WARNING, "dns", "the last %u lookups have all failed; is the network up, do the name servers answer?",
                 UNANSWERED_WARNING);
}

/* Bogus may only mean that signatures are stripped: it is held until that has been looked at. */
static gboolean
hold_bogus(struct question *question, const struct given *given)
{
    struct dns_unbound *u = question->u;

    if (u->anchor == NULL || !given->bogus || !dns_unbound_probe(u))
        return FALSE;
    question->held = HELD_BOGUS;
    g_free(question->why);
    question->why = g_strdup(given->why);
    return TRUE;
}

static void
on_answer(void *data, int rcode, void *packet, int length, int security, char *why, int limited)
{
    struct question *question = data;
    struct dns_unbound *u = question->u;
    struct given given = {.secure = security == 2, .bogus = security == 1};

    (void)limited;
    question->in_context = FALSE;
    if (rcode == 0 && packet != NULL && length > 0) {
        given.packet = packet;
        given.length = (gsize)length;
    }
    given.rcode = (guint)rcode;
    given.why = given.bogus && why != NULL ? why : given.bogus ? "DNSSEC says bogus" : dns_rcode_name((guint)rcode);
    note_answered(u, given.packet != NULL);
    if (hold_bogus(question, &given))
        return;
    question_complete(question, &given);
    question->answered = TRUE;
    if (!question->asking)
        g_hash_table_remove(u->questions, question->key);
}

/* Gives the question to libunbound. FALSE: it is answered (or failed) already; the caller frees it. */
static gboolean
question_ask(struct question *question)
{
    struct dns_unbound *u = question->u;

    question->held = HELD_NOT;
    if (u->undecided) {
        question->held = HELD_ASK;
        return TRUE;
    }
    question->asking = TRUE;
    question->in_context = TRUE;
    question->asked = g_get_monotonic_time();
    int code = ub_resolve_event(u->ctx, question->name, question->type, DNS_CLASS_IN, question, on_answer, &question->id);
    question->asking = FALSE;
    if (code != UB_NOERROR && !question->answered) {
        question->in_context = FALSE;
        question_complete(question, &(struct given){.why = ub_strerror(code)});
        question->answered = TRUE;
    }
    return !question->answered;
}

static struct question *
question_new(struct dns_unbound *u, char *key, enum dns_type type)
{
    struct question *question = g_new0(struct question, 1);

    question->u = u;
    question->key = key;
    question->name = strchr(key, ' ') + 1;
    question->type = type;
    question->asked = g_get_monotonic_time();
    question->waiters = g_ptr_array_new();
    g_hash_table_insert(u->questions, question->key, question);
    return question;
}

void
dns_unbound_take(struct dns_unbound *u, struct waiter *waiter)
{
    enum dns_type type = dns_lookup_type(waiter->lookup);
    g_autofree char *key = g_strdup_printf("%d %s", (int)type, dns_lookup_name(waiter->lookup));
    struct question *question = g_hash_table_lookup(u->questions, key);
    gboolean fresh = question == NULL;

    if (fresh && g_hash_table_size(u->questions) >= (guint64)u->options->outstanding_max * DNS_QUESTIONS_FACTOR) {
        dns_unbound_complete(u, waiter, dns_unbound_failure("too many lookups are open"));
        return;
    }
    if (fresh)
        question = question_new(u, g_steal_pointer(&key), type);
    waiter->question = question;
    g_ptr_array_add(question->waiters, waiter);
    g_queue_push_tail_link(&u->waiters, &waiter->link);
    if (fresh && !question_ask(question))
        g_hash_table_remove(u->questions, question->key);
    dns_unbound_arm(u);
}

/* ---- ends that libunbound doesn't bring ---- */

void
dns_unbound_expire(struct dns_unbound *u)
{
    gint64 now = g_get_monotonic_time();

    while (u->waiters.head != NULL) {
        struct waiter *waiter = u->waiters.head->data;

        if (waiter->begun + u->options->timeout_ms * 1000 > now)
            break;
        g_queue_unlink(&u->waiters, &waiter->link);
        g_ptr_array_remove_fast(waiter->question->waiters, waiter);
        note_answered(u, FALSE);
        dns_unbound_complete(u, waiter, dns_unbound_failure("no answer in time"));
    }
    dns_unbound_arm(u);
}

void
dns_unbound_fail_all(struct dns_unbound *u, const char *why)
{
    GHashTableIter iter;
    gpointer question;

    g_hash_table_iter_init(&iter, u->questions);
    while (g_hash_table_iter_next(&iter, NULL, &question)) {
        question_complete(question, &(struct given){.why = why});
        g_hash_table_iter_remove(&iter);
    }
}

void
dns_unbound_sweep(struct dns_unbound *u)
{
    gint64 before = g_get_monotonic_time() - u->options->timeout_ms * 1000 * DNS_GIVEN_UP_FACTOR;
    GHashTableIter iter;
    gpointer data;

    g_hash_table_iter_init(&iter, u->questions);
    while (g_hash_table_iter_next(&iter, NULL, &data)) {
        const struct question *question = data;

        if (question->waiters->len == 0 && question->asked < before)
            g_hash_table_iter_remove(&iter);
    }
}

/* ---- other contexts ---- */

/* Asking may answer at once, and an answer removes its question: not while the table is walked. */
static void
ask_again(struct dns_unbound *u, GPtrArray *questions)
{
    for (guint i = 0; i < questions->len; i++) {
        struct question *question = g_ptr_array_index(questions, i);

        if (question->waiters->len == 0 || !question_ask(question))
            g_hash_table_remove(u->questions, question->key);
    }
}

void
dns_unbound_switch(struct dns_unbound *u, struct ub_ctx *ctx, gboolean validating)
{
    g_autoptr(GPtrArray) open = g_ptr_array_new();
    GHashTableIter iter;
    gpointer data;

    g_hash_table_iter_init(&iter, u->questions);
    while (g_hash_table_iter_next(&iter, NULL, &data)) {
        struct question *question = data;

        if (question->in_context) {
            ub_cancel(u->ctx, question->id);
            question->in_context = FALSE;
            g_ptr_array_add(open, question);
        } else if (question->held == HELD_BOGUS) {
            question->held = HELD_ASK; /* what the old context said doesn't count */
        }
    }
    if (u->ctx != NULL)
        ub_ctx_delete(u->ctx);
    u->ctx = ctx;
    u->validating = validating;
    ask_again(u, open);
}

void
dns_unbound_release(struct dns_unbound *u)
{
    g_autoptr(GPtrArray) ask = g_ptr_array_new();
    GHashTableIter iter;
    gpointer data;

    g_hash_table_iter_init(&iter, u->questions);
    while (g_hash_table_iter_next(&iter, NULL, &data)) {
        struct question *question = data;

        if (question->held == HELD_ASK) {
            g_ptr_array_add(ask, question);
        } else if (question->held == HELD_BOGUS) {
            question_complete(question, &(struct given){.why = question->why, .bogus = TRUE});
            g_hash_table_iter_remove(&iter);
        }
    }
    ask_again(u, ask);
}
