/*
 * Descriptors that are served here and not by the rump kernel: event channels, taps. To the rump kernel each is a
 * socket that is connected to nobody, and never ready for anything: poll-calls.c says what it is ready for, and
 * what is read of it. So an event costs no trip through the kernel.
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
    /* What it is ready for: POLLIN | POLLRDNORM, POLLOUT | POLLWRNORM. */
    short (*ready)(const struct host_handle *handle);
    /* Octets, or an error of the layer's: -PV_EAGAIN, not now. write: NULL: it cannot be written to. */
    long (*read)(struct host_handle *handle, void *to, size_t size);
    long (*write)(struct host_handle *handle, const struct iovec *iov, int count);
    /* Somebody has closed the descriptor: the handle is nobody's any more. NULL: nobody does. */
    void (*closed)(struct host_handle *handle);
    bool waits; /* a read waits, unless the descriptor is O_NONBLOCK */
};
struct host_handle { struct host_handle *next; const struct host_handle_ops *ops; int fd; };

/* 0 or -PV_ENOMEM. */
int host_handle_open(struct host_handle *handle, const struct host_handle_ops *ops);
/* close() of the descriptor does this, too, and then says so. */
void host_handle_close(struct host_handle *handle);
/* NULL: it is the rump kernel's. */
struct host_handle *host_handle_find(int fd);
/* It is ready for something that it was not ready for. From anywhere, callbacks too. */
void host_handle_wake(const struct host_handle *handle);

/*
 * Between begin and end a handle of these that becomes ready ends the thread's sleep in the rump kernel, now
 * or when it begins one: its deadline becomes HOST_AT_ONCE.
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
