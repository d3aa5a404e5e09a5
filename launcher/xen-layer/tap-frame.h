/*
 * Translates between the header in front of a tap's frames and the Xen layer's struct pv_frame_info, and does itself
 * what the frame's receiver cannot do: checksums and segmentation.
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
    TAP_GSO_ECN = 0x80, /* or-ed to one of these */
};

/*
 * Checks and settles what the writer of a frame leaves to others, so that the firewall sees the frame as it will leave.
 * A checksum that the frame's own headers call for is left to others; one at any other place is written at once. The
 * rule is that of kernel-config/patches/0007; the checks are those of Linux's virtio_net_hdr_to_skb().
 *
 * The frame has at least an Ethernet header and is private memory. 0, or -PV_EINVAL: such a frame must not be sent.
 * info->gso may be one that no backend does (behind VLAN tags, or for UDP): then the frame must be cut here.
 */
int tap_settle(const struct tap_header *header, void *frame, size_t size,
               struct pv_frame_info *info);

/* The opposite: the header for a reader that does all of what info leaves to it. */
void tap_describe(const struct pv_frame_info *info, struct tap_header *header);

/* A frame for a receiver that has only some of PV_OFFLOAD_*: as a whole, or in pieces, one after another. */
struct tap_pieces {
    struct pv_frame_info info;  /* of the present piece */
    uint8_t *bytes;
    size_t size;
    bool cutting;
    struct frame_cut cut;
};
/*
 * _out: for a backend; _in: for a reader. Begins with the whole frame, or its first piece. 0, or -PV_EINVAL: it cannot
 * be cut. Until all pieces are done the frame must be private memory, for _out with FRAME_GROWTH octets behind it.
 */
int tap_pieces_out(struct tap_pieces *pieces, unsigned int offloads, const struct pv_frame_info *info,
                   uint8_t *frame, size_t size);
int tap_pieces_in(struct tap_pieces *pieces, unsigned int offloads, const struct pv_frame_info *info,
                  uint8_t *frame, size_t size);
/* The next piece; false: there are no more. */
bool tap_pieces_next_out(struct tap_pieces *pieces, unsigned int offloads);
bool tap_pieces_next_in(struct tap_pieces *pieces, unsigned int offloads);
/* Is the current piece the last? */
bool tap_pieces_at_end(const struct tap_pieces *pieces);

#endif
