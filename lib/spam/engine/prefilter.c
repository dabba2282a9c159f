/* prefilter.c: the database of all patterns that Hyperscan takes, compiled or read back. */
#include "lib/spam/engine/cache_sweep.h"
#include "lib/spam/engine/large_pages.h"
#include "lib/spam/engine/prefilter_atoms.h"
#include "lib/spam/engine/prefilter_lead.h"
#include "lib/spam/engine/prefilter_private.h"
#include "lib/spam/engine/prefilter_reverse.h"
#include "lib/spam/engine/prefilter_rough.h"
#include "lib/spam/engine/prefilter_syntax.h"
#include "lib/spam/rules/perl_syntax.h"
#include <glib/gstdio.h>
#include <string.h>

#define SIZE_MAX_WRITTEN_OUT 6000u /* see size_of: beyond, compiling takes seconds and megabytes */
#define SIZE_MAX_UNTRIED 800u       /* beyond, a pattern may turn out to be too large to be compiled */
#define NESTED_MAX 100u             /* groups in groups */
#define MANY 100u                   /* rules: see take */
#define LITERAL_LEAST 3u            /* bytes */
#define COUNT_KEPT 3u               /* as prefilter_rough keeps them */
#define POSITIONS_MAX 1500u         /* states of a rough expression: the library can't take many more */
#define EXPRESSION_MAX 15000u       /* bytes; the library's own limit is 16,000 */
#define READING 9u                  /* goes up when patterns are read into other expressions than before: older caches are not for us */

G_DEFINE_QUARK(postern-prefilter-error, prefilter_error)

static const guint batches[PREFILTER_PARTS] = {64, 12, 12};

/* What goes into a database: parallel arrays as the library wants them. */
struct input {
    GPtrArray *expressions; /* char * */
    GArray *flags, *ids;    /* unsigned */
};

/* ---- which rules, and how ---- */

static unsigned
flags_of(const char *modifiers, enum prefilter_kind kind)
{
    unsigned flags = HS_FLAG_ALLOWEMPTY | (kind == PREFILTER_JOINED ? HS_FLAG_MULTILINE : 0) |
                     (kind == PREFILTER_STARTS ? 0 : HS_FLAG_SINGLEMATCH);

    for (const char *m = modifiers != NULL ? modifiers : ""; *m != '\0'; m++)
        flags |= *m == 'i' ? HS_FLAG_CASELESS : *m == 's' ? HS_FLAG_DOTALL : *m == 'm' ? HS_FLAG_MULTILINE : 0;
    return flags;
}

/* How often the repeat at p repeats at most; *end_r: after it. 1 for one without a bound, which costs no more. */
static guint64
repeat_at(const char *p, const char **end_r)
{
    char *end;
    guint64 low = g_ascii_strtoull(p + 1, &end, 10), high = low;

    if (*end == ',') {
        high = g_ascii_strtoull(end + 1, &end, 10);
        high = MAX(low, high);
    }
    *end_r = *end == '}' ? end + 1 : p + 1;
    return *end == '}' ? CLAMP(high, 1, 65535) : 1;
}

/* About how many characters the expression has once its counted repeats are written out, which is what the library does. */
static guint64
size_of(const char *expression)
{
    guint64 sizes[NESTED_MAX] = {0}, last = 0;
    guint depth = 0;

    for (const char *p = expression; *p != '\0' && depth + 1 < NESTED_MAX;) {
        const char *next = p + 1;
        if (*p == '{') {
            guint64 more = last * (repeat_at(p, &next) - 1);
            sizes[depth] = MIN(sizes[depth] + more, G_MAXUINT32);
        } else if (*p == '(') {
            sizes[++depth] = 0;
        } else if (*p == ')' && depth > 0) {
            last = sizes[depth--];
            sizes[depth] = MIN(sizes[depth] + last, G_MAXUINT32);
        } else {
            next = atoms_end(p);
            last = 1;
            sizes[depth]++;
        }
        p = next;
    }
    return depth + 1 < NESTED_MAX ? sizes[0] : G_MAXUINT32;
}

/* Of how few bytes a match may be; -1: the library does not take it. */
static gint64
least_width(const char *expression, unsigned flags)
{
    hs_expr_info_t *info = NULL;
    hs_compile_error_t *error = NULL;
    gint64 least = hs_expression_info(expression, flags, &info, &error) == HS_SUCCESS ? (gint64)info->min_width : -1;

    if (error != NULL)
        hs_free_compile_error(error);
    free(info);
    return least;
}

