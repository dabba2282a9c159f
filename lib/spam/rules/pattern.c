/* pattern.c: see pattern.h.
 *
 * One walk over the pattern knows classes, groups and quantifiers well enough to see what Perl refuses or warns of and PCRE2 takes: a
 * brace that is no quantifier, a repeated assertion, \Q. It writes nothing: what the pattern means is said to PCRE2 by the translation
 * that the engine uses (perl_syntax.h), which takes all that Perl can be made to match, warned of or not. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "lib/spam/rules/pattern.h"
#include <pcre2.h>
#include <string.h>
#include "lib/spam/rules/perl_syntax.h"
#include "lib/spam/rules/perl_tables.h"

#define REPEAT_MAX 65534u /* Perl's own */
#define DEPTH_MAX 250u    /* groups within groups; PCRE2's own default */
#define UNKNOWN_ESCAPE "an escape that means nothing"

static GQuark
rules_pattern_quark(void)
{
    return g_quark_from_static_string("rules-pattern");
}

static gboolean
refuse(GError **error, const char *why)
{
    g_set_error_literal(error, rules_pattern_quark(), 0, why);
    return FALSE;
}

/* ---- the walk ---- */

/* What stands before the place: it says what a quantifier or a brace means there. */
enum before { BEFORE_NOTHING, BEFORE_ATOM, BEFORE_ASSERTION };

struct walk {
    const char *at, *end;
    enum before before;
    gboolean groups[DEPTH_MAX]; /* is the group an assertion? */
    guint depth;
};

/* The number at p, of at most 6 digits; FALSE without digits. */
static gboolean
digits(const char **p, const char *end, guint *number)
{
    const char *start = *p;

    *number = 0;
    while (*p < end && g_ascii_isdigit(**p) && *p - start < 6)
        *number = *number * 10 + (guint)(*(*p)++ - '0');
    return *p > start;
}

/* Is there a quantifier {n}, {n,}, {,m} or {n,m} at the brace? Gives its length and whether it has no upper end. */
static gsize
braces(const struct walk *walk, guint *low, guint *high, gboolean *endless)
{
    const char *p = walk->at + 1;
    gboolean has_low = digits(&p, walk->end, low), comma = p < walk->end && *p == ',', has_high = FALSE;

    *high = *low;
    if (comma) {
        p++;
        has_high = digits(&p, walk->end, high);
    }
    *endless = comma && !has_high;
    if (p == walk->end || *p != '}' || (!has_low && !has_high))
        return 0;
    return (gsize)(p + 1 - walk->at);
}

static gboolean
walk_brace(struct walk *walk, GError **error)
{
    guint low, high;
    gboolean endless;
    gsize length = braces(walk, &low, &high, &endless);

    if (length == 0) {
        if (walk->before != BEFORE_NOTHING)
            return refuse(error, "a left brace that should be escaped");
        walk->at++;
        walk->before = BEFORE_ATOM;
        return TRUE;
    }
    if (low > REPEAT_MAX || (!endless && high > REPEAT_MAX))
        return refuse(error, "a repeat count over 65534");
    if (walk->before == BEFORE_ASSERTION && endless)
        return refuse(error, "an assertion that is repeated");
    walk->at += length;
    return TRUE;
}

static gboolean
walk_escape(struct walk *walk, GError **error)
{
    if (walk->at + 1 == walk->end)
        return refuse(error, "a backslash at the end");
    char c = walk->at[1];
    if (perl_syntax_is_unknown_escape(c))
        return refuse(error, UNKNOWN_ESCAPE);
    walk->at += c == 'c' && walk->end - walk->at > 2 ? 3 : 2; /* \c\ is a character */
    walk->before = strchr("bBAzZGK", c) != NULL && c != '\0' ? BEFORE_ASSERTION : BEFORE_ATOM;
    if (strchr("xogkpPN", c) != NULL && c != '\0' && walk->at < walk->end && *walk->at == '{') { /* \x{..}: no quantifier */
        const char *close = memchr(walk->at, '}', (gsize)(walk->end - walk->at));
        walk->at = close != NULL ? close + 1 : walk->at;
    }
    return TRUE;
}

/* "[:alpha:]" or "[=a=]" where a class begins: Perl warns that it belongs inside of one, unless the name is too short or long for that. */
static gboolean
is_posix_outside(const char *p, const char *end)
{
    gsize name = 0;

    if (end - p < 5 || strchr(":=.", p[1]) == NULL || p[1] == '\0')
        return FALSE;
    while (p + 3 + name < end && p[2 + name] != p[1] && p[2 + name] != ']')
        name++;
    return p[2 + name] == p[1] && p[3 + name] == ']' && (p[1] == ':' ? name > 2 : name == 1);
}

