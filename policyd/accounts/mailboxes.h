/* mailboxes.h: which mailboxes a recipient stands for, what they may hold and what they do hold (PostfixAdmin's mailbox.quota and
 * quota2), and writing down what they hold. */
#pragma once
#include "policyd/accounts/policy_accounts.h"

/* By accounts_expand (lib/mail/accounts.h). YES: *mailboxes_r set (NULL-terminated, sorted, unique; caller frees with
 * g_strfreev). NO: nothing is known of the address, or no accounts database is configured: *mailboxes_r holds the address itself.
 * Else it is NULL. Members may be addresses outside. stale_r may be NULL. */
enum lookup mailboxes_of(struct policy_accounts *accounts, const char *address, gboolean may_block, gint64 now_ms,
                         char ***mailboxes_r, gboolean *stale_r);

struct mailbox_quota {
    gint64 limit;    /* bytes it may hold; 0: as many as it likes */
    gint64 bytes, messages; /* what quota2 says that it holds */
    gboolean counted; /* whether quota2 has a row; else bytes and messages are 0 */
    gboolean stale;
};
/* YES: an active mailbox, *quota_r set; NO: there is none of this name. */
enum lookup mailbox_quota_find(struct policy_accounts *accounts, const char *mailbox, gboolean may_block, gint64 now_ms,
                               struct mailbox_quota *quota_r);

#define MAILBOXES_PAGE 1000u
/* Appends the names of up to MAILBOXES_PAGE active mailboxes after the name after ("" at first), in the database's order and as it has them.
 * YES: it did, and fewer than a page are the last; NO: no accounts database is configured; UNKNOWN: it can't be asked now. Blocks. */
enum lookup mailboxes_page(struct policy_accounts *accounts, const char *after, GPtrArray *names);

struct mailbox_use {
    const char *mailbox;
    gint64 bytes, messages; /* below 0 counts as 0; messages are cut to the column's 31 bits */
};
/* Writes quota2 in one transaction, rows that are missing are made. FALSE and error: nothing was written, except that after
 * SQL_ERROR_AWAY it may have been. PostfixAdmin's column has 100 characters: longer names are left out, with a warning. A database
 * without the pool options.quota is SQL_ERROR_STATEMENT. */
gboolean mailbox_quota_write(struct policy_accounts *accounts, const struct mailbox_use *uses, guint n, GError **error);
