/* negotiate.h: which protocol steps and actions to ask the MTA for, as pure arithmetic on bit sets. */
#pragma once
#include <glib.h>

struct negotiation {
    unsigned long actions; /* SMFIF_* to ask for */
    unsigned long steps;   /* SMFIP_* to ask for */
    gboolean symbols;      /* the MTA takes lists of macros */
    unsigned long missing; /* SMFIF_* that were wanted but are not offered */
};

/* needs: set of milter_need. offered_*: what the MTA offers (libmilter adds the SMFIP_NR_* bits that it can
 * emulate). A bit that is not offered is never asked for. */
void negotiate(guint needs, unsigned long offered_actions, unsigned long offered_steps, struct negotiation *result_r);
/* The macros to ask for at a stage (SMFIM_*), or NULL for none. */
const char *negotiate_symbols(guint needs, int stage);
