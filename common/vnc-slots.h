/*
 * QEMU's VNC server for several viewers at once. There are numbered vchan servers ("slots"), and each viewer has a
 * connection of its own to QEMU. dom0's daemon uses any slot that is published in xenstore. A slot in use disappears
 * from there until its viewer has left. One free slot more than there are viewers is kept published, up to VNC_SLOTS.
 *
 * Paths: /local/domain/<stub>/device-model/<guest>/vnc-vchan/<slot>
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef VNC_SLOTS_H
#define VNC_SLOTS_H

#include "stubdom-wire.h"
#include "vchan-bridge.h"

#define VNC_SLOTS WIRE_VNC_SLOTS

/* The size of the ring towards the viewer. A viewer sends little. */
#define VNC_WRITE_RING 65536

struct vnc_slots {
    struct vchan_bridge slots[VNC_SLOTS];
    int (*connect)(void *data);
    void *data;
    bool initialised; /* false: there is no VNC */
};

/* folder: …/vnc-vchan, absolute; connect opens QEMU's VNC socket. 0 or -ENAMETOOLONG. */
int vnc_slots_init(struct vnc_slots *vnc, struct loop *loop, struct xs_handle *xs,
                   const char *folder, int (*connect)(void *data), void *data);

/* Publishes the first slot. Does nothing before vnc_slots_init(). */
void vnc_slots_start(struct vnc_slots *vnc);

/* Ends all connections. Idempotent. Does nothing before vnc_slots_init(). */
void vnc_slots_stop(struct vnc_slots *vnc);

#endif
