#include "run/known_answers.h"

#include "objective/selftest.h"

enum ss_status ss_known_answers(struct ss_device *device, bool full, struct ss_log *log,
                                struct ss_selftest *out)
{
    ss_log_phase(log, "self-test of the device, compiling kernels (first time on this device)");
    const enum ss_status st = ss_selftest_device(device, full, &ss_selftest_objectives, 1, out);
    ss_log_phase(log, NULL);
    return st;
}
