/*
 * libxencall's backend: hypercalls are function calls here. It replaces the library's netbsd.c.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include <errno.h>

#include "private.h"
#include "stubdom-xen-backend.h"

/*
 * The linker redirects the library's calls to this function (--wrap). The library's own would replace a restricted
 * handle by a descriptor of /dev/null; ours kills the handle.
 */
int __real_xentoolcore__restrict_by_dup2_null(int fd);
int __wrap_xentoolcore__restrict_by_dup2_null(int fd);

int __wrap_xentoolcore__restrict_by_dup2_null(int fd)
{
    return host_xen_kill(fd) ? 0 : __real_xentoolcore__restrict_by_dup2_null(fd);
}

int osdep_xencall_open(xencall_handle *xcall)
{
    xcall->fd = host_xen_open();
    if (xcall->fd >= 0)
        return 0;
    errno = host_errno(xcall->fd);
    xcall->fd = -1;
    return -1;
}

int osdep_xencall_close(xencall_handle *xcall)
{
    host_xen_close(xcall->fd);
    return 0;
}

long osdep_hypercall(xencall_handle *xcall, privcmd_hypercall_t *hypercall)
{
    unsigned long args[5];
    long result;

    for (unsigned int i = 0; i < 5; i++)
        args[i] = hypercall->arg[i];
    result = host_xen_hypercall(xcall->fd, hypercall->op, args);
    if (result >= 0)
        return result;
    errno = host_errno(result);
    return -1;
}

void *osdep_alloc_pages(xencall_handle *xcall, size_t count)
{
    void *pages = host_xen_pages(count);

    if (!pages)
        errno = ENOMEM;
    return pages;
}

void osdep_free_pages(xencall_handle *xcall, void *pages, size_t count)
{
    host_xen_pages_free(pages);
}

int xencall_buffers_never_fault(xencall_handle *xcall)
{
    return 1;
}
