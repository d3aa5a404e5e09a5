/*
 * The interface between the host and the backends of the Xen libraries in this folder. The libraries and QEMU use
 * nothing else of ours, so they need no rebuild when the host changes. ../xen-handles.c, ../xen-evtchn.c and
 * ../xen-grants.c implement it.
 *
 * A handle is a number of HOST_XEN_HANDLES or above. The libraries keep it where they would keep a descriptor; it is
 * never one of the C library's. A restricted handle serves one domain only, a dead one nothing. This protects against
 * bugs only: an attacker in QEMU has the whole address space.
 *
 * Results are 0 or more, or a negative error of Xen's, which host_errno() translates.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#ifndef HOST_XEN_BACKEND_H
#define HOST_XEN_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int host_errno(long result);

#define HOST_XEN_HANDLES 0x40000000
int host_xen_open(void);
void host_xen_close(int handle);
int host_xen_restrict(int handle, uint16_t domain);
/* False: it is none of these. */
bool host_xen_kill(int handle);

long host_xen_hypercall(int handle, unsigned int op, const unsigned long args[5]);
struct host_xen_buffer { void *p; size_t size; };
#define HOST_XEN_BUFFERS 8
long host_xen_dm_op(int handle, uint16_t domain, const struct host_xen_buffer *buffers, unsigned int count);
/* Allocates zeroed pages. They are mapped at once. NULL: no memory. */
void *host_xen_pages(size_t count);
void host_xen_pages_free(void *pages);

/*
 * Maps another domain's frames at *where, or where there is room (NULL). errors[i]: Xen's error for frame i. 0 or an
 * error.
 */
long host_xen_map(int handle, uint16_t domain, void **where, bool writable, const uint64_t *frames,
                  size_t count, int *errors);
long host_xen_unmap(void *where, size_t count);

/* Event channels: *fd is the handle, and becomes readable when one of its ports has an event. */
long host_xen_evtchn_open(int *fd);
long host_xen_evtchn_close(int fd);
long host_xen_evtchn_restrict(int fd, uint16_t domain);
/* Return a port, or an error. */
long host_xen_evtchn_alloc(int fd, uint32_t remote);
long host_xen_evtchn_connect(int fd, uint32_t remote, uint32_t remote_port);
long host_xen_evtchn_virq(int fd, unsigned int virq);
long host_xen_evtchn_unbind(int fd, uint32_t port);
long host_xen_evtchn_notify(int fd, uint32_t port);
long host_xen_evtchn_unmask(int fd, uint32_t port);

/*
 * Grants. At the end the byte at notify_offset is set to 0, and an event is sent to notify_port (-1: neither).
 */
struct host_xen_share {
    uint16_t domain;
    bool writable;
    uint32_t count, *refs, notify_offset, notify_port;
};
long host_xen_share(int handle, const struct host_xen_share *share, void **pages);
long host_xen_unshare(void *pages);
struct host_xen_grants {
    const uint32_t *domains, *refs;
    uint32_t count;
    bool one_domain, writable;
    uint32_t notify_offset, notify_port;
};
long host_xen_grants_map(int handle, const struct host_xen_grants *grants, void **where);
long host_xen_grants_unmap(void *where);
/* Ends all that the handle has shared and mapped. */
void host_xen_grants_close(int handle);

#endif
