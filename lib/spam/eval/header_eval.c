/* header_eval.c: the table of eval functions of header rules, and what they share. */
#include "lib/spam/eval/header_eval_private.h"
#include "lib/spam/eval/header_text.h"
#include "lib/spam/view/bytes.h"

static const struct {
    const char *name;
    header_eval_function function;
} functions[] = {
    {"check_all_trusted", eval_all_trusted},
    {"check_equal_from_domains", eval_unequal_from_domains},
    {"check_for_fake_aol_relay_in_rcvd", eval_fake_aol_relay},
    {"check_for_faraway_charset_in_headers", eval_faraway_charset_in_headers},
    {"check_for_forged_eudoramail_received_headers", eval_forged_eudoramail},
    {"check_for_forged_gmail_received_headers", eval_forged_gmail},
    {"check_for_forged_gw05_received_headers", eval_forged_gw05},
    {"check_for_forged_hotmail_received_headers", eval_forged_hotmail},
    {"check_for_forged_juno_received_headers", eval_forged_juno},
    {"check_for_forged_received_ip_helo", eval_forged_received_ip_helo},
    {"check_for_forged_received_trail", eval_forged_received_trail},
    {"check_for_forged_yahoo_received_headers", eval_forged_yahoo},
    {"check_for_from_domain_in_received_headers", eval_from_domain_in_received},
    {"check_for_illegal_ip", eval_never},
    {"check_for_matching_env_and_hdr_from", eval_envelope_is_from},
    {"check_for_missing_to_header", eval_missing_to},
    {"check_for_msn_groups_headers", eval_msn_groups},
    {"check_for_no_hotmail_received_headers", eval_no_hotmail},
    {"check_for_no_rdns_dotcom_helo", eval_no_rdns_dotcom_helo},
    {"check_for_numeric_helo", eval_numeric_helo},
    {"check_for_sender_no_reverse", eval_sender_no_reverse},
    {"check_for_shifted_date", eval_shifted_date},
    {"check_for_to_in_subject", eval_to_in_subject},
    {"check_for_unique_subject_id", eval_never},
    {"check_header_count_range", eval_header_count_range},
    {"check_illegal_chars", eval_illegal_chars},
    {"check_mailfrom_matches_rcvd", eval_mailfrom_matches_rcvd},
    {"check_messageid_not_usable", eval_messageid_not_usable},
    {"check_no_relays", eval_no_relays},
    {"check_outlook_message_id", eval_outlook_message_id},
    {"check_ratware_envelope_from", eval_ratware_envelope_from},
    {"check_ratware_name_id", eval_ratware_name_id},
    {"check_relays_unparseable", eval_relays_unparseable},
    {"check_unresolved_template", eval_unresolved_template},
    {"gated_through_received_hdr_remover", eval_gated_through_received_remover},
    {"helo_ip_mismatch", eval_helo_ip_mismatch},
    {"received_within_months", eval_received_within_months},
    {"similar_recipients", eval_similar_recipients},
    {"sorted_recipients", eval_sorted_recipients},
    {"subject_is_all_caps", eval_subject_is_all_caps},
};

header_eval_function
header_eval_find(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(functions); i++)
        if (strcmp(functions[i].name, name) == 0)
            return functions[i].function;
    return NULL;
}

struct header_eval *
header_eval_new(const struct header_eval_options *options)
{
    struct header_eval *eval = g_new0(struct header_eval, 1);

    eval->options = options;
    return eval;
}

static void
free_string(GString *string)
{
    if (string != NULL)
        g_string_free(string, TRUE);
}

void
header_eval_free(struct header_eval *eval)
{
    if (eval == NULL)
        return;
    free_string(eval->received);
    free_string(eval->received_line);
    if (eval->dates.hops != NULL)
        g_array_unref(eval->dates.hops);
    g_free(eval);
}

/* A function that SpamAssassin keeps for old rules only. */
HEADER_EVAL(eval_never)
{
    (void)e, (void)args, (void)n_args;
    return FALSE;
}

const GPtrArray *
header_eval_values(const struct header_eval *eval, const char *name)
{
    static GPtrArray *none;
    const struct spam_headers *headers = eval->options->headers;
    const GPtrArray *values = headers->get(headers->message, name);

    if (g_once_init_enter(&none))
        g_once_init_leave(&none, g_ptr_array_new());
    return values != NULL ? values : none;
}

gboolean
header_eval_has(const struct header_eval *eval, const char *name)
{
    return header_eval_values(eval, name)->len > 0;
}

GString *
header_eval_text(const struct header_eval *eval, const char *name)
{
    return header_text(eval->options->headers, name);
}

GBytes *
header_eval_all(const struct header_eval *eval, gboolean raw)
{
    const struct spam_headers *headers = eval->options->headers;
    GBytes *all = headers->all != NULL ? headers->all(headers->message, raw) : NULL;

    if (headers->all == NULL)
        return g_string_free_to_bytes(header_eval_text(eval, raw ? "ALL:raw" : "ALL"));
    return all != NULL ? g_bytes_ref(all) : g_bytes_new_static("", 0);
}

const GString *
header_eval_received(struct header_eval *eval)
{
    if (eval->received == NULL)
        eval->received = header_eval_text(eval, "Received");
    return eval->received;
}

static GString *
as_line(const GString *text)
{
    GString *line = g_string_sized_new(text->len + 1);
    char *to = line->str;

    for (gsize i = 0; i < text->len; i++) {
        char c = text->str[i];

        if (!byte_is_space(c))
            *to++ = c;
        else if (to == line->str || to[-1] != ' ')
            *to++ = ' ';
    }
    *to = '\0';
    line->len = (gsize)(to - line->str);
    return line;
}

const GString *
header_eval_received_line(struct header_eval *eval)
{
    if (eval->received_line == NULL)
        eval->received_line = as_line(header_eval_received(eval));
    return eval->received_line;
}

gboolean
header_eval_contains(const GString *text, const char *part)
{
    return memmem(text->str, text->len, part, strlen(part)) != NULL;
}

gboolean
header_eval_ends_with_word(const GString *text, const char *word)
{
    gsize len = strlen(word), end = text->len - (text->len > 0 && text->str[text->len - 1] == '\n');

    return end >= len && g_ascii_strncasecmp(text->str + end - len, word, len) == 0 &&
           (end == len || (!g_ascii_isalnum(text->str[end - len - 1]) && text->str[end - len - 1] != '_'));
}

gboolean
header_eval_matches(const GString *text, struct line_form_once *form)
{
    return line_form_once_match(form, text->str, text->len, NULL);
}
