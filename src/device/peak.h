/*
 * peak.h - the most that a device can do: a loop of independent fused multiply-adds on all cores, in single
 * precision. Short enough to be measured again and again between other measurements, so that whatever slows
 * the machine slows both.
 */
#ifndef SS_DEVICE_PEAK_H
#define SS_DEVICE_PEAK_H

#include "device/device.h"

struct ss_peak;

/** Builds the kernel and finds how many rounds take about 4 ms. Waits. The device must outlive it. */
SS_MUST_CHECK enum ss_status ss_peak_create(struct ss_device *d, struct ss_peak **out);
void ss_peak_free(struct ss_peak *p);

/** Measure now: 1e9 operations a second, a multiply-add being two. Waits. */
SS_MUST_CHECK enum ss_status ss_peak_measure(struct ss_peak *p, double *gflops);

#endif
