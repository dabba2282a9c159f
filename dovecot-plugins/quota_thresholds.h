/* quota_thresholds.h: the values of postern_quota's settings as text, and the level that a usage has reached.
 *
 * Knows nothing of Dovecot, so that it is tested without it. Pure functions. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define PQ_THRESHOLDS_MAX 8
#define PQ_DELAY_MIN 10      /* milliseconds: less would report the two halves of a MOVE */
#define PQ_DELAY_MAX 60000
#define PQ_ERROR_MAX 160     /* bytes of an error's text, NUL included */

/* Percents, rising. */
struct pq_thresholds {
    unsigned int percent[PQ_THRESHOLDS_MAX];
    unsigned int count;
};

/* "80 95 100", also with commas. No percent signs: Dovecot takes them for its variables. At least one and at most
 * PQ_THRESHOLDS_MAX whole numbers from 1 to PQ_PERCENT_MAX, each higher than the one before. On false, error_r says what is wrong and out_r is untouched. */
bool pq_thresholds_parse(const char *text, struct pq_thresholds *out_r, char error_r[PQ_ERROR_MAX]);

/* "250 ms", "250ms", "250 msecs", "1 s", "1 sec", "1 secs": PQ_DELAY_MIN to PQ_DELAY_MAX milliseconds. Without a unit: milliseconds.
 * On false, error_r says what is wrong and delay_ms_r is untouched. */
bool pq_delay_parse(const char *text, unsigned int *delay_ms_r, char error_r[PQ_ERROR_MAX]);

/* An absolute path that fits into a socket's address (107 bytes), or empty: nothing is sent. */
bool pq_socket_check(const char *path, char error_r[PQ_ERROR_MAX]);

/* How many thresholds are reached: used >= percent of limit. 0 without a limit.. */
unsigned int pq_level(const struct pq_thresholds *thresholds, uint64_t used, uint64_t limit);
