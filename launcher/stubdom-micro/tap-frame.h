/*
 * The header in front of a tap's frames (struct virtio_net_hdr) and what the Xen layer says of
 * one (struct pv_frame_info).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TAP_FRAME_H
#define TAP_FRAME_H

#include "pv.h"

#include <linux/virtio_net.h>

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
int tap_settle(const struct virtio_net_hdr *header, void *frame, size_t size,
               struct pv_frame_info *info);

/* The other way, for a reader that takes all of it. */
void tap_describe(const struct pv_frame_info *info, struct virtio_net_hdr *header);

#endif
