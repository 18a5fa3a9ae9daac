/*
 * track.cl - mean and spread of every chain's states as they pass, for diagnostics that need no trace.
 *
 *     track   with the n-th state: mean += (x - mean) / n, squares += (x - old mean) (x - new mean)
 *
 * Layout  x, mean, squares (chains, width). Launch (chains * width). Welford 1962.
 */
kernel void track(const uint count, const float n, global const float *restrict x, const uint x_at,
                  global float *restrict mean, global float *restrict squares)
{
    const size_t i = get_global_id(0);

    if (i >= count)
        return;
    const float before = x[x_at + i] - mean[i];
    mean[i] += before / n;
    squares[i] = fma(before, x[x_at + i] - mean[i], squares[i]);
}
