/* pattern.c: PCRE2 with the options and tables that make it Perl's matcher of byte strings. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "lib/spam/engine/pattern.h"
#include "lib/spam/engine/pattern_share.h"
#include "lib/spam/rules/perl_syntax.h"
#include "lib/spam/rules/perl_tables.h"
#include <pcre2.h>
#include <string.h>

G_DEFINE_QUARK(postern-pattern-error, pattern_error)

struct pattern {
    pcre2_code *code;
    char **names;
    gboolean has_jit;
};

struct matcher {
    pcre2_match_context *context;
    pcre2_match_data *data;
    pcre2_jit_stack *stack;
};

/* ---- compiling ---- */

static guint32
options_of(const char *modifiers)
{
    guint32 options = PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_USE_OFFSET_LIMIT;

    for (const char *m = modifiers != NULL ? modifiers : ""; *m != '\0'; m++)
        options |= *m == 'i'   ? PCRE2_CASELESS
                   : *m == 'm' ? PCRE2_MULTILINE
                   : *m == 's' ? PCRE2_DOTALL
                   : *m == 'x' ? PCRE2_EXTENDED
                   : *m == 'n' ? PCRE2_NO_AUTO_CAPTURE
                               : 0;
    if (modifiers != NULL && strstr(modifiers, "xx") != NULL)
        options |= PCRE2_EXTENDED_MORE;
    return options;
}

static pcre2_compile_context *
compile_context(void)
{
    static pcre2_compile_context *context;
    static gsize once;

    if (g_once_init_enter(&once)) {
        context = pcre2_compile_context_create(NULL);
        pcre2_set_character_tables(context, perl_tables());
        pcre2_set_newline(context, PCRE2_NEWLINE_LF);
        pcre2_set_bsr(context, PCRE2_BSR_UNICODE);
        pcre2_set_compile_extra_options(context, PCRE2_EXTRA_BAD_ESCAPE_IS_LITERAL);
        pcre2_set_parens_nest_limit(context, 500);
        g_once_init_leave(&once, 1);
    }
    return context;
}

static void
take_names(struct pattern *pattern)
{
    guint32 count = 0, width = 0;
    PCRE2_SPTR table = NULL;
    GPtrArray *names;

    pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMECOUNT, &count);
    if (count == 0)
        return;
    pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMEENTRYSIZE, &width);
    pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMETABLE, &table);
    names = g_ptr_array_new();
    for (guint32 i = 0; i < MIN(count, PATTERN_CAPTURES_MAX); i++)
        g_ptr_array_add(names, g_strdup((const char *)table + i * width + 2));
    g_ptr_array_add(names, NULL);
    pattern->names = (char **)g_ptr_array_free(names, FALSE);
}

/* Compiles; what is too large once more, with what repeats in it shared. *at_r: where in the text an error is. */
static pcre2_code *
compile(const GString *text, gboolean refers, guint32 options, int *error_r, PCRE2_SIZE *at_r)
{
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)text->str, text->len, options, error_r, at_r, compile_context());

    if (code != NULL || *error_r != PCRE2_ERROR_PATTERN_TOO_LARGE)
        return code;
    g_autoptr(GString) shared = pattern_share(text, refers);
    return shared == NULL ? NULL : pcre2_compile((PCRE2_SPTR)shared->str, shared->len, options, error_r, at_r, compile_context());
}

struct pattern *
pattern_new(const char *text, gsize length, const char *modifiers, GError **error)
{
    const char *why = NULL;
    g_autoptr(GString) translated = NULL;
    struct pattern *pattern;
    gboolean refers = FALSE;
    int code = 0;
    PCRE2_SIZE at = 0;

    if (length > PATTERN_BYTES_MAX) {
        g_set_error(error, PATTERN_ERROR, PATTERN_ERROR_TOO_BIG, "the pattern has more than %u bytes", PATTERN_BYTES_MAX);
        return NULL;
    }
    translated = perl_syntax_translate(text, length, &refers, &why);
    if (translated == NULL) {
        g_set_error(error, PATTERN_ERROR, PATTERN_ERROR_SYNTAX, "not supported: %s", why);
        return NULL;
    }
    pattern = g_new0(struct pattern, 1);
    pattern->code = compile(translated, refers, options_of(modifiers) | (refers ? 0 : PCRE2_NO_AUTO_CAPTURE), &code, &at);
    if (pattern->code == NULL) {
        PCRE2_UCHAR message[200];
        pcre2_get_error_message(code, message, sizeof message);
        g_set_error(error, PATTERN_ERROR, code == PCRE2_ERROR_PATTERN_TOO_LARGE ? PATTERN_ERROR_TOO_BIG : PATTERN_ERROR_SYNTAX,
                    "%s (at byte %zu)", (const char *)message, (size_t)at);
        g_free(pattern);
        return NULL;
    }
    pattern->has_jit = pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE) == 0;
    take_names(pattern);
    return pattern;
}

