/* tables.h: changes of the tables that people fill (policy_list, policy_limit, policy_sender), each with its lines of the audit.
 *
 * What is written is in the forms of policyd/accounts/policy_keys.h: callers see to it. Each call is all or nothing, and blocks. The
 * cache of policy_accounts.h doesn't hear of it: callers let it forget, unless the call says that nothing was changed. */
#pragma once
#include "policyd/state/state.h"
#include "policyd/tables/limit_text.h"

/* Who does it, and why. */
struct table_hand {
    const char *by, *reason;
    gint64 now_ms;
};

enum table_pairs {
    TABLE_LISTS,  /* owner: a list's name; members: its entries */
    TABLE_SENDERS /* owner: a login; members: what it may also send as */
};
/* same (char *, borrowed from members) gets those that were there already, or weren't there to be removed: they leave no line. */
gboolean table_add(struct state *state, enum table_pairs table, const char *owner, char *const *members, const struct table_hand *hand,
                   GPtrArray *same, GError **error);
gboolean table_remove(struct state *state, enum table_pairs table, const char *owner, char *const *members, const struct table_hand *hand,
                      GPtrArray *same, GError **error);

/* In place of what the subject has in these windows. */
gboolean table_put_limits(struct state *state, const char *subject, const char *meter, const struct limit_text *limits, guint n,
                          const struct table_hand *hand, GError **error);
/* meter "": of all; seconds: of a window that checks have, 0: in all. *n_r: how many there were; none leave no line. */
gboolean table_drop_limits(struct state *state, const char *subject, const char *meter, guint32 seconds, const struct table_hand *hand,
                           gint64 *n_r, GError **error);
