/* policy_report.c: see policy_report.h. Whoever can write to the socket is checked by the reader; the text is not trusted all the same. */
#include "lib/mail/policy_report.h"
#include <jansson.h>
#include <math.h>
#include <string.h>

#define VERSION 1
#define RECIPIENTS_MAX 1000000
#define SCORE_MAX 1e6

static const char *const froms[] = {"smtp", "submission", "local", "ingest"}; /* enum policy_report_from */

/* Where the texts are. */
static const struct {
    const char *name;
    gsize offset;
} texts[] = {{"instance", G_STRUCT_OFFSET(struct policy_report, instance)}, {"queue_id", G_STRUCT_OFFSET(struct policy_report, queue_id)},
             {"ref", G_STRUCT_OFFSET(struct policy_report, ref)},           {"client", G_STRUCT_OFFSET(struct policy_report, client)},
             {"login", G_STRUCT_OFFSET(struct policy_report, login)},       {"sender", G_STRUCT_OFFSET(struct policy_report, sender)},
             {"author", G_STRUCT_OFFSET(struct policy_report, author)},     {"recipient", G_STRUCT_OFFSET(struct policy_report, recipient)},
             {"virus", G_STRUCT_OFFSET(struct policy_report, virus)}};

static void
dkim_free(gpointer data)
{
    struct policy_report_dkim *dkim = data;

    g_free(dkim->domain);
    g_free(dkim);
}

struct policy_report *
policy_report_new(void)
{
    struct policy_report *report = g_new0(struct policy_report, 1);

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        G_STRUCT_MEMBER(char *, report, texts[i].offset) = g_strdup("");
    report->dkim = g_ptr_array_new_with_free_func(dkim_free);
    return report;
}

void
policy_report_free(struct policy_report *report)
{
    if (report == NULL)
        return;
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(G_STRUCT_MEMBER(char *, report, texts[i].offset));
    g_ptr_array_unref(report->dkim);
    g_free(report);
}

void
policy_report_add_dkim(struct policy_report *report, const char *domain, gboolean aligned)
{
    struct policy_report_dkim *dkim = g_new0(struct policy_report_dkim, 1);

    dkim->domain = g_strdup(domain);
    dkim->aligned = aligned;
    g_ptr_array_add(report->dkim, dkim);
}

/* ---- writing ---- */

/* As JSON takes it and the parser: UTF-8, no control characters, not too long. */
static json_t *
text_of(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, (gssize)strnlen(text, POLICY_REPORT_TEXT_MAX));
    gsize length = strlen(valid);

    for (char *p = valid; *p != '\0'; p++)
        if (g_ascii_iscntrl(*p))
            *p = '?';
    if (length > POLICY_REPORT_TEXT_MAX) { /* a replacement character is longer than what it is for */
        char *end = g_utf8_find_prev_char(valid, valid + POLICY_REPORT_TEXT_MAX + 1);
        *end = '\0';
    }
    return json_string(valid);
}

static json_t *
dkim_of(const struct policy_report *report)
{
    json_t *list = json_array();

    for (guint i = 0; i < report->dkim->len && i < POLICY_REPORT_DKIM_MAX; i++) {
        const struct policy_report_dkim *dkim = g_ptr_array_index(report->dkim, i);
        json_array_append_new(list, json_pack("{s:o, s:b}", "domain", text_of(dkim->domain), "aligned", dkim->aligned));
    }
    return list;
}

char *
policy_report_write(const struct policy_report *report, gsize *length_r)
{
    json_t *object = json_pack("{s:i, s:s, s:s, s:b, s:I, s:o}", "v", VERSION, "verdict", verdict_action_name(report->verdict), "from",
                               froms[report->from], "bounce", report->bounce, "recipients", (json_int_t)MIN(report->recipients, RECIPIENTS_MAX),
                               "dkim", dkim_of(report));
    char *text, *copy;

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        json_object_set_new(object, texts[i].name, text_of(G_STRUCT_MEMBER(char *, report, texts[i].offset)));
    if (report->judged) {
        json_object_set_new(object, "spam", json_boolean(report->spam));
        json_object_set_new(object, "score", json_real(isfinite(report->score) ? CLAMP(report->score, -SCORE_MAX, SCORE_MAX) : 0));
    }
    text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(6));
    json_decref(object);
    copy = g_strdup(text);
    free(text);
    *length_r = strlen(copy);
    return copy;
}

