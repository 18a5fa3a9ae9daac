/*
 * study.h - statements of the theory computed: `slicescore study`. Each kind fills a table, and pictures of
 * it if there is a folder for them; the statement is compared with what else is known about it by whoever
 * reads the table.
 *
 *   estimates   repeatedly draw N rows and M slices, fit the model, and compare the spread of the estimates
 * with their standard errors, for exact score matching and each law of slices slices      variance of loss
 * and gradient over slices, for each law and variant, at the initial weights or train.start terms tr(Ds) and
 * 1/2 |s|^2 of a gaussian of each variance, on the training rows parts       E[s_model s_data] = boundary -
 * E[s_model'], on intervals that grow, in one column smoothing   KL divergence and Fisher divergence of two
 * mixtures in one column, both smoothed by noise of variance t efficiency  asymptotic variances of score
 * matching and maximum likelihood, for an energy in one column
 *   race        train by esm, ssm and ssm_vr from the same weights; the exact loss on held-out rows by step
 * and by time
 */
#ifndef SS_RUN_STUDY_H
#define SS_RUN_STUDY_H

#include "base/text.h"
#include "run/setting.h"

enum { SS_STUDY_COLUMNS = 12 };

struct ss_study_row {
    char label[64];
    double values[SS_STUDY_COLUMNS];
};

struct ss_study_table {
    const char *label;                     /* heading of the labels */
    const char *columns[SS_STUDY_COLUMNS]; /* of the values, literals */
    size_t n_columns;
    struct ss_study_row *rows;
    size_t n_rows, capacity;
};

/**
 * @param setting  of an experiment with a `study` block
 * @param folder   for pictures, exists; NULL: none
 * @return SS_ERR_USAGE: the kind does not suit the experiment's data or model
 */
SS_MUST_CHECK enum ss_status ss_study_run(const struct ss_setting *setting, const char *folder,
                                          struct ss_study_table *out);
void ss_study_table_release(struct ss_study_table *t);

/** The table for people and for awk: headings and one line a row, blanks between; as CSV; and as JSON
 * {"study", "columns", "rows": [[label, number, ...], ...]}. */
void ss_study_table_text(const struct ss_study_table *t, struct ss_text *out);
void ss_study_table_csv(const struct ss_study_table *t, struct ss_text *out);
void ss_study_table_json(const struct ss_study_table *t, const char *kind, struct ss_text *out);

#endif
