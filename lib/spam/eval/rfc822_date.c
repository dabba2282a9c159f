/* rfc822_date.c: see rfc822_date.h. Date, time and zone are found one after the other, each wherever it
 * stands. */
#include "lib/spam/eval/rfc822_date.h"
#include <string.h>
#include "lib/spam/view/line_form.h"

#define YEAR_MIN 1970
#define YEAR_MAX 2037
#define MONTH_WORD "{y<}{Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec}{>y}"

struct date {
    guint64 year, month, day, hour, minute, second;
    int zone; /* hhmm, with its sign */
};

/* Names of zones, where some mean several: RFC 5322's first, then the commonest. Hours and minutes east of
 * Greenwich. */
static const struct {
    const char *name;
    int zone;
} zones[] = {
    {"UT", 0},       {"UTC", 0},     {"NDT", -230},  {"AST", -400},  {"ADT", -300},  {"NST", -330},
    {"EST", -500},   {"EDT", -400},  {"CST", -600},  {"CDT", -500},  {"MST", -700},  {"MDT", -600},
    {"PST", -800},   {"PDT", -700},  {"HST", -1000}, {"AKST", -900}, {"AKDT", -800}, {"HADT", -900},
    {"HAST", -1000}, {"GMT", 0},     {"BST", 100},   {"IST", 100},   {"WET", 0},     {"WEST", 100},
    {"CET", 100},    {"CEST", 200},  {"EET", 200},   {"EEST", 300},  {"MSK", 300},   {"MSD", 400},
    {"MET", 100},    {"MEZ", 100},   {"MEST", 200},  {"MESZ", 200},  {"BRST", -200}, {"BRT", -300},
    {"AEST", 1000},  {"AEDT", 1100}, {"ACST", 930},  {"ACDT", 1030}, {"AWST", 800},  {"NZST", 1200},
    {"NZDT", 1300},  {"JST", 900},   {"KST", 900},   {"HKT", 800},   {"SGT", 800},   {"PHT", 800},
    {"IDT", 300},
};

/* " text " with commas and white space as single blanks. */
static GString *
made_ready(const char *text, gsize len)
{
    GString *line = g_string_sized_new(len + 2);

    g_string_append_c(line, ' ');
    for (gsize i = 0; i < len; i++) {
        gboolean blank = text[i] == ',' || text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r');

        if (!blank)
            g_string_append_c(line, text[i]);
        else if (line->str[line->len - 1] != ' ')
            g_string_append_c(line, ' ');
    }
    if (line->str[line->len - 1] != ' ')
        g_string_append_c(line, ' ');
    return line;
}

/* Finds the form and takes it out of the line. Blanks around stay. */
static gboolean
cut(GString *line, struct line_form_once *form, struct form_match *match, char *slots_r[FORM_SLOTS])
{
    if (!line_form_once_match(form, line->str, line->len, match))
        return FALSE;
    for (guint i = 0; i < FORM_SLOTS; i++)
        slots_r[i] = match->slot[i].set ? g_strndup(line->str + match->slot[i].start,
                                                    match->slot[i].end - match->slot[i].start)
                                        : NULL;
    g_string_erase(line, (gssize)match->slot[FORM_ENV].start,
                   (gssize)(match->end - match->slot[FORM_ENV].start));
    g_string_insert_c(line, (gssize)match->slot[FORM_ENV].start, ' ');
    return TRUE;
}

static void
free_slots(char *slots[FORM_SLOTS])
{
    for (guint i = 0; i < FORM_SLOTS; i++)
        g_clear_pointer(&slots[i], g_free);
}

static guint64
number(const char *digits)
{
    return digits != NULL ? g_ascii_strtoull(digits, NULL, 10) : 0;
}

static guint64
month_of(const char *name)
{
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";

    for (guint i = 0; i < 12; i++)
        if (g_ascii_strncasecmp(names + i * 3, name, 3) == 0)
            return i + 1;
    return 0;
}

