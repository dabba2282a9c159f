/* dns.c: lookups and answers, whoever answers them. */
#include "lib/base/dns.h"
#include <string.h>

struct dns {
    gatomicrefcount refs;
    const struct dns_source *source;
    gpointer data;
};

struct dns_bell {
    gatomicrefcount refs; /* the waiter, and each lookup */
    GMutex lock;
    GCond rung;
    gboolean has_rung;
};

struct dns_lookup {
    gatomicrefcount refs; /* the asker, and the source until it has completed */
    struct dns_bell *bell; /* or NULL */
    char *name;
    enum dns_type type;
    GMutex lock;
    GCond answered;
    struct dns_answer *answer; /* under lock until it is set */
    struct dns_answer *late;   /* what the asker was told at the deadline: the asker's own */
};

const char *
dns_outcome_name(enum dns_outcome outcome)
{
    static const char *const names[] = {"found", "no_data", "no_name", "failed"};

    return names[outcome];
}

/* ---- answers ---- */

static void
record_clear(gpointer record)
{
    g_free((gpointer)((struct dns_record *)record)->data); /* what strings points to lies behind it */
}

struct dns_answer *
dns_answer_new(enum dns_outcome outcome)
{
    struct dns_answer *answer = g_new0(struct dns_answer, 1);

    answer->outcome = outcome;
    answer->records = g_array_new(FALSE, FALSE, sizeof(struct dns_record));
    g_array_set_clear_func(answer->records, record_clear);
    return answer;
}

void
dns_answer_free(struct dns_answer **answer)
{
    if (*answer == NULL)
        return;
    g_array_unref((*answer)->records);
    g_free((*answer)->why);
    g_clear_pointer(answer, g_free);
}

/* Lengths of strings are kept behind the data and its NUL, and count. */
static void
add(struct dns_answer *answer, guint16 preference, const void *data, gsize length, const guint8 *lengths, guint n)
{
    gsize sum = length + n;

    for (guint i = 0; i < answer->records->len; i++)
        sum += g_array_index(answer->records, struct dns_record, i).length +
               g_array_index(answer->records, struct dns_record, i).n_strings;
    if (answer->records->len >= DNS_RECORDS_MAX || length > DNS_DATA_MAX || sum > DNS_ANSWER_MAX) {
        answer->truncated = TRUE;
        return;
    }
    guint8 *copy = g_malloc(length + 1 + n);
    if (length > 0)
        memcpy(copy, data, length);
    copy[length] = 0;
    if (n > 0)
        memcpy(copy + length + 1, lengths, n);
    struct dns_record record = {.preference = preference, .length = (guint32)length, .data = copy,
                                .strings = n > 0 ? copy + length + 1 : NULL, .n_strings = n};
    g_array_append_val(answer->records, record);
}

void
dns_answer_add(struct dns_answer *answer, guint16 preference, const void *data, gsize length)
{
    add(answer, preference, data, length, NULL, 0);
}

void
dns_answer_add_strings(struct dns_answer *answer, const void *data, gsize length, const guint8 *lengths, guint n)
{
    add(answer, 0, data, length, lengths, n);
}

/* ---- the resolver ---- */

struct dns *
dns_new(const struct dns_source *source, gpointer data)
{
    struct dns *dns = g_new0(struct dns, 1);

    g_atomic_ref_count_init(&dns->refs);
    dns->source = source;
    dns->data = data;
    return dns;
}

struct dns *
dns_ref(struct dns *dns)
{
    g_atomic_ref_count_inc(&dns->refs);
    return dns;
}

void
dns_unref(struct dns *dns)
{
    if (dns == NULL || !g_atomic_ref_count_dec(&dns->refs))
        return;
    if (dns->source->close != NULL)
        dns->source->close(dns->data);
    g_free(dns);
}

/* ---- names ---- */

/* Whether text is a name of labels of octets from lowest to 126. */
static gboolean
is_name(const char *text, guchar lowest)
{
    gsize length = strlen(text), label = 0;

    if (length > 0 && text[length - 1] == '.')
        length--;
    if (length == 0 || length > DNS_NAME_MAX)
        return FALSE;
    for (gsize i = 0; i < length; i++) {
        guchar c = (guchar)text[i];

        if (c == '.') {
            if (label == 0)
                return FALSE;
            label = 0;
            continue;
        }
        if (c < lowest || c > 126 || c == '\\' || c == '"' || ++label > 63)
            return FALSE;
    }
    return label > 0;
}

gboolean
dns_name_is_valid(const char *text)
{
    return is_name(text, 33);
}

void
dns_reverse_name(const guint8 *address, gsize length, const char *suffix, GString *out)
{
    if (length == 4) {
        g_string_append_printf(out, "%u.%u.%u.%u.%s", address[3], address[2], address[1], address[0],
                               suffix != NULL ? suffix : "in-addr.arpa");
        return;
    }
    for (gsize i = length; i > 0; i--)
        g_string_append_printf(out, "%x.%x.", address[i - 1] & 15u, address[i - 1] >> 4);
    g_string_append(out, suffix != NULL ? suffix : "ip6.arpa");
}

