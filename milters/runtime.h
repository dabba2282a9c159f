/* runtime.h: all that one loaded configuration stands for: modules with their state, the accounts database,
 * the way to the archive. A reload makes a new one beside the old; sessions keep the one they began with.
 * Reference counted, thread-safe; never changes once made. */
#pragma once
#include "lib/base/dns.h"
#include "lib/mail/archive_client.h"
#include "lib/mail/auth/spf_task.h"
#include "milters/expand.h"
#include "milters/module.h"
#include "milters/spam_rules.h"
#include "milters/spool.h"

struct runtime {
    gatomicrefcount refs;
    struct config *config;
    const char *instance;
    guint selected;                     /* bits: which of milter_modules run */
    guint needs;                        /* union of their needs */
    gpointer states[MILTER_MODULES_MAX];
    struct sql_pool *sql;               /* NULL when accounts.driver = none */
    struct accounts *accounts;
    struct expander *expander;
    struct dns *dns;                    /* NULL when no module needs it */
    struct spf_pool *spf;               /* for rules on SPF, besides the module auth's own; NULL without dns */
    struct scanner *scanner;            /* NULL when neither a module nor a client of spamd's protocol needs it */
    struct archive_client *archive;     /* NULL without the archive module */
    struct spool *spool;                /* of the process, borrowed; NULL without the archive module */
};

/* Takes a reference on config. instance (copied) and spool (borrowed) are the process's own and stay over
 * reloads. NULL and error (for the admin) when the configuration can't work. */
struct runtime *runtime_new(struct config *config, const char *instance, struct spool *spool, GError **error);
/* The name of this process: override (may be NULL) or the setting. */
const char *runtime_instance_name(const struct config *config, const char *override);
/* TRUE when the archive module is switched on, so that a spool is needed. */
gboolean runtime_archives(const struct config *config);
struct runtime *runtime_ref(struct runtime *runtime);
void runtime_unref(struct runtime *runtime);

/* Tells the modules that a transaction has begun. */
void runtime_begin(const struct runtime *runtime, struct transaction *tx);

/* The runtime that new sessions begin with. _set takes the reference over and drops the former one. */
struct runtime *runtime_current(void); /* with a reference of its own; NULL before the first _set */
void runtime_set_current(struct runtime *runtime);
