/* terms.h: the opaque words of the index: addresses, owners, domains and flags.
 *
 * They stand in the column "addr" beside the real words' columns, and (for addresses that came later) in the table
 * "late". Each is \x01, a letter for its kind, and 60 bits of the SHA-256 of kind, NUL and value in base32. No real word begins
 * with a control character. A collision would only list a message too much: rights are checked again before it
 * is opened. Thread-safe. */
#pragma once
#include "archive-store/index/index.h"

#define TERM_ROOM 16
/* Each message has it: what "everything but" is subtracted from. */
#define TERM_ALL "\001*"
#define TERM_HAS_ATTACHMENT "\001a"

struct term {
    char text[TERM_ROOM];
};
enum term_role {
    TERM_FROM = 'f',    /* INDEX_FROM */
    TERM_TO = 't',      /* INDEX_TO and INDEX_RCPT */
    TERM_VISIBLE = 'v', /* INDEX_TO */
};
struct term term_address(enum term_role role, const char *address); /* comparison form */
struct term term_domain(enum term_role role, const char *domain);
struct term term_owner(const char *address);  /* the message belongs to this mailbox */
struct term term_sender(const char *address); /* and was sent by it */
/* Appends to out (of struct term) the terms of these addresses, each once. */
void terms_of_addresses(const struct index_address *addresses, guint n, GArray *out);
