#include "config/schema.h"

#include <math.h>
#include <string.h>

#define NAMES(variable, first, hidden, ...)                                                               \
    static const char *const variable##_list[] = {__VA_ARGS__};                                           \
    static const struct ss_enum variable = {variable##_list, first, SS_COUNT(variable##_list) - (hidden), \
                                            SS_COUNT(variable##_list)};

NAMES(ss_sources, 1, 0, "none", "gaussian", "gmm", "8gaussians", "two_moons", "swiss_roll", "checkerboard",
      "pinwheel", "rings", "two_spirals", "funnel", "student", "mnist", "fashion_mnist")
NAMES(ss_headers, 0, 0, "auto", "yes", "no")
NAMES(ss_separators, 0, 0, "auto", "comma", "semicolon", "tab", "blanks")
NAMES(ss_duplicates_names, 0, 0, "keep", "drop")
NAMES(ss_missings, 0, 0, "error", "drop", "mean")
NAMES(ss_statistics_names, 0, 0, "train", "all")
NAMES(ss_residences, 0, 0, "auto", "device", "host")
NAMES(ss_models, 0, 0, "energy", "score", "gaussian", "polynomial")
NAMES(ss_activations, 0, 2, "softplus", "tanh", "silu", "sigmoid", "gelu", "sin", "elu", "relu", "exp",
      "half_square")
NAMES(ss_quadratics, 0, 0, "none", "diagonal", "full")
NAMES(ss_objectives, 0, 0, "esm", "ssm", "ssm_vr", "dsm")
NAMES(ss_controls, 0, 0, "fixed", "estimated")
NAMES(ss_slices_names, 0, 0, "rademacher", "gaussian", "sphere", "orthogonal")
NAMES(ss_optimizers, 0, 0, "adam", "adamw", "rmsprop", "sgd")
NAMES(ss_schedules, 0, 0, "constant", "cosine", "step", "linear")
NAMES(ss_nonfinites, 0, 0, "stop", "skip")
NAMES(ss_plans, 0, 0, "auto", "fused", "layered")
NAMES(ss_gemms, 0, 0, "auto", "clblast", "own")
NAMES(ss_samplers, 0, 0, "langevin", "mala", "hmc")
NAMES(ss_log_zs, 0, 0, "auto", "annealing", "none")
NAMES(ss_studies, 0, 0, "estimates", "slices", "terms", "parts", "smoothing", "efficiency", "race")
NAMES(ss_starts, 0, 0, "auto", "noise", "data")

static const char *const transform_names[] = {
    "keep", "drop", "drop_correlated", "standardize", "whiten", "dequantize", "logit", "noise", "permute"};
const struct ss_enum ss_transforms = {transform_names, 0, SS_COUNT(transform_names),
                                      SS_COUNT(transform_names)};

/* Enums are read and written through one type. */
_Static_assert(sizeof(enum ss_source) == sizeof(unsigned) && sizeof(enum ss_start) == sizeof(unsigned),
               "an enum is as wide as unsigned");
_Static_assert(SS_COUNT(ss_sources_list) == SS_SOURCE_FASHION_MNIST + 1, "a source without name");
_Static_assert(SS_COUNT(ss_activations_list) == SS_ACTIVATION_HALF_SQUARE + 1, "an activation without name");
_Static_assert(SS_COUNT(transform_names) == SS_TRANSFORM_PERMUTE + 1, "a transform without name");

/* SS_ALWAYS and SS_WITH stand for two fields: they are opened before ROW_OPEN counts its arguments. */
#define ROW(id, ...) ROW_OPEN(__VA_ARGS__)
#define ROW_OPEN(path_, type_, field, names_, lowest_, highest_, standard_, selector_, users_, help_) \
    {.path = path_,                                                                                   \
     .type = SS_TYPE_##type_,                                                                         \
     .offset = offsetof(struct ss_experiment, field),                                                 \
     .names = names_,                                                                                 \
     .lowest = lowest_,                                                                               \
     .highest = highest_,                                                                             \
     .standard = standard_,                                                                           \
     .selector = selector_,                                                                           \
     .users = users_,                                                                                 \
     .help = help_},

const struct ss_key ss_keys[SS_KEY_COUNT] = {SS_KEYS(ROW)};

static const struct {
    enum ss_key_id key;
    uint32_t values;
    const char *standard;
} other_defaults[] = {
#define DEFAULT(id, values, standard) {SS_KEY_##id, values, standard},
    SS_DEFAULTS(DEFAULT)
#undef DEFAULT
};

#define PATH(id, path, ...) path,
static const char *const all_paths[] = {SS_KEYS(PATH)};

const char *const *ss_schema_keys(size_t *count)
{
    *count = SS_COUNT(all_paths);
    return all_paths;
}

const char *const *ss_schema_values(const char *path, size_t *count)
{
    static const char *const booleans[] = {"true", "false"};
    const struct ss_key *const key = ss_key_find(path);

    *count = 0;
    if (key && key->type == SS_TYPE_BOOL) {
        *count = SS_COUNT(booleans);
        return booleans;
    }
    if (!key || key->type != SS_TYPE_ENUM)
        return NULL;
    *count = key->names->end - key->names->first;
    return key->names->names + key->names->first;
}

const struct ss_key *ss_key_find(const char *path)
{
    for (size_t i = 0; i < SS_KEY_COUNT; i++)
        if (strcmp(ss_keys[i].path, path) == 0)
            return &ss_keys[i];
    return NULL;
}

const char *ss_key_name(const struct ss_key *key)
{
    const char *const dot = strrchr(key->path, '.');

    return dot ? dot + 1 : key->path;
}

const struct ss_key *ss_key_parent(const struct ss_key *key)
{
    const char *const name = ss_key_name(key);
    const size_t length = (size_t)(name - key->path);

    for (size_t i = 0; length && i < SS_KEY_COUNT; i++)
        if (strlen(ss_keys[i].path) == length - 1 && strncmp(ss_keys[i].path, key->path, length - 1) == 0)
            return &ss_keys[i];
    return NULL;
}

size_t ss_key_children(const struct ss_key *block, const char **names, size_t limit)
{
    size_t n = 0;

    for (size_t i = 0; i < SS_KEY_COUNT && n < limit; i++)
        if (ss_key_parent(&ss_keys[i]) == block)
            names[n++] = ss_key_name(&ss_keys[i]);
    return n;
}

static unsigned selected(const struct ss_experiment *e, const struct ss_key *key)
{
    return key->selector == SS_KEY_NONE ? 0 : *(const unsigned *)ss_key_value(e, &ss_keys[key->selector]);
}

bool ss_key_used(const struct ss_experiment *e, const struct ss_key *key)
{
    return (key->users & SS_BIT(selected(e, key))) != 0;
}

const char *ss_key_default(const struct ss_key *key, unsigned value)
{
    for (size_t i = 0; i < SS_COUNT(other_defaults); i++)
        if (other_defaults[i].key == ss_key_index(key) && other_defaults[i].values & SS_BIT(value))
            return other_defaults[i].standard;
    return key->standard;
}

const char *ss_key_default_in(const struct ss_experiment *e, const struct ss_key *key)
{
    return ss_key_default(key, selected(e, key));
}

static void add_range(const struct ss_key *key, struct ss_text *out)
{
    const bool above = key->type == SS_TYPE_NUMBER_ABOVE, below = key->type == SS_TYPE_NUMBER_BELOW;

    ss_text_addf(out, above ? " above %.10g" : " from %.10g", key->lowest);
    ss_text_addf(out, below ? " to below %.10g" : above ? " up to %.10g" : " to %.10g", key->highest);
}

void ss_key_wanted(const struct ss_key *key, struct ss_text *out)
{
    static const char *const plain[] = {
        [SS_TYPE_BLOCK] = "a block of keys",
        [SS_TYPE_INTEGER] = "a whole number",
        [SS_TYPE_LONG] = "a whole number",
        [SS_TYPE_NUMBER] = "a number",
        [SS_TYPE_NUMBER_ABOVE] = "a number",
        [SS_TYPE_NUMBER_BELOW] = "a number",
        [SS_TYPE_BOOL] = "true or false",
        [SS_TYPE_ENUM] = "one of ",
        [SS_TYPE_TEXT] = "text",
        [SS_TYPE_PATH] = "a path",
        [SS_TYPE_WIDTHS] = "a list of whole numbers",
        [SS_TYPE_NUMBERS] = "a list of numbers",
        [SS_TYPE_MATRIX] = "a number, a list of numbers or a list of rows",
        [SS_TYPE_NAMES] = "a list of columns",
        [SS_TYPE_TRANSFORMS] = "a list of transforms",
        [SS_TYPE_COMPONENTS] = "a list of {weight, mean, covariance}",
    };

    ss_text_add(out, plain[key->type]);
    if (key->type == SS_TYPE_ENUM)
        ss_enum_list(key->names, " or ", out);
    else if (key->highest > key->lowest)
        add_range(key, out);
}

void ss_enum_list(const struct ss_enum *names, const char *last, struct ss_text *out)
{
    for (size_t i = names->first; i < names->end; i++)
        ss_text_addf(out, "%s%s",
                     i == names->first     ? ""
                     : i + 1 == names->end ? last
                                           : ", ",
                     names->names[i]);
}

void ss_key_values_named(const struct ss_key *key, uint32_t mask, struct ss_text *out)
{
    const struct ss_enum *const names = ss_keys[key->selector].names;
    const bool sources = key->selector == SS_KEY_DATA_SOURCE;
    uint32_t left = mask & (SS_BIT(names->end) - 1);

    if (sources && (left & SS_SYNTHETIC) == SS_SYNTHETIC) {
        left &= ~SS_SYNTHETIC;
        ss_text_addf(out, "a synthetic set%s", left ? ", " : "");
    }
    for (size_t i = 0; i < names->end; i++) {
        if (!(left & SS_BIT(i)))
            continue;
        const bool first = left == (mask & (SS_BIT(names->end) - 1));
        left &= ~SS_BIT(i);
        ss_text_add(out, first ? "" : left ? ", " : " or ");
        ss_text_add(out, i < names->first ? "a file" : names->names[i]);
    }
}

const char *ss_key_alias(const char *name)
{
    static const char *const aliases[][2] = {
        {"lr", "learning_rate"},
        {"batch_size", "batch"},
        {"iterations", "steps"},
        {"max_steps", "steps"},
        {"layers", "hidden"},
        {"widths", "hidden"},
        {"ema", "average"},
        {"loss", "objective"},
        {"type", "kind"},
        {"dataset", "data"},
        {"path", "file"},
        {"wd", "weight_decay"},
        {"val", "validation"},
        {"scheduler", "schedule"},
        {"grad_clip", "clip"},
        {"sampling", "sample"},
        {"eps", "epsilon"},
        {"n_slices", "count"},
        {"random_seed", "seed"},
        {"delimiter", "separator"},
        {"preprocess", "transform"},
        {"network", "model"},
        {"nonlinearity", "activation"},
        {"early_stopping", "patience"},
        {"resume", "start"},
        {"eval", "evaluate"},
        {"training", "train"},
        {"noise_level", "sigma"},
        {"beta_1", "beta1"},
        {"beta_2", "beta2"},
        {"log_every", "metrics"},
    };

    for (size_t i = 0; i < SS_COUNT(aliases); i++)
        if (strcmp(aliases[i][0], name) == 0)
            return aliases[i][1];
    return NULL;
}

static const char *name_of(const struct ss_enum *names, unsigned v)
{
    return v < names->count ? names->names[v] : "unknown";
}

const char *ss_source_name(enum ss_source v)
{
    return name_of(&ss_sources, v);
}

const char *ss_transform_name(enum ss_transform_kind v)
{
    return name_of(&ss_transforms, v);
}

const char *ss_model_name(enum ss_model_kind v)
{
    return name_of(&ss_models, v);
}

const char *ss_activation_name(enum ss_activation v)
{
    return name_of(&ss_activations, v);
}

const char *ss_quadratic_name(enum ss_quadratic v)
{
    return name_of(&ss_quadratics, v);
}

const char *ss_objective_name(enum ss_objective_kind v)
{
    return name_of(&ss_objectives, v);
}

const char *ss_slices_name(enum ss_slices v)
{
    return name_of(&ss_slices_names, v);
}

const char *ss_optimizer_name(enum ss_optimizer_kind v)
{
    return name_of(&ss_optimizers, v);
}

const char *ss_schedule_name(enum ss_schedule_kind v)
{
    return name_of(&ss_schedules, v);
}

const char *ss_plan_name(enum ss_plan_kind v)
{
    return name_of(&ss_plans, v);
}

const char *ss_gemm_name(enum ss_gemm_kind v)
{
    return name_of(&ss_gemms, v);
}

const char *ss_sampler_name(enum ss_sampler_kind v)
{
    return name_of(&ss_samplers, v);
}

const char *ss_study_name(enum ss_study_kind v)
{
    return name_of(&ss_studies, v);
}

const char *ss_start_name(enum ss_start v)
{
    return name_of(&ss_starts, v);
}

const char *ss_separator_name(enum ss_separator v)
{
    return name_of(&ss_separators, v);
}

const char *ss_residence_name(enum ss_residence v)
{
    return name_of(&ss_residences, v);
}
