/* config_auth.c: the tables of the sections dns, auth and sign: who mail is from, and how ours is signed. */
#include "lib/mail/config_private.h"
#include <string.h>
#include "lib/base/dns.h"
#include "lib/base/networks.h"

#define M (G_GINT64_CONSTANT(1) << 20)
#define G (G_GINT64_CONSTANT(1) << 30)
#define S G_GINT64_CONSTANT(1000)
#define DAY (86400 * S)

static const char *const dns_modes[] = {"system", "forward", "recursive", NULL};     /* enum config_dns_mode */
static const char *const dnssec_modes[] = {"auto", "strict", "off", NULL};           /* enum config_dnssec */
static const char *const auth_methods[] = {"spf", "dkim", "dmarc", "arc", NULL};
static const char *const key_sources[] = {"directory", "opendkim", "sql", NULL};     /* enum config_sign_source */
static const char *const canonicalizations[] = {"relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple", NULL};

const struct setting dns_settings[] = {
    ROW(config_dns, mode, SETTING_ENUM, "system", .choices = dns_modes,
        .doc = "Whom to ask: the servers of /etc/resolv.conf, the forwarders below, or the root servers downward."),
    ROW(config_dns, forwarders, SETTING_LIST, "",
        .doc = "Servers for mode = forward, as 192.0.2.53 or \"192.0.2.53@5353\". Blocklists refuse big public "
               "resolvers: better your own."),
    ROW(config_dns, dnssec, SETTING_ENUM, "auto", .choices = dnssec_modes,
        .doc = "auto validates where the servers pass signatures on, strict fails what can't be validated although "
               "it is signed, off doesn't look."),
    ROW(config_dns, trust_anchor, SETTING_PATH, "/usr/share/dns/root.key",
        .doc = "File of the root's key for DNSSEC, from Debian's package dns-root-data."),
    ROW(config_dns, root_hints, SETTING_PATH, "",
        .doc = "File of the root servers for mode = recursive; empty for those that the library knows."),
    ROW(config_dns, timeout, SETTING_TIME, "10s", .min = 100, .max = 20 * S,
        .doc = "How long the end of a message waits for all its lookups together; what is not answered by then is a "
               "temporary error of that check."),
    ROW(config_dns, cache, SETTING_SIZE, "16M", .min = 1 * M, .max = 1 * G, .doc = "Memory for answers."),
    {.name = NULL}};

const struct setting auth_settings[] = {
    ROW(config_auth, checks, SETTING_LIST, "spf, dkim, dmarc, arc", .choices = auth_methods,
        .doc = "What is checked of mail from outside. DMARC rests on the results of SPF and DKIM."),
    ROW(config_auth, authserv_id, SETTING_STRING, "", .max = 253,
        .doc = "Our name in Authentication-Results (RFC 8601), and what forged ones are recognised by; empty for "
               "the machine's host name. All servers of one site may share it."),
    ROW(config_auth, skip_networks, SETTING_LIST, "127.0.0.0/8, ::1",
        .doc = "Clients whose mail is not checked: own relays and filters that re-inject. Mail of users who signed in "
               "never is."),
    ROW(config_auth, signatures, SETTING_INT, "10", .min = 1, .max = 100,
        .doc = "Most DKIM signatures of one message that are verified; the others are counted in the log."),
    ROW(config_auth, spf_reject, SETTING_BOOL, "no",
        .doc = "Whether mail is refused when SPF says fail. Forwarded mail fails SPF: DMARC decides better."),
    ROW(config_auth, dmarc_reject, SETTING_BOOL, "no",
        .doc = "Whether mail that fails DMARC is refused when its author domain asks for that (p=reject)."),
    ROW(config_auth, dmarc_junk, SETTING_BOOL, "yes",
        .doc = "Whether mail that fails DMARC is marked for the Junk folder when its author domain asks for "
               "quarantine, or for a refusal that dmarc_reject does not allow."),
    ROW(config_auth, junk_header, SETTING_STRING, "X-Spam-Flag: YES", .min = 3, .max = 256,
        .doc = "The header field that marks mail for the Junk folder; a Sieve rule looks for it."),
    ROW(config_auth, forwarders, SETTING_LIST, "",
        .doc = "Networks of known forwarders: mail from them is checked, but DMARC and SPF never refuse or mark it."),
    ROW(config_auth, arc_trusted, SETTING_LIST, "",
        .doc = "Domains whose ARC seal is believed: mail that passed DMARC when it came to them is not refused or "
               "marked here."),
    ROW(config_auth, threads, SETTING_INT, "32", .min = 1, .max = 1000,
        .doc = "Most SPF checks that wait for the DNS at the same time; more of them queue."),
    {.name = NULL}};

