/*
 * viewer: a guest's screen, and the process that looks at it. What comes from the stub domain is read by
 * stubdom-screenshot alone, unprivileged (launcher/screenshot); here its VNC port is looked up and connected to.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_VIEWER_H
#define XL_STUBDOM_VIEWER_H

#include <stdbool.h>
#include <stdint.h>

#include "../screenshot/screenshot.h"
#include "child.h"
#include "fault.h"

struct xs_handle;

/* How to get there. */
struct screen {
    char host[64], port[16];
    char password[SCREENSHOT_PASSWORD_MAX + 1]; /* "": none is known */
};

/* STUB: the stub domain's number; 0: QEMU is in dom0. False: the guest has no VNC, or not yet. */
bool screen_find(struct screen *screen, struct xs_handle *xs, uint32_t guest, uint32_t stub);

struct viewer {
    struct child child; /* its fd is readable when it has ended */
    int heard;
    const char *program;
};

/*
 * Connects to SCREEN of GUEST (a word for the fault), and starts PROGRAM, stubdom-screenshot, for TASK (its argument,
 * or NULL), with OUT, a memory file, for its picture. 0, or a negative errno with the fault described.
 * Blocks for up to 5 s.
 */
int viewer_start(struct viewer *viewer, const char *program, const char *task, const char *guest,
                 const struct screen *screen, int out, struct fault *fault);

/*
 * Waits for its end: when it goes on, it is killed, with all that it may have started. 0: it has done its task;
 * -ETIMEDOUT: it was killed or had no time left, no fault is described; or another negative errno with the fault
 * described.
 */
int viewer_end(struct viewer *viewer, const char *guest, struct fault *fault);

#endif
