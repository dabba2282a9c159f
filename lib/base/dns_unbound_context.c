/* dns_unbound_context.c: from options to a configured context of libunbound, with errors that say what to do. */
#include "lib/base/dns_unbound_private.h"
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unbound-event.h>
#include <unistd.h>

#define RESOLV_CONF "/etc/resolv.conf"
#define TRUST_ANCHOR "/usr/share/dns/root.key" /* package dns-root-data */
#define SOCKETS_MIN 64                         /* UDP sockets of a context, see outgoing-range in unbound.conf(5) */
#define SOCKETS_MAX 512
#define TCP_MAX 32
#define FORGET_FORWARDER 10                    /* seconds until it counts no more that a server was dead (infra-host-ttl, by */
#define FORGET_SERVER 60                       /* default 15 minutes); there are few forwarders, so they are tried soon */
#define PROBE_CACHE_BYTES (64 * 1024)

G_DEFINE_QUARK(dns_unbound_error_quark, dns_unbound_error)

/* ---- options ---- */

struct dns_unbound_options *
dns_unbound_options_copy(const struct dns_unbound_options *options)
{
    struct dns_unbound_options *copy = g_memdup2(options, sizeof *options);

    copy->forwarders = g_strdupv((char **)options->forwarders);
    copy->resolv_conf = g_strdup(options->resolv_conf != NULL ? options->resolv_conf : RESOLV_CONF);
    copy->root_hints = g_strdup(options->root_hints);
    copy->trust_anchor = g_strdup(options->trust_anchor != NULL ? options->trust_anchor : TRUST_ANCHOR);
    if (copy->cache_bytes <= 0)
        copy->cache_bytes = DNS_CACHE_BYTES;
    copy->cache_bytes = MAX(copy->cache_bytes, DNS_CACHE_BYTES_MIN);
    if (copy->timeout_ms <= 0)
        copy->timeout_ms = DNS_TIMEOUT_MS;
    if (copy->check_ms <= 0)
        copy->check_ms = DNS_CHECK_MS;
    if (copy->outstanding_max == 0)
        copy->outstanding_max = DNS_OUTSTANDING_MAX;
    return copy;
}

void
dns_unbound_options_free(struct dns_unbound_options **options)
{
    if (*options == NULL)
        return;
    g_strfreev((char **)(*options)->forwarders);
    g_free((char *)(*options)->resolv_conf);
    g_free((char *)(*options)->root_hints);
    g_free((char *)(*options)->trust_anchor);
    g_clear_pointer(options, g_free);
}

/* ---- files ---- */

/* The text of a file, cut at DNS_RESOLV_CONF_MAX. */
static char *
read_file(const char *path, const char *advice, GError **error)
{
    FILE *f = fopen(path, "re");
    char *text = f != NULL ? g_malloc(DNS_RESOLV_CONF_MAX + 1) : NULL;
    gsize length = f != NULL ? fread(text, 1, DNS_RESOLV_CONF_MAX, f) : 0;

    if (f == NULL || ferror(f)) {
        g_set_error(error, DNS_UNBOUND_ERROR, DNS_UNBOUND_ERROR_SETTING, "%s: %s; %s", path, g_strerror(errno), advice);
        g_clear_pointer(&text, g_free);
    }
    if (f != NULL)
        fclose(f);
    if (text != NULL)
        text[length] = '\0';
    return text;
}

static gboolean
is_address(const char *server)
{
    g_autofree char *address = g_strndup(server, strcspn(server, "@"));

    return g_hostname_is_ip_address(address);
}

/* The nameserver lines of resolv.conf(5), those without an address left out as the C library does; when none is left it is the
 * resolver on this machine. */
static char **
system_forwarders(const char *path, GError **error)
{
    g_autofree char *text = read_file(path, "name the servers to ask, or resolve from the root (mode recursive)", error);
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    guint count = 0;

    if (text == NULL)
        return NULL;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL && count < DNS_FORWARDERS_MAX; i++) {
        g_auto(GStrv) words = g_strsplit_set(g_strstrip(g_strdelimit(lines[i], "\t\r", ' ')), " ", 2);

        if (g_strcmp0(words[0], "nameserver") != 0 || words[1] == NULL)
            continue;
        g_strstrip(words[1])[strcspn(words[1], " #;")] = '\0';
        if (!is_address(words[1]))
            continue;
        g_strv_builder_add(builder, words[1]);
        count++;
    }
    if (count == 0)
        g_strv_builder_add(builder, "127.0.0.1");
    return g_strv_builder_end(builder);
}

