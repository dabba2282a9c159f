/* quota_admin.h: commands of the control socket for `postern quota`. Arguments are percent-encoded words; answers one JSON object,
 * {"rows":[{"user":..,"root":..,"used":..,..}],"more":BOOLEAN}. data: struct policyd. */
#pragma once
#include <glib.h>

gboolean quota_admin_show(const char *args, GString *answer, gpointer data); /* USER */
gboolean quota_admin_list(const char *args, GString *answer, gpointer data); /* PERCENT LIMIT: fullest first, those that hold at least so much */
