/* fuzz_dns_rdata.c: any bytes as a DNS message, read as the answer to a question for a.test, as the seeds have it. The first
 * byte picks the type asked for. */
#include "lib/base/dns_rdata.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    static const enum dns_type types[] = {DNS_A, DNS_NS, DNS_PTR, DNS_MX, DNS_TXT, DNS_AAAA};

    if (size < 1)
        return 0;
    struct dns_answer *answer = dns_rdata_answer(data + 1, size - 1, "a.test", types[data[0] % G_N_ELEMENTS(types)]);
    gsize sum = 0;
    for (guint i = 0; i < answer->records->len; i++) {
        const struct dns_record *record = &g_array_index(answer->records, struct dns_record, i);

        sum += record->length;
        if (record->data[record->length] != 0)
            g_error("no NUL after a record");
        if (data[0] % G_N_ELEMENTS(types) >= 1 && data[0] % G_N_ELEMENTS(types) <= 3 &&
            strcmp((const char *)record->data, ".") != 0 && !dns_name_is_valid((const char *)record->data))
            g_error("a name that can't be asked for");
    }
    if (sum > DNS_ANSWER_MAX || answer->records->len > DNS_RECORDS_MAX)
        g_error("over the caps");
    if ((answer->outcome == DNS_FOUND) != (answer->records->len > 0) ||
        (answer->outcome == DNS_FAILED) != (answer->why != NULL))
        g_error("outcome and content differ");
    dns_answer_free(&answer);
    dns_rdata_signatures(data + 1, size - 1);
    return 0;
}
