/* eval_lists.h: what the eval functions of list plugins (WLBLEval, FreeMail, VBounce, ..) share: the lists of a ruleset, made once, and
 * what they have found out about one message. */
#pragma once
#include "lib/spam/eval/address_lists.h"
#include "lib/spam/eval/freemail.h"
#include "lib/spam/eval/from_name.h"
#include "lib/spam/eval/phishing_feeds.h"
#include "lib/spam/scan/message_view.h"

/* Immutable, shared by threads. */
struct eval_lists {
    struct received_list *received, *received_default; /* welcomelist_from_rcvd, def_.. */
    struct glob_list *welcome_from, *allows_relays, *bounce_relays; /* NULL: none */
    struct freemail *freemail;                         /* NULL: no domains */
    struct from_name_settings *from_name;
    struct phishing_feeds *phishing;                   /* NULL: none */
};

/* settings must outlive it. */
struct eval_lists *eval_lists_new(const struct view_settings *settings);
void eval_lists_free(struct eval_lists **lists); /* NULL-safe */

/* Of one message. */
struct eval_list_state {
    GPtrArray *from, *to; /* GString *; NULL: not asked yet */
    struct freemail_message freemail;
    struct from_name from_name;
    gboolean from_name_known;
};
struct eval_list_state *eval_list_state_new(const struct eval_lists *lists, struct message_view *view, struct matcher *matcher);
void eval_list_state_free(struct eval_list_state *state); /* NULL-safe */
