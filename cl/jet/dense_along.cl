/*
 * dense_along.cl - the outputs of a dense layer y = W h + b along directions v_m, without y:
 *
 *     v'y1 = (v'W) h1        v'y = (v'W) h + v'b
 *
 * The products p_m = v_m'W are in the adjoint of h, where p_m is also what the adjoint of h1_m is a multiple
 * of. With t_m and a_m for the adjoints of v_m'y1_m and v_m'y of a row,
 *
 *     h1b_m = t_m p_m        hb = sum_m a_m p_m        Wb = sum over m and rows of v_m (t_m h1_m + a_m h)'
 *
 * where the vectors in brackets take the place of h1_m, which nobody reads again.
 *
 * Layout  h, h_bar: (1 + slices, rows, width)   v: (slices, rows, outputs)   dots: (2, slices, rows), v'y1
 *         and v'y, in reverse their adjoints.
 * -D      WIDTH (device/vector.clh, default 1): columns of an item
 */
#ifndef WIDTH
#define WIDTH 1
#endif

#include "device/vector.clh"

/* By parts: a whole vector's sum would be one more function for each width. */
INLINE float dot_rows(global const float *a, global const float *b, const uint n)
{
    const uint whole = n - n % WIDTH;
    float parts[WIDTH], sum = 0.0f;
    vector sums = (vector)(0.0f);

    for (uint i = 0; i < whole; i += WIDTH)
        sums = fma(LOAD_ANY(a + i), LOAD_ANY(b + i), sums);
    STORE_ANY(sums, parts);
    for (uint i = 0; i < WIDTH; i++)
        sum += parts[i];
    for (uint i = whole; i < n; i++)
        sum = fma(a[i], b[i], sum);
    return sum;
}

/* Launch (rows, slices). */
VECTORISED void along_dots(const uint rows, const uint width, const uint outputs, const uint slices,
                           global const float *restrict h, const uint h_at, global const float *restrict p,
                           const uint p_at, global const float *restrict v, const uint v_at,
                           global const float *restrict b, const uint b_at, const uint with_b,
                           global float *restrict dots)
{
    const size_t r = get_global_id(0), m = get_global_id(1);

    if (r >= rows || m >= slices)
        return;
    const size_t stream = (size_t)rows * width, row = r * width;
    global const float *const pm = p + p_at + (1 + m) * stream + row;

    dots[m * rows + r] = dot_rows(pm, h + h_at + (1 + m) * stream + row, width);
    const float y = dot_rows(pm, h + h_at + row, width);
    dots[(slices + m) * rows + r] =
        with_b ? y + dot_rows(v + v_at + (m * rows + r) * outputs, b + b_at, outputs) : y;
}

/* Unit vectors `first` .. as slices: p_m is a row of W (outputs, inputs), zeros past the last. p, q: from the
 * first slice of a jet on, (slices, rows, inputs). Launch of both (inputs / WIDTH rounded up, slices). */
VECTORISED void units_along(const uint rows, const uint inputs, const uint outputs, const uint slices,
                            const uint first, global const float *restrict w, const uint w_at,
                            global float *restrict p, const uint p_at)
{
    const uint j = (uint)get_global_id(0) * WIDTH, m = get_global_id(1);

    if (j >= inputs || m >= slices)
        return;
    global const float *const from = w + w_at + (size_t)(first + m) * inputs + j;
    global float *const to = p + p_at + (size_t)m * rows * inputs + j;
    const int there = first + m < outputs;
    if (j + WIDTH <= inputs) {
        const vector line = there ? LOAD_ANY(from) : (vector)(0.0f);
        for (size_t i = 0; i < rows; i++)
            STORE_ANY(line, to + i * inputs);
        return;
    }
    for (uint c = 0; j + c < inputs; c++) { /* the last columns */
        const float entry = there ? from[c] : 0.0f;
        for (size_t i = 0; i < rows; i++)
            to[i * inputs + c] = entry;
    }
}

