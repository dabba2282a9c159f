/* spamd_service.h: the milter's server of spamd's protocol: its sockets, and scans with the rules of the current configuration.
 *
 * Sockets are opened while there may be root's rights, live as long as the process, and are handed on in a take-over. */
#pragma once
#include "lib/mail/config.h"
#include "lib/spam/spamd/server.h"

struct spamd_service;
/* Opens what spam.spamd_listen names. inherited: "DESCRIPTOR=ADDRESS" of an older process, NULL-terminated; NULL: none. NULL without
 * error: nothing is to be listened on. */
struct spamd_service *spamd_service_open(const struct config_spam *config, char *const *inherited, GError **error);
/* Begins to answer, by the scanner of runtime_current(). NULL-safe, as are those below. */
gboolean spamd_service_start(struct spamd_service *service, const struct config_spam *config, GError **error);
/* Networks, sizes and times of a new configuration; sockets stay as they are. */
gboolean spamd_service_set(struct spamd_service *service, const struct config_spam *config, GError **error);
/* Descriptors for a new process, and its arguments, added to argv (g_free). */
void spamd_service_hand_on(const struct spamd_service *service, GArray *descriptors, GPtrArray *argv);
void spamd_service_stop_accepting(struct spamd_service *service);
void spamd_service_stop(struct spamd_service **service, int drain_ms);
