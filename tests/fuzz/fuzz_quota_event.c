/* fuzz_quota_event.c: any bytes as a datagram of postern_quota. */
#include "policyd/quota/event.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    struct quota_event event;
    const char *problem;

    if (quota_event_parse((const char *)data, size, &event, &problem) != (problem == NULL))
        g_error("neither an event nor a problem");
    if (problem == NULL && (event.kind >= QUOTA_KINDS || event.used < 0 || event.limit < 0 || event.messages < 0 || event.messages_limit < 0 ||
                            event.time_ms < 0 || *event.user == '\0' || strpbrk(event.user, "\n\r") != NULL || strpbrk(event.root, "\n\r") != NULL))
        g_error("an event that can't be");
    return 0;
}
