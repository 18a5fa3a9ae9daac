/* process.h - other processes of this machine. */
#ifndef SS_BASE_PROCESS_H
#define SS_BASE_PROCESS_H

#include <stdbool.h>

/** True if there is no process of this number (> 0) any more, or only what is left of one that its parent has
 * not asked for. False where that cannot be told. */
bool ss_process_is_gone(long pid);

#endif
