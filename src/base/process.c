#include "base/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

/* Dead, and not yet asked for by its parent: where that is an init that takes its time, or none, kill() still
 * finds it. */
static bool is_zombie(long pid)
{
    char path[40], text[512] = "";

    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    FILE *const f = fopen(path, "r");
    if (!f)
        return false;
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    const char *const name_end = strrchr(text, ')'); /* "123 (name) S ...", whatever is in the name */
    return name_end && name_end[1] == ' ' && (name_end[2] == 'Z' || name_end[2] == 'X');
}

bool ss_process_is_gone(long pid)
{
    return (kill((pid_t)pid, 0) != 0 && errno == ESRCH) || is_zombie(pid);
}
