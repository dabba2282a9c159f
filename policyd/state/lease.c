/* lease.c: see lease.h.
 *
 * The row's holder names a process: the machine's boot, the PID namespace, the PID and when it started, and a number of this state. A
 * process that was killed left its lease behind, and its successor on the same machine must not wait for that to grow stale: where
 * boot and namespace are our own, the process is looked up. */
#include "policyd/state/lease.h"
#include <stdlib.h>
#include <unistd.h>

#define LOOK_AGAIN_US (500 * 1000)

struct lease_row {
    gboolean found;
    gint64 id, renewed, now;
    char holder[200];
};

/* When the process started, in clock ticks since the boot; "" when there is none. */
static char *
start_of(const char *pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%s/stat", pid), *stat = NULL;
    if (!g_file_get_contents(path, &stat, NULL, NULL))
        return g_strdup("");
    const char *after_name = strrchr(stat, ')'); /* the name may hold anything */
    if (!after_name)
        return g_strdup("");
    g_auto(GStrv) fields = g_strsplit(after_name + 1, " ", -1);
    return g_strdup(g_strv_length(fields) > 20 ? fields[20] : "");
}

static char *
place(void)
{
    g_autofree char *boot = NULL, *pids = g_file_read_link("/proc/self/ns/pid", NULL);
    g_file_get_contents("/proc/sys/kernel/random/boot_id", &boot, NULL, NULL);
    return g_strdup_printf("%s/%s", boot ? g_strstrip(boot) : "", pids ? pids : "");
}

static char *
new_holder(void)
{
    g_autofree char *here = place(), *pid = g_strdup_printf("%d", (int)getpid()), *start = start_of(pid);
    return g_strdup_printf("%s/%s/%s/%08x", here, pid, start, g_random_int());
}

/* TRUE only when it is sure. */
static gboolean
holder_is_dead(const char *holder)
{
    g_autofree char *here = place();
    g_auto(GStrv) parts = g_strsplit(holder, "/", -1);
    if (g_strv_length(parts) != 5 || !*parts[0] || !*parts[1])
        return FALSE;
    g_autofree char *there = g_strdup_printf("%s/%s", parts[0], parts[1]);
    if (strcmp(here, there) != 0 || !*parts[2] || strspn(parts[2], "0123456789") != strlen(parts[2]))
        return FALSE;
    g_autofree char *start = start_of(parts[2]);
    return strcmp(start, parts[3]) != 0;
}

static gboolean
take_row(const struct sql_row *row, gpointer data)
{
    struct lease_row *lease = data;
    lease->found = TRUE;
    lease->id = sql_row_int(row, 0);
    g_strlcpy(lease->holder, sql_row_text(row, 1, NULL), sizeof lease->holder);
    lease->renewed = sql_row_int(row, 2);
    lease->now = sql_row_int(row, 3);
    return FALSE;
}

static gboolean
read_lease(struct state *state, struct lease_row *lease, GError **error)
{
    const struct sql_value name = SQL_T(state->options.node);
    *lease = (struct lease_row){0};
    if (!sql_run(state->sql, "policy_node_get", &name, 1, take_row, lease, NULL, error))
        return FALSE;
    if (lease->found)
        return TRUE;
    /* Another process may add it first. */
    g_autoptr(GError) failure = NULL;
    if (!sql_run(state->sql, "policy_node_add", &name, 1, NULL, NULL, NULL, &failure) &&
        !g_error_matches(failure, SQL_ERROR, SQL_ERROR_DUPLICATE)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    return sql_run(state->sql, "policy_node_get", &name, 1, take_row, lease, NULL, error);
}

/* Takes what was read, unless someone was faster. */
static gboolean
take(struct state *state, const struct lease_row *lease, gboolean *taken_r, GError **error)
{
    const struct sql_value values[] = {SQL_T(state->holder), SQL_T(state->options.node), SQL_T(lease->holder),
                                       SQL_I(lease->renewed)};
    gint64 changed = 0;
    if (!sql_run(state->sql, "policy_node_take", values, G_N_ELEMENTS(values), NULL, NULL, &changed, error))
        return FALSE;
    *taken_r = changed == 1;
    if (*taken_r) {
        state->node_id = (guint)lease->id;
        state->leased = TRUE;
        state->renewed_us = g_get_monotonic_time();
    }
    return TRUE;
}

static gboolean
is_free(const struct state *state, const struct lease_row *lease)
{
    return lease->renewed == 0 || lease->now - lease->renewed > LEASE_STALE_MS ||
           strcmp(lease->holder, state->holder) == 0 || holder_is_dead(lease->holder);
}

gboolean
lease_take(struct state *state, gboolean wait, GError **error)
{
    struct lease_row first, lease;
    gboolean taken = FALSE;
    gint64 deadline = g_get_monotonic_time() + (LEASE_STALE_MS + 500) * 1000;
    if (!state->holder)
        state->holder = new_holder();
    if (!read_lease(state, &first, error))
        return FALSE;
    for (lease = first;;) {
        gboolean over = g_get_monotonic_time() > deadline;
        if ((is_free(state, &lease) || over) && (!take(state, &lease, &taken, error) || taken))
            return taken;
        if (!wait || over || lease.renewed != first.renewed)
            break;
        g_usleep(LOOK_AGAIN_US);
        if (!read_lease(state, &lease, error))
            return FALSE;
    }
    g_set_error(error, SQL_ERROR, SQL_ERROR_DUPLICATE, "the node's name \"%s\" is in use by another process (%s)",
                state->options.node, lease.holder);
    return FALSE;
}

gboolean
lease_keep(struct state *state, GError **error)
{
    gint64 now_us = g_get_monotonic_time();
    if (state->leased && now_us - state->renewed_us < LEASE_RENEW_MS * 1000)
        return TRUE;
    if (state->leased) {
        const struct sql_value values[] = {SQL_T(state->options.node), SQL_T(state->holder)};
        gint64 changed = 0;
        if (!sql_run(state->sql, "policy_node_renew", values, G_N_ELEMENTS(values), NULL, NULL, &changed, error))
            return FALSE;
        if (changed == 1) {
            state->renewed_us = now_us;
            return TRUE;
        }
        state->leased = FALSE; /* this process slept, and another took it */
    }
    return lease_take(state, FALSE, error);
}

void
lease_release(struct state *state)
{
    if (!state->leased)
        return;
    const struct sql_value values[] = {SQL_T(state->options.node), SQL_T(state->holder)};
    sql_run(state->sql, "policy_node_release", values, G_N_ELEMENTS(values), NULL, NULL, NULL, NULL);
    state->leased = FALSE;
}
