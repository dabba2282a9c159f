/* evals_uris.c: URIEval and HTTPSMismatch. */
#include "lib/spam/scan/evals_private.h"
#include "lib/spam/eval/uri_eval.h"

static double
http_redirector(const struct eval_call *call)
{
    return uri_eval_http_redirector(message_view_settings(call->context->view)->registry,
                                    message_view_uris_all(call->context->view));
}

static double
https_ip_mismatch(const struct eval_call *call)
{
    gsize count;
    const struct uris_html *links = message_view_links(call->context->view, &count);

    return uri_eval_https_ip_mismatch(links, count);
}

static double
https_http_mismatch(const struct eval_call *call)
{
    gsize count;
    const struct uris_html *links = message_view_links(call->context->view, &count);

    return uri_eval_https_http_mismatch(message_view_settings(call->context->view)->registry, links, count, eval_number(call, 0),
                                        eval_number(call, 1));
}

static double
uri_truncated(const struct eval_call *call)
{
    return message_view_uris(call->context->view)->truncated;
}

const struct eval_entry evals_of_uris[] = {
    {"check_for_http_redirector", http_redirector, NULL, NULL},
    {"check_https_ip_mismatch", https_ip_mismatch, NULL, NULL},
    {"check_https_http_mismatch", https_http_mismatch, NULL, NULL},
    {"check_uri_truncated", uri_truncated, NULL, NULL},
    {NULL, NULL, NULL, NULL},
};
