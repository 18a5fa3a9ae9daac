/*
 * objective.cl - from output jets to the loss of each row and the adjoints of the outputs.
 *
 * Energies: jets of width 1. inv_m = 1 / slices, inv_n = 1 / rows; u stands for the score s, or the residual
 * s + z / sigma of denoising, held constant, so the adjoint of its stream is -1/n:
 *
 *     ssm, esm   -e2/m + 1/2 sum e1^2/m       ssm_vr   -e2/m + 1/2 |u|^2        dsm   1/2 |u|^2
 *
 * Score nets: jets of width D; v the slices:
 *
 *     ssm        v.s1/m + 1/2 (v.s0)^2/m      ssm_vr, esm   v.s1/m + 1/2 |s0|^2   dsm   1/2 |s0 + z/sigma|^2
 *
 * shares[0] is a factor of the squares along slices, shares[1] of the square of the score or residual: 1
 * where there is one of the two; ssm_vr with an estimated control variate has both, of sum 1 (control.cl).
 *
 * Directions come in chunks: `first_chunk` says that what belongs to the row rather than to a slice is
 * counted now; later chunks add to the rows' losses. Each item sums in a fixed order.
 */

/* ---- energies ---- */

/* Launch (rows). jets and adjoints (streams, rows); u (rows, width). */
kernel void energy_adjoint(const uint rows, const uint width, const uint slices, const uint extra,
                           const uint second, const uint squares, const uint first_chunk, const float inv_m,
                           const float inv_n, global const float *restrict jet, const uint jet_at,
                           global const float *restrict u, const uint u_at, global float *restrict adjoint,
                           const uint adjoint_at, global const float *restrict shares,
                           global float *restrict loss)
{
    const size_t r = get_global_id(0);

    if (r >= rows)
        return;
    global const float *e = jet + jet_at + r;
    global float *eb = adjoint + adjoint_at + r;
    const size_t stride = rows;
    const float of_squares = shares[0], of_score = shares[1];
    float sum = 0.0f;

    eb[0] = 0.0f;
    for (size_t m = 1; m <= slices; m++) {
        const float e1 = squares ? e[m * stride] : 0.0f;
        sum = fma(0.5f * of_squares * e1, e1, sum);
        eb[m * stride] = of_squares * e1 * inv_m * inv_n;
    }
    if (second) {
        const size_t at = (1 + slices + extra) * stride;
        sum -= e[at];
        eb[at] = -inv_m * inv_n;
    }
    sum *= inv_m;
    if (extra) {
        eb[(1 + slices) * stride] = first_chunk ? -of_score * inv_n : 0.0f;
        if (first_chunk) {
            float square = 0.0f;
            for (uint d = 0; d < width; d++) {
                const float ud = u[u_at + r * width + d];
                square = fma(ud, ud, square);
            }
            sum += 0.5f * of_score * square;
        }
    }
    loss[r] = sum + (first_chunk ? 0.0f : loss[r]);
}

/* u = score (+ z / sigma). Launch (n). */
kernel void residual(const uint n, const float inv_sigma, const uint denoise,
                     global const float *restrict score, const uint score_at, global const float *restrict z,
                     const uint z_at, global float *restrict u, const uint u_at)
{
    const size_t i = get_global_id(0);

    if (i < n)
        u[u_at + i] = score[score_at + i] + (denoise ? inv_sigma * z[z_at + i] : 0.0f);
}

/* y = x + sigma z. Launch (n). */
kernel void add_noise(const uint n, const float sigma, global const float *restrict x, const uint x_at,
                      global const float *restrict z, const uint z_at, global float *restrict y,
                      const uint y_at)
{
    const size_t i = get_global_id(0);

    if (i < n)
        y[y_at + i] = fma(sigma, z[z_at + i], x[x_at + i]);
}

/* ---- score nets ---- */

/* dots (2, slices, rows): v.s1 and v.s0. Launch (rows, slices). */
kernel void score_dots(const uint rows, const uint width, const uint slices, global const float *restrict jet,
                       const uint jet_at, global const float *restrict v, const uint v_at,
                       global float *restrict dots)
{
    const size_t r = get_global_id(0), m = get_global_id(1);

    if (r >= rows || m >= slices)
        return;
    global const float *s0 = jet + jet_at + r * width, *s1 = s0 + (1 + m) * (size_t)rows * width;
    global const float *vr = v + v_at + (m * rows + r) * width;
    float a = 0.0f, b = 0.0f;
    for (uint d = 0; d < width; d++) {
        a = fma(vr[d], s1[d], a);
        b = fma(vr[d], s0[d], b);
    }
    dots[m * rows + r] = a;
    dots[(slices + m) * rows + r] = b;
}

