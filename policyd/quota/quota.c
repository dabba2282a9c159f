/* quota.c: start and stop, and what becomes of news: a fact, then mail to the user. See quota.h. */
#include "policyd/quota/quota.h"
#include <curl/curl.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>
#include "lib/base/log.h"
#include "lib/base/net.h"
#include "policyd/notices/tell.h"
#include "policyd/quota/quota_private.h"
#include "policyd/quota/texts.h"
#include "policyd/state/facts.h"

#define BACKLOG 64
#define FORGET_MS (90 * 24 * 3600 * G_GINT64_CONSTANT(1000)) /* a mailbox without news is gone */

/* ---- what a configuration says ---- */

static void
add_uid(struct quota_setup *setup, const char *name)
{
    g_autofree char *room = g_malloc(16384);
    struct passwd entry, *found = NULL;
    guint64 number;

    if (g_ascii_string_to_unsigned(name, 10, 0, G_MAXUINT32 - 1, &number, NULL))
        setup->uids[setup->n_uids++] = (uid_t)number;
    else if (getpwnam_r(name, &entry, room, 16384, &found) == 0 && found != NULL)
        setup->uids[setup->n_uids++] = found->pw_uid;
    else
        log_text(LOG_SEV_WARNING, "quota", "quota.uids: there is no user %s", name);
}

static struct quota_setup *
setup_new(struct config *config)
{
    const struct config_quota *quota = &config->quota;
    struct quota_setup *setup = g_new0(struct quota_setup, 1);

    setup->refs = 1;
    setup->config = config_ref(config);
    setup->rules.settle_ms = quota->settle;
    setup->rules.rejected_every_ms = quota->rejected_every;
    for (char **level = quota->levels; *level != NULL && setup->rules.n_levels < QUOTA_LEVELS_MAX; level++)
        setup->rules.levels[setup->rules.n_levels++] = (guint)g_ascii_strtoull(*level, NULL, 10);
    setup->any_uid = *quota->uids == NULL;
    for (char **name = quota->uids; *name != NULL && setup->n_uids < QUOTA_UIDS_MAX; name++)
        add_uid(setup, *name);
    setup->doveadm = doveadm_new(&config->doveadm);
    return setup;
}

void
quota_setup_unref(struct quota_setup *setup)
{
    if (setup == NULL || !g_atomic_int_dec_and_test(&setup->refs))
        return;
    doveadm_free(&setup->doveadm);
    config_unref(setup->config);
    g_free(setup);
}

struct quota_setup *
quota_setup_ref(struct quota *quota)
{
    struct quota_setup *setup;

    g_mutex_lock(&quota->lock);
    setup = quota->setup;
    g_atomic_int_inc(&setup->refs);
    g_mutex_unlock(&quota->lock);
    return setup;
}

gboolean
quota_setup_hears(const struct quota_setup *setup, uid_t uid)
{
    gboolean heard = setup->any_uid || uid == 0;

    for (guint i = 0; i < setup->n_uids; i++)
        heard |= setup->uids[i] == uid;
    return heard;
}

/* ---- news ---- */

static gboolean
tells(const struct config_quota *config, enum quota_kind kind)
{
    return kind != QUOTA_KINDS && tell_is_possible(config) && g_strv_contains((const char *const *)config->notices, quota_kind_names[kind]);
}

static void
tell(struct quota *quota, struct config *config, enum quota_kind kind, const char *user, const struct quota_root *root, gint64 now_ms)
{
    GArray *values = quota_texts_values(tell_language(&config->quota, user), root);

    tell_user(quota->mailer, config, user, &quota_texts[kind], values, now_ms);
}

static void
log_news(const struct quota_news *news, const struct quota_sample *sample, const struct quota_root *root, enum quota_kind kind, gboolean mailed)
{
    struct log_line *line = log_line_new(kind != QUOTA_KINDS ? LOG_SEV_INFO : LOG_SEV_DEBUG, "quota");

    log_line_str(line, "user", news->user);
    log_line_str(line, "root", root->name);
    log_line_str(line, "news", kind != QUOTA_KINDS ? quota_kind_names[kind] : "none");
    log_line_int(line, "percent", root->percent);
    log_line_int(line, "level", root->level);
    log_line_int(line, "used", root->used);
    log_line_int(line, "limit", root->limit);
    log_line_int(line, "messages", root->messages);
    log_line_str(line, "by", news->source);
    log_line_str(line, "detail", *news->detail != '\0' ? news->detail : NULL);
    log_line_str(line, "rejected", sample->rejected ? "yes" : NULL);
    if (news->uid >= 0)
        log_line_int(line, "uid", news->uid);
    log_line_str(line, "notice", mailed ? "yes" : NULL);
    log_line_emit(line);
}

