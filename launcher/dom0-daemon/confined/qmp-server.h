/*
 * The QMP sockets: listens where libxl said, and holds a conversation with each
 * client that connects.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_QMP_SERVER_H
#define DM_QMP_SERVER_H

#include "loop.h"
#include "options.h"
#include "qmp-session.h"

#define QMP_MAX_CLIENTS 6

struct qmp_client {
    struct qmp_server *server;
    struct loop_fd io; /* fd -1: free */
    struct qmp_session session;
    bool closing; /* when the replies are sent */
};

struct qmp_listener {
    struct qmp_server *server;
    struct loop_fd io;
};

struct qmp_server {
    struct loop *loop;
    struct qmp_facts facts;
    struct qmp_listener listeners[OPTIONS_MAX_MONITORS];
    unsigned int listener_count;
    struct qmp_client clients[QMP_MAX_CLIENTS];
    void (*changed)(void *data); /* a command may have changed facts */
    void *data;
};

/* A listening unix socket at PATH, for root alone, in the place of a file that is there; or -errno. */
int qmp_listen(const char *path);

/*
 * Listens at every monitor of OPTIONS; a file in the way of a path is removed, as
 * QEMU does. 0 or -errno after logging a line. SERVER starts zeroed but for
 * changed and data.
 */
int qmp_server_open(struct qmp_server *server, struct loop *loop, const struct options *options);
void qmp_server_close(struct qmp_server *server); /* idempotent; removes no file */

#endif
