/* html_tags.c: the table of tags, by strcmp of their names, and the counts of those that stand open. */
#include "lib/spam/view/html_tags.h"
#include <string.h>

#define UNSEEN G_MININT64

static const struct html_tag TAGS[] = {
    {"!doctype", HTML_TAG_DOCTYPE, 0},
    {"a", HTML_TAG_A, HTML_TAG_ELEMENT | HTML_TAG_STYLED},
    {"abbr", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"acronym", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"address", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"applet", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"area", HTML_TAG_AREA, HTML_TAG_ELEMENT},
    {"b", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"base", HTML_TAG_BASE, HTML_TAG_ELEMENT},
    {"basefont", HTML_TAG_BASEFONT, HTML_TAG_ELEMENT | HTML_TAG_STYLED},
    {"bdo", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"bgsound", HTML_TAG_BGSOUND, HTML_TAG_TRICK},
    {"big", HTML_TAG_BIG, HTML_TAG_ELEMENT | HTML_TAG_STYLED},
    {"blockquote", HTML_TAG_OTHER, HTML_TAG_ELEMENT | HTML_TAG_PARA},
    {"body", HTML_TAG_BODY, HTML_TAG_ELEMENT | HTML_TAG_STYLED},
    {"br", HTML_TAG_OTHER, HTML_TAG_ELEMENT | HTML_TAG_LINE},
    {"button", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"caption", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"center", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"cite", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"code", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"col", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"colgroup", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"dd", HTML_TAG_OTHER, HTML_TAG_ELEMENT | HTML_TAG_BLANK},
    {"del", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"dfn", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"dir", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"div", HTML_TAG_DIV, HTML_TAG_ELEMENT | HTML_TAG_STYLED | HTML_TAG_LINE},
    {"dl", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"dt", HTML_TAG_OTHER, HTML_TAG_ELEMENT | HTML_TAG_BLANK},
    {"em", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"embed", HTML_TAG_EMBED, HTML_TAG_TRICK | HTML_TAG_BLANK},
    {"fieldset", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"font", HTML_TAG_FONT, HTML_TAG_ELEMENT | HTML_TAG_STYLED},
    {"form", HTML_TAG_FORM, HTML_TAG_ELEMENT},
    {"frame", HTML_TAG_FRAME, HTML_TAG_ELEMENT},
    {"frameset", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"h1", HTML_TAG_OTHER, HTML_TAG_ELEMENT | HTML_TAG_BLANK},
    {"h2", HTML_TAG_OTHER, HTML_TAG_ELEMENT | HTML_TAG_BLANK},
    {"h3", HTML_TAG_OTHER, HTML_TAG_ELEMENT | HTML_TAG_BLANK},
    {"h4", HTML_TAG_OTHER, HTML_TAG_ELEMENT | HTML_TAG_BLANK},
    {"h5", HTML_TAG_OTHER, HTML_TAG_ELEMENT | HTML_TAG_BLANK},
    {"h6", HTML_TAG_OTHER, HTML_TAG_ELEMENT | HTML_TAG_BLANK},
    {"head", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"hr", HTML_TAG_OTHER, HTML_TAG_ELEMENT | HTML_TAG_PARA},
    {"html", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"i", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"iframe", HTML_TAG_IFRAME, HTML_TAG_ELEMENT},
    {"img", HTML_TAG_IMG, HTML_TAG_ELEMENT},
    {"input", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"ins", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"isindex", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"kbd", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"label", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"legend", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"li", HTML_TAG_OTHER, HTML_TAG_ELEMENT | HTML_TAG_BLANK},
    {"link", HTML_TAG_LINK, HTML_TAG_ELEMENT},
    {"listing", HTML_TAG_OTHER, HTML_TAG_TRICK | HTML_TAG_PARA},
    {"map", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"menu", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"meta", HTML_TAG_META, HTML_TAG_ELEMENT},
    {"nobr", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"noframes", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"noscript", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"object", HTML_TAG_OBJECT, HTML_TAG_ELEMENT},
    {"ol", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"optgroup", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"option", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"p", HTML_TAG_P, HTML_TAG_ELEMENT | HTML_TAG_STYLED | HTML_TAG_PARA},
    {"param", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"plaintext", HTML_TAG_OTHER, HTML_TAG_TRICK | HTML_TAG_PARA},
    {"pre", HTML_TAG_OTHER, HTML_TAG_ELEMENT | HTML_TAG_PARA},
    {"q", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"s", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"samp", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"script", HTML_TAG_SCRIPT, HTML_TAG_ELEMENT},
    {"select", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"small", HTML_TAG_SMALL, HTML_TAG_ELEMENT | HTML_TAG_STYLED},
    {"span", HTML_TAG_SPAN, HTML_TAG_ELEMENT | HTML_TAG_STYLED},
    {"strike", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"strong", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"style", HTML_TAG_STYLE, HTML_TAG_ELEMENT},
    {"sub", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"sup", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"table", HTML_TAG_TABLE, HTML_TAG_ELEMENT | HTML_TAG_STYLED},
    {"tbody", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"td", HTML_TAG_TD, HTML_TAG_ELEMENT | HTML_TAG_STYLED | HTML_TAG_BLANK},
    {"textarea", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"tfoot", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"th", HTML_TAG_TH, HTML_TAG_ELEMENT | HTML_TAG_STYLED | HTML_TAG_BLANK},
    {"thead", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"title", HTML_TAG_TITLE, HTML_TAG_ELEMENT | HTML_TAG_PARA},
    {"tr", HTML_TAG_TR, HTML_TAG_ELEMENT | HTML_TAG_STYLED},
    {"tt", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"u", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"ul", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"var", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"x-sigsep", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"x-tab", HTML_TAG_OTHER, HTML_TAG_ELEMENT},
    {"xmp", HTML_TAG_OTHER, HTML_TAG_TRICK | HTML_TAG_PARA},
};

