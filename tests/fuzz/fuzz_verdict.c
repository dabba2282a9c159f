/* fuzz_verdict.c: any bytes as a field's template (up to the first NUL) and as the message that is rewritten; its parts are what the
 * template's tags tell. */
#include <math.h>
#include <string.h>
#include "lib/spam/verdict/rewrite.h"

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static const char rules[] = "header A_TEST Subject =~ /a/\nscore A_TEST 3\nsubjprefix A_TEST [_HEADER(a)_]\n"
                            "rewrite_header Subject _SCORE_ _HEADER(s)_\nrewrite_header From _TESTS_\nreport _PREVIEW_ _SUMMARY_ _HEADER(r)_\n"
                            "unsafe_report _REPORT_\nadd_header all Wide _HEADER(w)_\n";

static GString *
header(gpointer data, const char *name)
{
    (void)name;
    return g_string_new_len(((GString *)data)->str, (gssize)((GString *)data)->len);
}

static const GPtrArray *
body(gpointer data)
{
    static GPtrArray *paragraphs;

    if (paragraphs == NULL)
        paragraphs = g_ptr_array_new();
    g_ptr_array_set_size(paragraphs, 0);
    for (int i = 0; i < 3; i++)
        g_ptr_array_add(paragraphs, data);
    return paragraphs;
}

/* A field is ASCII on one line or folded, whatever came into it. */
static void
check_field(gpointer data, const char *name, const GString *text)
{
    (void)data;
    for (gsize i = 0; i < text->len; i++)
        if (text->str[i] == '\n' ? text->str[i + 1] != '\t' : text->str[i] != '\t' && (text->str[i] < ' ' || text->str[i] > '~'))
            g_error("%s holds byte %u", name, (guint8)text->str[i]);
}

static void
check(struct report_scan *scan)
{
    struct report *report = report_new(scan);
    g_autoptr(GString) rewritten = rewrite_message(report);
    g_autoptr(GPtrArray) edits = rewrite_edits(report);

    for (guint i = 0; i < edits->len; i++) {
        const struct rewrite_edit *edit = edits->pdata[i];
        if ((edit->value == NULL) != (edit->kind == REWRITE_DELETE) ||
            (edit->value != NULL && memchr(edit->value->str, 0, edit->value->len) != NULL))
            g_error("odd edit of %s", edit->name);
    }
    if (rewritten->len < scan->tree->pristine->len - scan->tree->header_length)
        g_error("the body is not all there");
    report_fields(report, report_is_spam(report), check_field, NULL);
    report_free(&report);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    const guint8 *nul = memchr(data, 0, size);
    gsize length = nul != NULL ? (gsize)(nul - data) : size;
    g_autofree char *template = g_strndup((const char *)data, length);
    g_autofree char *config = g_strdup_printf("%sreport_safe %d\nfold_headers %d\nadd_header all X %s\n", rules, (int)(size % 3),
                                              (int)(size / 3 % 2), g_strdelimit(template, "\n", ' '));
    const char *message = (const char *)data + MIN(length + 1, size);
    g_autoptr(GString) text = g_string_new_len(message, (gssize)MIN(size - MIN(length + 1, size), 3000));
    struct spam_ruleset *set = rules_load_text(&(struct rules_options){.local_tests_only = TRUE}, "fuzz", config, strlen(config));
    struct spam_tree *tree = tree_new(message, size - MIN(length + 1, size));
    const char *logs[] = {template, text->str, NULL};
    struct report_hit hit = {.rule = rules_find(set, "A_TEST"), .score = 3, .description = text->str, .logs = logs};
    const struct report_help help = {.data = text, .header = header, .body = body};
    struct report_scan scan = {.ruleset = set, .tree = tree, .hits = &hit, .n_hits = 1, .score = (double)(size % 9), .required = (double)NAN,
                               .host_name = "h", .now = 1, .help = &help};

    if (hit.rule != NULL)
        check(&scan);
    tree_free(&tree);
    rules_free(&set);
    return 0;
}
