/*
 * PV consoles as sockets (platform.h): each has two threads that copy bytes. So a full ring or socket delays only its
 * own console.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "rump.h"

#include "log.h"
#include "rump-threads.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct carrier {
    struct pv_console *console;
    unsigned int n;
    int fd, listener;         /* listener -1: fd is connected already */
    struct pv_queue changed;
    bool ended;               /* the socket's other end has gone */
    unsigned int users;       /* threads */
};

/* Called by the layer. */
static void console_changed(void *arg)
{
    struct carrier *carrier = arg;

    pv_queue_wake(&carrier->changed);
}

static void leave(struct carrier *carrier)
{
    if (--carrier->users)
        return;
    pv_console_close(carrier->console);
    if (carrier->fd >= 0)
        close(carrier->fd);
    if (carrier->listener >= 0)
        close(carrier->listener);
    free(carrier);
}

static void *carry_in(void *arg)
{
    struct carrier *carrier = arg;
    char bytes[1024];
    long n;

    while (!carrier->ended && (n = pv_console_read(carrier->console, bytes, sizeof(bytes))) >= 0) {
        if (n == 0)
            pv_queue_wait(&carrier->changed, PV_FOREVER);
        else if (!rump_write_all(carrier->fd, bytes, (size_t)n))
            break;
    }
    shutdown(carrier->fd, SHUT_RDWR); /* the other thread ends as well */
    leave(carrier);
    return NULL;
}

/* Bytes that are written after the backend has gone are lost. */
static bool write_console(struct carrier *carrier, const char *bytes, size_t size)
{
    while (size) {
        long n = pv_console_write(carrier->console, bytes, size);

        if (n < 0)
            return false;
        if (n == 0)
            pv_queue_wait(&carrier->changed, PV_FOREVER);
        bytes += n;
        size -= (size_t)n;
    }
    return true;
}

static void *carry_out(void *arg)
{
    struct carrier *carrier = arg;
    char bytes[1024];
    ssize_t n;

    while ((n = read(carrier->fd, bytes, sizeof(bytes))) > 0)
        if (!write_console(carrier, bytes, (size_t)n))
            break;
    carrier->ended = true;
    pv_queue_wake(&carrier->changed);
    leave(carrier);
    return NULL;
}

/* The first thread: waits until QEMU connects, then starts the second. */
static void *begin(void *arg)
{
    struct carrier *carrier = arg;

    if (carrier->listener >= 0)
        carrier->fd = accept(carrier->listener, NULL, NULL);
    carrier->users = 2;
    if (carrier->fd < 0 || rump_thread_start(carry_out, carrier)) {
        log_error("console %u: cannot serve it", carrier->n);
        carrier->users = 1;
        carrier->ended = true;
    }
    return carry_in(carrier);
}

/* Takes over both descriptors, also when it fails. 0 or -errno. */
static int start(unsigned int n, int fd, int listener)
{
    struct carrier *carrier = calloc(1, sizeof(*carrier));
    int rc = -ENOMEM;

    if (carrier) {
        *carrier = (struct carrier){ .n = n, .fd = fd, .listener = listener };
        rc = -host_errno(pv_console_open(n, console_changed, carrier, &carrier->console));
    }
    if (!rc) {
        rc = -rump_thread_start(begin, carrier);
        if (rc)
            pv_console_close(carrier->console);
    }
    if (!rc)
        return 0;
    free(carrier);
    if (fd >= 0)
        close(fd);
    if (listener >= 0)
        close(listener);
    return rc;
}

int rump_console_open(struct platform *base, unsigned int n, int *fd)
{
    int ends[2], rc;

    if (socketpair(AF_LOCAL, SOCK_STREAM, 0, ends) < 0)
        return -errno;
    rc = start(n, ends[1], -1);
    if (rc) {
        close(ends[0]);
        return rc;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *fd = ends[0];
    return 0;
}

/* QEMU gets the path of a socket, because its option for a client socket takes no descriptor. */
int rump_console_chardev(struct platform *base, unsigned int n, char *chardev, size_t size)
{
    static const char prefix[] = "unix:";
    int rc = format_text(chardev, size, "%s/tmp/console%u", prefix, n), listener;

    if (rc)
        return rc;
    listener = rump_socket_listen(chardev + sizeof(prefix) - 1);
    if (listener < 0)
        return listener;
    rc = start(n, -1, listener);
    if (rc)
        unlink(chardev + sizeof(prefix) - 1);
    return rc;
}
