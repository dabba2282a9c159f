/* relay_eval.c: eval functions that look at hops. */
#include <stdlib.h>
#include "lib/spam/eval/header_eval_private.h"
#include "lib/spam/view/ip_text.h"

static const struct spam_relays *
relays_of(const struct header_eval *e)
{
    return e->options->relays;
}

static const struct spam_relay *
untrusted_at(const struct header_eval *e, guint i)
{
    return g_ptr_array_index(relays_of(e)->untrusted, i);
}

HEADER_EVAL(eval_all_trusted)
{
    (void)args, (void)n_args;
    return relays_of(e)->trusted->len > 0 && relays_of(e)->untrusted->len == 0 &&
           relays_of(e)->unparseable == 0;
}

HEADER_EVAL(eval_no_relays)
{
    (void)args, (void)n_args;
    return relays_of(e)->trusted->len == 0 && relays_of(e)->untrusted->len == 0 &&
           relays_of(e)->unparseable == 0;
}

HEADER_EVAL(eval_relays_unparseable)
{
    (void)args, (void)n_args;
    return relays_of(e)->unparseable > 0;
}

/* Whether a HELO name that is an IPv4 address ends at text[end]. */
static gboolean
ends_helo(const GString *text, gsize end)
{
    return end == text->len || (guchar)text->str[end] <= ' ' || strchr(",;[()<>", text->str[end]) != NULL;
}

/* A HELO name that is an IPv4 address. SpamAssassin means to leave private ones out, but its `local $1` makes
 * it compare nothing. */
HEADER_EVAL(eval_numeric_helo)
{
    static const char mark[] = "helo=";
    const GString *text = relays_of(e)->untrusted_text;

    (void)args, (void)n_args;
    for (gsize at = 1; at + strlen(mark) < text->len; at++) {
        gsize end;

        if (g_ascii_strncasecmp(text->str + at, mark, strlen(mark)) != 0 ||
            g_ascii_isalnum(text->str[at - 1]) || text->str[at - 1] == '_')
            continue;
        end = ip_text_v4_end(text->str, text->len, at + strlen(mark));
        if (end > 0 && ends_helo(text, end))
            return TRUE;
    }
    return FALSE;
}

/* The length of "a.b.c." */
static gsize
network_len(const char *v4)
{
    return (gsize)(strrchr(v4, '.') - v4) + 1;
}

/* Different addresses of one network are fine. */
HEADER_EVAL(eval_helo_ip_mismatch)
{
    (void)args, (void)n_args;
    for (guint i = 0; i < relays_of(e)->untrusted->len; i++) {
        const struct spam_relay *r = untrusted_at(e, i);

        if (ip_text_is_v4(r->helo) && !ip_text_is_private(r->helo) && ip_text_is_v4(r->ip) &&
            !r->ip_private && strncmp(r->helo, r->ip, network_len(r->helo)) != 0)
            return TRUE;
    }
    return FALSE;
}

HEADER_EVAL(eval_sender_no_reverse)
{
    guint n = relays_of(e)->untrusted->len;

    (void)args, (void)n_args;
    return n > 0 && strchr(untrusted_at(e, n - 1)->rdns, '.') != NULL && !untrusted_at(e, n - 1)->ip_private;
}

/* Big senders, whose hosts all have names in DNS: a client that says to be one of theirs and has none is a
 * liar. The last hop that is not private decides. */
HEADER_EVAL(eval_no_rdns_dotcom_helo)
{
    static const char *const domains[] = {"lycos.com",  "lycos.co.uk",  "hotmail.com", "localhost.com",
                                          "excite.com", "caramail.com", "cs.com",      "aol.com",
                                          "msn.com",    "yahoo.com",    "drizzle.com"};
    gboolean found = FALSE;

    (void)args, (void)n_args;
    for (guint i = 0; i < relays_of(e)->untrusted->len; i++) {
        const struct spam_relay *r = untrusted_at(e, i);

        if (r->ip_private)
            continue;
        found = FALSE;
        for (guint d = 0; d < G_N_ELEMENTS(domains); d++) {
            gsize len = strlen(r->lc_helo), tail = strlen(domains[d]);
            if (len >= tail && strcmp(r->lc_helo + len - tail, domains[d]) == 0 &&
                (len == tail || r->lc_helo[len - tail - 1] == '.'))
                found = found || r->no_reverse_dns;
        }
    }
    return found;
}

/* ---- forged trails ---- */

/* Whether the last label needs no second-level label before the name: a generic domain, or one of three
 * countries. */
static gboolean
is_short_registry(const char *label)
{
    gsize run = 0;

    for (const char *c = label; *c != '\0' && run < 3; c++)
        run = *c == ' ' || (*c >= '\t' && *c <= '\r') ? 0 : run + 1;
    return run >= 3 || strstr(label, "ie") != NULL || strstr(label, "fr") != NULL ||
           strstr(label, "de") != NULL;
}

