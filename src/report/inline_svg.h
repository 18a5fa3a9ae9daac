/* inline_svg.h - one of our own pictures, read from its file, put into a page. */
#ifndef SS_REPORT_INLINE_SVG_H
#define SS_REPORT_INLINE_SVG_H

#include <stdbool.h>

#include "base/text.h"

/**
 * Add the SVG file `svg` to a page as <svg role="img" aria-label=LABEL>, with its white sheet left to the
 * page.
 *
 * A run's folder may come from anyone, so the file is not trusted: it is added only if it is made of what
 * svg.c writes and nothing else: no script, no style, no address.
 *
 * @return false, and nothing added, if it is not
 */
bool ss_inline_svg(struct ss_text *t, const char *svg, const char *label);

#endif
