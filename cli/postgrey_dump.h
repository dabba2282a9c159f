/* postgrey_dump.h: what postgrey's databases hold, out of what db5.3_dump -p prints of them.
 *
 * That is lines "HEADER=END", then key and value in turn, each after a blank, then "DATA=END". postgrey.db has
 * "NETWORK/SENDER/RECIPIENT" -> "FIRST,LAST" (seconds since 1970), postgrey_clients.db "ADDRESS" -> "COUNT,LAST" (how often a client
 * has passed, and when the last time). */
#pragma once
#include <stdio.h>
#include <glib.h>

#define POSTGREY_LINE_MAX 8192u /* bytes; a longer one is passed over, with its key or value */

struct postgrey_entry {
    const char *client;             /* as postgrey has it: a network or an address */
    const char *sender, *recipient; /* sender "" is the null sender; both NULL in an entry of postgrey_clients.db */
    guint64 first_or_count;         /* the first try, in seconds since 1970; or how often the client has passed */
    guint64 last_s;
};
/* The texts live as long as the call. Whether to go on. */
typedef gboolean (*postgrey_func)(const struct postgrey_entry *entry, gpointer data);
/* passed_over_r counts pairs that are no entries. TRUE: DATA=END was reached; FALSE: func ended it (*stopped_r), or it is no such output, or
 * not all of it. */
gboolean postgrey_dump_read(FILE *file, postgrey_func func, gpointer data, guint64 *passed_over_r, gboolean *stopped_r);
