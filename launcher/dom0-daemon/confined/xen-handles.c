/*
 * Event channels and grants of the worker (see xen-handles.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen-handles.h"

#include "log.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Ports handled in one turn of the loop, so that nobody else is kept waiting. */
#define EVENTS_A_TURN 32

static void xen_events_ready(void *data, short revents)
{
    struct xen_handles *xen = data;

    for (int i = 0; i < EVENTS_A_TURN; i++) {
        xenevtchn_port_or_error_t local = xenevtchn_pending(xen->evtchn);

        if (local < 0)
            return;
        /* A port that is no longer ours stays masked, which is right. */
        for (size_t p = 0; p < XEN_MAX_PORTS; p++) {
            struct xen_port *port = xen->ports[p];

            if (port && port->local == (evtchn_port_t)local) {
                port->fired(port->data);
                break;
            }
        }
    }
}

int xen_open(struct xen_handles *xen, struct loop *loop, int domid, const struct grants *grants)
{
    int rc = 0;

    *xen = (struct xen_handles){ .loop = loop, .domid = domid, .grants = *grants };
    budget_init(&xen->all, XEN_ALL_BYTES, XEN_ALL_EVENTS);
    xen->evtchn = xenevtchn_open(NULL, 0);
    if (!xen->evtchn) {
        rc = -errno;
        log_error("cannot open event channels: %s", strerror(-rc));
        return rc;
    }
    xen->events = (struct loop_fd){ .fd = xenevtchn_fd(xen->evtchn), .events = POLLIN,
                                    .ready = xen_events_ready, .data = xen };
    if (fcntl(xen->events.fd, F_SETFL, O_RDWR | O_NONBLOCK))
        rc = -errno;
    rc = rc ?: loop_add_fd(loop, &xen->events);
    if (rc)
        xen_close(xen);
    return rc;
}

void xen_close(struct xen_handles *xen)
{
    if (xen->loop)
        loop_remove_fd(xen->loop, &xen->events);
    if (xen->evtchn)
        xenevtchn_close(xen->evtchn);
    xen->evtchn = NULL;
}

int xen_restrict(struct xen_handles *xen)
{
    return xenevtchn_restrict(xen->evtchn, xen->domid) ? -errno : 0;
}

int xen_port_bind(struct xen_handles *xen, struct xen_port *port, uint32_t remote)
{
    xenevtchn_port_or_error_t local;
    size_t free_entry = 0;

    while (free_entry < XEN_MAX_PORTS && xen->ports[free_entry])
        free_entry++;
    if (free_entry == XEN_MAX_PORTS)
        return -ENOSPC;
    local = xenevtchn_bind_interdomain(xen->evtchn, xen->domid, remote);
    if (local < 0)
        return -errno;
    port->local = local;
    port->bound = true;
    xen->ports[free_entry] = port;
    return 0;
}

void xen_port_unbind(struct xen_handles *xen, struct xen_port *port)
{
    if (!port->bound)
        return;
    for (size_t i = 0; i < XEN_MAX_PORTS; i++)
        if (xen->ports[i] == port)
            xen->ports[i] = NULL;
    xenevtchn_unbind(xen->evtchn, port->local);
    port->bound = false;
}

void xen_port_unmask(struct xen_handles *xen, struct xen_port *port)
{
    if (port->bound)
        xenevtchn_unmask(xen->evtchn, port->local);
}

void xen_port_notify(struct xen_handles *xen, struct xen_port *port)
{
    if (port->bound)
        xenevtchn_notify(xen->evtchn, port->local);
}
