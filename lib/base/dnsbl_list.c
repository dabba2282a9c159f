/* dnsbl_list.c: the notation of lists, and which return codes are known of one.
 *
 * Each octet of a pattern becomes a set of 256 bits, whatever it was written as. */
#include "lib/base/dnsbl.h"
#include "lib/base/log.h"
#include <string.h>

#define OCTETS 4u
#define QUOTED_MAX 80u /* characters of an entry in an error */
#define KEY_MIN 20u    /* octets of a customer's key; Spamhaus' have 26 */
#ifdef POSTERN_PLANTED_BUGS
#define OCTET_MAX 999u
#else
#define OCTET_MAX 255u
#endif

struct entry {
    gboolean any;                  /* no codes were given */
    guint32 octets[OCTETS][8];     /* the numbers that match */
    guint32 literal;               /* the one code that matches, 0 when there are several */
    int weight;
};
struct dnsbl {
    char *zone, *name;
    GArray *entries; /* struct entry */
};

G_DEFINE_QUARK(dnsbl-error-quark, dnsbl_error)

static void
dnsbl_free(gpointer data)
{
    struct dnsbl *list = data;

    g_array_unref(list->entries);
    g_free(list->zone);
    g_free(list->name);
    g_free(list);
}

const char *
dnsbl_zone(const struct dnsbl *list)
{
    return list->zone;
}

const char *
dnsbl_name(const struct dnsbl *list)
{
    return list->name;
}

/* ---- codes ---- */

static gboolean
octet_has(const guint32 octet[8], guint number)
{
    return (octet[number / 32] >> number % 32 & 1) != 0;
}

static gboolean
entry_matches(const struct entry *entry, guint32 code)
{
    if (code == 0x7f000001)
        return entry->literal == code;
    if (code >> 24 != 127 || code >> 8 == 0x7fffff)
        return FALSE;
    for (guint i = 0; i < OCTETS && !entry->any; i++)
        if (!octet_has(entry->octets[i], code >> (24 - 8 * i) & 255))
            return FALSE;
    return TRUE;
}

gboolean
dnsbl_believes(const struct dnsbl *list, guint32 code)
{
    for (guint i = 0; i < list->entries->len; i++)
        if (entry_matches(&g_array_index(list->entries, struct entry, i), code))
            return TRUE;
    return FALSE;
}

int
dnsbl_weight(const struct dnsbl *list, const struct dnsbl_answer *answer)
{
    int sum = 0;

    for (guint i = 0; i < list->entries->len; i++) {
        const struct entry *entry = &g_array_index(list->entries, struct entry, i);
        gboolean matches = FALSE;

        for (guint c = 0; c < answer->codes->len; c++)
            matches |= entry_matches(entry, g_array_index(answer->codes, guint32, c));
        sum += matches ? entry->weight : 0;
    }
    return sum;
}

/* ---- the notation ---- */

static gboolean
take_number(const char **at, guint *number_r)
{
    const char *start = *at;

    for (*number_r = 0; g_ascii_isdigit(**at) && *at - start < 3; ++*at)
        *number_r = *number_r * 10 + (guint)(**at - '0');
    return *at > start && !g_ascii_isdigit(**at) && *number_r <= OCTET_MAX;
}

/* N, N..M or &N */
static gboolean
take_item(const char **at, guint32 octet[8])
{
    gboolean mask = **at == '&';
    guint first, last;

    *at += mask;
    if (!take_number(at, &first))
        return FALSE;
    last = first;
    if (!mask && strncmp(*at, "..", 2) == 0) {
        *at += 2;
        if (!take_number(at, &last))
            return FALSE;
    }
    for (guint n = mask ? 1 : first; n <= last; n++)
        if (!mask || (n & ~first) == 0)
            octet[n / 32] |= 1u << n % 32;
    return last >= first && (!mask || first > 0);
}

/* A number, or [item;item..] */
static gboolean
take_octet(const char **at, guint32 octet[8])
{
    guint number;

    if (**at != '[') {
        if (!take_number(at, &number))
            return FALSE;
        octet[number / 32] |= 1u << number % 32;
        return TRUE;
    }
    do {
        ++*at;
        if (!take_item(at, octet))
            return FALSE;
    } while (**at == ';');
    return *(*at)++ == ']';
}

static gboolean
parse_codes(const char *text, struct entry *entry)
{
    for (guint i = 0; i < OCTETS; i++)
        if ((i > 0 && *text++ != '.') || !take_octet(&text, entry->octets[i]))
            return FALSE;
    guint32 code = 0;
    guint numbers = 0; /* in all octets together */
    for (guint i = 0; i < OCTETS; i++)
        for (guint n = 0; n < 256; n++)
            if (octet_has(entry->octets[i], n)) {
                code = code << 8 | n;
                numbers++;
            }
    entry->literal = numbers == OCTETS ? code : 0;
    return *text == '\0';
}

/* Whether some code that matches is ever believed. */
static gboolean
can_match(const struct entry *entry)
{
    gboolean other[OCTETS] = {FALSE}; /* than 255 */

    for (guint i = 0; i < OCTETS; i++)
        for (guint n = 0; n < 255; n++)
            other[i] |= octet_has(entry->octets[i], n);
    return octet_has(entry->octets[0], 127) && (other[1] || other[2]);
}

