/* load_histogram: see the header. The first 64 buckets are one nanosecond wide; after them each power of two has 64 buckets. */
#include "tests/bench/load_histogram.h"

static unsigned
bucket_of(uint64_t value)
{
    if (value < 64)
        return (unsigned)value;
    unsigned power = 63 - (unsigned)__builtin_clzll(value); /* 6 to 62 */
    return 64 * (power - 5) + (unsigned)((value >> (power - 6)) & 63);
}

static uint64_t
end_of(unsigned bucket)
{
    if (bucket < 64)
        return bucket;
    unsigned power = bucket / 64 + 5;
    return ((UINT64_C(64) + bucket % 64 + 1) << (power - 6)) - 1;
}

void
load_histogram_add(LoadHistogram *histogram, uint64_t nanoseconds)
{
    histogram->counts[bucket_of(nanoseconds & INT64_MAX)]++;
    histogram->total++;
    if (nanoseconds > histogram->largest)
        histogram->largest = nanoseconds;
}

uint64_t
load_histogram_quantile(const LoadHistogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)histogram->total), seen = 0;
    if (wanted < histogram->total)
        wanted++;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen >= wanted && seen > 0) {
            uint64_t end = end_of(i);
            return end < histogram->largest ? end : histogram->largest;
        }
    }
    return 0;
}
