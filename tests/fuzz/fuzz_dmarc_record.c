/* fuzz_dmarc_record.c: any bytes as a DMARC record. */
#include "lib/mail/auth/dmarc_record.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static void
check_uris(const GPtrArray *uris)
{
    if (uris->len > DMARC_URIS_MAX)
        g_error("too many URIs");
    for (guint i = 0; i < uris->len; i++) {
        const char *uri = ((const struct dmarc_uri *)g_ptr_array_index(uris, i))->uri;

        if (strlen(uri) > DMARC_URI_MAX || strpbrk(uri, " \r\n\t<>\"!,") != NULL || !g_str_is_ascii(uri))
            g_error("no URI: %s", uri);
    }
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    const char *why = NULL;
    struct dmarc_record *record = dmarc_record_parse((const char *)data, size, &why);

    if (record == NULL && why == NULL)
        g_error("refused without a reason");
    if (record != NULL) {
        if (!dmarc_record_is((const char *)data, size) || record->pct > 100 || (record->is_assumed && record->p != DMARC_NONE))
            g_error("not a record");
        check_uris(record->rua);
        check_uris(record->ruf);
    }
    dmarc_record_free(&record);
    return 0;
}
