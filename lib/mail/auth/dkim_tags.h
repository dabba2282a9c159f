/* dkim_tags.h: tag=value lists (RFC 6376 3.2), as signatures, key records and ARC headers have them, and what their values
 * are made of: base64, numbers, lists with colons.
 *
 * A list is good as a whole or not at all: a name that occurs twice, a name that is none, an empty tag or an octet that no
 * value may hold makes all of it invalid, since two readers of a half-good list would differ. */
#pragma once
#include <glib.h>

#define DKIM_TAG_LIST_BYTES_MAX (64u * 1024u) /* of one list; the default of dkim_limits */
#define DKIM_TAGS_MAX 64u                     /* tags of one list */
#define DKIM_NUMBER_DIGITS_MAX 76u            /* RFC 6376 3.5, l= */

struct dkim_tags;

/* Parses text (need not end in NUL; NULL only with length 0). max_bytes 0 = DKIM_TAG_LIST_BYTES_MAX. NULL with *why_r (static,
 * one line of ASCII) when it is no tag list. Values lose the white space around them and the line ends in them; other white
 * space within stays. UTF-8 is allowed in values (RFC 8616), control characters are not. Thread-safe, as all here. */
struct dkim_tags *dkim_tags_parse(const char *text, gsize length, gsize max_bytes, const char **why_r);
void dkim_tags_free(struct dkim_tags **tags); /* NULL-safe */
/* The value of a tag (names are case-sensitive), or NULL when there is no such tag. Borrowed from tags. */
const char *dkim_tags_get(const struct dkim_tags *tags, const char *name);
/* The name of the n-th tag (from 0), or NULL. */
const char *dkim_tags_name(const struct dkim_tags *tags, guint n);

/* Whether a list with colons (white space around the colons allowed) has the word, case-sensitive. */
gboolean dkim_list_has(const char *list, const char *word);
/* The octets of a base64 text, white space left out; NULL when it is not base64 in full groups or empty. Free with g_free. */
guint8 *dkim_base64(const char *text, gsize *length_r);
/* An unsigned decimal of 1 to DKIM_NUMBER_DIGITS_MAX digits; more than 64 bits hold gives G_MAXUINT64. FALSE: not a number. */
gboolean dkim_number(const char *text, guint64 *number_r);
