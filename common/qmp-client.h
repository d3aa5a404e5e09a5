/*
 * A client of the QMP monitor that is only ours. It sends one command after another, each with at most one descriptor.
 *
 * QEMU's replies are not trusted: a line over QMP_LINE_MAX ends the connection. Of a reply the client only looks
 * whether it begins with "return" or "error". Since no command has an "id", replies come in order, and no other key
 * comes first.
 *
 * Source: QEMU's docs/interop/qmp-spec.rst; descriptors as in monitor/fds.c.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef QMP_CLIENT_H
#define QMP_CLIENT_H

#include "loop.h"

#include <stddef.h>

#define QMP_LINE_MAX 8192
#define QMP_QUEUE 8
#define QMP_COMMAND_MAX 512

struct qmp_command {
    char text[QMP_COMMAND_MAX];
    int fd; /* -1: none */
    /* reply: QEMU's line, or NULL if the connection was lost. ok: it was a "return". */
    void (*done)(void *data, bool ok, const char *reply);
    void *data;
};

struct qmp_client {
    struct loop *loop;
    void (*event)(void *data, const char *line); /* may be NULL */
    void *data;
    struct loop_fd socket;
    struct qmp_command queue[QMP_QUEUE]; /* the first one has been sent */
    unsigned int queued;
    bool greeted;   /* capabilities are agreed on */
    bool answering; /* a done() is running */
    char line[QMP_LINE_MAX];
    size_t length;
};

void qmp_client_init(struct qmp_client *client, struct loop *loop,
                     void (*event)(void *data, const char *line), void *data);

/* Takes over this non-blocking socket, and uses it. 0 or -errno. */
int qmp_client_open(struct qmp_client *client, int fd);

/* Ends the connection; done() of each queued command is called. Idempotent. */
void qmp_client_dispose(struct qmp_client *client);

/*
 * Queues a command, one JSON object without a newline, and takes over fd. 0, or -ENOSPC, -ENAMETOOLONG or -ENOTCONN,
 * and then done() is not called.
 */
int qmp_client_send(struct qmp_client *client, const char *text, int fd,
                    void (*done)(void *data, bool ok, const char *reply), void *data);

#endif
