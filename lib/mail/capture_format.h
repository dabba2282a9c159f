/* capture_format.h: the numbers of the capture format, for its writer (capture.c, with the narrative) and its
 * reader (capture_decode.c). Private to lib/mail. */
#pragma once
#include "lib/mail/capture.h"

#define CAPTURE_VERSION 1

/* The numbers are the format: never reused. */
enum capture_tag { TAG_TRANSACTION = 1, TAG_RECEIVED, TAG_SOURCE, TAG_INSTANCE, TAG_CLIENT_NAME, TAG_CLIENT_ADDRESS,
                   TAG_HELO, TAG_AUTH_USER, TAG_QUEUE_ID, TAG_PROTOCOL, TAG_MAIL_FROM, TAG_RECIPIENT, TAG_OUTCOME,
                   TAG_EDIT, TAG_NOTE, TAG_MESSAGE = 255 };
enum capture_recipient_tag { RECIPIENT_ORIGINAL = 1, RECIPIENT_EXPANSION, RECIPIENT_MAILBOX };
enum capture_outcome_tag { OUTCOME_ACTION = 1, OUTCOME_MODULE, OUTCOME_REASON, OUTCOME_REPLY, OUTCOME_RECIPIENTS };
enum capture_edit_tag { EDIT_TAG_KIND = 1, EDIT_TAG_INDEX, EDIT_TAG_NAME, EDIT_TAG_VALUE };

/* The string fields: TAG_INSTANCE and those that follow it, in this order. */
#define CAPTURE_STRING_FIELDS 8
char **capture_string_field(struct capture *capture, guint n);
/* A capture with everything empty and no random transaction. */
struct capture *capture_empty(void);