/* ---- bells ---- */

struct dns_bell *
dns_bell_new(void)
{
    struct dns_bell *bell = g_new0(struct dns_bell, 1);

    g_atomic_ref_count_init(&bell->refs);
    g_mutex_init(&bell->lock);
    g_cond_init(&bell->rung);
    return bell;
}

void
dns_bell_unref(struct dns_bell *bell)
{
    if (bell == NULL || !g_atomic_ref_count_dec(&bell->refs))
        return;
    g_mutex_clear(&bell->lock);
    g_cond_clear(&bell->rung);
    g_free(bell);
}

gboolean
dns_bell_wait(struct dns_bell *bell, gint64 until_us)
{
    g_mutex_lock(&bell->lock);
    while (!bell->has_rung && g_cond_wait_until(&bell->rung, &bell->lock, until_us))
        ;
    gboolean has_rung = bell->has_rung;
    bell->has_rung = FALSE;
    g_mutex_unlock(&bell->lock);
    return has_rung;
}

static void
ring(struct dns_bell *bell)
{
    g_mutex_lock(&bell->lock);
    bell->has_rung = TRUE;
    g_cond_signal(&bell->rung);
    g_mutex_unlock(&bell->lock);
}

/* ---- lookups ---- */

static void
lookup_unref(struct dns_lookup *lookup)
{
    if (!g_atomic_ref_count_dec(&lookup->refs))
        return;
    g_mutex_clear(&lookup->lock);
    g_cond_clear(&lookup->answered);
    dns_answer_free(&lookup->answer);
    dns_answer_free(&lookup->late);
    dns_bell_unref(lookup->bell);
    g_free(lookup->name);
    g_free(lookup);
}

struct dns_lookup *
dns_start(struct dns *dns, const char *name, enum dns_type type)
{
    return dns_start_with_bell(dns, name, type, NULL);
}

struct dns_lookup *
dns_start_with_bell(struct dns *dns, const char *name, enum dns_type type, struct dns_bell *bell)
{
    struct dns_lookup *lookup = g_new0(struct dns_lookup, 1);
    gsize length = strlen(name);

    g_atomic_ref_count_init(&lookup->refs);
    lookup->type = type;
    g_mutex_init(&lookup->lock);
    g_cond_init(&lookup->answered);
    lookup->name = g_ascii_strdown(name, (gssize)(length > 0 && name[length - 1] == '.' ? length - 1 : length));
    if (!is_name(name, ' ')) {
        lookup->answer = dns_answer_new(DNS_NO_NAME);
        lookup->answer->malformed = TRUE;
        if (bell != NULL)
            ring(bell);
        return lookup;
    }
    if (bell != NULL) {
        lookup->bell = bell;
        g_atomic_ref_count_inc(&bell->refs);
    }
    g_atomic_ref_count_inc(&lookup->refs);
    dns->source->ask(dns->data, lookup->name, type, lookup);
    return lookup;
}

void
dns_pass_on(struct dns *dns, struct dns_lookup *lookup)
{
    dns->source->ask(dns->data, lookup->name, lookup->type, lookup);
}

const struct dns_answer *
dns_wait(struct dns_lookup *lookup, gint64 deadline_us)
{
    if (lookup->late != NULL)
        return lookup->late;
    g_mutex_lock(&lookup->lock);
    while (lookup->answer == NULL && g_cond_wait_until(&lookup->answered, &lookup->lock, deadline_us))
        ;
    const struct dns_answer *answer = lookup->answer;
    g_mutex_unlock(&lookup->lock);
    if (answer != NULL)
        return answer;
    lookup->late = dns_answer_new(DNS_FAILED);
    lookup->late->why = g_strdup("no answer in time");
    return lookup->late;
}

gboolean
dns_is_answered(struct dns_lookup *lookup)
{
    g_mutex_lock(&lookup->lock);
    gboolean answered = lookup->answer != NULL;
    g_mutex_unlock(&lookup->lock);
    return answered;
}

void
dns_lookup_free(struct dns_lookup **lookup)
{
    if (*lookup != NULL)
        lookup_unref(*lookup);
    *lookup = NULL;
}

const char *
dns_lookup_name(const struct dns_lookup *lookup)
{
    return lookup->name;
}

enum dns_type
dns_lookup_type(const struct dns_lookup *lookup)
{
    return lookup->type;
}

void
dns_complete(struct dns_lookup *lookup, struct dns_answer *answer)
{
    g_mutex_lock(&lookup->lock);
    lookup->answer = answer;
    g_cond_broadcast(&lookup->answered);
    g_mutex_unlock(&lookup->lock);
    if (lookup->bell != NULL)
        ring(lookup->bell);
    lookup_unref(lookup);
}
