/* fuzz_spam_net.c: a message and the DNS answers that it gets, both any bytes, for one rule of each kind of network rule. The bytes up to the
 * first NUL are the message, the rest are answers: a length and the record, in turn. */
#include <string.h>
#include "lib/base/log.h"
#include "lib/spam/net/auth_eval.h"
#include "lib/spam/net/net.h"
#include "lib/spam/scan/message_view.h"

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static const char rule_lines[] =
    "loadplugin Mail::SpamAssassin::Plugin::DNSEval\nloadplugin Mail::SpamAssassin::Plugin::URIDNSBL\n"
    "loadplugin Mail::SpamAssassin::Plugin::AskDNS\nloadplugin Mail::SpamAssassin::Plugin::HashBL\n"
    "loadplugin Mail::SpamAssassin::Plugin::ASN\nloadplugin Mail::SpamAssassin::Plugin::DKIM\nutil_rb_tld com net test\n"
    "header R1 eval:check_rbl('a', 'bl.test')\nheader R2 eval:check_rbl_txt('b-lastexternal', 'bl.test', 'x')\n"
    "header R3 eval:check_rbl_headers('c', 'bl.test')\nheader R4 eval:check_rbl_from_domain('d', 'bl.test')\n"
    "header R5 eval:check_rbl_ns_from('e', 'bl.test')\nheader R6 eval:check_rbl_rcvd('f', 'bl.test')\n"
    "header R7 eval:check_rbl_accreditor('g', 'bl.test', '127.0.0.2', 'abc')\n"
    "urirhssub U1 bl.test A 2\nbody U1 eval:check_uridnsbl('U1')\nuridnsbl U2 bl.test A\nbody U2 eval:check_uridnsbl('U2')\ntflags U2 net a\n"
    "urinsrhsbl U3 bl.test A\nbody U3 eval:check_uridnsbl('U3')\n"
    "askdns A1 _AUTHORDOMAIN_._LASTEXTERNALREVIP_.bl.test A,TXT,AAAA /x/\naskdns A2 _ASN_.bl.test A\naskdns A3 _HEADER(Subject)_.bl.test TXT \"x\"\n"
    "asn_lookup asn.test\nheader N1 eval:check_asn('/1/')\n"
    "header H1 eval:check_hashbl_emails('bl.test', 'sha1', 'ALLFROM/body/ALL')\nheader H2 eval:check_hashbl_emails('bl.test', 'noquote/nouri', 'body')\n"
    "header H3 eval:check_hashbl_uris('bl.test')\nbody H4 eval:check_hashbl_bodyre('bl.test', 'raw', '(\\w+)')\n"
    "header H5 eval:check_hashbl_tag('bl.test', 'raw/trim', 'AUTHORDOMAIN')\nbody H6 eval:check_hashbl_attachments('bl.test')\n"
    "welcomelist_from_dkim *@*.test *.com\n";

static struct spam_ruleset *ruleset;
static struct view_settings *settings;
static struct net_rules *rules;

/* What is left of the answers. */
struct answers {
    const guint8 *at;
    size_t left;
};

static void
ask(gpointer data, const char *name, enum dns_type type, struct dns_lookup *lookup)
{
    struct answers *answers = data;
    struct dns_answer *answer = dns_answer_new(answers->left > 0 ? DNS_FOUND : DNS_NO_NAME);

    (void)name;
    for (guint i = 0; i < 2 && answers->left > 1; i++) {
        size_t length = MIN(answers->at[0], answers->left - 1);
        guint8 lengths[2] = {(guint8)(length / 2), (guint8)(length - length / 2)};
        if (type == DNS_TXT)
            dns_answer_add_strings(answer, answers->at + 1, length, lengths, 2);
        else if (type == DNS_A || type == DNS_AAAA) {
            guint8 address[16] = {127};
            memcpy(address, answers->at + 1, MIN(length, sizeof address));
            dns_answer_add(answer, 0, address, type == DNS_A ? 4 : 16);
        } else {
            g_autofree char *host = g_strndup((const char *)answers->at + 1, length);
            if (dns_name_is_valid(host))
                dns_answer_add(answer, 1, host, strlen(host));
        }
        answers->at += length + 1;
        answers->left -= length + 1;
    }
    if (answer->records->len == 0)
        answer->outcome = DNS_NO_NAME;
    dns_complete(lookup, answer);
}

static void
prepare(void)
{
    const struct rules_options options = {0};
    GPtrArray *warnings;

    log_open("fuzz", LOG_TO_STDERR, LOG_AS_TEXT, LOG_SEV_ERROR);
    ruleset = rules_load_text(&options, "fuzz.cf", rule_lines, strlen(rule_lines));
    settings = view_settings_new(ruleset);
    rules = net_rules_new(ruleset, &warnings);
    g_ptr_array_unref(warnings);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    static const struct dns_source source = {ask, NULL};
    const guint8 *end = size > 0 ? memchr(data, 0, size) : NULL;
    size_t length = end != NULL ? (size_t)(end - data) : size, n_texts;
    struct answers answers = {data + length + (end != NULL), size - length - (end != NULL)};
    const struct auth_signature signature = {.result = AUTH_PASS, .domain = "a.test", .identity = "@a.test", .selector = "s", .key_bits = 2048};
    const struct auth_known known = {.has_dkim = TRUE, .signatures = &signature, .n_signatures = 1};

    if (rules == NULL)
        prepare();
    struct dns *dns = dns_new(&source, &answers);
    struct message_view *view = message_view_new(settings, (const char *)data, length);
    struct auth_eval_options options = {.ruleset = ruleset, .headers = message_view_headers(view), .relays = message_view_relays(view),
                                        .known = &known, .parts = G_MAXUINT, .dns = dns, .deadline_us = G_MAXINT64};
    struct auth_eval *auth = auth_eval_new(&options);
    struct net_message message = {.headers = options.headers, .relays = options.relays, .uris = message_view_uris(view),
                                  .registry = settings->registry, .tree = message_view_tree(view)};
    message.texts = message_view_body_texts(view, &n_texts);
    message.n_texts = n_texts;
    struct net_check *check = net_check_start(rules, 1, &message, dns, g_get_monotonic_time() + G_USEC_PER_SEC);
    net_check_finish(check);
    static const char *const functions[] = {"check_for_spf_pass", "check_for_spf_helo_pass", "check_dkim_adsp", "check_dkim_valid_envelopefrom",
                                            "check_for_dkim_welcomelist_from"};
    for (guint i = 0; i < G_N_ELEMENTS(functions); i++)
        auth_eval_find(functions[i])(auth, (const char *const[]){"*"}, 1);
    net_check_free(&check);
    auth_eval_free(&auth);
    /* The same, with signatures and DMARC of the message itself. */
    options.known = NULL;
    options.message = (const char *)data;
    options.length = length;
    options.now = 1700000000;
    auth = auth_eval_new(&options);
    auth_eval_find("check_dmarc_pass")(auth, NULL, 0);
    auth_eval_find("check_arc_valid")(auth, NULL, 0);
    auth_eval_free(&auth);
    message_view_free(&view);
    dns_unref(dns);
    return 0;
}
