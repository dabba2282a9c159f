/* negotiate.c: the lean end of the milter protocol.
 *
 * Every step that no module needs is switched off, and the MTA is told not to wait for a reply to the others:
 * all replies are given at end of message. That saves one round trip between two processes a step, which is
 * most of what a milter costs on a small message. DATA, end of header and unknown commands are never needed.
 * Only steps that have a callback get a "no reply" bit: libmilter's built-in callbacks for the others do
 * reply. */
#include <libmilter/mfapi.h>
#include "milters/module.h"
#include "milters/negotiate.h"

static const struct {
    guint need;
    unsigned long off, silent;
} steps[] = {
    {NEED_CLIENT, SMFIP_NOCONNECT, SMFIP_NR_CONN},  {NEED_HELO, SMFIP_NOHELO, SMFIP_NR_HELO},
    {NEED_SENDER, SMFIP_NOMAIL, SMFIP_NR_MAIL},     {NEED_RECIPIENTS, SMFIP_NORCPT, SMFIP_NR_RCPT},
    {NEED_HEADERS, SMFIP_NOHDRS, SMFIP_NR_HDR},     {NEED_BODY, SMFIP_NOBODY, SMFIP_NR_BODY},
};

void
negotiate(guint needs, unsigned long offered_actions, unsigned long offered_steps, struct negotiation *result_r)
{
    unsigned long actions = 0, wanted = SMFIP_NODATA | SMFIP_NOEOH | SMFIP_NOUNKNOWN;

    for (gsize i = 0; i < G_N_ELEMENTS(steps); i++)
        wanted |= (needs & steps[i].need) != 0 ? steps[i].silent : steps[i].off;
    if ((needs & NEED_HEADERS) != 0)
        wanted |= SMFIP_HDR_LEADSPC;
    if ((needs & MAY_EDIT) != 0)
        actions |= SMFIF_ADDHDRS | SMFIF_CHGHDRS;
    if ((needs & MAY_REPLACE_BODY) != 0)
        actions |= SMFIF_CHGBODY;
    if ((needs & MAY_REMOVE) != 0)
        actions |= SMFIF_DELRCPT;
    result_r->steps = wanted & offered_steps;
    result_r->actions = (actions | SMFIF_SETSYMLIST) & offered_actions;
    result_r->symbols = (result_r->actions & SMFIF_SETSYMLIST) != 0;
    result_r->missing = actions & ~offered_actions;
}

/* What Postfix would send unasked is a packet of macros at nearly every step; asked, only these come.
 * {i} is asked for at the end: Postfix has no queue id before the first accepted recipient. */
const char *
negotiate_symbols(guint needs, int stage)
{
    switch (stage) {
    case SMFIM_CONNECT:
        return (needs & NEED_CLIENT) != 0 ? "{daemon_name} {daemon_port}" : NULL;
    case SMFIM_ENVFROM:
        return (needs & NEED_SENDER) != 0 ? "{auth_authen} {tls_version} r" : NULL;
    case SMFIM_EOM:
        return "i";
    default:
        return NULL;
    }
}