static gboolean
has_letter(const char *text)
{
    while (*text != '\0' && !g_ascii_isalpha(*text))
        text++;
    return *text != '\0';
}

/* A host's domain, roughly. For the caller to g_free. */
static char *
domain_of(const char *host)
{
    g_autofree char *trimmed = g_strdup(host);
    gsize len = strlen(trimmed);
    char *last, *second, *third;

    if (!has_letter(host))
        return g_strdup(host);
    while (len > 0 && trimmed[len - 1] == '.')
        trimmed[--len] = '\0';
    last = strrchr(trimmed, '.');
    if (last == NULL)
        return g_strdup(host);
    *last = '\0';
    second = strrchr(trimmed, '.');
    if (is_short_registry(last + 1)) {
        *last = '.';
        return g_strdup(second != NULL ? second + 1 : trimmed);
    }
    if (second == NULL)
        return g_strdup(host);
    *second = '\0';
    third = strrchr(trimmed, '.');
    *second = *last = '.';
    return g_strdup(third != NULL ? third + 1 : trimmed);
}

static gboolean
is_word_char(char c)
{
    return g_ascii_isalnum(c) || c == '_';
}

/* A host name with a dot, not right behind its first letter. */
static gboolean
is_host(const char *name)
{
    const char *dot = strrchr(name, '.');

    if (dot == NULL || dot - name < 2 || !is_word_char(name[0]) || dot[1] == '\0')
        return FALSE;
    for (const char *c = name; c < dot; c++)
        if (!is_word_char(*c) && *c != '.' && *c != '-')
            return FALSE;
    for (const char *c = dot + 1; *c != '\0'; c++)
        if (!is_word_char(*c))
            return FALSE;
    return TRUE;
}

/* Four runs of digits with dots between. */
static gboolean
is_dotted(const char *text)
{
    static struct line_form_once form = {"{d:1-}.{d:1-}.{d:1-}.{d:1-}{end}", FALSE, NULL};

    return line_form_once_match(&form, text, strlen(text), NULL);
}

/* HELO names an address that is not even in the client's /16. */
static gboolean
is_massive_mismatch(const char *helo, const char *ip)
{
    gsize class_b;

    if (!is_dotted(helo) || !is_dotted(ip) || strcmp(helo, ip) == 0)
        return FALSE;
    class_b = (gsize)(strchr(strchr(helo, '.') + 1, '.') - helo) + 1;
    return strncmp(helo, ip, class_b) != 0 && !ip_text_is_private(helo);
}

/* The name that a hop's writer saw, NULL for the own host under its own name. */
static const char *
seen_from(const struct spam_relay *relay, const char *from)
{
    gboolean local = strcmp(from, "localhost") == 0 || strcmp(from, "localhost.localdomain") == 0;

    return local && strcmp(relay->ip, "127.0.0.1") == 0 ? NULL : from;
}

struct mismatches {
    guint from, ip_helo;
};

/* Each hop should be written by a host of the domain that the next one (above) got it from. */
static struct mismatches
count_mismatches(const struct header_eval *e)
{
    struct mismatches n = {0};
    g_autofree char *previous = NULL; /* from of the hop above; NULL: the own host */

    for (guint i = 0; i < relays_of(e)->untrusted->len; i++) {
        const struct spam_relay *relay = untrusted_at(e, i);
        g_autofree char *by = domain_of(relay->lc_by), *from = domain_of(relay->lc_rdns),
                        *helo = domain_of(relay->lc_helo);

        if (is_host(by)) {
            n.ip_helo += is_massive_mismatch(helo, relay->ip);
            n.from += i > 0 && previous != NULL && is_host(previous) && strcmp(by, previous) != 0 &&
                      !(strcmp(by, "msn.com") == 0 && strcmp(previous, "hotmail.com") == 0);
            if (seen_from(relay, from) == NULL)
                g_clear_pointer(&from, g_free);
        }
        g_free(previous);
        previous = g_steal_pointer(&from);
    }
    return n;
}

HEADER_EVAL(eval_forged_received_trail)
{
    (void)args, (void)n_args;
    return count_mismatches(e).from > 1;
}

HEADER_EVAL(eval_forged_received_ip_helo)
{
    (void)args, (void)n_args;
    return count_mismatches(e).ip_helo > 0;
}

/* ---- sender and relay ---- */

/* A domain at text[at], where its dots stand for any byte: its end, 0 for none. */
static gsize
domain_end(const char *text, gsize len, gsize at, const char *domain)
{
    gsize n = strlen(domain);

    if (len - at < n || is_word_char(domain[0]) == (at > 0 && is_word_char(text[at - 1])))
        return 0;
    for (gsize i = 0; i < n; i++)
        if (text[at + i] == '\n' || (domain[i] != '.' && domain[i] != text[at + i]))
            return 0;
    return at + n;
}

