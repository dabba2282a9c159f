/* settings_load.c: fills a configuration from its tables and files, and says what is wrong where.
 *
 * Each file is read once, checked by settings_scan, and then parsed from memory by libconfuse, whose value
 * callbacks convert and store. An include is a function of libconfuse's; its handler does the same with a
 * libconfuse context of its own, so that file names and lines are always ours to tell. Contexts are freed
 * when the whole load is over: cfg_free of any of them destroys the one lexer that all share (and with it
 * whatever state an odd file left there).
 *
 * Only text that settings_scan let through reaches libconfuse: its lexer keeps process-wide state that an
 * error in the middle of a file would leave behind for the next reload.
 *
 * LIMITS: 1 MiB a file, 64 files, 8 levels of includes, 100 reported errors. */
#include "lib/base/settings_private.h"
#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOAD_FILE_MAX ((gsize)1 << 20)
#define LOAD_FILES_MAX 64
#define LOAD_DEPTH_MAX 8
#define LOAD_FINDINGS_MAX 100u

struct place {
    char *text; /* "file:line" */
    int file, line;
};

/* One error or warning until they are put in file order. */
struct finding {
    char *text;
    int file, line;
    guint order;
    gboolean fatal;
};

struct frame {
    const char *path;
    int file, depth;
    const struct settings_section *section; /* that this file is included in, or NULL */
    const char *section_name;               /* the same with its title */
    GArray *include_lines;                  /* int: in the order in which libconfuse will call include */
    guint next_include;
    gboolean world_readable;
};

struct loader {
    const struct settings_section *sections;
    char *config;
    struct settings_report *report;
    GArray *findings;
    int files;
    gboolean complete; /* all files were read to their end */
    GPtrArray *contexts; /* cfg_t * */
    struct frame *frame;
};

/* libconfuse's callbacks have no data pointer. */
static GMutex load_lock;
static struct loader *loader;

static void
place_free(gpointer data)
{
    struct place *place = data;
    g_free(place->text);
    g_free(place);
}

struct settings_report *
settings_report_new(void)
{
    struct settings_report *report = g_new0(struct settings_report, 1);
    report->errors = g_ptr_array_new_with_free_func(g_free);
    report->warnings = g_ptr_array_new_with_free_func(g_free);
    report->places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, place_free);
    return report;
}

void
settings_report_free(struct settings_report **report)
{
    if (!report || !*report)
        return;
    g_ptr_array_free((*report)->errors, TRUE);
    g_ptr_array_free((*report)->warnings, TRUE);
    g_hash_table_destroy((*report)->places);
    g_free(*report);
    *report = NULL;
}

static const struct place *
place_find(const struct settings_report *report, const char *section, const char *name)
{
    g_autofree char *key = g_strconcat(section, ".", name, NULL);
    return g_hash_table_lookup(report->places, key);
}

static void
complain(struct settings_report *report, gboolean fatal, const char *section, const char *name, const char *text)
{
    const struct place *place = place_find(report, section, name);

    if (!place)
        place = place_find(report, section, ""); /* where a titled section begins */
    g_ptr_array_add(fatal ? report->errors : report->warnings,
                    g_strdup_printf("%s: %s.%s: %s", place ? place->text : "(default)", section, name, text));
}

void
settings_complain(struct settings_report *report, gboolean fatal, const char *section, const char *name,
                  const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    complain(report, fatal, section, name, text);
}

void
settings_complain_item(struct settings_report *report, gboolean fatal, const char *section, const void *item, const char *name,
                       const char *format, ...)
{
    g_autofree char *full = g_strconcat(section, " ", *(char *const *)item, NULL);
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    complain(report, fatal, full, name, text);
}

const struct settings_section *
settings_find_section(const struct settings_section *sections, const char *name)
{
    gsize length = strcspn(name, " ");

    for (; sections->name; sections++)
        if (strlen(sections->name) == length && memcmp(sections->name, name, length) == 0)
            return sections;
    return NULL;
}

/* The item of a titled section that has the title in name, or NULL. */
static gpointer
load_find_item(const struct settings_section *section, const char *name)
{
    const GPtrArray *items = *(GPtrArray *const *)(gpointer)(loader->config + section->offset);
    const char *title = name + strlen(section->name) + 1;

    for (guint i = 0; i < items->len; i++)
        if (strcmp(*(char *const *)g_ptr_array_index(items, i), title) == 0)
            return g_ptr_array_index(items, i);
    return NULL;
}

