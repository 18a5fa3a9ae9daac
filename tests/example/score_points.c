/*
 * score_points.c - how a program uses the library: the log-density and score of a point of a run's data, and
 * a few samples.
 *
 *     cc score_points.c $(pkg-config --cflags --libs slicescore)
 *     ./a.out RUN X0 X1 ...
 */
#include <slicescore.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES = 5 };

static int fail(struct slicescore *s, enum slicescore_status st)
{
    fprintf(stderr, "%s: %s\n", slicescore_status_name(st), slicescore_message(s));
    slicescore_free(s);
    return (int)st;
}

static void print_score(const struct slicescore *s, const double *log_density, const double *score)
{
    if (log_density)
        printf("log_density %.9g%s\n", *log_density, slicescore_normalized(s) ? "" : " up to a constant");
    for (size_t j = 0; j < slicescore_dimension(s); j++)
        printf("score_%s %.9g\n", slicescore_column(s, j), score[j]);
}

int main(int argc, char **argv)
{
    struct slicescore *const s = slicescore_create();
    double x[64], score[64], log_density, samples[SAMPLES * 64];
    struct slicescore_sampled sampled;
    enum slicescore_status st = slicescore_load(s, argc > 1 ? argv[1] : NULL, SLICESCORE_WEIGHTS_BEST);

    if (st != SLICESCORE_OK)
        return fail(s, st);
    const size_t D = slicescore_dimension(s);
    if (D > 64 || (size_t)argc != 2 + D) {
        fprintf(stderr, "%s wants %zu numbers, at most 64\n", argv[1], D);
        slicescore_free(s);
        return 2;
    }
    for (size_t j = 0; j < D; j++)
        x[j] = strtod(argv[2 + j], NULL);
    const int has_density = slicescore_kind(s) == SLICESCORE_KIND_ENERGY;
    if (has_density && D <= 2 && (st = slicescore_normalize(s, NULL, NULL)) != SLICESCORE_OK)
        return fail(s, st);
    st = slicescore_score(s, x, 1, has_density ? &log_density : NULL, score);
    if (st != SLICESCORE_OK)
        return fail(s, st);
    print_score(s, has_density ? &log_density : NULL, score);
    st = slicescore_sample(s, NULL, SAMPLES, samples, &sampled);
    if (st != SLICESCORE_OK)
        return fail(s, st);
    for (size_t i = 0; i < sampled.count; i++)
        for (size_t j = 0; j < D; j++)
            printf("%s%.9g%s", j ? " " : "sample ", samples[i * D + j], j + 1 < D ? "" : "\n");
    slicescore_free(s);
    return 0;
}