static gboolean
is_taken(const char *expression, unsigned flags)
{
    return least_width(expression, flags) >= 0;
}

/* Whether the pattern knows where its text begins or ends, whatever the flags. */
static gboolean
is_anchored(const char *expression)
{
    for (const char *p = expression; (p = strchr(p, '\\')) != NULL && p[1] != '\0'; p += 2)
        if (strchr("AzZG", p[1]) != NULL)
            return TRUE;
    return FALSE;
}

static void
add_input(struct input *input, char *expression, unsigned flags, unsigned id)
{
    g_ptr_array_add(input->expressions, expression);
    g_array_append_val(input->flags, flags);
    g_array_append_val(input->ids, id);
}

/* Whether the library compiles the expression by itself: only so much is known of large ones. */
static gboolean
compiles(const char *expression, unsigned flags)
{
    hs_database_t *database = NULL;
    hs_compile_error_t *error = NULL;
    gboolean good = hs_compile(expression, flags, HS_MODE_BLOCK, NULL, &database, &error) == HS_SUCCESS;

    if (error != NULL)
        hs_free_compile_error(error);
    hs_free_database(database);
    return good;
}

/* Adds a rough form of the pattern, with as much of its beginning as the library can take, for the texts of that part. */
static gboolean
take_for(enum prefilter_part part, struct input *input, const GString *pattern, const struct prefilter_rule *rule, enum prefilter_kind kind,
         unsigned id)
{
    static const guint lengths[] = {16, 12, 10, 8, 6}; /* bytes of its beginning that are kept: more finds hardly less, and is slower */
    const unsigned flags = HS_FLAG_SINGLEMATCH | HS_FLAG_ALLOWEMPTY;
    const char *modifiers = rule->modifiers != NULL ? rule->modifiers : "";
    gboolean caseless = strchr(modifiers, 'i') != NULL, lines = kind == PREFILTER_JOINED || strchr(modifiers, 'm') != NULL;

    for (guint i = 0; i < G_N_ELEMENTS(lengths); i++) {
        guint positions = 0;
        g_autoptr(GString) rough = prefilter_rough(pattern, caseless, lines, part == PREFILTER_PART_ROUGH_ASCII, lengths[i], &positions);

        if (rough == NULL || strchr(modifiers, 's') != NULL)
            return FALSE;
        if (rough->len == 0) /* it matches none of them */
            return TRUE;
        if (positions > POSITIONS_MAX || rough->len > EXPRESSION_MAX || !compiles(rough->str, flags))
            continue;
        add_input(input, g_string_free(g_steal_pointer(&rough), FALSE), flags, id);
        return TRUE;
    }
    return FALSE;
}

static gboolean
take_roughly(struct input inputs[PREFILTER_PARTS], const GString *pattern, const struct prefilter_rule *rule, enum prefilter_kind kind,
             unsigned id)
{
    return take_for(PREFILTER_PART_ROUGH_ASCII, &inputs[PREFILTER_PART_ROUGH_ASCII], pattern, rule, kind, id) &&
           take_for(PREFILTER_PART_ROUGH, &inputs[PREFILTER_PART_ROUGH], pattern, rule, kind, id);
}

/* Whether the expression has a row of bytes that the library can look for: else it takes a step for every byte of a text. A guess:
 * what is in alternatives counts as if it were always there. */
static gboolean
has_literal(const char *expression)
{
    guint row = 0;

    for (const char *p = expression; *p != '\0' && row < LITERAL_LEAST;) {
        const char *next = atoms_end(p);
        gboolean is_byte = g_ascii_isalnum(*p) || *p == ' ' || (*p == '\\' && !g_ascii_isalnum(p[1]));
        row = is_byte && (*next == '\0' || strchr("?*{", *next) == NULL) ? row + 1 : 0;
        p = next;
    }
    return row >= LITERAL_LEAST;
}

/* Whether it has counted repeats that its rough form would not keep. */
static gboolean
has_counts(const char *expression)
{
    for (const char *p = expression; *p != '\0';) {
        const char *next = atoms_end(p);
        if (*p == '{' && p > expression && (p[-1] == ')' || repeat_at(p, &next) > COUNT_KEPT || (next > p + 2 && next[-2] == ',')))
            return TRUE;
        p = next;
    }
    return FALSE;
}

/* Adds the rule written backwards, its counted repeats made endless, which keeps every start; what may match nothing starts everywhere. */
static gboolean
take_starts(struct input *input, const GString *expression, unsigned flags, unsigned id)
{
    g_autofree char *relaxed = prefilter_relax(expression->str), *reversed = prefilter_reverse(relaxed);

    if (reversed == NULL || least_width(reversed, flags) < 1 || !compiles(reversed, flags))
        return FALSE;
    add_input(input, g_steal_pointer(&reversed), flags, id);
    return TRUE;
}

