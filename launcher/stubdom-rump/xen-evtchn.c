/*
 * libxenevtchn's handles (xen/backend.h). After an event a port stays masked until the library unmasks it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "handle.h"

#include <stdlib.h>
#include <string.h>

#include "xen/backend.h"

struct port { struct port *next, *next_ready; struct evtchn *owner; uint32_t number; bool ready; };

struct evtchn {
    struct host_handle handle;         /* first */
    bool restricted;
    uint16_t domain;
    struct port *ports;
    struct port *ready, **last_ready;  /* ports whose event was not read yet */
};

/* ---- from Xen to those who wait ---- */

/* Called by the layer. */
static void happened(void *arg, uint32_t number)
{
    struct port *port = arg;
    struct evtchn *owner = port->owner;

    pv_event_mask(number);
    if (port->ready)
        return;
    port->ready = true;
    port->next_ready = NULL;
    *owner->last_ready = port;
    owner->last_ready = &port->next_ready;
    host_handle_wake(&owner->handle);
}

static void take_ready(struct evtchn *handle, struct port *port)
{
    struct port **at = &handle->ready;

    while (*at != port)
        at = &(*at)->next_ready;
    *at = port->next_ready;
    if (!*at)
        handle->last_ready = at;
    port->ready = false;
}

static short ready(const struct host_handle *handle)
{
    return ((const struct evtchn *)handle)->ready ? POLLIN | POLLRDNORM : 0;
}

/* The library reads one port at a time. The port stays masked. */
static long read_port(struct host_handle *base, void *to, size_t size)
{
    struct evtchn *handle = (struct evtchn *)base;
    struct port *port = handle->ready;

    if (size < sizeof(port->number))
        return -PV_EINVAL;
    if (!port)
        return -PV_EAGAIN;
    take_ready(handle, port);
    memcpy(to, &port->number, sizeof(port->number));
    return sizeof(port->number);
}

/* ---- handles ---- */

static const struct host_handle_ops ops = { .ready = ready, .read = read_port, .waits = true };

static struct evtchn *find(int fd)
{
    struct host_handle *handle = host_handle_find(fd);

    return handle && handle->ops == &ops ? (struct evtchn *)handle : NULL;
}

long host_xen_evtchn_open(int *fd)
{
    struct evtchn *handle = calloc(1, sizeof(*handle));

    if (!handle)
        return -PV_ENOMEM;
    if (host_handle_open(&handle->handle, &ops)) {
        free(handle);
        return -PV_ENOMEM;
    }
    handle->last_ready = &handle->ready;
    *fd = handle->handle.fd;
    return 0;
}

long host_xen_evtchn_restrict(int fd, uint16_t domain)
{
    struct evtchn *handle = find(fd);

    if (!handle || handle->restricted)
        return -PV_EPERM;
    handle->restricted = true;
    handle->domain = domain;
    return 0;
}

static void drop_port(struct evtchn *handle, struct port **at)
{
    struct port *port = *at;

    pv_event_close(port->number);
    if (port->ready)
        take_ready(handle, port);
    *at = port->next;
    free(port);
}

long host_xen_evtchn_close(int fd)
{
    struct evtchn *handle = find(fd);

    if (!handle)
        return -PV_EBADF;
    while (handle->ports)
        drop_port(handle, &handle->ports);
    host_handle_close(&handle->handle);
    free(handle);
    return 0;
}

/* ---- ports ---- */

static struct port **find_port(struct evtchn *handle, uint32_t number)
{
    struct port **at = &handle->ports;

    while (*at && (*at)->number != number)
        at = &(*at)->next;
    return at;
}

/* Allocates a port of this handle. NULL: *rc is the error. */
static struct port *new_port(int fd, bool any_domain, uint32_t domain, long *rc)
{
    struct evtchn *handle = find(fd);
    struct port *port;

    *rc = -PV_EBADF;
    if (!handle)
        return NULL;
    *rc = -PV_EPERM;
    if (handle->restricted && (any_domain || domain != handle->domain))
        return NULL;
    *rc = -PV_ENOMEM;
    port = calloc(1, sizeof(*port));
    if (port)
        port->owner = handle;
    return port;
}

static long keep(struct port *port, int rc)
{
    if (rc) {
        free(port);
        return rc;
    }
    port->next = port->owner->ports;
    port->owner->ports = port;
    return port->number;
}

long host_xen_evtchn_alloc(int fd, uint32_t remote)
{
    long rc;
    struct port *port = new_port(fd, false, remote, &rc);

    return port ? keep(port, pv_event_alloc((uint16_t)remote, happened, port, &port->number)) : rc;
}

long host_xen_evtchn_connect(int fd, uint32_t remote, uint32_t remote_port)
{
    long rc;
    struct port *port = new_port(fd, false, remote, &rc);

    return port ? keep(port, pv_event_connect((uint16_t)remote, remote_port, happened, port, &port->number)) : rc;
}

long host_xen_evtchn_virq(int fd, unsigned int virq)
{
    long rc;
    struct port *port = new_port(fd, true, 0, &rc);

    return port ? keep(port, pv_event_virq(virq, happened, port, &port->number)) : rc;
}

static struct port **own_port(int fd, uint32_t number, struct evtchn **handle)
{
    struct port **at;

    *handle = find(fd);
    if (!*handle)
        return NULL;
    at = find_port(*handle, number);
    return *at ? at : NULL;
}

long host_xen_evtchn_unbind(int fd, uint32_t number)
{
    struct evtchn *handle;
    struct port **at = own_port(fd, number, &handle);

    if (!at)
        return -PV_EINVAL;
    drop_port(handle, at);
    return 0;
}

long host_xen_evtchn_notify(int fd, uint32_t number)
{
    struct evtchn *handle;

    if (!own_port(fd, number, &handle))
        return -PV_EINVAL;
    pv_event_notify(number);
    return 0;
}

long host_xen_evtchn_unmask(int fd, uint32_t number)
{
    struct evtchn *handle;

    if (!own_port(fd, number, &handle))
        return -PV_EINVAL;
    pv_event_unmask(number);
    return 0;
}
