/* policy.h: all checks of a configuration, in order. Immutable once made, shared by threads, swapped whole by a reload. */
#pragma once
#include "policyd/checks/check.h"

struct policy {
    gint refs;
    struct config *config;
    struct check_parts parts; /* borrowed */
    GPtrArray *checks; /* struct check * */
    gboolean learns;   /* some check wants to know whom our users write to */
};
/* config: a reference is taken. */
struct policy *policy_new(struct config *config, const struct check_parts *parts);
struct policy *policy_ref(struct policy *policy);
void policy_unref(struct policy *policy); /* NULL-safe */
