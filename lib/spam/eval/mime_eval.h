/* mime_eval.h: eval functions on a message's MIME structure and its raw parts: Plugin::MIMEEval of SpamAssassin. Thread-safe. */
#pragma once
#include "lib/spam/eval/parts.h"

/* What the rules ask of the parts; names as check_for_mime's arguments, without "mime_". */
struct mime_facts {
    guint base64_count, body_html_count, body_text_count, attachment, ascii_text_illegal;
    gint64 qp_count; /* parts; or, when there are any, encoded bytes that need no encoding, over all parts */
    gsize qp_bytes;
    gboolean base64_encoded_text, bad_iso_charset, faraway_charset, missing_boundary, multipart_alternative, qp_long_line;
    double multipart_ratio, qp_ratio, text_unicode_ratio;
    GString *html_charsets; /* charsets of all parts that have a letter, joined by blanks; NULL where there is none */
};

/* locales: ok_locales of the settings and the process' own locale, ending with NULL; NULL stands for "all". has_open_boundary:
 * whether some boundary has no end (the tree knows). */
void mime_facts_init(struct mime_facts *facts, struct eval_parts parts, const char *const *locales, gboolean has_open_boundary);
void mime_facts_clear(struct mime_facts *facts);

/* check_for_mime(name) */
gboolean mime_eval_has(const struct mime_facts *facts, const char *name);

/* check_for_mime_html and check_for_mime_html_only; content_type: the message's own field, "" where it has none. */
gboolean mime_eval_html(const struct mime_facts *facts, const char *content_type);
gboolean mime_eval_html_only(const struct mime_facts *facts, const char *content_type);

/* check_mime_multipart_ratio: min <= text/html < max */
gboolean mime_eval_multipart_ratio(const struct mime_facts *facts, double min, double max);

/* check_abundant_unicode_ratio: an argument that isn't written as 0.12 never hits. */
gboolean mime_eval_unicode_ratio(const struct mime_facts *facts, const char *ratio);

/* check_qp_ratio */
gboolean mime_eval_qp_ratio(const struct mime_facts *facts, double min);

/* check_for_faraway_charset: the message's own charset is none of the locales', and its body is mostly not ASCII. content_type is
 * NULL where there is no such field. */
gboolean mime_eval_faraway_charset(const char *content_type, const struct perl_text *body, gsize count,
                                   const char *const *locales);

/* check_for_uppercase: capitals in per cent of letters and digits; 0 for short texts and for charsets where letters aren't. */
double mime_eval_uppercase(const struct mime_facts *facts, const char *content_type, const struct perl_text *body, gsize count);

/* check_ma_non_text: multipart/alternative with a part that is no text. */
gboolean mime_eval_alternative_non_text(struct eval_parts parts);

/* check_base64_length: the longest line of base64 parts, with its line break; 0 where there is none. */
gsize mime_eval_base64_length(struct eval_parts parts);
