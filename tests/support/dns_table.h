/* dns_table.h: a source of DNS answers from a table, for tests of what asks the DNS.
 *
 * Names that were never added are NXDOMAIN; a name with records of other types only is "no data". Follows CNAMEs as a
 * resolver does (8 at most). Everything is completed at once, on the asker's thread. */
#pragma once
#include "lib/base/dns.h"

struct dns_table;
struct dns_table *dns_table_new(void);
/* The resolver over it; the table is freed with the resolver's last reference. */
struct dns *dns_table_dns(struct dns_table *table);

/* Adds a record. A, AAAA: the address as text; MX: the host, with preference; others: text (TXT: length -1 = its strlen). */
void dns_table_add(struct dns_table *table, const char *name, enum dns_type type, guint16 preference, const char *data,
                   gssize length);
void dns_table_cname(struct dns_table *table, const char *name, const char *target);
/* Questions for that name and type (0 = all types) fail, as by SERVFAIL. */
void dns_table_fail(struct dns_table *table, const char *name, guint type);
/* Questions for that name are never answered until the resolver is closed. */
void dns_table_silence(struct dns_table *table, const char *name);
/* Questions asked so far. */
guint dns_table_asked(struct dns_table *table);
