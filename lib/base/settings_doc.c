/* settings_doc.c: the settings tables as a file, as a sample file and as a manual page. */
#include "lib/base/settings_private.h"
#include <string.h>

/* doc_is_default - compares values as they are written */
static gboolean
doc_is_default(const struct setting *setting, gconstpointer section, gsize section_size)
{
    g_autofree char *scratch = g_malloc0(section_size);
    g_autoptr(GString) now = g_string_new(NULL), then = g_string_new(NULL);
    settings_value_default(setting, scratch);
    settings_value_append(setting, section, now);
    settings_value_append(setting, scratch, then);
    settings_value_clear(setting, scratch);
    return g_string_equal(now, then);
}

/* doc_section_size - enough room for a scratch copy of the section's struct */
static gsize
doc_section_size(const struct settings_section *section)
{
    gsize size = 0;
    for (const struct setting *s = section->settings; s->name; s++)
        size = MAX(size, s->offset + sizeof(gint64));
    return size;
}

/* doc_append_default - the default as a file would have it */
static void
doc_append_default(const struct settings_section *section, const struct setting *setting, GString *out)
{
    g_autofree char *scratch = g_malloc0(doc_section_size(section));
    settings_value_default(setting, scratch);
    settings_value_append(setting, scratch, out);
    settings_value_clear(setting, scratch);
}

/* doc_show_setting - one line; FALSE when it was left out */
static gboolean
doc_show_setting(const struct settings_section *section, const struct setting *setting, gconstpointer base,
                 gboolean changed_only, GString *out)
{
    gboolean is_default = doc_is_default(setting, base, doc_section_size(section));
    if (changed_only && is_default)
        return FALSE;
    if (setting->secret && !is_default) {
        g_string_append_printf(out, "    # %s = (hidden)\n", setting->name);
        return TRUE;
    }
    g_string_append_printf(out, "    %s = ", setting->name);
    settings_value_append(setting, base, out);
    g_string_append_c(out, '\n');
    return TRUE;
}

/* doc_show_section - title NULL: there is none; else the section is shown even when all in it is default */
static void
doc_show_section(const struct settings_section *section, const char *title, gconstpointer base, gboolean changed_only, GString *out)
{
    g_autoptr(GString) body = g_string_new(NULL);

    for (const struct setting *s = section->settings; s->name; s++)
        doc_show_setting(section, s, base, changed_only, body);
    if (body->len > 0 || title)
        g_string_append_printf(out, "%s%s%s%s {\n%s}\n", out->len > 0 ? "\n" : "", section->name, title ? " " : "", title ? title : "",
                               body->str);
}

void
settings_show(const struct settings_section *sections, const void *config, gboolean changed_only, GString *out)
{
    for (const struct settings_section *section = sections; section->name; section++) {
        gconstpointer base = (const char *)config + section->offset;
        const GPtrArray *items = section->item_size > 0 ? *(GPtrArray *const *)base : NULL;
        if (items == NULL)
            doc_show_section(section, NULL, base, changed_only, out);
        for (guint i = 0; items != NULL && i < items->len; i++) {
            gconstpointer item = g_ptr_array_index(items, i);
            doc_show_section(section, *(char *const *)item, item, changed_only, out);
        }
    }
}

/* doc_append_comment - text as comment lines of at most 78 columns */
static void
doc_append_comment(const char *indent, const char *text, GString *out)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    gsize column = 0;
    for (char **word = words; *word; word++) {
        gsize width = strlen(*word) + 1;
        if (column == 0 || column + width > 78) {
            g_string_append_printf(out, "%s%s#", column ? "\n" : "", indent);
            column = strlen(indent) + 1;
        }
        g_string_append_printf(out, " %s", *word);
        column += width;
    }
    g_string_append_c(out, '\n');
}

/* doc_sample_section - with each setting as a comment, or (lead "") as it is */
static void
doc_sample_section(const struct settings_section *section, const char *lead, GString *out)
{
    for (const struct setting *s = section->settings; s->name; s++) {
        g_autoptr(GString) doc = g_string_new(s->doc);
        g_string_append(doc, " (");
        settings_value_describe(s, doc);
        g_string_append(doc, ")");
        doc_append_comment("    ", doc->str, out);
        g_string_append_printf(out, "    %s%s = ", lead, s->name);
        doc_append_default(section, s, out);
        g_string_append(out, "\n\n");
    }
    g_string_truncate(out, out->len - 1); /* no empty line before the brace */
}

/* doc_sample_titled - wholly as a comment: one more section would be no default */
static void
doc_sample_titled(const struct settings_section *section, GString *out)
{
    g_autoptr(GString) text = g_string_new(NULL);

    g_string_append_printf(text, "%s example {\n", section->name);
    doc_sample_section(section, "", text);
    g_string_append_c(text, '}');
    g_string_replace(text, "\n", "\n#", 0);
    g_string_append_printf(out, "#%s\n", text->str);
}

void
settings_sample(const struct settings_section *sections, GString *out)
{
    for (const struct settings_section *section = sections; section->name; section++) {
        g_string_append_c(out, '\n');
        doc_append_comment("", section->doc, out);
        if (section->item_size > 0) {
            doc_sample_titled(section, out);
            continue;
        }
        g_string_append_printf(out, "%s {\n", section->name);
        doc_sample_section(section, "#", out);
        g_string_append(out, "}\n");
    }
}

/* doc_append_roff - text that roff shows as it is; no line of it can be a request or macro */
static void
doc_append_roff(const char *text, gboolean at_line_start, GString *out)
{
    for (const char *p = text; *p; p++) {
        gboolean start = p == text ? at_line_start : p[-1] == '\n';
        if (start && (*p == '.' || *p == '\''))
            g_string_append(out, "\\&");
        if (*p == '\\')
            g_string_append(out, "\\e");
        else if (*p == '-')
            g_string_append(out, "\\-");
        else if (*p == '"')
            g_string_append(out, "\\(dq");
        else
            g_string_append_c(out, *p);
    }
}

/* doc_append_sentences - text with each sentence on a line of its own, as mdoc wants it */
static void
doc_append_sentences(const char *text, GString *out)
{
    g_auto(GStrv) sentences = g_strsplit(text, ". ", -1);
    for (char **sentence = sentences; *sentence; sentence++) {
        doc_append_roff(*sentence, TRUE, out);
        g_string_append(out, sentence[1] ? ".\n" : "\n");
    }
}

void
settings_mdoc(const struct settings_section *sections, GString *out)
{
    for (const struct settings_section *section = sections; section->name; section++) {
        g_string_append_printf(out, ".Ss Section %s%s\n", section->name, section->item_size > 0 ? " TITLE" : "");
        doc_append_sentences(section->doc, out);
        g_string_append(out, ".Bl -tag -width Ds\n");
        for (const struct setting *s = section->settings; s->name; s++) {
            g_autoptr(GString) dflt = g_string_new(NULL), kind = g_string_new(NULL);
            doc_append_default(section, s, dflt);
            settings_value_describe(s, kind);
            g_string_append_printf(out, ".It Ic %s No = Ar ", s->name);
            doc_append_roff(dflt->str, FALSE, out);
            g_string_append_c(out, '\n');
            doc_append_sentences(s->doc, out);
            g_string_append_c(out, '(');
            doc_append_roff(kind->str, FALSE, out);
            g_string_append(out, ")\n");
        }
        g_string_append(out, ".El\n");
    }
}
