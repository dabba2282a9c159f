/* hashbl_emails.c: HashBL's patterns: e-mail addresses in texts, and what is cut out of them before. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>
#include "lib/spam/net/hashbl.h"
#include "lib/spam/rules/pattern.h"

#define STEPS_MAX 1000000u /* of one match */
#define USER_MAX 64u       /* characters before the "@" */
#define HOST_MAX 330u      /* four labels of 61, a top-level domain, and what follows it */

#define ATOM "[a-z0-9!#$%&'*+/=?^_`{|}~-]"

/* ---- patterns ---- */

/* Perl's list of top-level domains, at their ends. */
static void
append_tlds(GString *out, const struct spam_ruleset *ruleset)
{
    GHashTable *tlds = rules_map(ruleset, "util_rb_tld");
    GHashTableIter iter;
    gpointer tld;
    gboolean first = TRUE;

    g_string_append(out, "(?i:(?<![a-z0-9-])(?:");
    if (tlds != NULL)
        g_hash_table_iter_init(&iter, tlds);
    while (tlds != NULL && g_hash_table_iter_next(&iter, &tld, NULL)) {
        g_string_append_printf(out, "%s%s", first ? "" : "|", (const char *)tld);
        first = FALSE;
    }
    g_string_append(out, first ? "no_tlds_defined" : "");
    g_string_append(out, ")(?!(?:[a-z0-9-]|\\.[a-z0-9])))");
}

static pcre2_code *
compile(struct net_rules *rules, const char *setting, const char *text, const char *tlds)
{
    const char *given = setting != NULL ? rules_text(rules->ruleset, setting) : NULL;
    g_autoptr(GString) whole = g_string_new(given != NULL ? given : text);
    g_autoptr(GError) error = NULL;

    g_string_replace(whole, "_TLDS_", tlds, 0);
    pcre2_code *code = rules_pattern_compile(whole->str, 0, &error);
    if (code == NULL)
        g_ptr_array_add(rules->warnings, g_strdup_printf("HashBL: %s", error->message));
    else
        pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    return code;
}

#define EMAIL "(?=.{0,64}@)(?<!" ATOM ")(" ATOM "+(?:\\." ATOM "+)*@(?:[a-z0-9](?:[a-z0-9-]{0,59}[a-z0-9])?\\.){1,4}_TLDS_)"

void
net_rules_compile_hash(struct net_rules *rules)
{
    static const char welcome[] =
        "(?i)^(?:(?:abuse|support|sales|info|helpdesk|contact|kontakt|(?:post|host|domain)master)|undisclosed.*|"
        "request-[a-f0-9]{16}|bounced?-|[a-f0-9]{8}(?:\\.[a-f0-9]{8}|(?:-[a-f0-9]{4}){3}-[a-f0-9]{12})|.+=.+=.+)@";
    g_autoptr(GString) tlds = g_string_new(NULL), quoted = g_string_new(NULL);
    const char *given = rules_text(rules->ruleset, "hashbl_email_regex");

    if (rules->hashes->len == 0)
        return;
    append_tlds(tlds, rules->ruleset);
    rules->email = compile(rules, "hashbl_email_regex", "(?i)" EMAIL, tlds->str);
    g_string_printf(quoted, "(?i)<?(?<!mailto:)(?:%s)(?:>|\\s{1,10}(?!(?:fa(?:x|csi)|tel|phone|e?-?mail))[a-z]{2,11}:)",
                    given != NULL ? given : EMAIL);
    rules->email_quoted = compile(rules, NULL, quoted->str, tlds->str);
    rules->email_welcome = compile(rules, "hashbl_email_welcomelist", welcome, tlds->str);
    rules->links = compile(rules, NULL, "(?i)<?https?://\\S{0,255}(?:@|%40)\\S{0,255}", tlds->str);
}

/* ---- matching ---- */

struct search {
    pcre2_match_context *context;
    pcre2_match_data *data;
    PCRE2_SIZE *span;
};

