/*
 * The Xen libraries' handles, hypercalls, and other domains' memory (xen/backend.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "host.h"
#include "xen/backend.h"

#include <xen/hvm/dm_op.h>

#define HANDLES 64

enum state { UNUSED, OPEN, RESTRICTED, DEAD };
static struct { enum state state; uint16_t domain; } handles[HANDLES];

static unsigned int index_of(int handle)
{
    return handle < HOST_XEN_HANDLES ? HANDLES : (unsigned int)(handle - HOST_XEN_HANDLES);
}

static enum state state_of(int handle)
{
    return index_of(handle) < HANDLES ? handles[index_of(handle)].state : UNUSED;
}

int host_xen_open(void)
{
    for (int i = 0; i < HANDLES; i++)
        if (handles[i].state == UNUSED) {
            handles[i].state = OPEN;
            return HOST_XEN_HANDLES + i;
        }
    return -PV_ENOBUFS;
}

void host_xen_close(int handle)
{
    if (state_of(handle) != UNUSED)
        handles[index_of(handle)].state = UNUSED;
}

int host_xen_restrict(int handle, uint16_t domain)
{
    if (state_of(handle) != OPEN)
        return -PV_EPERM;
    handles[index_of(handle)].state = RESTRICTED;
    handles[index_of(handle)].domain = domain;
    return 0;
}

bool host_xen_kill(int handle)
{
    if (state_of(handle) == UNUSED)
        return false;
    handles[index_of(handle)].state = DEAD;
    return true;
}

static bool may(int handle, uint16_t domain)
{
    enum state state = state_of(handle);

    return state == OPEN || (state == RESTRICTED && handles[index_of(handle)].domain == domain);
}

/* Restricted handles may make no hypercalls: one cannot tell which domain a hypercall is about. */
long host_xen_hypercall(int handle, unsigned int op, const unsigned long args[5])
{
    if (state_of(handle) != OPEN)
        return -PV_EPERM;
    return pv_hypercall(op, args[0], args[1], args[2], args[3], args[4]);
}

/* Allocates the buffer's pages: Xen copies to and from them, and cannot fault them in. */
static int back_buffer(const struct host_xen_buffer *buffer)
{
    uintptr_t first = (uintptr_t)buffer->p & ~(PV_PAGE - 1), end = (uintptr_t)buffer->p + buffer->size;

    if (!space_contains(buffer->p))
        return 0;
    return space_back(first, (end - first + PV_PAGE - 1) / PV_PAGE);
}

long host_xen_dm_op(int handle, uint16_t domain, const struct host_xen_buffer *buffers, unsigned int count)
{
    struct xen_dm_op_buf list[HOST_XEN_BUFFERS];
    int rc = may(handle, domain) ? 0 : -PV_EPERM;

    if (count > HOST_XEN_BUFFERS)
        rc = -PV_E2BIG;
    for (unsigned int i = 0; !rc && i < count; i++) {
        set_xen_guest_handle(list[i].h, buffers[i].p);
        list[i].size = buffers[i].size;
        rc = back_buffer(&buffers[i]);
    }
    return rc ? rc : pv_hypercall(__HYPERVISOR_dm_op, domain, count, (unsigned long)list, 0, 0);
}

void *host_xen_pages(size_t count)
{
    void *pages = pv_pages_alloc(count, 1);

    if (pages)
        pv_zero(pages, count * PV_PAGE);
    return pages;
}

void host_xen_pages_free(void *pages)
{
    pv_pages_put(pages);
}

long host_xen_map(int handle, uint16_t domain, void **where, bool writable, const uint64_t *frames,
                  size_t count, int *errors)
{
    uintptr_t va = (uintptr_t)*where;
    int rc = may(handle, domain) ? 0 : -PV_EPERM;

    if (!rc && va)
        rc = space_remap(va, count, SPACE_FOREIGN);
    else if (!rc && !(va = space_map(count, SPACE_FOREIGN)))
        rc = -PV_ENOMEM;
    if (rc)
        return rc;
    pv_map_batch(NULL, va, frames, count, writable ? PV_PROT_WRITE : 0, domain, errors);
    *where = (void *)va;
    return 0;
}

long host_xen_unmap(void *where, size_t count)
{
    return space_unmap((uintptr_t)where, count);
}

/* For compat/context.c: allocates the part of a stack that the coroutine will use. */
void host_stack_prepare(void *stack, size_t size, size_t depth);

void host_stack_prepare(void *stack, size_t size, size_t depth)
{
    uintptr_t top = (uintptr_t)stack + size;

    if (depth > size)
        depth = size;
    if (space_contains(stack) && space_back(top - depth, depth / PV_PAGE))
        pv_panic("no memory for a coroutine's stack");
}
