/*
 * libxl's way to the QEMU in the stub domain is a process of Xen's in dom0,
 * vchan-socket-proxy, which nobody watches: when it dies, xl can no longer change
 * CDs, attach disks or save the guest. Here it is started anew, with the command
 * line that libxl gave it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_QMP_PROXY_H
#define DM_QMP_PROXY_H

#include "loop.h"
#include "store.h"

#define QMP_PROXY_ARGS 8

struct qmp_proxy {
    struct loop *loop; /* NULL: there is none to look after */
    int domid;         /* the stub domain */
    struct loop_fd io; /* its pidfd: readable when it has ended */
    struct loop_timer again;
    int restarts;
    int log_fd; /* its stderr */
    char exe[256], text[1024];
    char *args[QMP_PROXY_ARGS + 1]; /* within text */
};

/*
 * Finds what libxl started and watches it. With all of root's privileges: it looks at
 * another process. 0, also when libxl started none; or -errno after logging a line.
 */
int qmp_proxy_find(struct qmp_proxy *proxy, struct loop *loop, struct store *store);

/*
 * In a process that was forked from the one that called qmp_proxy_find() and takes its
 * place: watches what runs by now, which may be another than at the fork.
 */
void qmp_proxy_follow(struct qmp_proxy *proxy, struct store *store);

void qmp_proxy_forget(struct qmp_proxy *proxy); /* closes what is open; idempotent */

/*
 * Ends it: xl, which may wait for its QEMU's answer, hears at once that there is none; and libxl,
 * which ends it with the stub domain, misses one that was started meanwhile. With it goes its socket.
 */
void qmp_proxy_stop(struct qmp_proxy *proxy);

#endif
