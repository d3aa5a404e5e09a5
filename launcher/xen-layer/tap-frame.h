/*
 * The header in front of a tap's frames, what the Xen layer says of one (struct pv_frame_info), and what becomes of a
 * frame whose next owner does less than that.
 *
 * Sources: VIRTIO 1.2, 5.1.6 (struct virtio_net_hdr); Linux's linux/virtio_net.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TAP_FRAME_H
#define TAP_FRAME_H

#include "frame.h"
#include "pv.h"

/* struct virtio_net_hdr; virtio-net has two octets more behind it. Little-endian. */
struct tap_header {
    uint8_t flags, gso_type;
    uint16_t header_size, gso_size, csum_start, csum_offset;
};
enum { TAP_NEEDS_CSUM = 1, TAP_DATA_VALID = 2 };
enum {
    TAP_GSO_NONE = 0, TAP_GSO_TCP4 = 1, TAP_GSO_UDP = 3, TAP_GSO_TCP6 = 4, TAP_GSO_UDP_L4 = 5,
    TAP_GSO_ECN = 0x80, /* beside one of these */
};

/*
 * Settles what the writer of a frame leaves to others, so that whoever looks at it from
 * now on (the firewall) sees it as it will leave: a checksum goes where the frame's own headers
 * want it, or is written at once where the writer says. The rule is that of
 * kernel-config/patches/0007, the checks before it are those of Linux's virtio_net_hdr_to_skb().
 *
 * The frame has at least an Ethernet header and is private memory. 0, or -PV_EINVAL: not a frame
 * that may be sent. info->gso may be what no backend does, behind VLAN tags or for UDP: then the
 * frame has to be cut here.
 */
int tap_settle(const struct tap_header *header, void *frame, size_t size,
               struct pv_frame_info *info);

/* The other way, for a reader that takes all of it. */
void tap_describe(const struct pv_frame_info *info, struct tap_header *header);

/* A frame as somebody takes it who has some of PV_OFFLOAD_* only: all of it at once, or one piece after another. */
struct tap_pieces {
    struct pv_frame_info info;  /* of the present piece */
    uint8_t *bytes;
    size_t size;
    bool cutting;
    struct frame_cut cut;
};
/*
 * For a backend, for a reader. Makes the frame, or its first piece, the present one. 0, or -PV_EINVAL: it cannot be
 * cut. The frame is private memory until all pieces are done, and has FRAME_GROWTH octets behind it (for a backend).
 */
int tap_pieces_out(struct tap_pieces *pieces, unsigned int offloads, const struct pv_frame_info *info,
                   uint8_t *frame, size_t size);
int tap_pieces_in(struct tap_pieces *pieces, unsigned int offloads, const struct pv_frame_info *info,
                  uint8_t *frame, size_t size);
/* The next piece; false: there are no more. */
bool tap_pieces_next_out(struct tap_pieces *pieces, unsigned int offloads);
bool tap_pieces_next_in(struct tap_pieces *pieces, unsigned int offloads);
/* Is the present one the last? */
bool tap_pieces_at_end(const struct tap_pieces *pieces);

#endif
