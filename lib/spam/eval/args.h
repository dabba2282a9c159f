/* args.h: how eval functions compare values with a rule's arguments. An argument that a rule leaves out is NAN. */
#pragma once
#include <glib.h>
#include <math.h>

/* min <= value <= max; max may be left out. */
static inline gboolean
args_within(double value, double min, double max)
{
    return value >= min && (isnan(max) || value <= max);
}

/* min < value <= max */
static inline gboolean
args_above(double value, double min, double max)
{
    return value > min && value <= max;
}
