/* terms.c: opaque words (terms.h). */
#include "archive-store/index/terms.h"
#include <string.h>

static struct term
make_term(char kind, const char *value)
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    guint8 hash[32];
    gsize n = sizeof(hash);
    struct term term = {{1, kind}};
    guint64 bits = 0;

    g_checksum_update(sum, (const guchar *)&kind, 1);
    g_checksum_update(sum, (const guchar *)"", 1);
    g_checksum_update(sum, (const guchar *)value, (gssize)strlen(value));
    g_checksum_get_digest(sum, hash, &n);
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | hash[i];
    for (int i = 0; i < 12; i++, bits >>= 5)
        term.text[2 + i] = digits[bits & 31];
    return term;
}

struct term
term_address(enum term_role role, const char *address)
{
    return make_term((char)role, address);
}

struct term
term_domain(enum term_role role, const char *domain)
{
    return make_term(g_ascii_toupper((char)role), domain);
}

struct term
term_owner(const char *address)
{
    return make_term('o', address);
}

struct term
term_sender(const char *address)
{
    return make_term('s', address);
}

static void
add_once(GArray *out, GHashTable *seen, struct term term)
{
    if (g_hash_table_add(seen, g_strdup(term.text)))
        g_array_append_val(out, term);
}

static void
add_address(GArray *out, GHashTable *seen, enum term_role role, const char *address)
{
    const char *at = strrchr(address, '@');

    add_once(out, seen, term_address(role, address));
    if (at != NULL && at[1] != '\0')
        add_once(out, seen, term_domain(role, at + 1));
}

void
terms_of_addresses(const struct index_address *addresses, guint n, GArray *out)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < n; i++) {
        const char *address = addresses[i].address;
        if (address == NULL || *address == '\0')
            continue;
        add_address(out, seen, addresses[i].role == INDEX_FROM ? TERM_FROM : TERM_TO, address);
        if (addresses[i].role == INDEX_TO)
            add_address(out, seen, TERM_VISIBLE, address);
        if (addresses[i].owner)
            add_once(out, seen, term_owner(address));
        if (addresses[i].owner && addresses[i].role == INDEX_FROM)
            add_once(out, seen, term_sender(address));
    }
}