/* Takes out the roots that are not among the samples. */
static gboolean
drop_others(struct quota_roots *roots, const struct quota_news *news)
{
    guint kept = 0, before = roots->n;

    for (guint i = 0; i < roots->n; i++) {
        gboolean there = FALSE;
        for (guint k = 0; k < news->n; k++)
            there |= strcmp(news->samples[k].root, roots->root[i].name) == 0;
        if (there)
            roots->root[kept++] = roots->root[i];
    }
    roots->n = kept;
    return kept != before;
}

/* FALSE: there are too many facts, since whoever can reach the sockets may name any user. */
static gboolean
keep(struct quota *quota, const char *user, const struct quota_roots *roots, gint64 now_ms)
{
    g_autofree char *text = quota_roots_write(roots, FACT_VALUE_MAX);

    if (fact_put_behind(quota->state, FACT_QUOTA, user, &(struct fact_change){.value = text, .expires_ms = now_ms + FORGET_MS, .by = "dovecot"}, now_ms))
        return TRUE;
    if (g_atomic_int_compare_and_exchange(&quota->crowded, FALSE, TRUE))
        log_text(LOG_SEV_WARNING, "quota", "there are too many facts, so nothing is kept of new users, as %s, and they are told nothing", user);
    return FALSE;
}

const struct quota_root *
quota_main_root(const struct quota_setup *setup, const struct quota_roots *roots)
{
    if (*setup->config->quota.root != '\0')
        return quota_roots_find(roots, setup->config->quota.root);
    return roots->n > 0 ? &roots->root[0] : NULL;
}

/* What was due of each sample, and its root as it is then. */
struct due {
    enum quota_kind kind;
    struct quota_root root;
};

/* FALSE: it could not be kept. */
static gboolean
take_samples(struct quota *quota, const struct quota_setup *setup, const struct quota_news *news, struct due *dues, struct quota_roots *roots,
             gint64 now_ms)
{
    struct fact *fact;
    gboolean changed, kept;

    g_mutex_lock(&quota->lock);
    fact = fact_get(quota->state, FACT_QUOTA, news->user, now_ms);
    quota_roots_read(fact != NULL ? fact->value : NULL, roots);
    changed = news->whole && drop_others(roots, news);
    for (guint i = 0; i < news->n; i++) {
        struct quota_root *root;
        gboolean differs;
        gint64 known_ms = fact != NULL ? fact->changed_ms : 0;
        dues[i].kind = quota_levels_take(roots, &news->samples[i], &setup->rules, now_ms, &root, &differs);
        dues[i].root = *root;
        /* News that are no news are written all the same before they would count as old. */
        changed |= differs || now_ms - known_ms > setup->config->quota.stale / 4 || known_ms > now_ms;
    }
    kept = !changed || keep(quota, news->user, roots, now_ms);
    fact_unref(fact);
    g_mutex_unlock(&quota->lock);
    return kept;
}

void
quota_take(struct quota *quota, const struct quota_setup *setup, const struct quota_news *news, gint64 now_ms)
{
    const struct config_quota *config = &setup->config->quota;
    g_autofree struct due *dues = g_new0(struct due, news->n);
    const struct quota_root *root;
    struct quota_roots roots;
    gint64 fall_ms;

    if (!take_samples(quota, setup, news, dues, &roots, now_ms))
        return;
    for (guint i = 0; i < news->n; i++) {
        gboolean mailed = tells(config, dues[i].kind);
        if (mailed)
            tell(quota, setup->config, dues[i].kind, news->user, &dues[i].root, now_ms);
        log_news(news, &news->samples[i], &dues[i].root, dues[i].kind, mailed);
    }
    fall_ms = quota_levels_fall(&roots, &setup->rules);
    if (fall_ms > 0)
        quota_keeper_fall(quota->keeper, news->user, fall_ms);
    root = quota_main_root(setup, &roots);
    if (config->quota2 == CONFIG_QUOTA2_WRITE && root != NULL && root->at_ms > 0 && (root->limit > 0 || root->used > 0 || news->whole))
        quota_keeper_use(quota->keeper, news->user, root->used, root->messages);
}

