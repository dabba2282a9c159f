/* query_leaf.c: values of a query (query_leaf.h). */
#include "archive-store/index/query_leaf.h"
#include "archive-store/index/fold.h"
#include "lib/mail/address.h"
#include <string.h>

struct phrase_build {
    GString *opaque;
    guint tokens;
    gboolean prefix;
    guint last_length; /* characters of the last token */
    gboolean last_cjk;
};

static gboolean
fail(GError **error, guint at, const char *text)
{
    g_set_error(error, INDEX_ERROR, INDEX_ERROR_QUERY, "at character %u: %s", at, text);
    return FALSE;
}

static gboolean
add_token(const struct segmenter_token *token, gpointer data)
{
    struct phrase_build *build = data;
    gunichar first;

    if (build->opaque->len > 0)
        g_string_append_c(build->opaque, token->colocated ? '\t' : ' ');
    g_string_append_len(build->opaque, token->text, (gssize)token->length);
    if (!token->colocated) {
        build->tokens++;
        build->last_length = (guint)g_utf8_strlen(token->text, (gssize)token->length);
        fold_decode(token->text, token->length, &first);
        enum fold_class class = fold_class_of(first);
        build->last_cjk = class == FOLD_HAN || class == FOLD_HANGUL;
    }
    build->prefix = token->prefix;
    return build->tokens <= QUERY_TOKENS_MAX;
}

struct word_build {
    GString *word;
    gsize end;
};

static gboolean
add_unit(const struct segmenter_token *token, gpointer data)
{
    struct word_build *build = data;

    if (build->word->len > 0 && build->end != token->start)
        g_string_append_c(build->word, ' ');
    g_string_append_len(build->word, token->text, (gssize)token->length);
    build->end = token->end;
    return TRUE;
}

/* remember_word - for snippets: the folded word with "*" after a prefix */
static void
remember_word(struct query_leaf_context *context, const struct query_token *token)
{
    struct word_build build = {g_string_new(NULL), 0};

    segmenter_run(context->segmenter, token->text, token->length, SEGMENTER_UNITS, add_unit, &build);
    if (token->star)
        g_string_append_c(build.word, '*');
    g_ptr_array_add(context->query->words, g_string_free(build.word, FALSE));
}

static const char *
field_columns(enum query_field field)
{
    switch (field) {
    case FIELD_FROM:
        return "{sender}";
    case FIELD_TO:
        return "{rcpt}";
    case FIELD_SUBJECT:
        return "{subject}";
    case FIELD_BODY:
        return "{body}";
    case FIELD_ATTACHMENT:
        return "{attach}";
    default:
        return NULL;
    }
}

/* phrase - words under a field; NULL node when there are none and quiet */
static gboolean
phrase(struct query_leaf_context *context, enum query_field field, const struct query_token *token,
       struct query_node **node_r, GError **error)
{
    struct phrase_build build = {.opaque = g_string_new(NULL)};
    enum segmenter_form form = token->kind == TOKEN_QUOTED ? SEGMENTER_QUERY_EXACT : SEGMENTER_QUERY_FOLDED;
    const char *problem = NULL;

    segmenter_run(context->segmenter, token->text, token->length, form, add_token, &build);
    context->tokens += build.tokens;
    if (context->tokens > QUERY_TOKENS_MAX)
        problem = "the query is too long from here on; search for fewer words";
    else if (build.tokens == 0 && (field != FIELD_NONE || token->kind == TOKEN_QUOTED || token->star))
        problem = "there is no word to search for here, only punctuation";
    else if (token->star && build.last_length < 2 && !build.last_cjk)
        problem = "* needs at least two letters before it";
    if (problem != NULL || build.tokens == 0) {
        g_string_free(build.opaque, TRUE);
        context->ignored += problem == NULL;
        return problem == NULL || fail(error, token->at, problem);
    }
    *node_r = query_node_new(QUERY_PHRASE, token->at);
    (*node_r)->columns = field_columns(field);
    (*node_r)->prefix = build.prefix || token->star;
    (*node_r)->phrase = g_string_free(build.opaque, FALSE);
    if (context->negative % 2 == 0 && (field == FIELD_NONE || field == FIELD_SUBJECT || field == FIELD_BODY))
        remember_word(context, token);
    return TRUE;
}

