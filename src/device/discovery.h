/* discovery.h - inside the room: ranking a list made by hand or by the drivers, and the handle of an entry. */
#ifndef SS_DEVICE_DISCOVERY_H
#define SS_DEVICE_DISCOVERY_H

#include <CL/cl.h>

#include "device/device.h"

/** Set `chosen` and `reason` from the items. */
void ss_device_list_rank(struct ss_device_list *list);

SS_MUST_CHECK enum ss_status ss_device_locate(const struct ss_device_info *info, cl_platform_id *platform,
                                              cl_device_id *device);

#endif
