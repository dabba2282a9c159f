/* perl_tables.c: PCRE2's tables of the C locale, with Latin-1's case added. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "lib/spam/rules/perl_tables.h"
#include <pcre2.h>
#include <string.h>

/* The first two of PCRE2's tables (pcre2_maketables(3)): to lower case, and to the other case, a byte for each character. */
#define LOWER 0
#define FLIP 256

static void
pair(guint8 *tables, guint upper, guint lower)
{
    tables[LOWER + upper] = (guint8)lower;
    tables[FLIP + upper] = (guint8)lower;
    tables[FLIP + lower] = (guint8)upper;
}

const guint8 *
perl_tables(void)
{
    static guint8 *tables;
    static gsize once;

    if (g_once_init_enter(&once)) {
        guint8 *made = (guint8 *)(guintptr)pcre2_maketables(NULL); /* the daemons never leave the C locale for bytes */

        for (guint c = 0xc0; c <= 0xde; c++)
            if (c != 0xd7)
                pair(made, c, c + 0x20);
        tables = made;
        g_once_init_leave(&once, 1);
    }
    return tables;
}
