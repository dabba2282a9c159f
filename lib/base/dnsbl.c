/* dnsbl.c: asks lists, judges their answers, and tells of those that can't be believed. */
#include "lib/base/dnsbl.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "lib/base/networks.h"
#include <arpa/inet.h>
#include <string.h>

struct dnsbl_lookup {
    const struct dnsbl *list;
    struct dns_lookup *dns;      /* NULL: not asked */
    gboolean quiet;              /* of a check, which tells its own failures */
    struct dnsbl_answer *answer; /* once it was waited for, or not asked */
};

const char *
dnsbl_outcome_name(enum dnsbl_outcome outcome)
{
    static const char *const names[] = {"listed", "not listed", "failed", "not asked"};

    return names[outcome];
}

/* Without DNSBL_NO_CAUSE they are the metric's values. */
static const char *const cause_names[] = {"", "unknown", "refused", "foreign", "truncated", "dns", NULL};

const char *
dnsbl_cause_name(enum dnsbl_cause cause)
{
    return cause_names[cause];
}

/* ---- answers ---- */

static struct dnsbl_answer *
answer_new(enum dnsbl_outcome outcome, const char *why)
{
    struct dnsbl_answer *answer = g_new0(struct dnsbl_answer, 1);

    answer->outcome = outcome;
    answer->why = g_strdup(why);
    answer->codes = g_array_new(FALSE, FALSE, sizeof(guint32));
    answer->others = g_array_new(FALSE, FALSE, sizeof(guint32));
    return answer;
}

void
dnsbl_answer_free(struct dnsbl_answer **answer)
{
    if (*answer == NULL)
        return;
    g_array_unref((*answer)->codes);
    g_array_unref((*answer)->others);
    g_free((*answer)->why);
    g_clear_pointer(answer, g_free);
}

static gint
compare_codes(gconstpointer a, gconstpointer b)
{
    guint32 x = *(const guint32 *)a, y = *(const guint32 *)b;

    return (x > y) - (x < y);
}

static enum dnsbl_cause
cause_of(const struct dnsbl *list, guint32 code)
{
    return dnsbl_believes(list, code)                        ? DNSBL_NO_CAUSE
           : code >> 24 != 127                               ? DNSBL_FOREIGN
           : code >> 8 == 0x7fffff || code == 0x7f000001     ? DNSBL_REFUSED
                                                             : DNSBL_UNKNOWN;
}

/* What a refusal means, and what to do. The codes of 127.255.255.0/24 are Spamhaus'. */
static const char *
refusal(guint32 code)
{
    return code == 0x7ffffffc   ? "its name is mistyped"
           : code == 0x7fffffff ? "it is asked too much; get a key or a data feed of its owner"
                                : "public resolvers are not served; use dns.mode = recursive, or a key of its owner";
}

/* Tells the failure; code: one that it is about. */
static void
explain(struct dnsbl_answer *answer, guint32 code, const char *dns_why)
{
    g_autofree char *text = g_strdup_printf("%u.%u.%u.%u", code >> 24, code >> 16 & 255, code >> 8 & 255, code & 255);

    if (answer->cause == DNSBL_REFUSED)
        answer->why = g_strdup_printf("refuses our resolver (%s): %s", text, refusal(code));
    else if (answer->cause == DNSBL_UNKNOWN)
        answer->why = g_strdup_printf("answers %s, which is none of the return codes that are known of it: if its owner "
                                      "documents that, name it too (with weight 0 if it shall not count)", text);
    else if (answer->cause == DNSBL_FOREIGN)
        answer->why = g_strdup_printf("answers %s, which no list does: it has ended, or the resolver makes up answers; try "
                                      "dns.mode = recursive, and take the list out if that changes nothing", text);
    else if (answer->cause == DNSBL_TRUNCATED)
        answer->why = g_strdup("gives more records than a list would: look whether its name is right");
    else
        answer->why = g_strdup_printf("does not answer (%s): look at the resolver, and whether the list has ended", dns_why);
}

