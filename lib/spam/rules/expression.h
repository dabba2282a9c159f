/* expression.h: the expressions of `meta` and `if`, as Perl would evaluate them.
 *
 * SpamAssassin cuts the text into tokens, drops what is none, puts the rest together and lets Perl evaluate it. So here: the same
 * tokens, then Perl's precedence and chained comparisons. */
#pragma once
#include "lib/spam/rules/ruleset.h"

enum {
    RULES_TOKENS_MAX = 200000,   /* of one expression: rules_matching(*) over a whole rule set fits */
    RULES_EXPRESSION_DEPTH = 200 /* brackets and unary operators within one another */
};

/* The tokens of text: char *. NULL when there are too many. */
GPtrArray *rules_tokens(const char *text, gsize length);

/* What a token that is a word or a number stands for. */
struct rules_leaf {
    enum spam_meta_op op; /* NUMBER, RULE, LOCAL or TEXT */
    guint rule;
    double number;
};

/* Reads tokens[*at]; goes on to the token after what it took (a call's brackets, too). FALSE: a syntax error. */
typedef gboolean rules_leaf_reader(gpointer data, const GPtrArray *tokens, guint *at, struct rules_leaf *leaf);

/* An array of struct spam_meta_node, or NULL for what Perl can't parse. */
GArray *rules_expression(const GPtrArray *tokens, rules_leaf_reader *reader, gpointer data);
/* A decimal or octal number as Perl's source has it; FALSE if it is none. */
gboolean rules_number_token(const char *token, double *number);

/* Perl's value: as a number, and whether it is true. */
struct rules_value {
    double number;
    gboolean is_true;
};
/* The value of an expression of count nodes; 0 of none. hits: by index of rules; NULL: none. divided (may be NULL): set when something was
 * divided by zero, which Perl dies of; that gives 0. */
struct rules_value rules_evaluate(const struct spam_meta_node *nodes, guint count, const double *hits, gboolean local_tests_only,
                                  gboolean *divided);
/* The same for every node, also for those that Perl would not come by. values_r: as many as there are nodes. */
void rules_evaluate_all(const struct spam_meta_node *nodes, guint count, const double *hits, gboolean local_tests_only,
                        struct rules_value *values_r);