static gboolean
is_zone(const char *zone)
{
    if (!dns_name_is_valid(zone) || strlen(zone) > DNSBL_ZONE_MAX)
        return FALSE;
    return strspn(zone, G_CSET_a_2_z G_CSET_DIGITS "-_.") == strlen(zone);
}

/* What is wrong with the entry, or NULL. Cuts text down to the zone. */
static const char *
parse_entry(char *text, struct entry *entry)
{
    char *weight = strchr(text, '*'), *codes;
    gint64 number = 1;

    if (weight != NULL) {
        *weight++ = '\0';
        if (!g_ascii_string_to_signed(weight, 10, -DNSBL_WEIGHT_MAX, DNSBL_WEIGHT_MAX, &number, NULL))
            return "after * stands a whole number from -" G_STRINGIFY(DNSBL_WEIGHT_MAX) " to " G_STRINGIFY(DNSBL_WEIGHT_MAX);
    }
    codes = strchr(text, '=');
    if (codes != NULL)
        *codes++ = '\0';
    entry->weight = (int)number;
    entry->any = codes == NULL;
    gsize length = strlen(text);
    if (length > 1 && text[length - 1] == '.')
        text[length - 1] = '\0';
    for (char *c = text; *c != '\0'; c++)
        *c = g_ascii_tolower(*c);
    if (!is_zone(text))
        return "a list begins with its domain name, as zen.spamhaus.org, of at most " G_STRINGIFY(DNSBL_ZONE_MAX) " letters";
    if (codes != NULL && !parse_codes(codes, entry))
        return "after = stand return codes, as 127.0.0.2, 127.0.0.[2;4..11] or, for a mask of bits, 127.0.0.[&14]";
    if (codes != NULL && !can_match(entry))
        return "such codes are never believed: they must be in 127.0.0.0/8 and not in 127.255.255.0/24";
    return NULL;
}

/* zone, less a first label that looks like a key */
static char *
name_of(const char *zone)
{
    gsize length = strcspn(zone, ".");
    gboolean digits = FALSE, others = FALSE;

    for (gsize i = 0; i < length; i++) {
        digits |= g_ascii_isdigit(zone[i]);
        others |= !g_ascii_isalnum(zone[i]);
    }
    return g_strdup(length >= KEY_MIN && digits && !others && zone[length] == '.' ? zone + length + 1 : zone);
}

/* The list of the zone, a new one if there is room; NULL: there is none. */
static struct dnsbl *
list_of(GPtrArray *lists, const char *zone)
{
    for (guint i = 0; i < lists->len; i++) {
        struct dnsbl *known = g_ptr_array_index(lists, i);
        if (strcmp(known->zone, zone) == 0)
            return known->entries->len < DNSBL_ENTRIES_MAX ? known : NULL;
    }
    if (lists->len >= DNSBL_LISTS_MAX)
        return NULL;
    struct dnsbl *list = g_new0(struct dnsbl, 1);
    list->zone = g_strdup(zone);
    list->name = name_of(zone);
    list->entries = g_array_new(FALSE, FALSE, sizeof(struct entry));
    g_ptr_array_add(lists, list);
    return list;
}

/* Adds one entry; FALSE and error when it is wrong. */
static gboolean
add_entry(GPtrArray *lists, const char *text, GError **error)
{
    g_autofree char *copy = g_strdup(text);
    struct entry entry = {0};
    const char *wrong = parse_entry(copy, &entry);
    struct dnsbl *list = wrong == NULL ? list_of(lists, copy) : NULL;

    if (list != NULL) {
        g_array_append_val(list->entries, entry);
        return TRUE;
    }
    if (wrong == NULL)
        wrong = "too many: there may be " G_STRINGIFY(DNSBL_LISTS_MAX) " lists of " G_STRINGIFY(DNSBL_ENTRIES_MAX) " entries";
    g_autoptr(GString) quoted = g_string_new(NULL);
    log_sanitize(quoted, text, strlen(text), QUOTED_MAX);
    g_set_error(error, DNSBL_ERROR, DNSBL_ERROR_NOTATION, "DNS list \"%s\": %s", quoted->str, wrong);
    return FALSE;
}

GPtrArray *
dnsbl_parse(const char *text, GError **error)
{
    g_autoptr(GPtrArray) lists = g_ptr_array_new_with_free_func(dnsbl_free);

    if (strlen(text) > DNSBL_TEXT_MAX) {
        g_set_error(error, DNSBL_ERROR, DNSBL_ERROR_NOTATION, "DNS lists: more than %d bytes", DNSBL_TEXT_MAX);
        return NULL;
    }
    g_auto(GStrv) words = g_strsplit_set(text, ", \t\r\n", -1);
    for (guint i = 0; words[i] != NULL; i++)
        if (*words[i] != '\0' && !add_entry(lists, words[i], error))
            return NULL;
    return g_steal_pointer(&lists);
}
