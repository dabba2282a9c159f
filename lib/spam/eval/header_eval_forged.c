/* header_eval_forged.c: eval functions that know how the hosts of big mail services write Received lines, and
 * find mail that claims to be theirs and isn't. */
#include "lib/spam/eval/header_eval_private.h"
#include "lib/spam/view/ip_text.h"

#define FORM(text)                                                                                           \
    {                                                                                                        \
        text, FALSE, NULL                                                                                    \
    }

static gboolean
matches_any(const GString *text, struct line_form_once *forms, guint n)
{
    for (guint i = 0; i < n; i++)
        if (header_eval_matches(text, &forms[i]))
            return TRUE;
    return FALSE;
}

static gboolean
has_address(const struct header_eval *e, const char *name)
{
    g_autoptr(GString) text = header_eval_text(e, name);
    gsize start, end;

    return ip_text_find(text->str, text->len, &start, &end);
}

static gboolean
is_from(const struct header_eval *e, const char *domain)
{
    g_autoptr(GString) from = header_eval_text(e, "From:addr");

    return header_eval_ends_with_word(from, domain);
}

/* ---- AOL ---- */

/* "rly-", in any case: seldom, and without it the lines need not be made one. */
static gboolean
has_relay_mark(const GString *received)
{
    const char *end = received->str + received->len;

    for (const char *dash = received->str; (dash = memchr(dash, '-', (gsize)(end - dash))) != NULL; dash++)
        if (dash - received->str >= 3 && g_ascii_strncasecmp(dash - 3, "rly", 3) == 0)
            return TRUE;
    return FALSE;
}

HEADER_EVAL(eval_fake_aol_relay)
{
    static struct line_form_once relay = {"{find} rly-{A:2-2}{d:2-2}.", TRUE, NULL};
    static struct line_form_once real[] = {FORM("{find}/AOL-{d:1-}.{d:1-}.{d:1-})"),
                                           FORM("{find}ESMTP id {RELAY|MAILRELAY|MAILIN}")};
    const GString *line;

    (void)args, (void)n_args;
    if (!has_relay_mark(header_eval_received(e)))
        return FALSE;
    line = header_eval_received_line(e);
    return header_eval_matches(line, &relay) && !matches_any(line, real, G_N_ELEMENTS(real));
}

/* ---- Hotmail and MSN ---- */

static gboolean
is_hotmail_line(const struct header_eval *e, const GString *line)
{
    static struct line_form_once with_ip[] = {
        FORM("{find}from {[}{-?}.{]}hotmail{.:1-1}com ({-}.hotmail{[}.msn{]}.com{ |)}"),
        FORM("{find}from {-?}.hotmail{.:1-1}com ([{IP}]{ |)|:}"),
        FORM("{find}from {-} by {-}.hotmail{[}.msn{]}.com with HTTP;"),
        FORM("{find}from [66.218{.:1-1}{-}] by {-}.yahoo.com"),
    };
    static struct line_form_once with_originator[] = {
        FORM("{find}from {-?}.outbound.protection.outlook.com ({-}.outbound.protection.outlook.com{ |)}"),
        FORM("{find}from {-?}.{eur|nam}prd{d:1-}.prod.outlook.com ({IP})"),
    };
    g_autoptr(GString) originator = header_eval_text(e, "X-OriginatorOrg");

    if (has_address(e, "X-Originating-Ip") && matches_any(line, with_ip, G_N_ELEMENTS(with_ip)))
        return TRUE;
    return (header_eval_contains(originator, "hotmail.com") ||
            header_eval_contains(originator, "msonline-outlook")) &&
           matches_any(line, with_originator, G_N_ELEMENTS(with_originator));
}

static void
look_at_hotmail(struct header_eval *e)
{
    static struct line_form_once pickup =
        FORM("{find}from mail pickup service by hotmail.com with Microsoft SMTPSVC;");
    static struct line_form_once claim = FORM("{find}{from |HELO |helo=}{-?}hotmail.com{b}");
    const GString *line = header_eval_received_line(e);

    if (e->hotmail_known)
        return;
    e->hotmail_known = TRUE;
    if (!header_eval_contains(line, "hotmail.com") && !is_from(e, "hotmail.com"))
        return; /* nobody says it is theirs */
    if (header_eval_matches(line, &pickup) || eval_msn_groups(e, NULL, 0) ||
        eval_gated_through_received_remover(e, NULL, 0) || is_hotmail_line(e, line))
        return;
    e->hotmail_forged = header_eval_matches(line, &claim);
    e->hotmail_missing = !e->hotmail_forged && is_from(e, "hotmail.com");
}

