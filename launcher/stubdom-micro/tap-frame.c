/*
 * tap-frame.h
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "tap-frame.h"

#include "frame.h"

#include <xen/io/netif.h>

#define GSO_BY_FRAGS 0xffffU /* Linux's own use of that size */

/*
 * The segmentation that there is. Octets of the smallest headers: network, transport; check: of the transport
 * header, where its checksum is; cut: of it, what each piece begins with.
 */
static const struct { uint8_t virtio, gso, network, transport, check, cut; } kinds[] = {
    { VIRTIO_NET_HDR_GSO_TCPV4, XEN_NETIF_GSO_TYPE_TCPV4, 20, 20, 16, 20 },
    { VIRTIO_NET_HDR_GSO_TCPV6, XEN_NETIF_GSO_TYPE_TCPV6, 40, 20, 16, 20 },
    { VIRTIO_NET_HDR_GSO_UDP, FRAME_GSO_FRAGMENTS, 20, 8, 6, 0 },
    { VIRTIO_NET_HDR_GSO_UDP_L4, FRAME_GSO_DATAGRAMS, 20, 8, 6, 8 },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static uint16_t segment_size(const struct virtio_net_hdr *header)
{
    return header->gso_size < FRAME_MSS_MIN ? FRAME_MSS_MIN : header->gso_size;
}

static bool needs_checksum(const struct virtio_net_hdr *header)
{
    return header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
}

/* How much of the frame is headers: a hint on Linux, but one that is checked. */
static int check_length(const struct virtio_net_hdr *header, size_t size)
{
    size_t length = header->hdr_len, checksum = header->csum_start + header->csum_offset + 2U;

    if (needs_checksum(header) && checksum > length)
        length = checksum;
    return length > size || (length && length < FRAME_ETH) ? -PV_EINVAL : 0;
}

/* kind: of kinds, or KINDS when there is no segmentation. 0 or an error; *data: where data begins at the earliest. */
static int check_place(const struct virtio_net_hdr *header, size_t size, size_t kind, size_t *data)
{
    size_t network = kind < KINDS ? kinds[kind].network : kinds[0].network;
    size_t transport = kind < KINDS ? kinds[kind].transport : 0;
    size_t start = needs_checksum(header) ? header->csum_start : network;

    *data = start + (kind < KINDS ? kinds[kind].cut : 0);
    if (!needs_checksum(header))
        return transport && start + transport > size ? -PV_EINVAL : 0;
    if (start < network || start + transport > size)
        return -PV_EINVAL;
    return transport && header->csum_offset != kinds[kind].check ? -PV_EINVAL : 0;
}

/* The segmentation asked for: *gso stays 0 when the frame is one segment anyway. */
static int check_gso(const struct virtio_net_hdr *header, size_t size, uint8_t *gso)
{
    uint8_t type = header->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
    size_t kind = 0, data;

    while (kind < KINDS && kinds[kind].virtio != type)
        kind++;
    if (header->gso_type != VIRTIO_NET_HDR_GSO_NONE &&
        (kind == KINDS || !header->gso_size || header->gso_size == GSO_BY_FRAGS))
        return -PV_EINVAL;
    if (check_place(header, size, kind, &data))
        return -PV_EINVAL;
    if (kind < KINDS && size > data && size - data > segment_size(header))
        *gso = kinds[kind].gso;
    return 0;
}

static int settle_gso(const struct virtio_net_hdr *header, const void *frame, size_t size,
                      struct pv_frame_info *info)
{
    struct frame_layout layout;
    size_t data;

    if (frame_parse(frame, size, frame_is_tagged(frame, size), &layout) || !frame_suits(&layout, info->gso))
        return -PV_EINVAL;
    data = frame_header(frame, size, &layout, info->gso);
    if (!data)
        return -PV_EINVAL;
    info->csum_blank = true;
    info->csum_start = layout.transport;
    info->csum_offset = layout.checksum;
    info->gso_size = segment_size(header);
    info->header_size = (uint16_t)data;
    return 0;
}

static int settle_checksum(const struct virtio_net_hdr *header, void *frame, size_t size,
                           struct pv_frame_info *info)
{
    struct frame_layout layout;
    int rc = frame_parse(frame, size, false, &layout);

    if (rc == -PV_EPROTO) {
        frame_write_checksum(frame, size, header->csum_start, header->csum_offset);
        return 0;
    }
    if (rc)
        return -PV_EINVAL;
    info->csum_blank = true;
    info->csum_start = layout.transport;
    info->csum_offset = layout.checksum;
    return 0;
}

int tap_settle(const struct virtio_net_hdr *header, void *frame, size_t size,
               struct pv_frame_info *info)
{
    *info = (struct pv_frame_info){ 0 };
    if (check_length(header, size) || check_gso(header, size, &info->gso))
        return -PV_EINVAL;
    if (!needs_checksum(header))
        return info->gso ? -PV_EINVAL : 0;
    if (info->gso)
        return settle_gso(header, frame, size, info);
    return settle_checksum(header, frame, size, info);
}

void tap_describe(const struct pv_frame_info *info, struct virtio_net_hdr *header)
{
    *header = (struct virtio_net_hdr){ .gso_type = VIRTIO_NET_HDR_GSO_NONE };
    if (info->csum_blank) {
        header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        header->csum_start = info->csum_start;
        header->csum_offset = info->csum_offset;
    } else if (info->csum_valid) {
        header->flags = VIRTIO_NET_HDR_F_DATA_VALID;
    }
    for (size_t kind = 0; kind < KINDS; kind++)
        if (info->gso == kinds[kind].gso) {
            header->gso_type = kinds[kind].virtio;
            header->gso_size = info->gso_size;
            header->hdr_len = info->header_size;
        }
}
