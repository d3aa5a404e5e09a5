/*
 * libxenforeignmemory's backend, where the library's netbsd.c would be.
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

int osdep_xenforeignmemory_open(xenforeignmemory_handle *fmem)
{
    fmem->fd = host_xen_open();
    return fmem->fd < 0 ? result(fmem->fd) : 0;
}

int osdep_xenforeignmemory_close(xenforeignmemory_handle *fmem)
{
    host_xen_close(fmem->fd);
    return 0;
}

/* The library sets errno by the first error in err[]. */
void *osdep_xenforeignmemory_map(xenforeignmemory_handle *fmem, uint32_t dom, void *addr, int prot, int flags,
                                 size_t num, const xen_pfn_t arr[/*num*/], int err[/*num*/])
{
    void *where = addr;

    if (result(host_xen_map(fmem->fd, (domid_t)dom, &where, prot & PROT_WRITE, arr, num, err)))
        return NULL;
    for (size_t i = 0; i < num; i++)
        err[i] = err[i] ? -host_errno(err[i]) : 0;
    return where;
}

int osdep_xenforeignmemory_unmap(xenforeignmemory_handle *fmem, void *addr, size_t num)
{
    return result(host_xen_unmap(addr, num));
}

int osdep_xenforeignmemory_restrict(xenforeignmemory_handle *fmem, domid_t domid)
{
    return result(host_xen_restrict(fmem->fd, domid));
}

/* Not supported. QEMU then maps its guest's ioreq page by its frame number. */
int osdep_xenforeignmemory_map_resource(xenforeignmemory_handle *fmem, xenforeignmemory_resource_handle *fres)
{
    errno = EOPNOTSUPP;
    return -1;
}

int osdep_xenforeignmemory_unmap_resource(xenforeignmemory_handle *fmem, xenforeignmemory_resource_handle *fres)
{
    return 0;
}
