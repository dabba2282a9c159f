/* admin.h: commands of the control socket about sign-ins, for `postern signin`.
 *
 * Arguments are words, percent-encoded, between blanks; answers one JSON object. data: struct policyd. */
#pragma once
#include <glib.h>

gboolean signin_admin_show(const char *args, GString *answer, gpointer data);  /* USER or NETWORK */
gboolean signin_admin_allow(const char *args, GString *answer, gpointer data); /* USER or NETWORK, BY, REASON */
/* ACCOUNT or @DOMAIN, SECONDS (0: until it is released), BY, REASON: neither signing in nor sending. */
gboolean signin_admin_suspend(const char *args, GString *answer, gpointer data);
/* NETWORK or an address in it, SECONDS (0: until it is lifted), BY, REASON: {"network":..,"known":whether somebody signed in from there}. */
gboolean signin_admin_ban(const char *args, GString *answer, gpointer data);
