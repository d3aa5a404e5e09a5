/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STUB_CLOCK_H
#define STUB_CLOCK_H

/* Prints what a read of the vDSO's clock costs, whether the clock is right, and who keeps it up to date. */
void stub_clock(void);

#endif
