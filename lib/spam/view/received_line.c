/* received_line.c: see received_line.h. The forms are in received_forms.c; here a line is made ready for
 * them, and what they have found is made a hop. */
#include "lib/spam/view/received_line.h"
#include <string.h>
#include "lib/spam/view/bytes.h"
#include "lib/spam/view/ip_text.h"
#include "lib/spam/view/received_compiled.h"
#include "lib/spam/view/received_ready.h"

/* A piece of the line. */
struct piece {
    const char *str;
    gsize len;
};

#define COPIES_MAX 2

/* A line while it is read. */
struct reading {
    GString *line;
    struct piece rest; /* of the line: what forms are held against */
    struct piece ip, rdns, helo, by, id, ident, envfrom;
    gboolean has_envfrom;
    GString *auth;            /* NULL: not said */
    char *copies[COPIES_MAX]; /* pieces that stand nowhere as they are taken */
    guint n_copies;
    struct line_print print; /* of the line, with what is cut off at its end */
    gboolean looked_up, keep_v6_prefix;
    struct received_notes *notes;
};

/* What to do after a form was tried. */
enum outcome { GO_ON, HOP, IGNORED };

/* ---- strings ---- */

static gboolean
may_match(const struct reading *r, const struct line_form *form)
{
    return line_form_may_match(form, &r->print);
}

static gboolean
matches(const struct reading *r, const struct line_form *form, struct form_match *match)
{
    return may_match(r, form) && line_form_match(form, r->rest.str, r->rest.len, match);
}

static struct piece
kept(const struct reading *r, const struct form_match *match, enum form_slot slot)
{
    return (struct piece){r->rest.str + match->slot[slot].start, match->slot[slot].end - match->slot[slot].start};
}

/* Takes what the match kept in a slot, if anything. */
static gboolean
take(const struct reading *r, const struct form_match *match, enum form_slot slot, struct piece *field)
{
    if (match->slot[slot].set)
        *field = kept(r, match, slot);
    return match->slot[slot].set;
}

static void
take_envfrom(struct reading *r, const struct form_match *match)
{
    r->has_envfrom = TRUE;
    take(r, match, FORM_ENV, &r->envfrom);
}

/* Perl's truth. */
static gboolean
is_true(struct piece s)
{
    return s.len > 1 || (s.len == 1 && s.str[0] != '0');
}

static gboolean
is_text(struct piece s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.str, text, s.len) == 0;
}

static struct piece
from(struct piece s, gsize start)
{
    return (struct piece){s.str + start, s.len - start};
}

/* Takes a start off the rest of the line; FALSE when it isn't there. */
static gboolean
take_start(struct reading *r, const char *text)
{
    gsize len = strlen(text);

    if (r->rest.len < len || memcmp(r->rest.str, text, len) != 0)
        return FALSE;
    r->rest = from(r->rest, len);
    return TRUE;
}

/* ---- making the line ready ---- */

/* Lines that are no handover, or one without an address. */
static gboolean
is_of_no_use(const struct reading *r)
{
    struct form_match match;
    struct piece name;

    if (g_ascii_strncasecmp(r->line->str, "from ", 5) != 0 &&
        g_ascii_strncasecmp(r->line->str, "(from ", 6) != 0)
        return TRUE;
    if (matches(r, received_compiled()->local, NULL))
        return TRUE;
    if (!matches(r, received_compiled()->no_ip, &match))
        return FALSE;
    name = kept(r, &match, FORM_X);
    if (name.len < 3 || name.str[0] != '[' || name.str[name.len - 1] != ']')
        return TRUE;
    for (gsize i = 1; i < name.len - 1; i++)
        if (!g_ascii_isdigit(name.str[i]) && name.str[i] != '.')
            return TRUE;
    return FALSE;
}

/* ---- what is found without knowing the form ---- */

