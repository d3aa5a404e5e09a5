/*
 * compare-report: what `xl-stubdom compare` has measured, as a table, as JSON and as a plot.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_COMPARE_REPORT_H
#define XL_STUBDOM_COMPARE_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "fault.h"
#include "figures.h"

struct report {
    struct figures figures;
    char *date, *title;       /* when it began, ISO 8601; what was measured */
    char *missing[SUBJECTS_MAX]; /* "NAME: WHY" of those that could not be measured; NULL: the end */
    bool complete;            /* all runs were made */
};

void report_dispose(struct report *report);

/* The table. */
void report_print(const struct report *report, FILE *out);

/* The schema is in xl-stubdom(8). 0, or a negative errno with the fault described. */
int report_write_json(const struct report *report, const char *path, struct fault *fault);

/* Reads what report_write_json() has written; of each result its values, the rest follows from them. */
int report_read_json(struct report *report, const char *path, struct fault *fault);

/*
 * Writes PREFIX.gnuplot and has gnuplot, which gets the same by its standard input, make PREFIX.svg and PREFIX.png
 * of it. 0; 1: there is no gnuplot here; or a negative errno with the fault described.
 */
int report_plot(const struct report *report, const char *prefix, struct fault *fault);

#endif
