/*
 * Event channel handles, for poll() (xen-evtchn.c).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XEN_EVTCHN_H
#define XEN_EVTCHN_H

#include <sys/types.h>

#include <poll.h>

#include "host.h"

/* Is this descriptor a handle? Has one of its ports had an event that nobody has asked for yet? */
bool xen_evtchn_is(int fd);
bool xen_evtchn_ready(int fd);
/* The next such port, which is masked now; -PV_EAGAIN: none; -PV_EBADF: it is no handle. */
long xen_evtchn_next(int fd);

/*
 * Between begin and end an event of one of these handles ends the thread's sleep in the rump kernel, now
 * or when it begins one: its deadline becomes HOST_AT_ONCE.
 */
struct xen_evtchn_poll {
    struct xen_evtchn_poll *next;
    struct host_thread *thread;
    const struct pollfd *fds;
    nfds_t count;
};
void xen_evtchn_poll_begin(struct xen_evtchn_poll *poll);
void xen_evtchn_poll_end(struct xen_evtchn_poll *poll);

#endif
