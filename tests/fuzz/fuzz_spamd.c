/* fuzz_spamd.c: any bytes as a request of spamd's protocol, in pieces of a size that the first byte tells; and the reply to it. */
#include "lib/spam/spamd/reply.h"
#include <string.h>

#define MAX_SIZE 20000

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static void
check_reply(const struct spamd_request *request)
{
    struct spamd_verdict verdict = {.is_spam = request->message->len % 2 == 0, .score = g_strdup("1.0"), .required = g_strdup("5.0"),
                                    .text = g_string_new_len(request->message->str, (gssize)request->message->len)};
    g_autoptr(GString) reply = g_string_new(NULL);

    spamd_reply(reply, request, &verdict);
    if (reply->len > 0 && !g_str_has_prefix(reply->str, "SPAMD/1."))
        g_error("odd reply %s", reply->str);
    spamd_verdict_clear(&verdict);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    struct spamd_reader *reader = spamd_reader_new(MAX_SIZE);
    gsize step = size > 0 && data[0] > 0 ? data[0] : 1;
    enum spamd_state state = SPAMD_MORE;

    for (gsize at = 1; at < size && state == SPAMD_MORE; at += step) {
        g_autofree char *piece = g_memdup2(data + at, MIN(step, size - at));
        state = spamd_reader_feed(reader, piece, MIN(step, size - at));
    }
    if (state == SPAMD_MORE)
        state = spamd_reader_end(reader);
    const struct spamd_request *request = spamd_reader_request(reader);
    if (state == SPAMD_MORE || (state == SPAMD_REFUSED) != (spamd_reader_refusal(reader) != NULL))
        g_error("neither ready nor refused");
    if (state == SPAMD_READY && (request->message->len > MAX_SIZE || (gsize)request->method >= SPAMD_METHODS))
        g_error("%" G_GSIZE_FORMAT " bytes are too many", request->message->len);
    if (state == SPAMD_READY)
        check_reply(request);
    else if (!g_str_has_prefix(spamd_reader_refusal(reader)->str, "SPAMD/1.0 "))
        g_error("odd refusal");
    spamd_reader_free(&reader);
    return 0;
}