/* Sorts the codes into those believed and others; the worst cause, and the first code that it is about. */
static enum dnsbl_cause
sort_codes(const struct dnsbl *list, const struct dns_answer *records, struct dnsbl_answer *answer, guint32 *about_r)
{
    enum dnsbl_cause worst = DNSBL_NO_CAUSE;

    for (guint i = 0; i < records->records->len; i++) {
        const struct dns_record *record = &g_array_index(records->records, struct dns_record, i);
        guint32 code = 0; /* foreign, as is a record of another length */

        if (record->length == sizeof code)
            memcpy(&code, record->data, sizeof code);
        code = g_ntohl(code);
        enum dnsbl_cause cause = cause_of(list, code);
        g_array_append_val(cause == DNSBL_NO_CAUSE ? answer->codes : answer->others, code);
        if (cause > worst || (cause == worst && code < *about_r))
            *about_r = code;
        worst = MAX(worst, cause);
    }
    return worst;
}

/* Whether the list's own answer can be believed, and what it then says. */
static struct dnsbl_answer *
judge(const struct dnsbl *list, const struct dns_answer *records)
{
    struct dnsbl_answer *answer = answer_new(DNSBL_NOT_LISTED, NULL);
    guint32 about = 0;
    enum dnsbl_cause worst = sort_codes(list, records, answer, &about);

    answer->cause = records->outcome == DNS_FAILED ? DNSBL_DNS
                    : records->truncated           ? DNSBL_TRUNCATED
                    : worst != DNSBL_UNKNOWN       ? worst
                    : answer->codes->len == 0      ? DNSBL_UNKNOWN
                                                   : DNSBL_NO_CAUSE;
    if (answer->cause != DNSBL_NO_CAUSE) {
        answer->outcome = DNSBL_FAILED;
        explain(answer, about, records->why);
        g_array_append_vals(answer->others, answer->codes->data, answer->codes->len);
        g_array_set_size(answer->codes, 0);
    } else if (answer->codes->len > 0) {
        answer->outcome = DNSBL_LISTED;
    }
    g_array_sort(answer->codes, compare_codes);
    g_array_sort(answer->others, compare_codes);
    return answer;
}

/* ---- telling ---- */

static GMutex warn_lock;
static gint64 warn_every = DNSBL_WARN_S;

void
dnsbl_warn_every(gint64 seconds)
{
    g_mutex_lock(&warn_lock);
    warn_every = seconds;
    g_mutex_unlock(&warn_lock);
}

static struct metric *
failures(void)
{
    static struct metric *metric;
    static gsize once;

    if (g_once_init_enter(&once)) {
        metric = metrics_counter_grouped("postern_dnsbl_failures_total", "Answers of DNS lists that can't be believed.", "list",
                                         "cause", cause_names + 1);
        g_once_init_leave(&once, 1);
    }
    return metric;
}

/* Whether it is time for a warning. Lists share the metric's groups, so that both have the same bound. */
static gboolean
may_warn(guint index)
{
    static gint64 next[METRICS_GROUPS_MAX * (G_N_ELEMENTS(cause_names) - 2)]; /* microseconds */
    gint64 now = g_get_monotonic_time();

    g_mutex_lock(&warn_lock);
    gboolean due = now >= next[index];
    if (due)
        next[index] = now + warn_every * G_USEC_PER_SEC;
    g_mutex_unlock(&warn_lock);
    return due;
}

static void
tell(const struct dnsbl *list, const struct dnsbl_answer *answer)
{
    guint index = metrics_group(failures(), dnsbl_name(list)) + answer->cause - 1;

    metrics_add(failures(), index, 1);
    if (!may_warn(index))
        return;
    struct log_line *line = log_line_new(LOG_SEV_WARNING, "dnsbl");
    log_line_str(line, "list", dnsbl_name(list));
    log_line_str(line, "cause", dnsbl_cause_name(answer->cause));
    log_line_str(line, "msg", answer->why);
    log_line_emit(line);
}

