/* received_forms.c: the table of received_forms.h. The line comes without its "from " and without the date.
 *
 * The order is what tells forms apart that look alike: a form catches whatever no form above it has caught.
 */
#include "lib/spam/view/received_forms.h"

#define TAKE(form, traits)                                                                                   \
    {                                                                                                        \
        form, traits, RECEIVED_TAKE, NULL                                                                    \
    }
#define SKIP(form)                                                                                           \
    {                                                                                                        \
        form, 0, RECEIVED_SKIP, NULL                                                                         \
    }
#define HELO_WORD "{HELO|EHLO}"
#define BRACKETED_IP "{[}[{]}{ip}{[}]{]}" /* qmail-ldap puts the address in brackets */
#define QMAIL_SENDER "{[} (envelope-sender <{-}>){]}"

/* Microsoft's SMTP service asks DNS for no name. */
static const struct received_form smtpsvc[] = {
    TAKE("{helo?} ([{ip}]{):0-40}) by {by} with Microsoft SMTPSVC", 0),
    SKIP("mail pickup service by {-} with Microsoft SMTPSVC{end}"),
};
static const struct received_form exchange[] = {
    TAKE("{helo} ({[}[{]}{ip}{[}%{z:0-}{]}{[}]{]}) by {by} ", RECEIVED_NO_ID),
};
static const struct received_form xmail[] = {
    TAKE("{helo} ({[}[{]}{ip}{[}]{]}:{d:1-}) by {by}{[} ({-}){]} with [XMail", RECEIVED_XMAIL),
};
static const struct received_form ecelerity[] = {
    TAKE("([{ip}:{d:1-}] helo={helo}) by {by} ", 0),
    TAKE("{-} ([{ip}:{d:1-}]) by {by} ", 0),
};
static const struct received_form exim[] = {
    SKIP("{few}{b}with local{[}-{-}{]} "),
    TAKE("[{ip}] ({x<}{few}{>x}) by {by} ", RECEIVED_FIELDS),
    TAKE("{rdns} ([{ip}]{x<}{few}{>x}) by {by} ", RECEIVED_RDNS_IS_HELO | RECEIVED_FIELDS),
    TAKE("{rdns} [{ip}]{[}:{d:1-}{]} by {by} ", RECEIVED_RDNS_IS_HELO),
};
static const struct received_form postfix[] = {
    TAKE("{helo} ({rdns} [{ip}]) by {by} ", RECEIVED_LOOKED_UP | RECEIVED_UNKNOWN_RDNS),
    TAKE("{helo} ({rdns}[{ip}]) by {by} ", RECEIVED_LOOKED_UP | RECEIVED_UNKNOWN_RDNS),
};
static const struct received_form scalix[] = {
    TAKE("{helo} ({[} {]}{ip}) by {by}", 0),
};
static const struct received_form domino[] = {
    TAKE("{helo} ([{ip}]) by {by} (Lotus", 0),
};

#define FORMS(list) list, G_N_ELEMENTS(list), FALSE
#define EXCHANGE_VERSION "{[}({):1-}) {]}{d:1-}.{d:1-}.{d:1-}.{d:1-}"
const struct received_family received_families[] = {
    {{"{few} SMTPSVC", NULL}, FORMS(smtpsvc)},
    {{"{few} with {Microsoft SMTP Server|mapi id} " EXCHANGE_VERSION "{end}",
      "{few} with {Microsoft SMTP Server|mapi id} " EXCHANGE_VERSION " "},
     FORMS(exchange)},
    {{"{few}[XMail ", NULL}, FORMS(xmail)},
    {{"{few}(ecelerity{b}", NULL}, FORMS(ecelerity)},
    {{"{few}Exim", NULL}, exim, G_N_ELEMENTS(exim), TRUE},
    {{"{few} (Postfix) with", NULL}, FORMS(postfix)},
    {{"{few}(Scalix SMTP Relay", NULL}, FORMS(scalix)},
    {{"{few} (Lotus Domino ", NULL}, FORMS(domino)},
};
const guint received_families_len = G_N_ELEMENTS(received_families);

const struct received_guarded received_before_families[] = {
    {"{few} ({SquirrelMail|NaSMail} authenticated user ", NULL,
     TAKE("{few}{ip}{b}{!.}{!-}{.:10-80}by {by} with HTTP", 0)},
    {"{few}aol.com", NULL, TAKE("{few}{ip} by {by} ({IP}) with HTTP (WebMailUI)", 0)},
};
const guint received_before_families_len = G_N_ELEMENTS(received_before_families);

/* IMP's webmail names the browser's address twice; sendmail's form is one that qmail-ldap writes too, meaning
 * other things. */
