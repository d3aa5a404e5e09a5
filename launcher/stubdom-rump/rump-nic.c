/*
 * A vif of the stub domain, joined to QEMU by a pair of sockets that QEMU takes for a tap
 * (platform.h): one frame a record (a datagram that has no room would be lost). What QEMU sends passes the
 * firewall's program here; what comes is completed, as a tap without offloads has no words for work that is left over.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "rump.h"

#include "frame.h"
#include "frame-program.h"
#include "log.h"
#include "rump-threads.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKET_BUFFER (160 * 1024)   /* some frames of the largest size */
#define QUEUE_MAX (192U * 1024)     /* of what came and QEMU did not take yet */

struct frame { struct frame *next; struct pv_frame_info info; size_t size; uint8_t bytes[]; };

struct joint {
    struct pv_nic *nic;
    unsigned int devid;
    int fd;
    struct frame_filter firewall;
    struct frame *first, **last;    /* to QEMU */
    size_t queued;
    bool refused;                   /* frames wait in the ring */
    struct pv_queue arrived, room;
};

/* ---- from the vif to QEMU ---- */

/* A callback of the layer's. Beyond QUEUE_MAX frames wait in the ring; this one is the last. */
static void got(void *arg, const struct pv_frame_info *info, const void *bytes, size_t size)
{
    struct joint *joint = arg;
    struct frame *frame = pv_alloc(sizeof(*frame) + size);

    if (frame) {
        frame->info = *info;
        frame->size = size;
        pv_copy(frame->bytes, bytes, size);
        *joint->last = frame;
        joint->last = &frame->next;
        joint->queued += size;
    }
    if (joint->queued > QUEUE_MAX) {
        joint->refused = true;
        pv_nic_accept(joint->nic, false);
    }
    pv_queue_wake(&joint->arrived);
}

static struct frame *take_frame(struct joint *joint)
{
    struct frame *frame;

    while (!(frame = joint->first))
        pv_queue_wait(&joint->arrived, PV_FOREVER);
    joint->first = frame->next;
    if (!frame->next)
        joint->last = &joint->first;
    joint->queued -= frame->size;
    if (joint->refused && joint->queued <= QUEUE_MAX / 2) {
        joint->refused = false;
        pv_nic_accept(joint->nic, true);
    }
    return frame;
}

static void hand_over(struct joint *joint, const void *bytes, size_t size)
{
    /* QEMU has closed its end, or has no memory for it: the frame is lost, as on a wire. */
    if (send(joint->fd, bytes, size, 0) < 0)
        return;
}

/* A large segment becomes several; a checksum that was left over is written. */
static void complete(struct joint *joint, struct frame *frame)
{
    struct frame_cut cut;

    if (!frame->info.gso) {
        if (frame->info.csum_blank)
            frame_write_checksum(frame->bytes, frame->size, frame->info.csum_start, frame->info.csum_offset);
        hand_over(joint, frame->bytes, frame->size);
        return;
    }
    if (frame_cut_init(&cut, frame->bytes, frame->size, frame->info.gso, frame->info.gso_size))
        return;
    while (frame_cut_next(&cut)) {
        frame_write_checksum(cut.piece, cut.piece_size, cut.layout.transport,
                             cut.layout.checksum);
        hand_over(joint, cut.piece, cut.piece_size);
    }
}

static void *carry_in(void *arg)
{
    struct joint *joint = arg;

    for (;;) {
        struct frame *frame = take_frame(joint);

        complete(joint, frame);
        pv_free(frame);
    }
    return NULL;
}

/* ---- from QEMU to the vif ---- */

/* A callback of the layer's. */
static void has_room(void *arg)
{
    struct joint *joint = arg;

    pv_queue_wake(&joint->room);
}

static void send_frame(struct joint *joint, const uint8_t *bytes, size_t size)
{
    static const struct pv_frame_info nothing;

    if (size < FRAME_ETH || !frame_program_passes(joint->firewall.insns, bytes, size))
        return;
    while (pv_nic_send(joint->nic, &nothing, bytes, size) == -PV_EAGAIN)
        pv_queue_wait(&joint->room, pv_clock() + PV_SECOND);
}

static void *carry_out(void *arg)
{
    struct joint *joint = arg;
    uint8_t *bytes = malloc(PV_FRAME_MAX);
    ssize_t n;

    while (bytes && (n = recv(joint->fd, bytes, PV_FRAME_MAX, 0)) > 0)
        send_frame(joint, bytes, (size_t)n);
    log_error("NIC %u: the guest sends nothing any more: %s", joint->devid, strerror(errno));
    free(bytes);
    return NULL;
}

/* ---- joining ---- */

static int build_firewall(const struct platform *base, const struct frame_filter_rules *rules,
                          struct frame_filter *firewall)
{
    int rc = 0;

    if (base->firewall)
        rc = frame_filter_build(rules, false, firewall);
    else
        frame_filter_build_open(firewall);
    if (!rc && !frame_program_valid(firewall->insns, firewall->count))
        rc = -EINVAL;
    return rc;
}

static void set_buffers(int fd)
{
    int size = SOCKET_BUFFER;

    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

/* Threads of a joint that could not be finished wait for ever: such a domain ends soon. */
static int start(struct joint *joint)
{
    int rc = -host_errno(pv_nic_open(joint->devid, got, has_room, joint, &joint->nic));

    if (!rc)
        rc = -rump_thread_start(carry_in, joint);
    if (!rc)
        rc = -rump_thread_start(carry_out, joint);
    if (!rc)
        pv_nic_accept(joint->nic, true);
    return rc;
}

static int check_address(struct joint *joint, const struct frame_filter_rules *rules)
{
    uint8_t mac[FRAME_FILTER_MAC];

    pv_nic_mac(joint->nic, mac);
    if (!memcmp(mac, rules->mac, sizeof(mac)))
        return 0;
    log_error("NIC %u: the vif has another address", joint->devid);
    return -EINVAL;
}

int rump_nic_attach(struct platform *base, unsigned int devid, const struct frame_filter_rules *rules,
                    char *backend, size_t size)
{
    struct joint *joint = calloc(1, sizeof(*joint));
    int ends[2] = { -1, -1 }, rc = -ENOMEM;

    if (joint && socketpair(AF_LOCAL, SOCK_SEQPACKET, 0, ends) == 0) {
        joint->devid = devid;
        joint->fd = ends[1];
        joint->last = &joint->first;
        set_buffers(ends[0]);
        set_buffers(ends[1]);
        rc = build_firewall(base, rules, &joint->firewall);
    }
    if (!rc)
        rc = format_text(backend, size, "tap,fd=%d", ends[0]);
    if (!rc)
        rc = start(joint);
    if (!rc)
        rc = check_address(joint, rules);
    if (!rc) {
        log_info("NIC %u: joined, firewall %s", devid,
                 !base->firewall ? "off" : rules->by_address ? "by MAC and addresses" : "by MAC");
        return 0;
    }
    if (rc != -EAGAIN)
        log_error("NIC %u: cannot join it: %s", devid, strerror(-rc));
    if (joint && joint->nic)
        return rc; /* threads may use it */
    for (unsigned int i = 0; i < 2; i++)
        if (ends[i] >= 0)
            close(ends[i]);
    free(joint);
    return rc;
}
