/* rbl.h: what rbl.c and rbl_senders.c share. */
#pragma once
#include "lib/spam/net/net_private.h"

/* Asks the list for a reversed address or a name. */
void rbl_ask(struct net_check *check, const struct rbl_rule *rbl, const char *subject);
/* An address, or a host name, as the rule's flags will have it. */
void rbl_ask_host(struct net_check *check, const struct rbl_rule *rbl, const char *host);
/* For the kinds RBL_FROM_HOST to RBL_HEADERS but RBL_RECEIVED. */
void rbl_ask_senders(struct net_check *check, const struct rbl_rule *rbl);
/* Whether the sender says that this one vouches for him: "x@a--NAME.example.com", or in a field Accreditor. NULL: nobody. */
gboolean rbl_names_accreditor(const struct net_check *check, const char *accreditor);
