/* html_entities.h: entities decoded as HTML::Parser 3.81 does: by name (HTML 4.01's), decimal or hex; the semicolon may be left
 * out after a number and after the names of Latin-1. Bytes become characters at the first entity that is above U+00FF.
 * Linear in length; nothing kept. Thread-safe. */
#pragma once
#include "lib/spam/view/spam_string.h"

/* expand_prefix: an unknown name is also tried by its beginnings (&ampfoo), as is done in text but not in attributes.
 * utf8_bytes: text is bytes that are taken as UTF-8 (or Latin-1 where they are not), and so they come out. */
struct spam_string *html_entities_decode(struct spam_slice text, gboolean expand_prefix, gboolean utf8_bytes);
