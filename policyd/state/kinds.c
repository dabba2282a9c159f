/* kinds.c: the table of what marks, meters and facts are about. See kinds.h. */
#include "policyd/state/kinds.h"

#define DAYS 86400u

struct kind {
    const char *name; /* at most 24 of a-z and _ */
    guint32 expiry_s;
};

static const struct kind marks[MARK_KINDS] = {
    [MARK_GREYLIST] = {"greylist", 2 * DAYS},
    [MARK_ORIGIN] = {"origin", 60 * DAYS},
    [MARK_CORRESPONDENT] = {"correspondent", 365 * DAYS},
    [MARK_NETWORK] = {"network", 60 * DAYS},
    [MARK_WARNED] = {"warned", 2 * DAYS},
    [MARK_REPORT] = {"report", 2 * DAYS},
};

static const struct kind meters[METER_KINDS] = {
    [METER_RATE_MESSAGES] = {"rate_messages", 2 * DAYS},
    [METER_RATE_RECIPIENTS] = {"rate_recipients", 2 * DAYS},
    [METER_SIGNIN_USER] = {"signin_user", 2 * DAYS},
    [METER_SIGNIN_NETWORK] = {"signin_network", 2 * DAYS},
    [METER_SIGNIN_PAIR] = {"signin_pair", 1 * DAYS},
    [METER_SIGNAL] = {"signal", 2 * DAYS},
    [METER_SCORE] = {"score", 2 * DAYS},
    [METER_SENT] = {"sent", 2 * DAYS},
};

/* Facts end when they say so. */
static const struct kind facts[FACT_KINDS] = {
    [FACT_SUSPENSION] = {"suspension", 0}, [FACT_HOLD] = {"hold", 0}, [FACT_SLOW] = {"slow", 0},
    [FACT_ALLOW] = {"allow", 0},           [FACT_OPTOUT] = {"optout", 0}, [FACT_BAN] = {"ban", 0},
    [FACT_QUOTA] = {"quota", 0},
};

static guint
kind_find(const struct kind *kinds, guint n, const char *name)
{
    for (guint i = 1; i < n; i++)
        if (g_strcmp0(kinds[i].name, name) == 0)
            return i;
    return 0;
}

const char *
mark_kind_name(enum mark_kind kind)
{
    return (guint)kind < MARK_KINDS ? marks[kind].name : NULL;
}

const char *
meter_kind_name(enum meter_kind kind)
{
    return (guint)kind < METER_KINDS ? meters[kind].name : NULL;
}

const char *
fact_kind_name(enum fact_kind kind)
{
    return (guint)kind < FACT_KINDS ? facts[kind].name : NULL;
}

enum mark_kind
mark_kind_find(const char *name)
{
    return (enum mark_kind)kind_find(marks, MARK_KINDS, name);
}

enum meter_kind
meter_kind_find(const char *name)
{
    return (enum meter_kind)kind_find(meters, METER_KINDS, name);
}

enum fact_kind
fact_kind_find(const char *name)
{
    return (enum fact_kind)kind_find(facts, FACT_KINDS, name);
}

guint32
mark_kind_expiry(enum mark_kind kind)
{
    return (guint)kind < MARK_KINDS ? marks[kind].expiry_s : 0;
}

guint32
meter_kind_expiry(enum meter_kind kind)
{
    return (guint)kind < METER_KINDS ? meters[kind].expiry_s : 0;
}
