/*
 * A console that goes to a TCP or unix socket, as a client of someone or as the
 * server of one client at a time (see output.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output-ops.h"

#include "keep-alive.h"
#include "util.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define CONNECT_TIMEOUT_MS 3000

static void peer_drop(struct output *output)
{
    output_stop_io(output);
    fd_close(&output->fd);
}

/*
 * One that has closed is not noticed while its bytes are not wanted, by a guest that does not read, say. What can be
 * passed on of them is, before another one takes its place.
 */
static void peer_forget_gone(struct output *output)
{
    struct pollfd p = { .fd = output->fd, .events = POLLRDHUP };

    if (poll(&p, 1, 0) <= 0)
        return;
    output->ready(output->data);
    if (output->fd >= 0)
        peer_drop(output);
}

static void peer_arrived(void *data, short revents)
{
    struct output *output = data;
    cleanup_close int fd = accept4(output->arrival.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0 && output->fd >= 0)
        peer_forget_gone(output);
    /* One at a time: a second one is closed at once. */
    if (fd < 0 || output->fd >= 0)
        return;
    output->fd = steal_fd(&fd);
    output_start_io(output);
    output->ready(output->data);
}

static int peer_listen(struct output *output, int *fd)
{
    if (listen(*fd, 1))
        return -errno;
    output->arrival = (struct loop_fd){ .fd = steal_fd(fd), .events = POLLIN,
                                        .ready = peer_arrived, .data = output };
    return loop_add_fd(output->loop, &output->arrival);
}

static int peer_connect(struct output *output, int *fd, const struct sockaddr *addr, socklen_t len)
{
    struct pollfd p = { .fd = *fd, .events = POLLOUT };
    int error = 0;
    socklen_t size = sizeof(error);

    if (connect(*fd, addr, len)) {
        if (errno != EINPROGRESS)
            return -errno;
        if (poll(&p, 1, CONNECT_TIMEOUT_MS) != 1)
            return -ETIMEDOUT;
        if (getsockopt(*fd, SOL_SOCKET, SO_ERROR, &error, &size) || error)
            return error ? -error : -errno;
    }
    output->fd = steal_fd(fd);
    output_start_io(output);
    return 0;
}

static int peer_start(struct output *output, const struct output_spec *spec, int *fd,
                      const struct sockaddr *addr, socklen_t len)
{
    if (!spec->server)
        return peer_connect(output, fd, addr, len);
    if (bind(*fd, addr, len))
        return -errno;
    return peer_listen(output, fd);
}

static int unix_open(struct output *output, const struct output_spec *spec)
{
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    struct stat old;

    if (fd < 0)
        return -errno;
    if (format_text(addr.sun_path, sizeof(addr.sun_path), "%s", spec->path))
        return -ENAMETOOLONG;
    if (spec->server && lstat(spec->path, &old) == 0) {
        /* An earlier guest's, which was killed; nothing else is ours to remove. */
        if (!S_ISSOCK(old.st_mode))
            return -EEXIST;
        unlink(spec->path);
    }
    return peer_start(output, spec, &fd, (struct sockaddr *)&addr, sizeof(addr));
}

static int tcp_open(struct output *output, const struct output_spec *spec)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_NUMERICSERV | (spec->server ? AI_PASSIVE : 0) };
    struct addrinfo *list = NULL;
    int rc = -EADDRNOTAVAIL, on = 1;

    if (getaddrinfo(spec->host[0] ? spec->host : NULL, spec->port, &hints, &list))
        return -EADDRNOTAVAIL;
    for (struct addrinfo *a = list; a && rc; a = a->ai_next) {
        cleanup_close int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (fd < 0)
            continue;
        keep_alive(fd);
        if (spec->nodelay)
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (spec->server)
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        rc = peer_start(output, spec, &fd, a->ai_addr, a->ai_addrlen);
    }
    freeaddrinfo(list);
    return rc;
}

/* Without a peer, output is lost, as with a serial cable that is not plugged in. */
static ssize_t peer_write(struct output *output, const void *buf, size_t len)
{
    ssize_t n = -EPIPE;

    if (output->fd >= 0) {
        do
            n = send(output->fd, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        while (n < 0 && errno == EINTR);
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n < 0)
            peer_drop(output);
    }
    return n < 0 ? (ssize_t)len : n;
}

static ssize_t peer_read(struct output *output, void *buf, size_t len)
{
    return output_read_or_drop(output, buf, len, peer_drop);
}

const struct output_ops output_unix_ops = { unix_open, peer_write, peer_read, NULL, NULL };
const struct output_ops output_tcp_ops = { tcp_open, peer_write, peer_read, NULL, NULL };
