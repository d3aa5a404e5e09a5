/*
 * compare-exec: the figures that the admin's own script prints. See compare-exec.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "compare-exec.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "figures.h"

#define BLANKS " \t\r\n"
#define UNIT_MAX 12

int exec_line_read(char *line, struct exec_line *said, struct fault *fault)
{
    char *rest = NULL, *end = "";
    const char *value, *unit;

    said->name = strtok_r(line, BLANKS, &rest);
    said->unit = "";
    if (!said->name)
        return 0;
    value = strtok_r(NULL, BLANKS, &rest);
    unit = strtok_r(NULL, BLANKS, &rest);
    said->value = value ? strtod(value, &end) : 0;
    if (!figures_name_valid(said->name) || !value || end == value || *end || !isfinite(said->value) ||
        (unit && strlen(unit) > UNIT_MAX) || strtok_r(NULL, BLANKS, &rest))
        return fault_set(fault, -EINVAL, "--exec: not NAME VALUE [UNIT]: %s", said->name);
    if (unit)
        said->unit = unit;
    return 0;
}
