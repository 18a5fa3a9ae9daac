#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

double ss_clock_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double ss_clock_wall(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void ss_clock_stamp(char out[21])
{
    const time_t now = time(NULL);
    struct tm utc;

    gmtime_r(&now, &utc);
    strftime(out, 21, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

void ss_clock_duration(double seconds, char out[32])
{
    if (!(seconds >= 0) || seconds > 1e9)
        snprintf(out, 32, "unknown");
    else if (seconds < 9.95)
        snprintf(out, 32, "%.1f s", seconds);
    else if (seconds < 59.5)
        snprintf(out, 32, "%.0f s", seconds);
    else if (seconds < 3599.5)
        snprintf(out, 32, "%d min %02d s", (int)lround(seconds) / 60, (int)lround(seconds) % 60);
    else
        snprintf(out, 32, "%ld h %02ld min", lround(seconds / 60) / 60, lround(seconds / 60) % 60);
}
