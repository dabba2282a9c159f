/* quota_settings.c: reads and checks postern_quota's settings. */
#include "dovecot-plugins/quota_settings.h"
#include "dovecot-plugins/postern_settings.h"
#include "mail-user.h"
#if DOVECOT_24
#include "settings.h"
#endif

/* The settings as text; they live as long as the user. */
static void
read_texts(struct mail_user *user, struct postern_quota_settings *texts_r)
{
    *texts_r = (struct postern_quota_settings){
        .postern_quota_socket = PQ_DEFAULT_SOCKET,
        .postern_quota_thresholds = PQ_DEFAULT_THRESHOLDS,
        .postern_quota_delay = PQ_DEFAULT_DELAY,
    };
#if DOVECOT_24
    const struct postern_quota_settings *set;
    const char *error;

    if (settings_get(user->event, &postern_quota_setting_parser_info, 0, &set, &error) < 0) {
        e_error(user->event, "postern_quota: settings: %s; using the defaults", error);
        return;
    }
    texts_r->postern_quota_socket = p_strdup(user->pool, set->postern_quota_socket);
    texts_r->postern_quota_thresholds = p_strdup(user->pool, set->postern_quota_thresholds);
    texts_r->postern_quota_delay = p_strdup(user->pool, set->postern_quota_delay);
    settings_free(set);
#else
    const char *value;

    if ((value = mail_user_plugin_getenv(user, "postern_quota_socket")) != NULL)
        texts_r->postern_quota_socket = value;
    if ((value = mail_user_plugin_getenv(user, "postern_quota_thresholds")) != NULL)
        texts_r->postern_quota_thresholds = value;
    if ((value = mail_user_plugin_getenv(user, "postern_quota_delay")) != NULL)
        texts_r->postern_quota_delay = value;
#endif
}

static void
log_wrong(struct mail_user *user, const char *setting, const char *error, const char *instead)
{
    e_error(user->event, "postern_quota: %s: %s; using %s", setting, error, instead);
}

void
pq_settings_read(struct mail_user *user, struct pq_settings *settings_r)
{
    struct postern_quota_settings texts;
    char error[PQ_ERROR_MAX];

    read_texts(user, &texts);
    settings_r->socket = texts.postern_quota_socket;
    if (!pq_socket_check(settings_r->socket, error)) {
        log_wrong(user, "postern_quota_socket", error, PQ_DEFAULT_SOCKET);
        settings_r->socket = PQ_DEFAULT_SOCKET;
    }
    if (!pq_thresholds_parse(texts.postern_quota_thresholds, &settings_r->thresholds, error)) {
        log_wrong(user, "postern_quota_thresholds", error, PQ_DEFAULT_THRESHOLDS);
        if (!pq_thresholds_parse(PQ_DEFAULT_THRESHOLDS, &settings_r->thresholds, error))
            i_unreached();
    }
    if (!pq_delay_parse(texts.postern_quota_delay, &settings_r->delay_ms, error)) {
        log_wrong(user, "postern_quota_delay", error, PQ_DEFAULT_DELAY);
        if (!pq_delay_parse(PQ_DEFAULT_DELAY, &settings_r->delay_ms, error))
            i_unreached();
    }
}
