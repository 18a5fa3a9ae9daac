/* config.h - from a YAML file and overrides to an experiment, and back to text. */
#ifndef SS_CONFIG_CONFIG_H
#define SS_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "base/text.h"
#include "config/experiment.h"

/**
 * Read, check and resolve an experiment.
 *
 * Every error of the file and of the overrides is reported, one ss_fail each, before a status comes back:
 * "file:line:column: key.path: message", then on lines of their own the source line, a caret and the nearest
 * valid name. An override's errors begin with override "key=value".
 *
 * @param overrides  "key.sub=value" each, later ones win; the value is YAML in flow style, typed by the
 * schema; null takes back what the file says (of a block: all of it)
 * @param out        the caller's, to be given to ss_experiment_free(); untouched on failure
 * @return SS_ERR_USAGE; SS_ERR_FILE if `path` cannot be read, or if all that is wrong is that data.file or
 *         train.start are not there; SS_ERR_MEMORY
 */
SS_MUST_CHECK enum ss_status ss_experiment_load(const char *path, const char *const *overrides,
                                                size_t n_overrides, struct ss_experiment **out);
void ss_experiment_free(struct ss_experiment *e);

/** The same for the resolved file of a run that exists: data.file and train.start may be gone since, and
 * whoever opens them says so; keys of the file that an override leaves without use are passed over. */
SS_MUST_CHECK enum ss_status ss_experiment_reload(const char *path, const char *const *overrides,
                                                  size_t n_overrides, struct ss_experiment **out);

/** The same for one point of a sweep: the file may have a `sweep:` block, which is left alone. */
SS_MUST_CHECK enum ss_status ss_experiment_load_point(const char *path, const char *const *overrides,
                                                      size_t n_overrides, struct ss_experiment **out);

/** The resolved file: every key that the chosen kinds use, with its value; with `origins` each line ends in a
 * comment: default, file:line or override. Loading it again, from any folder, gives the same experiment. */
SS_MUST_CHECK enum ss_status ss_experiment_write(const struct ss_experiment *e, bool origins,
                                                 struct ss_text *out);

/** JSON Schema (2020-12) of an experiment file, for editors. */
void ss_schema_json(struct ss_text *out);

/** Every key with type, default and help, as a man page section (troff) or as plain lines for --help. */
void ss_schema_troff(struct ss_text *out);
void ss_schema_help(struct ss_text *out);

/** All dotted key names, for shell completion; borrowed, static. */
const char *const *ss_schema_keys(size_t *count);

/** The names that an enum key or true and false take, for shell completion after "key="; borrowed, static;
 * NULL and 0 for any other key. */
const char *const *ss_schema_values(const char *key, size_t *count);

/** Name of an enum value as it is written in files ("ssm_vr"). Never NULL. */
const char *ss_source_name(enum ss_source v);
const char *ss_transform_name(enum ss_transform_kind v);
const char *ss_model_name(enum ss_model_kind v);
const char *ss_activation_name(enum ss_activation v);
const char *ss_quadratic_name(enum ss_quadratic v);
const char *ss_objective_name(enum ss_objective_kind v);
const char *ss_slices_name(enum ss_slices v);
const char *ss_optimizer_name(enum ss_optimizer_kind v);
const char *ss_schedule_name(enum ss_schedule_kind v);
const char *ss_plan_name(enum ss_plan_kind v);
const char *ss_gemm_name(enum ss_gemm_kind v);
const char *ss_sampler_name(enum ss_sampler_kind v);
const char *ss_start_name(enum ss_start v);
const char *ss_study_name(enum ss_study_kind v);
const char *ss_separator_name(enum ss_separator v);
const char *ss_residence_name(enum ss_residence v);

#endif
