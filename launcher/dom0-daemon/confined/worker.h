/*
 * The worker: serves the stub domain's rings, its guest's channels, their outputs, QMP and VNC, without
 * privileges.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_WORKER_H
#define DM_WORKER_H

#include "file-server.h"
#include "log-rotation.h"
#include "message.h"
#include "options.h"
#include "pv-console.h"
#include "qmp-relay.h"
#include "qmp-server.h"
#include "supervisor.h"
#include "vnc-server.h"
#include "xen-handles.h"

struct worker {
    struct loop loop;
    struct xen_handles xen, guest_xen; /* the latter is open only where there are channels */
    struct qmp_server qmp;
    struct qmp_relay relay;
    struct vnc_server vnc;
    struct file_server files;
    struct pv_console consoles[MESSAGE_MAX_CONSOLES];
    int console_count;
    bool has_channels;
    int keeper_fd, opener_fd;
    int guest;            /* the number of the guest that has channels; set before worker_run(), as are */
    struct grants grants, guest_grants;
    struct log_rotation rotation;
    uint64_t state_max; /* octets of a saved state */
    struct loop_fd keeper_io, signal_io, rotation_io;
    struct loop_timer linger, life; /* the probe's */
    bool said_end;
    enum child_status status;
};

/*
 * Starts empty, from a struct of zeroes: it is large, and a page that nobody writes to is none. The first part of its
 * life is root's: outputs and sockets are opened.
 */
void worker_init(struct worker *worker);
void worker_dispose(struct worker *worker); /* idempotent */

/* Opens one more console or channel. 0 or -errno after logging a line. */
int worker_add_console(struct worker *worker, unsigned int id, const struct output_spec *spec);

/*
 * Root's: what output_follow() says of the worker's console N. What a worker that runs is to be told
 * (log-rotation.h), it is not told by this.
 */
int worker_follow_log(struct worker *worker, int n, const struct output_spec *spec);

/* Opens QMP and VNC as OPTIONS say. 0 or -errno after logging a line. */
int worker_listen(struct worker *worker, const struct options *options);

/* Opens Xen, confines itself, and serves stub domain DOMID until the end. */
enum child_status worker_run(struct worker *worker, int domid, int keeper_fd, int signal_fd);

/* libxl's probe: serves QMP until "quit" and the signal that follows it, or for a minute. An exit status. */
int worker_run_probe(struct worker *worker, int signal_fd);

#endif
