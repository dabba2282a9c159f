/* field_text.h: the body of an X-Spam field: one line or folded, and in ASCII (RFC 2047, UTF-8). As SpamAssassin writes it. */
#pragma once
#include <glib.h>

/* text without line ends at its end; folded where it has line ends, else by 79 columns behind white space and commas, so that
 * "X-Spam-NAME: " and the text fit; fold FALSE: line ends become spaces. New string with LF folds. */
GString *field_text_fold(const char *name, const GString *text, gboolean fold);
/* Each line on its own: what lies between the printable words at both ends becomes one encoded word, Q or B, whichever is
 * shorter, however long. New string. */
GString *field_text_encode(const GString *text);