char **
dns_unbound_forwarders(const struct dns_unbound_options *options, GError **error)
{
    guint count = options->forwarders != NULL ? g_strv_length((char **)options->forwarders) : 0;

    if (options->mode == DNS_MODE_SYSTEM)
        return system_forwarders(options->resolv_conf, error);
    if (options->mode == DNS_MODE_RECURSIVE)
        return g_new0(char *, 1);
    if (count == 0 || count > DNS_FORWARDERS_MAX) {
        g_set_error(error, DNS_UNBOUND_ERROR, DNS_UNBOUND_ERROR_SETTING,
                    "mode forward takes 1 to %u name servers, not %u; name some as ADDRESS or ADDRESS@PORT", DNS_FORWARDERS_MAX,
                    count);
        return NULL;
    }
    return g_strdupv((char **)options->forwarders);
}

char *
dns_unbound_anchor(const char *path, GError **error)
{
    g_autofree char *text = read_file(path, "install the package dns-root-data, or switch DNSSEC off", error);

    if (text == NULL)
        return NULL;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        g_auto(GStrv) words = NULL;

        lines[i][strcspn(lines[i], ";")] = '\0';
        words = g_strsplit_set(g_strdelimit(lines[i], "\t\r", ' '), " ", -1);
        if ((g_strv_contains((const char *const *)words, "DNSKEY") || g_strv_contains((const char *const *)words, "DS")) &&
            (strcmp(words[0], ".") == 0 || dns_name_is_valid(words[0])))
            return g_strdup(words[0]);
    }
    g_set_error(error, DNS_UNBOUND_ERROR, DNS_UNBOUND_ERROR_SETTING,
                "%s: no trust anchor in it; a line is like \". IN DS 20326 8 2 E06D..\"", path);
    return NULL;
}

/* ---- the context ---- */

/* Whether the machine has a way to IPv6 at large. Connecting a datagram socket sends nothing. */
static gboolean
has_ipv6(void)
{
    /* a.root-servers.net */
    struct sockaddr_in6 there = {.sin6_family = AF_INET6, .sin6_port = htons(53),
        .sin6_addr = {{{0x20, 0x01, 0x05, 0x03, 0xba, 0x3e, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0x30}}}};
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    gboolean way = fd >= 0 && connect(fd, (struct sockaddr *)&there, sizeof there) == 0;

    if (fd >= 0)
        close(fd);
    return way;
}

/* Whether IPv6 is worth trying: a server with such an address is given, or there is a way. */
static gboolean
wants_ipv6(char *const *forwarders)
{
    for (guint i = 0; forwarders[i] != NULL; i++)
        if (strchr(forwarders[i], ':') != NULL)
            return TRUE;
    return forwarders[0] == NULL && has_ipv6();
}

static gboolean
check(int code, const char *what, const char *value, GError **error)
{
    if (code == UB_NOERROR)
        return TRUE;
    g_set_error(error, DNS_UNBOUND_ERROR, DNS_UNBOUND_ERROR_SETTING, "libunbound %s refuses %s \"%s\": %s", ub_version(), what,
                value, ub_strerror(code));
    return FALSE;
}

static gboolean
set_number(struct ub_ctx *ctx, const char *option, gint64 value, GError **error)
{
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, value);

    return check(ub_ctx_set_option(ctx, option, text), option, text, error);
}

/* What is the same in every context; see unbound.conf(5). Without infra-keep-probing libunbound would leave a server that
 * was dead alone for infra-host-ttl. */
