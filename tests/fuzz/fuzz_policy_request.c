/* fuzz_policy_request.c: any bytes as a request of Postfix' policy protocol; its values are asked for, and answers written of them. */
#include "lib/mail/policy_action.h"
#include "policyd/protocol/request.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    g_autofree char *problem = NULL, *copy = g_memdup2(data, size);
    struct policy_request *request = policy_request_parse(copy, size, &problem);
    g_autoptr(GString) out = g_string_new(NULL);
    guint8 identity[16];

    if ((request == NULL) != (problem != NULL))
        g_error("neither a request nor a problem");
    for (guint i = 0; request != NULL && i < POLICY_ATTRIBUTES; i++) {
        if (strchr(request->values[i], '\n') != NULL)
            g_error("a line end in %s", policy_attribute_name((enum policy_attribute)i));
        if (policy_request_number(request, (enum policy_attribute)i) < 0)
            g_error("a number below 0");
        g_string_truncate(out, 0);
        policy_action_write(out, request->values[i]);
        if (strstr(out->str, "\n\n") != out->str + out->len - 2 || strchr(out->str, '\n') != out->str + out->len - 2)
            g_error("an answer of more than one line");
        policy_action_check(request->values[i], NULL);
    }
    if (request != NULL && policy_request_identity(request, identity) != policy_request_message(request, identity))
        g_error("a message without identity");
    policy_request_free(request);
    return 0;
}
