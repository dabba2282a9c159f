/* settings_private.h: what the files of lib/base/settings_*.c share with each other and with nobody else. */
#pragma once
#include "lib/base/settings.h"

/* settings_value.c */

/* Sets (a list: appends to) the setting in the section's struct from text. NULL, or what is wrong with text
 * (caller frees). On an error the old value stays. */
char *settings_value_set(const struct setting *setting, gpointer section, const char *text);
/* Makes a list empty. */
void settings_value_empty_list(const struct setting *setting, gpointer section);
/* Sets the default; a default that its own rules refuse is a bug and aborts. */
void settings_value_default(const struct setting *setting, gpointer section);
/* Frees what the setting holds and zeroes it. */
void settings_value_clear(const struct setting *setting, gpointer section);
/* Appends the value as a file would have it, quoted where it needs to be. */
void settings_value_append(const struct setting *setting, gconstpointer section, GString *out);
/* Appends type and bounds in words ("size, 1M to 256M"), for manuals. */
void settings_value_describe(const struct setting *setting, GString *out);

/* settings_scan.c */

struct settings_scan_events {
    /* section { ... or section TITLE { ...: TRUE when there is such a section; else the handler has reported it. name: with the
     * title, after a blank, where there is one. */
    gboolean (*section)(const char *name, int line, gpointer data);
    /* name = ... in a section. TRUE when there is such a setting and it may be a list if is_list. */
    gboolean (*setting)(const char *section, const char *name, gboolean is_list, int line, gpointer data);
    void (*include)(int line, gpointer data);
    void (*error)(int line, const char *text, gpointer data);
};
/* Reads a whole file's text (valid UTF-8, no NUL) and overwrites its comments with blanks. section: the
 * section that the file is included in, or NULL. TRUE when libconfuse will read the same text to its end
 * without an error of its own. */
gboolean settings_scan(char *text, gsize length, const char *section,
                       const struct settings_scan_events *events, gpointer data);

/* settings_load.c */

/* name: with or without title. */
const struct settings_section *settings_find_section(const struct settings_section *sections, const char *name);
const struct setting *settings_find(const struct settings_section *section, const char *name);
