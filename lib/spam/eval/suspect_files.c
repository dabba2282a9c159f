/* suspect_files.c: see suspect_files.h. */
#include "lib/spam/eval/suspect_files.h"
#include <string.h>
#include "lib/spam/view/bytes.h"
#include "lib/spam/view/content_type.h"

static gboolean
is_one_of(const char *word, const char *const *words)
{
    return g_strv_contains(words, word);
}

static gboolean
starts_with_one_of(const char *text, const char *const *heads)
{
    for (; *heads != NULL; heads++)
        if (g_str_has_prefix(text, *heads))
            return TRUE;
    return FALSE;
}

/* ---- programs ---- */

static gboolean
is_executable_name(const char *name)
{
    static const char *const extensions[] = {
        "ade", "adp", "asx", "bas", "bat", "chm", "cmd", "com", "cpl", "crt", "dll", "exe", "hlp", "hta", "inf", "ins", "isp", "js",
        "jse", "lnk", "mda", "mdb", "mde", "mdt", "mdw", "mdz", "msc", "msi", "msp", "mst", "nws", "ops", "pcd", "pif", "prf", "reg",
        "scf", "scr", "scr?", "sct", "shb", "shs", "shm", "swf", "url", "vb", "vbe", "vbs", "vbx", "vxd", "wsc", "wsf", "wsh",
        NULL};
    const char *dot = strrchr(name, '.');

    return dot != NULL && is_one_of(dot + 1, extensions);
}

/* A shape: letters stand for themselves, "." for any byte of the line, other digits for a class of the given list. */
static gboolean
has_shape(const char *line, gsize length, const char *shape, const char *const *classes)
{
    gsize at = 0;

    for (; *shape != '\0'; shape++, at++) {
        if (at >= length || line[at] == '\n')
            return FALSE;
        if (*shape >= '0' && *shape <= '3' ? !byte_in(line[at], classes[*shape - '0']) : *shape != '.' && line[at] != *shape)
            return FALSE;
    }
    return TRUE;
}

/* The beginning of a program's header in base64. */
static gboolean
is_base64_program(const GString *raw)
{
    static const char *const classes[] = {"opqr", "AB", "AQgw", "ABCDEFGH"};

    return has_shape(raw->str, raw->len, "TV0.A..1.23.A", classes);
}

/* The same in a line of uuencode. "M35" is no class there: it is looked at apart. */
static gboolean
is_uuencoded_program(const char *line, gsize length)
{
    static const char *const classes[] = {"GHIJK"};

    return length > 10 && memcmp(line, "M35", 3) == 0 && has_shape(line + 3, length - 3, "0.`..`.", classes) &&
           memmem(line + 10, length - 10, "````", 4) != NULL;
}

static gboolean
has_uuencoded_program(const GString *raw)
{
    for (gsize at = 0, end; at < raw->len; at = end + 1) {
        const char *newline = memchr(raw->str + at, '\n', raw->len - at);
        end = newline != NULL ? (gsize)(newline - raw->str) : raw->len;
        if (is_uuencoded_program(raw->str + at, end - at))
            return TRUE;
    }
    return FALSE;
}

static gboolean
is_executable(const struct spam_part *part, const char *type, const char *name)
{
    const GString *encoding = part_header(part, "content-transfer-encoding");
    g_autofree char *low = encoding != NULL ? g_ascii_strdown(encoding->str, -1) : g_strdup("");

    if (is_executable_name(name))
        return TRUE;
    if (part->raw == NULL)
        return FALSE;
    if (strstr(low, "base64") != NULL && is_base64_program(part->raw))
        return TRUE;
    return g_str_has_prefix(type, "text") && !byte_is_word(type[4]) && has_uuencoded_program(part->raw);
}

/* ---- names and types ---- */

static gboolean
is_application_of(const char *type, const char *tail)
{
    return g_str_has_prefix(type, "application/") && g_str_has_suffix(type + strlen("application/"), tail);
}

/* Whether a file of that extension may come as the type, which has no "x-" or "vnd." any more. */
static gboolean
fits(const char *extension, const char *type)
{
    static const char *const texts[] = {"txt", "html", "htm", "phtml", "phtm", "xhtml", "xhtm", "xml", NULL};
    static const char *const text_types[] = {"text/plain", "text/htm", "text/phtm", "text/xhtm", "text/english", "text/sgml", "text/xml",
                                             "text/enriched", "text/richtext", "message/external-body", NULL};
    static const char *const images[] = {"jpg", "jpeg", "tif", "tiff", "gif", "png", NULL};
    static const char *const image_types[] = {"image/", "application/mac-binhex", NULL};
    static const char *const programs[] = {"bat", "com", "exe", "pif", "scr", "swf", "vbs", NULL};

    if (is_one_of(extension, texts))
        return starts_with_one_of(type, text_types);
    if (is_one_of(extension, images))
        return starts_with_one_of(type, image_types);
    if (is_one_of(extension, programs))
        return g_str_has_prefix(type, "application/");
    if (strcmp(extension, "vcf") == 0)
        return strcmp(type, "text/vcard") == 0;
    if (strcmp(extension, "doc") == 0)
        return is_application_of(type, "word");
    if (strcmp(extension, "ppt") == 0)
        return is_application_of(type, "powerpoint") || is_application_of(type, "ppt");
    return strcmp(extension, "xls") != 0 || is_application_of(type, "excel");
}

static gboolean
is_suspect_name(const char *type, const char *name)
{
    const char *dot = strrchr(name, '.'), *slash = NULL;
    g_autoptr(GString) plain = g_string_new(type);

    if (strcmp(type, "application/octet-stream") == 0)
        return FALSE;
    for (const char *at = plain->str; slash == NULL && (at = strchr(at, '/')) != NULL; at++)
        if (g_str_has_prefix(at, "/x-") || g_str_has_prefix(at, "/vnd."))
            slash = at;
    if (slash != NULL)
        g_string_erase(plain, slash + 1 - plain->str, slash[1] == 'x' ? 2 : 4);
    return !fits(dot != NULL ? dot + 1 : name, plain->str);
}

/* ---- the message ---- */

struct suspect_files
suspect_files_find(const struct spam_tree *tree)
{
    g_autoptr(GPtrArray) leaves = tree_leaves(tree, FALSE);
    struct suspect_files found = {FALSE, FALSE};

    for (guint i = 0; i < leaves->len; i++) {
        const struct spam_part *part = leaves->pdata[i];
        struct content_type parsed;
        content_type_parse(&parsed, part_header(part, "content-type"));
        g_autofree char *type = g_ascii_strdown(parsed.type, -1);
        g_autofree char *name = parsed.name != NULL && !bytes_is_false(parsed.name) ? g_ascii_strdown(parsed.name->str, -1) : g_strdup("");
        found.executable = found.executable || is_executable(part, type, name);
        found.name = found.name || (*name != '\0' && is_suspect_name(type, name));
        content_type_clear(&parsed);
    }
    return found;
}
