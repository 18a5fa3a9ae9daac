/*
 * schema_keys.h - every key of an experiment file, once. Validation, defaults, overrides, the resolved file,
 * --help, the man page, completion and the JSON Schema all come from this list; a new key is one entry here
 * and one field in experiment.h.
 *
 *   KEY(id, "dotted.name", type, field, enum table, lowest, highest, "default" or NULL, selector, users,
 * "help")
 *
 * The kinds of block come before what is in them. A range starts above `lowest` where the type says so
 * (ABOVE), and ends below `highest` (BELOW). A selector is the enum key whose value decides whether a key is
 * used; `users` has the bits of the values that use it. Defaults that depend on the selector's value too are
 * in SS_DEFAULTS below.
 */
#ifndef SS_CONFIG_SCHEMA_KEYS_H
#define SS_CONFIG_SCHEMA_KEYS_H

#include "config/experiment.h"

#define SS_BIT(value) (1u << (value))
#define SS_EVERY ~0u
#define SS_ALWAYS SS_KEY_NONE, SS_EVERY
#define SS_WITH(selector, users) SS_KEY_##selector, (users)

#define SS_FROM_FILE SS_BIT(SS_SOURCE_NONE)
#define SS_PLANAR                                                                                \
    (SS_BIT(SS_SOURCE_8GAUSSIANS) | SS_BIT(SS_SOURCE_TWO_MOONS) | SS_BIT(SS_SOURCE_SWISS_ROLL) | \
     SS_BIT(SS_SOURCE_CHECKERBOARD) | SS_BIT(SS_SOURCE_PINWHEEL) | SS_BIT(SS_SOURCE_RINGS) |     \
     SS_BIT(SS_SOURCE_TWO_SPIRALS))
#define SS_ANY_DIMENSION                                                             \
    (SS_BIT(SS_SOURCE_GAUSSIAN) | SS_BIT(SS_SOURCE_GMM) | SS_BIT(SS_SOURCE_FUNNEL) | \
     SS_BIT(SS_SOURCE_STUDENT))
#define SS_SYNTHETIC (SS_PLANAR | SS_ANY_DIMENSION)
#define SS_NETS (SS_BIT(SS_MODEL_ENERGY) | SS_BIT(SS_MODEL_SCORE))
#define SS_ENERGIES (SS_BIT(SS_MODEL_ENERGY) | SS_BIT(SS_MODEL_GAUSSIAN))
#define SS_SLICED (SS_BIT(SS_OBJECTIVE_SSM) | SS_BIT(SS_OBJECTIVE_SSM_VR))
#define SS_ADAMS (SS_BIT(SS_OPTIMIZER_ADAM) | SS_BIT(SS_OPTIMIZER_ADAMW))
#define SS_DROPPING (SS_BIT(SS_SCHEDULE_STEP) | SS_BIT(SS_SCHEDULE_COSINE) | SS_BIT(SS_SCHEDULE_LINEAR))

#define SS_TESTED (SS_BIT(SS_SAMPLER_MALA) | SS_BIT(SS_SAMPLER_HMC))

#define SS_REPEATED (SS_BIT(SS_STUDY_ESTIMATES) | SS_BIT(SS_STUDY_SLICES))
#define SS_AT_A_POINT (SS_BIT(SS_STUDY_PARTS) | SS_BIT(SS_STUDY_EFFICIENCY))
#define SS_RANGED (SS_BIT(SS_STUDY_TERMS) | SS_BIT(SS_STUDY_SMOOTHING) | SS_AT_A_POINT)

#define SS_MAX_COUNT 1e15  /* steps and rows: far past any run, and exact in a double */
#define SS_MAX_NUMBER 1e30 /* a float, squared or not, has to hold what comes of it */