/* Takes off what makes the library take a step for every byte, where a literal is left. */
static void
cut_lead(GString *expression, unsigned flags)
{
    g_autofree char *rest = prefilter_without_lead(expression->str);

    if (rest != NULL && has_literal(rest) && MAX(least_width(rest, flags), least_width(rest, flags | HS_FLAG_PREFILTER)) >= LITERAL_LEAST)
        g_string_assign(expression, rest);
}

/* Adds the rule when the library takes it, as it is or roughly. Without a literal it costs less in its rough form, when that is as
 * good: of that there are two, for different texts, so only of many rules there are enough to fill databases of their own. */
static gboolean
take(struct input inputs[PREFILTER_PARTS], const struct prefilter_rule *rule, enum prefilter_kind kind, gboolean many, unsigned id)
{
    const char *why;
    gboolean refers;
    unsigned flags = flags_of(rule->modifiers, kind);
    g_autoptr(GString) pattern = perl_syntax_translate(rule->text, rule->length, &refers, &why);
    g_autoptr(GString) expression = pattern != NULL && pattern->len <= PREFILTER_PATTERN_MAX ? prefilter_syntax(pattern) : NULL;

    /* /x is left out: blanks are where they mean nothing, and patterns with it are few. */
    if (pattern == NULL || (rule->modifiers != NULL && strchr(rule->modifiers, 'x') != NULL))
        return FALSE;
    if (kind == PREFILTER_STARTS)
        return expression != NULL && take_starts(&inputs[PREFILTER_PART_EXACT], expression, flags, id);
    if (expression == NULL || kind == PREFILTER_ROUGH)
        return take_roughly(inputs, pattern, rule, kind, id);
    if (many && !has_literal(expression->str) && !has_counts(expression->str) && take_roughly(inputs, pattern, rule, kind, id))
        return TRUE;
    cut_lead(expression, flags);
    if (size_of(expression->str) > SIZE_MAX_WRITTEN_OUT) {
        g_autofree char *relaxed = prefilter_relax(expression->str);
        g_string_assign(expression, relaxed);
    }
    if (size_of(expression->str) > SIZE_MAX_WRITTEN_OUT || (kind == PREFILTER_JOINED && is_anchored(expression->str)) ||
        (!is_taken(expression->str, flags) && !is_taken(expression->str, flags |= HS_FLAG_PREFILTER)) ||
        (size_of(expression->str) > SIZE_MAX_UNTRIED && !compiles(expression->str, flags)))
        return take_roughly(inputs, pattern, rule, kind, id);
    add_input(&inputs[PREFILTER_PART_EXACT], g_string_free(g_steal_pointer(&expression), FALSE), flags, id);
    return TRUE;
}

/* ---- the cache ---- */

static void
leave_out(struct prefilter *prefilter, guint rule)
{
    prefilter->always[rule / 32] |= 1u << rule % 32;
    prefilter->n_untaken++;
}

/* What decides on the content: the rules, how they are read here, the library and the processor. */
static char *
cache_path(const struct prefilter_rule *rules, guint n_rules, enum prefilter_kind kind, const char *cache)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    hs_platform_info_t platform = {0};
    const guint32 head[] = {READING, kind, n_rules};

    hs_populate_platform(&platform);
    g_checksum_update(sum, (const guchar *)hs_version(), -1);
    g_checksum_update(sum, (const guchar *)&platform, sizeof platform);
    g_checksum_update(sum, (const guchar *)head, sizeof head);
    for (guint i = 0; i < n_rules; i++) {
        const char *modifiers = rules[i].modifiers != NULL ? rules[i].modifiers : "";
        const guint64 lengths[] = {rules[i].length, strlen(modifiers)};

        g_checksum_update(sum, (const guchar *)lengths, sizeof lengths);
        g_checksum_update(sum, (const guchar *)rules[i].text, (gssize)rules[i].length);
        g_checksum_update(sum, (const guchar *)modifiers, (gssize)lengths[1]);
    }
    g_autofree char *name = g_strdup_printf("patterns-%s.hs", g_checksum_get_string(sum));
    return g_build_filename(cache, name, NULL);
}

/* The file: "PHS2", how many rules are in no database, their numbers; then for each database its part, its length, and it. Numbers are guint32
 * in host order, as the databases themselves are of this machine. */
