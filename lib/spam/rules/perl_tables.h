/* perl_tables.h: PCRE2 character tables that make a byte pattern mean what Perl makes of it under /aa.
 *
 * \d, \w, \s, \b and the POSIX classes know ASCII only, while (?i) also folds the letters of Latin-1 (0xC0-0xDE and 0xE0-0xFE
 * but for the signs 0xD7 and 0xF7): Perl takes each byte of a byte string as a Latin-1 character. Letters whose other case is
 * outside Latin-1 (0xB5, 0xDF, 0xFF) fold to nothing. */
#pragma once
#include <glib.h>

/* For pcre2_set_character_tables; made once, lives as long as the process. Thread-safe. */
const guint8 *perl_tables(void);
