/*
 * libxendevicemodel's backend, where the library's compat.c would be.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include <errno.h>

#include "private.h"
#include "stubdom-xen-backend.h"

static int result(long rc)
{
    if (rc >= 0)
        return (int)rc;
    errno = host_errno(rc);
    return -1;
}

int osdep_xendevicemodel_open(xendevicemodel_handle *dmod)
{
    dmod->fd = host_xen_open();
    return dmod->fd < 0 ? result(dmod->fd) : 0;
}

int osdep_xendevicemodel_close(xendevicemodel_handle *dmod)
{
    host_xen_close(dmod->fd);
    return 0;
}

int osdep_xendevicemodel_op(xendevicemodel_handle *dmod, domid_t domid, unsigned int nr_bufs,
                            struct xendevicemodel_buf bufs[])
{
    struct host_xen_buffer buffers[HOST_XEN_BUFFERS];

    if (nr_bufs > HOST_XEN_BUFFERS) {
        errno = E2BIG;
        return -1;
    }
    for (unsigned int i = 0; i < nr_bufs; i++)
        buffers[i] = (struct host_xen_buffer){ .p = bufs[i].ptr, .size = bufs[i].size };
    return result(host_xen_dm_op(dmod->fd, domid, buffers, nr_bufs));
}

int osdep_xendevicemodel_restrict(xendevicemodel_handle *dmod, domid_t domid)
{
    return result(host_xen_restrict(dmod->fd, domid));
}
