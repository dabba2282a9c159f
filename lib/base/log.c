/* log.c: builds a log line in memory and writes it with one write() or one syslog().
 *
 * Text on stderr:  2026-01-31T12:00:00.123Z postern-milter[42]: event=eom level=info queue_id=4XyZ ms=1.5
 * To syslog and to the journal the part from "event=" on is handed over; they add time and name. A value is
 * put in double quotes when it is empty or has a space, a quote, a backslash or "=" in it.
 * JSON: {"time":...,"program":...,"pid":...,"event":"eom","level":"info","queue_id":"4XyZ","ms":1.5}
 *
 * A line below the least severity is NULL and costs one atomic load; all functions accept it. */
#include "lib/base/log.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LOG_VALUE_MAX 256u

struct log_line {
    enum log_severity severity;
    enum log_format format;
    GString *text;
};

/* Where lines go. The ints are read without the lock, the name under it (openlog keeps the pointer). */
static GMutex log_lock;
static char log_program[64] = "postern";
static gint log_to = LOG_TO_STDERR, log_as = LOG_AS_TEXT, log_least = LOG_SEV_INFO, log_in_journal;

static const char *const severity_names[] = {"debug", "info", "warning", "error"};
static const int severity_syslog[] = {LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERR};

/* log_stderr_is_journal - systemd names the device and inode that it connected to the journal */
static gboolean
log_stderr_is_journal(void)
{
    const char *stream = g_getenv("JOURNAL_STREAM");
    struct stat st;
    if (!stream || fstat(STDERR_FILENO, &st) != 0)
        return FALSE;
    g_autofree char *ours =
        g_strdup_printf("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, (guint64)st.st_dev, (guint64)st.st_ino);
    return strcmp(stream, ours) == 0;
}

void
log_open(const char *program, enum log_target target, enum log_format format, enum log_severity least)
{
    g_mutex_lock(&log_lock);
    g_strlcpy(log_program, program, sizeof log_program);
    if (target == LOG_TO_SYSLOG)
        openlog(log_program, LOG_PID | LOG_NDELAY, LOG_MAIL);
    g_atomic_int_set(&log_to, (gint)target);
    g_atomic_int_set(&log_as, (gint)format);
    g_atomic_int_set(&log_least, (gint)least);
    g_atomic_int_set(&log_in_journal, log_stderr_is_journal());
    g_mutex_unlock(&log_lock);
}

/* log_is_printable - FALSE for what could forge or disturb a line or a terminal */
static gboolean
log_is_printable(gunichar c)
{
    if (c < 0x20 || (c >= 0x7f && c < 0xa0))
        return FALSE;
    if (c == 0x2028 || c == 0x2029 || c == 0xfeff)
        return FALSE; /* line and paragraph separator, byte order mark */
    if (c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
        return FALSE; /* direction overrides turn text around */
    return TRUE;
}

/* log_plain_length - how many bytes at the begin of value are printable ASCII, which is nearly all there is */
static gsize
log_plain_length(const char *value, gsize length)
{
    gsize n = 0;
    while (n < length && value[n] >= 0x20 && value[n] < 0x7f)
        n++;
    return n;
}

void
log_sanitize(GString *out, const char *value, gsize length, gsize max)
{
    gsize plain = log_plain_length(value, MIN(length, max));
    const char *p = value + plain, *end = value + length;
    g_string_append_len(out, value, (gssize)plain);
    for (gsize n = plain; p < end; n++) {
        if (n == max) {
            g_string_append(out, "...");
            return;
        }
        gunichar c = g_utf8_get_char_validated(p, end - p);
        if (c == (gunichar)-1 || c == (gunichar)-2) {
            g_string_append_c(out, '?');
            p++;
            continue;
        }
        const char *next = g_utf8_next_char(p);
        if (c != 0 && log_is_printable(c))
            g_string_append_len(out, p, next - p);
        else
            g_string_append_c(out, '?');
        p = next;
    }
}

/* log_quote - puts what follows start in double quotes; it was sanitised, so only quotes and backslashes need care */
static void
log_quote(GString *text, gsize start)
{
    g_string_insert_c(text, (gssize)start, '"');
    for (gsize i = start + 1; i < text->len; i++)
        if (text->str[i] == '"' || text->str[i] == '\\')
            g_string_insert_c(text, (gssize)i++, '\\');
    g_string_append_c(text, '"');
}

/* log_append_key - the separator and the key of the next field */
static void
log_append_key(struct log_line *line, const char *key)
{
    gboolean json = line->format == LOG_AS_JSON;
    if (line->text->len > 0)
        g_string_append_c(line->text, json ? ',' : ' ');
    if (json)
        g_string_append_c(line->text, '"');
    g_string_append(line->text, key);
    g_string_append(line->text, json ? "\":" : "=");
}

/* log_append_value - value, cut at max characters, as the line's format writes it */
static void
log_append_value(struct log_line *line, const char *key, const char *value, gsize length, gsize max)
{
    log_append_key(line, key);
    gsize start = line->text->len;
    log_sanitize(line->text, value, length, max);
    const char *clean = line->text->str + start;
    if (line->format == LOG_AS_JSON || *clean == '\0' || strpbrk(clean, " \"\\="))
        log_quote(line->text, start);
}

/* log_append_number - n in decimal, with zeros before it up to width (at most 20) */
static void
log_append_number(GString *text, guint64 n, guint width)
{
    char digits[20];
    guint at = sizeof digits;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    while (at > sizeof digits - width)
        digits[--at] = '0';
    g_string_append_len(text, digits + at, (gssize)(sizeof digits - at));
}

struct log_line *
log_line_new(enum log_severity severity, const char *event)
{
    if ((gint)severity < g_atomic_int_get(&log_least))
        return NULL;
    struct log_line *line = g_new(struct log_line, 1);
    line->severity = severity;
    line->format = (enum log_format)g_atomic_int_get(&log_as);
    line->text = g_string_sized_new(256);
    log_line_str(line, "event", event);
    log_line_str(line, "level", severity_names[severity]);
    return line;
}

void
log_line_str(struct log_line *line, const char *key, const char *value)
{
    if (line && value)
        log_append_value(line, key, value, strlen(value), LOG_VALUE_MAX);
}

void
log_line_mem(struct log_line *line, const char *key, const char *value, gsize length)
{
    if (line && value)
        log_append_value(line, key, value, length, LOG_VALUE_MAX);
}

void
log_line_int(struct log_line *line, const char *key, gint64 value)
{
    if (!line)
        return;
    log_append_key(line, key);
    if (value < 0)
        g_string_append_c(line->text, '-');
    log_append_number(line->text, value < 0 ? -(guint64)value : (guint64)value, 1);
}

void
log_line_ms(struct log_line *line, const char *key, gint64 microseconds)
{
    if (!line)
        return;
    /* Not by %f, whose decimal point follows the locale. */
    gint64 tenths = (microseconds + (microseconds < 0 ? -50 : 50)) / 100;
    guint64 size = tenths < 0 ? -(guint64)tenths : (guint64)tenths;
    log_append_key(line, key);
    if (tenths < 0)
        g_string_append_c(line->text, '-');
    log_append_number(line->text, size / 10, 1);
    g_string_append_c(line->text, '.');
    log_append_number(line->text, size % 10, 1);
}

/* log_write_stderr - one write(); a rest after a short write follows, what can't be written is dropped */
static void
log_write_stderr(const char *text, gsize length)
{
    while (length > 0) {
        ssize_t n = write(STDERR_FILENO, text, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        text += n;
        length -= (gsize)n;
    }
}

/* log_append_time - now in UTC: 2026-01-31T12:00:00.123Z */
static void
log_append_time(GString *out)
{
    gint64 now = g_get_real_time();
    time_t seconds = (time_t)(now / G_USEC_PER_SEC);
    struct tm t = {0};
    gmtime_r(&seconds, &t);
    log_append_number(out, (guint64)t.tm_year + 1900, 4);
    g_string_append_c(out, '-');
    log_append_number(out, (guint64)t.tm_mon + 1, 2);
    g_string_append_c(out, '-');
    log_append_number(out, (guint64)t.tm_mday, 2);
    g_string_append_c(out, 'T');
    log_append_number(out, (guint64)t.tm_hour, 2);
    g_string_append_c(out, ':');
    log_append_number(out, (guint64)t.tm_min, 2);
    g_string_append_c(out, ':');
    log_append_number(out, (guint64)t.tm_sec, 2);
    g_string_append_c(out, '.');
    log_append_number(out, (guint64)(now % G_USEC_PER_SEC / 1000), 3);
    g_string_append_c(out, 'Z');
}

/* log_append_name - program and process, as each format has it */
static void
log_append_name(GString *out, const char *before, const char *between, const char *after)
{
    g_string_append(out, before);
    g_mutex_lock(&log_lock);
    g_string_append(out, log_program);
    g_mutex_unlock(&log_lock);
    g_string_append(out, between);
    log_append_number(out, (guint64)getpid(), 1);
    g_string_append(out, after);
}

/* log_emit_stderr - adds what syslog would: time, program, process; or the journal's priority prefix */
static void
log_emit_stderr(const struct log_line *line)
{
    g_autoptr(GString) out = g_string_sized_new(line->text->len + 192);
    gboolean journal = g_atomic_int_get(&log_in_journal) != 0;
    if (journal) {
        g_string_append_c(out, '<');
        log_append_number(out, (guint64)severity_syslog[line->severity], 1);
        g_string_append_c(out, '>');
    }
    if (line->format == LOG_AS_JSON) {
        g_string_append(out, "{\"time\":\"");
        log_append_time(out);
        log_append_name(out, "\",\"program\":\"", "\",\"pid\":", ",");
    } else if (!journal) {
        log_append_time(out);
        log_append_name(out, " ", "[", "]: ");
    }
    g_string_append_len(out, line->text->str, (gssize)line->text->len);
    g_string_append(out, line->format == LOG_AS_JSON ? "}\n" : "\n");
    log_write_stderr(out->str, out->len);
}

void
log_line_emit(struct log_line *line)
{
    if (!line)
        return;
    int saved = errno;
    if (g_atomic_int_get(&log_to) == LOG_TO_STDERR)
        log_emit_stderr(line);
    else if (line->format == LOG_AS_JSON)
        syslog(severity_syslog[line->severity], "{%s}", line->text->str);
    else
        syslog(severity_syslog[line->severity], "%s", line->text->str);
    g_string_free(line->text, TRUE);
    g_free(line);
    errno = saved;
}

void
log_text(enum log_severity severity, const char *event, const char *format, ...)
{
    struct log_line *line = log_line_new(severity, event);
    if (!line)
        return;
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    /* Our own sentences may be longer than a value from mail: file names and library errors are in them. */
    log_append_value(line, "msg", text, strlen(text), 4 * LOG_VALUE_MAX);
    log_line_emit(line);
}