const struct received_guarded received_after_families[] = {
    {"{few}{b}with HTTP{b}", NULL, TAKE("{ip} ([{IP}]) by {by}", 0)},
    {NULL, "{few} by {-} (qmail-{-}) with ",
     TAKE("{helo} ({rdns} [{ip}]{any}) by {by} (", RECEIVED_LOOKED_UP | RECEIVED_RDNS_HAS_IDENT)},
};
const guint received_after_families_len = G_N_ELEMENTS(received_after_families);

#define PAIR "{6:1-1}{d:1-1}"
#define SMTP_AUTH                                                                                            \
    "{x<}{ESMTPA|ESMTPSA|LMTPA|LMTPSA|UTF8SMTPA|UTF8SMTPSA|UTF8LMTPA|UTF8LMTPSA|ASMTP|HTTP|HTTPS|HTTPU}{>x}"
#define SENDMAIL_AUTH "{few}({few}authenticated{few}){few} by"
const struct received_auth received_auths[] = {
    /* RFC 3848, 4954 and 6531, and what others write in their place */
    {"{few} by ", "{few} with " SMTP_AUTH "{ |;}", "{x}", TRUE},
    {"{few} by ", "{few} with " SMTP_AUTH "{end}", "{x}", TRUE},
    {"{few} by mx.google.com with ESMTPS id {a:1-4}sm{d:2-9}{l:3-3}.{d:1-3}.{d:4-4}." PAIR "." PAIR "." PAIR
     "." PAIR "." PAIR,
     "{few}(version={x} cipher={y<}{):1-}{>y})", "GMail - transport={x} cipher={y}", FALSE},
    {NULL, "from {few}{])|)]} (AUTH: {x<}{LOGIN|PLAIN|DIGEST-MD5|CRAM-MD5}{>x} {-}{[}, {few}{]}) by ", "{x}",
     FALSE},
    {"{few}authenticated", "from {few}]{[} ({):0-}){]}) " SENDMAIL_AUTH, "Sendmail", FALSE},
    {"{few}authenticated", "from {few})] " SENDMAIL_AUTH, "Sendmail", FALSE},
    {NULL,
     "{few}from {-?} (" HELO_WORD
     " {-?}) [{IP}] by {x<}mail.gmx.{net|com}{>x} ({):1-}) with {y<}{ESMTP|SMTP}{>y}",
     "GMX ({y} / {x})", FALSE},
    {"{few} (authenticated as ",
     "{few}) by {.:1-} ({d:1-2}.{d:1-1}.{d:3-3}{[}.{d:1-3}{]}) (authenticated as {.:1-}) id ", "CriticalPath",
     FALSE},
    {NULL, "{few}) (Authenticated sender: {-}) by {-} (Postfix) with ", "Postfix", FALSE},
    {NULL, "{few}) (Authenticated sender: {-}) by {-} ({x<}{):1-}{>x}) with ", "Postfix ({x})", FALSE},
    {"{few}CommuniGate Pro {HTTP|SMTP|XIMSS|IMAP}", "{few} (account ", "Communigate", FALSE},
    {NULL, "{few} with Microsoft Exchange Server HTTP-DAV{b}", "HTTP-DAV", FALSE},
    {"{few} by ", "{few} (via {x<}HTTP{.:0-1}{>x}){ |;}", "{x}", TRUE},
    {"{few} by ", "{few} (via {x<}HTTP{.:0-1}{>x}){end}", "{x}", TRUE},
};
const guint received_auths_len = G_N_ELEMENTS(received_auths);

