/*
 * The guest does not outlive its device model: when the stub domain has ended and
 * nobody is taking the two apart, the guest is shut down with reason crash, so that
 * xl's on_crash runs. Without that it would hang in its next access to a device.
 *
 * The stub domain does this itself when QEMU ends. Here is what it cannot do: its
 * first process or its kernel has died, or somebody destroyed it alone.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_GUARD_H
#define DM_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <xenctrl.h>

struct guard {
    int stub, guest; /* guest -1: not known, nothing is done */
    xen_domain_handle_t stub_uuid, guest_uuid; /* numbers are given out again */
    bool said_suspended;
    bool saved; /* the file of this suspension was given, when the guest had run for so long: */
    uint64_t saved_at_cpu_ns;
};

/* Remembers the two domains. A failure is logged, and nothing will be done. */
void guard_init(struct guard *guard, int stub, int guest);

struct guard_sight {
    bool stub_ended; /* and is kept: nobody answers libxl any more */
    bool silently;   /* it crashed and left its guest as it was: it may have had no last words, either */
    bool look_again; /* in a while: the guest is suspended for a save and may run on when that
                        fails, or the hypervisor did not say */
};

/* Some domain has ended: if it is the stub domain, a guest that runs is crashed. */
struct guard_sight guard_look(struct guard *guard);

/*
 * The stub domain wants its QEMU's state stored: only while the guest is shut down for suspend or soft
 * reset, and once in each such time, which ends when the guest has run or some domain has ended anew
 * (guard_look()). 0 and *LAST, whether the guest goes on with another device model, a soft reset; or -EPERM,
 * -EALREADY, or -EIO when the hypervisor does not say.
 */
int guard_allow_save(struct guard *guard, bool *last);

/* Whether the stub domain runs: neither paused nor ended, nor being destroyed. */
bool guard_stub_runs(const struct guard *guard);

/* Whether it is there, in whatever state; false also when it is not known who it is. */
bool guard_stub_exists(const struct guard *guard);

/*
 * Crashes a guest that still runs; WHY begins the line in the log. One that is suspended for a save
 * is waited for, since it may run on. STOP, a signalfd, ends the waiting.
 */
void guard_crash(const struct guard *guard, const char *why, int stop);

/*
 * We were told to end. libxl destroys a stub domain before its guest, or the stub
 * domain alone: waits until the guest goes, too, and crashes one that is left behind.
 * STOP, a signalfd, ends the waiting. Returns whether the stub domain is gone.
 */
bool guard_see_off(const struct guard *guard, int stop);

#endif