struct dnsbl_answer *
dnsbl_judge(const struct dnsbl *list, const struct dns_answer *records)
{
    struct dnsbl_answer *answer = judge(list, records);

    if (answer->outcome == DNSBL_FAILED)
        tell(list, answer);
    return answer;
}

/* ---- questions ---- */

static struct dnsbl_lookup *
start(struct dns *dns, const struct dnsbl *list, const char *name)
{
    struct dnsbl_lookup *lookup = g_new0(struct dnsbl_lookup, 1);

    metrics_group(failures(), dnsbl_name(list)); /* its counters show from the first question on, at 0 */
    lookup->list = list;
    lookup->dns = dns_start(dns, name, DNS_A);
    return lookup;
}

static struct dnsbl_lookup *
not_asked(const struct dnsbl *list, const char *why)
{
    struct dnsbl_lookup *lookup = g_new0(struct dnsbl_lookup, 1);

    lookup->list = list;
    lookup->answer = answer_new(DNSBL_NOT_ASKED, why);
    return lookup;
}

/* Whether an address can be that of a host on the public Internet (RFC 6890); of IPv6 only 2000::/3 is given out so far.
 * Documentation's networks count as public: nothing of ours is behind them. */
static gboolean
is_public(const guint8 *octets, gsize length)
{
    static const char special[] = "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 "
                                  "192.168.0.0/16 198.18.0.0/15 224.0.0.0/3 ::/3 4000::/2 8000::/1";
    static struct networks *networks;
    static gsize once;
    char text[INET6_ADDRSTRLEN];

    if (g_once_init_enter(&once)) {
        g_auto(GStrv) list = g_strsplit(special, " ", -1);
        networks = networks_new(list, NULL);
        g_once_init_leave(&once, 1);
    }
    inet_ntop(length == 4 ? AF_INET : AF_INET6, octets, text, sizeof text);
    return !networks_contain(networks, text);
}

struct dnsbl_lookup *
dnsbl_start_address(struct dns *dns, const struct dnsbl *list, const guint8 *octets, gsize length)
{
    static const guint8 mapped[12] = {[10] = 0xff, [11] = 0xff};
    g_autoptr(GString) name = g_string_new(NULL);

    if (length == 16 && memcmp(octets, mapped, sizeof mapped) == 0)
        return dnsbl_start_address(dns, list, octets + sizeof mapped, 4);
    if (!is_public(octets, length))
        return not_asked(list, "the address is not of the public Internet");
    dns_reverse_name(octets, length, dnsbl_zone(list), name);
    return start(dns, list, name->str);
}

/* Whether a name (in lower case) is one of the public DNS: of two labels at least, the last no number, and not under one that
 * RFC 6761 and its followers set apart for private use. */
static gboolean
is_public_name(const char *name)
{
    static const char *const special[] = {".local", ".localhost", ".internal", ".onion", ".home.arpa"};

    const char *last = strrchr(name, '.');

    if (last == NULL || strspn(last + 1, G_CSET_DIGITS) == strlen(last + 1))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(special); i++)
        if (g_str_has_suffix(name, special[i]))
            return FALSE;
    return TRUE;
}

struct dnsbl_lookup *
dnsbl_start(struct dns *dns, const struct dnsbl *list, const char *subject)
{
    guint8 octets[16];
    gsize length = network_address(subject, octets);

    if (length > 0)
        return dnsbl_start_address(dns, list, octets, length);
    if (!dns_name_is_valid(subject) || strspn(subject, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "-_.") != strlen(subject))
        return not_asked(list, "it is neither an address nor a domain name");
    g_autofree char *domain = g_ascii_strdown(subject, -1);
    length = strlen(domain);
    if (domain[length - 1] == '.')
        domain[length - 1] = '\0';
    if (!is_public_name(domain))
        return not_asked(list, "the name is not of the public Internet");
    g_autofree char *name = g_strconcat(domain, ".", dnsbl_zone(list), NULL);
    return dns_name_is_valid(name) ? start(dns, list, name) : not_asked(list, "the name is too long to be asked about");
}

