/* header_eval_dates.c: eval functions that compare Date with the hops' times. */
#include <stdlib.h>
#include "lib/spam/eval/header_eval_private.h"
#include "lib/spam/eval/rfc822_date.h"

#define SECONDS_A_YEAR 31556952.0 /* of 365.2425 days */

static gboolean
find_date_header(const struct header_eval *e, gint64 *seconds_r)
{
    static const char *const names[] = {"Resent-Date", "Date"};

    for (guint n = 0; n < G_N_ELEMENTS(names); n++) {
        const GPtrArray *values = header_eval_values(e, names[n]);
        for (guint i = 0; i < values->len; i++) {
            gsize len;
            const char *text = g_bytes_get_data(g_ptr_array_index(values, i), &len);
            if (text != NULL && rfc822_date_parse(text, len, seconds_r))
                return TRUE;
        }
    }
    return FALSE;
}

/* The time in a hop's line. */
static gboolean
hop_time(const char *line, gsize len, gint64 *seconds_r)
{
    gsize start, end;

    return rfc822_date_find(line, len, &start, &end) && rfc822_date_parse(line + start, end - start, seconds_r);
}

/* A hop's line; it may hold NULs. */
struct line {
    const char *text;
    gsize len;
};

static gboolean
line_matches(const struct line *line, struct line_form_once *form)
{
    return line_form_once_match(form, line->text, line->len, NULL);
}

static gboolean
is_empty(const struct line *line)
{
    for (gsize i = 0; i < line->len; i++)
        if (line->text[i] != ' ' && (line->text[i] < '\t' || line->text[i] > '\r'))
            return FALSE;
    return TRUE;
}

/* Lines that aren't empty. */
static GArray *
hop_lines(struct header_eval *e)
{
    GArray *lines = g_array_new(FALSE, FALSE, sizeof(struct line));
    const GString *received = header_eval_received(e);
    const char *end = received->str + received->len;

    for (const char *start = received->str, *next; start < end; start = next + 1) {
        next = memchr(start, '\n', (gsize)(end - start));
        next = next != NULL ? next : end;
        struct line line = {start, (gsize)(next - start)};
        if (!is_empty(&line))
            g_array_append_val(lines, line);
    }
    return lines;
}

/* How many of the newest lines are a fetcher's: the time when the message was fetched, not when it came. */
static guint
fetched_lines(const GArray *lines)
{
    static struct line_form_once local[] = {
        {"{find}{b}from localhost{s:1-1}", FALSE, NULL},
        {"{find}{b}from {-} {-?}{b}127.0.0.1{b}", FALSE, NULL},
        {"{find}{b}from {-} {-} {-?}{b}127.0.0.1{b}", FALSE, NULL},
        {"{find}qmail {d:1-} invoked by uid {d:1-1}", FALSE, NULL},
    };
    static struct line_form_once fetchmail[] = {
        {"{find}{b}by localhost with {w:1-} (fetchmail-{d:1-1}", FALSE, NULL},
        {"{find}{b}by localhost with {w:1-} (fetchmail-.", FALSE, NULL},
    };
    static const char mark[] = "(fetchmail-";
    gboolean is_local = FALSE, has_mark = FALSE;
    guint next;

    for (guint i = 0; i < MIN(lines->len, 2); i++) {
        const struct line *line = &g_array_index(lines, struct line, i);
        has_mark = has_mark || memmem(line->text, line->len, mark, strlen(mark)) != NULL;
    }
    if (!has_mark)
        return 0;
    for (guint i = 0; i < G_N_ELEMENTS(local); i++)
        is_local = is_local || line_matches(&g_array_index(lines, struct line, 0), &local[i]);
    next = is_local ? 1 : 0;
    if (next < lines->len && (line_matches(&g_array_index(lines, struct line, next), &fetchmail[0]) ||
                              line_matches(&g_array_index(lines, struct line, next), &fetchmail[1])))
        return next + 1;
    return 0;
}

static void
find_hop_times(struct header_eval *e)
{
    struct header_dates *d = &e->dates;
    g_autoptr(GArray) lines = hop_lines(e);
    guint fetched = lines->len > 0 ? fetched_lines(lines) : 0;

    d->hops = g_array_new(FALSE, FALSE, sizeof(gint64));
    for (guint i = 0; i < lines->len; i++) {
        const struct line *line = &g_array_index(lines, struct line, i);
        gint64 time;

        if (!hop_time(line->text, line->len, &time))
            continue;
        if (i >= fetched) {
            g_array_append_val(d->hops, time);
        } else if (time <= e->options->now) {
            d->fetched = d->has_fetched ? MAX(d->fetched, time) : time;
            d->has_fetched = TRUE;
        }
    }
}

/* The smallest difference between Date and a hop's time, not counting the oldest hop when it is the same
 * second. */
static gint64
smallest_difference(const struct header_dates *d)
{
    guint n = d->hops->len;
    gint64 least = 0;

    if (n > 1 && g_array_index(d->hops, gint64, n - 1) == d->date)
        n--;
    for (guint i = 0; i < n; i++) {
        gint64 difference = d->date - g_array_index(d->hops, gint64, i);
        if (i == 0 || ABS(difference) < ABS(least))
            least = difference;
    }
    return least;
}

static int
compare_times(const void *a, const void *b)
{
    gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;

    return x < y ? 1 : x > y ? -1 : 0;
}

/* The median of what the dates say of when the message was received: 0 when they say nothing. */
static gint64
received_time(const struct header_dates *d)
{
    gint64 times[4];
    guint n = 0;

    if (d->has_date)
        times[n++] = d->date;
    if (d->hops->len > 0)
        times[n++] = g_array_index(d->hops, gint64, 0);
    if (d->has_fetched)
        times[n++] = d->fetched;
    if (d->has_date && d->hops->len > 0)
        times[n++] = d->date - d->difference;
    qsort(times, n, sizeof times[0], compare_times);
    return n > 0 ? times[(n - 1) / 2] : 0;
}

static const struct header_dates *
dates_of(struct header_eval *e)
{
    struct header_dates *d = &e->dates;

    if (d->known)
        return d;
    d->known = TRUE;
    d->has_date = find_date_header(e, &d->date);
    find_hop_times(e);
    d->difference = d->has_date && d->hops->len > 0 ? smallest_difference(d) : 0;
    d->received = received_time(d);
    return d;
}

/* "undef" (or no argument) is no limit. */
static gboolean
is_limit(const char *const *args, guint n_args, guint i)
{
    return i < n_args && strcmp(args[i], "undef") != 0;
}

static gboolean
is_within(double value, double unit, const char *const *args, guint n_args)
{
    return (!is_limit(args, n_args, 0) || value >= unit * g_ascii_strtod(args[0], NULL)) &&
           (!is_limit(args, n_args, 1) || value < unit * g_ascii_strtod(args[1], NULL));
}

/* args: hours that Date is ahead of the hops, from, to */
HEADER_EVAL(eval_shifted_date)
{
    return is_within((double)dates_of(e)->difference, 3600, args, n_args);
}

/* args: months ago, from, to */
HEADER_EVAL(eval_received_within_months)
{
    return is_within((double)(e->options->now - dates_of(e)->received), SECONDS_A_YEAR / 12, args, n_args);
}