/* clang-format off: one entry is one paragraph */
#define SS_KEYS(KEY)                                                                                         \
    KEY(NAME, "name", TEXT, name, NULL, 0, 0, NULL, SS_ALWAYS,                                               \
        "name of the run and of its folder; letters, digits, '.', '_' and '-'; unset: the file's name "      \
        "without .yaml")                                                                                     \
    KEY(SEED, "seed", INTEGER, seed, NULL, 0, UINT32_MAX, "1", SS_ALWAYS,                                    \
        "everything random follows from it")                                                                 \
    KEY(DEVICE, "device", TEXT, device, NULL, 0, 0, NULL, SS_ALWAYS,                                         \
        "OpenCL device: gpu, cpu, 0:1 or part of a name; --device and SLICESCORE_DEVICE come first")         \
    KEY(DATA, "data", BLOCK, has_data, NULL, 0, 0, NULL, SS_ALWAYS, "what to learn from")                    \
    KEY(DATA_SOURCE, "data.source", ENUM, data.source, &ss_sources, 0, 0, NULL, SS_ALWAYS,                   \
        "a synthetic set or a known data set; or give data.file")                                            \
    KEY(DATA_FILE, "data.file", PATH, data.file, NULL, 0, 0, NULL, SS_ALWAYS,                                \
        "CSV, NPY or IDX file; relative to the experiment file, then to SLICESCORE_DATA")                    \
    KEY(DATA_ROWS, "data.rows", INTEGER, data.rows, NULL, 0, UINT32_MAX, "0",                                \
        SS_WITH(DATA_SOURCE, SS_EVERY),                                                                      \
        "rows to draw from a synthetic set; of a file or known set only the first so many, 0 = all")         \
    KEY(DATA_DIMENSION, "data.dimension", INTEGER, data.dimension, NULL, 1, 65536, "2",                      \
        SS_WITH(DATA_SOURCE, SS_ANY_DIMENSION),                                                              \
        "columns; follows from mean, covariance or components if these are given")                           \
    KEY(DATA_DEGREES, "data.degrees", INTEGER, data.degrees, NULL, 1, 100, "3",                              \
        SS_WITH(DATA_SOURCE, SS_BIT(SS_SOURCE_STUDENT)), "degrees of freedom: the fewer, the heavier tails") \
    KEY(DATA_NOISE, "data.noise", NUMBER, data.noise, NULL, 0, SS_MAX_NUMBER, NULL,                          \
        SS_WITH(DATA_SOURCE, SS_PLANAR),                                                                     \
        "standard deviation of the noise around the shape; unset: the set's own")                            \
    KEY(DATA_MEAN, "data.mean", NUMBERS, data.mean, NULL, 0, 0, NULL,                                        \
        SS_WITH(DATA_SOURCE, SS_BIT(SS_SOURCE_GAUSSIAN)), "one number for each dimension; unset: 0")         \
    KEY(DATA_COVARIANCE, "data.covariance", MATRIX, data.covariance, NULL, 0, 0, NULL,                       \
        SS_WITH(DATA_SOURCE, SS_BIT(SS_SOURCE_GAUSSIAN)),                                                    \
        "rows of a matrix, or its diagonal, or one number times the identity; unset: the identity")          \
    KEY(DATA_COMPONENTS, "data.components", COMPONENTS, data.components, NULL, 0, 0, NULL,                   \
        SS_WITH(DATA_SOURCE, SS_BIT(SS_SOURCE_GMM)),                                                         \
        "list of {weight, mean, covariance}; weights are relative; unset: five seeded components")           \
    KEY(DATA_COLUMNS, "data.columns", BLOCK, data.keep, NULL, 0, 0, NULL, SS_ALWAYS,                         \
        "which columns to use: keep or drop")                                                                \
    KEY(DATA_COLUMNS_KEEP, "data.columns.keep", NAMES, data.keep, NULL, 1, 0, NULL, SS_ALWAYS,               \
        "columns to use, by name or by number from 0")                                                       \
    KEY(DATA_COLUMNS_DROP, "data.columns.drop", NAMES, data.drop, NULL, 0, 0, NULL, SS_ALWAYS,               \
        "columns to leave out, by name or by number from 0")                                                 \
    KEY(DATA_HEADER, "data.header", ENUM, data.header, &ss_headers, 0, 0, "auto",                            \
        SS_WITH(DATA_SOURCE, SS_FROM_FILE), "whether a CSV file's first line names the columns")             \
    KEY(DATA_SEPARATOR, "data.separator", ENUM, data.separator, &ss_separators, 0, 0, "auto",                \
        SS_WITH(DATA_SOURCE, SS_FROM_FILE), "what stands between the cells of a CSV file")                   \
    KEY(DATA_DUPLICATES, "data.duplicates", ENUM, data.duplicates, &ss_duplicates_names, 0, 0, "keep",       \
        SS_ALWAYS, "rows that occur more than once; dropped before the split")                               \
    KEY(DATA_MISSING, "data.missing", ENUM, data.missing, &ss_missings, 0, 0, "error",                       \
        SS_WITH(DATA_SOURCE, SS_FROM_FILE),                                                                  \
        "empty cells: an error that names them, drop the row, or the column's mean")                         \
    KEY(DATA_SPLIT, "data.split", BLOCK, data.validation, NULL, 0, 0, NULL, SS_ALWAYS,                       \
        "parts held out of training")                                                                        \
    KEY(DATA_SPLIT_VALIDATION, "data.split.validation", NUMBER_BELOW, data.validation, NULL, 0, 1, "0.1",    \
        SS_ALWAYS, "fraction of the rows that choose the best weights")                                      \
    KEY(DATA_SPLIT_TEST, "data.split.test", NUMBER_BELOW, data.test, NULL, 0, 1, "0.1", SS_ALWAYS,           \
        "fraction of the rows for the final figures")                                                        \
    KEY(DATA_STATISTICS, "data.statistics", ENUM, data.statistics, &ss_statistics_names, 0, 0, "train",      \
        SS_ALWAYS, "rows that transforms are fitted on")                                                     \
    KEY(DATA_MEMORY, "data.memory", ENUM, data.memory, &ss_residences, 0, 0, "auto", SS_ALWAYS,              \
        "where training rows live; auto: on the device if they fit")                                         \
    KEY(DATA_TRANSFORM, "data.transform", TRANSFORMS, data.transforms, NULL, 0, 0, NULL, SS_ALWAYS,          \
        "list, in order: standardize, {whiten: 0}, {noise: 0.05}, {dequantize: 256}, {logit: 1e-6}, "        \
        "{drop_correlated: 0.98}, {keep: [a, b]}, {drop: [c]}, {permute: random}; unset: [standardize] for " \
        "tables, "                                                                                           \
        "[dequantize] for images, [] for synthetic sets")                                                    \
    KEY(MODEL, "model", BLOCK, has_model, NULL, 0, 0, NULL, SS_ALWAYS, "what to train")                      \
    KEY(MODEL_KIND, "model.kind", ENUM, model.kind, &ss_models, 0, 0, "energy", SS_ALWAYS,                   \
        "energy: E(x), log p = -E + constant; score: a vector field; gaussian: mean and precision; "         \
        "polynomial: E(x) = sum over columns d and k up to the degree of c[k][d] x_d^k")                     \
    KEY(MODEL_HIDDEN, "model.hidden", WIDTHS, model.hidden, NULL, 1, 65536, "[128, 128]",                    \
        SS_WITH(MODEL_KIND, SS_NETS), "widths of the hidden layers, first to last; [] = none")               \
    KEY(MODEL_ACTIVATION, "model.activation", ENUM, model.activation, &ss_activations, 0, 0, "silu",         \
        SS_WITH(MODEL_KIND, SS_NETS),                                                                        \
        "function after each hidden layer; elu and relu are not smooth enough for most objectives")          \
    KEY(MODEL_RESIDUAL, "model.residual", BOOL, model.residual, NULL, 0, 0, "false",                         \
        SS_WITH(MODEL_KIND, SS_NETS), "h + f(W h + b) wherever widths agree")                                \
    KEY(MODEL_QUADRATIC, "model.quadratic", ENUM, model.quadratic, &ss_quadratics, 0, 0, "diagonal",         \
        SS_WITH(MODEL_KIND, SS_BIT(SS_MODEL_ENERGY)),                                                        \
        "adds 1/2 (x-mu)'LL'(x-mu), learned, so that the density can be normalized")                         \
    KEY(MODEL_DEGREE, "model.degree", INTEGER, model.degree, NULL, 2, 16, "4",                               \
        SS_WITH(MODEL_KIND, SS_BIT(SS_MODEL_POLYNOMIAL)), "highest power")                                   \
    KEY(OBJECTIVE, "objective", BLOCK, has_objective, NULL, 0, 0, NULL, SS_ALWAYS, "what to minimize")       \
    KEY(OBJECTIVE_KIND, "objective.kind", ENUM, objective.kind, &ss_objectives, 0, 0, "ssm_vr", SS_ALWAYS,   \
        "exact, sliced, sliced with reduced variance, or denoising score matching")                          \
    KEY(OBJECTIVE_SLICES, "objective.slices", ENUM, objective.slices, &ss_slices_names, 0, 0, "rademacher",  \
        SS_WITH(OBJECTIVE_KIND, SS_SLICED), "distribution of the directions")                                \
    KEY(OBJECTIVE_COUNT, "objective.count", INTEGER, objective.count, NULL, 1, 65536, "1",                   \
        SS_WITH(OBJECTIVE_KIND, SS_SLICED), "M, slices for each row")                                        \
    KEY(OBJECTIVE_CONTROL, "objective.control_variate", ENUM, objective.control, &ss_controls, 0, 0,         \
        "fixed", SS_WITH(OBJECTIVE_KIND, SS_BIT(SS_OBJECTIVE_SSM_VR)),                                       \
        "share of 1/2 (|s|^2 - (v.s)^2) added to ssm: all of it, or the share of least variance, estimated " \
        "in each step from other slices")                                                                    \
    KEY(OBJECTIVE_SIGMA, "objective.sigma", NUMBER_ABOVE, objective.sigma, NULL, 0, 1e6, "0.1",              \
        SS_WITH(OBJECTIVE_KIND, SS_BIT(SS_OBJECTIVE_DSM)),                                                   \
        "standard deviation of the noise, in transformed units")                                             \
    KEY(TRAIN, "train", BLOCK, train, NULL, 0, 0, NULL, SS_ALWAYS, "how to train")                           \
    KEY(TRAIN_STEPS, "train.steps", LONG, train.steps, NULL, 1, SS_MAX_COUNT, "5000", SS_ALWAYS,             \
        "optimizer steps; or give train.epochs")                                                             \
    KEY(TRAIN_EPOCHS, "train.epochs", NUMBER_ABOVE, train.epochs, NULL, 0, 1e9, NULL, SS_ALWAYS,             \
        "passes over the training rows, instead of train.steps")                                             \
    KEY(TRAIN_BATCH, "train.batch", INTEGER, train.batch, NULL, 1, 16777216, "128", SS_ALWAYS,               \
        "rows of a step")                                                                                    \
    KEY(TRAIN_OPTIMIZER, "train.optimizer", ENUM, train.optimizer, &ss_optimizers, 0, 0, "adam", SS_ALWAYS,  \
        "how weights follow the gradient")                                                                   \
    KEY(TRAIN_LEARNING_RATE, "train.learning_rate", NUMBER_ABOVE, train.learning_rate, NULL, 0,              \
        SS_MAX_NUMBER, "1e-3", SS_ALWAYS, "step size of the optimizer")                                      \
    KEY(TRAIN_MOMENTUM, "train.momentum", NUMBER_BELOW, train.momentum, NULL, 0, 1, "0.9",                   \
        SS_WITH(TRAIN_OPTIMIZER, SS_BIT(SS_OPTIMIZER_SGD) | SS_BIT(SS_OPTIMIZER_RMSPROP)),                   \
        "memory of past steps")                                                                              \
    KEY(TRAIN_BETA1, "train.beta1", NUMBER_BELOW, train.beta1, NULL, 0, 1, "0.9",                            \
        SS_WITH(TRAIN_OPTIMIZER, SS_ADAMS), "decay of the gradient's mean")                                  \
    KEY(TRAIN_BETA2, "train.beta2", NUMBER_BELOW, train.beta2, NULL, 0, 1, "0.999",                          \
        SS_WITH(TRAIN_OPTIMIZER, SS_ADAMS), "decay of the gradient's square")                                \
    KEY(TRAIN_DECAY, "train.decay", NUMBER_BELOW, train.decay, NULL, 0, 1, "0.99",                           \
        SS_WITH(TRAIN_OPTIMIZER, SS_BIT(SS_OPTIMIZER_RMSPROP)), "decay of the gradient's square")            \
    KEY(TRAIN_EPSILON, "train.epsilon", NUMBER_ABOVE, train.epsilon, NULL, 0, 1, "1e-8",                     \
        SS_WITH(TRAIN_OPTIMIZER, SS_ADAMS | SS_BIT(SS_OPTIMIZER_RMSPROP)), "keeps divisions away from 0")    \
    KEY(TRAIN_WEIGHT_DECAY, "train.weight_decay", NUMBER, train.weight_decay, NULL, 0, SS_MAX_NUMBER, "0",   \
        SS_WITH(TRAIN_OPTIMIZER, SS_EVERY),                                                                  \
        "pull of the weights to 0: decoupled for adamw, else part of the gradient")                          \
    KEY(TRAIN_SCHEDULE, "train.schedule", ENUM, train.schedule, &ss_schedules, 0, 0, "constant", SS_ALWAYS,  \
        "course of the learning rate")                                                                       \
    KEY(TRAIN_WARMUP, "train.warmup", LONG, train.warmup, NULL, 0, SS_MAX_COUNT, "0", SS_ALWAYS,             \
        "steps of linear rise of the learning rate at the start")                                            \
    KEY(TRAIN_SCHEDULE_EVERY, "train.schedule_every", LONG, train.schedule_every, NULL, 1, SS_MAX_COUNT,     \
        "1000", SS_WITH(TRAIN_SCHEDULE, SS_BIT(SS_SCHEDULE_STEP)), "steps between drops")                    \
    KEY(TRAIN_SCHEDULE_FACTOR, "train.schedule_factor", NUMBER, train.schedule_factor, NULL, 0, 1, "0",      \
        SS_WITH(TRAIN_SCHEDULE, SS_DROPPING),                                                                \
        "step: factor of each drop; cosine, linear: what is left of the learning rate at the end")           \
    KEY(TRAIN_CLIP, "train.clip", NUMBER, train.clip, NULL, 0, SS_MAX_NUMBER, "0", SS_ALWAYS,                \
        "largest norm of the whole gradient, 0 = off")                                                       \
    KEY(TRAIN_AVERAGE, "train.average", NUMBER_BELOW, train.average, NULL, 0, 1, "0.999", SS_ALWAYS,         \
        "decay of the moving average of the weights, 0 = off")                                               \
    KEY(TRAIN_NONFINITE, "train.nonfinite", ENUM, train.nonfinite, &ss_nonfinites, 0, 0, "stop", SS_ALWAYS,  \
        "what to do about a loss or gradient that is not finite: stop the run, or skip the step")            \
    KEY(TRAIN_PATIENCE, "train.patience", INTEGER, train.patience, NULL, 0, UINT32_MAX, "0", SS_ALWAYS,      \
        "early stopping: evaluations without a better held-out objective, 0 = off")                          \
    KEY(TRAIN_METRICS, "train.metrics", LONG, train.report_every, NULL, 1, SS_MAX_COUNT, "20", SS_ALWAYS,    \
        "steps between rows of metrics.jsonl")                                                               \
    KEY(TRAIN_TENSORBOARD, "train.tensorboard", BOOL, train.tensorboard, NULL, 0, 0, "false", SS_ALWAYS,     \
        "the same rows as event files too, for `tensorboard --logdir`")                                      \
    KEY(TRAIN_CHECKPOINT, "train.checkpoint", BLOCK, train.checkpoint_every, NULL, 0, 0, NULL, SS_ALWAYS,    \
        "what is saved on the way")                                                                          \
    KEY(TRAIN_CHECKPOINT_EVERY, "train.checkpoint.every", LONG, train.checkpoint_every, NULL, 0,             \
        SS_MAX_COUNT, "500", SS_ALWAYS, "steps between checkpoints, 0 = only at the end")                    \
    KEY(TRAIN_CHECKPOINT_KEEP, "train.checkpoint.keep", INTEGER, train.checkpoint_keep, NULL, 1, UINT32_MAX, \
        "3", SS_ALWAYS, "how many checkpoints are kept besides the best")                                    \
    KEY(TRAIN_START, "train.start", PATH, train.start, NULL, 0, 0, NULL, SS_ALWAYS,                          \
        "a run's folder or a .safetensors file to fine-tune from; relative as data.file")                    \
    KEY(ENGINE, "engine", BLOCK, engine, NULL, 0, 0, NULL, SS_ALWAYS, "how to compute")                      \
    KEY(ENGINE_PLAN, "engine.plan", ENUM, engine.plan, &ss_plans, 0, 0, "auto", SS_ALWAYS,                   \
        "one kernel for all layers, or one after the other")                                                 \
    KEY(ENGINE_GEMM, "engine.gemm", ENUM, engine.gemm, &ss_gemms, 0, 0, "auto", SS_ALWAYS,                   \
        "whose matrix products; auto: clblast on GPUs, own elsewhere")                                       \
    KEY(EVALUATE, "evaluate", BLOCK, evaluate, NULL, 0, 0, NULL, SS_ALWAYS, "figures on held-out rows")      \
    KEY(EVALUATE_EVERY, "evaluate.every", LONG, evaluate.every, NULL, 0, SS_MAX_COUNT, "500", SS_ALWAYS,     \
        "steps between evaluations, 0 = only at the end")                                                    \
    KEY(EVALUATE_ROWS, "evaluate.rows", LONG, evaluate.rows, NULL, 1, SS_MAX_COUNT, "2000", SS_ALWAYS,       \
        "at most so many held-out rows")                                                                     \
    KEY(EVALUATE_LOG_Z, "evaluate.log_z", ENUM, evaluate.log_z, &ss_log_zs, 0, 0, "auto",                    \
        SS_WITH(MODEL_KIND, SS_ENERGIES),                                                                    \
        "how energies are normalized. auto: by quadrature in one and two columns, in more by annealing "     \
        "when "                                                                                              \
        "`slicescore evaluate` is asked, which takes long; annealing: at the end of a run too; none")        \
    KEY(EVALUATE_ANNEALING, "evaluate.annealing", BLOCK, evaluate.annealing, NULL, 0, 0, NULL, SS_ALWAYS,    \
        "annealed importance sampling of log Z")                                                             \
    KEY(EVALUATE_ANNEALING_CHAINS, "evaluate.annealing.chains", INTEGER, evaluate.annealing.chains, NULL, 2, \
        16777216, "512", SS_ALWAYS, "chains, each of which gives one weight")                                \
    KEY(EVALUATE_ANNEALING_TEMPERATURES, "evaluate.annealing.temperatures", INTEGER,                         \
        evaluate.annealing.temperatures, NULL, 1, 10000000, "1000", SS_ALWAYS,                               \
        "steps from a Gaussian to the model, and back")                                                      \
    KEY(EVALUATE_ANNEALING_LEAPFROG, "evaluate.annealing.leapfrog", INTEGER, evaluate.annealing.leapfrog,    \
        NULL, 1, 10000, "5", SS_ALWAYS,                                                                      \
        "leapfrog steps of Hamiltonian Monte Carlo at each temperature: at most so many, at least half")     \
    KEY(SAMPLE, "sample", BLOCK, sample.given, NULL, 0, 0, NULL, SS_ALWAYS,                                  \
        "samples at the end; without this block only where the data has one or two columns")                 \
    KEY(SAMPLE_COUNT, "sample.count", INTEGER, sample.count, NULL, 1, 16777216, "2000", SS_ALWAYS,           \
        "chains, each of which gives one sample")                                                            \
    KEY(SAMPLE_SAMPLER, "sample.sampler", ENUM, sample.sampler, &ss_samplers, 0, 0, "langevin", SS_ALWAYS,   \
        "mala adds a Metropolis test, hmc (Hamiltonian Monte Carlo) longer paths too; both need a density: " \
        "not for score nets")                                                                                \
    KEY(SAMPLE_START, "sample.start", ENUM, sample.start, &ss_starts, 0, 0, "auto", SS_ALWAYS,               \
        "where chains begin")                                                                                \
    KEY(SAMPLE_WARMUP, "sample.warmup", INTEGER, sample.warmup, NULL, 0, 1e9, "200",                         \
        SS_WITH(SAMPLE_SAMPLER, SS_TESTED),                                                                  \
        "steps before the others, in which step_size is adapted to sample.acceptance; 0 = it stays")         \
    KEY(SAMPLE_ACCEPTANCE, "sample.acceptance", NUMBER, sample.target, NULL, 0.01, 0.999, "0.8",             \
        SS_WITH(SAMPLE_SAMPLER, SS_TESTED), "acceptance rate that the warm-up aims at")                      \
    KEY(SAMPLE_STEPS, "sample.steps", INTEGER, sample.steps, NULL, 1, UINT32_MAX, "1000", SS_ALWAYS,         \
        "steps of a chain")                                                                                  \
    KEY(SAMPLE_LEAPFROG, "sample.leapfrog", INTEGER, sample.leapfrog, NULL, 1, 10000, "10",                  \
        SS_WITH(SAMPLE_SAMPLER, SS_BIT(SS_SAMPLER_HMC)),                                                     \
        "leapfrog steps, each of size sqrt(2 step_size), that make a step: at most so many, at least half")  \
    KEY(SAMPLE_STEP_SIZE, "sample.step_size", NUMBER_ABOVE, sample.step_size, NULL, 0, SS_MAX_NUMBER,        \
        "1e-2", SS_ALWAYS, "size of a step, in transformed units squared; a warm-up begins with it")         \
    KEY(STUDY, "study", BLOCK, study.given, NULL, 0, 0, NULL, SS_ALWAYS,                                     \
        "a statement of the theory to be computed by `slicescore study`")                                    \
    KEY(STUDY_KIND, "study.kind", ENUM, study.kind, &ss_studies, 0, 0, "estimates", SS_ALWAYS,               \
        "estimates: spread and standard errors of fitted parameters; slices: variance by law of the "        \
        "slices; "                                                                                           \
        "terms: the objective's two terms; parts: integration by parts; smoothing: Fisher divergence as "    \
        "slope of KL; efficiency: against maximum likelihood; race: esm, ssm and ssm_vr side by side")       \
    KEY(STUDY_REPEATS, "study.repeats", INTEGER, study.repeats, NULL, 2, 1000000, "200",                     \
        SS_WITH(STUDY_KIND, SS_REPEATED), "how often everything random is drawn anew")                       \
    KEY(STUDY_ROWS, "study.rows", NUMBERS, study.rows, NULL, 0, 0, NULL,                                     \
        SS_WITH(STUDY_KIND, SS_BIT(SS_STUDY_ESTIMATES)), "numbers of rows N; unset: [100, 300, 1000, 3000]") \
    KEY(STUDY_COUNTS, "study.counts", NUMBERS, study.counts, NULL, 0, 0, NULL,                               \
        SS_WITH(STUDY_KIND, SS_REPEATED), "numbers of slices M; unset: [1, 2, 4, 8]")                        \
    KEY(STUDY_PARAMETERS, "study.parameters", NUMBERS, study.parameters, NULL, 0, 0, NULL,                   \
        SS_WITH(STUDY_KIND, SS_AT_A_POINT), "all parameters of the model, in the order of its tensors")      \
    KEY(STUDY_VARY, "study.vary", INTEGER, study.vary, NULL, 0, 65535, "0",                                  \
        SS_WITH(STUDY_KIND, SS_BIT(SS_STUDY_EFFICIENCY)),                                                    \
        "which of the parameters, from 0, goes from low to high")                                            \
    KEY(STUDY_WEIGHTS, "study.weights", NUMBERS, study.weights, NULL, 0, 0, NULL,                            \
        SS_WITH(STUDY_KIND, SS_BIT(SS_STUDY_SMOOTHING)), "of the second mixture; unset: all alike")          \
    KEY(STUDY_MEANS, "study.means", NUMBERS, study.means, NULL, 0, 0, NULL,                                  \
        SS_WITH(STUDY_KIND, SS_BIT(SS_STUDY_SMOOTHING)), "of the second mixture; unset: [0]")                \
    KEY(STUDY_DEVIATIONS, "study.deviations", NUMBERS, study.deviations, NULL, 0, 0, NULL,                   \
        SS_WITH(STUDY_KIND, SS_BIT(SS_STUDY_SMOOTHING)),                                                     \
        "standard deviations of the second mixture; unset: 1 each")                                          \
    KEY(STUDY_LOW, "study.low", NUMBER, study.low, NULL, -1e6, 1e6, "0.2", SS_WITH(STUDY_KIND, SS_RANGED),   \
        "first variance (terms), half width (parts), variance of the noise (smoothing) or parameter")        \
    KEY(STUDY_HIGH, "study.high", NUMBER, study.high, NULL, -1e6, 1e6, "3", SS_WITH(STUDY_KIND, SS_RANGED),  \
        "and the last")                                                                                      \
    KEY(STUDY_POINTS, "study.points", INTEGER, study.points, NULL, 2, 10000, "31",                           \
        SS_WITH(STUDY_KIND, SS_RANGED), "how many from low to high")

