/* catalogue_word.c: the dictionary of addresses, hosts and names.
 *
 * The same mailboxes, clients and authors come again and again; each is kept once in `word` and referred to by
 * four bytes. The id is not counted up but computed: the first 31 bits of SHA-256(value, 0, attempt) that is
 * not 0 and not taken by another value, attempt = 0, 1, 2 ...; so the text needs no index of its own. Values
 * are compared whole, so a collision only costs a further lookup, also when somebody makes one on purpose:
 * each further attempt of one chosen value takes about 2^31 hashes to occupy. */
#include "archive-store/server/catalogue_private.h"
#include <string.h>

#define ATTEMPTS 64
#define CACHE_MAX 50000

char *
catalogue_text(const char *text, gsize max)
{
    gsize length = text ? strlen(text) : 0;
    /* Mending may make it longer (one bad byte becomes three), so there is no need to look at more than max. */
    char *valid = g_utf8_make_valid(text ? text : "", (gssize)MIN(length, max));
    gsize end = strlen(valid);
    if (length > max || end > max) {
        /* The cut may have split a character, which mending then made U+FFFD: take that away again. */
        end = MIN(end, max);
        while (end > 0 && ((guchar)valid[end] & 0xc0) == 0x80)
            end--;
        valid[end] = '\0';
        while (g_str_has_suffix(valid, "\xef\xbf\xbd"))
            valid[strlen(valid) - 3] = '\0';
    }
    return valid;
}

/* The first 8 bytes of a SHA-256 over value and, when attempt >= 0, a NUL and attempt. */
static guint64
hash(const char *value, int attempt)
{
    guint8 digest[32], more[2] = {0, (guint8)attempt};
    gsize length = sizeof digest;
    guint64 number = 0;
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(sum, (const guchar *)value, (gssize)strlen(value));
    if (attempt >= 0)
        g_checksum_update(sum, more, sizeof more);
    g_checksum_get_digest(sum, digest, &length);
    for (guint i = 0; i < 8; i++)
        number = number << 8 | digest[i];
    return number;
}

gint64
catalogue_message_key(const char *message_id)
{
    g_autofree char *text = g_strstrip(g_strdup(message_id ? message_id : ""));
    gsize length = strlen(text);
    char *bare = text;
    if (length >= 2 && text[0] == '<' && text[length - 1] == '>') {
        text[length - 1] = '\0';
        bare++;
    }
    if (!*bare)
        return 0;
    gint64 key = (gint64)(hash(bare, -1) >> 1);
    return key ? key : 1;
}

struct slot {
    const char *value;
    gboolean taken, same;
};

static gboolean
look_slot(const struct sql_row *row, gpointer data)
{
    struct slot *slot = data;
    slot->taken = TRUE;
    slot->same = strcmp(sql_row_text(row, 0, NULL), slot->value) == 0;
    return FALSE;
}

/* Follows the attempts of value: 1 found at *id_r, 0 *id_r is the free place for it, -1 error. */
static int
probe(struct sql *sql, const char *value, gint64 *id_r, GError **error)
{
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        gint64 id = (gint64)(hash(value, attempt) >> 33);
        if (id == 0)
            continue;
        struct slot slot = {.value = value};
        if (!sql_run(sql, "word_get", (struct sql_value[]){SQL_I(id)}, 1, look_slot, &slot, NULL, error))
            return -1;
        *id_r = id;
        if (!slot.taken || slot.same)
            return slot.same;
    }
    g_set_error(error, SQL_ERROR, SQL_ERROR_STATEMENT, "no place left for a word");
    return -1;
}

int
catalogue_word_find(struct sql *sql, const char *value, gint64 *id_r, GError **error)
{
    g_autofree char *text = catalogue_text(value, CATALOGUE_WORD_MAX);
    return *text ? probe(sql, text, id_r, error) : 0;
}

gboolean
catalogue_word(struct catalogue *catalogue, const char *value, struct sql_value *value_r, GError **error)
{
    *value_r = (struct sql_value){.type = SQL_NULL};
    if (!value || !*value)
        return TRUE;
    g_autofree char *text = catalogue_text(value, CATALOGUE_WORD_MAX);
    if (!*text)
        return TRUE;
    gpointer known = g_hash_table_lookup(catalogue->words, text);
    gint64 id = GPOINTER_TO_INT(known);
    if (!known) {
        int found = probe(catalogue->batch, text, &id, error);
        if (found < 0 || (found == 0 && !sql_run(catalogue->batch, "word_add", (struct sql_value[]){SQL_I(id), SQL_T(text)},
                                                 2, NULL, NULL, NULL, error)))
            return FALSE;
        if (g_hash_table_size(catalogue->words) >= CACHE_MAX)
            g_hash_table_remove_all(catalogue->words);
        g_hash_table_insert(catalogue->words, g_steal_pointer(&text), GINT_TO_POINTER((gint)id));
    }
    *value_r = SQL_I(id);
    return TRUE;
}
