/* spf_record.h: the text of an SPF record (RFC 7208 sections 4.5, 4.6.1, 5, 6, 12), parsed as a whole: an error
 * anywhere in it makes all of it wrong (4.6), whichever term would have matched. */
#pragma once
#include "lib/mail/auth/auth.h"

#define SPF_RECORD_MAX 16384u /* bytes; RFC 7208 3.4 wants 512 octets a DNS answer. More: an error */

enum spf_mechanism { SPF_ALL, SPF_INCLUDE, SPF_A, SPF_MX, SPF_PTR, SPF_IP4, SPF_IP6, SPF_EXISTS };

/* Texts point into the record. */
struct spf_directive {
    enum spf_mechanism mechanism;
    enum auth_result qualifier; /* the result if it matches: pass, fail, softfail, neutral */
    const char *text;           /* without the qualifier */
    gsize length;
    const char *domain;         /* domain-spec; NULL: none was given */
    gsize domain_length;
    guint8 address[16];         /* ip4: 4 octets, ip6: 16 */
    guint prefix4, prefix6;     /* bits that count */
};
struct spf_record {
    char *text;
    GArray *directives;         /* struct spf_directive, in their order */
    const char *redirect, *exp; /* domain-specs; NULL: none was given */
    gsize redirect_length, exp_length;
};

/* 4.5: whether a TXT record is an SPF record at all: "v=spf1" in any case, then a space or the end. */
gboolean spf_record_is_spf(const char *text, gsize length);
/* Parses a record for which spf_record_is_spf holds. NULL on a syntax error, with *why_r (the caller's): one line, ASCII. */
struct spf_record *spf_record_parse(const char *text, gsize length, char **why_r);
void spf_record_free(struct spf_record **record); /* NULL-safe */
/* 5.5, 5.6: whether the first bits of both addresses (of the same length) are the same. */
gboolean spf_address_matches(const guint8 *a, const guint8 *b, guint bits);
