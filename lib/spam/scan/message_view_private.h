/* message_view_private.h: what the files of message_view share. */
#pragma once
#include "lib/spam/scan/message_view.h"
#include "lib/spam/view/header.h"

struct message_view {
    const struct view_settings *settings;
    struct spam_tree *tree;
    struct header_help help;
    struct header_view *header;
    struct spam_headers headers;
    struct spam_relays *relays;
    gboolean reading_relays;  /* whoever asks for what they tell gets nothing */
    GPtrArray *body_strings, *rawbody_strings; /* GString * */
    GPtrArray *replaced;                       /* GString *: paragraphs as they were; NULL: none */
    GPtrArray *body, *rawbody;                 /* the same as GBytes * */
    GArray *body_texts, *rawbody_texts;        /* the same as struct perl_text */
    GHashTable *html_of;      /* struct spam_part * -> struct html_view *, owned */
    GPtrArray *html;          /* the same, in order of the parts */
    GBytes *full;

    /* message_view_uris.c */
    struct uris *uris;
    GPtrArray *uris_all, *uri_bytes;
    GArray *links;            /* struct uris_html */
    GPtrArray *kept;          /* memory that belongs to them */

    /* message_view_parts.c */
    GArray *parts;            /* struct eval_part */
    GPtrArray *part_types;    /* struct content_type * */
    struct pdf_info pdf;
    gboolean pdf_known;
};

void message_view_free_html(gpointer html);
void message_view_free_uris(struct message_view *view);
void message_view_free_parts(struct message_view *view);
