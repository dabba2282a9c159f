/* arc_sets.c: which ARC fields belong together. One of each kind for every instance from 1 to the highest, or no chain. */
#include "lib/mail/auth/arc_sets.h"
#include <string.h>

/* 1*2DIGIT, 1 to 50; 0 when it is none. */
static guint
instance_of(const char *text, gsize length)
{
    guint n = 0;

    if (length == 0 || length > 2)
        return 0;
    for (gsize i = 0; i < length; i++) {
        if (!g_ascii_isdigit(text[i]))
            return 0;
        n = n * 10 + (guint)(text[i] - '0');
    }
#ifdef POSTERN_PLANTED_BUGS
    return n;
#endif
    return n <= ARC_INSTANCES_MAX ? n : 0;
}

static gboolean
is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *
skip_white(const char *at, const char *end)
{
    while (at < end && is_white(*at))
        at++;
    return at;
}

/* "i=N;" in front of everything (RFC 8617 4.1.1); 0 when it is not there. */
static guint
read_results(const struct auth_field *field, struct arc_fields *into)
{
    const char *end = field->raw + field->length, *at = memchr(field->raw, ':', field->length);

    at = at != NULL ? skip_white(at + 1, end) : end;
    if (at == end || *at != 'i')
        return 0;
    at = skip_white(at + 1, end);
    if (at == end || *at != '=')
        return 0;
    at = skip_white(at + 1, end);
    const char *digits = at;
    while (at < end && g_ascii_isdigit(*at))
        at++;
    guint instance = instance_of(digits, (gsize)(at - digits));
    at = skip_white(at, end);
    if (at == end || *at != ';')
        return 0;
    into->payload = at + 1;
    into->payload_length = (gsize)(end - at - 1);
    into->results = field;
    return instance;
}

static guint
read_signature(enum dkim_kind kind, const struct auth_field *field, gsize max_bytes, struct arc_fields *into)
{
    struct dkim_parsed *parsed = dkim_parsed_new(kind, field, max_bytes);
    const char *i = parsed->tags != NULL ? dkim_tags_get(parsed->tags, "i") : NULL;

    if (kind == ARC_SEAL) {
        into->seal = field;
        into->parsed_seal = parsed;
    } else {
        into->signature = field;
        into->parsed_signature = parsed;
    }
    return i != NULL ? instance_of(i, strlen(i)) : 0;
}

static void
fields_clear(struct arc_fields *set)
{
    dkim_parsed_free(&set->parsed_signature);
    dkim_parsed_free(&set->parsed_seal);
}

/* Moves what was read into the set of its instance. */
static const char *
place(struct arc_sets *sets, struct arc_fields *read, guint instance)
{
    struct arc_fields *set = instance > 0 ? &sets->sets[instance - 1] : NULL;

    if (set == NULL || (read->results != NULL && set->results != NULL) || (read->seal != NULL && set->seal != NULL) ||
        (read->signature != NULL && set->signature != NULL)) {
        fields_clear(read);
        return set == NULL ? "an ARC field without a good i=" : "an ARC field occurs twice";
    }
    if (read->results != NULL) {
        set->results = read->results;
        set->payload = read->payload;
        set->payload_length = read->payload_length;
    } else if (read->seal != NULL) {
        set->seal = read->seal;
        set->parsed_seal = read->parsed_seal;
    } else {
        set->signature = read->signature;
        set->parsed_signature = read->parsed_signature;
    }
    sets->count = MAX(sets->count, instance);
    return NULL;
}

/* All fields of a kind. kind < 0: results. */
static void
collect(struct arc_sets *sets, const struct dkim_fields *fields, const char *name, gint kind, gsize max_bytes)
{
    guint count = dkim_fields_count(fields, name);

    if (count > ARC_INSTANCES_MAX) {
        sets->why = "too many ARC fields";
        return;
    }
    for (guint n = 0; n < count; n++) {
        struct arc_fields read = {0};
        const struct auth_field *field = dkim_fields_get(fields, name, n);
        guint instance = kind < 0 ? read_results(field, &read) : read_signature((enum dkim_kind)kind, field, max_bytes, &read);
        if (kind < 0)
            read.results = field;
        const char *why = place(sets, &read, instance);
        if (sets->why == NULL)
            sets->why = why;
    }
}

struct arc_sets *
arc_sets_new(const struct dkim_fields *fields, gsize max_bytes)
{
    struct arc_sets *sets = g_new0(struct arc_sets, 1);

    collect(sets, fields, ARC_RESULTS_FIELD, -1, max_bytes);
    collect(sets, fields, ARC_SIGNATURE_FIELD, ARC_MESSAGE_SIGNATURE, max_bytes);
    collect(sets, fields, ARC_SEAL_FIELD, ARC_SEAL, max_bytes);
    for (guint i = 0; i < sets->count && sets->why == NULL; i++) {
        const struct arc_fields *set = &sets->sets[i];
        if (set->results == NULL || set->signature == NULL || set->seal == NULL)
            sets->why = "an ARC set is not whole";
    }
    return sets;
}

void
arc_sets_free(struct arc_sets **sets)
{
    if (*sets == NULL)
        return;
    for (guint i = 0; i < ARC_INSTANCES_MAX; i++)
        fields_clear(&(*sets)->sets[i]);
    g_clear_pointer(sets, g_free);
}

enum auth_result
arc_cv(const struct dkim_parsed *seal)
{
    const char *cv = seal->tags != NULL ? dkim_tags_get(seal->tags, "cv") : NULL;

    if (cv == NULL)
        return AUTH_PERMERROR;
    for (guint i = AUTH_NONE; i <= AUTH_FAIL; i++)
        if (strcmp(cv, auth_result_name(i)) == 0)
            return i;
    return AUTH_PERMERROR;
}

void
arc_append_set(const struct arc_fields *set, gboolean own, GString *out)
{
    dkim_canon_field(DKIM_RELAXED, set->results->raw, set->results->length, out);
    dkim_canon_field(DKIM_RELAXED, set->signature->raw, set->signature->length, out);
    if (own)
        dkim_canon_signature(DKIM_RELAXED, set->seal->raw, set->seal->length, out);
    else
        dkim_canon_field(DKIM_RELAXED, set->seal->raw, set->seal->length, out);
}