/* DEFAULT(key, values of its selector, "default") */
#define SS_DEFAULTS(DEFAULT)                                                                          \
    DEFAULT(DATA_ROWS, SS_SYNTHETIC, "10000")                                                         \
    DEFAULT(MODEL_QUADRATIC,                                                                          \
            SS_BIT(SS_MODEL_SCORE) | SS_BIT(SS_MODEL_GAUSSIAN) | SS_BIT(SS_MODEL_POLYNOMIAL), "none") \
    DEFAULT(TRAIN_MOMENTUM, SS_ADAMS | SS_BIT(SS_OPTIMIZER_RMSPROP), "0")                             \
    DEFAULT(TRAIN_WEIGHT_DECAY, SS_BIT(SS_OPTIMIZER_ADAMW), "0.01")                                   \
    DEFAULT(TRAIN_SCHEDULE_FACTOR, SS_BIT(SS_SCHEDULE_STEP), "0.5")                                   \
    DEFAULT(SAMPLE_WARMUP, SS_BIT(SS_SAMPLER_LANGEVIN), "0")                                          \
    DEFAULT(SAMPLE_ACCEPTANCE, SS_BIT(SS_SAMPLER_MALA), "0.574")                                      \
    DEFAULT(STUDY_LOW, SS_BIT(SS_STUDY_PARTS), "1")                                                   \
    DEFAULT(STUDY_HIGH, SS_BIT(SS_STUDY_PARTS), "1000")                                               \
    DEFAULT(STUDY_LOW, SS_BIT(SS_STUDY_SMOOTHING), "0")
/* clang-format on */

#endif
