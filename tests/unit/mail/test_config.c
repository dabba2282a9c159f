/* test_config.c: the tables of postern.conf: sane defaults, documentation for all, and the cross checks. */
#include "lib/mail/config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <string.h>

static void
test_defaults(void **state)
{
    (void)state;
    struct settings_report *report = settings_report_new();
    struct config *config = config_load(NULL, report);
    assert_non_null(config);
    assert_int_equal(report->errors->len + report->warnings->len, 0);
    assert_int_equal(config->log.target, LOG_TO_SYSLOG);
    assert_int_equal(config->log.format, LOG_AS_TEXT);
    assert_int_equal(config->log.least, LOG_SEV_INFO);
    assert_int_equal(config->milter.socket_mode, 0660);
    g_autofree char *modules = g_strjoinv(" ", config->milter.modules);
    assert_string_equal(modules, "auth sign archive envelope");
    assert_false(config->envelope.tag_delivered);
    assert_string_equal(config->archive.connect, config->archived.listen);
    assert_true(config->archive.timeout <= 20000); /* a callback is answered within 20 s */
    assert_int_equal(config->archived.segment_size, 128 << 20);
    struct config *again = config_ref(config);
    config_unref(config);
    assert_string_equal(again->accounts.recipient_delimiter, "+");
    config_unref(again);
    config_unref(NULL);
    settings_report_free(&report);
}

static void
test_every_setting_is_documented(void **state)
{
    (void)state;
    for (const struct settings_section *section = config_sections; section->name; section++) {
        assert_true(section->doc && g_str_has_suffix(section->doc, "."));
        for (const struct setting *s = section->settings; s->name; s++) {
            gboolean number = s->type == SETTING_INT || s->type == SETTING_SIZE || s->type == SETTING_TIME ||
                              s->type == SETTING_MODE;
            if (!s->doc || strlen(s->doc) < 10 || !g_str_has_suffix(s->doc, "."))
                fail_msg("%s.%s has no sentence of documentation", section->name, s->name);
            if (number && s->min == 0 && s->max == 0)
                fail_msg("%s.%s has no bounds", section->name, s->name);
            if (strstr(s->name, "password") && !s->secret)
                fail_msg("%s.%s is not marked secret", section->name, s->name);
        }
    }
}

