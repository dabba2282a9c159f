/* sql_migrate.c: versioned schemas.
 *
 * Table postern_schema (schema_name, version, title, checksum, applied_ms) has one row per applied step; the
 * checksum is the SHA-256 of the step's text in the dialect used, so that an edited step is noticed. Steps are
 * compiled in from sql/migrations/<schema>/NNN-title.{sqlite,mariadb}.sql.
 *
 * SQLite runs each step and its row in one transaction. MariaDB commits every CREATE and ALTER by itself, so
 * its steps consist of statements that may be repeated (IF NOT EXISTS; sql/embed.py refuses others), and the
 * row is written last. Two programs migrating at once: SQLite's transaction, and a named lock on MariaDB. */
#include "lib/base/sql_private.h"
#include <string.h>

struct applied {
    guint highest;
    const struct sql_migration *steps; /* of one schema, by version */
    guint n_steps;
    int dialect;
    guint changed; /* first version whose checksum differs, or 0 */
};

/* Finds the steps of schema, a run within steps. */
static gboolean
steps_of(const struct sql_migration *steps, guint n_steps, const char *schema, struct applied *applied, GError **error)
{
    for (guint i = 0; i < n_steps; i++) {
        if (strcmp(steps[i].schema, schema) != 0)
            continue;
        if (!applied->steps)
            applied->steps = &steps[i];
        applied->n_steps++;
    }
    if (applied->steps)
        return TRUE;
    g_set_error(error, SQL_ERROR, SQL_ERROR_SCHEMA, "this program has no schema named \"%s\"", schema);
    return FALSE;
}

static gboolean
read_applied(const struct sql_row *row, gpointer data)
{
    struct applied *applied = data;
    gint64 version = sql_row_int(row, 0);
    if (version < 1 || version > G_MAXINT)
        return TRUE;
    applied->highest = MAX(applied->highest, (guint)version);
    if (version <= applied->n_steps && !applied->changed &&
        strcmp(sql_row_text(row, 1, NULL), applied->steps[version - 1].checksum[applied->dialect]) != 0)
        applied->changed = (guint)version;
    return TRUE;
}

static gboolean
read_flag(const struct sql_row *row, gpointer data)
{
    *(gint64 *)data = sql_row_int(row, 0);
    return FALSE;
}

/* Fills applied (highest 0: nothing yet); FALSE also when the database is newer or was changed. */
static gboolean
inspect(struct sql *sql, const char *schema, struct applied *applied, GError **error)
{
    gint64 exists = 0;
    if (!sql_run(sql, "schema_exists", NULL, 0, read_flag, &exists, NULL, error))
        return FALSE;
    if (exists && !sql_run(sql, "schema_versions", (struct sql_value[]){SQL_T(schema)}, 1, read_applied, applied, NULL,
                           error))
        return FALSE;
    if (applied->highest > applied->n_steps) {
        g_set_error(error, SQL_ERROR, SQL_ERROR_SCHEMA,
                    "schema \"%s\" is at version %u, this program knows up to %u: it was migrated by a newer Postern; "
                    "install that version again", schema, applied->highest, applied->n_steps);
        return FALSE;
    }
    if (applied->changed) {
        g_set_error(error, SQL_ERROR, SQL_ERROR_SCHEMA,
                    "schema \"%s\": step %u (\"%s\") was applied with other content than this program's; "
                    "the database was made by a modified Postern", schema, applied->changed,
                    applied->steps[applied->changed - 1].title);
        return FALSE;
    }
    return TRUE;
}

static gboolean
record(struct sql *sql, const struct sql_migration *step, GError **error)
{
    struct sql_value values[] = {SQL_T(step->schema), SQL_I(step->version), SQL_T(step->title),
                                 SQL_T(step->checksum[sql->backend->dialect]), SQL_I(g_get_real_time() / 1000)};
    return sql_run(sql, "schema_record", values, G_N_ELEMENTS(values), NULL, NULL, NULL, error);
}

