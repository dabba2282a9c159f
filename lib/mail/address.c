/* address.c: mail addresses of header fields (RFC 5322 3.4) and of SMTP paths (RFC 5321 4.1.2), read
 * tolerantly.
 *
 * A list is read in one pass. What stands between two commas is collected as three things: words (a display
 * name or a bare address), the route in angle brackets, and comments (the old way to give a name). Tolerated:
 * commas in unquoted names ("Doe, John <j@example.com>"), semicolons as separators, missing closing brackets,
 * commas in encoded words, nested comments of any depth (only counted), 8-bit and encoded words everywhere. */
#include "lib/mail/address.h"
#include "lib/base/ascii.h"

#include <string.h>
#include <unicode/uidna.h>

#include "lib/mail/text.h"

#define MAX_NAME 1024
#define MAX_PATH 1024

void
address_free(struct address *address)
{
    if (address == NULL)
        return;
    g_free(address->name);
    g_free(address->mailbox);
    g_free(address);
}

/* ---- lists ---- */

struct parser {
    const char *at, *end;
    GPtrArray *out;
    guint max;
    gboolean left_out;
    GString *words;    /* as they stand, quotes resolved */
    GString *route;    /* content of <> */
    GString *comment;  /* of the last comment */
    GString *held;     /* an element without address: part of a name, if an address follows */
    gboolean has_route;
    GString *group;    /* name of the group it is in */
    gboolean in_group;
    gboolean group_empty;
    gsize quoted_until; /* words up to here came with quotes in them: an "@" there is no address */
};

static void
add(struct parser *p, const char *name, gsize name_length, const char *mailbox, gsize mailbox_length)
{
    struct address *address;
    GString *text;

    p->group_empty = FALSE;
    if (p->out->len >= p->max) {
        p->left_out = TRUE;
        return;
    }
    address = g_new0(struct address, 1);
    text = g_string_new(NULL);
    text_header_to_utf8(name, name_length, MAX_NAME, text);
    address->name = g_string_free(text, FALSE);
    text = g_string_new(NULL);
    text_header_to_utf8(mailbox, mailbox_length, MAX_PATH, text);
    address->mailbox = g_string_free(text, FALSE);
    g_ptr_array_add(p->out, address);
}

static void
trim(GString *s)
{
    gsize n = 0;

    while (s->len > 0 && g_ascii_isspace(s->str[s->len - 1]))
        g_string_truncate(s, s->len - 1);
    while (n < s->len && g_ascii_isspace(s->str[n]))
        n++;
    g_string_erase(s, 0, (gssize)n);
}

/* "@a,@b:user@c" to "user@c" (RFC 5322 4.4); white space is no part of an address, except in quotes. */
static void
tidy_route(GString *route)
{
    gsize n = 0;
    gboolean quoted = FALSE;

    if (route->len > 0 && route->str[0] == '@') {
        const char *colon = memchr(route->str, ':', route->len);

        if (colon != NULL)
            g_string_erase(route, 0, colon + 1 - route->str);
    }
    for (gsize i = 0; i < route->len; i++) {
        if (route->str[i] == '"')
            quoted = !quoted;
        if (quoted || !g_ascii_isspace(route->str[i]))
            route->str[n++] = route->str[i];
    }
    g_string_truncate(route, n);
    if (n > 7 && g_ascii_strncasecmp(route->str, "mailto:", 7) == 0)
        g_string_erase(route, 0, 7);
}

/* What was held was no beginning of a name after all: one word is a local mailbox ("root"), more are only a
 * name. */
static void
flush_held(struct parser *p)
{
    if (p->held->len == 0)
        return;
    if (memchr(p->held->str, ' ', p->held->len) == NULL && memchr(p->held->str, '=', p->held->len) == NULL)
        add(p, "", 0, p->held->str, p->held->len);
    else
        add(p, p->held->str, p->held->len, "", 0);
    g_string_truncate(p->held, 0);
}

