/* correspondents.c: one mark for each address that was written to. */
#include "policyd/greylist/correspondents.h"
#include "lib/mail/policy_action.h"
#include "policyd/state/marks.h"

void
correspondents_learn(struct state *state, const struct evaluation *evaluation)
{
    if (evaluation->request->state == POLICY_AT_RCPT && *evaluation->user != '\0' && *evaluation->recipient != '\0' && !evaluation->trial &&
        (policy_action_is_mild(evaluation->answer->str) || g_ascii_strcasecmp(evaluation->answer->str, "OK") == 0))
        marks_touch(state, MARK_CORRESPONDENT, evaluation->recipient, (guint32)(evaluation->now_ms / 1000), 1, NULL);
}
