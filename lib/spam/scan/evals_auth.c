/* evals_auth.c: SPF, DKIM, ARC and DMARC: what auth_eval.h knows by name. Without the network side of a scan none hits. */
#include "lib/spam/scan/evals_private.h"
#include "lib/spam/scan/scan_net.h"

/* A function pointer can't be kept as data. */
struct auth_function {
    auth_eval_function run;
};

static gpointer
prepare(const struct view_settings *settings, const struct spam_rule *rule)
{
    struct auth_function *function = g_new(struct auth_function, 1);

    (void)settings;
    function->run = auth_eval_find(rule->function);
    return function;
}

static double
run(const struct eval_call *call)
{
    static const char *const none[] = {NULL};
    const GPtrArray *arguments = call->rule->arguments;
    const struct auth_function *function = call->prepared;
    guint n = arguments != NULL ? arguments->len : 0;

    if (call->context->net == NULL)
        return 0;
    return function->run(scan_net_auth(call->context->net), n > 0 ? (const char *const *)arguments->pdata : none, n);
}

const struct eval_entry eval_of_auth_function = {NULL, run, prepare, g_free};
