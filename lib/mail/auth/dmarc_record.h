/* dmarc_record.h: the DMARC policy record (RFC 7489 6.3, 6.4), as text to what it says.
 *
 * The tags of RFC 9989 that old readers skip (np, psd, t) are read too. Tag names are compared with case, as DKIM's tag lists
 * are (RFC 6376 3.2), values without. A tag that occurs twice makes the list invalid (RFC 6376 3.2, whose syntax this is):
 * which of two policies is meant must not depend on the reader. Other errors cost only their tag, which then has its default
 * (RFC 7489 6.3). Thread-safe. */
#pragma once
#include <glib.h>

#define DMARC_RECORD_MAX 4096u /* bytes of one record that are looked at; longer: invalid */
#define DMARC_TAGS_MAX 64u     /* tags of one record; more: invalid */
#define DMARC_URIS_MAX 16u     /* reporting addresses kept of one tag */
#define DMARC_URI_MAX 512u     /* bytes of one reporting URI; longer: invalid */
#define DMARC_INTERVAL 86400u  /* seconds; RFC 7489 6.3, default of ri */

enum dmarc_policy { DMARC_NONE, DMARC_QUARANTINE, DMARC_REJECT };
const char *dmarc_policy_name(enum dmarc_policy policy); /* "none", "quarantine", "reject" */

enum dmarc_failure_options { DMARC_FO_ALL = 1, DMARC_FO_ANY = 2, DMARC_FO_DKIM = 4, DMARC_FO_SPF = 8 }; /* fo: 0, 1, d, s */
enum dmarc_psd { DMARC_PSD_UNKNOWN, DMARC_PSD_NO, DMARC_PSD_YES };

struct dmarc_uri {
    char *uri;         /* "mailto:a@b": printable ASCII, as written, without the size limit */
    guint64 max_bytes; /* of a report sent there; 0 = no limit given */
};
struct dmarc_record {
    enum dmarc_policy p, sp, np;  /* sp and np as they apply: sp defaults to p, np to sp */
    gboolean has_sp, has_np;
    gboolean strict_dkim, strict_spf;
    guint pct;                    /* 0 to 100 */
    guint fo;                     /* of dmarc_failure_options */
    guint interval;               /* seconds */
    gboolean testing;             /* t=y */
    enum dmarc_psd psd;
    gboolean is_assumed;          /* no valid policy, but a reporting address: p=none by RFC 7489 6.6.3 step 6 */
    GPtrArray *rua, *ruf;         /* struct dmarc_uri *, may be empty */
};

/* Whether a TXT record is a DMARC record: begins with the tag v=DMARC1 (RFC 7489 6.6.3 step 2 discards all others). */
gboolean dmarc_record_is(const char *text, gsize length);
/* Reads one. NULL when it is invalid; *why_r (never NULL then; static text) says why. Caller frees. */
struct dmarc_record *dmarc_record_parse(const char *text, gsize length, const char **why_r);
void dmarc_record_free(struct dmarc_record **record); /* NULL-safe */
