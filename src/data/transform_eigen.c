/* transform_eigen.c - eigenvalues and eigenvectors of a symmetric matrix in double. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "data/transform_chain.h"

/* One reflection I - beta v v' that makes column k of the trailing block tridiagonal; v goes to v[k+1..n).
 * Returns beta, 0 if there is nothing to reflect. */
static double reflect(size_t n, size_t k, double *a, double *v, double *p, double *off)
{
    double largest = 0.0, sum = 0.0;

    for (size_t i = k + 1; i < n; i++)
        largest = fmax(largest, fabs(a[i * n + k]));
    *off = a[(k + 1) * n + k];
    if (largest == 0.0 || k + 2 >= n)
        return 0.0;
    for (size_t i = k + 1; i < n; i++) { /* scaled, so that squares of tiny numbers do not vanish */
        v[i] = a[i * n + k] / largest;
        sum += v[i] * v[i];
    }
    const double length = copysign(sqrt(sum), v[k + 1]);
    const double beta = 1.0 / (sum + length * v[k + 1]);
    double pv = 0.0;

    v[k + 1] += length;
    *off = -length * largest;
    for (size_t i = k + 1; i < n; i++) {
        double s = 0.0;
        for (size_t j = k + 1; j < n; j++)
            s += a[i * n + j] * v[j];
        p[i] = beta * s;
        pv += p[i] * v[i];
    }
    for (size_t i = k + 1; i < n; i++)
        p[i] -= 0.5 * beta * pv * v[i];
    for (size_t i = k + 1; i < n; i++)
        for (size_t j = k + 1; j < n; j++)
            a[i * n + j] -= v[i] * p[j] + p[i] * v[j];
    return beta;
}

/* d, e: the tridiagonal matrix; rows of q: the transposed product of the reflections. */
static void tridiagonalize(size_t n, double *a, double *d, double *e, double *q, double *work)
{
    double *const beta = work, *const p = work + n;

    for (size_t k = 0; k + 1 < n; k++) {
        double *const v = q + k * n; /* row k keeps the vector of reflection k for now */
        beta[k] = reflect(n, k, a, v, p, &e[k]);
    }
    for (size_t k = 0; k < n; k++)
        d[k] = a[k * n + k];
    /* The product of the first reflections down to k differs from the identity only below row k, so it can be
     * built from the end in a matrix of its own: `a` is free now. */
    memset(a, 0, n * n * sizeof *a);
    for (size_t i = 0; i < n; i++)
        a[i * n + i] = 1.0;
    for (size_t k = n - 1; k-- > 0;) {
        const double *const v = q + k * n;
        if (beta[k] == 0.0)
            continue;
        /* a = a (I - beta v v') on the transposed product: row by row */
        for (size_t i = k + 1; i < n; i++) {
            double s = 0.0;
            for (size_t j = k + 1; j < n; j++)
                s += a[i * n + j] * v[j];
            s *= beta[k];
            for (size_t j = k + 1; j < n; j++)
                a[i * n + j] -= s * v[j];
        }
    }
    memcpy(q, a, n * n * sizeof *a);
}

static void rotate_rows(size_t n, double c, double s, double *x, double *y)
{
    for (size_t i = 0; i < n; i++) {
        const double u = x[i];
        x[i] = c * u + s * y[i];
        y[i] = c * y[i] - s * u;
    }
}

/* One implicitly shifted QR step on the unreduced block low..high. */
static void qr_step(size_t n, size_t low, size_t high, double *d, double *e, double *q)
{
    const double half = 0.5 * (d[high - 1] - d[high]), b = e[high - 1];
    const double shift = d[high] - b / (half + copysign(hypot(half, b), half)) * b;
    double x = d[low] - shift, z = e[low];

    for (size_t k = low; k < high; k++) {
        const double r = hypot(x, z), c = r > 0.0 ? x / r : 1.0, s = r > 0.0 ? z / r : 0.0;
        const double d1 = d[k], d2 = d[k + 1], e1 = e[k];

        if (k > low)
            e[k - 1] = r;
        d[k] = c * c * d1 + 2.0 * c * s * e1 + s * s * d2;
        d[k + 1] = s * s * d1 - 2.0 * c * s * e1 + c * c * d2;
        e[k] = c * s * (d2 - d1) + (c * c - s * s) * e1;
        if (k + 1 < high) {
            x = e[k];
            z = s * e[k + 1];
            e[k + 1] *= c;
        }
        rotate_rows(n, c, s, q + k * n, q + (k + 1) * n);
    }
}

static enum ss_status diagonalize(size_t n, double *d, double *e, double *q)
{
    size_t steps = 0;
    double scale = 0.0;

    for (size_t k = 0; k < n; k++)
        scale = fmax(scale, fmax(fabs(d[k]), fabs(e[k])));
    const double tiny = DBL_EPSILON * DBL_EPSILON * scale; /* where both neighbours are zero */
    for (size_t high = n - 1; high > 0;) {
        for (size_t k = 0; k < high; k++)
            if (fabs(e[k]) <= DBL_EPSILON * (fabs(d[k]) + fabs(d[k + 1])) + tiny)
                e[k] = 0.0;
        if (e[high - 1] == 0.0) {
            high--;
            continue;
        }
        size_t low = high - 1;
        while (low > 0 && e[low - 1] != 0.0)
            low--;
        if (steps++ > 60 * n)
            return SS_FAIL(SS_ERR_INTERNAL, "eigenvalues of a %zu x %zu matrix do not settle", n, n);
        qr_step(n, low, high, d, e, q);
    }
    return SS_OK;
}

enum ss_status ss_symmetric_eigen(size_t n, double *a, double *values, double *vectors)
{
    double *work = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(3 * n, &work));
    double *const e = work + 2 * n;
    memset(vectors, 0, n * n * sizeof *vectors);
    tridiagonalize(n, a, values, e, vectors, work);
    TRY(diagonalize(n, values, e, vectors));
out:
    free(work);
    return st;
}
