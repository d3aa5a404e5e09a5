/*
 * screen-change: waits until a guest's screen shows something else than at first, by a viewer (viewer.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_SCREEN_CHANGE_H
#define XL_STUBDOM_SCREEN_CHANGE_H

#include <stdbool.h>

#include "viewer.h"

struct made_guest;

struct screen_change {
    const char *program;  /* stubdom-screenshot; NULL: nobody wants to know */
    struct viewer viewer; /* its child's fd is readable: call screen_change_end(); -1: not there */
    bool found;           /* the guest has a screen */
    int rc;               /* a negative errno: it cannot be waited for, as the fault says */
    struct fault fault;
};

/* Dispose in any case. */
void screen_change_init(struct screen_change *change, const char *program);
void screen_change_dispose(struct screen_change *change);

/* Starts the viewer when the guest has a screen. */
void screen_change_look(struct screen_change *change, const struct made_guest *made);

/* True: the screen has changed. Otherwise rc says why that will never be known. */
bool screen_change_end(struct screen_change *change, const char *guest);

#endif
