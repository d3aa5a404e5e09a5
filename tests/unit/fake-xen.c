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
#include <xengnttab.h>

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

xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned int flags)
{
    return (void *)&xen;
}

int xengnttab_close(xengnttab_handle *xgt) { return 0; }

void *xengnttab_map_domain_grant_refs(xengnttab_handle *xgt, uint32_t count, uint32_t domid,
                                      uint32_t *refs, int prot)
{
    void *pages = xen.fail_map ? NULL : xen.pages(refs, count);

    xen.domid = domid;
    if (!pages) {
        errno = EINVAL;
        return NULL;
    }
    xen.ref = refs[0];
    xen.mapped += count;
    return pages;
}

void *xengnttab_map_grant_ref(xengnttab_handle *xgt, uint32_t domid, uint32_t ref, int prot)
{
    return xengnttab_map_domain_grant_refs(xgt, 1, domid, &ref, prot);
}

void *xengnttab_map_grant_ref_notify(xengnttab_handle *xgt, uint32_t domid, uint32_t ref, int prot,
                                     uint32_t offset, evtchn_port_t port)
{
    xen.notify_at = offset;
    return xengnttab_map_domain_grant_refs(xgt, 1, domid, &ref, prot);
}

int xengnttab_unmap(xengnttab_handle *xgt, void *start, uint32_t count)
{
    xen.mapped -= count;
    return 0;
}
