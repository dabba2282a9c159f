/* log.h: one line per event, key=value or JSON, ids first, values sanitised.
 *
 * A line is built with log_line_* and emitted once; emitting frees it. Keys are literals of ours (a-z0-9_);
 * values may come from mail and are sanitised: control characters and invalid UTF-8 become '?', quotes are
 * escaped, and each value is cut at 256 characters (a cut value ends in "..."). All functions are
 * thread-safe; one line belongs to one thread. */
#pragma once
#include <glib.h>

enum log_severity { LOG_SEV_DEBUG, LOG_SEV_INFO, LOG_SEV_WARNING, LOG_SEV_ERROR };
enum log_target { LOG_TO_STDERR, LOG_TO_SYSLOG };
enum log_format { LOG_AS_TEXT, LOG_AS_JSON };

/* Sets where lines go; may be called again after a reload. program is copied ("postern-milter"). With
 * stderr, lines carry an RFC 3339 timestamp unless the journal adds its own (JOURNAL_STREAM is set). */
void log_open(const char *program, enum log_target target, enum log_format format, enum log_severity least);

struct log_line;
/* A new line for an event ("eom", "reload", "ingest"). The event name is a literal. */
struct log_line *log_line_new(enum log_severity severity, const char *event);
/* Add a field in the order given. A NULL value adds nothing. */
void log_line_str(struct log_line *line, const char *key, const char *value);
void log_line_mem(struct log_line *line, const char *key, const char *value, gsize length);
void log_line_int(struct log_line *line, const char *key, gint64 value);
/* Milliseconds with one decimal, from microseconds. */
void log_line_ms(struct log_line *line, const char *key, gint64 microseconds);
/* Writes the line and frees it. */
void log_line_emit(struct log_line *line);

/* A line with the single field msg="...": for start, stop and trouble. */
void log_text(enum log_severity severity, const char *event, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Appends value to out as log lines show it, but without quotes around it and without escapes (for the CLI
 * and for reject texts); cut at max characters, then "..." follows. Characters that turn text around (bidi
 * overrides) or break lines count as control characters. */
void log_sanitize(GString *out, const char *value, gsize length, gsize max);
