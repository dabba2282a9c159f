/* questions.c: asks, gives answers to those who wait for them, and knows when to wait no longer. */
#include "lib/spam/net/questions.h"
#include <string.h>
#include "lib/spam/net/policy.h"

struct asker {
    net_answered_fn answered;
    gpointer context;
    gconstpointer subject;
};

struct net_questions {
    struct dns *dns;
    struct dns_bell *bell;
    struct net_policy *policy;
    gint64 deadline_us;
    GHashTable *all;    /* key -> struct net_question */
    GPtrArray *open;    /* struct net_question, in the order they were asked */
    guint answered;
    gboolean truncated;
};

static void
question_free(gpointer data)
{
    struct net_question *question = data;

    dns_lookup_free(&question->lookup);
    dnsbl_answer_free(&question->judged);
    g_array_unref(question->askers);
    g_free(question->key);
    g_free(question);
}

const struct dnsbl_answer *
net_question_judge(struct net_question *question, const struct dnsbl *list)
{
    gboolean has_codes = g_str_has_prefix(question->key, "A/");

    /* Of a text there is nothing to judge but that none came. */
    if (question->judged == NULL && (has_codes || question->answer->outcome == DNS_FAILED))
        question->judged = dnsbl_judge(list, question->answer);
    return question->judged;
}

struct net_questions *
net_questions_new(struct dns *dns, struct net_policy *policy, gint64 deadline_us)
{
    struct net_questions *questions = g_new0(struct net_questions, 1);

    questions->dns = dns_ref(dns);
    questions->bell = dns_bell_new();
    questions->policy = policy;
    questions->deadline_us = deadline_us;
    questions->all = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, question_free);
    questions->open = g_ptr_array_new();
    return questions;
}

void
net_questions_free(struct net_questions **questions)
{
    if (*questions == NULL)
        return;
    g_ptr_array_unref((*questions)->open);
    g_hash_table_unref((*questions)->all);
    dns_bell_unref((*questions)->bell);
    dns_unref((*questions)->dns);
    g_clear_pointer(questions, g_free);
}

static const char *
type_name(enum dns_type type)
{
    switch (type) {
    case DNS_A:
        return "A";
    case DNS_NS:
        return "NS";
    case DNS_SOA:
        return "SOA";
    case DNS_PTR:
        return "PTR";
    case DNS_MX:
        return "MX";
    case DNS_TXT:
        return "TXT";
    case DNS_AAAA:
        return "AAAA";
    }
    return "";
}

/* A question of its own, asked. */
static void
start(struct net_questions *questions, struct net_question *question, enum dns_type type)
{
    double left = (double)(questions->deadline_us - g_get_monotonic_time()) / G_USEC_PER_SEC;

    policy_timeouts(questions->policy, question->name, &question->timeout, &question->timeout_min);
    question->timeout = MIN(question->timeout, MAX(left, 0));
    question->timeout_min = MIN(question->timeout_min, question->timeout);
    question->started_us = g_get_monotonic_time();
    question->lookup = dns_start_with_bell(questions->dns, question->name, type, questions->bell);
    g_ptr_array_add(questions->open, question);
}

/* NULL: it may not be asked. */
static struct net_question *
question_for(struct net_questions *questions, const char *name, enum dns_type type)
{
    g_autofree char *lower = g_ascii_strdown(name, -1);

    for (gsize length = strlen(lower); length > 0 && lower[length - 1] == '.';)
        lower[--length] = '\0';
    g_autofree char *key = g_strconcat(type_name(type), "/", lower, NULL);
    struct net_question *question = g_hash_table_lookup(questions->all, key);
    if (question != NULL)
        return question;
    if (!dns_name_is_valid(lower) || !net_policy_allows(questions->policy, lower))
        return NULL;
    if (g_hash_table_size(questions->all) >= NET_QUESTIONS_MAX) {
        questions->truncated = TRUE;
        return NULL;
    }
    question = g_new0(struct net_question, 1);
    question->key = g_steal_pointer(&key);
    question->name = strchr(question->key, '/') + 1;
    question->askers = g_array_new(FALSE, FALSE, sizeof(struct asker));
    g_hash_table_insert(questions->all, question->key, question);
    start(questions, question, type);
    return question;
}

gboolean
net_questions_ask(struct net_questions *questions, const char *name, enum dns_type type, net_answered_fn answered,
                  gpointer context, gconstpointer subject)
{
    struct net_question *question = question_for(questions, name, type);
    struct asker asker = {answered, context, subject};

    if (question == NULL)
        return FALSE;
    if (question->answer != NULL)
        answered(context, subject, question);
    else
        g_array_append_val(question->askers, asker);
    return TRUE;
}

/* Askers may ask the same again while they are called: they get it at once, as the answer is set. */
static void
give(struct net_question *question, const struct dns_answer *answer)
{
    question->answer = answer;
    for (guint i = 0; i < question->askers->len; i++) {
        struct asker asker = g_array_index(question->askers, struct asker, i);
        asker.answered(asker.context, asker.subject, question);
    }
    g_array_set_size(question->askers, 0);
}

void
net_questions_step(struct net_questions *questions)
{
    guint kept = 0;

    /* What is asked meanwhile joins the end of open, and is looked at too. */
    for (guint i = 0; i < questions->open->len; i++) {
        struct net_question *question = g_ptr_array_index(questions->open, i);
        if (!dns_is_answered(question->lookup)) {
            questions->open->pdata[kept++] = question;
            continue;
        }
        questions->answered++;
        give(question, dns_wait(question->lookup, 0));
    }
    g_ptr_array_set_size(questions->open, (gint)kept);
}

/* When the last of the open questions has waited long enough: rbl_timeout, less the more of all are answered. */
static gint64
patience(const struct net_questions *questions)
{
    double share = (double)questions->answered / g_hash_table_size(questions->all);
    gint64 last = 0;

    for (guint i = 0; i < questions->open->len; i++) {
        const struct net_question *question = g_ptr_array_index(questions->open, i);
        double wait = question->timeout - (question->timeout - question->timeout_min) * share * share;
        last = MAX(last, question->started_us + (gint64)(wait * G_USEC_PER_SEC));
    }
    return MIN(last, questions->deadline_us);
}

void
net_questions_finish(struct net_questions *questions)
{
    net_questions_step(questions);
    while (questions->open->len > 0) {
        gint64 until = patience(questions);
        if (!dns_bell_wait(questions->bell, until) && g_get_monotonic_time() >= until)
            break;
        net_questions_step(questions);
    }
    /* What failed by time may lead to no more questions: askers only look at what was found. */
    while (questions->open->len > 0) {
        struct net_question *question = g_ptr_array_steal_index(questions->open, questions->open->len - 1);
        give(question, dns_wait(question->lookup, 0));
    }
}

guint
net_questions_asked(const struct net_questions *questions)
{
    return g_hash_table_size(questions->all);
}

gboolean
net_questions_truncated(const struct net_questions *questions)
{
    return questions->truncated;
}
