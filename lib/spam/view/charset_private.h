/* charset_private.h: what the charset files share. */
#pragma once
#include <glib.h>
#include "lib/spam/view/charset.h"

/* What a decoder does with bytes that mean nothing. */
enum charset_bad {
    CHARSET_BAD_FAILS,
    CHARSET_BAD_REPLACED, /* U+FFFD */
    CHARSET_BAD_QUOTED,   /* \xHH */
};

struct charset_run {
    guint32 code, count, unicode;
};

/* Sequences from code on; text has a character for each. */
struct charset_row {
    guint32 code;
    const char *text;
};

struct charset_source {
    const char *name;      /* Encode's, lower case */
    const char *converter; /* ICU's */
    const struct charset_run *runs;
    guint n_runs;
    const struct charset_row *rows;
    guint n_rows;
};
extern const struct charset_source charset_sources[];
extern const gsize charset_n_sources;

/* Encode's canonical name (lower case) for a declared one, or NULL when it knows none such (g_free). */
char *charset_canonical(const char *declared);

/* The table of a canonical name, or NULL. Made at first use. */
struct charset_table;
const struct charset_table *charset_table_find(const char *canonical);
/* Appends to out; FALSE when something did not fit and bad says FAILS. An incomplete end is dropped. */
gboolean charset_table_decode(const struct charset_table *table, const char *text, gsize length, enum charset_bad bad,
                              GString *out);

/* The charsets that are no tables; TRUE in *known when canonical is one of them. */
gboolean charset_stateful_decode(const char *canonical, const char *text, gsize length, enum charset_bad bad, GString *out,
                                 gboolean *known);
gboolean charset_unicode_decode(const char *canonical, const char *text, gsize length, enum charset_bad bad, GString *out,
                                gboolean *known);
gboolean charset_utf8_decode(const char *text, gsize length, enum charset_bad bad, GString *out);
gboolean charset_utf16_decode(const char *text, gsize length, gboolean big_endian, enum charset_bad bad, GString *out);

/* A character in UTF-8 as Perl writes it: surrogates too. */
void charset_append(GString *out, guint32 c);
