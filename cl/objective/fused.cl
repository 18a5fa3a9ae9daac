/* fused.cl - a whole step of an objective in one kernel: jet/fused.clh with the outputs of this family. */
#include "objective/fused_outputs.clh"

/* reads the outputs */
#include "jet/fused.clh"
