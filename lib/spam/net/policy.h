/* policy.h: how long a question is waited for; for questions.c. */
#pragma once
#include "lib/spam/net/questions.h"

/* rbl_timeout and rbl_timeout_min, of the name's zone where they are said for one; in seconds. */
void policy_timeouts(const struct net_policy *policy, const char *name, double *timeout_r, double *least_r);
