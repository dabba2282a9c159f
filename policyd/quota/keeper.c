/* keeper.c: one thread that may wait: it asks doveadm about all mailboxes in turn and about those of which a script spoke, and writes quota2. */
#include <string.h>
#include "lib/base/log.h"
#include "lib/mail/address.h"
#include "policyd/accounts/mailboxes.h"
#include "policyd/quota/quota_private.h"
#include "policyd/state/facts.h"

#define HEARD_MAX 10000u
#define USES_MAX 100000u
#define USES_AT_ONCE 500u /* in one transaction */
#define USES_US G_USEC_PER_SEC
#define USES_RETRY_US (10 * G_USEC_PER_SEC)
#define IDLE_US (10 * G_USEC_PER_SEC) /* until it is looked again whether there is something to ask, and whom */
#define BATCH_MS 5000
#define ONE_MS 3000
#define USERS_MAX 2000000u

struct quota_keeper {
    struct quota *quota;
    GMutex lock; /* of what others see: down to ends */
    GCond changed;
    GQueue heard;     /* struct quota_script * */
    GHashTable *uses; /* user -> struct use * */
    gint64 uses_due_us;
    gboolean ends;
    GPtrArray *users; /* of this round */
    guint next;       /* of them */
    gint64 poll_due_us;
    GThread *thread;
};
struct use {
    gint64 bytes, messages;
};

static gint64
now_ms(void)
{
    return g_get_real_time() / 1000;
}

/* ---- what a script said ---- */

/* Without doveadm: the numbers that fit the percent. */
static void
take_percent(struct quota *quota, const struct quota_setup *setup, const struct quota_script *script)
{
    gint64 percent = MAX(script->percent - (script->kind == QUOTA_UNDER), 0);
    struct fact *fact = fact_get(quota->state, FACT_QUOTA, script->user, now_ms());
    const struct quota_root *known;
    struct quota_roots roots;
    struct mailbox_quota limits;
    struct quota_sample sample = {.percent = (int)percent, .at_ms = now_ms(), .rejected = script->kind == QUOTA_REJECTED};

    quota_roots_read(fact != NULL ? fact->value : NULL, &roots);
    fact_unref(fact);
    known = *script->root != '\0' ? quota_roots_find(&roots, script->root) : quota_main_root(setup, &roots);
    sample.root = *script->root != '\0' ? script->root : known != NULL ? known->name : setup->config->quota.root;
    if (known != NULL && known->limit > 0) {
        sample.limit = known->limit;
        sample.messages = known->messages;
        sample.messages_limit = known->messages_limit;
    } else if (mailbox_quota_find(quota->accounts, script->user, TRUE, now_ms(), &limits) == LOOKUP_YES) {
        sample.limit = limits.limit;
    }
    if (sample.limit > 0) {
        sample.used = (gint64)MIN((double)sample.limit * (double)percent / 100 + 1, (double)(G_MAXINT64 / 2));
        sample.percent = -1;
    }
    quota_take(quota, setup, &(struct quota_news){.user = script->user, .samples = &sample, .n = 1, .source = "script",
                                                  .detail = quota_kind_names[script->kind], .uid = -1}, now_ms());
}

static void
take_script(struct quota *quota, const struct quota_script *script)
{
    struct quota_setup *setup = quota_setup_ref(quota);
    struct doveadm_answer answer = {0};
    const char *users[] = {script->user};

    if (setup->doveadm != NULL && quota_ask(quota, setup, users, 1, ONE_MS, &answer) && answer.known && answer.n > 0)
        quota_take_answer(quota, setup, script->user, &answer, script, now_ms());
    else
        take_percent(quota, setup, script);
    quota_setup_unref(setup);
}

gboolean
quota_keeper_hear(struct quota_keeper *keeper, const struct quota_script *script)
{
    gboolean room;

    g_mutex_lock(&keeper->lock);
    room = keeper->heard.length < HEARD_MAX;
    if (room)
        g_queue_push_tail(&keeper->heard, g_memdup2(script, sizeof *script));
    g_cond_signal(&keeper->changed);
    g_mutex_unlock(&keeper->lock);
    return room;
}

/* ---- quota2 ---- */

