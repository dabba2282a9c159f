/* fuzz_dnsbl.c: any text as DNS lists: what is taken keeps the limits, and never lets a list believe what must not be believed. */
#include "lib/base/dnsbl.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static void
check_list(const struct dnsbl *list)
{
    static const guint32 never[] = {0, 0x01000002, 0x7effffff, 0x80000000, 0xffffffff, 0x7fffff00, 0x7ffffffe, 0x7fffffff};
    const char *zone = dnsbl_zone(list);
    g_autoptr(GArray) codes = g_array_new(FALSE, FALSE, sizeof(guint32));
    const struct dnsbl_answer answer = {.outcome = DNSBL_LISTED, .codes = codes};
    guint believed = 0;

    if (!dns_name_is_valid(zone) || strlen(zone) > DNSBL_ZONE_MAX || !g_str_has_suffix(zone, dnsbl_name(list)))
        g_error("no zone: %s", zone);
    for (guint i = 0; i < G_N_ELEMENTS(never); i++)
        if (dnsbl_believes(list, never[i]))
            g_error("%s believes %x", zone, never[i]);
    for (guint32 code = 0x7f000000; code < 0x7f000100; code++) {
        believed += dnsbl_believes(list, code);
        g_array_append_val(codes, code);
    }
    int weight = dnsbl_weight(list, &answer);
    if (believed > 256 || ABS(weight) > DNSBL_ENTRIES_MAX * DNSBL_WEIGHT_MAX || (believed == 0 && weight != 0))
        g_error("%s: weight %d with %u codes", zone, weight, believed);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) lists = dnsbl_parse(text, &error);

    if ((lists == NULL) != (error != NULL))
        g_error("neither lists nor an error");
    if (lists == NULL) {
        for (const char *p = error->message; *p != '\0'; p++)
            if (g_ascii_iscntrl(*p))
                g_error("a control character in: %s", error->message);
        if (!g_utf8_validate(error->message, -1, NULL))
            g_error("no UTF-8: %s", error->message);
        return 0;
    }
    if (lists->len > DNSBL_LISTS_MAX)
        g_error("%u lists", lists->len);
    for (guint i = 0; i < lists->len; i++)
        check_list(g_ptr_array_index(lists, i));
    return 0;
}