/* A [class], to its end. */
static gboolean
walk_class(struct walk *walk, GError **error)
{
    const char *p = walk->at + 1;

    if (is_posix_outside(walk->at, walk->end))
        return refuse(error, "a POSIX class outside of a class");
    if (p < walk->end && *p == '^')
        p++;
    if (p < walk->end && *p == ']')
        p++;
#ifdef POSTERN_PLANTED_BUGS
    while (*p != ']') { /* a class without end: on past the pattern's */
#else
    while (p < walk->end && *p != ']') {
#endif
        const char *close;
        if (*p == '\\' && p + 1 < walk->end) {
            if (perl_syntax_is_unknown_escape(p[1]))
                return refuse(error, UNKNOWN_ESCAPE);
            p += 2;
        } else if (*p == '[' && p + 1 < walk->end && strchr(":=.", p[1]) != NULL && p[1] != '\0'
                   && (close = g_strstr_len(p + 2, walk->end - p - 2, (char[]){p[1], ']', '\0'})) != NULL) {
            p = close + 2;
        } else {
            p++;
        }
    }
    if (p == walk->end)
        return refuse(error, "a class without end");
    walk->at = p + 1;
    walk->before = BEFORE_ATOM;
    return TRUE;
}

/* The bytes of "(?mods)" and "(?mods:"; 0 when it is another group. */
static gsize
modifiers(const struct walk *walk)
{
    const char *p = walk->at + 2;

    while (p < walk->end && (g_ascii_isalpha(*p) || *p == '-' || *p == '^'))
        p++;
    return p == walk->end || (*p != ')' && *p != ':') || p == walk->at + 2 ? 0 : (gsize)(p + 1 - walk->at);
}

/* The bytes of a group's beginning: "(", "(?:", "(?<=", "(?<name>" and so on. */
static gsize
group_head(const char *at, gsize left)
{
    const char *name = at + 2, *end = NULL;

    if (left < 3 || (at[1] != '?' && at[1] != '*'))
        return 1;
    if (at[1] == '*')
        return 2;
    if (strchr("=!>|:", *name) != NULL)
        return 3;
    if (left > 3 && *name == '<' && (name[1] == '=' || name[1] == '!'))
        return 4;
    name += *name == 'P';
    if (*name == '<' || *name == '\'')
        end = memchr(name + 1, *name == '<' ? '>' : '\'', left - (gsize)(name + 1 - at));
    return end != NULL ? (gsize)(end + 1 - at) : 2;
}

static gboolean
walk_group(struct walk *walk, GError **error)
{
    const char *at = walk->at;
    gsize left = (gsize)(walk->end - at);
    gsize head = left > 2 && at[1] == '?' ? modifiers(walk) : 0;

    if (left > 2 && at[1] == '?' && at[2] == '#') { /* a comment */
        const char *close = memchr(at, ')', left);
        if (close == NULL)
            return refuse(error, "a comment without end");
        walk->at = close + 1;
        return TRUE;
    }
    if (head > 0 && at[head - 1] == ')') {
        walk->at += head;
        return TRUE;
    }
    if (walk->depth == DEPTH_MAX)
        return refuse(error, "groups too deep");
    walk->groups[walk->depth++] =
        left > 3 && at[1] == '?' && (at[2] == '=' || at[2] == '!' || (at[2] == '<' && (at[3] == '=' || at[3] == '!')));
    walk->at += head > 0 ? head : group_head(at, left);
    walk->before = BEFORE_NOTHING;
    return TRUE;
}

static gboolean
walk_other(struct walk *walk, GError **error)
{
    char c = *walk->at;

    if ((c == '*' || c == '+') && walk->before == BEFORE_ASSERTION)
        return refuse(error, "an assertion that is repeated");
    if (c == ')')
        walk->before = walk->depth > 0 && walk->groups[--walk->depth] ? BEFORE_ASSERTION : BEFORE_ATOM;
    else if (c == '|')
        walk->before = BEFORE_NOTHING;
    else if (c == '^' || c == '$')
        walk->before = BEFORE_ASSERTION;
    else if (strchr("*+?", c) == NULL || c == '\0')
        walk->before = BEFORE_ATOM;
    walk->at++;
    return TRUE;
}

/* Whether Perl takes it, as far as the walk can tell. */
static gboolean
is_taken(const char *text, gsize length, GError **error)
{
    struct walk walk = {.at = text, .end = text + length};
    gboolean good = TRUE;

    while (good && walk.at < walk.end)
        good = *walk.at == '\\'  ? walk_escape(&walk, error)
               : *walk.at == '[' ? walk_class(&walk, error)
               : *walk.at == '(' ? walk_group(&walk, error)
               : *walk.at == '{' ? walk_brace(&walk, error)
                                 : walk_other(&walk, error);
    return good;
}

/* The pattern for PCRE2, or NULL with error where Perl refuses it. */
static GString *
for_pcre2(const char *text, gsize length, GError **error)
{
    const char *why = NULL;
    gboolean refers;
    GString *pattern;

    if (!is_taken(text, length, error))
        return NULL;
    pattern = perl_syntax_translate(text, length, &refers, &why);
    if (pattern == NULL)
        refuse(error, why);
    return pattern;
}

pcre2_code *
rules_pattern_compile(const char *text, guint32 options, GError **error)
{
    g_autoptr(GString) pattern = for_pcre2(text, strlen(text), error);
    int code;
    size_t at;

    if (pattern == NULL)
        return NULL;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    pcre2_set_character_tables(context, perl_tables());
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)pattern->str, pattern->len, options | PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C,
                                   &code, &at, context);
    pcre2_compile_context_free(context);
    if (re == NULL) {
        char message[128];
        pcre2_get_error_message(code, (PCRE2_UCHAR *)message, sizeof message);
        g_set_error(error, rules_pattern_quark(), code, "%s at byte %zu", message, at);
    }
    return re;
}

