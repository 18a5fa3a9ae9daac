/*
 * experiment.h - one experiment as plain data: what a YAML file, its overrides and the defaults come to.
 *
 * Made by ss_experiment_load() (config/config.h), never changed afterwards. Every pointer is owned by the
 * experiment; strings may be NULL where "unset" has a meaning of its own. Rooms above take the part they need
 * by const pointer.
 */
#ifndef SS_CONFIG_EXPERIMENT_H
#define SS_CONFIG_EXPERIMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Order of the enums = order of the names in config/schema.c. */
enum ss_source {                 /* data.source */
                 SS_SOURCE_NONE, /* no data block, or data.file */
                 SS_SOURCE_GAUSSIAN,
                 SS_SOURCE_GMM,
                 SS_SOURCE_8GAUSSIANS,
                 SS_SOURCE_TWO_MOONS,
                 SS_SOURCE_SWISS_ROLL,
                 SS_SOURCE_CHECKERBOARD,
                 SS_SOURCE_PINWHEEL,
                 SS_SOURCE_RINGS,
                 SS_SOURCE_TWO_SPIRALS,
                 SS_SOURCE_FUNNEL,
                 SS_SOURCE_STUDENT,
                 SS_SOURCE_MNIST,
                 SS_SOURCE_FASHION_MNIST
};
enum ss_duplicates { SS_DUPLICATES_KEEP, SS_DUPLICATES_DROP };
enum ss_missing { SS_MISSING_ERROR, SS_MISSING_DROP, SS_MISSING_MEAN };
enum ss_separator {
    SS_SEPARATOR_AUTO,
    SS_SEPARATOR_COMMA,
    SS_SEPARATOR_SEMICOLON,
    SS_SEPARATOR_TAB,
    SS_SEPARATOR_BLANKS
};
enum ss_header { SS_HEADER_AUTO, SS_HEADER_YES, SS_HEADER_NO };
enum ss_statistics { SS_STATISTICS_TRAIN, SS_STATISTICS_ALL }; /* rows that transforms are fitted on */
enum ss_residence {
    SS_RESIDENCE_AUTO,
    SS_RESIDENCE_DEVICE,
    SS_RESIDENCE_HOST
}; /* data.memory: where training rows live */

enum ss_transform_kind {
    SS_TRANSFORM_KEEP,            /* names: columns by name or number */
    SS_TRANSFORM_DROP,            /* names */
    SS_TRANSFORM_DROP_CORRELATED, /* value: drop a column while any |correlation| exceeds it (default 0.98) */
    SS_TRANSFORM_STANDARDIZE,
    SS_TRANSFORM_WHITEN,     /* value: relative ridge added to the eigenvalues (default 0) */
    SS_TRANSFORM_DEQUANTIZE, /* value: levels (default 256 for images, else the column's smallest gap): x ->
                                [0, 1) for images */
    SS_TRANSFORM_LOGIT,      /* value: alpha, x -> logit(alpha + (1 - 2 alpha) x) (default 1e-6) */
    SS_TRANSFORM_NOISE,      /* value: sigma of gaussian noise, in the units reached so far */
    SS_TRANSFORM_PERMUTE     /* value < 0: output i is column numbers[i]; else value is the seed of a random
                                permutation */
};

