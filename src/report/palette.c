#include "report/palette.h"

#include <math.h>

/* Okabe and Ito's eight, in an order that keeps neighbours apart in lightness as well as in hue. */
static const struct ss_colour categories[SS_CATEGORIES] = {
    {0.000, 0.447, 0.698, 1.0}, /* blue */
    {0.902, 0.624, 0.000, 1.0}, /* orange */
    {0.000, 0.000, 0.000, 1.0}, /* black */
    {0.800, 0.475, 0.655, 1.0}, /* purple */
    {0.000, 0.620, 0.451, 1.0}, /* green */
    {0.337, 0.706, 0.914, 1.0}, /* sky blue */
    {0.835, 0.369, 0.000, 1.0}, /* vermillion */
    {0.600, 0.600, 0.600, 1.0}, /* grey, for their yellow is lost on white */
};

static const double dashes[][4] = {
    {0},
    {6.0, 2.0, 6.0, 2.0},
    {1.6, 1.8, 1.6, 1.8},
    {7.0, 2.0, 1.6, 2.0},
    {3.2, 1.6, 3.2, 1.6},
    {10.0, 3.0, 10.0, 3.0},
};
enum { N_DASHES = sizeof(dashes) / sizeof(dashes[0]) };

struct ss_colour ss_palette_colour(size_t i)
{
    return categories[i % SS_CATEGORIES];
}

struct ss_pen ss_palette_pen(size_t i)
{
    const double *const d = dashes[i % N_DASHES];

    return (struct ss_pen){.colour = ss_palette_colour(i), .width = 1.4, .dash = {d[0], d[1], d[2], d[3]}};
}

enum ss_marker ss_palette_marker(size_t i)
{
    static const enum ss_marker order[] = {SS_MARKER_CIRCLE,  SS_MARKER_SQUARE, SS_MARKER_TRIANGLE,
                                           SS_MARKER_DIAMOND, SS_MARKER_CROSS,  SS_MARKER_PLUS};

    return order[i % (sizeof(order) / sizeof(order[0]))];
}

struct ss_colour ss_palette_ink(void)
{
    return (struct ss_colour){0.13, 0.13, 0.13, 1.0};
}

struct ss_colour ss_palette_frame(void)
{
    return (struct ss_colour){0.30, 0.30, 0.30, 1.0};
}

struct ss_colour ss_palette_grid(void)
{
    return (struct ss_colour){0.89, 0.89, 0.89, 1.0};
}

struct ss_colour ss_palette_faint(void)
{
    return (struct ss_colour){0.86, 0.86, 0.86, 1.0};
}

struct ss_colour ss_palette_white(void)
{
    return (struct ss_colour){1.0, 1.0, 1.0, 1.0};
}

struct ss_colour ss_colour_fade(struct ss_colour c, double alpha)
{
    c.alpha = alpha;
    return c;
}

/* OKLab (B. Ottosson, 2020): distances in it are close to differences that people see. */
struct lab {
    double l, a, b;
};

static double linear_of_srgb(double x)
{
    return x <= 0.04045 ? x / 12.92 : pow((x + 0.055) / 1.055, 2.4);
}

static double srgb_of_linear(double x)
{
    x = fmin(fmax(x, 0.0), 1.0);
    return x <= 0.0031308 ? 12.92 * x : 1.055 * pow(x, 1.0 / 2.4) - 0.055;
}

static struct lab lab_of_colour(struct ss_colour c)
{
    const double r = linear_of_srgb(c.red), g = linear_of_srgb(c.green), b = linear_of_srgb(c.blue);
    const double l = cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
    const double m = cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
    const double s = cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);

    return (struct lab){0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
                        1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
                        0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s};
}

static struct ss_colour colour_of_lab(struct lab p)
{
    const double l = pow(p.l + 0.3963377774 * p.a + 0.2158037573 * p.b, 3.0);
    const double m = pow(p.l - 0.1055613458 * p.a - 0.0638541728 * p.b, 3.0);
    const double s = pow(p.l - 0.0894841775 * p.a - 1.2914855480 * p.b, 3.0);