struct html_inside {
    gint64 known[G_N_ELEMENTS(TAGS)]; /* UNSEEN: never seen */
    gint64 ids[HTML_TAG_IDS];         /* index into known, by id; -1 = none */
    GHashTable *unknown;              /* GBytes -> gint64 * */
};

/* By a name's first byte: where its tags begin in the table; those of the next byte begin behind them. */
static const guint8 *
begins(void)
{
    static guint8 table[257];
    static gsize once;

    G_STATIC_ASSERT(G_N_ELEMENTS(TAGS) < 256);
    if (g_once_init_enter(&once)) {
        for (guint c = 0, i = 0; c <= 256; c++) {
            while (i < G_N_ELEMENTS(TAGS) && (guint8)TAGS[i].name[0] < c)
                i++;
            table[c] = (guint8)i;
        }
        g_once_init_leave(&once, 1);
    }
    return table;
}

const struct html_tag *
html_tag_find(const char *name, gsize length)
{
    const guint8 *begin = begins();

    if (length == 0 || length >= sizeof TAGS[0].name)
        return NULL;
    for (guint i = begin[(guint8)*name]; i < begin[(guint8)*name + 1]; i++)
        if (TAGS[i].name[length] == '\0' && TAGS[i].name[length - 1] != '\0' && memcmp(TAGS[i].name, name, length) == 0)
            return &TAGS[i];
    return NULL;
}

struct html_inside *
html_inside_new(void)
{
    struct html_inside *inside = g_new0(struct html_inside, 1);

    for (guint i = 0; i < G_N_ELEMENTS(TAGS); i++) {
        inside->known[i] = UNSEEN;
        inside->ids[TAGS[i].id] = i;
    }
    inside->unknown = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)(void (*)(void))g_bytes_unref, g_free);
    return inside;
}

void
html_inside_free(struct html_inside **inside)
{
    if (*inside == NULL)
        return;
    g_hash_table_unref((*inside)->unknown);
    g_clear_pointer(inside, g_free);
}

gint64 *
html_inside_at(struct html_inside *inside, const struct html_tag *tag, const char *name, gsize length, gboolean *is_new)
{
    g_autoptr(GBytes) key = NULL;
    gint64 *count;

    if (tag != NULL) {
        count = &inside->known[tag - TAGS];
        *is_new = *count == UNSEEN;
        if (*is_new)
            *count = 0;
        return count;
    }
    key = g_bytes_new(name, length);
    count = g_hash_table_lookup(inside->unknown, key);
    *is_new = count == NULL;
    if (count == NULL && g_hash_table_size(inside->unknown) < HTML_TAGS_MAX) {
        count = g_new0(gint64, 1);
        g_hash_table_insert(inside->unknown, g_steal_pointer(&key), count);
    }
    return count;
}

gboolean
html_inside_get(const struct html_inside *inside, const char *name, gsize length, gint64 *count)
{
    const struct html_tag *tag = html_tag_find(name, length);
    g_autoptr(GBytes) key = NULL;
    const gint64 *found;

    if (tag != NULL) {
        found = &inside->known[tag - TAGS];
        if (*found == UNSEEN)
            return FALSE;
    } else {
        key = g_bytes_new(name, length);
        found = g_hash_table_lookup(inside->unknown, key);
        if (found == NULL)
            return FALSE;
    }
    *count = *found;
    return TRUE;
}

gint64
html_inside_known(const struct html_inside *inside, enum html_tag_id id)
{
    gint64 count = inside->known[inside->ids[id]];

    return count != UNSEEN ? count : 0;
}

void
html_inside_foreach(const struct html_inside *inside, void (*each)(const char *name, gsize length, gint64 count, gpointer data),
                    gpointer data)
{
    GHashTableIter iter;
    gpointer key, value;

    for (guint i = 0; i < G_N_ELEMENTS(TAGS); i++)
        if (inside->known[i] != UNSEEN)
            each(TAGS[i].name, strlen(TAGS[i].name), inside->known[i], data);
    g_hash_table_iter_init(&iter, inside->unknown);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        gsize length;
        const char *name = g_bytes_get_data(key, &length);

        each(name, length, *(gint64 *)value, data);
    }
}
