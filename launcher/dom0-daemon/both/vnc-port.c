/*
 * The TCP port where a guest's VNC is (see vnc-port.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vnc-port.h"

#include "../root/options.h"
#include "util.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

static int open_at(const struct addrinfo *address, int backlog)
{
    cleanup_close int fd = socket(address->ai_family,
                                  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
        bind(fd, address->ai_addr, address->ai_addrlen) || (backlog && listen(fd, backlog)))
        return -errno;
    return steal_fd(&fd);
}

static int open_port(const char *host, unsigned int port, int backlog)
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
        fd = open_at(a, backlog);
    freeaddrinfo(list);
    return fd;
}

static unsigned int last_port(const struct options_vnc *vnc)
{
    return MIN(VNC_BASE_PORT + vnc->display + vnc->to, 65535u);
}

int vnc_port_open(const struct options_vnc *vnc, int backlog)
{
    int fd = -EADDRINUSE;

    for (unsigned int port = VNC_BASE_PORT + vnc->display; port <= last_port(vnc) && fd == -EADDRINUSE; port++)
        fd = open_port(vnc->host, port, backlog);
    return fd;
}

void vnc_port_describe(const struct options_vnc *vnc, char *text, int size)
{
    snprintf(text, size, "%s, ports %u to %u", vnc->host[0] ? vnc->host : "any address", VNC_BASE_PORT + vnc->display,
             last_port(vnc));
}
