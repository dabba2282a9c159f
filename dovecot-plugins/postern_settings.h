/* postern_settings.h: the settings of Postern's plugins as Dovecot 2.4 must know them; 2.3 has them in plugin {} unchecked.
 *
 * On 2.4 a setting that Dovecot's config process does not know keeps the whole server from starting, so libpostern_settings.so tells
 * it their names (postern_settings_module.c), and each plugin has the same tables linked in. All are strings, and the plugins check
 * them: a wrong value is then an error in the log and not a server that does not start. */
#pragma once
#include "dovecot-plugins/compat.h"

#define PQ_DEFAULT_SOCKET "/run/postern/quota.sock"
#define PQ_DEFAULT_THRESHOLDS "80 95 100"
#define PQ_DEFAULT_DELAY "250 ms"

struct postern_quota_settings {
    pool_t pool;
    const char *postern_quota_socket;
    const char *postern_quota_thresholds;
    const char *postern_quota_delay;
};

#if DOVECOT_24
extern const struct setting_parser_info postern_quota_setting_parser_info;
#endif