void
quota_take_again(struct quota *quota, const struct quota_setup *setup, const char *user, gint64 now_ms)
{
    struct fact *fact = fact_get(quota->state, FACT_QUOTA, user, now_ms);
    struct quota_sample samples[QUOTA_ROOTS_MAX];
    struct quota_roots roots;

    quota_roots_read(fact != NULL ? fact->value : NULL, &roots);
    fact_unref(fact);
    for (guint i = 0; i < roots.n; i++)
        samples[i] = quota_levels_again(&roots.root[i]);
    if (roots.n > 0)
        quota_take(quota, setup, &(struct quota_news){.user = user, .samples = samples, .n = roots.n, .source = "settled", .detail = "", .uid = -1}, now_ms);
}

void
quota_take_answer(struct quota *quota, const struct quota_setup *setup, const char *user, const struct doveadm_answer *answer,
                  const struct quota_script *about, gint64 now_ms)
{
    gboolean rejected = about != NULL && about->kind == QUOTA_REJECTED;
    struct quota_sample samples[QUOTA_ROOTS_MAX];

    for (guint i = 0; i < answer->n; i++) {
        const struct doveadm_root *root = &answer->roots[i];
        samples[i] = (struct quota_sample){.root = root->name, .used = root->used, .limit = root->limit, .messages = root->messages,
                                           .messages_limit = root->messages_limit, .percent = -1, .at_ms = now_ms, .whole_kib = TRUE, .quiet = about == NULL,
                                           .rejected = rejected && (*about->root != '\0' ? strcmp(about->root, root->name) == 0 : i == 0)};
    }
    if (answer->known && answer->n > 0)
        quota_take(quota, setup, &(struct quota_news){.user = user, .samples = samples, .n = answer->n, .whole = TRUE, .source = "doveadm",
                                                      .detail = about != NULL ? quota_kind_names[about->kind] : "", .uid = -1}, now_ms);
}

gboolean
quota_ask(struct quota *quota, const struct quota_setup *setup, const char *const *users, guint n_users, int timeout_ms,
          struct doveadm_answer *answers_r)
{
    g_autoptr(GError) error = NULL;
    gboolean good = doveadm_quota(setup->doveadm, users, n_users, timeout_ms, answers_r, &error);

    metrics_add(quota->asked, good ? 0 : 1, n_users);
    if (!good && g_atomic_int_compare_and_exchange(&quota->away, FALSE, TRUE))
        log_text(LOG_SEV_WARNING, "quota", "%s; it is tried again every ten seconds", error->message);
    if (good && g_atomic_int_compare_and_exchange(&quota->away, TRUE, FALSE))
        log_text(LOG_SEV_INFO, "quota", "doveadm answers again");
    return good;
}

/* ---- start and stop ---- */

gboolean
quota_open_sockets(const struct config_quota *config, struct quota_sockets *sockets_r, GError **error)
{
    *sockets_r = (struct quota_sockets){-1, -1};
    if (*config->listen != '\0' &&
        (sockets_r->events = net_listen_datagram(config->listen, (guint)config->socket_mode, NULL, error)) < 0)
        return FALSE;
    return *config->script == '\0' || (sockets_r->script = net_listen(config->script, (guint)config->socket_mode, NULL, BACKLOG, error)) >= 0;
}

struct quota *
quota_start(struct config *config, const struct quota_sockets *sockets, struct state *state, struct policy_accounts *accounts, struct mailer *mailer)
{
    static const char *const answers[] = {"yes", "failed", NULL};
    struct quota *quota = g_new0(struct quota, 1);

    quota->state = state;
    quota->accounts = accounts;
    quota->asked = metrics_counter("postern_quota_asked_total", "Mailboxes that doveadm was asked about", "answer", answers);
    g_mutex_init(&quota->lock);
    quota->setup = setup_new(config);
    quota->mailer = mailer;
    quota->keeper = quota_keeper_start(quota);
    quota->sink = quota_sink_start(quota, sockets);
    return quota;
}

void
quota_reload(struct quota *quota, struct config *config)
{
    struct quota_setup *fresh = setup_new(config), *old;

    g_mutex_lock(&quota->lock);
    old = quota->setup;
    quota->setup = fresh;
    g_mutex_unlock(&quota->lock);
    quota_setup_unref(old);
}

void
quota_stop(struct quota **quota)
{
    struct quota *gone = *quota;

    if (gone == NULL)
        return;
    quota_sink_stop(&gone->sink);
    quota_keeper_stop(&gone->keeper);
    quota_setup_unref(gone->setup);
    g_mutex_clear(&gone->lock);
    g_clear_pointer(quota, g_free);
}
