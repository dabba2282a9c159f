/* header_eval_private.h: what the eval functions of header rules share. */
#pragma once
#include <string.h>
#include "lib/spam/eval/header_eval.h"
#include "lib/spam/view/line_form.h"

struct header_dates {
    gboolean known;
    gboolean has_date, has_fetched;
    gint64 date, fetched, difference, received;
    GArray *hops; /* gint64, newest first */
};

struct header_recipients {
    gboolean known, sorted;
    double similar;
};

struct header_eval {
    const struct header_eval_options *options;
    GString *received,
        *received_line; /* all values; with white space as single blanks; NULL: not asked yet */
    gboolean hotmail_known, hotmail_forged, hotmail_missing;
    struct header_dates dates;
    struct header_recipients recipients;
};

/* All values of a header in one, or the first one without its newline for "..:addr" and the like; "" when
 * there is none. For the caller to free. */
GString *header_eval_text(const struct header_eval *eval, const char *name);
/* ALL, or ALL:raw. For the caller to unref; never NULL. */
GBytes *header_eval_all(const struct header_eval *eval, gboolean raw);
gboolean header_eval_has(const struct header_eval *eval, const char *name);
const GPtrArray *header_eval_values(const struct header_eval *eval, const char *name); /* never NULL */
const GString *header_eval_received(struct header_eval *eval);                         /* joined */
const GString *header_eval_received_line(struct header_eval *eval);                    /* as one line */
gboolean header_eval_contains(const GString *text, const char *part);
gboolean header_eval_ends_with_word(const GString *text, const char *word); /* "\bword$", any case */
gboolean header_eval_matches(const GString *text, struct line_form_once *form);

#define HEADER_EVAL(name) gboolean name(struct header_eval *e, const char *const *args, guint n_args)
HEADER_EVAL(eval_faraway_charset_in_headers);
HEADER_EVAL(eval_illegal_chars);
HEADER_EVAL(eval_gated_through_received_remover);
HEADER_EVAL(eval_envelope_is_from);
HEADER_EVAL(eval_missing_to);
HEADER_EVAL(eval_subject_is_all_caps);
HEADER_EVAL(eval_to_in_subject);
HEADER_EVAL(eval_outlook_message_id);
HEADER_EVAL(eval_messageid_not_usable);
HEADER_EVAL(eval_header_count_range);
HEADER_EVAL(eval_unresolved_template);
HEADER_EVAL(eval_ratware_name_id);
HEADER_EVAL(eval_ratware_envelope_from);
HEADER_EVAL(eval_unequal_from_domains);
HEADER_EVAL(eval_fake_aol_relay);
HEADER_EVAL(eval_forged_hotmail);
HEADER_EVAL(eval_no_hotmail);
HEADER_EVAL(eval_msn_groups);
HEADER_EVAL(eval_forged_eudoramail);
HEADER_EVAL(eval_forged_yahoo);
HEADER_EVAL(eval_forged_juno);
HEADER_EVAL(eval_forged_gmail);
HEADER_EVAL(eval_forged_gw05);
HEADER_EVAL(eval_shifted_date);
HEADER_EVAL(eval_received_within_months);
HEADER_EVAL(eval_sorted_recipients);
HEADER_EVAL(eval_similar_recipients);
HEADER_EVAL(eval_numeric_helo);
HEADER_EVAL(eval_all_trusted);
HEADER_EVAL(eval_no_relays);
HEADER_EVAL(eval_relays_unparseable);
HEADER_EVAL(eval_sender_no_reverse);
HEADER_EVAL(eval_from_domain_in_received);
HEADER_EVAL(eval_forged_received_trail);
HEADER_EVAL(eval_forged_received_ip_helo);
HEADER_EVAL(eval_helo_ip_mismatch);
HEADER_EVAL(eval_no_rdns_dotcom_helo);
HEADER_EVAL(eval_mailfrom_matches_rcvd);
HEADER_EVAL(eval_never);
