/* rfc822_date.h: dates of header fields as SpamAssassin reads them: found anywhere in a text, RFC 5322's form
 * and a few others, years from 1970 to 2037. */
#pragma once
#include <glib.h>

/* Seconds since 1970 of the first date in text. FALSE when there is none. Thread-safe. */
gboolean rfc822_date_parse(const char *text, gsize len, gint64 *seconds_r);

/* Where the first date of a Received line stands, from the white space before its day to its zone's end: a day, a month of three bytes, a
 * year, a time with seconds and a word, single blanks between. FALSE when there is none. */
gboolean rfc822_date_find(const char *line, gsize len, gsize *start_r, gsize *end_r);
