/* received_line.c: see received_line.h. The forms are in received_forms.c; here a line is made ready for
 * them, and what they have found is made a hop. */
#include "lib/spam/view/received_line.h"
#include <string.h>
#include "lib/spam/view/ip_text.h"
#include "lib/spam/view/received_compiled.h"
#include "lib/spam/view/received_ready.h"

/* A line while it is read. */
struct reading {
    GString *line;
    GString *ip, *rdns, *helo, *by, *id, *ident, *envfrom, *auth; /* envfrom may be NULL */
    struct line_print print; /* of the line, once it is ready */
    gboolean has_print;
    gboolean looked_up, keep_v6_prefix;
    struct received_notes *notes;
};

/* What to do after a form was tried. */
enum outcome { GO_ON, HOP, IGNORED };

/* ---- strings ---- */

static gboolean
matches(const struct reading *r, const struct line_form *form, struct form_match *match)
{
    if (r->has_print && !line_form_may_match(form, &r->print))
        return FALSE;
    return line_form_match(form, r->line->str, r->line->len, match);
}

static void
set(GString *field, const char *text, gsize len)
{
    g_string_truncate(field, 0);
    g_string_append_len(field, text, (gssize)len);
}

/* Takes what the match kept in a slot, if anything. */
static gboolean
take(const struct reading *r, const struct form_match *match, enum form_slot slot, GString *field)
{
    if (!match->slot[slot].set)
        return FALSE;
    set(field, r->line->str + match->slot[slot].start, match->slot[slot].end - match->slot[slot].start);
    return TRUE;
}

static void
take_envfrom(struct reading *r, const struct form_match *match)
{
    if (r->envfrom == NULL)
        r->envfrom = g_string_new(NULL);
    take(r, match, FORM_ENV, r->envfrom);
}

/* Perl's truth. */
static gboolean
is_true(const GString *s)
{
    return s->len > 1 || (s->len == 1 && s->str[0] != '0');
}

static gboolean
starts(const struct reading *r, const char *text)
{
    return r->line->len >= strlen(text) && memcmp(r->line->str, text, strlen(text)) == 0;
}

/* ---- making the line ready ---- */

/* Lines that are no handover, or one without an address. */
static gboolean
is_of_no_use(const struct reading *r)
{
    struct form_match match;
    const char *name;
    gsize len;

    if (g_ascii_strncasecmp(r->line->str, "from ", 5) != 0 &&
        g_ascii_strncasecmp(r->line->str, "(from ", 6) != 0)
        return TRUE;
    if (matches(r, received_compiled()->local, NULL))
        return TRUE;
    if (!matches(r, received_compiled()->no_ip, &match))
        return FALSE;
    name = r->line->str + match.slot[FORM_X].start;
    len = match.slot[FORM_X].end - match.slot[FORM_X].start;
    if (len < 3 || name[0] != '[' || name[len - 1] != ']')
        return TRUE;
    for (gsize i = 1; i < len - 1; i++)
        if (!g_ascii_isdigit(name[i]) && name[i] != '.')
            return TRUE;
    return FALSE;
}

/* ---- what is found without knowing the form ---- */

static void
expand_auth(struct reading *r, const char *name, const struct form_match *match)
{
    for (const char *c = name; *c != '\0'; c++) {
        if (g_str_has_prefix(c, "{x}") || g_str_has_prefix(c, "{y}")) {
            enum form_slot slot = c[1] == 'x' ? FORM_X : FORM_Y;
            g_string_append_len(r->auth, r->line->str + match->slot[slot].start,
                                (gssize)(match->slot[slot].end - match->slot[slot].start));
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
        if (f->auths[i].sign != NULL && !matches(r, f->auths[i].sign, NULL))
            continue;
        if (matches(r, f->auths[i].form, &match)) {
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
        take(r, &match, FORM_ID, r->id);
    if (matches(r, f->helo_equals, &match) || matches(r, f->helo_word, &match))
        take(r, &match, FORM_HELO, r->helo);
    if (matches(r, f->by, &match))
        take(r, &match, FORM_BY, r->by);
    find_auth(r);
}

/* ---- what forms mean ---- */

/* Takes "name=value" out of text; FALSE when it isn't there. */
static gboolean
take_field(GString *text, const char *name, gsize value_min, GString *value)
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
            set(value, text->str + start, end - start);
            g_string_erase(text, (gssize)(start - len), (gssize)(end - start + len));
            return TRUE;
        }
    }
    return FALSE;
}