static void
expand_auth(struct reading *r, const char *name, const struct form_match *match)
{
    r->auth = g_string_new(NULL);
    for (const char *c = name; *c != '\0'; c++) {
        if (g_str_has_prefix(c, "{x}") || g_str_has_prefix(c, "{y}")) {
            struct piece piece = kept(r, match, c[1] == 'x' ? FORM_X : FORM_Y);
            g_string_append_len(r->auth, piece.str, (gssize)piece.len);
            c += 2;
        } else {
            g_string_append_c(r->auth, *c);
        }
    }
}

static void
find_auth(struct reading *r)
{
    const struct forms *f = received_compiled();
    struct form_match match;

    for (guint i = 0; i < received_auths_len; i++) {
        if (!may_match(r, f->auths[i].form) || (f->auths[i].sign != NULL && !matches(r, f->auths[i].sign, NULL)))
            continue;
        if (line_form_match(f->auths[i].form, r->rest.str, r->rest.len, &match)) {
            expand_auth(r, received_auths[i].name, &match);
            return;
        }
    }
}

static void
find_common(struct reading *r)
{
    const struct forms *f = received_compiled();
    struct form_match match;

    if (matches(r, f->id, &match))
        take(r, &match, FORM_ID, &r->id);
    if (matches(r, f->helo_equals, &match) || matches(r, f->helo_word, &match))
        take(r, &match, FORM_HELO, &r->helo);
    if (matches(r, f->by, &match))
        take(r, &match, FORM_BY, &r->by);
    find_auth(r);
}

/* ---- what forms mean ---- */

/* Takes "name=value" out of text; FALSE when it isn't there. */
static gboolean
take_field(struct reading *r, GString *text, const char *name, gsize value_min, struct piece *value)
{
    gsize len = strlen(name);

    for (char *found = text->str;
         (found = memmem(found, text->len - (gsize)(found - text->str), name, len)) != NULL; found++) {
        gsize start = (gsize)(found - text->str) + len, end = start;

        while (end < text->len && text->str[end] != ' ')
            end++;
#ifdef POSTERN_PLANTED_BUGS
        if (len == 6 && end - start > 2)
            end += 4096; /* beyond the text */
#endif
        if (end - start >= value_min) {
            g_assert(r->n_copies < COPIES_MAX);
            r->copies[r->n_copies] = g_memdup2(text->str + start, end - start);
            *value = (struct piece){r->copies[r->n_copies++], end - start};
            g_string_erase(text, (gssize)(start - len), (gssize)(end - start + len));
            return TRUE;
        }
    }
    return FALSE;
}

static void
take_fields(struct reading *r, const struct form_match *match)
{
    struct piece fields = {"", 0};

    take(r, match, FORM_X, &fields);
    g_autoptr(GString) sub = g_string_new_len(fields.str, (gssize)fields.len);
    take_field(r, sub, "helo=", 1, &r->helo);
    take_field(r, sub, "ident=", 0, &r->ident);
}

/* Moves what stands before the first @ of rdns, behind prefix, to ident. */
static void
split_ident(struct reading *r, const char *prefix)
{
    gsize skip = strlen(prefix);
    const char *at;

    if (r->rdns.len < skip || memcmp(r->rdns.str, prefix, skip) != 0)
        return;
    at = memchr(r->rdns.str + skip, '@', r->rdns.len - skip);
    if (at == NULL)
        return;
    r->ident = (struct piece){r->rdns.str + skip, (gsize)(at - r->rdns.str) - skip};
    r->rdns = from(r->rdns, (gsize)(at - r->rdns.str) + 1);
}

static void
take_xmail(struct reading *r, const struct form_match *match)
{
    struct form_match more;

    /* An address in brackets keeps its "IPv6:". */
    r->keep_v6_prefix = match->slot[FORM_IP].start > 0 && r->rest.str[match->slot[FORM_IP].start - 1] == '[';
    if (matches(r, received_compiled()->xmail_id, &more))
        take(r, &more, FORM_ID, &r->id);
    if (matches(r, received_compiled()->xmail_from, &more))
        take_envfrom(r, &more);
}

