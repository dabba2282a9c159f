/* access.c: checks of the kind access: a fixed answer for whom the check is about. */
#include "policyd/checks/check.h"

static gpointer
access_make(const struct config_when *config, const struct check_parts *parts)
{
    (void)parts;
    return (gpointer)config;
}

static void
access_free(gpointer own)
{
    (void)own;
}

static enum step
access_run(const struct check *check, struct evaluation *evaluation, gboolean may_block)
{
    const struct config_access *access = check->own;

    (void)may_block;
    check_answer(evaluation, access->action, 0);
    return STEP_ANSWERED;
}

const struct check_kind check_access = {"access", access_make, access_free, access_run};