static void
take_fields(struct reading *r, const struct form_match *match)
{
    g_autoptr(GString) sub = g_string_new(NULL);

    take(r, match, FORM_X, sub);
    take_field(sub, "helo=", 1, r->helo);
    take_field(sub, "ident=", 0, r->ident);
}

/* Moves what stands before the first @ of rdns, behind prefix, to ident. */
static void
split_ident(struct reading *r, const char *prefix)
{
    gsize skip = strlen(prefix);
    const char *at;

    if (r->rdns->len < skip || memcmp(r->rdns->str, prefix, skip) != 0)
        return;
    at = memchr(r->rdns->str + skip, '@', r->rdns->len - skip);
    if (at == NULL)
        return;
    set(r->ident, r->rdns->str + skip, (gsize)(at - r->rdns->str) - skip);
    g_string_erase(r->rdns, 0, at - r->rdns->str + 1);
}

static void
clear_if(GString *field, const char *text)
{
    if (field->len == strlen(text) && memcmp(field->str, text, field->len) == 0)
        g_string_truncate(field, 0);
}

static void
take_xmail(struct reading *r, const struct form_match *match)
{
    struct form_match more;

    /* An address in brackets keeps its "IPv6:". */
    r->keep_v6_prefix = match->slot[FORM_IP].start > 0 && r->line->str[match->slot[FORM_IP].start - 1] == '[';
    if (matches(r, received_compiled()->xmail_id, &more))
        take(r, &more, FORM_ID, r->id);
    if (matches(r, received_compiled()->xmail_from, &more))
        take_envfrom(r, &more);
}

static void
take_soft_dns(struct reading *r, const struct form_match *match)
{
    static const char none[] = "softdnserr";
    gsize len = match->slot[FORM_X].end - match->slot[FORM_X].start;

    r->looked_up = len != strlen(none) || memcmp(r->line->str + match->slot[FORM_X].start, none, len) != 0;
    if (r->looked_up)
        take(r, match, FORM_X, r->rdns);
}

static void
take_slots(struct reading *r, const struct compiled *c, const struct form_match *match)
{
    take(r, match, FORM_RDNS, r->rdns);
    take(r, match, FORM_IP, r->ip);
    take(r, match, FORM_BY, r->by);
    take(r, match, FORM_ID, r->id);
    if (!take(r, match, FORM_HELO, r->helo) && (c->traits & RECEIVED_CLEAR_HELO))
        g_string_truncate(r->helo, 0);
    if (!take(r, match, FORM_IDENT, r->ident) && (c->traits & RECEIVED_CLEAR_IDENT))
        g_string_truncate(r->ident, 0);
    if (c->traits & RECEIVED_LOOKED_UP)
        r->looked_up = TRUE;
    if (c->traits & RECEIVED_RDNS_IS_HELO)
        set(r->helo, r->rdns->str, r->rdns->len);
    if (c->traits & RECEIVED_NO_ID)
        g_string_truncate(r->id, 0);
    if (c->traits & RECEIVED_NO_BY)
        g_string_truncate(r->by, 0);
    if (c->traits & RECEIVED_UNKNOWN_RDNS)
        clear_if(r->rdns, "unknown");
    if (c->traits & RECEIVED_UNVERIFIED)
        clear_if(r->rdns, "unverified");
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
        take(r, &more, FORM_IP, r->ip);
    if (c->traits & RECEIVED_SOFT_DNS)
        take_soft_dns(r, match);
    if ((c->traits & RECEIVED_OBTUSE) && !(r->rdns->len == 7 && memcmp(r->rdns->str, "UNKNOWN", 7) == 0))
        r->looked_up = TRUE;
}