static void
search_init(struct search *search)
{
    search->context = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(search->context, STEPS_MAX);
    search->data = pcre2_match_data_create(PATTERN_CAPTURES_MAX, NULL);
    search->span = pcre2_get_ovector_pointer(search->data);
}

static void
search_clear(struct search *search)
{
    pcre2_match_data_free(search->data);
    pcre2_match_context_free(search->context);
}

/* Number of groups, 0 for none or the limit. */
static guint
search_from(struct search *search, const pcre2_code *pattern, const char *text, gsize length, gsize from)
{
    int found = pcre2_match(pattern, (PCRE2_SPTR)text, length, from, 0, search->data, search->context);

    return found > 0 ? (guint)found : 0;
}

void
hashbl_each_match(const pcre2_code *pattern, const char *text, gsize length,
                  gboolean (*found)(gpointer data, const char *match, gsize length), gpointer data)
{
    struct search search;
    guint32 groups = 0;

    if (pattern == NULL)
        return;
    pcre2_pattern_info(pattern, PCRE2_INFO_CAPTURECOUNT, &groups);
    search_init(&search);
    for (gsize from = 0; from <= length;) {
        guint n = search_from(&search, pattern, text, length, from);
        guint group = groups > 0 ? 1 : 0;
        if (n == 0)
            break;
        if (group < n && search.span[2 * group] != PCRE2_UNSET &&
            !found(data, text + search.span[2 * group], search.span[2 * group + 1] - search.span[2 * group]))
            break;
        from = search.span[1] > from ? search.span[1] : from + 1;
    }
    search_clear(&search);
}

void
hashbl_blank_out(GString *text, const pcre2_code *pattern)
{
    struct search search;
    GString *out;
    gsize done = 0;

    if (pattern == NULL || memchr(text->str, '@', text->len) == NULL)
        return;
    out = g_string_sized_new(text->len);
    search_init(&search);
    while (done < text->len && search_from(&search, pattern, text->str, text->len, done) > 0 && search.span[1] > done) {
        g_string_append_len(out, text->str + done, (gssize)(search.span[0] - done));
        g_string_append_c(out, ' ');
        done = search.span[1];
    }
    search_clear(&search);
    g_string_append_len(out, text->str + done, (gssize)(text->len - done));
    g_string_assign(text, "");
    g_string_append_len(text, out->str, (gssize)out->len);
    g_string_free(out, TRUE);
}

struct emails {
    GPtrArray *list;
    GHashTable *seen;
};

static gboolean
on_email(gpointer data, const char *match, gsize length)
{
    struct emails *emails = data;
    char *email = g_strndup(match, length);

    if (g_hash_table_contains(emails->seen, email)) {
        g_free(email);
        return TRUE;
    }
    g_hash_table_add(emails->seen, email);
    g_ptr_array_add(emails->list, email);
    return emails->list->len < NET_EMAILS_MAX;
}

/* The usual pattern is only tried around each "@", so that long texts without addresses cost nothing. */
static void
find_around(const struct net_check *check, const char *text, gsize length, struct emails *emails)
{
    struct search search;
    gsize done = 0;

    search_init(&search);
    for (gsize at = 0; at < length; at++) {
        const char *sign = memchr(text + at, '@', length - at);
        if (sign == NULL)
            break;
        at = (gsize)(sign - text);
        gsize from = MAX(done, at > USER_MAX ? at - USER_MAX : 0);
        if (search_from(&search, check->rules->email, text, MIN(length, at + HOST_MAX), from) < 2 || search.span[0] > at)
            continue;
        done = search.span[1];
        if (!on_email(emails, text + search.span[2], search.span[3] - search.span[2]))
            break;
        at = done - 1;
    }
    search_clear(&search);
}

GPtrArray *
hashbl_emails_in(const struct net_check *check, const char *text, gsize length)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    struct emails emails = {g_ptr_array_new_with_free_func(g_free), seen};

    if (check->rules->email == NULL)
        return emails.list;
    if (rules_text(check->rules->ruleset, "hashbl_email_regex") == NULL)
        find_around(check, text, length, &emails);
    else
        hashbl_each_match(check->rules->email, text, length, on_email, &emails);
    return emails.list;
}