enum ss_model_kind { SS_MODEL_ENERGY, SS_MODEL_SCORE, SS_MODEL_GAUSSIAN, SS_MODEL_POLYNOMIAL };
enum ss_activation {
    SS_ACTIVATION_SOFTPLUS,
    SS_ACTIVATION_TANH,
    SS_ACTIVATION_SILU,
    SS_ACTIVATION_SIGMOID,
    SS_ACTIVATION_GELU,
    SS_ACTIVATION_SIN,
    SS_ACTIVATION_ELU,
    SS_ACTIVATION_RELU,
    SS_ACTIVATION_EXP,        /* from here on for graphs only, not in files: kernels, */
    SS_ACTIVATION_HALF_SQUARE /* quadratic forms */
};
enum ss_quadratic { SS_QUADRATIC_NONE, SS_QUADRATIC_DIAGONAL, SS_QUADRATIC_FULL };
enum ss_objective_kind { SS_OBJECTIVE_ESM, SS_OBJECTIVE_SSM, SS_OBJECTIVE_SSM_VR, SS_OBJECTIVE_DSM };
enum ss_control_variate { SS_CONTROL_FIXED, SS_CONTROL_ESTIMATED }; /* objective.control_variate */
enum ss_slices { SS_SLICES_RADEMACHER, SS_SLICES_GAUSSIAN, SS_SLICES_SPHERE, SS_SLICES_ORTHOGONAL };
enum ss_optimizer_kind { SS_OPTIMIZER_ADAM, SS_OPTIMIZER_ADAMW, SS_OPTIMIZER_RMSPROP, SS_OPTIMIZER_SGD };
enum ss_schedule_kind { SS_SCHEDULE_CONSTANT, SS_SCHEDULE_COSINE, SS_SCHEDULE_STEP, SS_SCHEDULE_LINEAR };
enum ss_nonfinite { SS_NONFINITE_STOP, SS_NONFINITE_SKIP };
enum ss_plan_kind { SS_PLAN_AUTO, SS_PLAN_FUSED, SS_PLAN_LAYERED };
enum ss_gemm_kind { SS_GEMM_AUTO, SS_GEMM_CLBLAST, SS_GEMM_OWN };
enum ss_sampler_kind { SS_SAMPLER_LANGEVIN, SS_SAMPLER_MALA, SS_SAMPLER_HMC };
enum ss_study_kind { /* study.kind */
                     SS_STUDY_ESTIMATES,
                     SS_STUDY_SLICES,
                     SS_STUDY_TERMS,
                     SS_STUDY_PARTS,
                     SS_STUDY_SMOOTHING,
                     SS_STUDY_EFFICIENCY,
                     SS_STUDY_RACE
};
enum ss_start { SS_START_AUTO, SS_START_NOISE, SS_START_DATA }; /* sample.start: where chains begin */

enum ss_log_z { SS_LOG_Z_AUTO, SS_LOG_Z_ANNEALING, SS_LOG_Z_NONE }; /* evaluate.log_z */

struct ss_names {
    char **items; /* column names, or numbers from 0 as written */
    size_t count;
};

struct ss_numbers {
    double *items;
    size_t count;
};

struct ss_transform_options {
    enum ss_transform_kind kind;
    double value; /* NAN = the kind's default (never for permute) */
    struct ss_names names;
    struct ss_numbers numbers;
};

struct ss_component {       /* of source gmm */
    double weight;          /* > 0, relative to the others' */
    struct ss_numbers mean; /* D numbers */
    struct ss_numbers
        covariance; /* D x D row-major, or D (diagonal), or 1 (times the identity); empty = identity */
};

struct ss_data_options {
    enum ss_source source;
    char *file;   /* absolute path (found relative to the YAML file, else in SLICESCORE_DATA), NULL without
                     data.file */
    char *folder; /* of the YAML file: where else relative names are looked for */
    uint32_t
        rows; /* of a synthetic set (default 10000); of a known set or a file 0 = all, else the first n */
    uint32_t dimension;              /* gaussian, gmm, funnel, student; default 2 */
    uint32_t degrees;                /* of freedom, student */
    double noise;                    /* of a synthetic set: NAN = the set's own default */
    struct ss_numbers mean;          /* gaussian: D numbers, empty = 0 */
    struct ss_numbers covariance;    /* gaussian: as in struct ss_component */
    struct ss_component *components; /* gmm; NULL = a default of 5 seeded components */
    size_t n_components;
    struct ss_names keep, drop; /* data.columns */
    enum ss_header header;
    enum ss_separator separator;
    enum ss_duplicates duplicates;
    enum ss_missing missing;
    double validation, test; /* fractions of the rows, sum < 1 */
    enum ss_statistics statistics;
    enum ss_residence memory;
    struct ss_transform_options *transforms;
    size_t n_transforms;
    bool transforms_given; /* false: the default for the kind of data is put in by data/dataset.c */
};

enum { SS_MAX_LAYERS = 64 };

struct ss_model_options {
    enum ss_model_kind kind;
    uint32_t hidden[SS_MAX_LAYERS];
    size_t n_hidden; /* 0 = linear in x, or only the quadratic term */
    enum ss_activation activation;
    bool residual; /* h + f(W h + b) wherever widths agree */
    enum ss_quadratic quadratic;
    uint32_t degree; /* polynomial */
};

