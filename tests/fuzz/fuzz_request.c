/* fuzz_request.c: JSON bodies of requests to postern-archived; the first byte is the request's type. */
#include <stddef.h>
#include <stdint.h>
#include "archive-store/server/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;

    if (size == 0)
        return 0;
    struct request *request = request_parse(data[0], data + 1, size - 1, &error);
    g_assert((request != NULL) == (error == NULL));
    if (request && request->type == ARCHIVE_SEARCH)
        g_assert(request->limit >= 1 && request->limit <= REQUEST_LIMIT_MAX && request->query);
    request_free(&request);
    return 0;
}
