/* header_eval_recipients.c: eval functions that look at who a message is to. */
#include "lib/spam/eval/header_eval_private.h"

#define RECIPIENTS_MAX 256 /* that are compared, as in SpamAssassin */
#define SORTED_MIN 7       /* recipients from which on an order says something */
#define SIMILAR_MIN 5
#define PREFIX 2 /* bytes of names that are compared */

static gboolean
is_same(GBytes *a, GBytes *b)
{
    gsize a_len, b_len;
    const char *x = g_bytes_get_data(a, &a_len), *y = g_bytes_get_data(b, &b_len);

    return a_len == b_len && (a_len == 0 || g_ascii_strncasecmp(x, y, a_len) == 0);
}

/* Perl's falsehood, which ends the list. */
static gboolean
ends_list(GBytes *address)
{
    gsize len;
    const char *text = g_bytes_get_data(address, &len);

    return len == 0 || (len == 1 && text[0] == '0');
}

/* The recipients without neighbours that are the same; Bcc too when there are few. Borrowed. */
static GPtrArray *
recipients_of(const struct header_eval *e)
{
    static const char *const names[] = {"ToCc:addr", "Bcc:addr"};
    GPtrArray *list = g_ptr_array_new();
    guint seen = 0;

    for (guint n = 0; n < G_N_ELEMENTS(names) && seen < SIMILAR_MIN; n++) {
        const GPtrArray *values = header_eval_values(e, names[n]);
        for (guint i = 0; i < values->len && list->len < RECIPIENTS_MAX; i++) {
            GBytes *address = g_ptr_array_index(values, i);
            if (ends_list(address))
                return list;
            if (list->len == 0 || !is_same(address, g_ptr_array_index(list, list->len - 1)))
                g_ptr_array_add(list, address);
        }
        seen += values->len;
    }
    return list;
}

static gboolean
is_sorted(const GPtrArray *list)
{
    for (guint i = 1; i < list->len; i++)
        if (g_bytes_compare(g_ptr_array_index(list, i - 1), g_ptr_array_index(list, i)) > 0)
            return FALSE;
    return TRUE;
}

/* A piece of an address. */
struct piece {
    const char *text;
    gsize len;
};

static gboolean
same_piece(struct piece a, struct piece b, gsize most)
{
    gsize a_len = MIN(a.len, most), b_len = MIN(b.len, most);

    return a_len == b_len && (a_len == 0 || memcmp(a.text, b.text, a_len) == 0);
}

/* The users and hosts. An address without @ has no host and leaves no place for one. */
static void
split_addresses(const GPtrArray *list, struct piece users[RECIPIENTS_MAX], struct piece hosts[RECIPIENTS_MAX])
{
    guint n = 0;

    for (guint i = 0; i < list->len; i++) {
        gsize len;
        const char *text = g_bytes_get_data(g_ptr_array_index(list, i), &len);
        const char *at = memchr(text, '@', len);

        users[i] = (struct piece){text, len};
        hosts[i] = (struct piece){"", 0};
        if (at != NULL)
            hosts[n++] = (struct piece){at + 1, len - (gsize)(at + 1 - text)};
    }
    for (; n < list->len; n++)
        hosts[n] = (struct piece){"", 0};
}

/* The share of pairs of recipients whose names, or different hosts, begin the same. */
static double
similarity(const GPtrArray *list)
{
    struct piece users[RECIPIENTS_MAX], hosts[RECIPIENTS_MAX];
    guint hits = 0, pairs = 0;

#ifdef POSTERN_PLANTED_BUGS
    if (list->len > 0 && list->len < SIMILAR_MIN) { /* reads the byte after a value */
        GBytes *first = g_ptr_array_index(list, 0);
        return ((const char *)g_bytes_get_data(first, NULL))[g_bytes_get_size(first)];
    }
#endif
    if (list->len < SIMILAR_MIN)
        return 0;
    split_addresses(list, users, hosts);
    for (guint i = 0; i < list->len; i++) {
        for (guint j = i + 1; j < list->len; j++, pairs++) {
            hits += same_piece(users[i], users[j], PREFIX);
            hits += same_piece(hosts[i], hosts[j], PREFIX) && !same_piece(hosts[i], hosts[j], G_MAXSIZE);
        }
    }
    return (double)hits / pairs;
}

