/* quota_hooks.h: where postern_quota sits in Dovecot's storage. */
#pragma once

/* For mail_storage_hooks_add(). */
extern const struct mail_storage_hooks pq_hooks;
