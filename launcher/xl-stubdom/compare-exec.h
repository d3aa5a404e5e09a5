/*
 * compare-exec: the figures that the admin's own script prints (--exec): lines NAME VALUE [UNIT].
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_COMPARE_EXEC_H
#define XL_STUBDOM_COMPARE_EXEC_H

#include "fault.h"

#define EXEC_LINE_MAX 200

struct exec_line {
    const char *name, *unit; /* part of the line; NULL and "": there is none */
    double value;
};

/* LINE is changed. 0, of an empty line, too; or -EINVAL with the fault described. */
int exec_line_read(char *line, struct exec_line *said, struct fault *fault);

#endif
