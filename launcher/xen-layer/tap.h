/*
 * A vif that is read and written as a tap. A frame that is written passes the firewall's program and leaves by the vif.
 * A frame that arrives waits to be read. Unlike a bridge, this looks at no addresses.
 *
 * virtio-net leaves checksums, and the cutting of large TCP frames, to others. dom0's backend gets what it can do; the
 * rest is done here. Large UDP datagrams are always cut here. Frames to the guest are treated likewise, by what the
 * reader takes.
 *
 * When the NIC is full, virtio-net waits for room; its frames stay in the guest. For the other models 128 KiB of frames
 * wait here, since QEMU cuts their large segments into bursts of frames. More frames are lost, as on Linux; otherwise
 * QEMU would keep up to 10000 of them in its own memory. virtio-net is recognised by the size of its header.
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
    /* Set by the owner, who may change the next two while the tap is open. */
    unsigned int offloads;  /* PV_OFFLOAD_*: what the reader takes */
    size_t header_size;     /* of the header before each frame: 0, or sizeof(struct tap_header) to PV_TAP_HEADER_MAX */
    /* Called when the tap can be read, or can be written again. Called from a callback: must not sleep. */
    void (*changed)(struct pv_tap *tap);
    const struct frame_filter_insn *program; /* a valid one that stays until the tap is closed */
    /* The tap's own. */
    bool counted;
    struct pv_nic *nic;              /* NULL: not open */
    struct tap_queue queue;
    bool cutting;                    /* the queue's first frame is being read in pieces */
    struct tap_pieces in;
    bool blocked;                    /* the NIC had no room; it will call room() */
    uint8_t *out_frame;              /* being sent in pieces; NULL: none is */
    struct tap_pieces out;
    struct tap_queue kept;           /* frames of a writer that does not wait; allocated when the first one comes */
};

/* Sleeps. 0, or an error: as pv_nic_open()'s, or -PV_ENOMEM. All fields but the owner's must be zero. */
int pv_tap_open(struct pv_tap *tap, unsigned int vif);
/* May be called after pv_tap_open() has failed, and more than once. */
void pv_tap_close(struct pv_tap *tap);

/*
 * get: copies the next octets that the writer has; put: passes the next octets to the reader. 0, or an error that ends
 * the call. Must not sleep.
 */
typedef int pv_tap_get_fn(void *arg, void *to, size_t size);
typedef int pv_tap_put_fn(void *arg, const void *from, size_t size);
/*
 * Writes a header and a frame, together `total` octets. Returns total, even if the frame is lost; or -PV_EAGAIN: no
 * room now; -PV_EINVAL: such a frame must not be sent; -PV_EIO: not open; -PV_ENOMEM; or get()'s error.
 */
long pv_tap_write(struct pv_tap *tap, size_t total, pv_tap_get_fn *get, void *arg);
/*
 * Reads a header and a frame; what exceeds `space` is lost. Returns how many octets; or -PV_EAGAIN: there is no frame;
 * -PV_EINVAL: space is less than the header; or put()'s error.
 */
long pv_tap_read(struct pv_tap *tap, size_t space, pv_tap_put_fn *put, void *arg);
bool pv_tap_readable(const struct pv_tap *tap);
bool pv_tap_writable(const struct pv_tap *tap);

#endif