const struct setting sign_settings[] = {
    ROW(config_sign, source, SETTING_ENUM, "directory", .choices = key_sources,
        .doc = "Where keys are: in the directory below, as OpenDKIM's KeyTable and SigningTable say, or in SQL (table "
               "postern_dkim of the accounts database)."),
    ROW(config_sign, directory, SETTING_PATH, "/etc/postern/dkim", .min = 1,
        .doc = "Directory of keys, DOMAIN/SELECTOR.pem, as postern dkim keygen makes them."),
    ROW(config_sign, key_table, SETTING_PATH, "", .doc = "OpenDKIM's KeyTable, a plain text file, as it is."),
    ROW(config_sign, signing_table, SETTING_STRING, "", .max = 1024,
        .doc = "OpenDKIM's SigningTable as it is: a path, with refile: before it when its names have wildcards."),
    ROW(config_sign, networks, SETTING_LIST, "127.0.0.0/8, ::1",
        .doc = "Clients whose mail is signed although nobody signed in."),
    ROW(config_sign, any_sender, SETTING_BOOL, "no",
        .doc = "Whether mail of a user who signed in is signed for each domain that has a key, not only for the user's "
               "own domain and for addresses whose alias leads to the user."),
    ROW(config_sign, canonicalization, SETTING_ENUM, "relaxed/relaxed", .choices = canonicalizations,
        .doc = "How header and body are made comparable before they are signed (RFC 6376 3.4)."),
    ROW(config_sign, headers, SETTING_LIST,
        "From, Sender, Reply-To, Subject, Date, Message-ID, To, Cc, MIME-Version, Content-Type, "
        "Content-Transfer-Encoding, Content-ID, Content-Description, In-Reply-To, References, List-Id, List-Help, "
        "List-Unsubscribe, List-Unsubscribe-Post, List-Subscribe, List-Post, List-Owner, List-Archive",
        .max = 100, .doc = "Header fields that are signed where present; From always is."),
    ROW(config_sign, oversign, SETTING_LIST, "From", .max = 100,
        .doc = "Header fields that nobody may add later without breaking the signature; From always is one."),
    ROW(config_sign, expire, SETTING_TIME, "0", .min = 0, .max = 365 * DAY,
        .doc = "How long a signature is valid (x=); 0 for no limit."),
    ROW(config_sign, recode, SETTING_BOOL, "yes",
        .doc = "Whether a message is put into a form that keeps its signature valid on every way before it is signed: 8-bit "
               "parts and those with lines over 990 bytes become quoted-printable or base64, long header lines are folded."),
    ROW(config_sign, arc, SETTING_BOOL, "no",
        .doc = "Whether mail from outside is sealed by ARC, so that those to whom it is forwarded may know what was "
               "found here."),
    ROW(config_sign, arc_domain, SETTING_STRING, "", .max = 253,
        .doc = "The domain that seals; its key is taken from the same source."),
    {.name = NULL}};

void
config_check_networks(struct settings_report *report, const char *section, const char *name, char **list)
{
    g_autoptr(GError) error = NULL;
    struct networks *networks = networks_new(list, &error);

    if (networks == NULL)
        settings_complain(report, TRUE, section, name, "%s", error->message);
    networks_free(&networks);
}

/* "ADDRESS" or "ADDRESS@PORT" */
static gboolean
is_forwarder(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, "@", 2);
    guint8 octets[16];

    return parts[0] != NULL && network_address(parts[0], octets) != 0 &&
           (parts[1] == NULL || g_ascii_string_to_unsigned(parts[1], 10, 1, 65535, NULL, NULL));
}