static gboolean
read_databases(struct prefilter *prefilter, const char *at, const char *end)
{
    guint32 head[2];

    for (; end - at >= (gssize)sizeof head; at += head[1]) {
        hs_database_t *database = NULL;

        memcpy(head, at, sizeof head);
        at += sizeof head;
        if (head[0] >= PREFILTER_PARTS || (gsize)(end - at) < head[1] || hs_deserialize_database(at, head[1], &database) != HS_SUCCESS)
            break;
        g_ptr_array_add(prefilter->databases[head[0]], database);
    }
    for (guint part = 0; part < PREFILTER_PARTS && at != end; part++)
        g_ptr_array_set_size(prefilter->databases[part], 0);
    return at == end;
}

static gboolean
read_back(struct prefilter *prefilter, const char *path)
{
    g_autofree char *bytes = NULL;
    gsize length = 0;
    guint32 n = 0, rule;

    if (!g_file_get_contents(path, &bytes, &length, NULL) || length < 8 || memcmp(bytes, "PHS2", 4) != 0)
        return FALSE;
    memcpy(&n, bytes + 4, sizeof n);
    if (n > PREFILTER_RULES_MAX || (length - 8) / 4 < n || !read_databases(prefilter, bytes + 8 + (gsize)n * 4, bytes + length))
        return FALSE;
    for (guint32 i = 0; i < n; i++) {
        memcpy(&rule, bytes + 8 + 4 * i, sizeof rule);
        if (rule < prefilter->n_rules)
            leave_out(prefilter, rule);
    }
    cache_sweep_mark_used(path);
    return TRUE;
}

static gboolean
append_database(GByteArray *out, guint part, const hs_database_t *database)
{
    char *bytes = NULL;
    size_t length = 0;
    guint32 head[2] = {part};

    if (hs_serialize_database(database, &bytes, &length) != HS_SUCCESS)
        return FALSE;
    head[1] = (guint32)length;
    g_byte_array_append(out, (const guint8 *)head, sizeof head);
    g_byte_array_append(out, (const guint8 *)bytes, head[1]);
    free(bytes);
    return length == head[1];
}

/* A cache that can't be written costs the next start time, no more. */
static void
write_back(const struct prefilter *prefilter, const char *path)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    guint32 n = prefilter->n_untaken;

    g_byte_array_append(out, (const guint8 *)"PHS2", 4);
    g_byte_array_append(out, (const guint8 *)&n, sizeof n);
    for (guint32 rule = 0; rule < prefilter->n_rules; rule++)
        if (prefilter_is_untaken(prefilter, rule))
            g_byte_array_append(out, (const guint8 *)&rule, sizeof rule);
    for (guint part = 0; part < PREFILTER_PARTS; part++)
        for (guint i = 0; i < prefilter->databases[part]->len; i++)
            if (!append_database(out, part, g_ptr_array_index(prefilter->databases[part], i)))
                return;
    g_file_set_contents_full(path, (const char *)out->data, (gssize)out->len, G_FILE_SET_CONTENTS_CONSISTENT, 0644, NULL);
}

/* ---- making ---- */

static void
leave_out_at(struct prefilter *prefilter, struct input *input, guint at)
{
    leave_out(prefilter, g_array_index(input->ids, unsigned, at));
    g_ptr_array_remove_index(input->expressions, at);
    g_array_remove_index(input->flags, at);
    g_array_remove_index(input->ids, at);
}

/* Makes a database of the expressions, and empties the list. Some may turn out to be too large only here: they are left out, one after the
 * other. */
static gboolean
compile(struct prefilter *prefilter, enum prefilter_part part, struct input *input, GError **error)
{
    hs_database_t *database = NULL;

    while (input->expressions->len > 0 && database == NULL) {
        hs_compile_error_t *failure = NULL;

        if (hs_compile_multi((const char *const *)input->expressions->pdata, (const unsigned *)(gpointer)input->flags->data,
                             (const unsigned *)(gpointer)input->ids->data, input->expressions->len, HS_MODE_BLOCK, NULL, &database,
                             &failure) == HS_SUCCESS)
            break;
        gint at = failure->expression;
        if (at >= 0)
            leave_out_at(prefilter, input, (guint)at);
        else
            g_set_error(error, PREFILTER_ERROR, PREFILTER_ERROR_COMPILE, "%s", failure->message);
        hs_free_compile_error(failure);
        if (at < 0)
            return FALSE;
    }
    if (database != NULL)
        g_ptr_array_add(prefilter->databases[part], database);
    g_ptr_array_set_size(input->expressions, 0);
    g_array_set_size(input->flags, 0);
    g_array_set_size(input->ids, 0);
    return TRUE;
}