const struct received_form received_forms[] = {
    /* Sendmail with other protocols, Exchange, Exim without its name, AT&T */
    TAKE("{helo} ({rdns} [{ip}]) by {by} with {-} (", RECEIVED_LOOKED_UP),
    TAKE("{rdns} ([{ip}] helo={helo}) by {by} with ", 0),
    TAKE("{helo} (<unknown{-?}>[{ip}]) by {by} ", 0),
    TAKE("{helo} ({rdns<}{-}.{-}{>rdns}[{ip}]) by {by} ", RECEIVED_LOOKED_UP),
    TAKE("{helo} ({ident?}@[{ip}]{any}) by {by} (", RECEIVED_LOOKED_UP),
    TAKE("{few}by {by<}{-}.hotmail.msn.com{>by} ", RECEIVED_HOTMAIL),
    /* qpsmtpd, Zimbra's LMTP, GMX, smtpd */
    TAKE("{rdns} (" HELO_WORD " {helo?}) ({ip}) by {by} (qpsmtpd/{-}) with {ESMTP|SMTP}", 0),
    TAKE("{rdns} (LHLO {helo?}) ({ip}) by {by} with LMTP", 0),
    TAKE("{rdns} (" HELO_WORD " {helo?}) [{ip}] by {by} ({):1-}) with {ESMTP|SMTP}", 0),
    TAKE("{helo} ([{ip}]) by {by} via smtpd (for {-}) with SMTP(", 0),
    /* after qmail's: webmail, gateways, MDaemon, sendmail without a name */
    TAKE("[{ip}] by {by} via HTTP{end}", 0),
    TAKE("{-} ( [{ip}]){few} by {by} ", 0),
    TAKE("({helo} [{ip}]) by {by} ", 0),
    TAKE("[{ip}] by {by} ", 0),
    TAKE("(" BRACKETED_IP ") by {by} ", 0),
    TAKE("{helo} [{ip}] by {by} [{IP}] with ", RECEIVED_LOOKED_UP),
    TAKE("{helo} [({ip})] by {by} ({IP}) ", 0),
    TAKE("{helo} ([{ip}]) by {by} (", RECEIVED_LOOKED_UP),
    TAKE("{helo} ({x} [{ip}]){few} by {by}{b}", RECEIVED_SOFT_DNS),
    TAKE("{helo} ([{ip}{[}{.|:}{d:1-}{]}]){few} by {by} ", RECEIVED_LOOKED_UP),
    TAKE("{helo} ({rdns} [{ip}]){[} (authenticated bits={d:1-}){]} by {by} (", RECEIVED_LOOKED_UP),
    {"{few}with {POP3|IMAP}", 0, RECEIVED_FETCHED, NULL},
    /* forms like qmail's, smap, InterScan */
    TAKE("{rdns} (" HELO_WORD " {helo<}{):0-}{>helo}) ({[}{ident?}@{]}" BRACKETED_IP "){any} by {by} ",
         RECEIVED_LOOKED_UP | RECEIVED_CLEAR_IDENT),
    TAKE("{rdns} ({[}{ident?}@{]}" BRACKETED_IP "){any} by {by} ",
         RECEIVED_LOOKED_UP | RECEIVED_RDNS_IS_HELO | RECEIVED_CLEAR_IDENT),
    TAKE("{rdns}({ip}) by {by} via smap ", RECEIVED_LOOKED_UP),
    TAKE("{rdns}({ip}, " HELO_WORD " {helo?}) by {by} via smap ", RECEIVED_LOOKED_UP),
    TAKE("{ip} by {by} ({SMTPL|InterScan}{b}", 0),
    SKIP("{-} by {-} with BSMTP"),
    TAKE("{helo} ({rdns} [{ip}]) by {by} with ", RECEIVED_LOOKED_UP),
    TAKE("{rdns} (" HELO_WORD " {helo?}) ({[}{ident}@{]}{ip}{few}) by {by} with ", RECEIVED_LOOKED_UP),
    /* CommuniGate, IronPort, Content Technologies, Tumbleweed, F-Secure, IMail, MailGate, Obtuse, Yahoo */
    TAKE("[{ip}] ({[}account {-} {]}" HELO_WORD " {helo?}) by {by} (", 0),
    {"{rdns} ([{ip}] verified) by {by} (", RECEIVED_LOOKED_UP | RECEIVED_RDNS_IS_HELO, RECEIVED_TAKE,
     .sign = "{few} (CommuniGate Pro"},
    TAKE("{helo<}{D:1-1}{-}{>helo} ({ip}) by {by} ", 0),
    SKIP("{-} ({-}) by {-} (Content Technologies "),
    TAKE("{helo} ([{ip}] [{-}]) by {by} with ", 0),
    TAKE("{ip} by {by} with ", 0),
    TAKE("{helo} ({rdns}[{ip}]) by {by} ", RECEIVED_LOOKED_UP),
    TAKE("[{ip}]{-} (" HELO_WORD " {helo?}) by {by} ", 0),
    TAKE("{ip} (" HELO_WORD " {helo?}) by {by} ", 0),
    TAKE("{helo} [{ip}] by {by} ", 0),
    TAKE("{rdns}({ip}) by {by} ", 0),
    TAKE("{helo} (unverified [{ip}]) by {by} ", 0),
    TAKE("{ip} ({A:1-1}{):1-}) by {by} with ", 0),
    TAKE("[{ip}] ({x<}{):1-}{>x}) by {by} ", RECEIVED_FIELDS),
    TAKE("{rdns} ({[}{-}@{]}{ip}) by {by} with ", 0),
    TAKE("{rdns}({ip}){[}, claiming to be \"{helo}\"{]} via {-} by {by},",
         RECEIVED_OBTUSE | RECEIVED_CLEAR_HELO),
    TAKE("{helo} ({-}@{ip} with login) by {by<}{-}.yahoo.com{>by} with SMTP", 0),
    TAKE("X-Originating-IP: {ip}{end}", RECEIVED_NO_BY),
};
const guint received_forms_len = G_N_ELEMENTS(received_forms);
const guint received_forms_after_qmail = 10;

