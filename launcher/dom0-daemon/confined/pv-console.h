/*
 * One PV console of the stub domain, or a channel of its guest: ring, output, and the backend's half of the
 * xenbus handshake.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_PV_CONSOLE_H
#define DM_PV_CONSOLE_H

#include "console-ring.h"
#include "loop.h"
#include "message.h"
#include "output.h"
#include "throttle.h"
#include "xen-handles.h"

struct pv_console {
    unsigned int id;
    struct loop *loop;
    struct xen_handles *xen; /* of the domain that has its frontend */
    struct output output;
    struct console_ring ring; /* ring.page is NULL while not connected */
    struct xen_port port;
    struct { uint32_t ring_ref, port; } frontend; /* what it is connected to */
    struct throttle throttle;
    unsigned int state; /* what the backend says, enum xenbus_state */
    void (*publish)(void *data, unsigned int id, unsigned int state);
    void *data;
};

/* Opens console ID's output. 0 or -errno after logging a line. */
int pv_console_open(struct pv_console *console, unsigned int id, const struct output_spec *spec,
                    struct loop *loop);
void pv_console_dispose(struct pv_console *console); /* idempotent */

/* Gives an open console its Xen. PUBLISH(DATA, id, state) publishes the backend's state. */
void pv_console_start(struct pv_console *console, struct xen_handles *xen,
                      void (*publish)(void *data, unsigned int id, unsigned int state),
                      void *data);

/*
 * The frontend has said something: state, ring_ref and port of MESSAGE, all of
 * them a guess of that domain's choice. Console 0's come from libxl.
 */
void pv_console_frontend(struct pv_console *console, const struct message *message);

#endif
