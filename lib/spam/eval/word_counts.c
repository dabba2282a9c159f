/* word_counts.c: a hash table with open addressing, at most half full, of words that stay where they are in their texts. */
#include "lib/spam/eval/word_counts.h"
#include <string.h>
#include "lib/spam/view/bytes.h"

#define PLACES_MIN 512u /* a power of two */

struct word {
    const char *at; /* NULL: the place is free */
    gsize length;
    guint hash, count;
};

struct word_counts {
    struct word *places;
    guint n_places, n_words;
    GPtrArray *keys; /* GString *: words that are not in their text as characters */
};

static void
key_free(gpointer key)
{
    bytes_free(key);
}

struct word_counts *
word_counts_new(void)
{
    struct word_counts *words = g_new0(struct word_counts, 1);

    words->n_places = PLACES_MIN;
    words->places = g_new0(struct word, words->n_places);
    words->keys = g_ptr_array_new_with_free_func(key_free);
    return words;
}

void
word_counts_free(struct word_counts *words)
{
    if (words == NULL)
        return;
    g_ptr_array_unref(words->keys);
    g_free(words->places);
    g_free(words);
}

guint
word_counts_size(const struct word_counts *words)
{
    return words->n_words;
}

/* Of the process: nobody outside knows which words fall together. */
static guint64
seed(void)
{
    static gsize once;

    if (g_once_init_enter(&once))
        g_once_init_leave(&once, (gsize)g_random_int() << 32 | g_random_int() | 1);
    return once;
}

static guint
hash_of(const char *word, gsize length)
{
    guint64 hash = seed() ^ length, piece;

    for (gsize n; length > 0; word += n, length -= n) {
        n = MIN(length, sizeof piece);
        piece = 0;
        memcpy(&piece, word, n);
        unsigned __int128 product = (unsigned __int128)(hash ^ piece) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
        hash = (guint64)product ^ (guint64)(product >> 64);
    }
    return (guint)(hash ^ hash >> 32);
}

/* The place of the word, or the free one where it belongs. */
static struct word *
place_of(const struct word_counts *words, const char *at, gsize length, guint hash)
{
    for (guint i = hash & (words->n_places - 1);; i = (i + 1) & (words->n_places - 1)) {
        struct word *place = &words->places[i];
        if (place->at == NULL || (place->hash == hash && place->length == length && memcmp(place->at, at, length) == 0))
            return place;
    }
}

static void
grow(struct word_counts *words)
{
    struct word_counts wider = {.n_places = words->n_places * 2};

    wider.places = g_new0(struct word, wider.n_places);
    for (guint i = 0; i < words->n_places; i++) {
        const struct word *word = &words->places[i];
        if (word->at != NULL)
            *place_of(&wider, word->at, word->length, word->hash) = *word;
    }
    g_free(words->places);
    words->places = wider.places;
    words->n_places = wider.n_places;
}

void
word_counts_add(struct word_counts *words, const char *word, gsize length)
{
    guint hash = hash_of(word, length);
    struct word *place = place_of(words, word, length, hash);

    place->count++;
    if (place->at != NULL)
        return;
    *place = (struct word){word, length, hash, 1};
    if (++words->n_words > words->n_places / 2)
        grow(words);
}

static void
add_word(struct word_counts *words, struct perl_text word, gboolean is_key)
{
    if (!is_key && !bytes_are_ascii(word.at, word.length)) {
        GString *key = perl_text_key(word);
        g_ptr_array_add(words->keys, key);
        word = (struct perl_text){key->str, key->len, TRUE};
    }
    word_counts_add(words, word.at, word.length);
}

void
word_counts_add_text(struct word_counts *words, struct perl_text text)
{
    gboolean has_word = FALSE, is_key = text.is_chars && g_utf8_validate_len(text.at, text.length, NULL);
    gsize start = 0, size;

    for (gsize i = 0; i <= text.length; i += size) {
        guint8 byte = i < text.length ? (guint8)text.at[i] : ' ';
        gunichar c = byte;

        size = 1;
        if (byte >= 0x80 && text.is_chars)
            c = perl_text_char(text, i, &size);
        if (c < 0x80 ? !byte_is_space((char)c) : !perl_is_space(c, text.is_chars)) {
            has_word = has_word || (c < 0x80 ? byte_is_word((char)c) : perl_is_word(c, text.is_chars));
            continue;
        }
        if (has_word)
            add_word(words, perl_text_slice(text, start, i), is_key);
        start = i + size;
        has_word = FALSE;
    }
}

guint
word_counts_more(const struct word_counts *words, const struct word_counts *than)
{
    guint more = 0;

    for (guint i = 0; i < words->n_places; i++) {
        const struct word *word = &words->places[i];
        if (word->at != NULL)
            more += word->count > place_of(than, word->at, word->length, word->hash)->count;
    }
    return more;
}
