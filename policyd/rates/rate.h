/* rate.h: what checks of the kind rate count, and in which windows. */
#pragma once
#include "policyd/state/meters.h"

extern const guint32 rate_windows[METER_WINDOWS]; /* seconds */
extern const char *const rate_window_names[METER_WINDOWS];

enum rate_counted { RATE_MESSAGES, RATE_RECIPIENTS, RATE_COUNTED };
extern const char *const rate_counted_names[RATE_COUNTED]; /* also those of policy_limit's meters */
extern const enum meter_kind rate_counted_meters[RATE_COUNTED];