HEADER_EVAL(eval_forged_hotmail)
{
    (void)args, (void)n_args;
    look_at_hotmail(e);
    return e->hotmail_forged;
}

HEADER_EVAL(eval_no_hotmail)
{
    (void)args, (void)n_args;
    look_at_hotmail(e);
    return e->hotmail_missing;
}

static char *
kept(const GString *text, const struct form_match *match, enum form_slot slot)
{
    return g_strndup(text->str + match->slot[slot].start, match->slot[slot].end - match->slot[slot].start);
}

/* Where pattern, whose dots stand for any byte, first is in [text, end): NULL for nowhere. */
static const char *
find_loosely(const char *text, const char *end, const char *pattern)
{
    gsize len = strlen(pattern), i;

    for (; (gsize)(end - text) >= len; text++) {
        for (i = 0; i < len && (pattern[i] == '.' || pattern[i] == text[i]);)
            i++;
        if (i == len)
            return text;
    }
    return NULL;
}

/* Messages of MSN's groups come from its own servers and name the list everywhere. */
HEADER_EVAL(eval_msn_groups)
{
    static struct line_form_once group = {"{find}<{x}@groups.msn.com>", TRUE, NULL};
    static struct line_form_once pickup =
        FORM("{find}from mail pickup service by {x<}p{d:2-2}{.:1-1}groups.msn.com{>x}{b}");
    g_autoptr(GString) to = header_eval_text(e, "To"), id = header_eval_text(e, "Message-Id");
    g_autoptr(GString) sender = header_eval_text(e, "EnvelopeFrom:addr");
    const GString *received = header_eval_received(e);
    g_autofree char *list = NULL, *server = NULL, *id_start = NULL, *bounce = NULL, *at_server = NULL;
    struct form_match in_to, in_received;
    const char *word_end = id->str + strcspn(id->str, " \t\n\v\f\r"), *found;

    (void)args, (void)n_args;
    if (!line_form_once_match(&group, to->str, to->len, &in_to) ||
        !line_form_once_match(&pickup, received->str, received->len, &in_received))
        return FALSE;
    list = kept(to, &in_to, FORM_X);
    server = kept(received, &in_received, FORM_X);
    if (strcmp(list, "notifications") == 0) {
        at_server = g_strdup_printf("@%s>", server);
        found = word_end - id->str > 2 ? find_loosely(id->str + 2, word_end, at_server) : NULL;
        return id->str[0] == '<' && found != NULL;
    }
    id_start = g_strdup_printf("<%s-", list);
    bounce = g_strdup_printf("%s-bounce@groups.msn.com", list);
    found = g_strstr_len(id->str, word_end - id->str, "@groups.msn.com>");
    return g_str_has_prefix(id->str, id_start) && found > id->str + strlen(id_start) &&
           header_eval_contains(sender, bounce);
}

/* ---- Eudora, Yahoo, Juno, Gmail ---- */

HEADER_EVAL(eval_forged_eudoramail)
{
    static struct line_form_once real = FORM("{find}by {-?}whowhere{.:1-1}com;");

    if (!is_from(e, "eudoramail.com") || eval_gated_through_received_remover(e, args, n_args))
        return FALSE;
    return !(header_eval_matches(header_eval_received_line(e), &real) && has_address(e, "X-Sender-Ip"));
}

/* The lines to look at: those of before the message was sent on, when it was and they were kept. For the
 * caller to free. */
static GString *
original_received(struct header_eval *e)
{
    g_autoptr(GString) from = header_eval_text(e, "Resent-From"), to = header_eval_text(e, "Resent-To");
    g_autoptr(GString) original = header_eval_text(e, "X-Received"), text = NULL;
    const GString *line = header_eval_received_line(e);

    if (from->len == 0 || to->len == 0 || original->len == 0)
        return g_string_new_len(line->str, (gssize)line->len);
    text = g_string_new(NULL);
    for (gsize i = 0; i < original->len; i++) {
        char c = original->str[i];
        gboolean blank = c == ' ' || (c >= '\t' && c <= '\r');
        if (!blank || text->len == 0 || text->str[text->len - 1] != ' ')
            g_string_append_c(text, blank ? ' ' : c);
    }
    return g_steal_pointer(&text);
}

/* A bounce of Yahoo's own: its name is that of a host that we trust, or that of the one that we got it from.
 */
