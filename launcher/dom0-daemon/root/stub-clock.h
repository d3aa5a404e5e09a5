/*
 * The stub domain reads the processor's time stamp counter itself. Where Xen does not
 * know that counter to be the same everywhere and at all times, it emulates it for every
 * domain but dom0: a trap for each look at a clock, a third of the time that the device
 * model takes for a port access. libxl has no setting for it in a stub domain.
 *
 * Its kernel can do without the emulation: Xen's own clock tells it, whenever it comes to a processor, how to read
 * that one's counter, and it never moves to another host.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_STUB_CLOCK_H
#define DM_STUB_CLOCK_H

/* Before the stub domain runs. A failure is logged: it is slower then, nothing else. */
void stub_clock_set(int stub);

#endif
