/* load_histogram: latencies of a load generator, counted in buckets that are at most 1/64 of their value wide.
 *
 * Values are nanoseconds, 0 to 2^63 - 1. A histogram needs no set-up beside zeros and owns nothing; it is for one thread. */
#pragma once

#include <stdint.h>

#define HISTOGRAM_BUCKETS (64 * 58)

typedef struct {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t total, largest;
} LoadHistogram;

void load_histogram_add(LoadHistogram *histogram, uint64_t nanoseconds);

/* The value that a share (0 to 1) of those counted do not exceed, rounded up to its bucket's end; 0 when nothing was counted. */
uint64_t load_histogram_quantile(const LoadHistogram *histogram, double share);