void
pattern_free(struct pattern *pattern)
{
    if (pattern == NULL)
        return;
    pcre2_code_free(pattern->code);
    g_strfreev(pattern->names);
    g_free(pattern);
}

guint
pattern_least_length(const struct pattern *pattern)
{
    guint32 least = 0;

    pcre2_pattern_info(pattern->code, PCRE2_INFO_MINLENGTH, &least);
    return least;
}

const char *const *
pattern_names(const struct pattern *pattern)
{
    return (const char *const *)pattern->names;
}

/* ---- matching ---- */

struct matcher *
matcher_new(void)
{
    struct matcher *matcher = g_new0(struct matcher, 1);

    matcher->context = pcre2_match_context_create(NULL);
    matcher->stack = pcre2_jit_stack_create(32 * 1024, PATTERN_STACK_MAX, NULL);
    matcher->data = pcre2_match_data_create(PATTERN_CAPTURES_MAX, NULL);
    pcre2_set_match_limit(matcher->context, PATTERN_STEPS_MAX);
    pcre2_set_heap_limit(matcher->context, 20000); /* kibibytes: of the interpreter, for what the JIT can't take */
    pcre2_jit_stack_assign(matcher->context, NULL, matcher->stack);
    return matcher;
}

void
matcher_free(struct matcher *matcher)
{
    if (matcher == NULL)
        return;
    pcre2_match_data_free(matcher->data);
    pcre2_jit_stack_free(matcher->stack);
    pcre2_match_context_free(matcher->context);
    g_free(matcher);
}

static enum match
match(const struct pattern *pattern, struct matcher *matcher, const char *subject, gsize length, gsize from, guint32 options)
{
    PCRE2_SPTR text = (PCRE2_SPTR)(subject != NULL ? subject : "");
    int code = pattern->has_jit && options == 0
                   ? pcre2_jit_match(pattern->code, text, length, from, 0, matcher->data, matcher->context)
                   : pcre2_match(pattern->code, text, length, from, options, matcher->data, matcher->context);

    return code >= 0 ? MATCH_YES : code == PCRE2_ERROR_NOMATCH ? MATCH_NO : MATCH_GAVE_UP;
}

enum match
pattern_match(const struct pattern *pattern, struct matcher *matcher, const char *subject, gsize length, gsize from,
              gsize *begin_r, gsize *end_r)
{
    enum match found = match(pattern, matcher, subject, length, from, 0);
    const PCRE2_SIZE *span = pcre2_get_ovector_pointer(matcher->data);

    if (found == MATCH_YES && begin_r != NULL)
        *begin_r = span[0];
    if (found == MATCH_YES && end_r != NULL)
        *end_r = span[1];
    return found;
}

enum match
pattern_match_at(const struct pattern *pattern, struct matcher *matcher, const char *subject, gsize length, gsize at)
{
    enum match found;

    pcre2_set_offset_limit(matcher->context, at); /* PCRE2_ANCHORED would do without the JIT */
    found = match(pattern, matcher, subject, length, at, 0);
    pcre2_set_offset_limit(matcher->context, PCRE2_UNSET);
    return found;
}

guint
pattern_count(const struct pattern *pattern, struct matcher *matcher, const char *subject, gsize length, guint max,
              gboolean *gave_up_r)
{
    const PCRE2_SIZE *span = pcre2_get_ovector_pointer(matcher->data);
    guint32 options = 0;
    gsize from = 0;
    guint count = 0;

    while (max == 0 || count < max) {
        enum match found = match(pattern, matcher, subject, length, from, options);
        if (found == MATCH_GAVE_UP)
            *gave_up_r = TRUE;
        if (found != MATCH_YES)
            break;
        count++;
        /* After an empty match Perl wants one that is not empty here, or any further on. A match that ends before its
         * beginning (\K) must not turn the loop around. */
        options = span[0] >= span[1] ? PCRE2_NOTEMPTY_ATSTART : 0;
        if (span[1] < from)
            break;
        from = span[1];
    }
    return count;
}

GBytes *
pattern_capture(const struct pattern *pattern, struct matcher *matcher, const char *subject, const char *name)
{
    int number = pcre2_substring_number_from_name(pattern->code, (PCRE2_SPTR)name);
    PCRE2_SIZE length = 0;
    const PCRE2_SIZE *span = pcre2_get_ovector_pointer(matcher->data);

    if (number < 0 || pcre2_substring_length_bynumber(matcher->data, (guint32)number, &length) != 0)
        return NULL;
    return g_bytes_new(subject + span[2 * number], length);
}
