/* settings.h: declarative settings tables over libconfuse.
 *
 * A program's configuration is one C struct filled from tables: every setting has a name, a type, a
 * default (text, as the admin would write it), bounds and one line of documentation. The same tables feed
 * `postern config check|show`, the manual page postern.conf(5) and the sample file, so they can't drift.
 *
 * File syntax: `section { name = value ... }`, or `section TITLE { ... }` for sections that there may be several of, lists as
 * {a, b}, `include("file")` (at top level or in a section; at most 8 deep, relative to the including file), comments by #, //
 * and slash-star. Values with
 * other characters than letters, digits and ._-:/@ go in quotes; "${NAME}" and "${NAME:-default}" take an
 * environment variable. Sizes take K, M, G, T (1024); times take ms, s, m, h, d; modes are octal.
 *
 * Guards over libconfuse 3.3, which would stop at the first error, counts a # comment as three lines, and
 * takes without a word: an unterminated section or a setting given twice. settings_scan.c reads every file
 * before libconfuse does and finds these, all of them, with the right line. */
#pragma once
#include <glib.h>

enum setting_type {
    SETTING_STRING, /* char *; "" allowed unless required */
    SETTING_PATH,   /* char *; absolute path or "" */
    SETTING_SOCKET, /* char *; unix:/path, inet:PORT@HOST, fd:N, systemd:NAME or "" (see net.h) */
    SETTING_BOOL,   /* gboolean; yes or no */
    SETTING_INT,    /* gint64 */
    SETTING_SIZE,   /* gint64, bytes */
    SETTING_TIME,   /* gint64, milliseconds */
    SETTING_ENUM,   /* int; index into choices */
    SETTING_LIST,   /* char ** (NULL-terminated, never NULL) */
    SETTING_POINTS, /* gint64, thousandths: a decimal number, as 6.31 or -0.5 */
    SETTING_MODE    /* gint64; file mode in octal digits, as 0660 */
};

struct settings_report;

struct setting {
    const char *name;
    enum setting_type type;
    gsize offset;               /* of the target in the section's struct (G_STRUCT_OFFSET) */
    const char *dflt;           /* default as written in a file; lists as "a, b" */
    gint64 min, max;            /* bounds for INT, SIZE, TIME, POINTS, MODE (inclusive); both 0 = unbounded. STRING,
                                   PATH, SOCKET: bytes; LIST: items (max 0 = 4096) */
    const char *const *choices; /* ENUM and, if not NULL, LIST: NULL-terminated names */
    const char *doc;            /* one line, ends with a full stop */
    gboolean secret;            /* shown as "(hidden)" by config show */
};

#define SETTINGS_ITEMS_MAX 256u /* of one titled section */
#define SETTINGS_TITLE_MAX 64u  /* bytes */

struct settings_section {
    const char *name;
    gsize offset;                   /* of the section's struct within the whole configuration */
    gsize item_size;                /* 0: one section, without title. Else offset is of a GPtrArray * of such structs, in file order (never
                                     * NULL); the first member of each is char *title. */
    const struct setting *settings; /* closed by name == NULL */
    const char *doc;                /* one or two sentences for the manual */
    /* Checks that cross settings; appends messages with settings_complain. May be NULL. Titled: called for each. */
    void (*check)(const void *section, struct settings_report *report);
};

/* What loading found, in file order. */
struct settings_report {
    GPtrArray *errors;   /* char *: "file:line: text; what to do" */
    GPtrArray *warnings; /* the same, for what is allowed but unwise */
    GHashTable *places; /* private: where each setting was set, for settings_complain */
};
struct settings_report *settings_report_new(void);
void settings_report_free(struct settings_report **report);
/* Adds an error (fatal TRUE) or a warning about section.name with the file:line where it was set, or
 * "(default)". For check functions and for checks that cross sections. A titled section is "section TITLE", and its line is told
 * where the setting itself was not set. */
void settings_complain(struct settings_report *report, gboolean fatal, const char *section, const char *name,
                       const char *format, ...) G_GNUC_PRINTF(5, 6);
/* The same about a titled section, of which item is a struct. */
void settings_complain_item(struct settings_report *report, gboolean fatal, const char *section, const void *item, const char *name,
                            const char *format, ...) G_GNUC_PRINTF(6, 7);

/* Fills config (zeroed by the caller, size known to the caller) with defaults and then the file at path.
 * path NULL: defaults only. Returns TRUE when no error was reported; on FALSE config is still filled as far
 * as possible and must be cleared. Sections' checks run when the files could be read to their end.
 * Thread-safe (a lock: libconfuse keeps state of its own). */
gboolean settings_load(const struct settings_section *sections, const char *path, void *config,
                       struct settings_report *report);
/* Frees the strings and lists inside config and zeroes them; config itself stays the caller's. */
void settings_clear(const struct settings_section *sections, void *config);
/* Appends the configuration as a file that would load to the same values; changed_only leaves out what
 * equals the default. A secret that is set is shown as a comment, "(hidden)". */
void settings_show(const struct settings_section *sections, const void *config, gboolean changed_only,
                   GString *out);
/* Appends the settings as mdoc(7) for the manual page. */
void settings_mdoc(const struct settings_section *sections, GString *out);
/* Appends a sample file: every setting commented out with its default and documentation. */
void settings_sample(const struct settings_section *sections, GString *out);
/* A time as settings take it ("20s", "7d") in milliseconds. NULL, or what is wrong with text (caller frees). */
char *settings_parse_time(const char *text, gint64 *ms_r);
/* The one of names (NULL-terminated) that word was probably meant to be, or NULL. */
const char *settings_guess(const char *word, const char *const *names);
