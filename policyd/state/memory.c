/* memory.c: what all of a state's parts stand on: the options with their defaults, and the empty tables. */
#include "policyd/state/private.h"

#define MARKS_MAX G_GUINT64_CONSTANT(10000000)
#define METERS_MAX G_GUINT64_CONSTANT(1000000)

static void
set_defaults(struct state_options *options)
{
    if (!options->flush_ms)
        options->flush_ms = 500;
    if (!options->pull_ms)
        options->pull_ms = 500;
    if (!options->marks_max)
        options->marks_max = MARKS_MAX;
    if (!options->meters_max)
        options->meters_max = METERS_MAX;
    if (!options->sql.timeout_ms) /* well below the time after which the node's name is free */
        options->sql.timeout_ms = 5000;
    if (!options->sql.retry_ms)
        options->sql.retry_ms = 1000;
    for (guint i = 1; i < MARK_KINDS; i++)
        if (!options->mark_expiry_s[i])
            options->mark_expiry_s[i] = mark_kind_expiry(i);
    for (guint i = 1; i < METER_KINDS; i++)
        if (!options->meter_expiry_s[i])
            options->meter_expiry_s[i] = meter_kind_expiry(i);
}

static void
copy_strings(struct state_options *options)
{
    options->node = g_strdup(options->node);
    options->sql.driver = g_strdup(options->sql.driver);
    options->sql.path = g_strdup(options->sql.path);
    options->sql.host = g_strdup(options->sql.host);
    options->sql.database = g_strdup(options->sql.database);
    options->sql.user = g_strdup(options->sql.user);
    options->sql.password = g_strdup(options->sql.password);
}

static void
free_strings(struct state_options *options)
{
    g_free((char *)options->node);
    g_free((char *)options->sql.driver);
    g_free((char *)options->sql.path);
    g_free((char *)options->sql.host);
    g_free((char *)options->sql.database);
    g_free((char *)options->sql.user);
    g_free((char *)options->sql.password);
}

struct state *
state_new(const struct state_options *options)
{
    struct state *state = g_new0(struct state, 1);
    state->options = *options;
    copy_strings(&state->options);
    set_defaults(&state->options);
    state->marks = marks_table_new(state);
    state->meters = meters_table_new(state);
    state->heard = heard_table_new(state);
    state->facts = facts_new();
    g_mutex_init(&state->turn);
    g_mutex_init(&state->lock);
    g_cond_init(&state->wake);
    g_cond_init(&state->done);
    return state;
}

void
state_free(struct state **state)
{
    if (!state || !*state)
        return;
    shards_free(&(*state)->marks);
    shards_free(&(*state)->meters);
    shards_free(&(*state)->heard);
    facts_free(&(*state)->facts);
    g_mutex_clear(&(*state)->turn);
    g_mutex_clear(&(*state)->lock);
    g_cond_clear(&(*state)->wake);
    g_cond_clear(&(*state)->done);
    g_clear_error(&(*state)->failure);
    g_free((*state)->holder);
    free_strings(&(*state)->options);
    g_free(*state);
    *state = NULL;
}
