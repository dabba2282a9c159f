/* warning.h: the mail to a user whose sending comes near a limit of a check: how much of it is used, what follows when it is reached, and when there
 * is room again.
 *
 * A mark (MARK_WARNED, "rate TITLE messages 3600 SUBJECT") is touched by whatever comes while the level is at the share. Its first time is that of
 * the mail, its last one tells how long the level has been below. So a mail comes again when the window has passed since the last one and the level
 * has been below for a quarter of it, from whichever thread and start of the daemon; not each time that the level goes up and down there. Of two
 * nodes that see it rise within two seconds both may write.
 * Windows of less than an hour bring no mail: it would come too late. */
#pragma once
#include "policyd/notices/tell.h"
#include "policyd/rates/rate.h"
#include "policyd/state/state.h"

#define RATE_WARNING_SECONDS_MIN 3600u

/* A limit of a check that comes near. */
struct rate_warning {
    const char *title;   /* of the check */
    const char *subject; /* what has the limit: a user or a sender */
    enum rate_counted counted;
    guint32 limit, seconds;
    double level;
};
/* The level is at the share: whether a mail is due now. TRUE once, to one caller. FALSE before what SQL knows is in memory: it is asked again with the
 * next message. Does not block. */
gboolean rate_warning_is_due(struct state *state, const struct rate_warning *warning, gint64 now_ms);
/* Tells the user who signed in. FALSE when too many mails wait: then it is due again with the next message. Does not block. */
gboolean rate_warning_tell(struct state *state, struct mailer *mailer, struct config *config, const char *user, const struct rate_warning *warning, gint64 now_ms);

extern const struct text_kind rate_warning_text;
/* {who}, {percent}, {used}, {limit}, {counted}, {window}, {every} and {rest}. Caller frees, as text_values_new's. */
GArray *rate_warning_values(const char *language, const struct rate_warning *warning);
