#pragma once

/// Calls every kernel of every instruction set that this CPU offers, over odd shapes, and compares what
/// they give with double precision where the formula is short, else with the portable kernels.
///
/// `report` is called with a line for each set of kernels and for each case that disagrees. Returns how
/// many disagree.
int martlet_check_kernels(void (*report)(const char *line, int disagrees));