static gboolean
set_fixed(struct ub_ctx *ctx, GError **error)
{
    static const char *const fixed[][2] = {
        {"qname-minimisation:", "yes"}, {"use-caps-for-id:", "no"},      {"edns-buffer-size:", "1232"},
        {"infra-keep-probing:", "yes"}, {"infra-cache-max-rtt:", "4000"},
        {"unblock-lan-zones:", "yes"},  {"insecure-lan-zones:", "yes"},  {"cache-max-ttl:", "86400"},
        {"val-log-level:", "2"},        {"minimal-responses:", "yes"},   {"harden-dnssec-stripped:", "yes"},
        {"harden-glue:", "yes"},        {"harden-below-nxdomain:", "yes"}, {"trust-anchor-signaling:", "no"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(fixed); i++)
        if (!check(ub_ctx_set_option(ctx, fixed[i][0], fixed[i][1]), fixed[i][0], fixed[i][1], error))
            return FALSE;
    return TRUE;
}

/* Records take twice the room of the messages that point to them. */
static gboolean
set_sizes(struct ub_ctx *ctx, const struct dns_unbound_options *options, enum dns_context_kind kind, GError **error)
{
    gint64 bytes = kind == DNS_CONTEXT_PROBE ? PROBE_CACHE_BYTES : options->cache_bytes;
    gint64 sockets = kind == DNS_CONTEXT_PROBE ? 1 : CLAMP(options->outstanding_max, SOCKETS_MIN, SOCKETS_MAX);

    return set_number(ctx, "msg-cache-size:", bytes * 5 / 16, error) &&
           set_number(ctx, "rrset-cache-size:", bytes * 10 / 16, error) &&
           set_number(ctx, "key-cache-size:", bytes / 32, error) && set_number(ctx, "neg-cache-size:", bytes / 32, error) &&
           set_number(ctx, "outgoing-range:", sockets, error) &&
           set_number(ctx, "num-queries-per-thread:", (gint64)options->outstanding_max * DNS_QUESTIONS_FACTOR, error) &&
           set_number(ctx, "outgoing-num-tcp:", kind == DNS_CONTEXT_PROBE ? 1 : TCP_MAX, error);
}

/* Whom to ask. Servers on this machine are asked when named; a hostile delegation must not lead there. */
static gboolean
set_servers(struct ub_ctx *ctx, const struct dns_unbound_options *options, char *const *forwarders, GError **error)
{
    gboolean local = forwarders[0] != NULL || options->root_hints != NULL;

    if (!check(ub_ctx_set_option(ctx, "do-not-query-localhost:", local ? "no" : "yes"), "do-not-query-localhost", "", error) ||
        !set_number(ctx, "infra-host-ttl:", forwarders[0] != NULL ? FORGET_FORWARDER : FORGET_SERVER, error) ||
        !check(ub_ctx_set_option(ctx, "do-ip6:", wants_ipv6(forwarders) ? "yes" : "no"), "do-ip6", "", error))
        return FALSE;
    for (guint i = 0; forwarders[i] != NULL; i++)
        if (!check(ub_ctx_set_fwd(ctx, forwarders[i]), "name server (ADDRESS or ADDRESS@PORT)", forwarders[i], error))
            return FALSE;
    return forwarders[0] != NULL || options->root_hints == NULL ||
           check(ub_ctx_set_option(ctx, "root-hints:", options->root_hints), "root hints", options->root_hints, error);
}

static gboolean
set_validation(struct ub_ctx *ctx, const struct dns_unbound_options *options, enum dns_context_kind kind, GError **error)
{
    const char *modules = kind == DNS_CONTEXT_VALIDATING ? "validator iterator" : "iterator";

    return check(ub_ctx_set_option(ctx, "module-config:", modules), "module-config", modules, error) &&
           (kind != DNS_CONTEXT_VALIDATING ||
            check(ub_ctx_add_ta_file(ctx, options->trust_anchor), "trust anchor", options->trust_anchor, error));
}

static void
ignore(void *data, int rcode, void *packet, int length, int security, char *why, int limited)
{
    (void)data;
    (void)rcode;
    (void)packet;
    (void)length;
    (void)security;
    (void)why;
    (void)limited;
}

/* libunbound answers for some names itself (RFC 6303, RFC 6761), test. among them, which tests and private roots do have.
 * localhost is another, and asking for it makes libunbound read its files and open its sockets: what is wrong shows here. */
static gboolean
finish(struct ub_ctx *ctx, GError **error)
{
    int code = ub_ctx_zone_remove(ctx, "test.");

    if (code == UB_NOERROR)
        code = ub_resolve_event(ctx, "localhost", DNS_A, DNS_CLASS_IN, NULL, ignore, NULL);
    if (code == UB_NOERROR)
        return TRUE;
    g_set_error(error, DNS_UNBOUND_ERROR, DNS_UNBOUND_ERROR_SYSTEM,
                "libunbound %s can't start: %s; look whether the trust anchor and the root hints are whole", ub_version(),
                ub_strerror(code));
    return FALSE;
}

struct ub_ctx *
dns_unbound_context(const struct dns_unbound_options *options, char *const *forwarders, enum dns_context_kind kind,
                    struct event_base *base, GError **error)
{
    struct ub_ctx *ctx = ub_ctx_create_event(base);

    if (ctx == NULL) {
        g_set_error(error, DNS_UNBOUND_ERROR, DNS_UNBOUND_ERROR_SYSTEM, "libunbound %s gives no context: %s", ub_version(),
                    g_strerror(errno));
        return NULL;
    }
    ub_ctx_debugout(ctx, NULL); /* it would write to standard error */
    if (set_fixed(ctx, error) && set_sizes(ctx, options, kind, error) && set_servers(ctx, options, forwarders, error) &&
        set_validation(ctx, options, kind, error) && finish(ctx, error))
        return ctx;
    ub_ctx_delete(ctx);
    return NULL;
}
