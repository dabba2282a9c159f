/* charset.h: bytes of a declared charset to UTF-8, as SpamAssassin's _normalize does it on Perl's Encode (without the
 * optional Encode::Detect, which Debian does not install).
 *
 * Names are resolved as Encode does. Tables come from ICU, corrected where Perl's differ; each is made once, at its first
 * use, and lives as long as the process. Thread-safe, linear. */
#pragma once
#include <glib.h>

enum charset_mode {
    CHARSET_CHARACTERS,  /* a body part: UTF-8 is tried first, whatever is declared; result = characters as UTF-8 */
    CHARSET_GUESS,       /* the same where SpamAssassin asks for octets: UTF-16 that it recognises stays as it is */
    CHARSET_AS_DECLARED, /* an encoded word: only what is declared, what does not fit becomes U+FFFD */
};

/* New string, always: the text in UTF-8. decoded (may be NULL): whether it was decoded to characters at all; where not, it
 * was ASCII, or UTF-7 that encodes nothing (whose octets stay as they are). */
GString *charset_normalize(const char *text, gsize length, const char *declared, enum charset_mode mode, gboolean *decoded);

/* Whether text is UTF-8 as Perl's strict decoder takes it: no surrogates, no noncharacters (RFC 3629 and more). */
gboolean charset_is_utf8(const char *text, gsize length);
