/* policy.h: how long a question is waited for, and the DNS with what the rules forbid: for the others in this folder. */
#pragma once
#include "lib/spam/net/questions.h"

/* rbl_timeout and rbl_timeout_min, of the name's zone where they are said for one; in seconds. */
void policy_timeouts(const struct net_policy *policy, const char *name, double *timeout_r, double *least_r);
/* The DNS without what dns_query_restriction denies: such a question is DNS_FAILED. dns itself where nothing is restricted. The reference is the
 * caller's; it may outlive the ruleset. */
struct dns *policy_restricted_dns(const struct spam_ruleset *ruleset, struct dns *dns);
