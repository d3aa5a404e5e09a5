/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STUB_CLOCK_H
#define STUB_CLOCK_H

/* Says on stdout what the vDSO's clock costs, whether it is right, and who keeps it up to date. */
void stub_clock(void);

#endif