static const struct header_recipients *
look_at_recipients(struct header_eval *e)
{
    g_autoptr(GPtrArray) list = NULL;

    if (e->recipients.known)
        return &e->recipients;
    list = recipients_of(e);
    e->recipients.known = TRUE;
    e->recipients.sorted = list->len >= SORTED_MIN && is_sorted(list);
    e->recipients.similar = similarity(list);
    return &e->recipients;
}

HEADER_EVAL(eval_sorted_recipients)
{
    (void)args, (void)n_args;
    return look_at_recipients(e)->sorted;
}

/* args: the least share of similar pairs, and the share from which on there are too many; "undef" is no limit
 */
HEADER_EVAL(eval_similar_recipients)
{
    double share = look_at_recipients(e)->similar;

    return (n_args < 1 || strcmp(args[0], "undef") == 0 || share >= g_ascii_strtod(args[0], NULL)) &&
           (n_args < 2 || strcmp(args[1], "undef") == 0 || share < g_ascii_strtod(args[1], NULL));
}

HEADER_EVAL(eval_missing_to)
{
    g_autoptr(GString) to = header_eval_text(e, "To"), apparently = header_eval_text(e, "Apparently-To");

    (void)args, (void)n_args;
    return to->len == 0 && apparently->len == 0;
}

/* Both may be empty. */
HEADER_EVAL(eval_envelope_is_from)
{
    g_autoptr(GString) envelope = header_eval_text(e, "EnvelopeFrom:addr"),
                       from = header_eval_text(e, "From:addr");

    (void)args, (void)n_args;
    return envelope->len == from->len && g_ascii_strncasecmp(envelope->str, from->str, from->len) == 0;
}

/* The last two labels of what is behind the last @, all of it when it has no such two; NULL when there is
 * nothing. */
static char *
second_level(const GString *address)
{
    const char *at = memrchr(address->str, '@', address->len), *host = at != NULL ? at + 1 : NULL;
    const char *last = host != NULL ? strrchr(host, '.') : NULL, *start = last;

    if (host == NULL || host[0] == '\0')
        return NULL;
    while (start != NULL && start > host && start[-1] != '.')
        start--;
    if (last != NULL && last[1] != '\0' && start < last && start > host + 1)
        host = start;
    return g_ascii_strdown(host, -1);
}

HEADER_EVAL(eval_unequal_from_domains)
{
    g_autoptr(GString) envelope = header_eval_text(e, "EnvelopeFrom:addr"),
                       from = header_eval_text(e, "From:addr");
    g_autofree char *envelope_domain = second_level(envelope), *from_domain = second_level(from);

    (void)args, (void)n_args;
    return envelope_domain != NULL && from_domain != NULL && strcmp(envelope_domain, from_domain) != 0;
}

/* Bulk mailers make envelope senders of the recipient: domain.user@.. */
HEADER_EVAL(eval_ratware_envelope_from)
{
    static struct line_form_once rewritten = {"SRS{d:1-1}{=|+|-}", TRUE, NULL};
    const struct spam_domains *domains = e->options->domains;
    g_autoptr(GString) to = header_eval_text(e, "To:addr"), from = header_eval_text(e, "EnvelopeFrom:addr");
    const char *at = memchr(to->str, '@', to->len);
    g_autofree char *domain = NULL, *user = NULL, *lower = NULL;
    gsize domain_len, user_len;

    (void)args, (void)n_args;
    if (from->len == 0 || at == NULL || at == to->str || at[1] == '\0' ||
        header_eval_matches(from, &rewritten))
        return FALSE;
    domain = domains->trim(domains->context, at + 1);
    if (!domains->is_valid(domains->context, domain))
        return FALSE;
    user = g_ascii_strdown(to->str, at - to->str);
    lower = g_ascii_strdown(from->str, (gssize)from->len);
    domain_len = strlen(domain);
    user_len = strlen(user);
    for (const char *found = lower; (found = strstr(found, domain)) != NULL; found++) {
        const char *rest = found + domain_len;
        gboolean inside = found > lower && (g_ascii_isalnum(found[-1]) || found[-1] == '_');
        gboolean word = g_ascii_isalnum(found[0]) || found[0] == '_';

        if (inside != word && rest[0] != '\0' && strncmp(rest + 1, user, user_len) == 0 &&
            rest[1 + user_len] == '@')
            return TRUE;
    }
    return FALSE;
}
