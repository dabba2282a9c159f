/* fuzz_header_eval.c: any bytes as header fields, "name: value" a line, for all eval functions of header
 * rules. */
#include "lib/spam/eval/header_eval.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static const char *const names[] = {"check_equal_from_domains",
                                    "check_for_fake_aol_relay_in_rcvd",
                                    "check_for_faraway_charset_in_headers",
                                    "check_for_forged_eudoramail_received_headers",
                                    "check_for_forged_gmail_received_headers",
                                    "check_for_forged_gw05_received_headers",
                                    "check_for_forged_hotmail_received_headers",
                                    "check_for_forged_juno_received_headers",
                                    "check_for_forged_received_ip_helo",
                                    "check_for_forged_received_trail",
                                    "check_for_forged_yahoo_received_headers",
                                    "check_for_from_domain_in_received_headers",
                                    "check_for_matching_env_and_hdr_from",
                                    "check_for_missing_to_header",
                                    "check_for_msn_groups_headers",
                                    "check_for_no_hotmail_received_headers",
                                    "check_for_no_rdns_dotcom_helo",
                                    "check_for_numeric_helo",
                                    "check_for_shifted_date",
                                    "check_for_to_in_subject",
                                    "check_header_count_range",
                                    "check_illegal_chars",
                                    "check_mailfrom_matches_rcvd",
                                    "check_messageid_not_usable",
                                    "check_outlook_message_id",
                                    "check_ratware_envelope_from",
                                    "check_ratware_name_id",
                                    "check_unresolved_template",
                                    "gated_through_received_hdr_remover",
                                    "helo_ip_mismatch",
                                    "received_within_months",
                                    "similar_recipients",
                                    "sorted_recipients",
                                    "subject_is_all_caps"};

static char *
trim(gpointer context, const char *domain)
{
    (void)context;
    return g_strdup(domain);
}

static gboolean
is_valid(gpointer context, const char *domain)
{
    (void)context;
    return strchr(domain, '.') != NULL;
}

static const GPtrArray *
get(gpointer message, const char *name)
{
    return g_hash_table_lookup(message, name);
}

static GHashTable *
fields_of(const guint8 *data, size_t size)
{
    GHashTable *fields =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    const guint8 *end = data + size;

    for (const guint8 *line = data, *next; line < end; line = next + 1) {
        const guint8 *colon;
        GPtrArray *values;

        next = memchr(line, '\n', (gsize)(end - line));
        next = next != NULL ? next : end;
        colon = g_strstr_len((const char *)line, next - line, ": ") != NULL
                    ? (const guint8 *)g_strstr_len((const char *)line, next - line, ": ")
                    : NULL;
        if (colon == NULL)
            continue;
        g_autofree char *name = g_strndup((const char *)line, (gsize)(colon - line));
        values = g_hash_table_lookup(fields, name);
        if (values == NULL) {
            values = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
            g_hash_table_insert(fields, g_strdup(name), values);
        }
        g_ptr_array_add(values, g_bytes_new(colon + 2, (gsize)(next - colon) - 2));
    }
    return fields;
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    static const char *const args[] = {"user", "0", "1", NULL}, *const locales[] = {"ja", NULL};
    g_autoptr(GHashTable) fields = fields_of(data, size);
    struct spam_headers headers = {.get = get, .message = fields};
    struct spam_domains domains = {trim, is_valid, NULL};
    struct relays_options settings = {0};
    struct spam_relays *relays = relays_parse(g_hash_table_lookup(fields, "Received"), NULL, &settings);
    struct header_eval_options options = {&headers, relays, &domains, locales, 1500000000};
    struct header_eval *eval = header_eval_new(&options);

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        header_eval_function function = header_eval_find(names[i]);
        if (function == NULL)
            g_error("no function %s", names[i]);
        if (function(eval, args, 3) != function(eval, args, 3))
            g_error("%s changes its mind", names[i]);
    }
    header_eval_free(eval);
    spam_relays_free(relays);
    return 0;
}
