/* glob_list.c: globs by their literal ends, and the matching of one. */
#include "lib/spam/eval/glob_list.h"
#include <string.h>

#define LENGTHS_MAX 4096u /* of literal ends that are told apart */
#define HASHES 4096u

struct entry {
    char *glob;
    gsize head, tail; /* bytes before the first and behind the last wildcard; all of it when there is none */
    gboolean literal;
    gconstpointer value;
};

struct piece {
    const char *text;
    gsize length;
    guint hash; /* of its bytes from the text's end inwards: that of a longer piece is made of that of a shorter one */
};

/* Globs by a piece of text of theirs. */
struct side {
    GHashTable *by_text;     /* struct piece * -> GPtrArray * of struct entry * */
    gboolean from_end;       /* pieces are tails */
    guint64 hashes[HASHES / 64]; /* bits of those that there are: most texts end as no glob does */
    guint8 lengths[LENGTHS_MAX];
    gsize longest;
};

struct glob_list {
    enum glob_kind kind;
    GPtrArray *entries;
    GHashTable *exact;     /* const char *, as written -> struct entry * */
    struct side tail, head; /* by_tail: all with a tail; by_head: those without one, but with a head */
    GPtrArray *others;
};

static void
entry_free(gpointer data)
{
    struct entry *entry = data;

    g_free(entry->glob);
    g_free(entry);
}

static guint
piece_hash(gconstpointer piece)
{
    return ((const struct piece *)piece)->hash;
}

static gboolean
piece_equal(gconstpointer a, gconstpointer b)
{
    const struct piece *one = a, *other = b;

    return one->length == other->length && memcmp(one->text, other->text, one->length) == 0;
}

/* One byte more, further inwards. */
static void
piece_grow(struct piece *piece, gboolean from_end)
{
    const char *next = from_end ? --piece->text : piece->text + piece->length;

    piece->hash = piece->hash * 33 + (guint8)*next;
    piece->length++;
}