static void
end_of_route(struct parser *p)
{
    tidy_route(p->route);
    if (p->held->len > 0 && p->words->len > 0) {
        g_string_append(p->held, ", ");
        g_string_append_len(p->held, p->words->str, (gssize)p->words->len);
        add(p, p->held->str, p->held->len, p->route->str, p->route->len);
        g_string_truncate(p->held, 0);
        return;
    }
    flush_held(p);
    if (p->words->len > 0)
        add(p, p->words->str, p->words->len, p->route->str, p->route->len);
    else if (p->route->len > 0)
        add(p, p->comment->str, p->comment->len, p->route->str, p->route->len);
}

/* The element between two separators is whole. */
static void
end_element(struct parser *p)
{
    const char *at_sign;

    trim(p->words);
    trim(p->comment);
    at_sign = p->words->len > p->quoted_until
                  ? memchr(p->words->str + p->quoted_until, '@', p->words->len - p->quoted_until)
                  : NULL;
    if (p->has_route) {
        end_of_route(p);
    } else if (at_sign != NULL) {
        flush_held(p);
        tidy_route(p->words);
        add(p, p->comment->str, p->comment->len, p->words->str, p->words->len);
    } else if (p->words->len > 0) {
        if (p->held->len > 0)
            g_string_append(p->held, ", ");
        g_string_append_len(p->held, p->words->str, (gssize)p->words->len);
    }
    g_string_truncate(p->words, 0);
    g_string_truncate(p->route, 0);
    g_string_truncate(p->comment, 0);
    p->has_route = FALSE;
    p->quoted_until = 0;
}

/* At "(": the comment's text, inner ones included, without its own parentheses. */
static void
take_comment(struct parser *p)
{
    guint depth = 1;

    g_string_truncate(p->comment, 0);
    for (p->at++; p->at < p->end; p->at++) {
        char c = *p->at;

        if (c == '\\' && p->at + 1 < p->end)
            c = *++p->at;
        else if (c == '(')
            depth++;
        else if (c == ')' && --depth == 0)
            break;
        g_string_append_c(p->comment, c);
    }
    if (p->at < p->end)
        p->at++;
}

/* At a quote. In words the quotes go (it is a name) unless an "@" follows at once (it is a local part); in a
 * route they stay. */
static void
take_quoted(struct parser *p, GString *to, gboolean keep)
{
    gsize start = to->len;

    if (keep)
        g_string_append_c(to, '"');
    for (p->at++; p->at < p->end && *p->at != '"'; p->at++) {
        if (*p->at == '\\' && p->at + 1 < p->end) {
            if (keep)
                g_string_append_c(to, '\\');
            p->at++;
        }
        g_string_append_c(to, *p->at);
    }
    if (p->at < p->end)
        p->at++;
    if (keep)
        g_string_append_c(to, '"');
    else if (p->at < p->end && *p->at == '@') {
        g_string_insert_c(to, (gssize)start, '"');
        g_string_append_c(to, '"');
        p->quoted_until = to->len;
    } else
        p->quoted_until = to->len;
}

/* At "<". A comma ends it too when the bracket was never closed (but not within a source route). */
static void
take_route(struct parser *p)
{
    g_string_truncate(p->route, 0);
    p->has_route = TRUE;
#ifdef POSTERN_PLANTED_BUGS
    if (p->in_group && p->out->len == 1 && *p->end == '>') /* reads the byte after the value */
        return;
#endif
    for (p->at++; p->at < p->end && *p->at != '>';) {
        if (*p->at == '"')
            take_quoted(p, p->route, TRUE);
        else if (*p->at == '(')
            take_comment(p);
        else if ((*p->at == ',' || *p->at == ';') && p->route->len > 0 && p->route->str[0] != '@')
            return;
        else if (*p->at == '<')
            p->at++;
        else
            g_string_append_c(p->route, *p->at++);
    }
    if (p->at < p->end)
        p->at++;
}

/* Is there an encoded word at at? Returns its end, so that a comma inside it does not part anything. */
static const char *
encoded_word_end(const char *at, const char *end)
{
    guint marks = 0;

    if (end - at < 8 || at[0] != '=' || at[1] != '?')
        return NULL;
    /* =?charset?B?text?= has no white space and its fourth question mark is followed by "=". */
    for (at++; at < end && !g_ascii_isspace(*at); at++)
        if (*at == '?' && ++marks == 4)
            return at + 1 < end && at[1] == '=' ? at + 2 : NULL;
    return NULL;
}

