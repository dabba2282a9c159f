/* address.h: mail addresses: RFC 5322 address lists from headers, RFC 5321 paths from SMTP.
 *
 * Tolerant of what real mail holds (missing quotes, stray commas, encoded words, groups, comments, 8-bit),
 * bounded in count, linear in time. Comparison form: domain lower-cased (IDNA A-label where possible), local
 * part lower-cased (as PostfixAdmin and Dovecot compare). Thread-safe. */
#pragma once
#include <glib.h>

struct address {
    char *name;    /* display name in UTF-8, "" when none */
    char *mailbox; /* local@domain as written, "" for an empty group */
};
void address_free(struct address *address);
/* Appends struct address* to out (an array with address_free); at most max. FALSE when some were left out. */
gboolean address_parse_list(const char *value, gsize length, guint max, GPtrArray *out);
/* The address inside <...> or bare, without source route; "" for <>. NULL when it has control characters or
 * is over 1024 bytes. Caller frees. */
char *address_from_path(const char *path, gsize length);
/* Comparison form; caller frees; never NULL ("" stays ""). */
char *address_normalise(const char *mailbox);
/* Comparison form of a domain: lower case, A-labels (what IDNA refuses stays UTF-8), without dots and white space at the
 * end. Caller frees. */
char *address_normalise_domain(const char *domain);
/* Pointer into mailbox after the last @, or NULL. */
const char *address_domain(const char *mailbox);
/* Length of the local part of length bytes without the extension after one of delimiter's characters (Postfix's
 * recipient_delimiter), or 0 when it has none. As Postfix's split_addr: not at the first character, not for two names of its
 * own, nor for list owners' addresses where the delimiter is "-". */
gsize address_base_length(const char *local, gsize length, const char *delimiter);
