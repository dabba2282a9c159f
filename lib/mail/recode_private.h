/* recode_private.h: what recode.c and recode_header.c share. */
#pragma once
#include "lib/mail/recode.h"

/* Whether a line of the text is longer than RECODE_LINE_MAX. */
gboolean recode_has_long_line(const guint8 *data, gsize length);
/* Folds the top header fields that have such a line; FALSE when one could not be. */
gboolean recode_header(struct message *message, struct verdict *verdict);