/* ---- reading ---- */

static const char *
take_text(const json_t *value, char **text_r)
{
    const char *text = json_string_value(value);

    if (text == NULL)
        return "a text is none";
    if (json_string_length(value) > POLICY_REPORT_TEXT_MAX)
        return "a text is too long";
    for (const char *p = text; *p != '\0'; p++)
        if (g_ascii_iscntrl(*p))
            return "a text has control characters";
    g_free(*text_r);
    *text_r = g_strdup(text);
    return NULL;
}

static const char *
take_texts(struct policy_report *report, const json_t *object)
{
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        const json_t *value = json_object_get(object, texts[i].name);
        const char *problem = value != NULL ? take_text(value, &G_STRUCT_MEMBER(char *, report, texts[i].offset)) : NULL;
        if (problem != NULL)
            return problem;
    }
    return NULL;
}

static const char *
take_dkim(struct policy_report *report, const json_t *list)
{
    json_t *item;
    size_t i;

    if (list == NULL)
        return NULL;
    if (!json_is_array(list) || json_array_size(list) > POLICY_REPORT_DKIM_MAX)
        return "dkim is no short list";
    json_array_foreach(list, i, item) {
        const char *problem;
        struct policy_report_dkim *dkim;
        policy_report_add_dkim(report, "", json_is_true(json_object_get(item, "aligned")));
        dkim = g_ptr_array_index(report->dkim, report->dkim->len - 1);
        problem = take_text(json_object_get(item, "domain"), &dkim->domain);
        if (problem != NULL)
            return problem;
    }
    return NULL;
}

static const char *
take_words(struct policy_report *report, const json_t *object)
{
    const char *verdict = json_string_value(json_object_get(object, "verdict")), *from = json_string_value(json_object_get(object, "from"));
    guint v = 0, f = 0;

    while (v <= VERDICT_TEMPFAIL && g_strcmp0(verdict, verdict_action_name((enum verdict_action)v)) != 0)
        v++;
    while (f < G_N_ELEMENTS(froms) && g_strcmp0(from, froms[f]) != 0)
        f++;
    if (v > VERDICT_TEMPFAIL || f == G_N_ELEMENTS(froms))
        return "verdict or from is not known";
    report->verdict = (enum verdict_action)v;
    report->from = (enum policy_report_from)f;
    return NULL;
}

static const char *
take_numbers(struct policy_report *report, const json_t *object)
{
    const json_t *recipients = json_object_get(object, "recipients"), *score = json_object_get(object, "score");

    if (!json_is_integer(recipients) || json_integer_value(recipients) < 0 || json_integer_value(recipients) > RECIPIENTS_MAX)
        return "recipients is no such number";
    if (score != NULL && (!json_is_number(score) || !(fabs(json_number_value(score)) <= SCORE_MAX)))
        return "score is no such number";
    report->recipients = (guint)json_integer_value(recipients);
#ifdef POSTERN_PLANTED_BUGS
    if (report->recipients > 99)
        report->queue_id[report->recipients] = 'x';
#endif
    report->judged = score != NULL;
    report->score = json_number_value(score);
    report->spam = report->judged && json_is_true(json_object_get(object, "spam"));
    report->bounce = json_is_true(json_object_get(object, "bounce"));
    return NULL;
}

struct policy_report *
policy_report_parse(const void *data, gsize length, const char **problem_r)
{
    json_t *object = length <= POLICY_REPORT_BYTES ? json_loadb(data, length, JSON_REJECT_DUPLICATES, NULL) : NULL;
    struct policy_report *report = policy_report_new();

    *problem_r = NULL;
    if (!json_is_object(object))
        *problem_r = "it is no JSON object, or too long";
    else if (json_integer_value(json_object_get(object, "v")) != VERSION)
        *problem_r = "it is of another version";
    if (*problem_r == NULL)
        *problem_r = take_texts(report, object);
    if (*problem_r == NULL)
        *problem_r = take_words(report, object);
    if (*problem_r == NULL)
        *problem_r = take_numbers(report, object);
    if (*problem_r == NULL)
        *problem_r = take_dkim(report, json_object_get(object, "dkim"));
    json_decref(object);
    if (*problem_r == NULL)
        return report;
    policy_report_free(report);
    return NULL;
}