/* At ":" after a group's name (RFC 5322 3.4), which is only shown when nobody is in it. */
static void
begin_group(struct parser *p)
{
    trim(p->words);
    if (g_ascii_strcasecmp(p->words->str, "mailto") != 0) {
        flush_held(p);
        p->in_group = p->group_empty = TRUE;
        g_string_assign(p->group, p->words->str);
    }
    g_string_truncate(p->words, 0);
    g_string_truncate(p->comment, 0);
    p->quoted_until = 0;
    p->at++;
}

/* At ";", or at the end. */
static void
end_group(struct parser *p)
{
    flush_held(p);
    if (p->in_group && p->group_empty)
        add(p, p->group->str, p->group->len, "", 0);
    p->in_group = p->group_empty = FALSE;
}

static void
take_word_bytes(struct parser *p)
{
    const char *word = encoded_word_end(p->at, p->end);

    if (word != NULL) {
        g_string_append_len(p->words, p->at, word - p->at);
        p->at = word;
    } else {
        g_string_append_c(p->words, *p->at == '\0' ? ' ' : *p->at);
        p->at++;
    }
}

static void
parse(struct parser *p)
{
    while (p->at < p->end && !p->left_out) {
        switch (*p->at) {
        case ',':
            end_element(p);
            p->at++;
            break;
        case ';':
            end_element(p);
            end_group(p);
            p->at++;
            break;
        case ':':
            if (p->in_group || p->has_route || memchr(p->words->str, '@', p->words->len) != NULL)
                take_word_bytes(p); /* "user@[IPv6:::1]" */
            else
                begin_group(p);
            break;
        case '<':
            take_route(p);
            break;
        case '>': /* one too many */
            p->at++;
            break;
        case '(':
            take_comment(p);
            break;
        case '"':
            take_quoted(p, p->words, FALSE);
            break;
        default:
            take_word_bytes(p);
        }
    }
    end_element(p);
    end_group(p);
}

gboolean
address_parse_list(const char *value, gsize length, guint max, GPtrArray *out)
{
    struct parser p = {.at = value, .end = length > 0 ? value + length : value, .out = out};

    p.max = out->len + MIN(max, G_MAXUINT - out->len);
    p.words = g_string_new(NULL);
    p.route = g_string_new(NULL);
    p.comment = g_string_new(NULL);
    p.held = g_string_new(NULL);
    p.group = g_string_new(NULL);
    parse(&p);
    g_string_free(p.words, TRUE);
    g_string_free(p.route, TRUE);
    g_string_free(p.comment, TRUE);
    g_string_free(p.held, TRUE);
    g_string_free(p.group, TRUE);
    return !p.left_out;
}

/* ---- single addresses ---- */

char *
address_from_path(const char *path, gsize length)
{
    const char *end = length > 0 ? path + length : path, *close;
    GString *address;
    gboolean quoted = FALSE;

    for (gsize i = 0; i < length; i++)
        if ((guchar)path[i] < ' ' || path[i] == 0x7f)
            return NULL;
    while (path < end && *path == ' ')
        path++;
    while (end > path && end[-1] == ' ')
        end--;
    if (path < end && *path == '<') {
        path++;
        for (close = path; close < end && (quoted || *close != '>'); close++) {
            if (*close == '\\' && close + 1 < end)
                close++;
            else if (*close == '"')
                quoted = !quoted;
        }
        end = MIN(close, end);
    }
    address = g_string_new_len(path, end - path);
    if (address->len > 0 && address->str[0] == '@') {
        const char *colon = memchr(address->str, ':', address->len);

        if (colon != NULL)
            g_string_erase(address, 0, colon + 1 - address->str);
    }
    trim(address);
    return address->len > MAX_PATH ? (g_string_free(address, TRUE), NULL) : g_string_free(address, FALSE);
}

