/* dmarc_author.c: the author domain (RFC 7489 6.6.1).
 *
 * The list of addresses is read by address.h, which makes the best of what real mail holds. What it is shown must not mean
 * another address to another reader ("Composition Kills", 2020), so the field is walked first by RFC 5322 3.4: what follows
 * that grammar, or departs from it only in a display name, has one reading; everything else is refused. */
#include <string.h>

#include "lib/mail/address.h"
#include "lib/mail/auth/dmarc.h"
#include "lib/mail/auth/psl.h"

#define ADDRESS_MAX 512u /* bytes of an address as written; RFC 5321 4.5.3.1: 64 before and 255 after the "@" */

struct walker {
    const char *at, *end;
    const char *begin;   /* of this element */
    gboolean has_route;  /* this element had its <address> */
    gboolean has_at;     /* an "@" in its words */
    gboolean is_split;   /* white space or a comment after its words */
    gboolean is_joined;  /* words after that */
    gboolean has_words, has_encoded_word;
    gboolean has_quoted_at; /* an "@" in quotes */
    gboolean in_group, has_group;
    const char *why;     /* first thing wrong */
};

static gboolean
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* At a quote: past the quoted string. */
static void
walk_quoted(struct walker *w)
{
    const char *begin = w->at;

    for (w->at++; w->at < w->end; w->at++) {
        if (*w->at == '\\' && w->at + 1 < w->end)
            w->at++;
        else if (*w->at == '"') {
            w->at++;
            w->has_quoted_at = w->has_quoted_at || memchr(begin, '@', (gsize)(w->at - begin)) != NULL;
            w->has_encoded_word = w->has_encoded_word || g_strstr_len(begin, w->at - begin, "=?") != NULL;
            return;
        }
    }
#ifdef POSTERN_PLANTED_BUGS
    if (w->in_group && *w->end == '"') /* reads the byte after the field */
        return;
#endif
    w->why = "From: a quote is not closed";
}

static void
walk_comment(struct walker *w)
{
    gsize depth = 0;

    for (; w->at < w->end; w->at++) {
        if (*w->at == '\\' && w->at + 1 < w->end)
            w->at++;
        else if (*w->at == '(')
            depth++;
        else if (*w->at == ')' && --depth == 0) {
            w->at++;
            w->is_split = w->has_words;
            return;
        }
    }
    w->why = "From: a comment is not closed";
}

/* An address is compared as it stands: it must not be cut or decoded on the way (in Big5 or Shift-JIS "@" may be half a
 * character). */
static void
check_address(struct walker *w, const char *begin, gboolean has_encoded_word)
{
    if (w->at - begin > (gssize)ADDRESS_MAX)
        w->why = "From: an address is too long";
    else if (!g_utf8_validate(begin, w->at - begin, NULL))
        w->why = "From: an address is not UTF-8";
    else if (has_encoded_word)
        w->why = "From: an encoded word in an address";
}

/* At "<": an addr-spec and nothing else up to ">". */
static void
walk_route(struct walker *w)
{
    guint at_signs = 0;
    const char *begin = ++w->at;
    gboolean is_split = FALSE, has_text = FALSE;

    if (w->has_route)
        w->why = "From: two addresses that no comma parts";
    w->has_route = TRUE;
    while (w->at < w->end && *w->at != '>' && w->why == NULL) {
        if (*w->at == '"') {
            walk_quoted(w);
            has_text = TRUE;
            continue;
        }
        if (is_space(*w->at))
            is_split = has_text;
        else if (is_split || strchr("<(),;\\", *w->at) != NULL || (*w->at == '@' && ++at_signs > 1) ||
                 (*w->at == '@' && !has_text))
            w->why = "From: not an address in <>";
        else
            has_text = TRUE;
        w->at++;
    }
    if (w->why == NULL && (w->at >= w->end || at_signs != 1))
        w->why = begin == w->end || w->at >= w->end ? "From: a < is not closed" : "From: no address in <>";
    if (w->why == NULL)
        check_address(w, begin, g_strstr_len(begin, w->at - begin, "=?") != NULL);
    w->at += w->at < w->end;
}

/* At a comma or semicolon, or the end. */
static void
end_element(struct walker *w)
{
    if (!w->has_route && w->has_at && w->is_joined)
        w->why = "From: text beside an address without <>";
    else if (!w->has_route && w->has_at)
        check_address(w, w->begin, w->has_encoded_word);
    else if (!w->has_route && w->has_encoded_word)
        w->why = "From: an encoded word in place of an address";
    else if (!w->has_route && w->has_quoted_at)
        w->why = "From: a quoted text in place of an address";
    w->has_route = w->has_at = w->is_split = w->is_joined = w->has_words = w->has_encoded_word = w->has_quoted_at = FALSE;
}

