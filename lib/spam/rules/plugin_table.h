/* plugin_table.h: what SpamAssassin 4.0.1's own plugins bring: features that `if can()` and `if has()` ask for, and eval
 * functions with the type of rule that they belong to. The parity suite spam_rules compares these tables with the original's. */
#pragma once
#include "lib/spam/rules/ruleset.h"

struct rules_plugin {
    const char *name;            /* short: "ASN" for Mail::SpamAssassin::Plugin::ASN */
    const char *const *features; /* NULL-terminated */
    const char *lack;            /* NULL: what it does is done here, too; else what is not, for a warning */
};

struct rules_function {
    const char *name, *plugin;
    enum spam_rule_type type; /* SPAM_RULE_NONE: any */
};

extern const struct rules_plugin rules_plugins[];
extern const gsize rules_n_plugins;
extern const char *const rules_core_features[]; /* of Mail::SpamAssassin::Conf; NULL-terminated */
extern const struct rules_function rules_functions[];
extern const gsize rules_n_functions;
