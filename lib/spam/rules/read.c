/* read.c: which files, in which order, and files within files. */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include "lib/spam/rules/parser.h"

#define UPDATED "/var/lib/spamassassin/4.000001" /* what sa-update keeps */
#define SHIPPED "/usr/share/spamassassin"
#define SITE "/etc/spamassassin"
#define CHANNEL "updates_spamassassin_org.cf" /* comes before all other channels */

/* A copy of the name that lives as long as the ruleset: pointers to it are compared and kept. */
static const char *
kept_name(struct rules_parser *parser, const char *name)
{
    const char *kept = g_hash_table_lookup(parser->set->names, name);

    if (kept == NULL) {
        g_hash_table_add(parser->set->names, g_strdup(name));
        kept = g_hash_table_lookup(parser->set->names, name);
    }
    return kept;
}

void
rules_begin_file(struct rules_parser *parser, const char *name)
{
    if (parser->outer->len >= SPAM_FILES_MAX)
        return;
    g_ptr_array_add(parser->outer, (gpointer)parser->file);
    parser->file = kept_name(parser, name);
}

void
rules_end_file(struct rules_parser *parser)
{
    for (guint i = 0; i < parser->blocks->len; i++) {
        const struct rules_block *block = &g_array_index(parser->blocks, struct rules_block, i);
        rules_error(parser, "unclosed '%s' (line %u)", block->kind, block->line);
    }
    g_array_set_size(parser->blocks, 0);
    parser->skipping = FALSE;
    if (parser->outer->len == 0)
        return;
    parser->file = g_ptr_array_index(parser->outer, parser->outer->len - 1);
    g_ptr_array_set_size(parser->outer, (int)parser->outer->len - 1);
}

static void
read_file(struct rules_parser *parser, const char *path)
{
    g_autofree char *text = NULL;
    gsize length;
    struct stat status;
    g_autoptr(GError) error = NULL;

    if (!g_hash_table_add(parser->read, g_strdup(path)))
        return; /* read already */
    if (parser->set->n_files >= SPAM_FILES_MAX || (stat(path, &status) == 0 && status.st_size > SPAM_FILE_MAX)) {
        rules_error(parser, "%s: too many files, or too big", path);
        return;
    }
    if (!g_file_get_contents(path, &text, &length, &error)) {
        rules_warn(parser, "%s", error->message);
        return;
    }
    parser->set->n_files++;
    rules_begin_file(parser, path);
    rules_parse_text(parser, text, length);
    rules_end_file(parser);
}

static int
by_name(gconstpointer a, gconstpointer b)
{
    const char *first = *(const char *const *)a, *second = *(const char *const *)b;

    return strcmp(first, CHANNEL) == 0 ? -1 : strcmp(second, CHANNEL) == 0 ? 1 : strcmp(first, second);
}

/* The files of a directory whose names end in suffix, in order. */
static void
read_directory(struct rules_parser *parser, const char *path, const char *suffix)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    if (dir == NULL) {
        rules_warn(parser, "%s: can't be read", path);
        return;
    }
    while ((name = g_dir_read_name(dir)) != NULL && names->len < SPAM_FILES_MAX) {
        gsize length = strlen(name), end = strlen(suffix);
        g_autofree char *file = g_build_filename(path, name, NULL);
        if (length >= end && g_ascii_strcasecmp(name + length - end, suffix) == 0 && g_file_test(file, G_FILE_TEST_IS_REGULAR))
            g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, by_name);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *file = g_strdup_printf("%s/%s", path, (const char *)g_ptr_array_index(names, i));
        read_file(parser, file);
    }
}

/* A directory or a file. What isn't there is passed over, as there. */
static void
read_path(struct rules_parser *parser, const char *path, const char *suffix)
{
    struct stat status;

    if (path == NULL || stat(path, &status) != 0)
        return;
    if (S_ISDIR(status.st_mode))
        read_directory(parser, path, suffix);
    else if (S_ISREG(status.st_mode) && status.st_size > 0)
        read_file(parser, path);
}

void
rules_read_all(struct rules_parser *parser)
{
    const struct rules_options *options = parser->options;
    const char *site = options->site_rules != NULL ? options->site_rules : SITE;
    const char *rules = options->default_rules;

    if (rules == NULL)
        rules = g_file_test(UPDATED, G_FILE_TEST_EXISTS) ? UPDATED : SHIPPED;
    read_path(parser, site, ".pre");
    read_path(parser, rules, ".pre");
    read_path(parser, rules, ".cf");
    read_path(parser, site, ".cf");
    read_path(parser, options->preferences, ".cf");
    for (const char *const *file = options->more; file != NULL && *file != NULL; file++)
        read_file(parser, *file);
}

/* ~ is the home directory; a relative name is beside the file that includes it. */
static char *
resolve(const struct rules_parser *parser, const char *value)
{
    if (g_str_has_prefix(value, "~/"))
        return g_build_filename(g_get_home_dir(), value + 2, NULL);
    if (g_path_is_absolute(value))
        return g_strdup(value);
    const char *slash = strrchr(parser->file, '/');
    return slash != NULL ? g_strdup_printf("%.*s%s", (int)(slash + 1 - parser->file), parser->file, value) : g_strdup(value);
}

/* As in SpamAssassin an include ends all open blocks: it ends the including file and begins it again. */
void
rules_include(struct rules_parser *parser, const char *value)
{
    g_autofree char *path = resolve(parser, value);
    const char *here = parser->file;

    if (parser->includes >= SPAM_INCLUDES_MAX) {
        rules_error(parser, "include %s: files too deep within files", value);
        return;
    }
    parser->includes++;
    rules_end_file(parser);
    read_path(parser, path, ".cf");
    rules_begin_file(parser, here);
    parser->includes--;
}
