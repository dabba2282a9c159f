/* freemail_private.h: what freemail.c knows of addresses by their local parts. Texts are bytes; their case doesn't count. */
#pragma once
#include <glib.h>

/* Addresses of roles, bounces and forwarders: never counted. */
gboolean freemail_is_role(const char *address, gsize length);
/* Envelope senders of lists, bounces and machines. */
gboolean freemail_is_bulk(const char *sender, gsize length);
