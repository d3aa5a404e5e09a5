/*
 * Maps a domain's grants for the worker (see grant-broker.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "grant-broker.h"

#include "grant-wire.h"
#include "log.h"
#include "util.h"
#include "xen-control.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <xen/sys/gntdev.h>

#ifndef GNTDEV
#define GNTDEV "/dev/xen/gntdev"
#endif
/* A viewer that comes costs four, and three when it goes. */
#define MAX_REQUESTS 256
#define REQUESTS_A_SECOND 500
#define REST_MS 10
#define PAGE ((size_t)4096)

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

/* Whether it is of an event channel between dom0 and that domain. */
static int check_port(const struct grant_broker *broker, uint32_t port)
{
    xc_evtchn_status_t status = { .dom = DOMID_SELF, .port = port };
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    int rc = 0;

    if (!xc || xc_evtchn_status(xc, &status))
        rc = -errno;
    else if (status.status != EVTCHNSTAT_interdomain || status.u.interdomain.dom != broker->domid)
        rc = -EPERM;
    if (xc)
        xc_interface_close(xc);
    return rc;
}

/*
 * Whether the worker has mapped what is at INDEX; it can do so only once. Before it has, Linux does not know that the
 * mapping will be read-only, and would fault when it clears an octet of it.
 */
static bool is_mapped(const struct grant_broker *broker, uint64_t index)
{
    for (size_t n = 0; n < GRANT_MAX_MAPS; n++) {
        size_t len = broker->maps[n].count * PAGE;
        void *pages;

        if (index < broker->maps[n].index || index - broker->maps[n].index >= len)
            continue;
        pages = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, broker->gntdev, broker->maps[n].index);
        if (pages == MAP_FAILED)
            return errno == EINVAL;
        munmap(pages, len);
        return false;
    }
    return false;
}

/* Linux holds the event channel from then on. So what check_port() finds stays true. */
static int notify(struct grant_broker *broker, uint64_t index, uint32_t port)
{
    struct ioctl_gntdev_unmap_notify order = { .index = index, .event_channel_port = port,
                                               .action = UNMAP_NOTIFY_CLEAR_BYTE | UNMAP_NOTIFY_SEND_EVENT };
    int rc = is_mapped(broker, index) ? ask_linux(broker->gntdev, IOCTL_GNTDEV_SET_UNMAP_NOTIFY, &order) : -EPERM;

    if (rc)
        return rc;
    rc = check_port(broker, port);
    if (rc) {
        order.action = 0;
        ask_linux(broker->gntdev, IOCTL_GNTDEV_SET_UNMAP_NOTIFY, &order);
    }
    return rc;
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
    fd_close(&broker->io.fd);
}

static void broker_rested(void *data)
{
    struct grant_broker *broker = data;

    if (loop_add_fd(broker->loop, &broker->io))
        hang_up(broker);
}

static bool is_request(const struct grant_request *request)
{
    if (request->what == GRANT_MAP)
        return request->count > 0 && request->count <= GRANT_MAX_PAGES;
    return request->what == GRANT_FORGET || request->what == GRANT_NOTIFY;
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
    if (n != sizeof(request) || !is_request(&request)) {
        /* 0 is its end, or an empty packet that looks like it. */
        if (n > 0)
            log_error("the worker asks for grants as it may not: it gets none any more");
        hang_up(broker);
        return;
    }
    if (request.what == GRANT_MAP)
        answer.rc = map(broker, &request, &answer.index);
    else if (request.what == GRANT_FORGET)
        answer.rc = forget(broker, request.index);
    else
        answer.rc = notify(broker, request.index, request.port);
    /* The worker waits for this answer; one that does not loses it. */
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
    fd_close(&broker->worker_fd);
}

void grant_broker_close(struct grant_broker *broker)
{
    hang_up(broker);
    grant_broker_run(broker);
    fd_close(&broker->gntdev);
}