static gboolean
apply(struct sql *sql, const struct sql_migration *step, GError **error)
{
    for (const char *const *text = step->statements[sql->backend->dialect]; *text; text++) {
        if (!sql_script(sql, *text, error)) {
            g_prefix_error(error, "schema \"%s\" step %u (\"%s\"): ", step->schema, step->version, step->title);
            return FALSE;
        }
    }
    return record(sql, step, error);
}

/* Brings up what is missing; runs under the lock of either engine. */
static gboolean
migrate_locked(struct sql *sql, const char *schema, struct applied *applied, GPtrArray *steps_r, GError **error)
{
    if (!sql_run(sql, "schema_create", NULL, 0, NULL, NULL, NULL, error) || !inspect(sql, schema, applied, error))
        return FALSE;
    for (guint i = applied->highest; i < applied->n_steps; i++) {
        if (sql_is_mariadb(sql)) {
            if (!apply(sql, &applied->steps[i], error))
                return FALSE;
        } else {
            if (!sql_begin(sql, error))
                return FALSE;
            /* Someone else may have applied it between the look and the lock. */
            struct applied now = {.steps = applied->steps, .n_steps = applied->n_steps, .dialect = applied->dialect};
            gboolean good = inspect(sql, schema, &now, error);
            if (good && now.highest > i) {
                sql_rollback(sql);
                continue;
            }
            if (!good || !apply(sql, &applied->steps[i], error)) {
                sql_rollback(sql);
                return FALSE;
            }
            if (!sql_commit(sql, error))
                return FALSE;
        }
        if (steps_r)
            g_ptr_array_add(steps_r, g_strdup(applied->steps[i].title));
    }
    return TRUE;
}

gboolean
sql_migrate_from(struct sql *sql, const struct sql_migration *steps, guint n_steps, const char *schema,
                 GPtrArray *steps_r, GError **error)
{
    struct applied applied = {.dialect = sql->backend->dialect};
    if (!steps_of(steps, n_steps, schema, &applied, error))
        return FALSE;
    if (!sql_is_mariadb(sql))
        return migrate_locked(sql, schema, &applied, steps_r, error);

    /* A CREATE INDEX on a large table takes as long as it takes: a session without time limits. */
    sql_drop(sql);
    sql->patient = TRUE;
    gint64 locked = 0;
    gboolean good = sql_run(sql, "schema_lock", NULL, 0, read_flag, &locked, NULL, error);
    if (good && !locked) {
        g_set_error(error, SQL_ERROR, SQL_ERROR_BUSY, "another program is migrating this database; try again later");
        good = FALSE;
    }
    good = good && migrate_locked(sql, schema, &applied, steps_r, error);
    sql->patient = FALSE;
    sql_drop(sql); /* which also gives the lock back */
    return good;
}

gboolean
sql_check_from(struct sql *sql, const struct sql_migration *steps, guint n_steps, const char *schema, GError **error)
{
    struct applied applied = {.dialect = sql->backend->dialect};
    if (!steps_of(steps, n_steps, schema, &applied, error) || !inspect(sql, schema, &applied, error))
        return FALSE;
    if (applied.highest == applied.n_steps)
        return TRUE;
    if (applied.highest == 0)
        g_set_error(error, SQL_ERROR, SQL_ERROR_SCHEMA, "schema \"%s\" doesn't exist yet; run: postern db init", schema);
    else
        g_set_error(error, SQL_ERROR, SQL_ERROR_SCHEMA,
                    "schema \"%s\" is at version %u, this program needs %u; run: postern db migrate", schema,
                    applied.highest, applied.n_steps);
    return FALSE;
}

gboolean
sql_migrate(struct sql *sql, const char *schema, GPtrArray *steps_r, GError **error)
{
    return sql_migrate_from(sql, sql_migrations, sql_n_migrations, schema, steps_r, error);
}

gboolean
sql_check(struct sql *sql, const char *schema, GError **error)
{
    return sql_check_from(sql, sql_migrations, sql_n_migrations, schema, error);
}
