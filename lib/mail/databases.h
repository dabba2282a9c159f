/* databases.h: the SQL databases that the configuration names, as options for sql_open.
 *
 * The strings in *options_r point into the configuration (and *path_r), which must outlive the sql_open or
 * sql_pool_new call that takes them. */
#pragma once
#include "lib/base/sql.h"
#include "lib/mail/config.h"

/* The archive's catalogue: <dir>/catalogue.db or MariaDB. *path_r is for SQLite's file name; caller frees. */
void databases_catalogue(const struct config_archived *config, struct sql_options *options_r, char **path_r);
/* PostfixAdmin's database, read-only. FALSE when none is configured. */
gboolean databases_accounts(const struct config_accounts *config, struct sql_options *options_r);
/* The schema "policy". The file's directory must be there. */
void databases_policy(const struct config_policyd *config, struct sql_options *options_r);
/* The schema "reports". FALSE when none is configured. */
gboolean databases_reports(const struct config_dmarc *config, struct sql_options *options_r);
