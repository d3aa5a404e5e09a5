/*
 * libxengnttab's backend, where the library's netbsd.c would be.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include <errno.h>
#include <sys/mman.h>

#include "private.h"
#include "stubdom-xen-backend.h"

static int result(long rc)
{
    if (rc >= 0)
        return (int)rc;
    errno = host_errno(rc);
    return -1;
}

static int refuse(void)
{
    errno = EOPNOTSUPP;
    return -1;
}

int osdep_gnttab_open(xengnttab_handle *xgt)
{
    xgt->fd = host_xen_open();
    return xgt->fd < 0 ? result(xgt->fd) : 0;
}

int osdep_gnttab_close(xengnttab_handle *xgt)
{
    host_xen_grants_close(xgt->fd);
    host_xen_close(xgt->fd);
    return 0;
}

int osdep_gnttab_set_max_grants(xengnttab_handle *xgt, uint32_t count)
{
    return 0;
}

void *osdep_gnttab_grant_map(xengnttab_handle *xgt, uint32_t count, int flags, int prot, uint32_t *domids,
                             uint32_t *refs, uint32_t notify_offset, evtchn_port_t notify_port)
{
    struct host_xen_grants grants = {
        .domains = domids, .refs = refs, .count = count, .writable = prot & PROT_WRITE,
        .one_domain = flags & XENGNTTAB_GRANT_MAP_SINGLE_DOMAIN,
        .notify_offset = notify_offset, .notify_port = notify_port,
    };
    void *where;

    return result(host_xen_grants_map(xgt->fd, &grants, &where)) ? NULL : where;
}

int osdep_gnttab_unmap(xengnttab_handle *xgt, void *start_address, uint32_t count)
{
    return result(host_xen_grants_unmap(start_address));
}

int osdep_gnttab_grant_copy(xengnttab_handle *xgt, uint32_t count, xengnttab_grant_copy_segment_t *segs)
{
    return refuse();
}

int osdep_gnttab_dmabuf_exp_from_refs(xengnttab_handle *xgt, uint32_t domid, uint32_t flags, uint32_t count,
                                      const uint32_t *refs, uint32_t *fd)
{
    return refuse();
}

int osdep_gnttab_dmabuf_exp_wait_released(xengnttab_handle *xgt, uint32_t fd, uint32_t wait_to_ms)
{
    return refuse();
}

int osdep_gnttab_dmabuf_imp_to_refs(xengnttab_handle *xgt, uint32_t domid, uint32_t fd, uint32_t count,
                                    uint32_t *refs)
{
    return refuse();
}

int osdep_gnttab_dmabuf_imp_release(xengnttab_handle *xgt, uint32_t fd)
{
    return refuse();
}

int osdep_gntshr_open(xengntshr_handle *xgs)
{
    xgs->fd = host_xen_open();
    return xgs->fd < 0 ? result(xgs->fd) : 0;
}

int osdep_gntshr_close(xengntshr_handle *xgs)
{
    host_xen_grants_close(xgs->fd);
    host_xen_close(xgs->fd);
    return 0;
}

void *osdep_gntshr_share_pages(xengntshr_handle *xgs, uint32_t domid, int count, uint32_t *refs, int writable,
                               uint32_t notify_offset, evtchn_port_t notify_port)
{
    struct host_xen_share share = {
        .domain = (uint16_t)domid, .writable = writable, .count = (uint32_t)count, .refs = refs,
        .notify_offset = notify_offset, .notify_port = notify_port,
    };
    void *pages;

    if (count <= 0) {
        errno = EINVAL;
        return NULL;
    }
    return result(host_xen_share(xgs->fd, &share, &pages)) ? NULL : pages;
}

int osdep_gntshr_unshare(xengntshr_handle *xgs, void *start_address, uint32_t count)
{
    return result(host_xen_unshare(start_address));
}
