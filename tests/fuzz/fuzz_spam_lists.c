/* fuzz_spam_lists.c: any bytes as a message, through the eval functions of plugins that compare it with lists: WLBLEval, FreeMail, VBounce,
 * MIMEHeader, URIDetail, AntiVirus, FromNameSpoof, PDFInfo. */
#include <string.h>
#include "lib/spam/scan/evals.h"

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static const char configuration[] =
    "util_rb_tld com org net de\nutil_rb_2tld co.com\n"
    "loadplugin Mail::SpamAssassin::Plugin::WLBLEval\nloadplugin Mail::SpamAssassin::Plugin::WelcomeListSubject\n"
    "loadplugin Mail::SpamAssassin::Plugin::FreeMail\nloadplugin Mail::SpamAssassin::Plugin::VBounce\n"
    "loadplugin Mail::SpamAssassin::Plugin::MIMEHeader\nloadplugin Mail::SpamAssassin::Plugin::URIDetail\n"
    "loadplugin Mail::SpamAssassin::Plugin::AntiVirus\nloadplugin Mail::SpamAssassin::Plugin::FromNameSpoof\n"
    "loadplugin Mail::SpamAssassin::Plugin::PDFInfo\n"
    "welcomelist_from *a*@*.com b@*\nblocklist_to *?a* x@y.de\nwelcomelist_from_rcvd *@* [1.2.3]\nwelcomelist_from_rcvd *.com a.com\n"
    "welcomelist_allows_relays *b*\nblocklist_uri_host com !a.com org\nblocklist_subject a*b?c\nwelcomelist_bounce_relays mail*.com\n"
    "freemail_domains a.com b.* *.c.?e*\nfreemail_skip_when_over_max 0\nfreemail_skip_bulk_envfrom 0\nfns_add_addrlist (A) *@a.com\n"
    "header A eval:check_from_in_welcomelist()\nheader B eval:check_forged_in_default_welcomelist()\nheader C eval:check_to_in_blocklist()\n"
    "header D eval:check_uri_host_in_blocklist()\nheader E eval:check_subject_in_blocklist()\nbody F eval:check_welcomelist_bounce_relays()\n"
    "header G eval:check_freemail_from('a')\nheader H eval:check_freemail_replyto('reply')\nheader I eval:check_freemail_body()\n"
    "mimeheader J ALL:raw =~ /a.*b/s\ntflags J multiple concat\nmimeheader K Content-Type =~ /x/\nuri_detail L raw =~ /a/ text !~ /b/\n"
    "body M eval:check_microsoft_executable()\nbody N eval:check_suspect_name()\nheader O eval:check_fromname_spoof()\n"
    "body P eval:pdf_match_details('author', '/a/')\nbody Q eval:pdf_image_size_range(1, 1)\nheader R eval:check_freemail_header('To', 'a')\n";

static struct eval_bindings *bindings;
static struct view_settings *settings;
static struct matcher *matcher;

static void
prepare(void)
{
    static const struct rules_options options = {.local_tests_only = TRUE};

    settings = view_settings_new(rules_load_text(&options, "fuzz.cf", configuration, strlen(configuration)));
    bindings = eval_bindings_new(settings);
    matcher = matcher_new();
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    struct eval_context context;
    struct message_view *view;

    if (bindings == NULL)
        prepare();
    view = message_view_new(settings, (const char *)data, size);
    eval_context_init(&context, bindings, view, matcher, 1);
    evals_before_body(&context);
    for (guint i = 0; i < settings->ruleset->rules->len; i++) {
        const struct spam_rule *rule = settings->ruleset->rules->pdata[i];
        double value = evals_run(&context, rule);
        if (value < 0 || (value > 1 && (rule->flags & SPAM_TFLAG_MULTIPLE) == 0))
            g_error("%s has the value %g", rule->name, value);
    }
    eval_context_clear(&context);
    message_view_free(&view);
    return 0;
}
