/* html_expression.c: the little Perl that html_eval and html_tag_balance allow after a value: comparisons, sums, signs.
 *
 * Chains of comparisons hold when each of them does (1 < 2 < 3), as in Perl since 5.32. Shifts are left out: they are two of the
 * allowed signs in a row, but no rule has a use for them. */
#include "lib/spam/eval/html_eval.h"
#include <string.h>

#define DEPTH_MAX 64 /* signs in a row */

struct expression {
    const char *p;
    gboolean bad;
};

static void
skip_blanks(struct expression *e)
{
    while (*e->p == ' ')
        e->p++;
}

/* If the operator is next, and no longer one is: takes it. */
static gboolean
take(struct expression *e, const char *operator, const char *not_before)
{
    gsize n = strlen(operator);

    skip_blanks(e);
    if (strncmp(e->p, operator, n) != 0 || (e->p[n] != '\0' && strchr(not_before, e->p[n]) != NULL))
        return FALSE;
    e->p += n;
    return TRUE;
}

static double
number(struct expression *e)
{
    const char *start = e->p;
    char *end = NULL;
    double value;

    if (*start == '0') { /* octal, as in source code */
        value = (double)g_ascii_strtoull(start, &end, 8);
        e->bad = e->bad || g_ascii_isdigit(*end);
    } else {
        value = g_ascii_isdigit(*start) ? g_ascii_strtod(start, &end) : 0;
        e->bad = e->bad || end == NULL;
    }
    e->p = e->bad ? e->p : end;
    return value;
}

static double
signed_number(struct expression *e)
{
    gboolean negate[DEPTH_MAX], is_not[DEPTH_MAX];
    guint n = 0;
    double value;

    for (skip_blanks(e); *e->p == '-' || *e->p == '+' || *e->p == '!'; e->p++, skip_blanks(e)) {
        if (n == DEPTH_MAX || (*e->p != '!' && e->p[1] == *e->p)) { /* -- and ++ need a variable */
            e->bad = TRUE;
            return 0;
        }
        negate[n] = *e->p == '-';
        is_not[n++] = *e->p == '!';
    }
    value = number(e);
    while (n-- > 0)
        value = is_not[n] ? value == 0 : negate[n] ? -value : value;
    return value;
}

static double
sum_rest(struct expression *e, double value)
{
    while (!e->bad) {
        if (take(e, "+", "+="))
            value += signed_number(e);
        else if (take(e, "-", "-="))
            value -= signed_number(e);
        else
            break;
    }
    return value;
}

static double
sum(struct expression *e)
{
    return sum_rest(e, signed_number(e));
}

static double
relation_rest(struct expression *e, double left)
{
    gboolean holds = TRUE;
    gboolean chained = FALSE;

    left = sum_rest(e, left);
    while (!e->bad) {
        double right;

        if (take(e, "<=", ">="))
            holds = left <= (right = sum(e)) && holds;
        else if (take(e, ">=", "="))
            holds = left >= (right = sum(e)) && holds;
        else if (take(e, "<", "<="))
            holds = left < (right = sum(e)) && holds;
        else if (take(e, ">", ">="))
            holds = left > (right = sum(e)) && holds;
        else
            break;
        left = right;
        chained = TRUE;
    }
    return chained ? holds : left;
}

static double
equality(struct expression *e, double left)
{
    gboolean holds = TRUE;
    gboolean chained = FALSE;

    left = relation_rest(e, left);
    if (take(e, "<=>", "")) {
        double right = relation_rest(e, signed_number(e));

        return left < right ? -1 : left > right;
    }
    while (!e->bad) {
        double right;

        if (take(e, "==", "="))
            holds = left == (right = relation_rest(e, signed_number(e))) && holds;
        else if (take(e, "!=", "="))
            holds = left != (right = relation_rest(e, signed_number(e))) && holds;
        else
            break;
        left = right;
        chained = TRUE;
    }
    return chained ? holds : left;
}

gboolean
html_eval_expression(double value, const char *expression)
{
    struct expression e = {expression, expression == NULL || *expression == '\0'};
    double result;

    if (e.bad)
        return FALSE;
    for (const char *p = expression; *p != '\0'; p++)
        if (!g_ascii_isdigit(*p) && strchr("<>=!-+ ", *p) == NULL)
            return FALSE;
    result = equality(&e, value);
    skip_blanks(&e);
    return !e.bad && *e.p == '\0' && result != 0;
}