void
dns_check(const void *section, struct settings_report *report)
{
    const struct config_dns *dns = section;

    for (char **f = dns->forwarders; *f != NULL; f++)
        if (!is_forwarder(*f))
            settings_complain(report, TRUE, "dns", "forwarders", "\"%s\" is no address; write 192.0.2.53 or 192.0.2.53@5353",
                              *f);
    if (dns->mode == CONFIG_DNS_FORWARD && *dns->forwarders == NULL)
        settings_complain(report, TRUE, "dns", "forwarders", "is empty; mode = forward needs it");
    if (dns->mode != CONFIG_DNS_FORWARD && *dns->forwarders != NULL)
        settings_complain(report, FALSE, "dns", "forwarders", "is only used with mode = forward");
}

/* A header field as "Name: value" of printable ASCII. */
static gboolean
is_field(const char *text)
{
    const char *colon = strchr(text, ':');

    if (colon == NULL || colon == text || colon[1] == '\0')
        return FALSE;
    for (const char *p = text; *p != '\0'; p++)
        if (*p < (p < colon ? 33 : 32) || *p > 126)
            return FALSE;
    return TRUE;
}

static void
check_domains(struct settings_report *report, const char *section, const char *name, char **list)
{
    for (; *list != NULL; list++)
        if (!dns_name_is_valid(*list))
            settings_complain(report, TRUE, section, name, "\"%s\" is no domain name", *list);
}

void
auth_check(const void *section, struct settings_report *report)
{
    const struct config_auth *auth = section;
    const char *const *checks = (const char *const *)auth->checks;

    config_check_networks(report, "auth", "skip_networks", auth->skip_networks);
    config_check_networks(report, "auth", "forwarders", auth->forwarders);
    check_domains(report, "auth", "arc_trusted", auth->arc_trusted);
    if (*auth->authserv_id != '\0' && !dns_name_is_valid(auth->authserv_id))
        settings_complain(report, TRUE, "auth", "authserv_id", "is no domain name");
    if (!is_field(auth->junk_header))
        settings_complain(report, TRUE, "auth", "junk_header", "is no header field; write it as \"X-Spam-Flag: YES\"");
    if (g_strv_contains(checks, "dmarc") && !g_strv_contains(checks, "dkim") && !g_strv_contains(checks, "spf"))
        settings_complain(report, TRUE, "auth", "checks", "dmarc rests on spf and dkim: list at least one of them");
    else if (g_strv_contains(checks, "dmarc") && (!g_strv_contains(checks, "dkim") || !g_strv_contains(checks, "spf")))
        settings_complain(report, FALSE, "auth", "checks",
                          "with only one of spf and dkim much good mail fails dmarc; list both");
    if (auth->spf_reject)
        settings_complain(report, FALSE, "auth", "spf_reject",
                          "mail that someone forwards to you will be refused; DMARC (dmarc_reject) decides better");
    if (*auth->arc_trusted != NULL && !g_strv_contains(checks, "arc"))
        settings_complain(report, FALSE, "auth", "arc_trusted", "has no effect without arc in checks");
}

static void
check_field_names(struct settings_report *report, const char *name, char **list)
{
    for (; *list != NULL; list++)
        for (const char *p = *list; *p != '\0' || p == *list; p++)
            if (*p < 33 || *p > 126 || *p == ':' || *p == ';') {
                settings_complain(report, TRUE, "sign", name, "\"%s\" is no header field's name", *list);
                break;
            }
}

void
sign_check(const void *section, struct settings_report *report)
{
    const struct config_sign *sign = section;

    config_check_networks(report, "sign", "networks", sign->networks);
    check_field_names(report, "headers", sign->headers);
    check_field_names(report, "oversign", sign->oversign);
    if (sign->source == CONFIG_SIGN_OPENDKIM && *sign->key_table == '\0')
        settings_complain(report, TRUE, "sign", "key_table", "is empty; source = opendkim needs it");
    if (sign->source == CONFIG_SIGN_OPENDKIM && *sign->signing_table == '\0')
        settings_complain(report, TRUE, "sign", "signing_table", "is empty; source = opendkim needs it");
    if (sign->arc && !dns_name_is_valid(sign->arc_domain))
        settings_complain(report, TRUE, "sign", "arc_domain", "is no domain name; arc = yes needs it");
}