void
quota_keeper_use(struct quota_keeper *keeper, const char *user, gint64 bytes, gint64 messages)
{
    struct use *use;

    g_mutex_lock(&keeper->lock);
    use = g_hash_table_lookup(keeper->uses, user);
    if (use == NULL && g_hash_table_size(keeper->uses) < USES_MAX) {
        use = g_new0(struct use, 1);
        g_hash_table_insert(keeper->uses, g_strdup(user), use);
        if (g_hash_table_size(keeper->uses) == 1)
            keeper->uses_due_us = MAX(keeper->uses_due_us, g_get_monotonic_time() + USES_US);
        g_cond_signal(&keeper->changed);
    }
    if (use != NULL)
        *use = (struct use){bytes, messages};
    g_mutex_unlock(&keeper->lock);
}

/* Up to USES_AT_ONCE, taken out. The names are names' members. */
static guint
take_uses(struct quota_keeper *keeper, struct mailbox_use *uses, GPtrArray *names)
{
    GHashTableIter iterator;
    gpointer name, use;
    guint n = 0;

    g_hash_table_iter_init(&iterator, keeper->uses);
    while (n < USES_AT_ONCE && g_hash_table_iter_next(&iterator, &name, &use)) {
        g_ptr_array_add(names, g_strdup(name));
        uses[n] = (struct mailbox_use){g_ptr_array_index(names, n), ((struct use *)use)->bytes, ((struct use *)use)->messages};
        g_hash_table_iter_remove(&iterator);
        n++;
    }
    return n;
}

/* What could not be written, unless there is something newer. */
static void
put_back(struct quota_keeper *keeper, const struct mailbox_use *uses, guint n)
{
    for (guint i = 0; i < n; i++)
        if (!g_hash_table_contains(keeper->uses, uses[i].mailbox)) {
            struct use *use = g_new(struct use, 1);
            *use = (struct use){uses[i].bytes, uses[i].messages};
            g_hash_table_insert(keeper->uses, g_strdup(uses[i].mailbox), use);
        }
}

/* With the lock, which it leaves meanwhile. */
static void
write_uses(struct quota_keeper *keeper)
{
    g_autofree struct mailbox_use *uses = g_new0(struct mailbox_use, USES_AT_ONCE);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    guint n = take_uses(keeper, uses, names);
    g_autoptr(GError) error = NULL;
    gboolean good;

    g_mutex_unlock(&keeper->lock);
    good = mailbox_quota_write(keeper->quota->accounts, uses, n, &error);
    g_mutex_lock(&keeper->lock);
    keeper->uses_due_us = g_get_monotonic_time() + (good ? 0 : USES_RETRY_US);
    if (!good)
        put_back(keeper, uses, n);
}

/* ---- the poll ---- */

static gboolean
list_from_sql(struct quota_keeper *keeper, GPtrArray *users)
{
    g_autofree char *after = g_strdup("");
    guint before;

    do {
        g_autoptr(GPtrArray) page = g_ptr_array_new_with_free_func(g_free);
        if (mailboxes_page(keeper->quota->accounts, after, page) != LOOKUP_YES)
            return FALSE;
        before = page->len;
        for (guint i = 0; i < page->len; i++)
            g_ptr_array_add(users, address_normalise(g_ptr_array_index(page, i)));
        if (page->len > 0) {
            g_free(after);
            after = g_strdup(g_ptr_array_index(page, page->len - 1));
        }
    } while (before == MAILBOXES_PAGE && users->len < USERS_MAX);
    return TRUE;
}

/* All that are known by their facts. */
static void
list_from_facts(struct quota_keeper *keeper, GPtrArray *users)
{
    g_autoptr(GPtrArray) facts = fact_list(keeper->quota->state, FACT_QUOTA, now_ms());

    for (guint i = 0; i < facts->len; i++)
        g_ptr_array_add(users, g_strdup(((const struct fact *)g_ptr_array_index(facts, i))->subject));
}

static void
begin_round(struct quota_keeper *keeper)
{
    g_ptr_array_set_size(keeper->users, 0);
    keeper->next = 0;
    if (!list_from_sql(keeper, keeper->users)) {
        g_ptr_array_set_size(keeper->users, 0);
        list_from_facts(keeper, keeper->users);
    }
}