static gboolean
is_by_yahoo(const struct header_eval *e)
{
    static struct line_form_once trusted = FORM("{find} rdns={-}.yahoo.com "),
                                 first = FORM("{]:1-} rdns={-}.yahoo.com ");

    return header_eval_matches(e->options->relays->trusted_text, &trusted) ||
           header_eval_matches(e->options->relays->untrusted_text, &first);
}

HEADER_EVAL(eval_forged_yahoo)
{
    static struct line_form_once real[] = {
        FORM("{find}by web{-}.mail{-?}.yahoo.com via HTTP"),
        FORM("{find}by sonic{-}.consmr.mail{-?}.yahoo.com with HTTP"),
        FORM("{find}by smtp{-}.yahoo.com with SMTP"),
        FORM("{find}from [{IP}] by {-}.{groups|scd|dcn}.yahoo.com with NNFMP"),
        FORM("{find}by {w:1-}.{w:1-}.yahoo.com ({d:1-}.{d:1-}.{d:1-}/{d:1-}.{d:1-}.{d:1-}){[} with ESMTP{]} "
             "id {w:1-1}"),
    };
    static struct line_form_once story = FORM("{find}{b}mailer{d:1-}.bulk.scd.yahoo.com{b}");
    static struct line_form_once reply = {"{find}@reply.yahoo.com{end}", TRUE, NULL};
    g_autoptr(GString) line = NULL, from = header_eval_text(e, "From:addr");

    if (!header_eval_ends_with_word(from, "yahoo.com") || eval_gated_through_received_remover(e, args, n_args) || is_by_yahoo(e))
        return FALSE;
    line = original_received(e);
    return !matches_any(line, real, G_N_ELEMENTS(real)) &&
           !(header_eval_matches(line, &story) && header_eval_matches(from, &reply));
}

/* Without an address that the mail came from originally it can't be Juno's. */
HEADER_EVAL(eval_forged_juno)
{
    static struct line_form_once current[] = {
        FORM("{find}from{any}{b}{juno|untd}.com{any}{[|(}{IP}{]|)}{any}by"),
        FORM("{find} cookie.{juno|untd}.com ")};
    g_autoptr(GString) origin = NULL, mailer = NULL;
    const GString *received;

    if (!is_from(e, "juno.com") || eval_gated_through_received_remover(e, args, n_args))
        return FALSE;
    origin = header_eval_text(e, "X-Originating-IP");
    mailer = header_eval_text(e, "X-Mailer");
    received = header_eval_received(e);
    return origin->len == 0 || !matches_any(received, current, G_N_ELEMENTS(current)) ||
           !header_eval_contains(mailer, "Juno ");
}

HEADER_EVAL(eval_forged_gmail)
{
    static struct line_form_once real[] = {FORM("{find}by 10.{-} with SMTP id {-}"),
                                           FORM("{find}by 2002:a{d:2-2}:{w:1-}:{-} with SMTP id {-}")};
    static struct line_form_once googlemail = FORM("{find}by smtp.googlemail.com with ESMTPSA id {-}");
    g_autoptr(GString) state = NULL, source = NULL, internal = NULL;

    (void)args, (void)n_args;
    if (!is_from(e, "gmail.com"))
        return FALSE;
    state = header_eval_text(e, "X-Gm-Message-State");
    source = header_eval_text(e, "X-Google-Smtp-Source");
    internal = header_eval_text(e, "X-Received");
    return !matches_any(internal, real, G_N_ELEMENTS(real)) &&
           !header_eval_matches(header_eval_received(e), &googlemail) &&
           !(state->len >= 60 && source->len >= 60);
}

/* ---- a gateway that a mass mailer makes up ---- */

HEADER_EVAL(eval_forged_gw05)
{
    static struct line_form_once form =
        FORM("{find}\nfrom{s:1-1}{x}{s:1-1}by{s:1-1}{y}{s:1-1}with{s:1-1}ESMTP;{s:1-}{S:3-3},{s:1-}{d:1-}{s:"
             "1-}{S:3-3}{s:1-}"
             "{d:4-4}{s:1-}{d:2-2}:{d:2-2}:{d:2-2}{s:1-}{+:0-}{d:4-4}\n{[}\n{]}{end}");
    const GString *received = header_eval_received(e);
    struct form_match match;

    (void)args, (void)n_args;
    return line_form_once_match(&form, received->str, received->len, &match) &&
           memchr(received->str + match.slot[FORM_Y].start, '.',
                  match.slot[FORM_Y].end - match.slot[FORM_Y].start) == NULL;
}
