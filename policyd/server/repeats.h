/* repeats.h: answers that were given a moment ago, so that a question that Postfix asks again is not counted again.
 *
 * smtpd asks once more when a connection breaks before the answer, and for each of its restriction lists that names the service. */
#pragma once
#include <glib.h>

#define REPEATS_MS 60000   /* an answer is known for this long at least, and for twice that at most */
#define REPEATS_MAX 200000u /* answers within REPEATS_MS; later ones are not kept then */

/* Thread-safe. */
struct repeats;
struct repeats *repeats_new(void);
void repeats_free(struct repeats *repeats);
/* The answer to the question of this identity (policy_request_identity), or NULL; caller releases (g_ref_string_release). now_ms: of a
 * clock that only goes forward. */
char *repeats_find(struct repeats *repeats, const guint8 identity[16], gint64 now_ms);
/* answer: made by g_ref_string_new; a reference is taken. */
void repeats_keep(struct repeats *repeats, const guint8 identity[16], char *answer, gint64 now_ms);
