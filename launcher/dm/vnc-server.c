/*
 * The TCP port where VNC viewers connect (see vnc-server.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vnc-server.h"

#include "log.h"
#include "util.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define VNC_BASE_PORT 5900
#define VNC_BACKLOG 8

static int listen_at(const struct addrinfo *address)
{
    cleanup_close int fd = socket(address->ai_family,
                                  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
        bind(fd, address->ai_addr, address->ai_addrlen) || listen(fd, VNC_BACKLOG))
        return -errno;
    return steal_fd(&fd);
}

static int listen_at_port(const char *host, unsigned int port)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    struct addrinfo *list = NULL;
    char service[16];
    int fd = -EADDRNOTAVAIL;

    snprintf(service, sizeof(service), "%u", port);
    if (getaddrinfo(host[0] ? host : NULL, service, &hints, &list))
        return -EADDRNOTAVAIL;
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
        fd = listen_at(a);
    freeaddrinfo(list);
    return fd;
}

/* What query-vnc says is where the socket really is. */
static int find_own_address(struct vnc_server *server)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    char service[16];
    unsigned int port = 0;

    if (getsockname(server->fd, (struct sockaddr *)&address, &len))
        return -errno;
    if (getnameinfo((struct sockaddr *)&address, len, server->host, sizeof(server->host), service,
                    sizeof(service), NI_NUMERICHOST | NI_NUMERICSERV) ||
        parse_uint(service, 65535, &port))
        return -EADDRNOTAVAIL;
    server->port = port;
    return 0;
}

int vnc_server_open(struct vnc_server *server, struct loop *loop, const struct options_vnc *vnc)
{
    unsigned int first = VNC_BASE_PORT + vnc->display, last = MIN(first + vnc->to, 65535u);
    int fd = -EADDRINUSE, rc = 0;

    *server = (struct vnc_server){ .loop = loop, .fd = -1 };
    if (!vnc->enabled)
        return 0;
    for (unsigned int port = first; port <= last && fd == -EADDRINUSE; port++)
        fd = listen_at_port(vnc->host, port);
    if (fd < 0) {
        log_error("VNC: cannot listen at %s, ports %u to %u: %s",
                  vnc->host[0] ? vnc->host : "any address", first, last, strerror(-fd));
        return fd;
    }
    server->fd = fd;
    rc = find_own_address(server);
    if (rc)
        vnc_server_close(server);
    return rc;
}

void vnc_server_close(struct vnc_server *server)
{
    cleanup_closep(&server->fd);
    server->fd = -1;
}
