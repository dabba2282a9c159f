/* make_simplify_table.c: prints simplify_table.h: which Chinese character is the simplified form of which.
 *
 * The table comes from ICU's transliterator "Traditional-Simplified", whose rules are one character to one, followed
 * to its end so that folding twice changes nothing more. Its rules into plane 2 (169 in ICU 76, of characters that hardly
 * anyone writes) are left out, so that folding never makes a text longer. It is kept in the
 * tree and not asked from ICU at run time: index files live for years, and a word must fold the same way when it
 * was indexed and when it is searched. After a new table, raise FOLD_VERSION (fold.h) so that old files
 * are rebuilt. Usage: make_simplify_table > simplify_table.h */
#include <stdio.h>
#include <unicode/uchar.h>
#include <unicode/ustring.h>
#include <unicode/utrans.h>

/* Returns the simplified form of c, or c. */
static UChar
simplify(UTransliterator *trans, UChar c)
{
    UChar text[8] = {c};
    int32_t length = 1, limit = 1;
    UErrorCode status = U_ZERO_ERROR;

    utrans_transUChars(trans, text, &length, 8, 0, &limit, &status);
    return U_SUCCESS(status) && length == 1 ? text[0] : c;
}

/* simplify_fully - follows the rules to their end; where they go in a circle (苎 and 苧), to its lowest character */
static UChar
simplify_fully(UTransliterator *trans, UChar c)
{
    UChar lowest;

    for (int hops = 0; hops < 8; hops++)
        c = simplify(trans, c);
    lowest = c;
    for (int hops = 0; hops < 8; hops++) {
        c = simplify(trans, c);
        lowest = c < lowest ? c : lowest;
    }
    return lowest;
}

int
main(void)
{
    UErrorCode status = U_ZERO_ERROR;
    UChar id[32];

    u_uastrcpy(id, "Traditional-Simplified");
    UTransliterator *trans = utrans_openU(id, -1, UTRANS_FORWARD, NULL, 0, NULL, &status);
    if (U_FAILURE(status)) {
        fprintf(stderr, "make_simplify_table: %s\n", u_errorName(status));
        return 1;
    }
    printf("/* simplify_table.h: pairs of a Traditional character and its simplified form, ascending.\n"
           " * Made by make_simplify_table from ICU %s's \"Traditional-Simplified\" (Unicode licence). */\n"
           "#pragma once\n\nstatic const guint16 simplify_table[][2] = {\n",
           U_ICU_VERSION);
    int n = 0;
    for (UChar32 c = 0x3400; c < 0xffff; c++) {
        if (U_IS_SURROGATE(c) || !u_isdefined(c))
            continue;
        UChar to = simplify_fully(trans, (UChar)c);
        if (to == c)
            continue;
        printf("%s{0x%04x, 0x%04x},", n % 6 == 0 ? "    " : " ", (unsigned)c, (unsigned)to);
        if (++n % 6 == 0)
            printf("\n");
    }
    printf("%s};\n", n % 6 == 0 ? "" : "\n");
    utrans_close(trans);
    return 0;
}
