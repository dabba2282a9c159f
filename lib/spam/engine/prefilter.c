/* prefilter.c: the database of all patterns that Hyperscan takes, compiled or read back, and the scan. */
#include "lib/spam/engine/prefilter.h"
#include "lib/spam/engine/perl_syntax.h"
#include "lib/spam/engine/prefilter_syntax.h"
#include <glib/gstdio.h>
#include <hs.h>
#include <string.h>

#define SIZE_MAX_WRITTEN_OUT 6000u /* see size_of: beyond, compiling takes seconds and megabytes */
#define NESTED_MAX 100u             /* groups in groups */

G_DEFINE_QUARK(postern-prefilter-error, prefilter_error)

struct prefilter {
    hs_database_t *database; /* NULL: no rule was taken */
    guint n_rules, n_untaken;
    guint32 *always; /* bits of the rules that were not taken */
};

struct prefilter_scratch {
    hs_scratch_t *scratch;
    gboolean failed; /* no memory: every rule is a candidate */
};

struct found {
    guint32 *candidates, *ends;
};

/* What goes into the database: parallel arrays as the library wants them. */
struct input {
    GPtrArray *expressions; /* char * */
    GArray *flags, *ids;    /* unsigned */
};

/* ---- which rules, and how ---- */

static unsigned
flags_of(const char *modifiers, enum prefilter_kind kind)
{
    unsigned flags = HS_FLAG_SINGLEMATCH | HS_FLAG_ALLOWEMPTY | (kind == PREFILTER_JOINED ? HS_FLAG_MULTILINE : 0);

    for (const char *m = modifiers != NULL ? modifiers : ""; *m != '\0'; m++)
        flags |= *m == 'i' ? HS_FLAG_CASELESS : *m == 's' ? HS_FLAG_DOTALL : *m == 'm' ? HS_FLAG_MULTILINE : 0;
    return flags;
}

/* The end of a class that begins at p. */
static const char *
end_of_class(const char *p)
{
    for (p++; *p != '\0' && *p != ']'; p++)
        if (*p == '\\' && p[1] != '\0')
            p++;
        else if (*p == '[' && p[1] == ':' && strchr(p, ']') != NULL)
            p = strchr(p, ']');
    return *p == ']' ? p + 1 : p;
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
            next = *p == '[' ? end_of_class(p) : *p == '\\' && p[1] != '\0' ? p + 2 : p + 1;
            last = 1;
            sizes[depth]++;
        }
        p = next;
    }
    return depth + 1 < NESTED_MAX ? sizes[0] : G_MAXUINT32;
}

static gboolean
is_taken(const char *expression, unsigned flags)
{
    hs_expr_info_t *info = NULL;
    hs_compile_error_t *error = NULL;
    gboolean taken = hs_expression_info(expression, flags, &info, &error) == HS_SUCCESS;

    if (error != NULL)
        hs_free_compile_error(error);
    free(info);
    return taken;
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

/* Adds the rule when the library takes it, as it is or roughly. */
static gboolean
take(struct input *input, const struct prefilter_rule *rule, enum prefilter_kind kind, unsigned id)
{
    const char *why;
    gboolean refers;
    unsigned flags = flags_of(rule->modifiers, kind);
    g_autoptr(GString) pattern = perl_syntax_translate(rule->text, rule->length, &refers, &why);
    g_autoptr(GString) expression = pattern != NULL && pattern->len <= PREFILTER_PATTERN_MAX ? prefilter_syntax(pattern) : NULL;

    /* /x is left out: blanks are where they mean nothing, and patterns with it are few. */
    if (expression == NULL || (rule->modifiers != NULL && strchr(rule->modifiers, 'x') != NULL))
        return FALSE;
    if (size_of(expression->str) > SIZE_MAX_WRITTEN_OUT) {
        g_autofree char *relaxed = prefilter_relax(expression->str);
        g_string_assign(expression, relaxed);
    }
    if (size_of(expression->str) > SIZE_MAX_WRITTEN_OUT || (kind == PREFILTER_JOINED && is_anchored(expression->str)))
        return FALSE;
    if (!is_taken(expression->str, flags) && !is_taken(expression->str, flags |= HS_FLAG_PREFILTER))
        return FALSE;
    g_ptr_array_add(input->expressions, g_string_free(g_steal_pointer(&expression), FALSE));
    g_array_append_val(input->flags, flags);
    g_array_append_val(input->ids, id);
    return TRUE;
}

/* ---- the cache ---- */

static void
leave_out(struct prefilter *prefilter, guint rule)
{
    prefilter->always[rule / 32] |= 1u << rule % 32;
    prefilter->n_untaken++;
}

static char *
cache_path(const struct input *input, const char *cache)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    hs_platform_info_t platform = {0};

    hs_populate_platform(&platform);
    g_checksum_update(sum, (const guchar *)hs_version(), -1);
    g_checksum_update(sum, (const guchar *)&platform, sizeof platform);
    for (guint i = 0; i < input->expressions->len; i++) {
        const char *expression = g_ptr_array_index(input->expressions, i);
        g_checksum_update(sum, (const guchar *)expression, (gssize)strlen(expression) + 1);
        g_checksum_update(sum, (const guchar *)&g_array_index(input->flags, unsigned, i), sizeof(unsigned));
        g_checksum_update(sum, (const guchar *)&g_array_index(input->ids, unsigned, i), sizeof(unsigned));
    }
    g_autofree char *name = g_strdup_printf("patterns-%s.hs", g_checksum_get_string(sum));
    return g_build_filename(cache, name, NULL);
}

