/*
 * Maps the stub domain's grants for the worker (see grant-broker.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "grant-broker.h"

#include "grant-wire.h"
#include "log.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <xen/sys/gntdev.h>

#ifndef GNTDEV
#define GNTDEV "/dev/xen/gntdev"
#endif
/* A viewer that comes costs three, and as many when it goes. */
#define MAX_REQUESTS 256
#define REQUESTS_A_SECOND 500
#define REST_MS 10

static int ask_linux(int gntdev, unsigned long request, void *argument)
{
    return ioctl(gntdev, request, argument) ? -errno : 0;
}

static int map(struct grant_broker *broker, const struct grant_request *request, uint64_t *index)
{
    union {
        struct ioctl_gntdev_map_grant_ref order;
        uint8_t room[offsetof(struct ioctl_gntdev_map_grant_ref, refs) +
                     GRANT_MAX_PAGES * sizeof(struct ioctl_gntdev_grant_ref)];
    } u = { .order.count = request->count };
    struct ioctl_gntdev_grant_ref *refs = u.order.refs;
    size_t n = 0;
    int rc;

    while (n < GRANT_MAX_MAPS && broker->maps[n].count)
        n++;
    if (n == GRANT_MAX_MAPS)
        return -ENOSPC;
    for (uint32_t i = 0; i < request->count; i++)
        refs[i] = (struct ioctl_gntdev_grant_ref){ .domid = broker->domid, .ref = request->refs[i] };
    rc = ask_linux(broker->gntdev, IOCTL_GNTDEV_MAP_GRANT_REF, &u.order);
    if (rc)
        return rc;
    broker->maps[n].index = *index = u.order.index;
    broker->maps[n].count = request->count;
    return 0;
}

static int forget(struct grant_broker *broker, uint64_t index)
{
    for (size_t n = 0; n < GRANT_MAX_MAPS; n++) {
        struct ioctl_gntdev_unmap_grant_ref order = { .index = index, .count = broker->maps[n].count };
        int rc;

        if (!order.count || broker->maps[n].index != index)
            continue;
        rc = ask_linux(broker->gntdev, IOCTL_GNTDEV_UNMAP_GRANT_REF, &order);
        if (!rc)
            broker->maps[n].count = 0;
        return rc;
    }
    return -ENOENT;
}

static void hang_up(struct grant_broker *broker)
{
    loop_stop_timer(broker->loop, &broker->rest);
    loop_remove_fd(broker->loop, &broker->io);
    cleanup_closep(&broker->io.fd);
    broker->io.fd = -1;
}

static void broker_rested(void *data)
{
    struct grant_broker *broker = data;

    if (loop_add_fd(broker->loop, &broker->io))
        hang_up(broker);
}

static void broker_ready(void *data, short revents)
{
    struct grant_broker *broker = data;
    struct grant_request request;
    struct grant_answer answer = { .rc = 0 };
    ssize_t n;

    if (!tokens_take(&broker->requests, broker->loop->now_ms())) {
        loop_remove_fd(broker->loop, &broker->io);
        if (loop_start_timer(broker->loop, &broker->rest, REST_MS))
            hang_up(broker);
        return;
    }
    /* What comes with it, a descriptor say, is dropped by Linux. */
    n = recv(broker->io.fd, &request, sizeof(request), MSG_DONTWAIT | MSG_TRUNC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n != sizeof(request) || request.count > GRANT_MAX_PAGES) {
        /* 0 is its end, or an empty packet that looks like it. */
        if (n > 0)
            log_error("the worker asks for grants as it may not: it gets none any more");
        hang_up(broker);
        return;
    }
    answer.rc = request.count ? map(broker, &request, &answer.index) : forget(broker, request.index);
    /* It waits for this one; one that does not has itself to blame. */
    (void)!send(broker->io.fd, &answer, sizeof(answer), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void grant_broker_init(struct grant_broker *broker, struct loop *loop, int domid)
{
    *broker = (struct grant_broker){ .loop = loop, .domid = domid, .gntdev = -1, .worker_fd = -1, .io.fd = -1 };
}

int grant_broker_open(struct grant_broker *broker)
{
    int ends[2], rc;

    grant_broker_init(broker, broker->loop, broker->domid);
    tokens_init(&broker->requests, MAX_REQUESTS, REQUESTS_A_SECOND, broker->loop->now_ms());
    broker->rest = (struct loop_timer){ .fired = broker_rested, .data = broker };
    broker->gntdev = open(GNTDEV, O_RDWR | O_CLOEXEC);
    if (broker->gntdev < 0) {
        rc = -errno;
        log_error("cannot open %s: %s", GNTDEV, strerror(-rc));
        return rc;
    }
    rc = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) ? -errno : 0;
    if (!rc) {
        broker->worker_fd = ends[1];
        broker->io = (struct loop_fd){ .fd = ends[0], .events = POLLIN, .ready = broker_ready, .data = broker };
        rc = loop_add_fd(broker->loop, &broker->io);
    }
    if (rc) {
        log_error("cannot serve the worker's grants: %s", strerror(-rc));
        grant_broker_close(broker);
    }
    return rc;
}

void grant_broker_leave(struct grant_broker *broker)
{
    hang_up(broker);
}

void grant_broker_run(struct grant_broker *broker)
{
    cleanup_closep(&broker->worker_fd);
    broker->worker_fd = -1;
}

void grant_broker_close(struct grant_broker *broker)
{
    hang_up(broker);
    grant_broker_run(broker);
    cleanup_closep(&broker->gntdev);
    broker->gntdev = -1;
}