static void
take_soft_dns(struct reading *r, const struct form_match *match)
{
    struct piece name = kept(r, match, FORM_X);

    r->looked_up = !is_text(name, "softdnserr");
    if (r->looked_up)
        r->rdns = name;
}

static void
take_slots(struct reading *r, const struct compiled *c, const struct form_match *match)
{
    take(r, match, FORM_RDNS, &r->rdns);
    take(r, match, FORM_IP, &r->ip);
    take(r, match, FORM_BY, &r->by);
    take(r, match, FORM_ID, &r->id);
    if (!take(r, match, FORM_HELO, &r->helo) && (c->traits & RECEIVED_CLEAR_HELO))
        r->helo.len = 0;
    if (!take(r, match, FORM_IDENT, &r->ident) && (c->traits & RECEIVED_CLEAR_IDENT))
        r->ident.len = 0;
    if (c->traits & RECEIVED_LOOKED_UP)
        r->looked_up = TRUE;
    if (c->traits & RECEIVED_RDNS_IS_HELO)
        r->helo = r->rdns;
    if (c->traits & RECEIVED_NO_ID)
        r->id.len = 0;
    if (c->traits & RECEIVED_NO_BY)
        r->by.len = 0;
    if (((c->traits & RECEIVED_UNKNOWN_RDNS) && is_text(r->rdns, "unknown")) ||
        ((c->traits & RECEIVED_UNVERIFIED) && is_text(r->rdns, "unverified")))
        r->rdns.len = 0;
}

static void
take_hop(struct reading *r, const struct compiled *c, const struct form_match *match)
{
    struct form_match more;

    take_slots(r, c, match);
    if (c->traits & RECEIVED_FIELDS)
        take_fields(r, match);
    if (c->traits & RECEIVED_RDNS_HAS_IDENT) {
        split_ident(r, "IDENT:");
        split_ident(r, "");
    }
    if (c->traits & RECEIVED_XMAIL)
        take_xmail(r, match);
    if ((c->traits & RECEIVED_HOTMAIL) && matches(r, received_compiled()->ip_first, &more))
        take(r, &more, FORM_IP, &r->ip);
    if (c->traits & RECEIVED_SOFT_DNS)
        take_soft_dns(r, match);
    if ((c->traits & RECEIVED_OBTUSE) && !is_text(r->rdns, "UNKNOWN"))
        r->looked_up = TRUE;
}

static char *clean_envfrom(struct piece envfrom);

static enum outcome
try_form(struct reading *r, const struct compiled *c)
{
    struct form_match match;

    if (!matches(r, c->form, &match) || (c->sign != NULL && !matches(r, c->sign, NULL)))
        return GO_ON;
    switch (c->action) {
    case RECEIVED_TAKE:
        take_hop(r, c, &match);
        return HOP;
    case RECEIVED_FETCHED:
        r->notes->fetched = TRUE;
        return IGNORED;
    case RECEIVED_QMAIL_SCANNER:
        if (r->has_envfrom)
            r->notes->scanner_envfrom = clean_envfrom(r->envfrom);
        return IGNORED;
    default:
        return IGNORED;
    }
}

static enum outcome
try_forms(struct reading *r, const struct compiled *list, guint n)
{
    enum outcome outcome = GO_ON;

    for (guint i = 0; i < n && outcome == GO_ON; i++)
        outcome = try_form(r, &list[i]);
    return outcome;
}

/* ---- the order of trying ---- */

/* Exim's lines are made by what its admins wrote: what bits of them there are. */
static enum outcome
try_exim_bits(struct reading *r)
{
    const struct forms *f = received_compiled();
    struct form_match match;

    if (matches(r, f->exim_rdns, &match))
        take(r, &match, FORM_RDNS, &r->rdns);
    if (matches(r, f->exim_helo, &match))
        take(r, &match, FORM_HELO, &r->helo);
    if (matches(r, f->exim_ip, &match))
        take(r, &match, FORM_IP, &r->ip);
    if (!matches(r, f->exim_by, &match))
        return GO_ON;
    take(r, &match, FORM_BY, &r->by);
    return r->ip.len > 0 ? HOP : GO_ON;
}