/* The file: "PHS1", how many rules turned out to be too large, their numbers (guint32 in host order, as the database itself is of this
 * machine), the database. */
static gboolean
read_back(struct prefilter *prefilter, const char *path)
{
    g_autofree char *bytes = NULL;
    gsize length = 0, head;
    guint32 n = 0, rule;

    if (!g_file_get_contents(path, &bytes, &length, NULL) || length < 8 || memcmp(bytes, "PHS1", 4) != 0)
        return FALSE;
    memcpy(&n, bytes + 4, sizeof n);
    head = 8 + (gsize)n * 4;
    if (n > PREFILTER_RULES_MAX || head > length ||
        hs_deserialize_database(bytes + head, length - head, &prefilter->database) != HS_SUCCESS)
        return FALSE;
    for (guint32 i = 0; i < n; i++) {
        memcpy(&rule, bytes + 8 + 4 * i, sizeof rule);
        if (rule < prefilter->n_rules)
            leave_out(prefilter, rule);
    }
    return TRUE;
}

/* A cache that can't be written costs the next start time, no more. */
static void
write_back(const struct prefilter *prefilter, const GArray *left_out, const char *path)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    guint32 n = left_out->len;
    char *bytes = NULL;
    size_t length = 0;

    if (hs_serialize_database(prefilter->database, &bytes, &length) != HS_SUCCESS)
        return;
    g_byte_array_append(out, (const guint8 *)"PHS1", 4);
    g_byte_array_append(out, (const guint8 *)&n, sizeof n);
    g_byte_array_append(out, (const guint8 *)left_out->data, n * (guint)sizeof(guint32));
    g_byte_array_append(out, (const guint8 *)bytes, (guint)length);
    g_file_set_contents_full(path, (const char *)out->data, (gssize)out->len, G_FILE_SET_CONTENTS_CONSISTENT, 0644, NULL);
    free(bytes);
}

/* ---- making ---- */

/* Some patterns turn out to be too large only here: they are left out, one after the other. */
static hs_database_t *
compile(struct prefilter *prefilter, struct input *input, GArray *left_out, GError **error)
{
    hs_database_t *database = NULL;
    hs_compile_error_t *failure = NULL;

    while (input->expressions->len > 0) {
        gint at;
        if (hs_compile_multi((const char *const *)input->expressions->pdata, (const unsigned *)(gpointer)input->flags->data,
                             (const unsigned *)(gpointer)input->ids->data, input->expressions->len, HS_MODE_BLOCK, NULL, &database,
                             &failure) == HS_SUCCESS)
            return database;
        at = failure->expression;
        if (at < 0)
            g_set_error(error, PREFILTER_ERROR, PREFILTER_ERROR_COMPILE, "%s", failure->message);
        hs_free_compile_error(failure);
        if (at < 0)
            return NULL;
        leave_out(prefilter, g_array_index(input->ids, unsigned, at));
        guint32 rule = g_array_index(input->ids, unsigned, at);
        g_array_append_val(left_out, rule);
        g_ptr_array_remove_index(input->expressions, (guint)at);
        g_array_remove_index(input->flags, (guint)at);
        g_array_remove_index(input->ids, (guint)at);
    }
    return NULL;
}

