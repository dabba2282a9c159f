/* arc_sets.h: the ARC fields of a message put together as sets (RFC 8617 4.2). Internal to arc.c and arc_seal.c. */
#pragma once
#include "lib/mail/auth/arc.h"
#include "lib/mail/auth/dkim_signature.h"

#define ARC_SEAL_FIELD "ARC-Seal"
#define ARC_SIGNATURE_FIELD "ARC-Message-Signature"
#define ARC_RESULTS_FIELD "ARC-Authentication-Results"

struct arc_fields {
    const struct auth_field *results, *signature, *seal;
    struct dkim_parsed *parsed_signature, *parsed_seal; /* why is checked by the verifier; never NULL in a whole set */
    const char *payload; /* of results, after "i=N;" */
    gsize payload_length;
};
struct arc_sets {
    guint count;       /* sets, all whole when why is NULL; else the highest instance that was seen */
    const char *why;   /* not NULL: not a chain; static, ASCII */
    struct arc_fields sets[ARC_INSTANCES_MAX];
};
/* Never NULL. max_bytes: of one tag list. */
struct arc_sets *arc_sets_new(const struct dkim_fields *fields, gsize max_bytes);
void arc_sets_free(struct arc_sets **sets); /* NULL-safe */
/* The cv= of a parsed seal: NONE, PASS, FAIL; PERMERROR = absent or another word. */
enum auth_result arc_cv(const struct dkim_parsed *seal);
/* Appends the canonical fields of the set, the seal last; own: without its b= and final CRLF (RFC 8617 5.1.1). */
void arc_append_set(const struct arc_fields *set, gboolean own, GString *out);