/* The struct that the section's settings go to; name with its title. */
static gpointer
load_target(const struct settings_section *section, const char *name)
{
    return section->item_size > 0 ? load_find_item(section, name) : loader->config + section->offset;
}

const struct setting *
settings_find(const struct settings_section *section, const char *name)
{
    for (const struct setting *s = section->settings; s->name; s++)
        if (strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

static void load_find(gboolean fatal, int line, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* load_find - an error or warning at a line of the current file */
static void
load_find(gboolean fatal, int line, const char *format, ...)
{
    if (loader->findings->len > LOAD_FINDINGS_MAX)
        return;
    struct finding finding = {.file = loader->frame->file, .line = line, .order = loader->findings->len,
                              .fatal = fatal};
    if (loader->findings->len == LOAD_FINDINGS_MAX) {
        finding.fatal = TRUE;
        finding.text = g_strdup_printf("%s:%d: more errors than %u; the rest is left out", loader->frame->path,
                                       line, LOAD_FINDINGS_MAX);
    } else {
        va_list args;
        va_start(args, format);
        g_autofree char *text = g_strdup_vprintf(format, args);
        va_end(args);
        finding.text = g_strdup_printf("%s:%d: %s", loader->frame->path, line, text);
    }
    g_array_append_val(loader->findings, finding);
}

static int
finding_compare(gconstpointer a, gconstpointer b)
{
    const struct finding *x = a, *y = b;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* load_report_findings - moves what was found into the report, in file order */
static void
load_report_findings(void)
{
    g_array_sort(loader->findings, finding_compare);
    for (guint i = 0; i < loader->findings->len; i++) {
        struct finding *finding = &g_array_index(loader->findings, struct finding, i);
        g_ptr_array_add(finding->fatal ? loader->report->errors : loader->report->warnings, finding->text);
    }
    g_array_set_size(loader->findings, 0);
}

/* load_section_names - for guesses; the array is the caller's, the strings are not */
static const char **
load_section_names(void)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (const struct settings_section *s = loader->sections; s->name; s++)
        g_ptr_array_add(names, (gpointer)(guintptr)s->name);
    g_ptr_array_add(names, NULL);
    return (const char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

static const char **
load_setting_names(const struct settings_section *section)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (const struct setting *s = section->settings; s->name; s++)
        g_ptr_array_add(names, (gpointer)(guintptr)s->name);
    g_ptr_array_add(names, NULL);
    return (const char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

static void
load_set_place(const char *section, const char *name, int line)
{
    struct place *place = g_new0(struct place, 1);

    place->text = g_strdup_printf("%s:%d", loader->frame->path, line);
    place->file = loader->frame->file;
    place->line = line;
    g_hash_table_insert(loader->report->places, g_strconcat(section, ".", name, NULL), place);
}

/* load_item - a section of this title begins: makes its struct. FALSE after an error */
static gboolean
load_item(const struct settings_section *section, const char *name, int line)
{
    GPtrArray *items = *(GPtrArray **)(gpointer)(loader->config + section->offset);
    const struct place *before = place_find(loader->report, name, "");
    char *item;

    if (before) {
        load_find(TRUE, line, "there is a section \"%s\" already, at %s; give this one another title", name, before->text);
        return FALSE;
    }
    if (items->len >= SETTINGS_ITEMS_MAX) {
        load_find(TRUE, line, "more than %u sections \"%s\"", SETTINGS_ITEMS_MAX, section->name);
        return FALSE;
    }
    load_set_place(name, "", line);
    item = g_malloc0(section->item_size);
    *(char **)(gpointer)item = g_strdup(name + strlen(section->name) + 1);
    for (const struct setting *s = section->settings; s->name; s++)
        settings_value_default(s, item);
    g_ptr_array_add(items, item);
    return TRUE;
}

static gboolean
load_on_section(const char *name, int line, gpointer data)
{
    const struct settings_section *section = settings_find_section(loader->sections, name);
    gboolean titled = strchr(name, ' ') != NULL;

    (void)data;
    if (section && titled && section->item_size == 0) {
        load_find(TRUE, line, "there is one section \"%s\" only: it takes no title", section->name);
        return FALSE;
    }
    if (section && !titled && section->item_size > 0) {
        load_find(TRUE, line, "a section \"%s\" needs a title, as in %s example { ... }", name, name);
        return FALSE;
    }
    if (section)
        return !titled || load_item(section, name, line);
    g_autofree const char **names = load_section_names();
    g_autofree char *all = g_strjoinv(", ", (char **)(guintptr)names);
    const char *guess = settings_guess(name, names);
    if (guess)
        load_find(TRUE, line, "there is no section \"%s\"; did you mean \"%s\"?", name, guess);
    else
        load_find(TRUE, line, "there is no section \"%s\"; the sections are: %s", name, all);
    return FALSE;
}

/* load_unknown_setting - with the nearest name, here or in another section */
static void
load_unknown_setting(const struct settings_section *section, const char *name, int line)
{
    g_autofree const char **names = load_setting_names(section);
    const char *guess = settings_guess(name, names);
    for (const struct settings_section *other = loader->sections; other->name; other++) {
        if (other != section && settings_find(other, name)) {
            load_find(TRUE, line, "there is no setting \"%s\" in section %s; it belongs in section %s", name,
                      section->name, other->name);
            return;
        }
    }
    if (guess)
        load_find(TRUE, line, "there is no setting \"%s\" in section %s; did you mean \"%s\"?", name, section->name,
                  guess);
    else
        load_find(TRUE, line, "there is no setting \"%s\" in section %s; `postern config sample` shows them all",
                  name, section->name);
}

static gboolean
load_on_setting(const char *section_name, const char *name, gboolean is_list, int line, gpointer data)
{
    (void)data;
    const struct settings_section *section = settings_find_section(loader->sections, section_name);
    const struct setting *setting = settings_find(section, name);
    if (!setting) {
        load_unknown_setting(section, name, line);
        return FALSE;
    }
    const struct place *before = place_find(loader->report, section_name, name);
    if (before) {
        load_find(TRUE, line, "%s.%s is set twice, first at %s; remove one", section_name, name, before->text);
    } else {
        load_set_place(section_name, name, line);
        if (setting->type == SETTING_LIST)
            settings_value_empty_list(setting, load_target(section, section_name));
    }
    if (setting->secret && loader->frame->world_readable)
        load_find(FALSE, line, "%s.%s is a secret in a file that everyone can read; chmod o-r %s", section_name,
                  name, loader->frame->path);
    if (is_list && setting->type != SETTING_LIST) {
        load_find(TRUE, line, "%s.%s takes one value, without braces", section_name, name);
        return FALSE;
    }
    return TRUE;
}

static void
load_on_include(int line, gpointer data)
{
    (void)data;
    g_array_append_val(loader->frame->include_lines, line);
}

static void
load_on_error(int line, const char *text, gpointer data)
{
    (void)data;
    load_find(TRUE, line, "%s", text);
}

static const struct settings_scan_events scan_events = {load_on_section, load_on_setting, load_on_include,
                                                        load_on_error};

/* load_section_name - of the section that libconfuse is in, with its title; caller frees */
static char *
load_section_name(const cfg_t *cfg)
{
    if (loader->frame->section)
        return g_strdup(loader->frame->section_name);
    return cfg->title ? g_strconcat(cfg->name, " ", cfg->title, NULL) : g_strdup(cfg->name);
}

/* load_value - libconfuse has a value: convert and store it. Errors don't stop libconfuse. */
static int
load_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    g_autofree char *name = load_section_name(cfg);
    const struct settings_section *section = settings_find_section(loader->sections, name);
    const struct setting *setting = section ? settings_find(section, opt->name) : NULL;
    const struct place *place = setting ? place_find(loader->report, name, setting->name) : NULL;
    *(const char **)result = value;
    if (!place)
        return 0;
    char *problem = settings_value_set(setting, load_target(section, name), value);
    if (problem) {
        gboolean here = place->file == loader->frame->file;
        load_find(TRUE, here ? place->line : 1, "%s.%s: %s", name, setting->name,
                  setting->secret ? "the value is not allowed (not shown, it is a secret)" : problem);
        g_free(problem);
    }
    return 0;
}

/* load_library_error - an error that settings_scan let through: a bug of ours, told and not hidden */
static void
load_library_error(cfg_t *cfg, const char *format, va_list args)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    g_autofree char *text = g_strdup_vprintf(format, args);
#pragma GCC diagnostic pop
    load_find(TRUE, cfg->line, "libconfuse: %s", text);
}

/* load_read_file - the whole text; NULL and *problem_r when it can't be used */
static char *
load_read_file(struct frame *frame, gsize *length_r, char **problem_r)
{
    struct stat st;
    char *text = NULL;
    gsize have = 0;
    int fd = open(frame->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        *problem_r = g_strdup(g_strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        *problem_r = g_strdup("is not a regular file");
    } else if (st.st_mode & S_IWOTH) {
        *problem_r = g_strdup_printf("everyone can write to it; chmod o-w %s", frame->path);
    } else if (st.st_size > (off_t)LOAD_FILE_MAX) {
        *problem_r = g_strdup("is larger than 1 MiB");
    } else {
        frame->world_readable = (st.st_mode & S_IROTH) != 0;
        text = g_malloc((gsize)st.st_size + 1);
        while (have < (gsize)st.st_size) {
            ssize_t n = read(fd, text + have, (gsize)st.st_size - have);
            if (n < 0 && errno == EINTR)
                continue;
            if (n <= 0)
                break;
            have += (gsize)n;
        }
        text[have] = '\0';
        *length_r = have;
    }
    if (fd >= 0)
        close(fd);
    return text;
}

/* load_is_text - UTF-8 without NUL and without a byte order mark; else an error with its line */
static gboolean
load_is_text(const char *text, gsize length)
{
    const char *bad;
    int line = 1;
    if (!g_utf8_validate(text, (gssize)length, &bad)) {
        for (const char *p = text; p < bad; p++)
            line += *p == '\n';
        load_find(TRUE, line, "the file is not UTF-8 text; convert it with iconv");
        return FALSE;
    }
    if (g_str_has_prefix(text, "\xef\xbb\xbf")) {
        load_find(TRUE, 1, "the file begins with a byte order mark; save it without");
        return FALSE;
    }
    return TRUE;
}

static void
load_free_context(gpointer cfg)
{
    cfg_free(cfg);
}

static int load_include(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv);

/* load_section_options - libconfuse's options for a section's settings and include */
static cfg_opt_t *
load_section_options(const struct settings_section *section)
{
    GArray *options = g_array_new(FALSE, FALSE, sizeof(cfg_opt_t));
    cfg_opt_t include = CFG_FUNC("include", load_include), end = CFG_END();
    for (const struct setting *s = section->settings; s->name; s++) {
        cfg_opt_t one = CFG_STR_CB(s->name, NULL, CFGF_NODEFAULT, load_value);
        cfg_opt_t many = CFG_STR_LIST_CB(s->name, NULL, CFGF_NODEFAULT, load_value);
        g_array_append_val(options, *(s->type == SETTING_LIST ? &many : &one));
    }
    g_array_append_val(options, include);
    g_array_append_val(options, end);
    return (cfg_opt_t *)(gpointer)g_array_free(options, FALSE);
}

/* load_parse - hands text that was scanned to libconfuse */
static gboolean
load_parse(const char *text)
{
    GArray *options = g_array_new(FALSE, FALSE, sizeof(cfg_opt_t));
    g_autoptr(GPtrArray) owned = g_ptr_array_new_with_free_func(g_free);
    cfg_opt_t include = CFG_FUNC("include", load_include), end = CFG_END();
    const struct settings_section *only = loader->frame->section;
    cfg_opt_t *top;
    if (only) {
        top = load_section_options(only);
        g_ptr_array_add(owned, top);
    } else {
        for (const struct settings_section *s = loader->sections; s->name; s++) {
            g_ptr_array_add(owned, load_section_options(s));
            cfg_flag_t flags = s->item_size > 0 ? CFGF_NODEFAULT | CFGF_MULTI | CFGF_TITLE : CFGF_NODEFAULT;
            cfg_opt_t section = CFG_SEC(s->name, g_ptr_array_index(owned, owned->len - 1), flags);
            g_array_append_val(options, section);
        }
        g_array_append_val(options, include);
        g_array_append_val(options, end);
        top = (cfg_opt_t *)(gpointer)options->data;
    }
    /* Unknown settings were reported; libconfuse passes them by, so that values after them are seen too. */
    cfg_t *cfg = cfg_init(top, CFGF_IGNORE_UNKNOWN);
    cfg_set_error_function(cfg, load_library_error);
    g_ptr_array_add(loader->contexts, cfg);
    gboolean ok = cfg_parse_buf(cfg, text) == CFG_SUCCESS;
    g_array_free(options, TRUE);
    return ok;
}

/* load_file - one file in the context of outer; errors about the file itself are told at outer's line */
static void
load_file(struct frame *frame, int line_in_outer)
{
    struct frame *outer = loader->frame;
    g_autofree char *text = NULL, *problem = NULL;
    gsize length = 0;
    text = load_read_file(frame, &length, &problem);
    frame->file = loader->files++;
    frame->include_lines = g_array_new(FALSE, FALSE, sizeof(int));
    if (!text && outer) {
        load_find(TRUE, line_in_outer, "include %s: %s", frame->path, problem);
        loader->complete = FALSE;
    }
    loader->frame = frame;
    if (!text && !outer) {
        struct finding finding = {.text = g_strdup_printf("%s: %s", frame->path, problem), .fatal = TRUE};
        g_array_append_val(loader->findings, finding);
        loader->complete = FALSE;
    }
    if (text && (!load_is_text(text, length) ||
                 !settings_scan(text, length, frame->section_name, &scan_events, NULL) ||
                 !load_parse(text)))
        loader->complete = FALSE;
    g_array_free(frame->include_lines, TRUE);
    loader->frame = outer;
}

/* load_include - libconfuse came to an include(...) */
static int
load_include(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
{
    struct frame *outer = loader->frame;
    int line = outer->next_include < outer->include_lines->len
                   ? g_array_index(outer->include_lines, int, outer->next_include)
                   : cfg->line;
    (void)opt;
    outer->next_include++;
    if (argc != 1 || outer->depth + 1 > LOAD_DEPTH_MAX || loader->files >= LOAD_FILES_MAX) {
        load_find(TRUE, line, "more than %d levels or %d files of includes; does a file include itself?",
                  LOAD_DEPTH_MAX, LOAD_FILES_MAX);
        loader->complete = FALSE;
        return 0;
    }
    g_autofree char *dir = g_path_get_dirname(outer->path);
    g_autofree char *path = g_path_is_absolute(argv[0]) ? g_strdup(argv[0]) : g_build_filename(dir, argv[0], NULL);
    g_autofree char *name = load_section_name(cfg);
    struct frame frame = {.path = path, .depth = outer->depth + 1, .section = settings_find_section(loader->sections, name)};
    frame.section_name = frame.section ? name : NULL; /* at top level it is "root" */
    load_file(&frame, line);
    return 0;
}

static void
settings_defaults(const struct settings_section *section, gpointer target)
{
    if (section->item_size > 0)
        *(GPtrArray **)target = g_ptr_array_new();
    for (const struct setting *s = section->settings; s->name && section->item_size == 0; s++)
        settings_value_default(s, target);
}

static void
settings_check(const struct settings_section *section, gpointer target, struct settings_report *report)
{
    const GPtrArray *items = section->item_size > 0 ? *(GPtrArray **)target : NULL;

    if (items == NULL)
        section->check(target, report);
    for (guint i = 0; items != NULL && i < items->len; i++)
        section->check(g_ptr_array_index(items, i), report);
}

gboolean
settings_load(const struct settings_section *sections, const char *path, void *config,
              struct settings_report *report)
{
    struct loader state = {.sections = sections, .config = config, .report = report, .complete = TRUE};
    for (const struct settings_section *section = sections; section->name; section++)
        settings_defaults(section, (char *)config + section->offset);
    if (path) {
        struct frame frame = {.path = path};
        g_mutex_lock(&load_lock);
        state.findings = g_array_new(FALSE, FALSE, sizeof(struct finding));
        state.contexts = g_ptr_array_new_with_free_func(load_free_context);
        loader = &state;
        load_file(&frame, 0);
        load_report_findings();
        loader = NULL;
        g_array_free(state.findings, TRUE);
        g_ptr_array_free(state.contexts, TRUE);
        g_mutex_unlock(&load_lock);
    }
    for (const struct settings_section *section = sections; section->name && state.complete; section++)
        if (section->check)
            settings_check(section, (char *)config + section->offset, report);
    return report->errors->len == 0;
}

static void
settings_clear_items(const struct settings_section *section, gpointer target)
{
    GPtrArray *items = *(GPtrArray **)target;

    for (guint i = 0; items != NULL && i < items->len; i++) {
        gpointer item = g_ptr_array_index(items, i);
        for (const struct setting *s = section->settings; s->name; s++)
            settings_value_clear(s, item);
        g_free(*(char **)item);
        g_free(item);
    }
    g_clear_pointer((GPtrArray **)target, g_ptr_array_unref);
}

void
settings_clear(const struct settings_section *sections, void *config)
{
    for (const struct settings_section *section = sections; section->name; section++) {
        gpointer target = (char *)config + section->offset;
        if (section->item_size > 0)
            settings_clear_items(section, target);
        for (const struct setting *s = section->settings; s->name && section->item_size == 0; s++)
            settings_value_clear(s, target);
    }
}