static gboolean
make_databases(struct prefilter *prefilter, const struct prefilter_rule *rules, enum prefilter_kind kind, GError **error)
{
    struct input inputs[PREFILTER_PARTS];
    gboolean good = TRUE;

    for (guint part = 0; part < PREFILTER_PARTS; part++)
        inputs[part] = (struct input){.expressions = g_ptr_array_new_with_free_func(g_free),
                                      .flags = g_array_new(FALSE, FALSE, sizeof(unsigned)), .ids = g_array_new(FALSE, FALSE, sizeof(unsigned))};
    for (guint i = 0; i < prefilter->n_rules && good; i++) {
        if (i >= PREFILTER_RULES_MAX || !take(inputs, &rules[i], kind, prefilter->n_rules >= MANY, i))
            leave_out(prefilter, i);
        for (guint part = 0; part < PREFILTER_PARTS && good; part++)
            if (inputs[part].expressions->len == batches[part])
                good = compile(prefilter, part, &inputs[part], error);
    }
    for (guint part = 0; part < PREFILTER_PARTS; part++) {
        good = good && compile(prefilter, part, &inputs[part], error);
        g_ptr_array_unref(inputs[part].expressions);
        g_array_unref(inputs[part].flags);
        g_array_unref(inputs[part].ids);
    }
    return good;
}

static void
free_database(gpointer database)
{
    hs_free_database(database);
}

static struct prefilter *
empty_prefilter(guint n_rules)
{
    static gsize once;
    struct prefilter *prefilter = g_new0(struct prefilter, 1);

    if (g_once_init_enter(&once)) { /* the only user of the library */
        hs_set_database_allocator(large_pages_take, large_pages_give);
        g_once_init_leave(&once, 1);
    }
    prefilter->n_rules = n_rules;
    for (guint part = 0; part < PREFILTER_PARTS; part++)
        prefilter->databases[part] = g_ptr_array_new_with_free_func(free_database);
    prefilter->always = g_new0(guint32, PREFILTER_WORDS(n_rules) + 1);
    return prefilter;
}

struct prefilter *
prefilter_cached(const struct prefilter_rule *rules, guint n_rules, enum prefilter_kind kind, const char *cache, GError **error)
{
    struct prefilter *prefilter = empty_prefilter(n_rules);
    g_autofree char *path = cache != NULL ? cache_path(rules, n_rules, kind, cache) : NULL;

    if (path != NULL && read_back(prefilter, path))
        return prefilter;
    g_set_error(error, PREFILTER_ERROR, PREFILTER_ERROR_NOT_CACHED, "not compiled yet");
    prefilter_free(prefilter);
    return NULL;
}

struct prefilter *
prefilter_new(const struct prefilter_rule *rules, guint n_rules, enum prefilter_kind kind, const char *cache,
              gboolean *was_cached_r, GError **error)
{
    struct prefilter *prefilter = empty_prefilter(n_rules);
    g_autofree char *path = cache != NULL ? cache_path(rules, n_rules, kind, cache) : NULL;
    gboolean was_cached;

    was_cached = path != NULL && read_back(prefilter, path);
    if (was_cached_r != NULL)
        *was_cached_r = was_cached;
    if (!was_cached && !make_databases(prefilter, rules, kind, error)) {
        prefilter_free(prefilter);
        return NULL;
    }
    if (!was_cached && path != NULL)
        write_back(prefilter, path);
    return prefilter;
}

void
prefilter_free(struct prefilter *prefilter)
{
    if (prefilter == NULL)
        return;
    for (guint part = 0; part < PREFILTER_PARTS; part++)
        g_ptr_array_unref(prefilter->databases[part]);
    g_free(prefilter->always);
    g_free(prefilter);
}

guint
prefilter_untaken(const struct prefilter *prefilter)
{
    return prefilter->n_untaken;
}

gboolean
prefilter_is_untaken(const struct prefilter *prefilter, guint rule)
{
    return (prefilter->always[rule / 32] >> rule % 32 & 1) != 0;
}

gsize
prefilter_bytes(const struct prefilter *prefilter)
{
    size_t all = 0;

    for (guint part = 0; part < PREFILTER_PARTS; part++)
        for (guint i = 0; i < prefilter->databases[part]->len; i++) {
            size_t size = 0;
            hs_database_size(g_ptr_array_index(prefilter->databases[part], i), &size);
            all += size;
        }
    return all;
}
