/* arc.h: the Authenticated Received Chain (RFC 8617): whether a message's chain holds, and sealing it further.
 *
 * Start as soon as the message is there: the lookups of all keys go out at once, if the sets are whole. Finish when the
 * answer is needed. A chain is good or bad as a whole; whom to trust of those who sealed it is for others to say. */
#pragma once
#include "lib/mail/auth/dkim_sign.h"
#include "lib/mail/auth/dkim_verify.h"

#define ARC_INSTANCES_MAX 50u          /* RFC 8617 4.2.1 */
#define ARC_PAYLOAD_BYTES_MAX 16384u   /* ours: of one ARC-Authentication-Results that is kept as text */

struct arc_instance {
    guint instance;                  /* i=, from 1 */
    char *domain, *selector;         /* d=, s= of the seal; NULL when they are no names */
    enum auth_result cv;             /* the seal's cv=: NONE, PASS or FAIL */
    enum auth_result seal;           /* PASS, FAIL, TEMPERROR; NONE = not checked */
    enum auth_result signature;      /* likewise, of the message as it is now */
    char *payload;                   /* ARC-Authentication-Results after "i=N;", unfolded, UTF-8, control characters as "?";
                                        at most ARC_PAYLOAD_BYTES_MAX bytes */
    gboolean payload_cut;
};

struct arc_verification;
/* Borrows message, which must outlive it; takes a reference on dns. limits NULL = defaults (signatures is not used). Never
 * NULL. One thread at a time. */
struct arc_verification *arc_verify_start(struct dns *dns, const struct auth_message *message,
                                          const struct dkim_limits *limits);
/* Waits for keys until deadline (g_get_monotonic_time, microseconds), checks, and returns the result: NONE: no chain; PASS;
 * FAIL; TEMPERROR: nothing is known to be wrong, but a key is not known. now_s: seconds since the epoch. When called again
 * returns the same. */
enum auth_result arc_verify_finish(struct arc_verification *verification, gint64 now_s, gint64 deadline_us);
/* After the finish. Why not PASS: one line of ASCII, borrowed; NULL for NONE and PASS. */
const char *arc_verify_why(const struct arc_verification *verification);
/* The sets in order of their instances; 0 when they are not whole. Borrowed. */
guint arc_verify_count(const struct arc_verification *verification);
const struct arc_instance *arc_verify_get(const struct arc_verification *verification, guint n);
/* RFC 8617 5.2: the lowest instance whose message signature and all later ones hold; 0 = all hold. Only for PASS. */
guint arc_verify_oldest_pass(const struct arc_verification *verification);
void arc_verification_free(struct arc_verification **verification); /* NULL-safe; before or after the finish */

/* ---- sealing ---- */

struct arc_seal_options {
    const struct dkim_key *key;      /* borrowed for the call, as all here; RSA, or Ed25519 (few verifiers know that one) */
    const char *domain, *selector;
    const char *payload;             /* of ARC-Authentication-Results, "authserv-id; spf=pass ..": one line, or folds of LF
                                        and white space */
    enum auth_result cv;             /* what arc_verify_finish said of this message as it came: NONE, PASS or FAIL */
    gint64 now_s;                    /* t= */
    const char *const *fields;       /* as of dkim_sign_options; Authentication-Results and ARC-* are always left out */
    const char *const *oversigned;
    gboolean unfolded;               /* no folds within values: for comparison with others' seals */
};
/* The values of the three fields of the next set, folded as dkim_sign does. To be put on top of the header, the seal first,
 * then the signature, then the results. */
struct arc_set {
    guint instance;
    char *seal, *signature, *results;
};
/* FALSE with *error (DKIM_SIGN_ERROR, DKIM_KEY_ERROR); ARC_SEAL_ERROR_CHAIN: no set may be added, as the chain has failed
 * before, is at its end, or is not what cv says. set_r is to be cleared with arc_set_clear. Thread-safe. */
gboolean arc_seal(const struct auth_message *message, const struct arc_seal_options *options, struct arc_set *set_r,
                  GError **error);
void arc_set_clear(struct arc_set *set);