/* {x} day, {y} month, {id} year */
static gboolean
cut_date(GString *line, struct date *date)
{
    static struct line_form_once forms[] = {
        {"{find}{env<}{>env} {x<}{d:1-}{>x} " MONTH_WORD " {id<}{d:4-4}{>id} ", TRUE, NULL},
        {"{find}{env<}{>env} " MONTH_WORD " {x<}{d:1-}{>x} {d:1-}:{d:1-}:{d:1-} {id<}{d:4-4}{>id} ", TRUE,
         NULL},
        {"{find}{env<}{>env} {x<}{d:1-}{>x} " MONTH_WORD " {id<}{d:2-3}{>id} ", TRUE, NULL},
    };
    char *slots[FORM_SLOTS] = {0};
    struct form_match match;

    for (guint i = 0; i < G_N_ELEMENTS(forms); i++) {
        if (!cut(line, &forms[i], &match, slots))
            continue;
        date->day = number(slots[FORM_X]);
        date->month = month_of(slots[FORM_Y]);
        date->year = number(slots[FORM_ID]);
        if (strlen(slots[FORM_ID]) == 2 && date->year < 50)
            date->year += 2000;
        else if (strlen(slots[FORM_ID]) != 4)
            date->year += 1900;
        free_slots(slots);
        return TRUE;
    }
    return FALSE;
}

static void
cut_time(GString *line, struct date *date)
{
    static struct line_form_once form = {
        "{find}{env<}{>env} {x<}{d:1-2}{>x}:{y<}{d:2-2}{>y}{[}:{id<}{d:2-2}{>id}{]} ", FALSE, NULL};
    char *slots[FORM_SLOTS] = {0};
    struct form_match match;

    if (cut(line, &form, &match, slots)) {
        date->hour = MIN(number(slots[FORM_X]), 23);
        date->minute = MIN(number(slots[FORM_Y]), 59);
        date->second = MIN(number(slots[FORM_ID]), 59);
    }
    free_slots(slots);
}

static void
find_zone(GString *line, struct date *date)
{
    static struct line_form_once numeric = {"{find} {x<}{+:1-1}{d:4-4}{>x} ", FALSE, NULL};
    static struct line_form_once named = {"{find}{b}{x<}{U:2-4}{[}-DST{]}{>x}{b}", FALSE, NULL};
    struct form_match match;
    g_autofree char *name = NULL;

    if (line_form_once_match(&numeric, line->str, line->len, &match)) {
        date->zone = (int)g_ascii_strtoll(line->str + match.slot[FORM_X].start, NULL, 10);
        return;
    }
    if (!line_form_once_match(&named, line->str, line->len, &match))
        return;
    name = g_strndup(line->str + match.slot[FORM_X].start, match.slot[FORM_X].end - match.slot[FORM_X].start);
    for (guint i = 0; i < G_N_ELEMENTS(zones); i++)
        if (strcmp(zones[i].name, name) == 0)
            date->zone = zones[i].zone;
}

