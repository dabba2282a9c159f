/* html_eval.h: the questions that rules ask of a message's HTML, as Plugin/HTMLEval.pm answers them.
 *
 * views: struct html_view *, one of each text/html part, in order; each function is TRUE as soon as it is of one part. Arguments
 * are as written in the rule (without quotes), NULL where the rule has fewer; numbers are read as Perl reads them. Pure
 * functions: thread-safe, nothing kept. html_charset_faraway is not here: it asks for what SpamAssassin 4.0.1 keeps where the
 * function does not look, so that it is never true. */
#pragma once
#include "lib/spam/view/html_view.h"

/* Whether a text matches the rule's pattern. */
typedef gboolean (*html_eval_matcher)(struct spam_slice text, gpointer pattern);

/* expression: what stands after a number in Perl, of the signs < > = ! + - and digits only ("> 1", "!= 0"). Perl's precedence;
 * what Perl does not compile is FALSE. */
gboolean html_eval_tag_balance(const GPtrArray *views, const char *tag, const char *expression);
gboolean html_eval_number(const GPtrArray *views, const char *name, const char *expression); /* html_eval */
gboolean html_eval_image_only(const GPtrArray *views, const char *min, const char *max);
gboolean html_eval_image_ratio(const GPtrArray *views, const char *min, const char *max);
gboolean html_eval_tag_exists(const GPtrArray *views, const char *tag);
gboolean html_eval_test(const GPtrArray *views, const char *name);
gboolean html_eval_range(const GPtrArray *views, const char *name, const char *min, const char *max);
gboolean html_eval_text_match(const GPtrArray *views, const char *name, html_eval_matcher matches, gpointer pattern);
gboolean html_eval_text_not_match(const GPtrArray *views, const char *name, html_eval_matcher matches, gpointer pattern);
/* subject_length: of the decoded Subject, in its characters, 0 when there is none. */
gboolean html_eval_title_subject_ratio(const GPtrArray *views, gsize subject_length, const char *ratio);
gboolean html_eval_iframe_src(const GPtrArray *views); /* check_iframe_src */

/* "value expression" as Perl says; for tests. */
gboolean html_eval_expression(double value, const char *expression);
/* A string as a number in Perl: what there is at its beginning, else 0. */
double html_eval_numify(const char *text);
