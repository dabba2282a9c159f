/* glob_list.h: addresses, hosts and domains given by globs, and which of them a text is one of.
 *
 * "*" stands for any bytes and "?" for one, neither for a line break; there is nothing else. Globs are kept by the text behind
 * their last "*" or "?" (or before the first one), so that a list of thousands costs some tens of look-ups. Time for a text
 * is bounded by its length times that of the globs that end as it does. Immutable and thread-safe once filled. */
#pragma once
#include <glib.h>

#define GLOB_TEXT_MAX 65536u /* bytes of a text; longer ones match nothing */

enum glob_kind {
    GLOB_ADDRESS, /* as SpamAssassin's address lists: "(" and "\" in a glob count as "_", but a text equal to it matches */
    GLOB_PATTERN, /* the same, but a text that only equals the glob doesn't match */
    GLOB_EXACT,   /* texts that equal the glob, and no others */
    GLOB_DOMAIN,  /* as freemail_domains: "*" stops at dots */
};

struct glob_list;
struct glob_list *glob_list_new(enum glob_kind kind);
void glob_list_free(struct glob_list *list); /* NULL-safe */
/* value: of the caller, given back with matches; must outlive the list. */
void glob_list_add(struct glob_list *list, const char *glob, gconstpointer value);
guint glob_list_size(const struct glob_list *list);

/* Called for each glob that the text matches; TRUE ends the search. */
typedef gboolean (*glob_found)(gconstpointer value, gpointer data);
/* TRUE as soon as found says so; with found NULL, as soon as a glob matches. The text should be in lower case, as globs are. */
gboolean glob_list_find(const struct glob_list *list, const char *text, gsize length, glob_found found, gpointer data);
gboolean glob_list_has(const struct glob_list *list, const char *text, gsize length);
/* One glob against all of a text; "*" stops at stop, 0 for nowhere. */
gboolean glob_match(const char *glob, const char *text, gsize length, char stop);
