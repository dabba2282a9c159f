/* text.h: bytes in some charset to valid UTF-8, through ICU, as readers of real mail need it.
 *
 * GB2312 and GBK are read as GB18030, "unicode-1-1-utf-7" as UTF-7, ISO-8859-1 as windows-1252 (WHATWG).
 * Undeclared or unknown 8-bit text: UTF-8 if valid, else the likeliest of GB18030, Big5, Shift-JIS, EUC-JP,
 * EUC-KR, KOI8-R and windows-1251/1252 by ICU's detector with own tie rules for short text. Output is never
 * invalid: what can't be mapped becomes U+FFFD; NUL becomes U+FFFD. Thread-safe. */
#pragma once
#include <glib.h>

/* Appends at most max bytes of UTF-8 for the bytes. charset NULL or "": detect. Returns the charset used
 * (static or interned string). */
const char *text_to_utf8(const void *bytes, gsize length, const char *charset, gsize max, GString *out);
/* Only the guess, for undeclared text. */
const char *text_detect(const void *bytes, gsize length);
/* Appends the header value unfolded and RFC 2047 decoded (adjacent encoded words joined before charset
 * conversion, since senders split characters), raw 8-bit as in text_to_utf8. */
void text_header_to_utf8(const char *value, gsize length, gsize max, GString *out);
/* Appends the words of an HTML document: entities resolved, script, style, head and comments out, block
 * elements and <br> as line breaks. Input and output UTF-8; linear time; at most max bytes out. */
void text_html_to_plain(const char *html, gsize length, gsize max, GString *out);
