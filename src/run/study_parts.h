/* study_parts.h - what the kinds of study share, each in a file of its own. */
#ifndef SS_RUN_STUDY_PARTS_H
#define SS_RUN_STUDY_PARTS_H

#include "jet/reference.h"
#include "report/picture.h"
#include "run/study.h"

enum ss_status ss_study_estimates(const struct ss_setting *s, const char *folder, struct ss_study_table *t);
enum ss_status ss_study_slices(const struct ss_setting *s, const char *folder, struct ss_study_table *t);
enum ss_status ss_study_terms(const struct ss_setting *s, const char *folder, struct ss_study_table *t);
enum ss_status ss_study_integration(const struct ss_setting *s, const char *folder, struct ss_study_table *t);
enum ss_status ss_study_smoothing(const struct ss_setting *s, const char *folder, struct ss_study_table *t);
enum ss_status ss_study_race(const struct ss_setting *s, const char *folder, struct ss_study_table *t);
enum ss_status ss_study_efficiency(const struct ss_setting *s, const char *folder, struct ss_study_table *t);

/** The setting's model in double on the host, at parameters of the caller's. */
struct ss_study_model {
    struct ss_reference *graph;
    size_t n, dimension;
    double *flat;  /* as ss_reference_jet takes it; parameter i is flat[place[i]] */
    size_t *place; /* n */
};

/** With study.parameters. SS_ERR_USAGE: no energy, or not as many parameters as the model has. */
SS_MUST_CHECK enum ss_status ss_study_model_init(const struct ss_setting *s,
                                                 const struct ss_numbers *parameters,
                                                 struct ss_study_model *out);
void ss_study_model_release(struct ss_study_model *m);

/** E, E' and E'' at x, along +1, in one column. */
void ss_study_energy(const struct ss_study_model *m, double x, double out[3]);

/** Add a row; its values are the caller's to set. */
SS_MUST_CHECK enum ss_status ss_study_row(struct ss_study_table *t, const char *label,
                                          struct ss_study_row **out);

/** A column as an array of n_rows, the caller's to free; only rows of `label` unless NULL, *n of them. */
SS_MUST_CHECK enum ss_status ss_study_column(const struct ss_study_table *t, size_t column, const char *label,
                                             double **out, size_t *n);

/** study.counts, or what stands for them. */
SS_MUST_CHECK enum ss_status ss_study_counts(const struct ss_study_options *o, double out[32], size_t *n);

/** Value number i of study.points from low to high; `geometric`: at equal ratios. */
double ss_study_point(const struct ss_study_options *o, uint32_t i, bool geometric);

/** Pictures go to folder/NAME.svg and .png; nothing without a folder. */
SS_MUST_CHECK enum ss_status ss_study_draw(const char *folder, const char *name,
                                           const struct ss_line_chart *charts, size_t n);

#endif
