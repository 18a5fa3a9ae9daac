/* Files that an experiment names: found beside the YAML file, then in SLICESCORE_DATA, and made absolute, so
 * that the resolved file means the same from any folder. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/file.h"
#include "config/load.h"

/* A link that leads nowhere is not there. */
static bool is_there(const char *path)
{
    struct stat s;

    return stat(path, &s) == 0;
}

static enum ss_status not_found(struct ss_loader *l, enum ss_key_id id, const char *name,
                                const char *data_folder)
{
    const struct ss_place place = ss_loader_place(l, id, false);
    const char *const folder = l->e->data.folder;
    struct ss_text text, hint;
    char *here = NULL, shown[SS_SHOWN_SIZE];
    enum ss_status st = SS_OK;

    ss_text_init(&text);
    ss_text_init(&hint);
    ss_text_addf(&text, "'%s' is not there", ss_shown(name, shown));
    if (*name != '/') {
        ss_text_addf(&text, ": looked in %s, the folder of %s, and in ", folder, ss_path_name(l->e->path));
        if (data_folder)
            ss_text_addf(&text, "SLICESCORE_DATA (%s)", data_folder);
        else
            ss_text_add(&text, "SLICESCORE_DATA, which is not set");
        if (is_there(name)) {
            TRY(ss_path_absolute(name, &here));
            ss_text_addf(&hint, "the current folder has it: write %s", here);
        }
    }
    ss_problems_add(&l->problems, place, ss_keys[id].path, hint.length ? hint.data : NULL, "%s", text.data);
    l->problems.files++;
out:
    free(here);
    ss_text_release(&text);
    ss_text_release(&hint);
    return st;
}

static enum ss_status find(struct ss_loader *l, enum ss_key_id id, char **field)
{
    const char *const variable = getenv("SLICESCORE_DATA");
    const char *const data_folder = variable && *variable ? variable : NULL;
    char *beside = NULL, *elsewhere = NULL, *found = NULL;
    enum ss_status st = SS_OK;

    if (!ss_loader_has(l, id) || !*field)
        return SS_OK;
    TRY(ss_path_join(l->e->data.folder, *field, &beside));
    if (data_folder)
        TRY(ss_path_join(data_folder, *field, &elsewhere));
    const bool in_data_folder = !is_there(beside) && elsewhere && is_there(elsewhere);
    if (!in_data_folder && !is_there(beside) && !l->may_be_gone) {
        st = not_found(l, id, *field, data_folder);
        goto out;
    }
    if (id == SS_KEY_DATA_FILE && ss_path_is_folder(in_data_folder ? elsewhere : beside) && !l->may_be_gone) {
        ss_problems_add(&l->problems, ss_loader_place(l, id, false), ss_keys[id].path, NULL,
                        "a folder; wanted a CSV, NPY or IDX file");
        goto out;
    }
    TRY(ss_path_absolute(in_data_folder ? elsewhere : beside, &found));
    free(*field);
    *field = found;
out:
    free(beside);
    free(elsewhere);
    return st;
}

enum ss_status ss_loader_find_files(struct ss_loader *l)
{
    enum ss_status st = SS_OK;

    TRY(find(l, SS_KEY_DATA_FILE, &l->e->data.file));
    TRY(find(l, SS_KEY_TRAIN_START, &l->e->train.start));
out:
    return st;
}
