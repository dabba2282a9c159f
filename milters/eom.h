/* eom.h: the end of a message: a sequence of named steps, driven through a small table of MTA operations so
 * that it runs without libmilter in tests. */
#pragma once
#include "milters/session.h"

/* What can be told to the MTA before the reply. All return FALSE when the MTA can't be told. */
struct mta_ops {
    gboolean (*add_header)(gpointer mta, const char *name, const char *value);
    gboolean (*insert_header)(gpointer mta, int position, const char *name, const char *value);
    gboolean (*change_header)(gpointer mta, int nth, const char *name, const char *value); /* NULL = delete */
    gboolean (*replace_body)(gpointer mta, GBytes *body);
    gboolean (*delete_recipient)(gpointer mta, const char *argument);
    gboolean (*set_reply)(gpointer mta, const char *code, const char *enhanced, const char *text);
};

enum mta_answer { MTA_ACCEPT, MTA_REJECT, MTA_DISCARD, MTA_TEMPFAIL };

/* Ends the session's transaction (which must exist; it is freed): what to answer. queue_id may be NULL. */
enum mta_answer eom_run(struct session *session, const char *queue_id, const struct mta_ops *ops, gpointer mta);

/* The parts of a reply text as verdict.h has them ("4.3.0 text", or only text): the SMTP code for the action,
 * the enhanced status code, and the text in printable ASCII with the reference. Exposed for tests. */
void eom_reply_parts(enum verdict_action action, const char *reply, const char *ref, char code_r[4],
                     char enhanced_r[12], GString *text_r);
