/*
 * Event channels and grants without Xen (see fake-xen.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fake-xen.h"

#include <errno.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct fake_xen xen = { .pending = -1 };

void fake_xen_reset(void)
{
    xen = (struct fake_xen){ .pending = -1, .pages = xen.pages };
}

void fake_xen_fire(evtchn_port_t port)
{
    uint64_t count = port;

    (void)!write(xen.pending, &count, sizeof(count));
}

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned int flags)
{
    xen.pending = eventfd(0, EFD_NONBLOCK);
    return (void *)&xen;
}

int xenevtchn_close(xenevtchn_handle *xce) { return close(xen.pending); }
int xenevtchn_fd(xenevtchn_handle *xce) { return xen.pending; }
int xenevtchn_restrict(xenevtchn_handle *xce, domid_t domid) { return 0; }

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *xce)
{
    uint64_t port;

    if (read(xen.pending, &port, sizeof(port)) != sizeof(port))
        return -1;
    xen.masked++;
    return port;
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *xce, uint32_t domid,
                                                     evtchn_port_t remote)
{
    xen.domid = domid;
    if (xen.fail_bind) {
        errno = EINVAL;
        return -1;
    }
    xen.remote = remote;
    xen.bound++;
    return ++xen.next;
}

int xenevtchn_unbind(xenevtchn_handle *xce, evtchn_port_t port)
{
    xen.bound--;
    return 0;
}

int xenevtchn_unmask(xenevtchn_handle *xce, evtchn_port_t port)
{
    xen.masked = 0;
    return 0;
}

int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port)
{
    xen.notified++;
    return 0;
}

int grants_map(const struct grants *grants, const uint32_t *refs, uint32_t count, int prot, void **pages)
{
    *pages = xen.fail_map ? NULL : xen.pages(refs, count);
    if (!*pages)
        return -EINVAL;
    xen.ref = refs[0];
    xen.mapped += count;
    return 0;
}

int grants_notify(const struct grants *grants, const void *page, size_t offset, uint32_t port)
{
    xen.notify_at = offset;
    return 0;
}

void grants_unmap(const struct grants *grants, void *pages, uint32_t count)
{
    xen.mapped -= count;
}