static gboolean
add_term(struct query_leaf_context *context, struct term term, guint at, struct query_node **node_r, GError **error)
{
    GArray *terms = context->query->terms;
    guint i = 0;

    while (i < terms->len && strcmp(g_array_index(terms, struct term, i).text, term.text) != 0)
        i++;
    if (i == QUERY_TERMS_MAX)
        return fail(error, at, "the query has too many addresses; search for them in several queries");
    if (i == terms->len)
        g_array_append_val(terms, term);
    *node_r = query_node_new(QUERY_TERM, at);
    (*node_r)->term = i;
    return TRUE;
}

static gboolean
is_domain(const char *value)
{
    return strchr(value, '.') != NULL && value[0] != '.' &&
           strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == strlen(value);
}

/* normal_domain - a domain in comparison form */
static char *
normal_domain(const char *domain)
{
    g_autofree char *mailbox = g_strconcat("x@", domain, NULL);
    g_autofree char *normal = address_normalise(mailbox);
    const char *at = address_domain(normal);

    return g_strdup(at != NULL ? at : "");
}

static struct term
person_term(enum term_role role, const char *value, gboolean is_domain)
{
    return is_domain ? term_domain(role, value) : term_address(role, value);
}

/* add_person - the address or domain as a term; for an owner's to: (visible OR (any recipient AND sent by the owner)), so
 * that nobody who got a message can ask whether another got a blind copy */
static gboolean
add_person(struct query_leaf_context *context, enum query_field field, const char *value, gboolean is_domain, guint at,
           struct query_node **node_r, GError **error)
{
    enum term_role role = field == FIELD_FROM ? TERM_FROM : TERM_TO;

    if (field == FIELD_FROM || context->owner == NULL || g_str_equal(value, context->owner))
        return add_term(context, person_term(role, value, is_domain), at, node_r, error);
    struct query_node *either = query_node_new(QUERY_OR, at), *sent = query_node_new(QUERY_AND, at), *child = NULL;
    const struct {
        struct query_node *parent;
        struct term term;
    } parts[] = {{either, person_term(TERM_VISIBLE, value, is_domain)},
                 {sent, person_term(TERM_TO, value, is_domain)},
                 {sent, term_sender(context->owner)}};
    *node_r = either;
    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (!add_term(context, parts[i].term, at, &child, error)) {
            query_node_free(sent);
            g_clear_pointer(node_r, query_node_free);
            return FALSE;
        }
        g_ptr_array_add(parts[i].parent->children, child);
    }
    g_ptr_array_add(either->children, sent);
    return TRUE;
}

/* person - a value of from: or to: */
static gboolean
person(struct query_leaf_context *context, enum query_field field, const struct query_token *token,
       struct query_node **node_r, GError **error)
{
    g_autofree char *value = g_strndup(token->text, token->length);
    const char *at = strrchr(value, '@');

    if (token->star || strpbrk(value, " \t<>") != NULL)
        return phrase(context, field, token, node_r, error);
    if (at != NULL && at[1] == '\0')
        return fail(error, token->at, "an address needs a domain after the @");
    if (at != NULL && at != value) {
        g_autofree char *address = address_normalise(value);
        return add_person(context, field, address, FALSE, token->at, node_r, error);
    }
    if (at == NULL && (token->kind == TOKEN_QUOTED || !is_domain(value)))
        return phrase(context, field, token, node_r, error);
    g_autofree char *domain = normal_domain(at != NULL ? at + 1 : value);
    if (!add_person(context, field, domain, TRUE, token->at, node_r, error) || at != NULL)
        return *node_r != NULL;
    struct query_node *words = NULL;
    if (!phrase(context, field, token, &words, error)) {
        g_clear_pointer(node_r, query_node_free);
        return FALSE;
    }
    if (words != NULL) {
        struct query_node *either = query_node_new(QUERY_OR, token->at);
        g_ptr_array_add(either->children, *node_r);
        g_ptr_array_add(either->children, words);
        *node_r = either;
    }
    return TRUE;
}