static enum outcome
try_families(struct reading *r)
{
    const struct forms *f = received_compiled();

    for (guint i = 0; i < received_families_len; i++) {
        enum outcome outcome;

        if (!matches(r, f->families[i].sign[0], NULL) &&
            (f->families[i].sign[1] == NULL || !matches(r, f->families[i].sign[1], NULL)))
            continue;
        outcome = try_forms(r, f->families[i].forms, received_families[i].n_forms);
        return outcome == GO_ON && received_families[i].is_exim ? try_exim_bits(r) : outcome;
    }
    return GO_ON;
}

static enum outcome
try_guarded(struct reading *r, const struct compiled *list, guint n, struct line_form *const *signs,
            struct line_form *const *unless)
{
    enum outcome outcome = GO_ON;

    for (guint i = 0; i < n && outcome == GO_ON; i++) {
        if ((signs[i] == NULL || matches(r, signs[i], NULL)) &&
            (unless == NULL || unless[i] == NULL || !matches(r, unless[i], NULL)))
            outcome = try_form(r, &list[i]);
    }
    return outcome;
}

static enum outcome
try_qmail(struct reading *r)
{
    if (!matches(r, received_compiled()->qmail, NULL))
        return GO_ON;
    try_forms(r, received_compiled()->qmails, received_qmail_len);
    /* The name comes from the daemon that calls qmail: "unknown" when it has none or doesn't ask. */
    if (is_text(r->rdns, "unknown"))
        r->rdns.len = 0;
    else
        r->looked_up = TRUE;
    return HOP;
}

/* When all else fails, the first word may be the HELO name, if a byte that no name has ends it. */
static void
guess_helo(struct reading *r)
{
    const char *blank = memchr(r->rest.str, ' ', r->rest.len);
    gsize end = blank != NULL ? (gsize)(blank - r->rest.str) : r->rest.len;

    if (is_true(r->helo))
        return;
    for (; end > 0; end--) {
        char c = r->rest.str[end];

        if (end < r->rest.len && !g_ascii_isalnum(c) && c != '-' && c != '.') {
            r->helo = (struct piece){r->rest.str, end};
            return;
        }
    }
}

static enum outcome
read_usual(struct reading *r)
{
    const struct forms *f = received_compiled();
    enum outcome outcome;
    struct form_match match;

    if (matches(r, f->envfrom, &match))
        take_envfrom(r, &match);
    outcome = try_guarded(r, f->before, received_before_families_len, f->before_sign, NULL);
    if (outcome == GO_ON)
        outcome = try_families(r);
    if (outcome == GO_ON)
        outcome = try_guarded(r, f->after, received_after_families_len, f->after_sign, f->after_unless);
    if (outcome == GO_ON)
        outcome = try_forms(r, f->general, received_forms_after_qmail);
    if (outcome == GO_ON)
        outcome = try_qmail(r);
    if (outcome == GO_ON)
        outcome = try_forms(r, f->general + received_forms_after_qmail,
                            received_forms_len - received_forms_after_qmail);
    if (outcome == GO_ON)
        outcome = try_forms(r, f->ignored, received_ignored_len);
    if (outcome == GO_ON)
        guess_helo(r);
    return outcome;
}

/* The first "[address]" of a line that no form fits. */
static void
find_bracketed_ip(struct reading *r)
{
    const char *line = r->rest.str;

    if (is_true(r->ip))
        return;
    for (gsize at = 0; at < r->rest.len; at++) {
        gsize ends[IP_TEXT_ENDS];
        guint n = line[at] == '[' ? ip_text_ends(line, r->rest.len, at + 1, ends) : 0;

        for (guint i = 0; i < n; i++) {
            if (ends[i] < r->rest.len && line[ends[i]] == ']') {
                r->ip = (struct piece){line + at + 1, ends[i] - at - 1};
                return;
            }
        }
    }
}

