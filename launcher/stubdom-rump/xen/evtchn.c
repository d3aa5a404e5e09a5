/*
 * libxenevtchn's backend, where the library's netbsd.c would be.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include <errno.h>
#include <unistd.h>

#include "private.h"
#include "stubdom-xen-backend.h"

static int result(long rc)
{
    if (rc >= 0)
        return (int)rc;
    errno = host_errno(rc);
    return -1;
}

int osdep_evtchn_open(xenevtchn_handle *xce, unsigned int flags)
{
    return result(host_xen_evtchn_open(&xce->fd));
}

int osdep_evtchn_close(xenevtchn_handle *xce)
{
    return xce->fd < 0 ? 0 : result(host_xen_evtchn_close(xce->fd));
}

int osdep_evtchn_restrict(xenevtchn_handle *xce, domid_t domid)
{
    return result(host_xen_evtchn_restrict(xce->fd, domid));
}

int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port)
{
    return result(host_xen_evtchn_notify(xce->fd, port));
}

xenevtchn_port_or_error_t xenevtchn_bind_unbound_port(xenevtchn_handle *xce, uint32_t domid)
{
    return result(host_xen_evtchn_alloc(xce->fd, domid));
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *xce, uint32_t domid,
                                                     evtchn_port_t remote_port)
{
    return result(host_xen_evtchn_connect(xce->fd, domid, remote_port));
}

xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *xce, unsigned int virq)
{
    return result(host_xen_evtchn_virq(xce->fd, virq));
}

int xenevtchn_unbind(xenevtchn_handle *xce, evtchn_port_t port)
{
    return result(host_xen_evtchn_unbind(xce->fd, port));
}

int xenevtchn_unmask(xenevtchn_handle *xce, evtchn_port_t port)
{
    return result(host_xen_evtchn_unmask(xce->fd, port));
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *xce)
{
    evtchn_port_t port;

    return read(xce->fd, &port, sizeof(port)) == sizeof(port) ? (xenevtchn_port_or_error_t)port : -1;
}