/* wb += the sums over rows of q, in those rows. */
VECTORISED void units_along_reverse(const uint rows, const uint inputs, const uint outputs, const uint slices,
                                    const uint first, global const float *restrict q, const uint q_at,
                                    global float *restrict w_bar, const uint w_bar_at)
{
    const uint j = (uint)get_global_id(0) * WIDTH, m = get_global_id(1);

    if (j >= inputs || m >= slices || first + m >= outputs)
        return;
    global const float *const from = q + q_at + (size_t)m * rows * inputs + j;
    global float *const to = w_bar + w_bar_at + (size_t)(first + m) * inputs + j;
    if (j + WIDTH <= inputs) {
        vector sum = LOAD_ANY(to);
        for (size_t i = 0; i < rows; i++)
            sum += LOAD_ANY(from + i * inputs);
        STORE_ANY(sum, to);
        return;
    }
    for (uint c = 0; j + c < inputs; c++) /* the last columns */
        for (size_t i = 0; i < rows; i++)
            to[c] += from[i * inputs + c];
}

/* From h and p to what is said above, in their places; `accumulate`: hb is added to. Launch (width / WIDTH
 * rounded up, rows). */
VECTORISED void along_reverse(const uint rows, const uint width, const uint slices, const uint accumulate,
                              global const float *restrict dots, global float *restrict h, const uint h_at,
                              global float *restrict h_bar, const uint h_bar_at)
{
    const size_t n = get_global_id(0) * WIDTH, r = get_global_id(1);

    if (n >= width || r >= rows)
        return;
    const size_t stream = (size_t)rows * width;
    global float *const x = h + h_at + r * width + n, *const p = h_bar + h_bar_at + r * width + n;

    if (n + WIDTH <= width) {
        const vector value = LOAD_ANY(x);
        vector sum = accumulate ? LOAD_ANY(p) : (vector)(0.0f);
        for (uint m = 0; m < slices; m++) {
            const size_t at = (1 + m) * stream;
            const float t = dots[m * rows + r], a = dots[(slices + m) * rows + r];
            const vector pm = LOAD_ANY(p + at);
            sum = fma((vector)(a), pm, sum);
            STORE_ANY(fma((vector)(t), LOAD_ANY(x + at), a * value), x + at);
            STORE_ANY(t * pm, p + at);
        }
        STORE_ANY(sum, p);
        return;
    }
    for (uint i = 0; n + i < width; i++) { /* the last columns */
        float sum = accumulate ? p[i] : 0.0f;
        for (uint m = 0; m < slices; m++) {
            const size_t at = (1 + m) * stream + i;
            const float t = dots[m * rows + r], a = dots[(slices + m) * rows + r];
            sum = fma(a, p[at], sum);
            x[at] = fma(t, x[at], a * x[i]);
            p[at] *= t;
        }
        p[i] = sum;
    }
}

/* bb = or += sum over m and rows of a_m v_m. Launch (outputs / WIDTH rounded up). */
VECTORISED void along_bias(const uint rows, const uint outputs, const uint slices, const uint add,
                           global const float *restrict dots, global const float *restrict v, const uint v_at,
                           global float *restrict b_bar, const uint b_bar_at)
{
    const size_t j = get_global_id(0) * WIDTH, n = (size_t)slices * rows;
    global const float *const a = dots + n, *const from = v + v_at + j;
    global float *const to = b_bar + b_bar_at + j;

    if (j + WIDTH <= outputs) {
        vector sum = add ? LOAD_ANY(to) : (vector)(0.0f);
        for (size_t i = 0; i < n; i++)
            sum = fma((vector)(a[i]), LOAD_ANY(from + i * outputs), sum);
        STORE_ANY(sum, to);
        return;
    }
    for (size_t c = 0; j + c < outputs; c++) { /* the last columns */
        float sum = add ? to[c] : 0.0f;
        for (size_t i = 0; i < n; i++)
            sum = fma(a[i], from[i * outputs + c], sum);
        to[c] = sum;
    }
}
