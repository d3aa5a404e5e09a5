/*
 * compare-guest: one run of `xl-stubdom compare`: a guest is made, measured, and destroyed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_COMPARE_GUEST_H
#define XL_STUBDOM_COMPARE_GUEST_H

#include <signal.h>

#include "compare.h"

struct compare_run {
    struct compare *compare;
    const char *xl, *viewer; /* stubdom-screenshot */
    size_t subject;        /* its number in the figures */
    int signals;           /* a signalfd of all that end us; they are blocked */
    const sigset_t *mask;  /* what children that a signal may end have instead */
    int signal;            /* the one that came, or 0 */
};

/* As compare_run(). */
int compare_guest(struct compare_run *run, struct fault *fault);

#endif