static gboolean
make_database(struct prefilter *prefilter, struct input *input, const char *cache, gboolean *was_cached_r, GError **error)
{
    g_autofree char *path = cache != NULL ? cache_path(input, cache) : NULL;
    g_autoptr(GArray) left_out = g_array_new(FALSE, FALSE, sizeof(guint32));

    if (path != NULL && read_back(prefilter, path)) {
        if (was_cached_r != NULL)
            *was_cached_r = TRUE;
        return TRUE;
    }
    prefilter->database = compile(prefilter, input, left_out, error);
    if (prefilter->database != NULL && path != NULL)
        write_back(prefilter, left_out, path);
    return prefilter->database != NULL || input->expressions->len == 0;
}

struct prefilter *
prefilter_new(const struct prefilter_rule *rules, guint n_rules, enum prefilter_kind kind, const char *cache,
              gboolean *was_cached_r, GError **error)
{
    struct prefilter *prefilter = g_new0(struct prefilter, 1);
    struct input input = {.expressions = g_ptr_array_new_with_free_func(g_free),
                          .flags = g_array_new(FALSE, FALSE, sizeof(unsigned)), .ids = g_array_new(FALSE, FALSE, sizeof(unsigned))};
    gboolean made = TRUE;

    prefilter->n_rules = n_rules;
    prefilter->always = g_new0(guint32, PREFILTER_WORDS(n_rules) + 1);
    for (guint i = 0; i < n_rules; i++)
        if (i >= PREFILTER_RULES_MAX || !take(&input, &rules[i], kind, i))
            leave_out(prefilter, i);
    if (was_cached_r != NULL)
        *was_cached_r = FALSE;
    if (input.expressions->len > 0)
        made = make_database(prefilter, &input, cache, was_cached_r, error);
    g_ptr_array_unref(input.expressions);
    g_array_unref(input.flags);
    g_array_unref(input.ids);
    if (made)
        return prefilter;
    prefilter_free(prefilter);
    return NULL;
}

void
prefilter_free(struct prefilter *prefilter)
{
    if (prefilter == NULL)
        return;
    hs_free_database(prefilter->database);
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
    size_t size = 0;

    if (prefilter->database != NULL)
        hs_database_size(prefilter->database, &size);
    return size;
}

/* ---- scanning ---- */

struct prefilter_scratch *
prefilter_scratch_new(void)
{
    return g_new0(struct prefilter_scratch, 1);
}

void
prefilter_scratch_fit(struct prefilter_scratch *scratch, const struct prefilter *prefilter)
{
    if (prefilter->database != NULL && hs_alloc_scratch(prefilter->database, &scratch->scratch) != HS_SUCCESS)
        scratch->failed = TRUE;
}

void
prefilter_scratch_free(struct prefilter_scratch *scratch)
{
    if (scratch == NULL)
        return;
    hs_free_scratch(scratch->scratch);
    g_free(scratch);
}

static int
on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *data)
{
    const struct found *found = data;

    (void)from, (void)flags;
    if (found->ends != NULL && (found->candidates[id / 32] >> id % 32 & 1) == 0)
        found->ends[id] = (guint32)to;
    found->candidates[id / 32] |= 1u << id % 32;
    return 0;
}

static void
take_all(const struct prefilter *prefilter, guint32 *candidates, guint32 *ends)
{
    memset(candidates, 0xff, PREFILTER_WORDS(prefilter->n_rules) * sizeof *candidates);
    if (ends != NULL)
        memset(ends, 0, prefilter->n_rules * sizeof *ends);
}

void
prefilter_scan(const struct prefilter *prefilter, struct prefilter_scratch *scratch, const char *text, gsize length,
               guint32 *candidates, guint32 *ends_r)
{
    struct found found = {candidates, ends_r};

    for (guint i = 0; i < prefilter->n_rules && ends_r != NULL && prefilter->n_untaken > 0; i++)
        if (prefilter_is_untaken(prefilter, i))
            ends_r[i] = 0;
    for (guint i = 0; i < PREFILTER_WORDS(prefilter->n_rules); i++)
        candidates[i] |= prefilter->always[i];
    if (prefilter->database == NULL)
        return;
    if (scratch->failed || length > G_MAXINT32 ||
        hs_scan(prefilter->database, text != NULL ? text : "", (unsigned)length, 0, scratch->scratch, on_match, &found) != HS_SUCCESS)
        take_all(prefilter, candidates, ends_r); /* not known: all of them */
}
