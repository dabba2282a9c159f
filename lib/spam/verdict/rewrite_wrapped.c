/* rewrite_wrapped.c: spam as an attachment (report_safe): a new message with the report, its fields, and the old message as it came. */
#include <string.h>
#include "lib/spam/verdict/report_private.h"
#include "lib/spam/verdict/rewrite_private.h"
#include "lib/spam/view/bytes.h"

#define BOUNDARY_TRIES 8 /* longer boundaries, each by 32 random bits */

/* ---- fields ---- */

static void
append_value(GString *out, const char *name, const GString *value)
{
    if (value == NULL)
        return;
    g_string_append_printf(out, "%s: ", name);
    g_string_append_len(out, value->str, (gssize)value->len);
}

/* Tag and prefix before the subject; the tag is there once. */
static void
mark_subject(struct report *report, GString **subject)
{
    g_autofree char *tag = rewrite_tag(report, "Subject");
    const char *prefix = report_subject_prefix(report);

    if (tag == NULL)
        return;
    if (*subject == NULL)
        *subject = g_string_new("\n");
    if (prefix != NULL)
        g_string_prepend(*subject, prefix);
    gsize n = strlen(tag);
    if ((*subject)->len > n && memcmp((*subject)->str, tag, n) == 0 && (*subject)->str[n] == ' ')
        return;
    g_string_prepend_c(*subject, ' ');
    g_string_prepend(*subject, tag);
}

/* "\t(tag)" at the value's end, once. */
static void
mark_address(struct report *report, const char *name, GString **value)
{
    g_autofree char *tag = rewrite_tag(report, name);

    if (tag == NULL)
        return;
    if (*value == NULL)
        *value = g_string_new("\n");
    g_autofree char *mark = g_strconcat("\t", tag, NULL);
    gsize end = (*value)->len - ((*value)->len > 0 && (*value)->str[(*value)->len - 1] == '\n' ? 1 : 0), n = strlen(mark);
    if (end < n || memcmp((*value)->str + end - n, mark, n) != 0)
        g_string_insert(*value, (gssize)end, mark);
}

static void
append_fields(GString *out, struct report *report)
{
    static const char *const names[] = {"From", "To", "Cc", "Subject", "Date", "Message-Id"};

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        GString *value = rewrite_pristine(report, names[i]);

        if (strcmp(names[i], "Subject") == 0)
            mark_subject(report, &value);
        else if (strcmp(names[i], "From") == 0 || strcmp(names[i], "To") == 0)
            mark_address(report, names[i], &value);
        append_value(out, names[i], value);
        if (value != NULL)
            g_string_free(value, TRUE);
    }
    report_fields(report, TRUE, rewrite_append_field, out);
}

/* What report_safe_copy_headers asks for; Received goes to the top. */
static void
append_copied(GString *out, const struct report *report)
{
    const GPtrArray *names = rules_list(report->scan.ruleset, "report_safe_copy_headers");
    static const char *const there[] = {"from", "to", "cc", "subject", "date", "message-id"};
    g_autoptr(GHashTable) done = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < G_N_ELEMENTS(there); i++)
        g_hash_table_add(done, g_strdup(there[i]));
    for (guint i = 0; names != NULL && i < names->len; i++) {
        const char *name = names->pdata[i];
        g_autoptr(GString) copy = g_string_new(NULL);

        if (!g_hash_table_add(done, g_ascii_strdown(name, -1)))
            continue;
        g_autoptr(GPtrArray) values = rewrite_pristine_all(report, name);
        for (guint v = 0; v < values->len; v++)
            append_value(copy, name, values->pdata[v]);
        g_string_insert_len(out, g_ascii_strcasecmp(name, "received") == 0 ? 0 : (gssize)out->len, copy->str, (gssize)copy->len);
    }
}

/* ---- the new message ---- */

static gboolean
occurs(const GString *in, const char *text)
{
    return memmem(in->str, in->len, text, strlen(text)) != NULL;
}

/* A boundary that the message does not hold. */
static char *
boundary_for(const struct report *report)
{
    const struct report_scan *scan = &report->scan;
    GString *boundary = g_string_new(NULL);

    g_string_printf(boundary, "----------=_%08X.%08X", (guint)scan->now, scan->random);
    for (guint i = 0; i < BOUNDARY_TRIES && occurs(scan->tree->pristine, boundary->str); i++)
        g_string_append_printf(boundary, "/%08X", g_random_int());
    return g_string_free(boundary, FALSE);
}

/* Whether the message is other than plain text, so that it is no good to show it at once. */
static gboolean
is_unsafe(const struct report *report)
{
    const GString *type = part_header(report->scan.tree->root, "Content-Type");

    return type != NULL && strcasestr(type->str, "text/plain") == NULL;
}

static void
append_parts(GString *out, struct report *report, const char *boundary)
{
    const struct spam_ruleset *ruleset = report->scan.ruleset;
    const char *charset = rules_text(ruleset, "report_charset"), *template = rules_text(ruleset, "unsafe_report_template");
    const GString *text = report_text(report);
    gboolean unsafe = is_unsafe(report);
    g_autoptr(GString) warning = unsafe && template != NULL ? report_expand(report, template) : g_string_new(NULL);

    g_string_append_printf(out,
                           "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"%s\"\n\n"
                           "This is a multi-part message in MIME format.\n\n--%s\nContent-Type: text/plain; charset=%s\n"
                           "Content-Disposition: inline\nContent-Transfer-Encoding: 8bit\n\n",
                           boundary, boundary, charset != NULL && *charset != '\0' ? charset : "UTF-8");
    g_string_append_len(out, text->str, (gssize)text->len);
    g_string_append_len(out, warning->str, (gssize)warning->len);
    g_string_append_printf(out,
                           "\n\n--%s\nContent-Type: %s; x-spam-type=original\n"
                           "Content-Description: original message before SpamAssassin\nContent-Disposition: %s\n"
                           "Content-Transfer-Encoding: 8bit\n\n",
                           boundary, rules_number(ruleset, "report_safe") > 1 ? "text/plain" : "message/rfc822",
                           unsafe ? "attachment" : "inline");
}

void
rewrite_append_wrapped(GString *out, struct report *report)
{
    const struct report_scan *scan = &report->scan;
    g_autoptr(GString) top = g_string_new(NULL), end = g_string_new(NULL);
    g_autofree char *boundary = boundary_for(report), *date = report_date(scan->now);
    g_autofree char *received = g_strdup_printf("Received: from localhost by %s\n\twith SpamAssassin (version " REPORT_VERSION ");\n\t%s\n",
                                                scan->host_name != NULL ? scan->host_name : "localhost", date);

    append_fields(top, report);
    append_copied(top, report);
    g_string_prepend(top, received);
    append_parts(top, report, boundary);
    rewrite_append_lines(out, report, top);
    g_string_append_len(out, scan->tree->pristine->str, (gssize)scan->tree->pristine->len);
    g_string_printf(end, "\n--%s--\n\n", boundary);
    rewrite_append_lines(out, report, end);
}
