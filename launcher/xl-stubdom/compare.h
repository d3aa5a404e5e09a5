/*
 * compare: the same guest on each flavour of stub domain and with its QEMU in dom0, measured from outside.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_COMPARE_H
#define XL_STUBDOM_COMPARE_H

#include "compare-options.h"
#include "compare-report.h"
#include "fault.h"

/* What is to be done, and what came of it. */
struct compare {
    struct compare_options options;
    size_t subject[SUBJECTS_MAX]; /* numbers in the report's figures, of those that can be made */
    size_t subjects;
    char *guest;       /* its name */
    char *uuid;        /* NULL: a new one for each run */
    int written_disks; /* so many may be written to, and are no snapshots */
    struct report report;
};

void compare_dispose(struct compare *compare);

/* One that is measured. 0 or -ENOMEM. */
int compare_subject(struct compare *compare, const char *subject);

/* One that cannot be measured: it is named with the reason. 0 or -ENOMEM. */
int compare_missing(struct compare *compare, const char *subject, const char *why);

/*
 * Makes all runs with XL and VIEWER, which is stubdom-screenshot, says on stderr how far it is, and fills the report.
 * 0; or a negative errno with the fault described: a run failed, or (-EINTR) a signal asked for the end; *signal is
 * that one then. What was measured before is in the report, and no guest is left.
 */
int compare_run(struct compare *compare, const char *xl, const char *viewer, int *signal, struct fault *fault);

/* Prints the report and writes its files. 0, or a negative errno with the fault described. */
int compare_finish(struct compare *compare, struct fault *fault);

#endif
