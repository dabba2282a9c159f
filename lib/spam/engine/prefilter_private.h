/* prefilter_private.h: what a prefilter holds. Private to lib/spam/engine. */
#pragma once
#include <hs.h>
#include "lib/spam/engine/prefilter.h"

/* Patterns as they are, and rough forms of others, are compiled into databases of so many each (batches): all in one takes twice as long to
 * compile, and is no faster. Mixed it is slower, for rough expressions have states for every byte where others wait for literals. */
enum prefilter_part {
    PREFILTER_PART_EXACT,
    PREFILTER_PART_ROUGH,
    PREFILTER_PART_ROUGH_ASCII, /* for texts of ASCII, in place of PREFILTER_PART_ROUGH */
    PREFILTER_PARTS
};

struct prefilter {
    GPtrArray *databases[PREFILTER_PARTS]; /* hs_database_t * */
    guint n_rules, n_untaken;
    guint32 *always; /* bits of the rules that were not taken */
};