/* Asks about the next ones. Returns when it is to be done again: so that a round takes quota.poll. */
static gint64
poll_some(struct quota_keeper *keeper, const struct quota_setup *setup)
{
    g_autofree struct doveadm_answer *answers = g_new0(struct doveadm_answer, DOVEADM_USERS_MAX);
    gint64 poll_ms = setup->config->quota.poll, begun_us = g_get_monotonic_time();
    guint all, batch;

    if (setup->doveadm == NULL || poll_ms == 0 || !state_is_loaded(keeper->quota->state))
        return begun_us + IDLE_US;
    if (keeper->next >= keeper->users->len)
        begin_round(keeper);
    all = keeper->users->len;
    if (all == 0)
        return begun_us + IDLE_US;
    batch = (guint)CLAMP(((gint64)all * 1000 + poll_ms - 1) / poll_ms, 1, DOVEADM_USERS_MAX);
    batch = MIN(batch, all - keeper->next);
    if (!quota_ask(keeper->quota, setup, (const char *const *)&g_ptr_array_index(keeper->users, keeper->next), batch, BATCH_MS, answers))
        return g_get_monotonic_time() + IDLE_US;
    for (guint i = 0; i < batch; i++)
        quota_take_answer(keeper->quota, setup, g_ptr_array_index(keeper->users, keeper->next + i), &answers[i], NULL, now_ms());
    keeper->next += batch;
    return begun_us + poll_ms * 1000 / all * batch;
}

/* ---- the thread ---- */

/* With the lock, which it leaves meanwhile. FALSE: there is nothing to do now. */
static gboolean
work_once(struct quota_keeper *keeper)
{
    gint64 now_us = g_get_monotonic_time();

    if (keeper->heard.length > 0) {
        g_autofree struct quota_script *script = g_queue_pop_head(&keeper->heard);
        g_mutex_unlock(&keeper->lock);
        take_script(keeper->quota, script);
        g_mutex_lock(&keeper->lock);
        return TRUE;
    }
    if (g_hash_table_size(keeper->uses) > 0 && now_us >= keeper->uses_due_us) {
        write_uses(keeper);
        return TRUE;
    }
    if (now_us < keeper->poll_due_us)
        return FALSE;
    struct quota_setup *setup = quota_setup_ref(keeper->quota);
    g_mutex_unlock(&keeper->lock);
    keeper->poll_due_us = poll_some(keeper, setup);
    quota_setup_unref(setup);
    g_mutex_lock(&keeper->lock);
    return TRUE;
}

static gpointer
work(gpointer data)
{
    struct quota_keeper *keeper = data;

    g_mutex_lock(&keeper->lock);
    while (!keeper->ends)
        if (!work_once(keeper))
            g_cond_wait_until(&keeper->changed, &keeper->lock,
                              g_hash_table_size(keeper->uses) > 0 ? MIN(keeper->uses_due_us, keeper->poll_due_us) : keeper->poll_due_us);
    if (g_hash_table_size(keeper->uses) > 0)
        write_uses(keeper);
    g_mutex_unlock(&keeper->lock);
    return NULL;
}

struct quota_keeper *
quota_keeper_start(struct quota *quota)
{
    struct quota_keeper *keeper = g_new0(struct quota_keeper, 1);

    keeper->quota = quota;
    g_mutex_init(&keeper->lock);
    g_cond_init(&keeper->changed);
    g_queue_init(&keeper->heard);
    keeper->uses = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    keeper->users = g_ptr_array_new_with_free_func(g_free);
    keeper->thread = g_thread_new("quotas", work, keeper);
    return keeper;
}

void
quota_keeper_stop(struct quota_keeper **keeper)
{
    struct quota_keeper *gone = *keeper;

    g_mutex_lock(&gone->lock);
    gone->ends = TRUE;
    g_cond_signal(&gone->changed);
    g_mutex_unlock(&gone->lock);
    g_thread_join(gone->thread);
    g_queue_clear_full(&gone->heard, g_free);
    g_hash_table_unref(gone->uses);
    g_ptr_array_unref(gone->users);
    g_cond_clear(&gone->changed);
    g_mutex_clear(&gone->lock);
    g_clear_pointer(keeper, g_free);
}
