/*
 * The worker's Xen, for one domain: one event channel descriptor for all its rings, its way to
 * grants, and which object each local port belongs to.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_XEN_HANDLES_H
#define DM_XEN_HANDLES_H

#include "budget.h"
#include "grants.h"
#include "loop.h"

#include <stdint.h>
#include <xenevtchn.h>

#define XEN_MAX_PORTS 24

/*
 * One bound event channel. After fired() is called the port is masked: the owner
 * calls xen_port_unmask() when it is willing to hear of the next event.
 */
struct xen_port {
    evtchn_port_t local;
    bool bound;
    void (*fired)(void *data);
    void *data;
};

struct xen_handles {
    xenevtchn_handle *evtchn;
    struct grants grants;
    int domid;
    struct loop *loop;
    struct loop_fd events;
    struct xen_port *ports[XEN_MAX_PORTS];
    struct budget all; /* what all that it has us do may cost, together */
};

/* In 10 ms: 200 MB/s. One source may take it all, while no other one wants it. */
#define XEN_ALL_BYTES (2u << 20)
#define XEN_ALL_EVENTS 2048

/* 0 or -errno after logging a line; nothing is left open then. */
int xen_open(struct xen_handles *xen, struct loop *loop, int domid, const struct grants *grants);
void xen_close(struct xen_handles *xen); /* idempotent */

/* No port of any other domain can be bound from now on. 0 or -errno. */
int xen_restrict(struct xen_handles *xen);

/* PORT's fired and data are set by the caller. 0 or -errno, nothing is logged. */
int xen_port_bind(struct xen_handles *xen, struct xen_port *port, uint32_t remote);
void xen_port_unbind(struct xen_handles *xen, struct xen_port *port); /* idempotent */
void xen_port_unmask(struct xen_handles *xen, struct xen_port *port);
void xen_port_notify(struct xen_handles *xen, struct xen_port *port);

#endif