static void
side_init(struct side *side, gboolean from_end)
{
    side->from_end = from_end;
    side->by_text = g_hash_table_new_full(piece_hash, piece_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
}

struct glob_list *
glob_list_new(enum glob_kind kind)
{
    struct glob_list *list = g_new0(struct glob_list, 1);

    list->kind = kind;
    list->entries = g_ptr_array_new_with_free_func(entry_free);
    list->exact = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    list->others = g_ptr_array_new();
    side_init(&list->tail, TRUE);
    side_init(&list->head, FALSE);
    return list;
}

void
glob_list_free(struct glob_list *list)
{
    if (list == NULL)
        return;
    g_hash_table_unref(list->exact);
    g_hash_table_unref(list->tail.by_text);
    g_hash_table_unref(list->head.by_text);
    g_ptr_array_unref(list->others);
    g_ptr_array_unref(list->entries);
    g_free(list);
}

static void
side_add(struct side *side, const char *text, gsize length, struct entry *entry)
{
    struct piece key = {side->from_end ? text + length : text, 0, 0}; /* the entry's text */
    GPtrArray *bucket;

    while (key.length < length)
        piece_grow(&key, side->from_end);
    bucket = g_hash_table_lookup(side->by_text, &key);
    if (bucket == NULL) {
        bucket = g_ptr_array_new();
        g_hash_table_insert(side->by_text, g_memdup2(&key, sizeof key), bucket);
    }
    g_ptr_array_add(bucket, entry);
    side->lengths[length] = 1;
    side->hashes[key.hash % HASHES / 64] |= G_GUINT64_CONSTANT(1) << key.hash % 64;
    side->longest = MAX(side->longest, length);
}

void
glob_list_add(struct glob_list *list, const char *glob, gconstpointer value)
{
    struct entry *entry = g_new0(struct entry, 1);
    gsize length = strlen(glob);
    const char *last;

    entry->glob = g_strdup(glob);
    entry->value = value;
    entry->head = strcspn(glob, "*?");
    entry->literal = entry->head == length;
    for (last = glob + length; last > glob && last[-1] != '*' && last[-1] != '?'; last--)
        ;
    entry->tail = (gsize)(glob + length - last);
    if (list->kind == GLOB_ADDRESS || list->kind == GLOB_EXACT)
        g_hash_table_replace(list->exact, g_strdup(glob), entry);
    if (list->kind == GLOB_ADDRESS || list->kind == GLOB_PATTERN)
        g_strdelimit(entry->glob, "\\(", '_');
    g_ptr_array_add(list->entries, entry);
    if (list->kind == GLOB_EXACT)
        return;
    if (entry->tail > 0)
        side_add(&list->tail, entry->glob + length - MIN(entry->tail, LENGTHS_MAX - 1), MIN(entry->tail, LENGTHS_MAX - 1), entry);
    else if (entry->head > 0)
        side_add(&list->head, entry->glob, MIN(entry->head, LENGTHS_MAX - 1), entry);
    else
        g_ptr_array_add(list->others, entry);
}

guint
glob_list_size(const struct glob_list *list)
{
    return list->entries->len;
}

/* ---- one glob ---- */

/* "*" anywhere: the places of the glob that may be reached with the text so far, as a set. */
static gboolean
match_places(const char *glob, const char *text, gsize length, char stop)
{
    gsize n = strlen(glob);
    g_autofree guint8 *at = g_new0(guint8, n + 2), *next = g_new0(guint8, n + 2);

    at[0] = 1;
    for (gsize i = 0; i <= length; i++) {
        gboolean any = FALSE;

        for (gsize p = 0; p < n; p++) /* a "*" may be nothing */
            if (at[p] && glob[p] == '*')
                at[p + 1] = 1;
        if (i == length)
            break;
        memset(next, 0, n + 1);
        for (gsize p = 0; p < n; p++) {
            if (!at[p] || (glob[p] != text[i] && glob[p] != '*' && glob[p] != '?'))
                continue;
            if (glob[p] == '*' && (stop == 0 || text[i] != stop))
                any = next[p] = 1;
            if (glob[p] != '*')
                any = next[p + 1] = 1;
        }
        if (!any)
            return FALSE;
        guint8 *swap = at;
        at = next;
        next = swap;
    }
    return at[n] != 0;
}

/* Only the last "*" has to be tried in other lengths when nothing stops one. */
static gboolean
match_free(const char *glob, const char *text, gsize length)
{
    const char *star = NULL;
    gsize i = 0, resume = 0;

    while (i < length) {
        if (*glob == '*') {
            star = ++glob;
            resume = i;
        } else if (*glob != '\0' && (*glob == '?' || *glob == text[i])) {
            glob++;
            i++;
        } else if (star != NULL) {
            glob = star;
            i = ++resume;
        } else {
            return FALSE;
        }
    }
    while (*glob == '*')
        glob++;
    return *glob == '\0';
}

gboolean
glob_match(const char *glob, const char *text, gsize length, char stop)
{
    if (memchr(text, '\n', length) != NULL)
        return FALSE;
    return stop == 0 ? match_free(glob, text, length) : match_places(glob, text, length, stop);
}

/* ---- the list ---- */

struct search {
    const struct glob_list *list;
    const char *text;
    gsize length;
    glob_found found;
    gpointer data;
};

static gboolean
is_match(const struct search *search, const struct entry *entry)
{
    gsize length = strlen(entry->glob);

    if (entry->literal)
        return length == search->length && memcmp(entry->glob, search->text, length) == 0;
    if (entry->tail > search->length || entry->head > search->length)
        return FALSE;
    return glob_match(entry->glob, search->text, search->length, search->list->kind == GLOB_DOMAIN ? '.' : 0);
}

static gboolean
try_bucket(const struct search *search, const GPtrArray *bucket)
{
    for (guint i = 0; bucket != NULL && i < bucket->len; i++) {
        const struct entry *entry = bucket->pdata[i];
        if (is_match(search, entry) && (search->found == NULL || search->found(entry->value, search->data)))
            return TRUE;
    }
    return FALSE;
}

static gboolean
try_side(const struct search *search, const struct side *side)
{
    struct piece key = {search->text + (side->from_end ? search->length : 0), 0, 0};

    while (key.length < MIN(side->longest, search->length)) {
        piece_grow(&key, side->from_end);
        if (!side->lengths[key.length] || (side->hashes[key.hash % HASHES / 64] >> key.hash % 64 & 1) == 0)
            continue;
        if (try_bucket(search, g_hash_table_lookup(side->by_text, &key)))
            return TRUE;
    }
    return FALSE;
}

/* A text that is written as the glob is matches also where the glob's own meaning is another. */
static gboolean
try_exact(const struct search *search)
{
    g_autofree char *text = g_strndup(search->text, search->length);
    const struct entry *entry = strlen(text) == search->length ? g_hash_table_lookup(search->list->exact, text) : NULL;

    return entry != NULL && (search->found == NULL || search->found(entry->value, search->data));
}

gboolean
glob_list_find(const struct glob_list *list, const char *text, gsize length, glob_found found, gpointer data)
{
    struct search search = {list, text, length, found, data};

    if (list == NULL || list->entries->len == 0 || length > GLOB_TEXT_MAX)
        return FALSE;
    if (g_hash_table_size(list->exact) > 0 && try_exact(&search))
        return TRUE;
    if (length > 0 && text[length - 1] == '\n') /* "$" matches before it */
        search.length--;
    return try_side(&search, &list->tail) || try_side(&search, &list->head) || try_bucket(&search, list->others);
}

gboolean
glob_list_has(const struct glob_list *list, const char *text, gsize length)
{
    return glob_list_find(list, text, length, NULL, NULL);
}