/* Each text, and what must be among the errors or (W) warnings. */
static const struct {
    const char *text, *expected;
} cases[] = {
    {"accounts { driver = mariadb }", "(default): accounts.database: is empty; driver = mariadb needs it"},
    {"accounts { driver = mariadb\n database = x }", "accounts.user: is empty"},
    {"accounts { driver = sqlite }", "(default): accounts.path: is empty"},
    {"archived { catalogue_driver = mariadb }", "archived.catalogue_user: is empty; catalogue_driver = mariadb"},
    {"milter { modules = {archive, virus} }", "milter.modules: \"virus\" is not known; choose from: auth, spam, sign, archive, envelope"},
    {"dns { mode = forward }", "(default): dns.forwarders: is empty; mode = forward needs it"},
    {"dns { mode = forward\n forwarders = {192.0.2.53, \"192.0.2.53@0\"} }", "2: dns.forwarders: \"192.0.2.53@0\" is no address"},
    {"auth { skip_networks = {\"10.0.0.1/8\"} }", "auth.skip_networks: \"10.0.0.1/8\" is no network"},
    {"auth { forwarders = {x} }", "auth.forwarders: \"x\" is no network"},
    {"auth { arc_trusted = {a..b} }", "auth.arc_trusted: \"a..b\" is no domain name"},
    {"auth { authserv_id = \"a b\" }", "auth.authserv_id: is no domain name"},
    {"auth { junk_header = \"X-Spam\" }", "auth.junk_header: is no header field"},
    {"auth { checks = {dmarc, arc} }", "auth.checks: dmarc rests on spf and dkim"},
    {"sign { networks = {\"::/129\"} }", "sign.networks: \"::/129\" is no network"},
    {"sign { headers = {\"A B\"} }", "sign.headers: \"A B\" is no header field's name"},
    {"sign { oversign = {\"a:\"} }", "sign.oversign: \"a:\" is no header field's name"},
    {"sign { source = opendkim }", "sign.key_table: is empty; source = opendkim needs it"},
    {"sign { source = opendkim\n key_table = /k }", "sign.signing_table: is empty"},
    {"sign { arc = yes }", "sign.arc_domain: is no domain name; arc = yes needs it"},
    {"signin { listen = \"unix:/x\" }", "signin.listen: must be inet:PORT@HOST"},
    {"signin { allow_networks = {\"10.0.0.1/8\"} }", "signin.allow_networks: \"10.0.0.1/8\" is no network"},
    {"signin { network_limit = 0 }", "(default): signin.ban_limit: needs network_limit"},
    {"signin { api_key = \"a b\" }", "signin.api_key: has printable ASCII without spaces only"},
    {"signin { listen = \"inet:9872@127.0.0.1\" }", "signin.listen: inet:9872@127.0.0.1 is policyd.metrics already"},
    {"dmarc { driver = mariadb\n user = u }", "(default): dmarc.database: is empty; driver = mariadb needs it"},
    {"dmarc { driver = mariadb\n database = d }", "(default): dmarc.user: is empty; driver = mariadb needs it"},
    {"dmarc { report = yes }", "(default): dmarc.driver: is none; report = yes needs a database"},
    {"dmarc { driver = sqlite\n report = yes }", "(default): dmarc.organisation: is empty; report = yes needs it"},
    {"dmarc { driver = sqlite\n report = yes }", "(default): dmarc.contact: is empty; report = yes needs it"},
    {"dmarc { driver = sqlite\n report = yes }", "(default): dmarc.from: is empty; report = yes needs it"},
    {"dmarc { from = \"a b@c.test\" }", ":1: dmarc.from: is no plain address"},
    {"dmarc { from = \"a%40x@c.test\" }", ":1: dmarc.from: is no plain address"},
    {"dmarc { contact = \"a@[192.0.2.1]\" }", ":1: dmarc.contact: is no plain address"},
    {"dmarc { smtp = \"fd:3\" }", ":1: dmarc.smtp: must be inet:PORT@HOST or unix:/path"},
    {"dmarc { smtp = \"inet:25@*\" }", ":1: dmarc.smtp: needs the host"},
    {"dmarc { keep = 7d }", "dmarc.keep"},
    {"spam { spamd_listen = {\"127.0.0.1\"} }", "spam.spamd_listen: is no address; write 127.0.0.1:783"},
    {"spam { spamd_listen = {\"127.0.0.1:0\"} }", "spam.spamd_listen: is no address"},
    {"spam { spamd_listen = {\"unix:x\"} }", "spam.spamd_listen: \"unix:x\" needs an absolute path"},
    {"spam { spamd_networks = {x} }", "spam.spamd_networks: \"x\" is no network"},
    {"spam { spamd_networks = {\"0.0.0.0/0\"} }", "W :1: spam.spamd_networks: lets everybody in"},
    {"milter { instance = \"a b\" }", "1: milter.instance: use letters"},
    {"milter { control = \"inet:1@127.0.0.1\" }", "milter.control: must be a unix socket"},
    {"milter { metrics = \"inet:9871@127.0.0.1\" }", "archived.metrics: inet:9871@127.0.0.1 is milter.metrics"},
    {"archive { spool_max = 1M }", "archive.spool_max: is less than milter.max_message"},
    {"archived { max_message = 1M }", "archived.max_message: is less than milter.max_message"},
    {"envelope { header = \"X Y\" }", "envelope.header: a header's name"},
    {"envelope {\n tag_delivered = yes }", "W :2: envelope.tag_delivered: every reader"},
    {"milter { modules = {} }", "W :1: milter.modules: no module is in use"},
    {"milter { modules = {envelope} }", "W :1: milter.modules: archive is not in the list"},
    {"milter { socket_mode = 0666 }", "W :1: milter.socket_mode: every local user"},
    {"milter { listen = \"inet:25@*\" }", "W :1: milter.listen: everyone on the network"},
    {"signin { listen = \"inet:9873@*\" }", "W :1: signin.listen: everyone on the network can ask"},
    {"signin { ban_limit = 10 }", "W :1: signin.ban_limit: is less than network_limit"},
    {"milter { reports = \"inet:1@127.0.0.1\" }", ":1: milter.reports: must be a unix socket"},
    {"policyd { reports = \"inet:1@127.0.0.1\" }", ":1: policyd.reports: must be a unix socket"},
    {"abuse { webhook = \"http://example.org/x\" }", ":1: abuse.webhook: would be readable on the network"},
    {"abuse { webhook = \"ftp://127.0.0.1/x\" }", ":1: abuse.webhook: is no URL"},
    {"doveadm { key = x url = \"http://127.0.0.1.example.org/\" }", ":1: doveadm.url: would be readable"},
    {"abuse { mail_to = \"a b@{domain}\" }", ":1: abuse.mail_to: is no plain address"},
    {"abuse { mail_from = \"a@x.test, b@x.test\" }", ":1: abuse.mail_from: is no plain address"},
    {"abuse { smtp = \"inet:25@*\" }", ":1: abuse.smtp: must be"},
    {"abuse { exempt = {nobody} }", "abuse.exempt: "},
    {"abuse { slow_at = 50 hold_at = 40 }", "abuse.hold_at: is below slow_at"},
    {"abuse { hold_at = 50 suspend_at = 40 }", "abuse.suspend_at: is below"},
    {"abuse { enabled = yes }", "W :1: abuse.enabled: scores are only counted"},
    {"abuse { enabled = yes suspend_at = 9 }", "W :1: abuse.enabled: no check of the kind account"},
    {"archived { master_key = /var/lib/postern/archive/key }", "W :1: archived.master_key: the key lies"},
    {"quota { listen = \"inet:25@localhost\" }", ":1: quota.listen: must be a unix socket"},
    {"quota { script = \"systemd:x\" }", ":1: quota.script: must be a unix socket"},
    {"quota { script = \"unix:/run/postern/quota.sock\" }", ":1: quota.script: unix:/run/postern/quota.sock is quota.listen already"},
    {"quota { levels = {95, 80} }", ":1: quota.levels: \"80\": levels are whole numbers of percent from 1 to 150"},
    {"quota { levels = {\"80%\"} }", ":1: quota.levels: \"80%\": levels are"},
    {"quota { levels = {151} }", ":1: quota.levels: \"151\": levels are"},
    {"quota { language = \"../x\" }", ":1: quota.language: \"../x\" is no name of a language"},
    {"quota { languages = {\"example.tw\"} }", ":1: quota.languages: \"example.tw\" is not DOMAIN=LANGUAGE"},
    {"quota { languages = {\"example.tw=../..\"} }", ":1: quota.languages: \"example.tw=../..\" is not"},
    {"quota { from = \"P <p@example.org>\" }", ":1: quota.from: \"P <p@example.org>\" is no plain address"},
    {"doveadm { url = \"http://127.0.0.1:8080\" }", "(default): doveadm.key: is empty"},
    {"doveadm { url = \"fd:3\"\n key = x }", ":1: doveadm.url: is no URL"},
    {"doveadm { url = \"unix:s\"\n key = x }", ":1: doveadm.url: \"unix:s\" needs an absolute path"},
    {"doveadm { url = \"unix:/run/dovecot/\"\n key = x }", ":1: doveadm.url: \"unix:/run/dovecot/\" needs an absolute path"},
    {"doveadm { url = \"unix:/run/a-folder-whose-name-goes-on/and-on/and-on/and-on/and-on/and-on/and-on/and-on/and-on/and-on/and-on/and-on/http\"\n key = x }",
     "is longer than the 107 bytes of a socket path"},
    {"quota { lmtp = \"fd:3\"\n from = a@b }", ":1: quota.lmtp: must be inet:PORT@HOST or unix:PATH"},
    {"policyd { checks = {f} }\nquota_check f { }", "W (default): quota.uids: is empty and doveadm.url as well"},
    {"quota { quota2 = write }", "(default): accounts.driver: is none; quota.quota2 needs PostfixAdmin's tables"},
    {"quota_check x { states = {DATA} }", ":1: quota_check x.states: DATA: Postfix names no recipient there; use RCPT"},
    {"quota_check x { action = NONSENSE }", "quota_check x.action: "},
    {"policyd { checks = {x} }\nquota_check x { }\naccess x { }", "another check has the title x"},
    {"quota { from = a@b }", "W (default): quota.lmtp: is empty, so no notices are sent"},
    {"quota { from = a@b\n lmtp = \"unix:/x\" }", "W (default): quota.uids: is empty, so every local user"},
    {"quota_check x { }", "W :1: quota_check x.states: the check is not in use"},
    {"rate r {\n messages_per_day = 9\n warn_user = yes }",
     ":3: rate r.warn_user: needs quota.lmtp and quota.from"},
    {"quota { from = a@b }\nrate r { messages_per_day = 9\n warn_user = yes }",
     ":3: rate r.warn_user: needs quota.lmtp and quota.from"},
    {"quota { from = a@b lmtp = \"unix:/x\" }\nrate r { messages_per_day = 9 of = client\n warn_user = yes }",
     ":3: rate r.warn_user: has nobody to write to"},
    {"quota { from = a@b lmtp = \"unix:/x\" }\nrate r { messages_per_day = 9 of = sender\n warn_user = yes }",
     ":3: rate r.warn_user: needs sign_in = yes with of = sender"},
    {"quota { from = a@b lmtp = \"unix:/x\" }\nrate r { messages_per_day = 9 warn_at = 0\n warn_user = yes }",
     ":3: rate r.warn_user: needs a warn_at from 1 to 99"},
    {"quota { from = a@b lmtp = \"unix:/x\" }\nrate r { messages_per_day = 9 warn_at = 100\n warn_user = yes }",
     ":3: rate r.warn_user: needs a warn_at from 1 to 99"},
    {"quota { from = a@b lmtp = \"unix:/x\" }\nrate r { messages_per_day = 100 recipients_per_hour = 4\n warn_user = yes }",
     ":3: rate r.warn_user: needs limits that let one more through after warn_at percent"},
    {"quota { from = a@b lmtp = \"unix:/x\" }\nrate r { messages_per_minute = 9\n warn_user = yes }",
     ":3: rate r.warn_user: needs a limit by hour or by day"},
    {"quota { from = a@b lmtp = \"unix:/x\" }\nrate r { messages_per_day = 9 action = \"HOLD x\"\n warn_user = yes }",
     ":3: rate r.warn_user: tells users that mail will be refused"},
    {"quota { from = a@b lmtp = \"unix:/x\" }\nrate r { recipients_per_hour = 9 of = sender sign_in = yes warn_user = yes }",
     "W :2: rate r.states: the check is not in use"},
};

static void
test_checks(void **state)
{
    (void)state;
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("postern-config-XXXXXX", &path, NULL);
    assert_true(fd >= 0);
    assert_true(g_close(fd, NULL));
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        gboolean warning = g_str_has_prefix(cases[i].expected, "W ");
        const char *expected = cases[i].expected + (warning ? 2 : 0);
        struct settings_report *report = settings_report_new();
        assert_true(g_file_set_contents(path, cases[i].text, -1, NULL));
        struct config *config = config_load(path, report);
        GPtrArray *lines = warning ? report->warnings : report->errors;
        gboolean found = FALSE;
        for (guint j = 0; j < lines->len; j++)
            found |= strstr(g_ptr_array_index(lines, j), expected) != NULL;
        if (!found || (config != NULL) != warning)
            fail_msg("%s\n  must give: %s", cases[i].text, expected);
        config_unref(config);
        settings_report_free(&report);
    }
    g_remove(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_defaults),
                                       cmocka_unit_test(test_every_setting_is_documented),
                                       cmocka_unit_test(test_checks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
