/* texts.c: see texts.h. */
#include "policyd/notices/texts.h"
#include <string.h>
#include <sys/stat.h>
#include "lib/base/log.h"

#define SUBJECT "Subject:"
#define VALUE_MAX 400u

static const char *const language_names[TEXT_LANGUAGES] = {[TEXT_EN] = "en", [TEXT_ZH_TW] = "zh-TW"};

struct value {
    const char *name;
    char *value;
};

static void
value_clear(gpointer data)
{
    g_free(((struct value *)data)->value);
}

GArray *
text_values_new(void)
{
    GArray *values = g_array_new(FALSE, FALSE, sizeof(struct value));

    g_array_set_clear_func(values, value_clear);
    return values;
}

void
text_values_add(GArray *values, const char *name, char *value)
{
    g_array_append_vals(values, &(struct value){name, value}, 1);
}

void
text_clear(struct text *text)
{
    g_clear_pointer(&text->subject, g_free);
    g_clear_pointer(&text->body, g_free);
}

enum text_language
texts_builtin(const char *language)
{
    for (guint i = 0; i < TEXT_LANGUAGES; i++)
        if (g_ascii_strcasecmp(language_names[i], language) == 0)
            return (enum text_language)i;
    return TEXT_EN;
}

const char *
texts_language(char *const *languages, const char *dflt, const char *domain)
{
    gsize length = strlen(domain);

    for (; *languages != NULL; languages++)
        if (g_ascii_strncasecmp(*languages, domain, length) == 0 && (*languages)[length] == '=')
            return *languages + length + 1;
    return dflt;
}

/* ---- where the text comes from ---- */

/* A name in comparison form that is one folder's name and no way out of it. */
static gboolean
is_folder_name(const char *name)
{
    return *name != '\0' && *name != '.' && name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.")] == '\0';
}

/* NULL when there is none. Caller frees. */
static char *
read_file(const char *folder, const char *domain, const char *language, const char *kind)
{
    g_autofree char *path = g_strdup_printf("%s/%s/%s/%s.txt", folder, domain, language, kind);
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    struct stat info;

    if (!is_folder_name(domain) || !is_folder_name(language) || stat(path, &info) != 0)
        return NULL;
    if (!S_ISREG(info.st_mode) || info.st_size > TEXTS_MAX)
        log_text(LOG_SEV_WARNING, "notice", "%s is not used: it is no file of at most %u bytes", path, TEXTS_MAX);
    else if (!g_file_get_contents(path, &text, NULL, &error))
        log_text(LOG_SEV_WARNING, "notice", "%s is not used: %s", path, error->message);
    else if (!g_utf8_validate(text, -1, NULL) || !g_str_has_prefix(text, SUBJECT) || strstr(text, "\n") == NULL)
        log_text(LOG_SEV_WARNING, "notice", "%s is not used: it is no UTF-8 text that begins with the line %s", path, SUBJECT);
    else
        return g_steal_pointer(&text);
    return NULL;
}

static GString *
find_text(const char *folder, const char *domain, const char *language, const struct text_kind *kind)
{
    g_autofree char *text = *folder != '\0' ? read_file(folder, domain, language, kind->name) : NULL;
    GString *found;

    if (text == NULL && *folder != '\0')
        text = read_file(folder, "default", language, kind->name);
    found = g_string_new(text != NULL ? text : kind->builtins[texts_builtin(language)]);
    g_string_replace(found, "\r\n", "\n", 0);
    return found;
}

/* ---- what it says ---- */

static const struct value *
find_value(const char *at, const GArray *values)
{
    for (guint i = 0; i < values->len; i++) {
        const struct value *value = &g_array_index(values, struct value, i);
        if (g_str_has_prefix(at, value->name))
            return value;
    }
    return NULL;
}

/* Caller frees. */
static char *
fill_in(const char *text, const GArray *values)
{
    GString *out = g_string_new(NULL);

    while (*text != '\0' && out->len <= TEXTS_MAX) {
        const struct value *value = *text == '{' ? find_value(text, values) : NULL;
        gsize length = value != NULL ? strlen(value->name) : 1 + strcspn(text + 1, "{");
        if (value != NULL)
            log_sanitize(out, value->value, strlen(value->value), VALUE_MAX);
        else
            g_string_append_len(out, text, (gssize)length);
        text += length;
    }
    if (out->len > TEXTS_MAX)
        g_string_truncate(out, (gsize)(g_utf8_find_prev_char(out->str, out->str + TEXTS_MAX) - out->str));
    return g_string_free(out, FALSE);
}

void
texts_make(const char *folder, const char *domain, const char *language, const struct text_kind *kind, const GArray *values, struct text *text_r)
{
    g_autoptr(GString) raw = find_text(folder, domain, language, kind);
    char *end = strchr(raw->str, '\n'), *body = end != NULL ? end + 1 : raw->str + raw->len;

    if (end != NULL)
        *end = '\0';
    text_r->subject = fill_in(raw->str + strlen(SUBJECT), values);
    g_strstrip(text_r->subject);
    text_r->body = fill_in(*body == '\n' ? body + 1 : body, values);
}
