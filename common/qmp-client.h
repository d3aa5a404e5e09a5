/*
 * A client of QEMU's QMP monitor that we keep for ourselves: one command after
 * another, each with at most one descriptor to hand over.
 *
 * QEMU's replies are a peer's bytes: a line over QMP_LINE_MAX ends the connection.
 * Nothing of a reply is interpreted but whether it starts a "return" or an "error";
 * without "id" in a command, replies come in order and have no other key before.
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
    /* reply: QEMU's line, NULL when the connection was lost; ok: it was a "return". */
    void (*done)(void *data, bool ok, const char *reply);
    void *data;
};

struct qmp_client {
    struct loop *loop;
    void (*event)(void *data, const char *line); /* may be NULL */
    void *data;
    struct loop_fd socket;
    struct qmp_command queue[QMP_QUEUE]; /* the first is under way */
    unsigned int queued;
    bool greeted;   /* capabilities are agreed on */
    bool answering; /* somebody hears an answer */
    char line[QMP_LINE_MAX];
    size_t length;
};

void qmp_client_init(struct qmp_client *client, struct loop *loop,
                     void (*event)(void *data, const char *line), void *data);

/* Uses this socket, which does not block, and takes it over. 0 or -errno. */
int qmp_client_open(struct qmp_client *client, int fd);

/* Ends the connection; what is queued is told. Idempotent. */
void qmp_client_dispose(struct qmp_client *client);

/*
 * Queues a command, one JSON object without a newline, and takes over fd. 0, -ENOSPC,
 * -ENAMETOOLONG, or -ENOTCONN; then done is not called.
 */
int qmp_client_send(struct qmp_client *client, const char *text, int fd,
                    void (*done)(void *data, bool ok, const char *reply), void *data);

#endif