/* At a byte of a display name or a bare address. */
static void
walk_word(struct walker *w)
{
    char c = *w->at;

    if (w->has_route)
        w->why = "From: text after an address";
    else if (c == '@' && w->has_at)
        w->has_at = w->is_joined = TRUE; /* wrong as an address, harmless before one */
    else if (c == '@')
        w->has_at = TRUE;
    if (c == '=' && w->at + 1 < w->end && w->at[1] == '?')
        w->has_encoded_word = TRUE;
    w->is_joined = w->is_joined || w->is_split;
    w->has_words = TRUE;
    w->at++;
}

static void
walk_separator(struct walker *w)
{
    if (*w->at == ':' && w->has_at && !w->has_route) { /* "a@[IPv6:..]" */
        w->at++;
        return;
    }
    if (*w->at == ':') {
        if (w->in_group || w->has_route)
            w->why = "From: a group in a group";
        w->in_group = w->has_group = TRUE;
        w->has_encoded_word = FALSE; /* of the group's name */
    }
    if (*w->at == ';')
        w->in_group = FALSE;
    if (w->why == NULL)
        end_element(w);
    w->begin = ++w->at;
}

/* NULL when the value has one reading. */
static const char *
walk(struct walker *w)
{
    while (w->at < w->end && w->why == NULL) {
        guchar c = (guchar)*w->at;

        if (is_space(*w->at)) {
            w->is_split = w->has_words;
            w->at++;
        } else if (c < ' ' || c == 0x7f)
            w->why = "From: a control character";
        else if (c == '(')
            walk_comment(w);
        else if (c == '<')
            walk_route(w);
        else if (c == '>')
            w->why = "From: a > too many";
        else if (c == '"') {
            gboolean has_route = w->has_route;

            walk_quoted(w);
            w->why = has_route ? "From: text after an address" : w->why;
            w->is_joined = w->is_joined || w->is_split || w->has_at; /* no domain has quotes */
            w->has_words = TRUE;
        } else if (c == ',' || c == ';' || c == ':')
            walk_separator(w);
        else
            walk_word(w);
    }
    if (w->why == NULL)
        end_element(w);
    return w->why;
}

static void
refuse(struct dmarc_author *out, enum auth_result outcome, const char *why)
{
    g_clear_pointer(&out->domain, g_free);
    out->outcome = outcome;
    out->why = why;
}

/* The one domain of all authors. */
static void
one_domain(const GPtrArray *authors, gboolean has_group, struct dmarc_author *out)
{
    guint n_literals = 0;

    for (guint i = 0; i < authors->len; i++) {
        const char *domain = address_domain(((struct address *)g_ptr_array_index(authors, i))->mailbox);

        if (domain == NULL) /* a name alone */
            continue;
        if (domain[0] == '[') {
            n_literals++;
            continue;
        }
        g_autofree char *name = psl_dns_name(domain, -1);
        if (name == NULL) {
            refuse(out, AUTH_PERMERROR, "From: the domain is no domain name");
            return;
        }
        if (out->domain != NULL && strcmp(out->domain, name) != 0) {
            refuse(out, AUTH_PERMERROR, "From: authors in different domains");
            return;
        }
        if (out->domain == NULL)
            out->domain = g_steal_pointer(&name);
    }
    if (out->domain != NULL && n_literals > 0)
        refuse(out, AUTH_PERMERROR, "From: authors in different domains");
    else if (out->domain == NULL && (n_literals > 0 || has_group))
        refuse(out, AUTH_NONE, n_literals > 0 ? "From: an address literal" : "From: a group without addresses");
    else if (out->domain == NULL)
        refuse(out, AUTH_PERMERROR, "From: no address");
}

void
dmarc_author(struct message *message, struct dmarc_author *out)
{
    const struct header_field *from = message_find_header(message, "From", 0);
    enum message_limit limit = message_limit(message);

    *out = (struct dmarc_author){.outcome = AUTH_PASS};
    if (limit == MESSAGE_LIMIT_HEADER_BYTES || limit == MESSAGE_LIMIT_HEADERS)
        refuse(out, AUTH_PERMERROR, "the header is too long to be read whole");
    else if (from == NULL)
        refuse(out, AUTH_PERMERROR, "no From field");
    else if (message_find_header(message, "From", 1) != NULL)
        refuse(out, AUTH_PERMERROR, "several From fields");
    else if (from->value.length > DMARC_FROM_MAX)
        refuse(out, AUTH_PERMERROR, "From: too long");
    if (out->outcome != AUTH_PASS)
        return;
    const char *value = (const char *)g_bytes_get_data(message_bytes(message), NULL) + from->value.offset;
    struct walker walker = {.at = value, .begin = value, .end = value + from->value.length};
    const char *why = walk(&walker);
    g_autoptr(GPtrArray) authors = g_ptr_array_new_with_free_func((GDestroyNotify)address_free);
    if (why != NULL)
        refuse(out, AUTH_PERMERROR, why);
    else if (!address_parse_list(value, from->value.length, DMARC_AUTHORS_MAX, authors))
        refuse(out, AUTH_PERMERROR, "From: too many authors");
    else
        one_domain(authors, walker.has_group, out);
}

void
dmarc_author_clear(struct dmarc_author *author)
{
    g_clear_pointer(&author->domain, g_free);
}
