/* postern_settings_module.c: libpostern_settings.so. Dovecot's 2.4 config process loads all of MODULEDIR/settings and takes the tables
 * that it finds under these names. */
#include "dovecot-plugins/postern_settings.h"
#include "settings-parser.h"

extern PLUGIN_EXPORT const char *postern_settings_version;
extern PLUGIN_EXPORT const struct setting_parser_info *postern_settings_set_infos[];

const char *postern_settings_version = DOVECOT_ABI_VERSION;
const struct setting_parser_info *postern_settings_set_infos[] = {&postern_quota_setting_parser_info, NULL};
