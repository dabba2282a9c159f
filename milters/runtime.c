/* runtime.c: builds and takes down what a configuration stands for. */
#include "lib/mail/accounts.h"
#include "lib/mail/databases.h"
#include "lib/mail/resolver.h"
#include "milters/auth_findings.h"
#include "milters/runtime.h"

#define SQL_CONNECTIONS_MAX 8u

static GMutex current_lock;
static struct runtime *current; /* under current_lock */

const char *
runtime_instance_name(const struct config *config, const char *override)
{
    return override != NULL && override[0] != '\0' ? override : config->milter.instance;
}

gboolean
runtime_archives(const struct config *config)
{
    return g_strv_contains((const gchar *const *)config->milter.modules, archive_module.name);
}

static int
expand_by_accounts(gpointer source, const char *address, char ***mailboxes_r, GError **error)
{
    return accounts_expand(source, address, mailboxes_r, error);
}

static void
open_accounts(struct runtime *runtime)
{
    const struct config_accounts *settings = &runtime->config->accounts;
    struct sql_options options;

    if (databases_accounts(settings, &options))
        runtime->sql = sql_pool_new(&options, SQL_CONNECTIONS_MAX);
    runtime->accounts = accounts_new(runtime->sql, settings->recipient_delimiter);
    runtime->expander = expander_new(expand_by_accounts, runtime->accounts, settings->retry);
}

/* The resolver of the configuration; that of the configuration in effect, with its cache, when nothing about it differs. */
static gboolean
open_dns(struct runtime *runtime, GError **error)
{
    const struct config_dns *settings = &runtime->config->dns;
    struct runtime *former = runtime_current();

    if (former != NULL && former->dns != NULL && resolver_is_same(settings, &former->config->dns))
        runtime->dns = dns_ref(former->dns);
    else
        runtime->dns = resolver_open(settings, error);
    runtime_unref(former);
    if (runtime->dns != NULL)
        runtime->spf = spf_pool_new(runtime->dns, (guint)runtime->config->auth.threads,
                                    auth_findings_authserv_id(&runtime->config->auth), settings->timeout);
    return runtime->dns != NULL;
}

/* Rules are read anew at each reload; sessions that are under way end with the ones that they began with. */
static gboolean
open_scanner(struct runtime *runtime, GError **error)
{
    struct runtime *former = runtime_current();

    runtime->scanner = spam_rules_open(&runtime->config->spam, former != NULL ? former->scanner : NULL, error);
    runtime_unref(former);
    return runtime->scanner != NULL;
}

/* For a module, or for clients of spamd's protocol. */
static gboolean
needs_scanner(const struct runtime *runtime)
{
    return (runtime->needs & NEED_SCANNER) != 0 || *runtime->config->spam.spamd_listen != NULL;
}

static gboolean
needs_dns(const struct runtime *runtime)
{
    return (runtime->needs & NEED_DNS) != 0 || (needs_scanner(runtime) && runtime->config->spam.network);
}

static guint
needs_of_modules(const struct runtime *runtime)
{
    guint needs = 0;

    for (guint i = 0; milter_modules[i] != NULL; i++)
        if ((runtime->selected & 1u << i) != 0)
            needs |= milter_modules[i]->needs(runtime->config);
    return needs;
}

static gboolean
open_modules(struct runtime *runtime, GError **error)
{
    for (guint i = 0; milter_modules[i] != NULL; i++) {
        const struct milter_module *module = milter_modules[i];
        GError *cause = NULL;

        if ((runtime->selected & 1u << i) == 0)
            continue;
        if (module->open == NULL)
            continue;
        runtime->states[i] = module->open(runtime, &cause);
        if (cause != NULL) {
            g_propagate_prefixed_error(error, cause, "module %s: ", module->name);
            return FALSE;
        }
    }
    return TRUE;
}

struct runtime *
runtime_new(struct config *config, const char *instance, struct spool *spool, GError **error)
{
    struct runtime *runtime;
    guint selected;

    if (!milter_modules_select(config->milter.modules, &selected, error))
        return NULL;
    if (runtime_archives(config) && spool == NULL) {
        g_set_error(error, MILTER_ERROR, 0,
                    "the module archive was off when this process started: restart postern-milter to switch it on");
        return NULL;
    }
    runtime = g_new0(struct runtime, 1);
    g_atomic_ref_count_init(&runtime->refs);
    runtime->config = config_ref(config);
    runtime->instance = g_strdup(instance);
    runtime->selected = selected;
    runtime->spool = spool;
    if (runtime_archives(config))
        runtime->archive = archive_client_new(config->archive.connect, (int)config->archive.timeout);
    runtime->needs = needs_of_modules(runtime);
    open_accounts(runtime);
    if ((needs_dns(runtime) && !open_dns(runtime, error)) ||
        (needs_scanner(runtime) && !open_scanner(runtime, error)) || !open_modules(runtime, error)) {
        runtime_unref(runtime);
        return NULL;
    }
    return runtime;
}

void
runtime_begin(const struct runtime *runtime, struct transaction *tx)
{
    for (guint i = 0; milter_modules[i] != NULL; i++)
        if ((runtime->selected & 1u << i) != 0 && milter_modules[i]->begin != NULL)
            milter_modules[i]->begin(runtime->states[i], tx);
}

struct runtime *
runtime_ref(struct runtime *runtime)
{
    g_atomic_ref_count_inc(&runtime->refs);
    return runtime;
}

void
runtime_unref(struct runtime *runtime)
{
    if (runtime == NULL || !g_atomic_ref_count_dec(&runtime->refs))
        return;
    for (guint i = 0; milter_modules[i] != NULL; i++)
        if (runtime->states[i] != NULL && milter_modules[i]->close != NULL)
            milter_modules[i]->close(runtime->states[i]);
    scanner_unref(runtime->scanner);
    spf_pool_free(&runtime->spf);
    dns_unref(runtime->dns);
    archive_client_free(&runtime->archive);
    expander_free(&runtime->expander);
    accounts_free(&runtime->accounts);
    sql_pool_free(&runtime->sql);
    config_unref(runtime->config);
    g_free((char *)runtime->instance);
    g_free(runtime);
}

struct runtime *
runtime_current(void)
{
    struct runtime *runtime;

    g_mutex_lock(&current_lock);
    runtime = current != NULL ? runtime_ref(current) : NULL;
    g_mutex_unlock(&current_lock);
    return runtime;
}

void
runtime_set_current(struct runtime *runtime)
{
    struct runtime *former;

    g_mutex_lock(&current_lock);
    former = current;
    current = runtime;
    g_mutex_unlock(&current_lock);
    runtime_unref(former);
}