static guint
days_in(guint64 year, guint64 month)
{
    if (month == 2)
        return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* A day that its month doesn't have is the next month's first; years go no further than the limits. FALSE: no
 * day. */
static gboolean
mend(struct date *date)
{
    if (date->day > days_in(date->year, date->month)) {
        date->day = 1;
        date->month++;
        if (date->month > 12) {
            date->month = 1;
            date->year++;
        }
    }
    date->year = CLAMP(date->year, YEAR_MIN, YEAR_MAX);
    return date->day > 0 && date->day <= days_in(date->year, date->month);
}

/* Days from 1970 on: years begin with March here, so that leap days end them. */
static gint64
days_until(guint64 year, guint64 month, guint64 day)
{
    gint64 y = (gint64)year - (month < 3), in_year = (gint64)(153 * ((month + 9) % 12) + 2) / 5 + (gint64)day - 1;

    return y * 365 + y / 4 - y / 100 + y / 400 + in_year - 719468;
}

static gint64
seconds_of(const struct date *date)
{
    int east = date->zone < 0 ? -date->zone : date->zone;
    gint64 seconds, offset = ((gint64)(east / 100) * 60 + east % 100) * 60;

    seconds = days_until(date->year, date->month, date->day) * 86400 + (gint64)(date->hour * 3600 + date->minute * 60 + date->second);
    if (date->zone < 0)
        return seconds + offset;
    return seconds < offset ? 0 : seconds - offset;
}

/* ---- the usual form ---- */

struct reader {
    const char *at, *end;
};

static gboolean
is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* White space and commas. */
static gboolean
pass_blanks(struct reader *r)
{
    const char *start = r->at;

    while (r->at < r->end && (is_blank(*r->at) || *r->at == ','))
        r->at++;
    return r->at > start;
}

static gboolean
pass(struct reader *r, char c)
{
    if (r->at == r->end || *r->at != c)
        return FALSE;
    r->at++;
    return TRUE;
}

static gboolean
read_number(struct reader *r, guint least, guint most, guint64 *number_r)
{
    guint n = 0;

    for (*number_r = 0; n < most && r->at < r->end && g_ascii_isdigit(*r->at); n++)
        *number_r = *number_r * 10 + (guint64)(*r->at++ - '0');
    return n >= least;
}

/* RFC 5322's form, that nearly all have: "Tue, 25 Mar 2003 11:42:04 -0500". What follows does not count. What this takes, the other way
 * would take for the same. */
static gboolean
read_usual(const char *text, gsize len, struct date *date)
{
    struct reader r = {text, text + len};
    guint64 zone;
    gboolean west;

    pass_blanks(&r);
    while (r.at < r.end && g_ascii_isalpha(*r.at))
        r.at++;
    if (r.at > text && g_ascii_isalpha(r.at[-1]) && !pass_blanks(&r))
        return FALSE;
    if (!read_number(&r, 1, 2, &date->day) || !pass_blanks(&r) || r.end - r.at < 3 || (date->month = month_of(r.at)) == 0)
        return FALSE;
    r.at += 3;
    if (!pass_blanks(&r) || !read_number(&r, 4, 4, &date->year) || !pass_blanks(&r) || !read_number(&r, 1, 2, &date->hour) ||
        !pass(&r, ':') || !read_number(&r, 2, 2, &date->minute) || !pass(&r, ':') || !read_number(&r, 2, 2, &date->second) ||
        !pass_blanks(&r))
        return FALSE;
    west = r.at < r.end && *r.at == '-';
    if ((!west && !pass(&r, '+')) || (west && !pass(&r, '-')) || !read_number(&r, 4, 4, &zone) || (r.at < r.end && !pass_blanks(&r)))
        return FALSE;
    date->hour = MIN(date->hour, 23);
    date->minute = MIN(date->minute, 59);
    date->second = MIN(date->second, 59);
    date->zone = west ? -(int)zone : (int)zone;
    return TRUE;
}

static gboolean
read_any(const char *text, gsize len, struct date *date)
{
    g_autoptr(GString) line = made_ready(text, len);

    *date = (struct date){0};
    if (!cut_date(line, date))
        return FALSE;
    cut_time(line, date);
    find_zone(line, date);
    return TRUE;
}

gboolean
rfc822_date_parse(const char *text, gsize len, gint64 *seconds_r)
{
    struct date date = {0};

    if (!read_usual(text, len, &date) && !read_any(text, len, &date))
        return FALSE;
    if (!mend(&date))
        return FALSE;
    *seconds_r = seconds_of(&date);
    return TRUE;
}

/* ---- dates in Received lines ---- */

/* Where the date ends whose day's digits begin at r->at. */
static gboolean
pass_hop_date(struct reader *r)
{
    guint64 ignored;
    const char *word;

    if (!read_number(r, 1, G_MAXUINT, &ignored) || !pass(r, ' ') || r->end - r->at < 3)
        return FALSE;
    for (word = r->at; r->at < word + 3; r->at++)
        if (is_blank(*r->at))
            return FALSE;
    if (!pass(r, ' ') || !read_number(r, 1, G_MAXUINT, &ignored) || !pass(r, ' ') || !read_number(r, 1, G_MAXUINT, &ignored) ||
        !pass(r, ':') || !read_number(r, 1, G_MAXUINT, &ignored) || !pass(r, ':') || !read_number(r, 1, G_MAXUINT, &ignored) ||
        !pass(r, ' '))
        return FALSE;
    for (word = r->at; r->at < r->end && !is_blank(*r->at);)
        r->at++;
    return r->at > word;
}

gboolean
rfc822_date_find(const char *line, gsize len, gsize *start_r, gsize *end_r)
{
    const char *end = line + len;

    for (const char *at = line; at < end; at++) {
        struct reader day = {at + 1, end}, behind_one = {at + 2, end}; /* any byte may stand before the day */

        if (!is_blank(*at) || end - at < 2 || (!g_ascii_isdigit(at[1]) && (end - at < 3 || !g_ascii_isdigit(at[2]))))
            continue;
        if (at + 2 < end && at[1] != '\n' && pass_hop_date(&behind_one))
            day = behind_one;
        else if (!pass_hop_date(&day))
            continue;
        *start_r = (gsize)(at - line);
        *end_r = (gsize)(day.at - line);
        return TRUE;
    }
    return FALSE;
}
