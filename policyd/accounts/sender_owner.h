/* sender_owner.h: may this authenticated user send as this envelope sender?
 *
 * Yes, when it is the login's own mailbox; with an extension after recipient_delimiter; the same in an alias domain of its domain;
 * an alias that has the mailbox among its members, by however many steps; any address of a domain whose catch-all alias leads to
 * the mailbox, unless it is a mailbox or an alias of its own; or one that the table policy_sender gives it:
 *   login   the login as Postfix passes it, in comparison form
 *   sender  an address (with or without extension), or @domain for all of them
 * A mailbox belongs to its own user even if it forwards mail to others. What PostfixAdmin has switched off (mailbox, alias, domain)
 * is nobody's; a login whose mailbox or domain is off may send as nobody at all. A login without a mailbox has what the
 * table gives it. */
#pragma once
#include "policyd/accounts/policy_accounts.h"

struct sender_rules {
    const char *default_domain; /* for logins without a domain; NULL or "": they stay as they are */
    guint members_max;          /* an alias with more members gives no right to send as it; 0: no bound */
    gboolean null_sender;       /* whether everybody may send as <> */
    gboolean forwards;          /* whether a mailbox that forwards to the login's may be used as sender, too */
};

enum sender_why {
    SENDER_NULL,            /* <>: as rules say */
    SENDER_OWN,             /* yes: the login's mailbox; also with an extension, or in an alias domain */
    SENDER_ALIAS,           /* yes: a member of the alias */
    SENDER_CATCH_ALL,       /* yes: the domain's catch-all leads to it */
    SENDER_FORWARDED,       /* yes: by rules.forwards */
    SENDER_TABLE,           /* yes: policy_sender */
    SENDER_NOT_OWNED,       /* no */
    SENDER_TOO_MANY_MEMBERS,/* no: it is a member, but of more than rules.members_max */
    SENDER_LOGIN_OFF,       /* no: the login's mailbox or domain is switched off */
    SENDER_DOMAIN_OFF,      /* no: the sender's domain is switched off */
    SENDER_UNTOLD           /* unknown, or would block */
};
/* What an admin is told: a few words, never NULL. */
const char *sender_why_text(enum sender_why why);

struct sender_answer {
    enum sender_why why;
    gboolean stale;
};
/* sender: RFC 5321 reverse-path in comparison form, "" for <>. answer_r may be NULL. Without an accounts database: UNKNOWN unless the
 * table says yes. */
enum lookup sender_owner_may_send(struct policy_accounts *accounts, const char *login, const char *sender, gboolean may_block,
                                  gint64 now_ms, const struct sender_rules *rules, struct sender_answer *answer_r);
