/*
 * The two rings between a network frontend and its backend (xen/io/netif.h), one queue, copying:
 * frames onto one, frames from the other, and the buffers behind both. Knows nothing of
 * xenstore and event channels.
 *
 * Buffers stay granted as long as the connection lives: only this backend ever sees what is in them, and granting each
 * frame would cost more than copying it. Pages that the backend still has mapped at the end are never used again.
 *
 * Memory of a NIC, in pages: 2 of rings, 32 to receive, 16 to 64 to send: 200 to 392 KiB.
 *   Receiving: netback does not begin a frame before there is room for all of it, which is 17
 *   requests for the largest one and one more for a hash. 32 (128 KiB) leave room for some
 *   small ones meanwhile; they are free again as soon as the frame has been copied out, and
 *   netback itself queues 512 KiB.
 *   Sending: 16 pages are one frame of the largest size, so that there is always a way on.
 *   More are taken as they are needed: 64 are 128 frames of an ordinary size, two a page.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NIC_RING_H
#define NIC_RING_H

#include "pv.h"

#include <xen/io/netif.h>

#define NIC_SLOTS 256U           /* of either ring's page */
#define NIC_RX_PAGES 32U         /* a power of two: a request's page follows from its index */
#define NIC_TX_PAGES_MIN 16U
#define NIC_TX_PAGES 64U
#define NIC_SMALL (PV_PAGE / 2)  /* at most this: two frames share a page */

struct nic_page {
    uint8_t *page; /* NULL: none */
    uint32_t ref;
};

struct nic_ring {
    struct netif_tx_sring *tx;
    struct netif_rx_sring *rx;
    struct nic_page tx_shared, rx_shared;
    uint16_t remote;
    unsigned int offloads;   /* PV_OFFLOAD_*, and: */
    bool scatter;            /* the backend takes frames of several pages */
    const char *broken;      /* how the backend broke the protocol: the ring is not used any more; or NULL */
    uint32_t tx_prod, tx_cons;
    uint32_t rx_prod, rx_cons, rx_seen;
    bool tx_event;           /* the backend is to notify us when it has sent some frames */
    struct nic_page rx_pages[NIC_RX_PAGES];
    struct nic_page tx_pages[NIC_TX_PAGES];
    unsigned int tx_count;   /* how many of them there are */
    uint8_t tx_used[NIC_TX_PAGES]; /* TX_* of nic-ring.c */
};

/* *ring is zeroed. Makes both rings, and posts all requests to receive. 0, or an error: nothing stays allocated. */
int nic_ring_init(struct nic_ring *ring, uint16_t remote);
/* Ends the grants, frees the pages. Returns how many pages the backend still has mapped: these are lost. */
unsigned int nic_ring_dispose(struct nic_ring *ring);

/*
 * Puts a frame onto the ring. 0; -PV_EAGAIN; -PV_EINVAL: too short, too long for this backend, or
 * it cannot do what info asks for; -PV_EPROTO: broken. *notify: the backend wants to know.
 */
int nic_ring_send(struct nic_ring *ring, const struct pv_frame_info *info, const void *frame,
                  size_t size, bool *notify);
/* Takes the answers to frames that were sent. Sets broken if one makes no sense. */
void nic_ring_reap(struct nic_ring *ring);
/* After -PV_EAGAIN: asks to be notified. Returns whether the frame fits by now. */
bool nic_ring_await_room(struct nic_ring *ring, size_t size, bool gso);

/*
 * Copies the next frame to `to` (PV_FRAME_MAX octets). 1; 0: there is no complete frame; -PV_EINVAL: the frame was
 * faulty and is dropped; -PV_EPROTO: broken.
 */
int nic_ring_take(struct nic_ring *ring, uint8_t *to, struct pv_frame_info *info, size_t *size);
/* Posts new requests in place of the frames taken. Returns whether the backend wants to be notified. */
bool nic_ring_refill(struct nic_ring *ring);
/* Asks to be notified of the next frame. False: there is one already. */
bool nic_ring_rest(struct nic_ring *ring);

#endif