#ifdef POSTERN_PLANTED_BUGS
#define LAST_PART 3 /* one too many: a fourth number is written past the array */
#else
#define LAST_PART 2
#endif

/* date_parts - year, month and day of YYYY[-MM[-DD]], "/" as well; FALSE when it isn't one */
static gboolean
date_parts(const char *s, gsize length, guint parts[3])
{
    guint n = 0, digits = 0;

    parts[0] = 0;
    parts[1] = parts[2] = 1;
    for (gsize i = 0; i <= length; i++) {
        if (i < length && g_ascii_isdigit(s[i])) {
            if (digits++ == 0)
                parts[n] = 0;
            parts[n] = parts[n] * 10 + (guint)(s[i] - '0');
            if (digits > (n == 0 ? 4u : 2u))
                return FALSE;
            continue;
        }
        if (digits == 0 || (n == 0 && digits != 4) || (i < length && s[i] != '-' && s[i] != '/'))
            return FALSE;
        if (i < length && ++n > LAST_PART)
            return FALSE;
        digits = 0;
    }
    return parts[0] >= 1970 && g_date_valid_dmy((GDateDay)MIN(parts[2], 99), (GDateMonth)MIN(parts[1], 13),
                                                (GDateYear)parts[0]);
}

static gboolean
date(struct query_leaf_context *context, enum query_field field, const struct query_token *token,
     struct query_node **node_r, GError **error)
{
    guint parts[3];

    if (token->star || !date_parts(token->text, token->length, parts))
        return fail(error, token->at, "this isn't a date; write it as 2024-03-31, 2024-03 or 2024");
    g_autoptr(GDateTime) time =
        g_date_time_new(context->zone, (gint)parts[0], (gint)parts[1], (gint)parts[2], 0, 0, 0);
    if (time == NULL)
        return fail(error, token->at, "this date can't be used; write it as 2024-03-31, 2024-03 or 2024");
    gint64 ms = g_date_time_to_unix(time) * 1000;
    *node_r = query_node_new(QUERY_DATE, token->at);
    (*node_r)->after_ms = field == FIELD_AFTER ? ms : 0;
    (*node_r)->before_ms = field == FIELD_AFTER ? G_MAXINT64 : ms;
    return TRUE;
}

static gboolean
has(const struct query_token *token, struct query_node **node_r, GError **error)
{
    if (token->star || (token->length != 10 && token->length != 11) ||
        g_ascii_strncasecmp(token->text, "attachments", token->length) != 0)
        return fail(error, token->at, "has: knows only has:attachment");
    *node_r = query_node_new(QUERY_PHRASE, token->at);
    (*node_r)->columns = "{addr}";
    (*node_r)->phrase = g_strdup(TERM_HAS_ATTACHMENT);
    return TRUE;
}

gboolean
query_leaf(struct query_leaf_context *context, enum query_field field, const struct query_token *token,
           struct query_node **node_r, GError **error)
{
    *node_r = NULL;
    switch (field) {
    case FIELD_FROM:
    case FIELD_TO:
        return person(context, field, token, node_r, error);
    case FIELD_AFTER:
    case FIELD_BEFORE:
        return date(context, field, token, node_r, error);
    case FIELD_HAS:
        return has(token, node_r, error);
    default:
        return phrase(context, field, token, node_r, error);
    }
}
