/* quota_thresholds.c: postern_quota's settings from text, and levels. */
#include "dovecot-plugins/quota_thresholds.h"
#include "dovecot-plugins/quota_event.h"
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#define WORD_SHOWN 32 /* bytes of a wrong word that an error shows */
static const char SEPARATORS[] = " \t,";

/* The decimal number at *text, which it moves behind it; false when there is none or it has more than six digits. */
static bool
read_number(const char **text, unsigned int *number_r)
{
    unsigned int number = 0;
    size_t digits = strspn(*text, "0123456789");

    if (digits == 0 || digits > 6)
        return false;
    for (size_t i = 0; i < digits; i++)
        number = number * 10 + (unsigned int)((*text)[i] - '0');
    *text += digits;
    *number_r = number;
    return true;
}

/* One word of the list, `length` bytes: its percentage, or 0. */
static unsigned int
read_percent(const char *word, size_t length)
{
    const char *end = word;
    unsigned int percent;

    if (!read_number(&end, &percent))
        return 0;
    return end == word + length ? percent : 0;
}

bool
pq_thresholds_parse(const char *text, struct pq_thresholds *out_r, char error_r[PQ_ERROR_MAX])
{
    struct pq_thresholds found = {.count = 0};

    for (text += strspn(text, SEPARATORS); *text != '\0'; text += strspn(text, SEPARATORS)) {
        size_t length = strcspn(text, SEPARATORS);
        unsigned int percent = read_percent(text, length);
        int shown = (int)(length < WORD_SHOWN ? length : WORD_SHOWN);

        if (percent < 1 || percent > PQ_PERCENT_MAX) {
            snprintf(error_r, PQ_ERROR_MAX, "\"%.*s\" is no whole number from 1 to %d", shown, text, PQ_PERCENT_MAX);
            return false;
        }
        if (found.count > 0 && percent <= found.percent[found.count - 1]) {
            snprintf(error_r, PQ_ERROR_MAX, "%u comes after %u: thresholds must rise", percent, found.percent[found.count - 1]);
            return false;
        }
        if (found.count == PQ_THRESHOLDS_MAX) {
            snprintf(error_r, PQ_ERROR_MAX, "more than %d thresholds", PQ_THRESHOLDS_MAX);
            return false;
        }
        found.percent[found.count++] = percent;
        text += length;
    }
    if (found.count == 0) {
        snprintf(error_r, PQ_ERROR_MAX, "no threshold");
        return false;
    }
    *out_r = found;
    return true;
}

/* How many milliseconds a unit has, or 0. */
static unsigned int
unit_ms(const char *unit)
{
    static const struct {
        const char *name;
        unsigned int ms;
    } units[] = {{"", 1}, {"ms", 1}, {"msec", 1}, {"msecs", 1}, {"s", 1000}, {"sec", 1000}, {"secs", 1000}};

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(unit, units[i].name) == 0)
            return units[i].ms;
    return 0;
}

bool
pq_delay_parse(const char *text, unsigned int *delay_ms_r, char error_r[PQ_ERROR_MAX])
{
    const char *rest = text;
    unsigned int number, unit;

    if (!read_number(&rest, &number) || (unit = unit_ms(rest + strspn(rest, " "))) == 0) {
        snprintf(error_r, PQ_ERROR_MAX, "\"%.*s\" is no time such as \"250 ms\"", WORD_SHOWN, text);
        return false;
    }
    uint64_t delay = (uint64_t)number * unit;
    if (delay < PQ_DELAY_MIN || delay > PQ_DELAY_MAX) {
        snprintf(error_r, PQ_ERROR_MAX, "\"%.*s\" is not from %d ms to %d ms", WORD_SHOWN, text, PQ_DELAY_MIN, PQ_DELAY_MAX);
        return false;
    }
    *delay_ms_r = (unsigned int)delay;
    return true;
}

bool
pq_socket_check(const char *path, char error_r[PQ_ERROR_MAX])
{
    if (*path == '\0')
        return true;
    if (*path != '/') {
        snprintf(error_r, PQ_ERROR_MAX, "\"%.*s\" does not begin with a slash", WORD_SHOWN, path);
        return false;
    }
    if (strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path) {
        snprintf(error_r, PQ_ERROR_MAX, "longer than a socket's path can be (%zu bytes)", sizeof((struct sockaddr_un *)0)->sun_path - 1);
        return false;
    }
    return true;
}

/* used >= percent of limit, without a product that could overflow: limit = 100 whole + rest. */
static bool
reached(unsigned int percent, uint64_t used, uint64_t limit)
{
    uint64_t whole = limit / 100, rest = limit % 100;

    if (whole > (UINT64_MAX - 100 * PQ_PERCENT_MAX) / PQ_PERCENT_MAX)
        return used / percent >= whole; /* beyond 12 exabytes a rounded answer will do */
    return used >= whole * percent + (rest * percent + 99) / 100;
}

unsigned int
pq_level(const struct pq_thresholds *thresholds, uint64_t used, uint64_t limit)
{
    unsigned int level = 0;

    while (limit > 0 && level < thresholds->count && reached(thresholds->percent[level], used, limit))
        level++;
    return level;
}
