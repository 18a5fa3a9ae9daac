/* clock.h - time for people and for measurements. */
#ifndef SS_BASE_CLOCK_H
#define SS_BASE_CLOCK_H

/** Seconds of a clock that only goes forward; its origin means nothing. */
double ss_clock_seconds(void);

/** Seconds since 1970 began, by the clock on the wall. */
double ss_clock_wall(void);

/** Now in UTC as "2026-01-31T12:34:56Z". */
void ss_clock_stamp(char out[21]);

/** `seconds` as people say it: "0.4 s", "37 s", "3 min 20 s", "2 h 05 min". */
void ss_clock_duration(double seconds, char out[32]);

#endif
