/*
 * Descriptors that are served here and not by the rump kernel: event channels, taps. To the rump kernel each is an
 * unconnected socket, which is never ready. poll-calls.c polls, reads and writes them instead, so an event costs no
 * call of the rump kernel.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HANDLE_H
#define HANDLE_H

#include <sys/types.h>
#include <sys/uio.h>

#include <poll.h>

#include "host.h"

struct host_handle;
struct host_handle_ops {
    /* Returns what it is ready for: POLLIN | POLLRDNORM, POLLOUT | POLLWRNORM. */
    short (*ready)(const struct host_handle *handle);
    /* How many octets, or an error of the layer: -PV_EAGAIN, not now. write NULL: it cannot be written. */
    long (*read)(struct host_handle *handle, void *to, size_t size);
    long (*write)(struct host_handle *handle, const struct iovec *iov, int count);
    /* Called when the descriptor was closed, to free the handle. NULL: nobody closes it. */
    void (*closed)(struct host_handle *handle);
    bool waits; /* a read waits, unless the descriptor is O_NONBLOCK */
};
struct host_handle { struct host_handle *next; const struct host_handle_ops *ops; int fd; };

/* 0 or -PV_ENOMEM. */
int host_handle_open(struct host_handle *handle, const struct host_handle_ops *ops);
/* close() of the descriptor does this, too, and then calls closed(). */
void host_handle_close(struct host_handle *handle);
/* The handle of a descriptor. NULL: the descriptor is the rump kernel's. */
struct host_handle *host_handle_find(int fd);
/* To be called when the handle has become ready for something. May be called from callbacks. */
void host_handle_wake(const struct host_handle *handle);

/*
 * Between begin and end, a handle of these that becomes ready ends the thread's sleep in the rump kernel, the current
 * or the next one: it sets the thread's deadline to HOST_AT_ONCE.
 */
struct host_poll {
    struct host_poll *next;
    struct host_thread *thread;
    const struct pollfd *fds;
    nfds_t count;
};
void host_poll_begin(struct host_poll *poll);
void host_poll_end(struct host_poll *poll);

#endif