static char *clean_envfrom(const GString *envfrom);

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
        if (r->envfrom != NULL)
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
        take(r, &match, FORM_RDNS, r->rdns);
    if (matches(r, f->exim_helo, &match))
        take(r, &match, FORM_HELO, r->helo);
    if (matches(r, f->exim_ip, &match))
        take(r, &match, FORM_IP, r->ip);
    if (!matches(r, f->exim_by, &match))
        return GO_ON;
    take(r, &match, FORM_BY, r->by);
    return r->ip->len > 0 ? HOP : GO_ON;
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
    if (r->rdns->len == 7 && memcmp(r->rdns->str, "unknown", 7) == 0)
        g_string_truncate(r->rdns, 0);
    else
        r->looked_up = TRUE;
    return HOP;
}

/* When all else fails, the first word may be the HELO name, if a byte that no name has ends it. */
static void
guess_helo(struct reading *r)
{
    const char *blank = memchr(r->line->str, ' ', r->line->len);
    gsize end = blank != NULL ? (gsize)(blank - r->line->str) : r->line->len;

    if (is_true(r->helo))
        return;
    for (; end > 0; end--) {
        char c = r->line->str[end];

        if (end < r->line->len && !g_ascii_isalnum(c) && c != '-' && c != '.') {
            set(r->helo, r->line->str, end);
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
    const char *line = r->line->str;

    if (is_true(r->ip))
        return;
    for (gsize at = 0; at < r->line->len; at++) {
        gsize ends[IP_TEXT_ENDS];
        guint n = line[at] == '[' ? ip_text_ends(line, r->line->len, at + 1, ends) : 0;

        for (guint i = 0; i < n; i++) {
            if (ends[i] < r->line->len && line[ends[i]] == ']') {
                set(r->ip, line + at + 1, ends[i] - at - 1);
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

    if (is_of_no_use(r))
        return IGNORED;
    received_cut_date(r->line);
    received_mend_by(r->line);
    line_print_take(&r->print, r->line->str, r->line->len);
    r->has_print = TRUE;
    find_common(r);
    if (starts(r, "from ")) {
        g_string_erase(r->line, 0, 5);
        outcome = read_usual(r);
    } else if (starts(r, "FROM ")) {
        g_string_erase(r->line, 0, 5);
        outcome = try_forms(r, f->upper, received_forms_upper_len);
    } else if (starts(r, "(from ")) {
        g_string_erase(r->line, 0, 6);
        outcome = try_forms(r, f->bracket, received_forms_bracket_len);
    }
    if (outcome != GO_ON)
        return outcome;
    find_bracketed_ip(r);
    return is_true(r->ip) && is_true(r->by) ? HOP : GO_ON;
}

/* ---- a hop ---- */

/* Blanks, NULs and brackets become "!". */
static char *
cleaned(const char *text, gsize len)
{
    static const gboolean odd[256] = {['\0'] = TRUE, [' '] = TRUE, ['\t'] = TRUE, ['\n'] = TRUE, ['\v'] = TRUE, ['\f'] = TRUE,
                                      ['\r'] = TRUE, ['#'] = TRUE, ['['] = TRUE, [']'] = TRUE, ['('] = TRUE, [')'] = TRUE,
                                      ['<'] = TRUE, ['>'] = TRUE, ['|'] = TRUE};
    char *out = g_malloc(len + 1);

    for (gsize i = 0; i < len; i++)
        out[i] = odd[(guchar)text[i]] ? '!' : text[i];
    out[len] = '\0';
    return out;
}

static char *
clean_envfrom(const GString *envfrom)
{
    gsize start = 0, end = envfrom->len;

    while (start < end && is_space(envfrom->str[start]))
        start++;
    while (start < end && envfrom->str[start] == '<')
        start++;
    while (end > start && is_space(envfrom->str[end - 1]))
        end--;
    while (end > start && envfrom->str[end - 1] == '>')
        end--;
    return cleaned(envfrom->str + start, end - start);
}

/* "IPv6:" before it and "::ffff:" of an IPv4 address are dropped. */
static char *
clean_ip(const struct reading *r)
{
    const char *ip = r->ip->str, *v4;
    gsize zeros;

    if (!r->keep_v6_prefix && g_ascii_strncasecmp(ip, "ipv6:", 5) == 0)
        ip += 5;
    v4 = strrchr(ip, ':');
    zeros = strspn(ip, "0:");
    if (v4 != NULL && strchr(v4, '.') != NULL && zeros >= 2 && v4 - ip == (gssize)zeros + 4 &&
        ip[zeros - 1] == ':' && g_ascii_strncasecmp(ip + zeros, "ffff", 4) == 0 &&
        strchr(ip, ':') != ip + zeros - 1)
        ip = v4 + 1;
    return cleaned(ip, strlen(ip));
}

static void
mend_names(struct reading *r)
{
    while (r->rdns->len > 0 && r->rdns->str[r->rdns->len - 1] == '.')
        g_string_truncate(r->rdns, r->rdns->len - 1);
    if ((r->rdns->len == 7 && g_ascii_strncasecmp(r->rdns->str, "unknown", 7) == 0) || r->rdns->str[0] == '[')
        g_string_truncate(r->rdns, 0);
    if (r->by->len > 0 && r->by->str[r->by->len - 1] == ';')
        g_string_truncate(r->by, r->by->len - 1);
}

void
spam_relay_describe(struct spam_relay *relay)
{
    const char *envfrom = relay->envfrom != NULL && strcmp(relay->envfrom, "0") != 0 ? relay->envfrom : "";
    const char *const texts[] = {"[ ip=", relay->ip, " rdns=", relay->rdns, " helo=", relay->helo, " by=", relay->by,
                                 " ident=", relay->ident, " envfrom=", envfrom, " intl=0 id="};

    g_string_truncate(relay->as_string, 0);
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        g_string_append(relay->as_string, texts[i]);
    g_string_append_len(relay->as_string, relay->id->str, (gssize)relay->id->len);
    g_string_append(relay->as_string, " auth=");
    g_string_append_len(relay->as_string, relay->auth->str, (gssize)relay->auth->len);
    g_string_append(relay->as_string, " msa=0 ]");
}

static struct spam_relay *
make_relay(struct reading *r)
{
    struct spam_relay *relay = g_new0(struct spam_relay, 1);

    mend_names(r);
    relay->ip = clean_ip(r);
    relay->rdns = cleaned(r->rdns->str, r->rdns->len);
    relay->helo = cleaned(r->helo->str, r->helo->len);
    relay->by = cleaned(r->by->str, r->by->len);
    relay->ident = cleaned(r->ident->str, r->ident->len);
    relay->envfrom = r->envfrom != NULL ? clean_envfrom(r->envfrom) : NULL;
    relay->lc_rdns = g_ascii_strdown(relay->rdns, -1);
    relay->lc_helo = g_ascii_strdown(relay->helo, -1);
    relay->lc_by = g_ascii_strdown(relay->by, -1);
    relay->id = g_string_new_len(r->id->str, (gssize)r->id->len);
    relay->auth = g_string_new_len(r->auth->str, (gssize)r->auth->len);
    relay->as_string = g_string_sized_new(256);
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
    char *texts[] = {relay->ip,      relay->rdns,    relay->helo,    relay->by,   relay->ident,
                     relay->envfrom, relay->lc_rdns, relay->lc_helo, relay->lc_by};
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    g_string_free(relay->id, TRUE);
    g_string_free(relay->auth, TRUE);
    g_string_free(relay->as_string, TRUE);
    g_free(relay);
}

enum received_result
received_line_parse(const char *line, gsize len, struct spam_relay **relay_r, struct received_notes *notes)
{
    struct reading r = {.line = received_squeezed(line, len), .notes = notes};
    GString **fields[] = {&r.ip, &r.rdns, &r.helo, &r.by, &r.id, &r.ident, &r.auth};
    enum outcome outcome;

    for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
        *fields[i] = g_string_new(NULL);
    outcome = read_line(&r);
    if (outcome == HOP)
        *relay_r = make_relay(&r);
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
        g_string_free(*fields[i], TRUE);
    if (r.envfrom != NULL)
        g_string_free(r.envfrom, TRUE);
    g_string_free(r.line, TRUE);
    return outcome == HOP ? RECEIVED_HOP : outcome == IGNORED ? RECEIVED_IGNORED : RECEIVED_UNPARSEABLE;
}
