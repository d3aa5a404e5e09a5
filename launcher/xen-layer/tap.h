/*
 * A vif as a tap: what is written passes a firewall's program and leaves by the vif, what arrives waits to be read.
 * Nothing in between learns or reads addresses.
 *
 * virtio-net leaves work to others: checksums, and the cutting of large TCP frames. It is left to dom0 as far as its
 * backend does it, and done here otherwise. Large UDP datagrams are always cut here. The same is done for frames to
 * the guest that the reader would not take.
 *
 * When the NIC is full, a virtio-net waits for room, with its frames in the guest. Of all other models' frames 128 KiB
 * wait here, since QEMU cuts a guest's segments into bursts. The rest is lost, as on Linux; otherwise QEMU would keep
 * up to 10000 frames in its own memory. The models are told apart by the size of the header, which virtio-net changes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TAP_H
#define TAP_H

#include "frame-program.h"
#include "pv.h"
#include "tap-frame.h"
#include "tap-queue.h"

#define PV_TAP_HEADER_MAX 64U

struct pv_tap {
    /* The owner's, who may change the next two while it is open. */
    unsigned int offloads;  /* PV_OFFLOAD_*: what the reader takes */
    size_t header_size;     /* in front of each frame: 0, or from sizeof(struct tap_header) to PV_TAP_HEADER_MAX */
    /* It can be read, or written again. From a callback, must not sleep. */
    void (*changed)(struct pv_tap *tap);
    const struct frame_filter_insn *program; /* a valid one, there until the tap is closed */
    /* Its own. */
    bool counted;
    struct pv_nic *nic;              /* NULL: not open */
    struct tap_queue queue;
    bool cutting;                    /* the queue's first frame is being read in pieces */
    struct tap_pieces in;
    bool blocked;                    /* the NIC had no room; it will tell */
    uint8_t *out_frame;              /* being sent in pieces; NULL: none is */
    struct tap_pieces out;
    struct tap_queue kept;           /* of a writer that does not wait; no memory until it is needed */
};

/* Sleeps. 0, or an error: as pv_nic_open()'s, or -PV_ENOMEM. Beforehand all of its own is zero. */
int pv_tap_open(struct pv_tap *tap, unsigned int vif);
/* Also after a failure, or twice. */
void pv_tap_close(struct pv_tap *tap);

/* The next size octets of what is written or read: 0, or an error that ends the call. Must not sleep. */
typedef int pv_tap_get_fn(void *arg, void *to, size_t size);
typedef int pv_tap_put_fn(void *arg, const void *from, size_t size);
/*
 * A header and a frame, of total octets. total, also when the frame is lost; -PV_EAGAIN: no room now; -PV_EINVAL: not a
 * frame that may be sent; -PV_EIO: not open; -PV_ENOMEM; get()'s.
 */
long pv_tap_write(struct pv_tap *tap, size_t total, pv_tap_get_fn *get, void *arg);
/*
 * A header and a frame, or what the space has room for: the rest is lost. Octets; -PV_EAGAIN: there is none;
 * -PV_EINVAL: not even the header has room; put()'s.
 */
long pv_tap_read(struct pv_tap *tap, size_t space, pv_tap_put_fn *put, void *arg);
bool pv_tap_readable(const struct pv_tap *tap);
bool pv_tap_writable(const struct pv_tap *tap);

#endif
