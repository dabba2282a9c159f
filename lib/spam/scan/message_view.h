/* message_view.h: one message as rules see it: its texts, headers, hops, URIs and parts, each made when it is first asked for.
 *
 * All that is handed out belongs to the view and stays as long as it. For one thread at a time. */
#pragma once
#include "lib/spam/eval/parts.h"
#include "lib/spam/eval/pdf_info.h"
#include "lib/spam/scan/view_settings.h"
#include "lib/spam/view/html_view.h"

struct message_view;

/* message: as received, length bytes (CRLF or LF); copied. settings must outlive the view. Never NULL. */
struct message_view *message_view_new(const struct view_settings *settings, const char *message, gsize length);
void message_view_free(struct message_view **view); /* NULL-safe */
const struct view_settings *message_view_settings(const struct message_view *view);
struct spam_tree *message_view_tree(struct message_view *view);

/* Lists of GBytes *, as rules of that type see them. */
const GPtrArray *message_view_body(struct message_view *view);
const GPtrArray *message_view_rawbody(struct message_view *view);
const GPtrArray *message_view_uri_texts(struct message_view *view);
GBytes *message_view_full(struct message_view *view); /* the message without an mbox line */

/* The same texts for eval functions; *count_r elements. */
const struct perl_text *message_view_body_texts(struct message_view *view, gsize *count_r);
/* From now on the body's paragraph reads so; what was handed out of it before stays, too. */
void message_view_replace_body(struct message_view *view, gsize index, const GString *text);
const struct perl_text *message_view_rawbody_texts(struct message_view *view, gsize *count_r);

/* What rules get of the message when they ask for a header (headers.h). */
const struct spam_headers *message_view_headers(struct message_view *view);
const GPtrArray *message_view_header(struct message_view *view, const char *name); /* GBytes *, perhaps none */
/* Its values in one text, as header rules see it; NULL when there is none. Caller unrefs. */
GBytes *message_view_header_text(struct message_view *view, const char *name);

const struct spam_relays *message_view_relays(struct message_view *view);
const struct uris *message_view_uris(struct message_view *view);
const GPtrArray *message_view_uris_all(struct message_view *view);  /* struct uri_text *: uris_all() */
const GPtrArray *message_view_html(struct message_view *view);      /* struct html_view *, one of each text/html part */
const struct uris_html *message_view_links(struct message_view *view, gsize *count_r); /* of each of these: its links */
struct eval_parts message_view_parts(struct message_view *view);
const struct pdf_info *message_view_pdf(struct message_view *view); /* its URIs are among the message's when the plugin PDFInfo is loaded */