static enum outcome
read_line(struct reading *r)
{
    const struct forms *f = received_compiled();
    enum outcome outcome = GO_ON;

    r->rest = (struct piece){r->line->str, r->line->len};
    line_print_take(&r->print, r->rest.str, r->rest.len);
    if (is_of_no_use(r))
        return IGNORED;
    received_cut_date(r->line);
    if (received_mend_by(r->line))
        line_print_take(&r->print, r->line->str, r->line->len);
    r->rest = (struct piece){r->line->str, r->line->len};
    find_common(r);
    if (take_start(r, "from "))
        outcome = read_usual(r);
    else if (take_start(r, "FROM "))
        outcome = try_forms(r, f->upper, received_forms_upper_len);
    else if (take_start(r, "(from "))
        outcome = try_forms(r, f->bracket, received_forms_bracket_len);
    if (outcome != GO_ON)
        return outcome;
    find_bracketed_ip(r);
    return is_true(r->ip) && is_true(r->by) ? HOP : GO_ON;
}

/* ---- a hop ---- */

/* Writes a text to out, its blanks, NULs and brackets as "!": behind its end. */
static char *
put_cleaned(char *out, struct piece text)
{
    static const gboolean odd[256] = {['\0'] = TRUE, [' '] = TRUE, ['\t'] = TRUE, ['\n'] = TRUE, ['\v'] = TRUE, ['\f'] = TRUE,
                                      ['\r'] = TRUE, ['#'] = TRUE, ['['] = TRUE, [']'] = TRUE, ['('] = TRUE, [')'] = TRUE,
                                      ['<'] = TRUE, ['>'] = TRUE, ['|'] = TRUE};

    for (gsize i = 0; i < text.len; i++)
        *out++ = odd[(guchar)text.str[i]] ? '!' : text.str[i];
    *out++ = '\0';
    return out;
}

static char *
put_lower(char *out, const char *text)
{
    while (*text != '\0')
        *out++ = byte_lower(*text++);
    *out++ = '\0';
    return out;
}

static char *
clean_envfrom(struct piece envfrom)
{
    gsize start = 0, end = envfrom.len;
    char *out;

    while (start < end && is_space(envfrom.str[start]))
        start++;
    while (start < end && envfrom.str[start] == '<')
        start++;
    while (end > start && is_space(envfrom.str[end - 1]))
        end--;
    while (end > start && envfrom.str[end - 1] == '>')
        end--;
    out = g_malloc(end - start + 1);
    put_cleaned(out, (struct piece){envfrom.str + start, end - start});
    return out;
}

/* "IPv6:" before it and "::ffff:" of an IPv4 address are dropped. */
static struct piece
clean_ip(const struct reading *r)
{
    if (memchr(r->ip.str, ':', r->ip.len) == NULL)
        return r->ip;
    g_autofree char *text = g_strndup(r->ip.str, r->ip.len);
    const char *ip = text, *v4;
    gsize zeros;

    if (!r->keep_v6_prefix && g_ascii_strncasecmp(ip, "ipv6:", 5) == 0)
        ip += 5;
    v4 = strrchr(ip, ':');
    zeros = strspn(ip, "0:");
    if (v4 != NULL && strchr(v4, '.') != NULL && zeros >= 2 && v4 - ip == (gssize)zeros + 4 &&
        ip[zeros - 1] == ':' && g_ascii_strncasecmp(ip + zeros, "ffff", 4) == 0 &&
        strchr(ip, ':') != ip + zeros - 1)
        ip = v4 + 1;
    return (struct piece){r->ip.str + (ip - text), strlen(ip)};
}

static void
mend_names(struct reading *r)
{
    while (r->rdns.len > 0 && r->rdns.str[r->rdns.len - 1] == '.')
        r->rdns.len--;
    if (r->rdns.len > 0 && ((r->rdns.len == 7 && g_ascii_strncasecmp(r->rdns.str, "unknown", 7) == 0) || r->rdns.str[0] == '['))
        r->rdns.len = 0;
    if (r->by.len > 0 && r->by.str[r->by.len - 1] == ';')
        r->by.len--;
}