/* Launch (rows). With squares, 1/2 (v.s0)^2 a slice; with whole, 1/2 |s0 (+ z/sigma)|^2 a row, in the first
 * chunk. */
kernel void score_rows(const uint rows, const uint width, const uint slices, const uint squares,
                       const uint whole, const uint denoise, const uint first_chunk, const float inv_m,
                       const float inv_sigma, global const float *restrict jet, const uint jet_at,
                       global const float *restrict z, const uint z_at, global const float *restrict dots,
                       global const float *restrict shares, global float *restrict loss)
{
    const size_t r = get_global_id(0);

    if (r >= rows)
        return;
    float sum = 0.0f, square = 0.0f;
    for (uint m = 0; m < slices; m++) {
        const float b = squares ? dots[(slices + m) * rows + r] : 0.0f;
        sum += fma(0.5f * shares[0] * b, b, dots[m * rows + r]);
    }
    sum *= inv_m;
    if (whole && first_chunk) {
        for (uint d = 0; d < width; d++) {
            const float s =
                jet[jet_at + r * width + d] + (denoise ? inv_sigma * z[z_at + r * width + d] : 0.0f);
            square = fma(s, s, square);
        }
        sum += 0.5f * shares[1] * square;
    }
    loss[r] = sum + (first_chunk ? 0.0f : loss[r]);
}

/* Launch (width, rows). adjoint (1 + slices, rows, width). */
kernel void score_adjoint(const uint rows, const uint width, const uint slices, const uint squares,
                          const uint whole, const uint denoise, const uint first_chunk, const float inv_m,
                          const float inv_n, const float inv_sigma, global const float *restrict jet,
                          const uint jet_at, global const float *restrict v, const uint v_at,
                          global const float *restrict z, const uint z_at, global const float *restrict dots,
                          global const float *restrict shares, global float *restrict adjoint,
                          const uint adjoint_at)
{
    const size_t d = get_global_id(0), r = get_global_id(1);

    if (d >= width || r >= rows)
        return;
    const size_t i = r * width + d, stride = (size_t)rows * width;
    float sum = 0.0f;

    for (uint m = 0; m < slices; m++) {
        const float vd = v[v_at + m * stride + i];
        adjoint[adjoint_at + (1 + m) * stride + i] = vd * inv_m * inv_n;
        if (squares)
            sum = fma(shares[0] * vd * inv_m, dots[(slices + m) * rows + r], sum);
    }
    if (whole && first_chunk)
        sum = fma(shares[1], jet[jet_at + i] + (denoise ? inv_sigma * z[z_at + i] : 0.0f), sum);
    adjoint[adjoint_at + i] = sum * inv_n;
}

/* In place of dots along slices, their adjoints; inv is 1 / (slices rows). Launch (n = slices x rows). */
kernel void dots_adjoint(const uint n, const uint squares, const float inv,
                         global const float *restrict shares, global float *restrict dots)
{
    const size_t i = get_global_id(0);

    if (i >= n)
        return;
    dots[i] = inv;
    dots[n + i] = squares ? shares[0] * dots[n + i] * inv : 0.0f;
}

/* ---- both ---- */

#ifndef GROUP
#define GROUP 64
#endif

/* mean[0] = mean of values[n]; one group, items stride, then a tree: the same bits every time. Launch
 * (GROUP), local GROUP. */
kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
mean_of_rows(const uint n, const float inv_n, global const float *restrict values,
             global float *restrict mean)
{
    local float part[GROUP];
    const size_t item = get_local_id(0);
    float sum = 0.0f;

    for (size_t i = item; i < n; i += GROUP)
        sum += values[i];
    part[item] = sum;
    for (size_t half_group = GROUP / 2; half_group > 0; half_group /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item < half_group)
            part[item] += part[item + half_group];
    }
    if (item == 0)
        mean[0] = part[0] * inv_n;
}
