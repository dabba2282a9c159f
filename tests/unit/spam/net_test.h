/* net_test.h: a message, rules, a DNS of a table, and what the network rules make of them. */
#pragma once
#include "lib/base/log.h"
#include "lib/spam/net/net.h"
#include "lib/spam/scan/message_view.h"
#include "tests/support/dns_table.h"
#include "tests/unit/spam/view_test.h"

#define NET_PLUGINS \
    "loadplugin Mail::SpamAssassin::Plugin::DNSEval\nloadplugin Mail::SpamAssassin::Plugin::URIDNSBL\n" \
    "loadplugin Mail::SpamAssassin::Plugin::AskDNS\nloadplugin Mail::SpamAssassin::Plugin::HashBL\n" \
    "loadplugin Mail::SpamAssassin::Plugin::ASN\nloadplugin Mail::SpamAssassin::Plugin::SPF\n" \
    "loadplugin Mail::SpamAssassin::Plugin::DKIM\nloadplugin Mail::SpamAssassin::Plugin::DMARC\n" \
    "util_rb_tld com net org test\n"
#define NET_MESSAGE \
    "Received: from helo.sender.com (host.sender.com [192.0.2.9]) by mx.ours.test (Postfix) with ESMTP id 1\n" \
    "\t(envelope-from <user@sender.com>); Fri, 1 Jan 2021 00:00:00 +0000\n" \
    "From: A <user@author.com>\nSubject: x\n\n"

struct net_case {
    struct dns_table *table;
    struct dns *dns;
    struct spam_ruleset *ruleset;
    struct view_settings *settings;
    struct net_rules *rules;
    GPtrArray *warnings;
    struct message_view *view;
    struct net_message message;
    struct net_check *check;
};

static inline void
net_case_init(struct net_case *c, const char *rules)
{
    g_autofree char *text = g_strconcat(NET_PLUGINS, rules, NULL);
    const struct rules_options options = {0};

    *c = (struct net_case){.table = dns_table_new()};
    c->dns = dns_table_dns(c->table);
    c->ruleset = rules_load_text(&options, "test.cf", text, strlen(text));
    assert_int_equal(c->ruleset->n_errors, 0);
    c->settings = view_settings_new(c->ruleset);
    c->rules = net_rules_new(c->ruleset, &c->warnings);
}

/* Asks about a message; ends by the deadline. */
static inline void
net_case_start(struct net_case *c, const char *text, gint64 seconds)
{
    gsize n_texts;

    net_check_free(&c->check);
    message_view_free(&c->view);
    c->view = message_view_new(c->settings, text, strlen(text));
    c->message = (struct net_message){.headers = message_view_headers(c->view), .relays = message_view_relays(c->view),
                                      .uris = message_view_uris(c->view), .registry = c->settings->registry,
                                      .tree = message_view_tree(c->view)};
    c->message.texts = message_view_body_texts(c->view, &n_texts);
    c->message.n_texts = n_texts;
    c->check = net_check_start(c->rules, 1, &c->message, c->dns, g_get_monotonic_time() + seconds * G_USEC_PER_SEC);
}

static inline void
append_hit(gpointer data, const struct spam_rule *rule, guint times)
{
    GString *out = data;

    g_string_append_printf(out, times > 1 ? "%s%s*%u" : "%s%s", out->len > 0 ? " " : "", rule->name, times);
}

/* The rules that hit, between blanks; valid until the next call. */
static inline const char *
net_case_hits(struct net_case *c)
{
    static GString *out;

    if (out == NULL)
        out = g_string_new(NULL);
    g_string_truncate(out, 0);
    net_check_finish(c->check);
    net_check_each_hit(c->check, append_hit, out);
    return out->str;
}

static inline const char *
net_case_run(struct net_case *c, const char *text)
{
    net_case_start(c, text, 60);
    return net_case_hits(c);
}

static inline void
net_case_clear(struct net_case *c)
{
    net_check_free(&c->check);
    message_view_free(&c->view);
    net_rules_free(&c->rules);
    g_ptr_array_unref(c->warnings);
    view_settings_free(&c->settings);
    rules_free(&c->ruleset);
    dns_unref(c->dns);
}