gboolean
rules_pattern_too_long(const GError *error)
{
    return error != NULL && error->domain == rules_pattern_quark() && error->code == PCRE2_ERROR_PATTERN_TOO_LARGE;
}

/* ---- delimiters and modifiers ---- */

/* What closes a pattern that begins with text, and where it begins; '\0' when there is no delimiter. */
static char
delimiter(const char **text)
{
    const char *p = *text;

    if (*p == '/') {
        ++*text;
        return '/';
    }
    p += *p == 'm' ? 1 : strncmp(p, "qr", 2) == 0 ? 2 : 0;
    if (p == *text || *p == '\0' || g_ascii_isalnum(*p) || *p == '_')
        return '\0';
    *text = p + 1;
    return *p == '{' ? '}' : *p == '(' ? ')' : *p == '<' ? '>' : *p == '[' ? ']' : *p;
}

/* Does the delimiter stand in the pattern without a backslash before it? Doubled backslashes are none. */
static gboolean
has_bare(const char *pattern, gsize length, char what)
{
    for (gsize i = 0; i < length; i++) {
        if (pattern[i] == '\\' && i + 1 < length)
            i++;
        else if (pattern[i] == what)
            return TRUE;
    }
    return FALSE;
}

static gboolean
always_matches(const char *pattern)
{
    gsize length = strlen(pattern);

    if (length == 0 || *pattern == '|' || (pattern[length - 1] == '|' && (length < 2 || pattern[length - 2] != '\\')))
        return TRUE;
    for (gsize i = 0; i + 1 < length; i++)
        if (pattern[i] == '|' && pattern[i + 1] == '|' && (i == 0 || pattern[i - 1] != '\\'))
            return TRUE;
    return FALSE;
}

/* Takes delimiters and modifiers off: pattern and mods, free both. */
static gboolean
undelimit(const char *text, char **pattern, char **mods, GError **error)
{
    char close = delimiter(&text);

    if (close == '\0')
        return refuse(error, "missing regexp delimiters");
    if (close == '\\')
        return refuse(error, "backslash delimiter not allowed");
    gsize length = strlen(text);
    while (length > 0 && g_ascii_islower(text[length - 1]) && text[length - 1] != 'e' && text[length - 1] != close)
        length--;
    if (length == 0 || text[length - 1] != close)
        return refuse(error, "invalid end delimiter/mods");
    if (strchr("})]", close) == NULL && has_bare(text, length - 1, close))
        return refuse(error, "unquoted delimiter found");
    *pattern = g_strndup(text, length - 1);
    *mods = g_strdup(text + length);
    return TRUE;
}

gboolean
rules_pattern_parse(struct spam_pattern *pattern, const char *text, enum rules_delimiters delimiters, gboolean refuse_always,
                    GError **error)
{
    g_autofree char *bare = NULL, *mods = NULL;

    if (strlen(text) > SPAM_PATTERN_MAX)
        return refuse(error, "pattern too long");
    if (delimiters == RULES_BARE)
        bare = g_strdup(text);
    else if (!undelimit(text, &bare, &mods, error))
        return FALSE;
    if (strstr(bare, "(?{") != NULL || strstr(bare, "(??{") != NULL)
        return refuse(error, "eval (?{}) found");
    if (refuse_always && always_matches(bare))
        return refuse(error, "always matching regexp");
    gboolean has_mods = mods != NULL && *mods != '\0';
    if (has_mods && mods[strspn(mods, "msixpnadlu")] != '\0')
        return refuse(error, "unknown modifier");
    g_autofree char *whole = has_mods ? g_strdup_printf("(?%s)%s", mods, bare) : g_steal_pointer(&bare);
    pcre2_code *code = rules_pattern_compile(whole, 0, error);
    if (code == NULL)
        return FALSE;
    pcre2_code_free(code);
    g_free(pattern->text);
    pattern->text = g_steal_pointer(&whole);
    pattern->modifiers = has_mods ? strlen(mods) + 3 : 0;
    return TRUE;
}

void
rules_pattern_clear(struct spam_pattern *pattern)
{
    g_clear_pointer(&pattern->text, g_free);
    pattern->modifiers = 0;
}
