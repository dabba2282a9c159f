/* maillog.c: following queue ids through Postfix's log.
 *
 * smtpd "ID: client=..." or pickup "ID: uid=..." begins a message; qmgr "ID: from=<...>, size=N, nrcpt=N" (or cleanup
 * putting it on hold) says that it is in the queue, which is after the end-of-message reply of the milters.
 * A message that Postfix makes itself (bounce, "forwarded as") has neither beginning, so it is never counted.
 * What a content filter on this machine hands back was archived on its first way in: smtpd names the first id
 * (orig_queue_id=, by XFORWARD), or, for mail that began by pickup, the delivery to the filter names the second
 * one ("relay=127.0.0.1..., status=sent (... queued as ID)", as Amavis and others answer).
 * Short queue ids come again: a new beginning under a known id is a new message. */
#include "cli/maillog.h"
#include <string.h>

#define OPEN_MOST 1000000
#define ID_MOST 32

struct maillog {
    gint64 now;
    GHashTable *open;   /* queue id -> struct maillog_message * begun, not yet queued; owned */
    GPtrArray *queued;  /* struct maillog_message * */
    GHashTable *latest; /* queue id -> the last message queued under it; borrowed */
    guint64 lines;
    gboolean overflow;
};

static void
message_free(gpointer data)
{
    struct maillog_message *message = data;

    g_free(message->queue_id);
    g_free(message->from);
    g_free(message->message_id);
    g_free(message);
}

struct maillog *
maillog_new(gint64 now)
{
    struct maillog *maillog = g_new0(struct maillog, 1);

    maillog->now = now;
    maillog->open = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, message_free);
    maillog->queued = g_ptr_array_new_with_free_func(message_free);
    maillog->latest = g_hash_table_new(g_str_hash, g_str_equal);
    return maillog;
}

void
maillog_free(struct maillog **maillog)
{
    struct maillog *m = *maillog;

    if (!m)
        return;
    *maillog = NULL;
    g_hash_table_unref(m->open);
    g_hash_table_unref(m->latest);
    g_ptr_array_unref(m->queued);
    g_free(m);
}

const GPtrArray *
maillog_messages(struct maillog *maillog)
{
    GPtrArray *kept = g_ptr_array_new_with_free_func(message_free);

    for (guint n = 0; n < maillog->queued->len; n++) {
        struct maillog_message *message = maillog->queued->pdata[n];
        if (!message->handed_back) {
            g_ptr_array_add(kept, message);
            continue;
        }
        if (g_hash_table_lookup(maillog->latest, message->queue_id) == message)
            g_hash_table_remove(maillog->latest, message->queue_id);
        message_free(message);
    }
    g_ptr_array_set_free_func(maillog->queued, NULL);
    g_ptr_array_unref(maillog->queued);
    maillog->queued = kept;
    return kept;
}

guint64
maillog_lines(const struct maillog *maillog)
{
    return maillog->lines;
}

gboolean
maillog_overflow(const struct maillog *maillog)
{
    return maillog->overflow;
}

/* ---- times ---- */