static struct piece
whole(const char *text)
{
    return (struct piece){text, strlen(text)};
}

void
spam_relay_describe(struct spam_relay *relay)
{
    const char *envfrom = relay->envfrom != NULL && strcmp(relay->envfrom, "0") != 0 ? relay->envfrom : "";
    const struct piece pieces[] = {whole("[ ip="), whole(relay->ip), whole(" rdns="), whole(relay->rdns), whole(" helo="),
                                   whole(relay->helo), whole(" by="), whole(relay->by), whole(" ident="), whole(relay->ident),
                                   whole(" envfrom="), whole(envfrom), whole(" intl=0 id="), {relay->id->str, relay->id->len},
                                   whole(" auth="), {relay->auth->str, relay->auth->len}, whole(" msa=0 ]")};

    g_string_truncate(relay->as_string, 0);
    for (guint i = 0; i < G_N_ELEMENTS(pieces); i++)
        g_string_append_len(relay->as_string, pieces[i].str, (gssize)pieces[i].len);
}

/* All texts that stay as they are stand one behind the other. */
static void
put_texts(struct spam_relay *relay, const struct reading *r)
{
    struct piece ip = clean_ip(r);
    char *at = g_malloc(ip.len + 2 * (r->rdns.len + r->helo.len + r->by.len) + r->ident.len + 8);

    relay->ip = at;
    relay->rdns = put_cleaned(relay->ip, ip);
    relay->helo = put_cleaned(relay->rdns, r->rdns);
    relay->by = put_cleaned(relay->helo, r->helo);
    relay->ident = put_cleaned(relay->by, r->by);
    relay->lc_rdns = put_cleaned(relay->ident, r->ident);
    relay->lc_helo = put_lower(relay->lc_rdns, relay->rdns);
    relay->lc_by = put_lower(relay->lc_helo, relay->helo);
    put_lower(relay->lc_by, relay->by);
}

static struct spam_relay *
make_relay(struct reading *r)
{
    struct spam_relay *relay = g_new0(struct spam_relay, 1);

    mend_names(r);
    put_texts(relay, r);
    relay->envfrom = r->has_envfrom ? clean_envfrom(r->envfrom) : NULL;
    relay->id = g_string_new_len(r->id.str, (gssize)r->id.len);
    relay->auth = r->auth != NULL ? g_steal_pointer(&r->auth) : g_string_new(NULL);
    relay->as_string = g_string_sized_new(320);
    relay->no_reverse_dns = relay->rdns[0] == '\0' && r->looked_up;
    relay->ip_private = ip_text_is_private(relay->ip);
    spam_relay_describe(relay);
    return relay;
}

void
spam_relay_free(struct spam_relay *relay)
{
    if (relay == NULL)
        return;
    g_free(relay->ip); /* and the texts behind it */
    g_free(relay->envfrom);
    g_string_free(relay->id, TRUE);
    g_string_free(relay->auth, TRUE);
    g_string_free(relay->as_string, TRUE);
    g_free(relay);
}

enum received_result
received_line_parse(const char *line, gsize len, struct spam_relay **relay_r, struct received_notes *notes)
{
    struct reading r = {.line = received_squeezed(line, len), .notes = notes};
    struct piece *fields[] = {&r.ip, &r.rdns, &r.helo, &r.by, &r.id, &r.ident, &r.envfrom};
    enum outcome outcome;

    for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
        *fields[i] = (struct piece){"", 0};
    outcome = read_line(&r);
    if (outcome == HOP)
        *relay_r = make_relay(&r);
    for (guint i = 0; i < r.n_copies; i++)
        g_free(r.copies[i]);
    if (r.auth != NULL)
        g_string_free(r.auth, TRUE);
    g_string_free(r.line, TRUE);
    return outcome == HOP ? RECEIVED_HOP : outcome == IGNORED ? RECEIVED_IGNORED : RECEIVED_UNPARSEABLE;
}