const char received_qmail_sign[] =
    "{-}{[} (" HELO_WORD " {-?}){]} ({[}{-}@{]}{[}[{]}{IP}{[}]{]})" QMAIL_SENDER
    " by {-}{[} ({.:1-}){]} with {[}{any} {]}{SMTP|QMQP}{! id }";
/* Without "(HELO name)" the client has said its name in DNS. */
const struct received_form received_qmail[] = {
    TAKE("{rdns} (" HELO_WORD " {helo<}{r:0-}{>helo}) ({ident?}@" BRACKETED_IP ")" QMAIL_SENDER " by {by}",
         0),
    TAKE("{rdns} (" HELO_WORD " {helo<}{r:0-}{>helo}) (" BRACKETED_IP ")" QMAIL_SENDER " by {by}", 0),
    TAKE("{rdns} ({ident?}@" BRACKETED_IP ")" QMAIL_SENDER " by {by}", RECEIVED_RDNS_IS_HELO),
    TAKE("{rdns} (" BRACKETED_IP ")" QMAIL_SENDER " by {by}", RECEIVED_RDNS_IS_HELO),
};
const guint received_qmail_len = G_N_ELEMENTS(received_qmail);

/* Handovers inside a host, and such over the network that say too little. */
const struct received_form received_ignored[] = {
    SKIP("{-} ({n:1-}@{local}) by {-} ("),
    SKIP("{-} {-} by {-} with local-{esmtp|smtp} "),
    SKIP("127.0.0.1 (AVG SMTP {-} [{-}])"),
    SKIP("{-}@{-} by {-} "),
    SKIP("Unknown/Local ("),
    SKIP("{local} ({[}{-}@{]}{local}{)|[}"),
    SKIP("{-} ({[}{-}@{]}{local}) "),
    SKIP("{-} ({-}@{-} [{local}]) "),
    SKIP("(AUTH: {-}) by {-} with "),
    SKIP("localhost (localhost [[UNIX: localhost]]) by "),
    SKIP("{-}.amazon.com by {-}.amazon.com with ESMTP (peer crosscheck: "),
    SKIP("{p:1-} by {-} with Novell_GroupWise"),
    SKIP("no.name.available by {-} via smtpd (for "),
    {"{-} by {-} ({.:0-100}) with qmail-scanner", 0, RECEIVED_QMAIL_SCANNER, NULL},
    SKIP("{-} by {-} with local"),
    SKIP("{-} ([unix socket]) by {-} (Cyrus v{d:0-}.{d:0-}.{d:0-}) with LMTPA"),
    SKIP("{-} by {-} {with|via|for|(}"),
    SKIP("{-} {with|via|for} {-} by{b}"),
    SKIP("{-} (unverified) by{b}"),
    SKIP("{-} (unknown) by {-} (SG) with {b}"),
    SKIP("{-} ({-} [local]) by {-} (OpenSMTPD) with {b}"),
    SKIP("{few}(LSMTP for"),
    SKIP("([{local}]) with MailEnable "),
    SKIP("facebook.com ({):1-}) by facebook.com with Thrift id {-}{end}"),
    SKIP("{-} named {-} by gmailapi.google.com with HTTPREST{end}"),
    SKIP("{-} id {-}{end}"),
    SKIP("[<{few} (Jetsend"),
};
const guint received_ignored_len = G_N_ELEMENTS(received_ignored);

/* "FROM": simta, Rockliffe */
const struct received_form received_forms_upper[] = {
    TAKE("{helo} ({rdns} [{ip}]) BY {by} {[}({):1-}) WITH SMTP {]}ID {[}<{]}{id<}{S:1-~}{>id}{[}>{]}{[} FOR "
         "<{>:1-}>{]}{end}",
         RECEIVED_LOOKED_UP | RECEIVED_UNVERIFIED),
};
const guint received_forms_upper_len = G_N_ELEMENTS(received_forms_upper);

/* "(from": Norton's gateway, and programs that say who called them */
const struct received_form received_forms_bracket[] = {
    TAKE("{helo?} [{ip}]) by {by} (NAVGW {few}) with ", 0),
    SKIP("{-}@localhost) by {-} "),
    SKIP("{n:1-}@{):1-}) by {-}(jqueuemail) id {;:1-}"),
};
const guint received_forms_bracket_len = G_N_ELEMENTS(received_forms_bracket);