const struct dnsbl_answer *
dnsbl_wait(struct dnsbl_lookup *lookup, gint64 deadline_us)
{
    if (lookup->answer != NULL)
        return lookup->answer;
    lookup->answer = judge(lookup->list, dns_wait(lookup->dns, deadline_us));
    if (lookup->answer->outcome == DNSBL_FAILED && !lookup->quiet)
        tell(lookup->list, lookup->answer);
    return lookup->answer;
}

const char *
dnsbl_lookup_name(const struct dnsbl_lookup *lookup)
{
    return lookup->dns != NULL ? dns_lookup_name(lookup->dns) : NULL;
}

void
dnsbl_lookup_free(struct dnsbl_lookup **lookup)
{
    if (*lookup == NULL)
        return;
    dns_lookup_free(&(*lookup)->dns);
    dnsbl_answer_free(&(*lookup)->answer);
    g_clear_pointer(lookup, g_free);
}

/* ---- test entries ---- */

/* RFC 5782 5: 127.0.0.2 and 127.0.0.1, the same as IPv4-mapped IPv6 addresses (which are asked for as such), TEST and INVALID. */
static struct dnsbl_lookup *
start_test(struct dns *dns, const struct dnsbl *list, enum dnsbl_kind kind, gboolean listed)
{
    const guint8 octets[16] = {[10] = 0xff, 0xff, 127, 0, 0, listed ? 2 : 1};
    g_autoptr(GString) name = g_string_new(NULL);

    if (kind == DNSBL_NAMES)
        g_string_printf(name, "%s.%s", listed ? "test" : "invalid", dnsbl_zone(list));
    else
        dns_reverse_name(kind == DNSBL_IPV4 ? octets + 12 : octets, kind == DNSBL_IPV4 ? 4 : 16, dnsbl_zone(list), name);
    struct dnsbl_lookup *lookup = start(dns, list, name->str);
    lookup->quiet = TRUE;
    return lookup;
}

void
dnsbl_check_start(struct dnsbl_check *check, struct dns *dns, const struct dnsbl *list)
{
    for (guint kind = 0; kind < DNSBL_KINDS; kind++) {
        check->listed[kind] = start_test(dns, list, (enum dnsbl_kind)kind, TRUE);
        check->unlisted[kind] = start_test(dns, list, (enum dnsbl_kind)kind, FALSE);
    }
}

enum dnsbl_health
dnsbl_check_wait(struct dnsbl_check *check, enum dnsbl_kind kind, gint64 deadline_us, const char **why_r)
{
    const struct dnsbl_answer *listed = dnsbl_wait(check->listed[kind], deadline_us);
    const struct dnsbl_answer *unlisted = dnsbl_wait(check->unlisted[kind], deadline_us);
    gboolean sick = listed->outcome == DNSBL_FAILED || unlisted->outcome == DNSBL_FAILED;

    *why_r = NULL;
    if (unlisted->outcome == DNSBL_LISTED)
        return DNSBL_LISTS_ALL;
    if (sick)
        *why_r = listed->outcome == DNSBL_FAILED ? listed->why : unlisted->why;
    return sick ? DNSBL_SICK : listed->outcome == DNSBL_LISTED ? DNSBL_WORKS : DNSBL_ABSENT;
}

void
dnsbl_check_clear(struct dnsbl_check *check)
{
    for (guint kind = 0; kind < DNSBL_KINDS; kind++) {
        dnsbl_lookup_free(&check->listed[kind]);
        dnsbl_lookup_free(&check->unlisted[kind]);
    }
}
