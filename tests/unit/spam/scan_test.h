/* scan_test.h: a rule in a configuration of its own, scanned in a message. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "lib/spam/scan/scanner.h"

#define SCAN_TEST_BASE                                                                                                        \
    "util_rb_tld com org net de uk cn fr\nutil_rb_2tld co.uk\n"                                                               \
    "loadplugin Mail::SpamAssassin::Plugin::Check\nloadplugin Mail::SpamAssassin::Plugin::WLBLEval\n"                         \
    "loadplugin Mail::SpamAssassin::Plugin::WelcomeListSubject\nloadplugin Mail::SpamAssassin::Plugin::FreeMail\n"            \
    "loadplugin Mail::SpamAssassin::Plugin::VBounce\nloadplugin Mail::SpamAssassin::Plugin::MIMEHeader\n"                     \
    "loadplugin Mail::SpamAssassin::Plugin::URIDetail\nloadplugin Mail::SpamAssassin::Plugin::AntiVirus\n"                    \
    "loadplugin Mail::SpamAssassin::Plugin::FromNameSpoof\nloadplugin Mail::SpamAssassin::Plugin::Phishing\n"                 \
    "loadplugin Mail::SpamAssassin::Plugin::PDFInfo\nloadplugin Mail::SpamAssassin::Plugin::ImageInfo\n"

/* The value of the rule X of the configuration in the message; 0: it doesn't hit. */
static inline double
scanned(const char *configuration, const char *message)
{
    static const struct rules_options options = {.local_tests_only = TRUE};
    g_autofree char *text = g_strconcat(SCAN_TEST_BASE, configuration, "\n", NULL);
    struct spam_ruleset *set = rules_load_text(&options, "test.cf", text, strlen(text));
    const struct spam_rule *rule = rules_find(set, "X");
    g_autoptr(GError) error = NULL;
    struct scanner *scanner;
    struct scan_result result;
    double value;

    assert_non_null(rule);
    assert_true(rule->function_known || rule->function == NULL);
    scanner = scanner_of(set, SCANNER_COMPILED, NULL, &error);
    assert_non_null(scanner);
    scanner_scan(scanner, &(struct scan_request){.message = message, .length = strlen(message)}, &result);
    value = result.engine.values[rule->index];
    scan_result_clear(&result);
    scanner_unref(scanner);
    return value;
}
