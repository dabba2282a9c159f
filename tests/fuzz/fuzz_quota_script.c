/* fuzz_quota_script.c: any bytes as a request of Dovecot's script protocol. */
#include "policyd/quota/script.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    gsize length = quota_script_length((const char *)data, size);
    struct quota_script script;
    const char *problem;

    if (length > size)
        g_error("more than there is");
    if (length == 0)
        return 0;
    if (quota_script_parse((const char *)data, length, &script, &problem) != (problem == NULL))
        g_error("neither a request nor a problem");
    if (problem == NULL && (script.kind >= QUOTA_KINDS || script.percent < 0 || *script.user == '\0' || strchr(script.root, '\n') != NULL))
        g_error("a request that can't be");
    return 0;
}
