/*
 * A small QMP client (qmp-client.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qmp-client.h"

#include "fd-passing.h"
#include "util.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static void close_command(struct qmp_command *command)
{
    if (command->fd >= 0)
        close(command->fd);
    command->fd = -1;
}

/* Takes the first command off the queue before it calls done(), which may queue another. */
static void finish_first(struct qmp_client *client, bool ok, const char *reply)
{
    struct qmp_command first = client->queue[0];

    client->queued--;
    memmove(client->queue, client->queue + 1, client->queued * sizeof(client->queue[0]));
    /* The command may contain a password. */
    explicit_bzero(&client->queue[client->queued], sizeof(client->queue[0]));
    explicit_bzero(first.text, sizeof(first.text));
    close_command(&first);
    first.done(first.data, ok, reply);
}

static void disconnect(struct qmp_client *client)
{
    loop_remove_fd(client->loop, &client->socket);
    if (client->socket.fd >= 0)
        close(client->socket.fd);
    client->socket.fd = -1;
    client->length = 0;
    client->greeted = false;
}

void qmp_client_dispose(struct qmp_client *client)
{
    unsigned int queued = client->queued;

    if (!client->loop)
        return;
    disconnect(client);
    while (queued--)
        finish_first(client, false, NULL);
}

/* A command fits into any socket buffer. If it is not sent as a whole, the connection is broken. */
static int send_text(struct qmp_client *client, const char *text, int fd)
{
    char line[QMP_COMMAND_MAX + 1];
    int rc = format_text(line, sizeof(line), "%s\n", text);

    return rc ?: fd_send(client->socket.fd, line, strlen(line), fd, MSG_NOSIGNAL);
}

static void send_first(struct qmp_client *client)
{
    if (client->queued && send_text(client, client->queue[0].text, client->queue[0].fd))
        qmp_client_dispose(client);
    else if (client->queued)
        close_command(&client->queue[0]); /* QEMU has its own copy now */
}

static bool starts(const char *line, const char *with)
{
    return !strncmp(line, with, strlen(with));
}

static void take_line(struct qmp_client *client, const char *line)
{
    bool ok = starts(line, "{\"return\"");

    if (!ok && !starts(line, "{\"error\"")) {
        if (client->greeted && client->event)
            client->event(client->data, line);
        return;
    }
    if (!client->greeted) {
        client->greeted = true;
        send_first(client);
    } else if (client->queued) {
        client->answering = true;
        finish_first(client, ok, line);
        client->answering = false;
        send_first(client);
    }
}

static void take_bytes(struct qmp_client *client, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size && client->socket.fd >= 0; i++) {
        if (bytes[i] == '\r')
            continue;
        if (bytes[i] != '\n') {
            client->line[client->length++] = bytes[i];
            if (client->length == sizeof(client->line))
                qmp_client_dispose(client);
            continue;
        }
        client->line[client->length] = '\0';
        client->length = 0;
        take_line(client, client->line);
    }
}

static void socket_ready(void *data, short revents)
{
    struct qmp_client *client = data;
    char bytes[1024];
    ssize_t got = read(client->socket.fd, bytes, sizeof(bytes));

    if (got > 0)
        take_bytes(client, bytes, got);
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        qmp_client_dispose(client);
}

void qmp_client_init(struct qmp_client *client, struct loop *loop,
                     void (*event)(void *data, const char *line), void *data)
{
    memset(client, 0, sizeof(*client));
    client->loop = loop;
    client->event = event;
    client->data = data;
    client->socket = (struct loop_fd){ .fd = -1, .events = POLLIN, .ready = socket_ready,
                                       .data = client };
}

int qmp_client_open(struct qmp_client *client, int fd)
{
    int rc;

    client->socket.fd = fd;
    rc = loop_add_fd(client->loop, &client->socket);
    /* It waits in the socket until QEMU reads it, after its greeting. */
    if (!rc)
        rc = send_text(client, "{\"execute\":\"qmp_capabilities\"}", -1);
    if (rc)
        disconnect(client);
    return rc;
}

int qmp_client_send(struct qmp_client *client, const char *text, int fd,
                    void (*done)(void *data, bool ok, const char *reply), void *data)
{
    struct qmp_command command = { .fd = fd, .done = done, .data = data };
    int rc = client->queued == QMP_QUEUE ? -ENOSPC :
             format_text(command.text, sizeof(command.text), "%s", text);

    if (!rc && client->socket.fd < 0)
        rc = -ENOTCONN;
    if (rc) {
        close_command(&command);
        return rc;
    }
    client->queue[client->queued++] = command;
    /* A done() may queue commands. They are sent when it has returned. */
    if (client->greeted && client->queued == 1 && !client->answering)
        send_first(client);
    return 0;
}
