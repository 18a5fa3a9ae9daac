#include "base/matrix.h"

#include <math.h>
#include <string.h>

bool ss_cholesky(size_t n, const double *covariance, double variance, double *factor)
{
    memset(factor, 0, n * n * sizeof *factor);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = covariance[i * n + j] + (i == j ? variance : 0.0);
            for (size_t k = 0; k < j; k++)
                sum -= factor[i * n + k] * factor[j * n + k];
            if (i != j)
                factor[i * n + j] = sum / factor[j * n + j];
            else if (sum > 0.0 && isfinite(sum))
                factor[i * n + i] = sqrt(sum);
            else
                return false;
        }
    return true;
}

double ss_log_determinant(size_t n, double *a)
{
    double sum = 0;

    for (size_t k = 0; k < n; k++) { /* elimination with the largest pivot of each column */
        size_t pivot = k;
        for (size_t i = k + 1; i < n; i++)
            if (fabs(a[i * n + k]) > fabs(a[pivot * n + k]))
                pivot = i;
        const double p = a[pivot * n + k];
        if (p == 0)
            return -INFINITY;
        sum += log(fabs(p));
        for (size_t j = k; j < n; j++) {
            const double swapped = a[pivot * n + j];
            a[pivot * n + j] = a[k * n + j];
            a[k * n + j] = swapped;
        }
        for (size_t i = k + 1; i < n; i++) {
            const double ratio = a[i * n + k] / p;
            for (size_t j = k; j < n; j++)
                a[i * n + j] -= ratio * a[k * n + j];
        }
    }
    return sum;
}