/* Exactly n digits at text, or -1. */
static int
digits(const char *text, gsize length, gsize n)
{
    int value = 0;

    if (length < n)
        return -1;
    for (gsize i = 0; i < n; i++) {
        if (!g_ascii_isdigit(text[i]))
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

/* "HH:MM:SS" */
static gboolean
clock_time(const char *text, gsize length, int *hour_r, int *minute_r, int *second_r)
{
    if (length < 8 || text[2] != ':' || text[5] != ':')
        return FALSE;
    *hour_r = digits(text, 2, 2);
    *minute_r = digits(text + 3, 2, 2);
    *second_r = MIN(digits(text + 6, 2, 2), 59); /* a leap second */
    return *hour_r >= 0 && *hour_r < 24 && *minute_r >= 0 && *minute_r < 60 && *second_r >= 0;
}

static gint64
local_seconds(int year, int month, int day, int hour, int minute, int second)
{
    g_autoptr(GDateTime) time = g_date_time_new_local(year, month, day, hour, minute, second);

    return time ? g_date_time_to_unix(time) : -1;
}

/* "Oct  5 14:03:12": the latest such moment that is not more than a day ahead of now. */
static gint64
syslog_time(const char *line, gsize length, gint64 now, gsize *rest_r)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int month = 0, hour, minute, second;

    if (length < 16 || line[3] != ' ' || line[6] != ' ' || line[15] != ' ' ||
        !clock_time(line + 7, length - 7, &hour, &minute, &second))
        return -1;
    for (int m = 0; m < 12; m++) {
        if (memcmp(line, months + 3 * m, 3) == 0)
            month = m + 1;
    }
    int day = line[4] == ' ' ? digits(line + 5, 1, 1) : digits(line + 4, 2, 2);
    if (month == 0 || day < 1)
        return -1;
    g_autoptr(GDateTime) today = g_date_time_new_from_unix_local(now);
    int year = today ? g_date_time_get_year(today) : 1970;
    gint64 time = local_seconds(year, month, day, hour, minute, second);
    if (time < 0 || time > now + 86400)
        time = local_seconds(year - 1, month, day, hour, minute, second);
    *rest_r = 16;
    return time;
}

/* "2026-10-05T14:03:12[.digits](Z|+08:00|+0800| = local time) " */
static gint64
iso_time(const char *line, gsize length, gsize *rest_r)
{
    int hour, minute, second;
    gsize at = 19;
    gint64 offset = 0;
    gboolean zoned = TRUE;

    if (length < 21 || line[4] != '-' || line[7] != '-' || (line[10] != 'T' && line[10] != ' ') ||
        !clock_time(line + 11, length - 11, &hour, &minute, &second))
        return -1;
    int year = digits(line, 4, 4), month = digits(line + 5, 2, 2), day = digits(line + 8, 2, 2);
    if (at < length && line[at] == '.') {
        for (at++; at < length && g_ascii_isdigit(line[at]);)
            at++;
    }
    if (at < length && line[at] == 'Z') {
        at++;
    } else if (at + 5 <= length && (line[at] == '+' || line[at] == '-')) {
        gsize minutes_at = line[at + 3] == ':' ? at + 4 : at + 3;
        int hours = digits(line + at + 1, 2, 2), minutes = digits(line + minutes_at, length - minutes_at, 2);
        if (hours < 0 || minutes < 0)
            return -1;
        offset = (hours * 60 + minutes) * (line[at] == '-' ? -60 : 60);
        at = minutes_at + 2;
    } else {
        zoned = FALSE;
    }
    if (at >= length || line[at] != ' ')
        return -1;
    *rest_r = at + 1;
    if (!zoned)
        return local_seconds(year, month, day, hour, minute, second);
    g_autoptr(GDateTime) time = g_date_time_new_utc(year, month, day, hour, minute, second);
    return time ? g_date_time_to_unix(time) - offset : -1;
}

gint64
maillog_time(const char *line, gsize length, gint64 now, gsize *rest_r)
{
    if (length > 0 && g_ascii_isdigit(line[0]))
        return iso_time(line, length, rest_r);
    return syslog_time(line, length, now, rest_r);
}

/* ---- lines ---- */

struct line {
    gint64 time;
    const char *daemon; /* "smtpd", "qmgr": the tag's last component */
    gsize daemon_length;
    const char *id;
    gsize id_length;
    const char *text; /* after "ID: " */
    gsize length;
};

static gboolean
is_queue_id(const char *text, gsize length)
{
    if (length < 5 || length > ID_MOST)
        return FALSE;
    for (gsize n = 0; n < length; n++) {
        if (!g_ascii_isalnum(text[n]))
            return FALSE;
    }
    return !(length == 7 && memcmp(text, "NOQUEUE", 7) == 0);
}

/* Splits "host postfix/submission/smtpd[7]: ID: text". */
static gboolean
split_line(const char *text, gsize length, struct line *line_r)
{
    const char *end = text + length;
    const char *host_end = memchr(text, ' ', length);

    if (!host_end)
        return FALSE;
    const char *tag = host_end + 1;
    const char *tag_end = memchr(tag, ':', (gsize)(end - tag));
    if (!tag_end || memchr(tag, ' ', (gsize)(tag_end - tag)))
        return FALSE;
    const char *bracket = memchr(tag, '[', (gsize)(tag_end - tag));
    const char *name_end = bracket ? bracket : tag_end;
    const char *slash = g_strrstr_len(tag, name_end - tag, "/");
    if (!slash)
        return FALSE;
    line_r->daemon = slash + 1;
    line_r->daemon_length = (gsize)(name_end - slash - 1);
    const char *id = tag_end + 1;
    while (id < end && *id == ' ')
        id++;
    const char *id_end = memchr(id, ':', (gsize)(end - id));
    if (!id_end || !is_queue_id(id, (gsize)(id_end - id)))
        return FALSE;
    line_r->id = id;
    line_r->id_length = (gsize)(id_end - id);
    line_r->text = id_end + 1;
    while (line_r->text < end && *line_r->text == ' ')
        line_r->text++;
    line_r->length = (gsize)(end - line_r->text);
    return TRUE;
}

static gboolean
is_daemon(const struct line *line, const char *name)
{
    return line->daemon_length == strlen(name) && memcmp(line->daemon, name, line->daemon_length) == 0;
}

static gboolean
begins(const struct line *line, const char *prefix)
{
    gsize n = strlen(prefix);

    return line->length >= n && memcmp(line->text, prefix, n) == 0;
}

static gboolean
contains(const struct line *line, const char *needle)
{
    return g_strstr_len(line->text, (gssize)line->length, needle) != NULL;
}

/* The text from prefix's end to the last stop before `before` (or the end). */
static char *
value_of(const struct line *line, const char *prefix, const char *before)
{
    gsize skip = strlen(prefix);
    const char *start = line->text + skip;
    const char *end = before ? g_strstr_len(start, (gssize)(line->length - skip), before) : NULL;

    return g_strndup(start, end ? (gsize)(end - start) : line->length - skip);
}

static void
begin_message(struct maillog *maillog, const struct line *line, gboolean local)
{
    struct maillog_message *message;

    /* What a content filter hands back was archived on its first way in. */
    if (!local && contains(line, "orig_queue_id="))
        return;
    if (g_hash_table_size(maillog->open) >= OPEN_MOST) {
        maillog->overflow = TRUE;
        return;
    }
    message = g_new0(struct maillog_message, 1);
    message->queue_id = g_strndup(line->id, line->id_length);
    message->time = line->time;
    message->from = g_strdup("");
    message->message_id = g_strdup("");
    message->local = local;
    g_hash_table_replace(maillog->open, message->queue_id, message);
}

/* From open to queued. */
static void
queue_message(struct maillog *maillog, const char *id, const struct line *line)
{
    gpointer message = NULL;

    if (!g_hash_table_steal_extended(maillog->open, id, NULL, &message))
        return;
    ((struct maillog_message *)message)->time = line->time;
    g_ptr_array_add(maillog->queued, message);
    g_hash_table_replace(maillog->latest, ((struct maillog_message *)message)->queue_id, message);
}

/* A delivery to a filter on this machine whose answer names the queue id under which the message came back. */
static void
delivery_line(struct maillog *maillog, const struct line *line)
{
    static const char mark[] = "queued as ";
    const char *end = line->text + line->length;
    struct maillog_message *message;

    if (!contains(line, "status=sent (") ||
        (!contains(line, " relay=127.") && !contains(line, "[127.0.0.1]:") && !contains(line, "[::1]:")))
        return;
    const char *id = g_strrstr_len(line->text, (gssize)line->length, mark);
    if (!id)
        return;
    id += strlen(mark);
    const char *id_end = id;
    while (id_end < end && g_ascii_isalnum(*id_end))
        id_end++;
    if (!is_queue_id(id, (gsize)(id_end - id)))
        return;
    g_autofree char *back = g_strndup(id, (gsize)(id_end - id));
    if ((message = g_hash_table_lookup(maillog->latest, back)))
        message->handed_back = TRUE;
    else
        g_hash_table_remove(maillog->open, back);
}

static void
cleanup_line(struct maillog *maillog, const char *id, const struct line *line)
{
    struct maillog_message *message = g_hash_table_lookup(maillog->open, id);

    if (!message)
        return;
    if (begins(line, "message-id=")) {
        g_free(message->message_id);
        message->message_id = value_of(line, "message-id=", NULL);
    } else if (begins(line, "hold: ") || begins(line, "milter-hold: ")) {
        queue_message(maillog, id, line);
    } else if (begins(line, "reject: ") || begins(line, "discard: ") || begins(line, "milter-reject: ") ||
               begins(line, "milter-discard: ")) {
        g_hash_table_remove(maillog->open, id);
    }
}

static void
qmgr_line(struct maillog *maillog, const char *id, const struct line *line)
{
    struct maillog_message *message = g_hash_table_lookup(maillog->open, id);

    if (!message || !begins(line, "from=<") || !contains(line, ">, size="))
        return;
    g_free(message->from);
    message->from = value_of(line, "from=<", ">, size=");
    queue_message(maillog, id, line);
}

void
maillog_line(struct maillog *maillog, const char *text, gsize length)
{
    struct line line = {0};
    gsize rest = 0;

    if (memchr(text, '\0', length))
        return;
    line.time = maillog_time(text, length, maillog->now, &rest);
    if (line.time < 0 || !split_line(text + rest, length - rest, &line))
        return;
    maillog->lines++;
    g_autofree char *id = g_strndup(line.id, line.id_length);
#ifdef POSTERN_PLANTED_BUGS
    if (begins(&line, "uid=")) {
        char small[8];
        memcpy(small, line.text + 4, line.length - 4);
        if (small[0] == '0')
            return;
    }
#endif
    if (is_daemon(&line, "smtpd") && begins(&line, "client="))
        begin_message(maillog, &line, FALSE);
    else if (is_daemon(&line, "pickup") && begins(&line, "uid="))
        begin_message(maillog, &line, TRUE);
    else if (is_daemon(&line, "cleanup"))
        cleanup_line(maillog, id, &line);
    else if (is_daemon(&line, "qmgr"))
        qmgr_line(maillog, id, &line);
    else if (is_daemon(&line, "smtp") || is_daemon(&line, "lmtp"))
        delivery_line(maillog, &line);
}