/* Whether a word that begins at text[at] ends with the domain and a blank; *end_r: that blank. */
static gboolean
word_has_domain(const char *text, gsize len, gsize at, const char *domain, gsize *end_r)
{
    for (; at < len && text[at] != ' ' && text[at] != '\n'; at++) {
        gsize end = domain_end(text, len, at, domain);
        if (end > 0 && end < len && text[end] == ' ') {
            *end_r = end;
            return TRUE;
        }
    }
    return FALSE;
}

/* Whether a hop, from its rdns on, names the domain there and in by. */
static gboolean
hop_has_domain(const GString *text, gsize at, const char *domain)
{
    gsize end, close;
    const char *bracket;

    if (!word_has_domain(text->str, text->len, at, domain, &end))
        return FALSE;
    bracket = memchr(text->str + end, ']', text->len - end);
    close = bracket != NULL ? (gsize)(bracket - text->str) : text->len;
    for (gsize by = end + 1; by + 3 <= close; by++)
        if (memcmp(text->str + by, "by=", 3) == 0 &&
            word_has_domain(text->str, text->len, by + 3, domain, &end))
            return TRUE;
    return FALSE;
}

/* Whether the domain stands in the sender's address, behind a word boundary. The address may hold NULs. */
static gboolean
is_from_domain(const GString *from, const char *domain)
{
    const char *text = from->str;
    gsize n = strlen(domain);

    for (gsize at = 0; at + MAX(n, 1) <= from->len; at++)
        if (is_word_char(text[at]) != (at > 0 && is_word_char(text[at - 1])) &&
            g_ascii_strncasecmp(text + at, domain, n) == 0)
            return TRUE;
    return FALSE;
}

/* args: a domain, "true" or "false". Mail from the domain that has (or has not) come by its own hosts. */
HEADER_EVAL(eval_from_domain_in_received)
{
    const char *domain = n_args > 0 ? args[0] : "", *found;
    gboolean wanted = n_args > 1 && strcmp(args[1], "true") == 0;
    g_autoptr(GString) from = header_eval_text(e, "From:addr"), text = g_string_new(NULL);

    if (!is_from_domain(from, domain))
        return FALSE;
    g_string_append_len(text, relays_of(e)->trusted_text->str, (gssize)relays_of(e)->trusted_text->len);
    g_string_append_c(text, '\n');
    g_string_append_len(text, relays_of(e)->untrusted_text->str, (gssize)relays_of(e)->untrusted_text->len);
    for (found = text->str;
         (found = memmem(found, text->len - (gsize)(found - text->str), " rdns=", 6)) != NULL; found++)
        if (hop_has_domain(text, (gsize)(found - text->str) + 6, domain))
            return wanted;
    return !wanted;
}

/* The part behind the last @ of an address when there is a dot in it with something on both sides: NULL
 * otherwise. Lower case. */
static char *
sender_domain(const GString *sender)
{
    const char *at = memrchr(sender->str, '@', sender->len);
    gsize len;

    if (at == NULL)
        return NULL;
    len = sender->len - (gsize)(at + 1 - sender->str);
    return len >= 3 && memchr(at + 2, '.', len - 2) != NULL ? g_ascii_strdown(at + 1, (gssize)len) : NULL;
}

static gboolean
is_of_domain(const struct header_eval *e, const struct spam_relay *relay, const char *domain)
{
    const struct spam_domains *domains = e->options->domains;
    g_autofree char *own = NULL;

    if (relay->lc_rdns[0] == '\0')
        return FALSE;
    own = domains->trim(domains->context, relay->lc_rdns);
    return strcmp(own, domain) == 0;
}

/* The envelope sender's domain is that of the host outside that sent the message, or of any inside when there
 * is none. */
HEADER_EVAL(eval_mailfrom_matches_rcvd)
{
    const struct spam_domains *domains = e->options->domains;
    g_autoptr(GString) sender = header_eval_text(e, "EnvelopeFrom:addr");
    g_autofree char *host = sender_domain(sender), *domain = NULL;
    const GPtrArray *trusted = relays_of(e)->trusted;

    (void)args, (void)n_args;
    if (host == NULL)
        return FALSE;
    domain = domains->trim(domains->context, host);
    if (relays_of(e)->untrusted->len > 0)
        return is_of_domain(e, untrusted_at(e, 0), domain);
    for (guint i = 0; i < trusted->len; i++)
        if (is_of_domain(e, g_ptr_array_index(trusted, i), domain))
            return TRUE;
    return FALSE;
}
