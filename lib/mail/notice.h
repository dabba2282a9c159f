/* notice.h: a short mail from the system to one of its users, as bytes (RFC 5322, 2045, 2047, 3834). */
#pragma once
#include <glib.h>

struct notice {
    const char *from, *to;     /* plain addresses */
    const char *subject;       /* one line of UTF-8 */
    const char *body;          /* UTF-8, lines end in LF or CRLF */
    gint64 now_ms;             /* since 1970 */
};
/* 7-bit, with CRLF; what is no UTF-8 becomes U+FFFD, controls in the subject and the addresses go. The Message-ID is another each time, in the
 * domain of from. Caller frees. Thread-safe. */
GString *notice_compose(const struct notice *notice);
