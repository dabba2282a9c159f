/* postern_quota_plugin.c: what Dovecot looks up in lib30_postern_quota_plugin.so.
 *
 * The order of plugins. Dovecot loads them in the order of their file names, and the quota plugin is lib10: ours must come later, since
 * it uses its functions. Hooks run in the same order, and there a later plugin gets below an earlier one, that is, inside it. But a
 * message that quota refuses never reaches what is inside quota, and we want to see refusals. The order of hooks is taken from
 * module->path alone, so they are registered under a copy of the module with an earlier name, and ours come to be outside. */
#include "dovecot-plugins/compat.h"
#include "dovecot-plugins/quota_hooks.h"
#include "mail-storage-hooks.h"
#include "module-dir.h"

extern PLUGIN_EXPORT const char *postern_quota_plugin_version;
extern PLUGIN_EXPORT const char *postern_quota_plugin_dependencies[];
PLUGIN_EXPORT void postern_quota_plugin_init(struct module *module);
PLUGIN_EXPORT void postern_quota_plugin_deinit(void);

const char *postern_quota_plugin_version = DOVECOT_ABI_VERSION;
const char *postern_quota_plugin_dependencies[] = {"quota", NULL};

static struct module outer;
static char outer_path[] = "lib05_postern_quota_plugin.so";

void
postern_quota_plugin_init(struct module *module)
{
    outer = *module;
    outer.path = outer_path;
    mail_storage_hooks_add(&outer, &pq_hooks);
}

void
postern_quota_plugin_deinit(void)
{
    mail_storage_hooks_remove(&pq_hooks);
}
