/* quota_settings.h: postern_quota's settings for one user. */
#pragma once
#include "dovecot-plugins/compat.h"
#include "dovecot-plugins/quota_thresholds.h"

struct mail_user;

struct pq_settings {
    const char *socket; /* in the user's pool; "" when the user has no events */
    struct pq_thresholds thresholds;
    unsigned int delay_ms;
};

/* Never fails: what can't be used is an error in the log that names the setting, and its default is used, so that nobody is kept from
 * their mail by it. */
void pq_settings_read(struct mail_user *user, struct pq_settings *settings_r);
