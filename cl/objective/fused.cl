/* fused.cl - a whole step of an objective in one kernel: jet/fused.clh or, with -D GROUP=1,
 * jet/fused_group.clh with the outputs of this family. */
#include "objective/fused_outputs.clh"

/* these read the outputs */
#if GROUP
#include "jet/fused_group.clh"
#else
#include "jet/fused.clh"
#endif
