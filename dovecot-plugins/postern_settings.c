/* postern_settings.c: tables of settings for Dovecot 2.4. */
#include "dovecot-plugins/postern_settings.h"
#include "settings-parser.h"

#define SETTING(name) SETTING_DEFINE_STRUCT_STR(#name, name, struct postern_quota_settings)
static const struct setting_define quota_settings[] = {
    SETTING(postern_quota_socket),
    SETTING(postern_quota_thresholds),
    SETTING(postern_quota_delay),
    SETTING_DEFINE_LIST_END,
};
static const struct postern_quota_settings quota_defaults = {
    .postern_quota_socket = PQ_DEFAULT_SOCKET,
    .postern_quota_thresholds = PQ_DEFAULT_THRESHOLDS,
    .postern_quota_delay = PQ_DEFAULT_DELAY,
};
const struct setting_parser_info postern_quota_setting_parser_info = {
    .name = "postern_quota",
    .defines = quota_settings,
    .defaults = &quota_defaults,
    .struct_size = sizeof(struct postern_quota_settings),
    .pool_offset1 = 1 + offsetof(struct postern_quota_settings, pool),
};
