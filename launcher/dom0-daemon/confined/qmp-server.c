/*
 * The QMP sockets (see qmp-server.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qmp-server.h"

#include "log.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static void client_close(struct qmp_client *client)
{
    loop_remove_fd(client->server->loop, &client->io);
    fd_close(&client->io.fd);
    qmp_session_dispose(&client->session);
}

/* 0 while the client lives, or -errno. */
static int client_send(struct qmp_client *client)
{
    struct qmp_session *session = &client->session;

    while (session->out_len) {
        ssize_t n = send(client->io.fd, session->out, session->out_len,
                         MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -errno;
        qmp_session_sent(session, n);
    }
    return client->closing ? -EPIPE : 0;
}

static int client_receive(struct qmp_client *client)
{
    char buf[4096];
    ssize_t n;
    int rc;

    do
        n = recv(client->io.fd, buf, sizeof(buf), MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n == 0 ? -EPIPE : errno == EAGAIN ? 0 : -errno;
    rc = qmp_session_feed(&client->session, buf, n);
    if (rc) {
        log_warning("QMP: %s; the connection is closed", strerror(-rc));
        client->closing = true;
    }
    return 0;
}

static void client_ready(void *data, short revents)
{
    struct qmp_client *client = data;
    struct qmp_server *server = client->server;
    int rc = 0;

    if (client->io.events & POLLIN)
        rc = client_receive(client);
    if (!rc)
        rc = client_send(client);
    if (rc)
        client_close(client);
    else /* a client that does not read its replies may not ask for more */
        client->io.events = client->session.out_len ? POLLOUT : POLLIN;
    server->changed(server->data);
}

static struct qmp_client *find_free_client(struct qmp_server *server)
{
    for (size_t i = 0; i < QMP_MAX_CLIENTS; i++)
        if (!server->clients[i].io.added)
            return &server->clients[i];
    return NULL;
}

static void listener_ready(void *data, short revents)
{
    struct qmp_listener *listener = data;
    struct qmp_server *server = listener->server;
    struct qmp_client *client = find_free_client(server);
    cleanup_close int fd = accept4(listener->io.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return;
    if (!client) {
        log_warning("QMP: more than %d connections: refused", QMP_MAX_CLIENTS);
        return;
    }
    if (qmp_session_init(&client->session, &server->facts))
        return;
    client->server = server;
    client->closing = false;
    client->io = (struct loop_fd){ .fd = steal_fd(&fd), .ready = client_ready, .data = client };
    client->io.events = POLLOUT; /* the greeting */
    if (loop_add_fd(server->loop, &client->io))
        client_close(client);
}

int qmp_listen(const char *path)
{
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_un addr = { .sun_family = AF_UNIX };

    if (fd < 0)
        return -errno;
    if (format_text(addr.sun_path, sizeof(addr.sun_path), "%s", path))
        return -ENAMETOOLONG;
    if (unlink(path) && errno != ENOENT)
        return -errno;
    /* No window in which others than root could connect: the mode is set before listen(). */
    if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || chmod(path, 0600) || listen(fd, 4))
        return -errno;
    return steal_fd(&fd);
}

/* A descriptor that libxl bound and passed on. */
static int adopt_fd(int fd)
{
    int listening = 0;
    socklen_t len = sizeof(listening);

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len))
        return -errno;
    if (!listening)
        return -EINVAL;
    if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) || fcntl(fd, F_SETFD, FD_CLOEXEC))
        return -errno;
    return fd;
}

int qmp_server_open(struct qmp_server *server, struct loop *loop, const struct options *options)
{
    server->loop = loop;
    server->facts.paused = options->paused;
    for (unsigned int i = 0; i < options->monitor_count; i++) {
        const struct options_monitor *monitor = &options->monitors[i];
        struct qmp_listener *listener = &server->listeners[i];
        int fd = monitor->fd >= 0 ? adopt_fd(monitor->fd) : qmp_listen(monitor->path);

        if (fd < 0) {
            log_error("QMP socket %s (%s): %s", monitor->id,
                      monitor->fd >= 0 ? "passed descriptor" : monitor->path, strerror(-fd));
            qmp_server_close(server);
            return fd;
        }
        listener->server = server;
        listener->io = (struct loop_fd){ .fd = fd, .events = POLLIN, .ready = listener_ready,
                                         .data = listener };
        loop_add_fd(loop, &listener->io);
        server->listener_count = i + 1;
    }
    return 0;
}

void qmp_server_close(struct qmp_server *server)
{
    for (size_t i = 0; i < QMP_MAX_CLIENTS; i++)
        if (server->clients[i].io.added)
            client_close(&server->clients[i]);
    for (unsigned int i = 0; i < server->listener_count; i++) {
        loop_remove_fd(server->loop, &server->listeners[i].io);
        cleanup_closep(&server->listeners[i].io.fd);
    }
    server->listener_count = 0;
}