const char *
address_domain(const char *mailbox)
{
    const char *at_sign = strrchr(mailbox, '@');

    return at_sign != NULL ? at_sign + 1 : NULL;
}

static const UIDNA *
idna(void)
{
    static gsize once;
    static UIDNA *instance;

    if (g_once_init_enter(&once)) {
        UErrorCode status = U_ZERO_ERROR;

        instance = uidna_openUTS46(UIDNA_DEFAULT, &status);
        g_once_init_leave(&once, 1);
    }
    return instance;
}

static char *
lower(const char *s, gsize length)
{
    if (bytes_are_ascii(s, length) || !g_utf8_validate(s, (gssize)length, NULL))
        return g_ascii_strdown(s, (gssize)length);
    return g_utf8_strdown(s, (gssize)length);
}

/* Without the root's dot and white space at the end. */
static gsize
domain_length(const char *domain, gsize length)
{
    while (length > 0 && (domain[length - 1] == '.' || g_ascii_isspace(domain[length - 1])))
        length--;
    return length;
}

char *
address_normalise_domain(const char *domain)
{
    gsize length = domain_length(domain, strlen(domain));
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    UErrorCode status = U_ZERO_ERROR;
    char ascii[256];
    int32_t n;

    if (g_str_is_ascii(domain) || length > 1000 || !g_utf8_validate(domain, (gssize)length, NULL) || idna() == NULL)
        return lower(domain, length);
    n = uidna_nameToASCII_UTF8(idna(), domain, (int32_t)length, ascii, sizeof ascii, &info, &status);
    if (U_FAILURE(status) || info.errors != 0 || n <= 0 || n >= (int32_t)sizeof ascii)
        return lower(domain, length);
    return g_ascii_strdown(ascii, (gssize)domain_length(ascii, (gsize)n)); /* mapping may make new ones */
}

/* RFC 5321 4.1.2: quotes that need not be there make no other mailbox ("john"@x is john@x). */
static char *
normalise_local(const char *local, gsize length)
{
    g_autoptr(GString) plain = g_string_new(NULL);

    if (length < 3 || local[0] != '"' || local[length - 1] != '"')
        return lower(local, length);
    for (gsize i = 1; i + 1 < length; i++) {
        if (local[i] == '\\' && i + 2 < length)
            i++;
        if (!g_ascii_isalnum(local[i]) && (guchar)local[i] < 0x80 && strchr("!#$%&'*+-/=?^_`{|}~.", local[i]) == NULL)
            return lower(local, length);
        g_string_append_c(plain, local[i]);
    }
    if (plain->str[0] == '.' || plain->str[plain->len - 1] == '.' || strstr(plain->str, "..") != NULL)
        return lower(local, length);
    return lower(plain->str, plain->len);
}

char *
address_normalise(const char *mailbox)
{
    const char *domain;
    g_autofree char *local_part = NULL, *domain_part = NULL;

    while (g_ascii_isspace(*mailbox))
        mailbox++;
    domain = address_domain(mailbox);
    if (domain == NULL) {
        gsize length = strlen(mailbox);

        while (length > 0 && g_ascii_isspace(mailbox[length - 1]))
            length--;
        return lower(mailbox, length);
    }
    local_part = normalise_local(mailbox, (gsize)(domain - 1 - mailbox));
    domain_part = address_normalise_domain(domain);
    return g_strconcat(local_part, "@", domain_part, NULL);
}

gsize
address_base_length(const char *local, gsize length, const char *delimiter)
{
    static const char *const whole[] = {"mailer-daemon", "double-bounce"};

    for (guint i = 0; i < G_N_ELEMENTS(whole); i++)
        if (strlen(whole[i]) == length && memcmp(local, whole[i], length) == 0)
            return 0;
    gboolean list = (length > 6 && memcmp(local, "owner-", 6) == 0) ||
                    (length > 8 && memcmp(local + length - 8, "-request", 8) == 0);
    for (gsize i = 1; i < length; i++)
        if (!(list && local[i] == '-') && strchr(delimiter, local[i]) != NULL && local[i] != '\0')
            return i;
    return 0;
}