struct ss_objective_options {
    enum ss_objective_kind kind;
    enum ss_slices slices;
    uint32_t count;                  /* M */
    enum ss_control_variate control; /* ssm_vr: how much of the control variate is taken */
    double sigma;                    /* dsm */
};

struct ss_train_options {
    uint64_t steps; /* 0 if given as epochs */
    double epochs;  /* 0 if given as steps */
    uint32_t batch;
    enum ss_optimizer_kind optimizer;
    double learning_rate;
    double momentum;     /* sgd, rmsprop; 0 for others */
    double beta1, beta2; /* adam, adamw */
    double decay;        /* rmsprop's smoothing */
    double epsilon;
    double weight_decay; /* adamw: decoupled; adam, sgd, rmsprop: L2 */
    enum ss_schedule_kind schedule;
    uint64_t warmup;         /* steps of linear warm-up */
    uint64_t schedule_every; /* step: steps between drops */
    double schedule_factor;  /* step: factor of a drop; cosine, linear: final fraction of the learning rate */
    double clip;             /* global gradient norm, 0 = off */
    double average;          /* decay of the moving average, 0 = off */
    enum ss_nonfinite nonfinite;
    uint32_t patience;         /* early stopping: evaluations without improvement, 0 = off */
    uint64_t checkpoint_every; /* steps, 0 = only at the end */
    uint32_t checkpoint_keep;
    uint64_t report_every; /* train.metrics: steps between rows of metrics.jsonl */
    bool tensorboard;      /* the same rows as TensorBoard's event files */
    char *start;           /* RUN or .safetensors, absolute path, or NULL */
};

struct ss_engine_options {
    enum ss_plan_kind plan;
    enum ss_gemm_kind gemm;
    char plan_given[128]; /* where: "mine.yaml:4: engine.plan", "bench: --plan"; "": engine.plan, nowhere
                             special */
};

struct ss_annealing_sizes { /* of annealed importance sampling */
    uint32_t chains;
    uint32_t temperatures; /* steps from a Gaussian to the model */
    uint32_t leapfrog;     /* at most so many in a step */
};

struct ss_evaluate_options {
    uint64_t every; /* steps, 0 = only at the end */
    uint64_t rows;  /* at most so many held-out rows */
    enum ss_log_z log_z;
    struct ss_annealing_sizes annealing;
};

struct ss_sample_options {
    bool wanted;    /* a `sample` block, or one or two columns (decided in run/) */
    bool given;     /* the file has the block */
    uint32_t count; /* chains = samples */
    enum ss_sampler_kind sampler;
    enum ss_start start;
    uint32_t warmup; /* mala, hmc: steps before `steps` in which step_size is adapted */
    double target;   /* mala, hmc: acceptance rate that it is adapted to */
    uint32_t steps;
    uint32_t leapfrog; /* hmc */
    double step_size;
};

struct ss_study_options { /* for `slicescore study`; which keys a kind uses is in the schema */
    bool given;           /* the file has the block */
    enum ss_study_kind kind;
    uint32_t repeats;
    struct ss_numbers rows, counts;               /* empty: the kind's own */
    struct ss_numbers parameters;                 /* of the model, in the order of its tensors */
    uint32_t vary;                                /* which of them goes from low to high */
    struct ss_numbers weights, means, deviations; /* of a mixture in one dimension */
    double low, high;
    uint32_t points;
};

struct ss_origins; /* config/'s own: where each value was given */

struct ss_experiment {
    char *name; /* default: the file's name without .yaml */
    char *path; /* the YAML file */
    uint32_t seed;
    char *device; /* NULL if unset */
    bool has_data, has_model, has_objective;
    struct ss_data_options data;
    struct ss_model_options model;
    struct ss_objective_options objective;
    struct ss_train_options train;
    struct ss_engine_options engine;
    struct ss_evaluate_options evaluate;
    struct ss_sample_options sample;
    struct ss_study_options study;
    struct ss_origins *origins; /* NULL is fine: an experiment that was not loaded */
};

#endif
