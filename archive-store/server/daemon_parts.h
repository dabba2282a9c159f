/* daemon_parts.h: what main.c puts together: opening and closing of the parts, and --init. */
#pragma once
#include "archive-store/server/archived.h"
#include "archive-store/server/expand.h"

/* Strings are borrowed from config. */
void parts_store_options(const struct config *config, struct store_options *options_r);
/* Error that names `postern-archived --init` when there is no archive yet or no master key. */
gboolean parts_check_initialised(const struct config *config, GError **error);
/* A descriptor that holds the archive's lock until it is closed; -1 when another daemon has it. */
int parts_lock(const struct config *config, GError **error);
/* Catalogue and accounts. A database that is away is no error here. */
gboolean parts_open_databases(struct archived *archived, GError **error);
void parts_close_databases(struct archived *archived);
/* --init; the exit status. */
int init_run(const struct config *config);

/* The feed's two places. */
struct sink index_sink(struct archive_index *index, guint batch);
struct sink catalogue_sink(struct catalogue *catalogue, guint batch);
