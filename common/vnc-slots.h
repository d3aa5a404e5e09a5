/*
 * QEMU's VNC server for several viewers at once: numbered vchan servers ("slots"), a
 * connection to QEMU for each viewer. dom0's daemon takes any slot that is published
 * in xenstore; a slot that is taken disappears from there until its viewer has left.
 * One free slot more than there are viewers is kept published, up to VNC_SLOTS.
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

/* Bytes towards the viewer that are under way at once; its own are few. */
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

/* Publishes the first slot; nothing before vnc_slots_init(). */
void vnc_slots_start(struct vnc_slots *vnc);

/* Ends all connections. Idempotent; nothing before vnc_slots_init(). */
void vnc_slots_stop(struct vnc_slots *vnc);

#endif
