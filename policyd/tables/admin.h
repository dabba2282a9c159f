/* admin.h: commands of the control socket about the tables that people fill, for `postern policy list`, `postern rate` and
 * `postern account sender`.
 *
 * Arguments are words, percent-encoded, between blanks (an empty one is "%20"); answers one JSON object. data: struct policyd. Lists go on
 * after AFTER, empty at first: {"rows":[{..}],"more":BOOLEAN}. Changes are written when they are answered; checks here go by them at
 * once, those of other nodes when their caches have forgotten (lookup_cache.h: a minute). Answers to other questions stay in the cache. Nothing is changed by a command that has
 * something wrong in it. */
#pragma once
#include <glib.h>

gboolean tables_admin_lists(const char *args, GString *answer, gpointer data);         /* AFTER: "list" and how many "entries" */
gboolean tables_admin_list_show(const char *args, GString *answer, gpointer data);     /* NAME AFTER: "member" */
gboolean tables_admin_list_add(const char *args, GString *answer, gpointer data);      /* NAME BY REASON ENTRY..: {"changed":N,"same":[..]} */
gboolean tables_admin_list_remove(const char *args, GString *answer, gpointer data);   /* the same */
gboolean tables_admin_senders(const char *args, GString *answer, gpointer data);       /* LOGIN AFTER: "member" */
gboolean tables_admin_sender_add(const char *args, GString *answer, gpointer data);    /* LOGIN BY REASON SENDER.. */
gboolean tables_admin_sender_remove(const char *args, GString *answer, gpointer data); /* the same */
gboolean tables_admin_limits(const char *args, GString *answer, gpointer data);        /* PART: "subject", "meter", "limit" as 500/hour */
gboolean tables_admin_limit_put(const char *args, GString *answer, gpointer data);     /* SUBJECT METER BY REASON LIMIT..; or one, none */
gboolean tables_admin_limit_drop(const char *args, GString *answer, gpointer data);    /* SUBJECT METER WINDOW BY REASON: {"dropped":N} */