    return (struct ss_colour){srgb_of_linear(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
                              srgb_of_linear(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
                              srgb_of_linear(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s), 1.0};
}

double ss_colour_lightness(struct ss_colour c)
{
    return lab_of_colour(c).l;
}

/* Anchors, from low to high. The sequential ones are the corner colours of the well-known viridis; the curve
 * through them is our own. */
enum { ANCHORS = 5, FINE = 64, SAMPLES = (ANCHORS - 1) * FINE + 1 };
static const struct ss_colour anchors[][ANCHORS] = {
    [SS_MAP_SEQUENTIAL] = {{0.267, 0.004, 0.329, 1.0},
                           {0.231, 0.322, 0.545, 1.0},
                           {0.129, 0.569, 0.549, 1.0},
                           {0.369, 0.788, 0.384, 1.0},
                           {0.992, 0.906, 0.145, 1.0}},
    [SS_MAP_DIVERGING] = {{0.075, 0.290, 0.545, 1.0},
                          {0.435, 0.651, 0.827, 1.0},
                          {0.965, 0.965, 0.965, 1.0},
                          {0.922, 0.561, 0.439, 1.0},
                          {0.616, 0.078, 0.157, 1.0}},
};

static double spline(double before, double from, double to, double after, double t)
{
    const double slope0 = 0.5 * (to - before), slope1 = 0.5 * (after - from), t2 = t * t, t3 = t2 * t;

    return (2 * t3 - 3 * t2 + 1) * from + (t3 - 2 * t2 + t) * slope0 + (3 * t2 - 2 * t3) * to +
           (t3 - t2) * slope1;
}

/* A corner of its own in the middle of a diverging map: a curve that swings through white would tint it. */
static struct lab curve(const struct lab p[ANCHORS], size_t i, enum ss_map_kind kind)
{
    const size_t k = i / FINE < ANCHORS - 1 ? i / FINE : ANCHORS - 2;
    const double t = (double)(i - k * FINE) / FINE;

    if (kind == SS_MAP_DIVERGING)
        return (struct lab){p[k].l + t * (p[k + 1].l - p[k].l), p[k].a + t * (p[k + 1].a - p[k].a),
                            p[k].b + t * (p[k + 1].b - p[k].b)};
    const struct lab before = p[k ? k - 1 : 0], from = p[k], to = p[k + 1],
                     after = p[k + 2 < ANCHORS ? k + 2 : k + 1];
    return (struct lab){spline(before.l, from.l, to.l, after.l, t),
                        spline(before.a, from.a, to.a, after.a, t),
                        spline(before.b, from.b, to.b, after.b, t)};
}

void ss_colour_map_init(struct ss_colour_map *map, enum ss_map_kind kind)
{
    struct lab p[ANCHORS], path[SAMPLES];
    double length[SAMPLES] = {0};

    for (size_t i = 0; i < ANCHORS; i++)
        p[i] = lab_of_colour(anchors[kind][i]);
    for (size_t i = 0; i < SAMPLES; i++) {
        path[i] = curve(p, i, kind);
        if (i)
            length[i] = length[i - 1] + hypot(path[i].l - path[i - 1].l,
                                              hypot(path[i].a - path[i - 1].a, path[i].b - path[i - 1].b));
    }
    for (size_t i = 0, at = 0; i < SS_MAP_STEPS; i++) {
        const double wanted = length[SAMPLES - 1] * (double)i / (SS_MAP_STEPS - 1);
        while (at + 2 < SAMPLES && length[at + 1] < wanted)
            at++;
        const double t = (wanted - length[at]) / (length[at + 1] - length[at]);
        const struct ss_colour c = colour_of_lab((struct lab){
            path[at].l + t * (path[at + 1].l - path[at].l), path[at].a + t * (path[at + 1].a - path[at].a),
            path[at].b + t * (path[at + 1].b - path[at].b)});
        map->rgb[i][0] = (unsigned char)lround(255.0 * c.red);
        map->rgb[i][1] = (unsigned char)lround(255.0 * c.green);
        map->rgb[i][2] = (unsigned char)lround(255.0 * c.blue);
    }
}

const unsigned char *ss_colour_map_at(const struct ss_colour_map *map, double t)
{
    if (!(t == t))
        t = 0.5;
    t = fmin(fmax(t, 0.0), 1.0);
    return map->rgb[(size_t)lround(t * (SS_MAP_STEPS - 1))];
}
