/* dmarc_rua.h: where a domain's aggregate reports go: its rua addresses, and whether those outside of it want
 * them.
 *
 * Only mailto: addresses are used. One whose organisational domain is another one's must say so in the DNS
 * (RFC 7489 7.1: POLICY-DOMAIN._report._dmarc.HOST), else anybody could have reports sent to anybody; it may
 * name another address at the same host there. Thread-safe. */
#pragma once
#include "lib/base/dns.h"
#include "lib/mail/auth/dmarc_record.h"

#define DMARC_RUA_TARGETS_MAX                                                                                \
    16u /* addresses of one policy domain, those that others replace theirs by included */

enum dmarc_rua_state {
    DMARC_RUA_GOOD,
    DMARC_RUA_UNUSABLE, /* no mailto: address, or one that could not be written in a header without quoting */
    DMARC_RUA_UNVERIFIED, /* its domain does not say that it wants reports about this one */
    DMARC_RUA_UNKNOWN     /* the lookup failed: ask again later */
};
struct dmarc_rua {
    enum dmarc_rua_state state;
    char *uri;         /* as in the record: printable ASCII */
    char *address;     /* "local@domain", the domain in A-labels; NULL when UNUSABLE */
    guint64 max_bytes; /* of a mail to it, encoded; 0 = no limit given */
};
/* Sends all lookups for a record's addresses; never blocks. Several searches may be under way: the DNS works
 * on all of them. The record is borrowed until the search is freed. */
struct dmarc_rua_search *dmarc_rua_start(struct dns *dns, const char *policy_domain,
                                         const struct dmarc_record *record);
/* The addresses in the record's order, each once (struct dmarc_rua *, freed with the array). deadline_us as for
 * dns_wait. */
GPtrArray *dmarc_rua_finish(struct dmarc_rua_search *search, gint64 deadline_us);
void dmarc_rua_search_free(struct dmarc_rua_search **search); /* NULL-safe */
/* The address of a mailto: URI (RFC 6068; what follows "?" is not heeded), local part of atext and dots (RFC
 * 5322 3.2.3) and at most 64 octets. NULL when it is none. Caller frees. */
char *dmarc_rua_address(const char *uri);
