/* members.h: commands about what belongs to something, as entries to a list and senders to an account: words out to postern-policyd, and
 * what it answers as text. */
#pragma once
#include "cli/policyd.h"

struct members_command {
    const char *ask;          /* the daemon's command: OWNER BY REASON MEMBER.. */
    const char *usage, *doc;  /* of cli_parse; two arguments or more */
    gboolean remove;
    /* Says on stderr what still keeps it from having an effect. May be NULL. */
    void (*hint)(const struct config *config, const char *owner);
};
int members_change(int argc, char **argv, const char *config_path, const struct members_command *command);

/* All of ask OWNER AFTER (owner NULL: ask AFTER), by as many questions as it takes, into each. name: of the rows' text that lists go on
 * after. FALSE: the daemon did not answer; that is said. */
gboolean members_each(const struct config *config, const char *ask, const char *owner, const char *name, void (*each)(const json_t *row, gpointer data),
                      gpointer data);
/* Adds each member's row of one column to the table. */
void members_add_row(const json_t *row, gpointer table);
