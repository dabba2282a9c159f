/* evals_headers.c: HeaderEval, RelayEval: what header_eval.h knows by name. */
#include "lib/spam/scan/evals_private.h"

/* A function pointer can't be kept as data. */
struct header_function {
    header_eval_function run;
};

static gpointer
prepare(const struct view_settings *settings, const struct spam_rule *rule)
{
    struct header_function *function = g_new(struct header_function, 1);

    (void)settings;
    function->run = header_eval_find(rule->function);
    return function;
}

static double
run(const struct eval_call *call)
{
    static const char *const none[] = {NULL};
    const GPtrArray *arguments = call->rule->arguments;
    const struct header_function *function = call->prepared;
    guint n = arguments != NULL ? arguments->len : 0;

    return function->run(eval_context_header(call->context), n > 0 ? (const char *const *)arguments->pdata : none, n);
}

const struct eval_entry eval_of_header_function = {NULL, run, prepare, g_free};
