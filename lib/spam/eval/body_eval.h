/* body_eval.h: eval functions on a message's texts: Plugin::BodyEval of SpamAssassin. Thread-safe. */
#pragma once
#include "lib/spam/eval/parts.h"

/* How far the HTML and plain parts of multipart/alternative differ. */
struct body_difference {
    double percent;    /* of the HTML's words that the plain text lacks; the most of any multipart/alternative */
    guint html, plain; /* different words, of the last one that has HTML words */
};

struct body_difference body_eval_difference(struct eval_parts parts);

/* multipart_alternative_difference(min, max); max is INFINITY for "undef". */
gboolean body_eval_differs(const struct body_difference *difference, double min, double max);

/* multipart_alternative_difference_count(ratio, min_html) */
gboolean body_eval_differs_in_count(const struct body_difference *difference, double ratio, double min_html);

/* check_blank_line_ratio: per cent of the lines of the decoded (rawbody) texts that are blank, -1 below min_lines (at least 1;
 * NAN is 1). */
double body_eval_blank_lines(const struct perl_text *texts, gsize count, double min_lines);
gboolean body_eval_blank_lines_within(double percent, double min, double max);

/* tvd_vertical_words: spaces in per cent of other bytes, the most of any of the body's texts with more than 5 bytes; -1 with
 * none. */
int body_eval_vertical_words(const struct perl_text *texts, gsize count);
gboolean body_eval_vertical_words_within(int percent, double min, double max);

/* check_stock_info: how many different headings of stock tips the first text/plain part has. */
guint body_eval_stock_info(struct eval_parts parts);

/* plaintext_body_length and others: the first text/plain part, split by its last signature ("-- "). FALSE, with nothing set,
 * where there is none. ratio is 1000000 without signature. */
struct body_signature {
    gsize body, signature; /* bytes */
    double ratio;
};
gboolean body_eval_signature(struct eval_parts parts, struct body_signature *signature_r);
