/* uri_redirect.c: URIs that lead to others named in them: the rules' patterns, and any http: within a URI. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "lib/spam/view/uri_redirect.h"
#include "lib/spam/rules/perl_tables.h"
#include <pcre2.h>
#include <string.h>

#define STEPS_MAX 200000 /* of one match; the rules' patterns need a few thousand on the longest URI */

struct redirector {
    pcre2_code *bytes, *chars;
};

struct uri_redirectors {
    GArray *list; /* struct redirector */
    pcre2_match_context *limits;
};

static pcre2_code *
compile(const char *pattern, guint32 options, GPtrArray **errors_r)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    PCRE2_UCHAR why[128];
    PCRE2_SIZE at;
    int error;

    pcre2_set_character_tables(context, perl_tables());
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options, &error, &at, context);
    pcre2_compile_context_free(context);
    if (code != NULL) {
        pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    } else if (errors_r != NULL) {
        if (*errors_r == NULL)
            *errors_r = g_ptr_array_new_with_free_func(g_free);
        pcre2_get_error_message(error, why, sizeof why);
        g_ptr_array_add(*errors_r,
                        g_strdup_printf("redirector_pattern: %s at offset %zu of %.200s", (const char *)why, at, pattern));
    }
    return code;
}

struct uri_redirectors *
uri_redirectors_new(const char *const *patterns, GPtrArray **errors_r)
{
    struct uri_redirectors *redirectors = g_new0(struct uri_redirectors, 1);

    if (errors_r != NULL)
        *errors_r = NULL;
    redirectors->list = g_array_new(FALSE, FALSE, sizeof(struct redirector));
    redirectors->limits = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(redirectors->limits, STEPS_MAX);
    for (; *patterns != NULL; patterns++) {
        struct redirector one = {.bytes = compile(*patterns, 0, errors_r)};

        if (one.bytes == NULL)
            continue;
        one.chars = compile(*patterns, PCRE2_UTF | PCRE2_MATCH_INVALID_UTF, NULL);
        g_array_append_val(redirectors->list, one);
    }
    return redirectors;
}

void
uri_redirectors_free(struct uri_redirectors **redirectors)
{
    if (*redirectors == NULL)
        return;
    for (guint i = 0; i < (*redirectors)->list->len; i++) {
        struct redirector *one = &g_array_index((*redirectors)->list, struct redirector, i);
        pcre2_code_free(one->bytes);
        pcre2_code_free(one->chars);
    }
    g_array_unref((*redirectors)->list);
    pcre2_match_context_free((*redirectors)->limits);
    g_clear_pointer(redirectors, g_free);
}

static gboolean
target_of(const struct uri_redirectors *redirectors, const struct redirector *one, pcre2_match_data *data, struct perl_text uri,
          struct perl_text *target_r)
{
    const pcre2_code *code = uri.is_chars && one->chars != NULL ? one->chars : one->bytes;
    const PCRE2_SIZE *span = pcre2_get_ovector_pointer(data);

    if (pcre2_match(code, (PCRE2_SPTR)uri.at, uri.length, 0, 0, data, redirectors->limits) < 0 || span[2] == PCRE2_UNSET ||
        pcre2_get_ovector_count(data) < 2)
        return FALSE;
    *target_r = (struct perl_text){uri.at + span[2], span[3] - span[2], uri.is_chars};
    return memchr(target_r->at, '.', target_r->length) != NULL;
}

gboolean
uri_redirect_by_pattern(const struct uri_redirectors *redirectors, struct perl_text uri, struct perl_text *target_r)
{
    gboolean found = FALSE;

    if (redirectors == NULL || redirectors->list->len == 0)
        return FALSE;
    pcre2_match_data *data = pcre2_match_data_create(2, NULL);
    for (guint i = 0; i < redirectors->list->len && !found; i++)
        found = target_of(redirectors, &g_array_index(redirectors->list, struct redirector, i), data, uri, target_r);
    pcre2_match_data_free(data);
    return found;
}

/* Where "http:" or "https:" begins that has its colon there and something behind it that isn't '&' or '#'; G_MAXSIZE: nowhere. */
static gsize
http_start(struct perl_text text, gsize colon)
{
    if (colon + 1 >= text.length || text.at[colon + 1] == '&' || text.at[colon + 1] == '#')
        return G_MAXSIZE;
    if (colon >= 5 && g_ascii_strncasecmp(text.at + colon - 5, "https", 5) == 0)
        return colon - 5;
    return colon >= 4 && g_ascii_strncasecmp(text.at + colon - 4, "http", 4) == 0 ? colon - 4 : G_MAXSIZE;
}

gboolean
uri_redirect_within(struct perl_text rest, struct perl_text *target_r)
{
    const char *text_end = rest.at + rest.length;

    for (const char *p = rest.at; (p = memchr(p, ':', (gsize)(text_end - p))) != NULL; p++) {
        gsize start = http_start(rest, (gsize)(p - rest.at)), end = start;

        if (start == G_MAXSIZE)
            continue;
        while (end < rest.length && rest.at[end] != '&' && rest.at[end] != '#')
            end++;
        *target_r = perl_text_slice(rest, start, end);
        return memchr(target_r->at, '.', target_r->length) != NULL;
    }
    return FALSE;
}
