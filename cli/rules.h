/* rules.h: what the files of `postern rules` share. */
#pragma once
#include <glib.h>
#include "lib/spam/rules/ruleset.h"

extern char *cli_rules_default, *cli_rules_site;
extern gboolean cli_rules_local;

/* Which rules are read; for the tables of options. */
#define RULES_OPTIONS                                                                                                               \
    {"rules", 'r', 0, G_OPTION_ARG_FILENAME, &cli_rules_default, "The default rules: a directory or a file", "PATH"},                \
    {"site", 's', 0, G_OPTION_ARG_FILENAME, &cli_rules_site, "The site's files: a directory or a file", "PATH"},                     \
    {"local", 'l', 0, G_OPTION_ARG_NONE, &cli_rules_local, "As with network tests off", NULL}

/* Reads the rules, and the files in more (NULL-terminated, or NULL) after them; NULL when that fails, which is told. */
struct spam_ruleset *cli_rules_load(const char *const *more, gboolean lint);

#define RULES_CACHE "/var/cache/postern" /* as spam.cache */

int cli_rules_compile(int argc, char **argv, const char *config_path); /* rules_compile.c */
int cli_rules_test(int argc, char **argv, const char *config_path); /* rules_test.c */
