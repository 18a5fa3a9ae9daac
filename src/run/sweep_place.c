/* Whether a folder is on a network file system: Linux tells by a number, others are taken to be local. */
#ifdef __linux__
#include <sys/vfs.h>
#endif
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "run/sweep_ledger.h"

#ifdef __linux__
static const struct {
    unsigned long type;
    const char *name;
} networks[] = {{0x6969, "NFS"},      {0x517b, "SMB"},        {0xff534d42, "CIFS"},
                {0xfe534d42, "SMB2"}, {0x0bd00bd0, "Lustre"}, {0x47504653, "GPFS"},
                {0x00c36400, "Ceph"}, {0x5346414f, "AFS"},    {0x19830326, "BeeGFS"}};

bool ss_ledger_on_network(const char *folder, const char **name)
{
    struct statfs s;
    char *path = NULL;
    bool found = false;

    if (ss_text_copy(folder, &path) != SS_OK)
        return false;
    while (statfs(path, &s) != 0) { /* up to what is there */
        char *above = NULL;
        if (strcmp(path, ".") == 0 || strcmp(path, "/") == 0 || ss_path_folder(path, &above) != SS_OK)
            goto out;
        free(path);
        path = above;
    }
    for (size_t i = 0; i < SS_COUNT(networks); i++)
        if (((unsigned long)s.f_type & 0xffffffffUL) == networks[i].type) {
            *name = networks[i].name;
            found = true;
        }
out:
    free(path);
    return found;
}
#else
bool ss_ledger_on_network(const char *folder, const char **name)
{
    (void)folder;
    (void)name;
    return false;
}
#endif
