/* compat.h: the few differences between Dovecot 2.3 and 2.4 that a plugin meets. Everything else is the same source. */
#pragma once
#include "lib.h" /* with HAVE_CONFIG_H it brings Dovecot's config.h, which has the version */

#if DOVECOT_VERSION_MAJOR > 2 || (DOVECOT_VERSION_MAJOR == 2 && DOVECOT_VERSION_MINOR >= 4)
#define DOVECOT_24 1
#else
#define DOVECOT_24 0
#endif

/* The mailbox that quota_get_resource() is asked about, when it is about none. */
#if DOVECOT_24
#define QUOTA_NO_MAILBOX NULL /* struct mailbox * */
#else
#define QUOTA_NO_MAILBOX "" /* const char *mailbox_name */
#endif

/* Modules are loaded into one name space, so the build hides all symbols but those that Dovecot looks up. */
#define PLUGIN_EXPORT __attribute__((visibility("default")))
