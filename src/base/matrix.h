/* matrix.h - the little linear algebra that the host needs, in double, row-major. */
#ifndef SS_BASE_MATRIX_H
#define SS_BASE_MATRIX_H

#include <stdbool.h>
#include <stddef.h>

/** factor = lower Cholesky factor of covariance + variance I, its upper half 0; false if that is not positive
 * definite. n x n each. */
bool ss_cholesky(size_t n, const double *covariance, double variance, double *factor);

/** log |det a| of a[n x n], which is overwritten; -INFINITY if it is singular. */
double ss_log_determinant(size_t n, double *a);

#endif
