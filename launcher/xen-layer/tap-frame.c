/*
 * tap-frame.h
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "tap-frame.h"

#include "frame.h"

#include <xen/io/netif.h>

#define GSO_BY_FRAGS 0xffffU /* Linux's own special value of gso_size */

/*
 * The kinds of segmentation. In octets: network and transport, the smallest such headers; check, where the checksum is
 * in the transport header; cut, how much of the transport header each piece repeats.
 */
static const struct { uint8_t type, gso, network, transport, check, cut; } kinds[] = {
    { TAP_GSO_TCP4, XEN_NETIF_GSO_TYPE_TCPV4, 20, 20, 16, 20 },
    { TAP_GSO_TCP6, XEN_NETIF_GSO_TYPE_TCPV6, 40, 20, 16, 20 },
    { TAP_GSO_UDP, FRAME_GSO_FRAGMENTS, 20, 8, 6, 0 },
    { TAP_GSO_UDP_L4, FRAME_GSO_DATAGRAMS, 20, 8, 6, 8 },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static uint16_t segment_size(const struct tap_header *header)
{
    return header->gso_size < FRAME_MSS_MIN ? FRAME_MSS_MIN : header->gso_size;
}

static bool needs_checksum(const struct tap_header *header)
{
    return header->flags & TAP_NEEDS_CSUM;
}

/* Checks hdr_len. Linux takes it as a hint, and checks it nevertheless. */
static int check_length(const struct tap_header *header, size_t size)
{
    size_t length = header->header_size, checksum = header->csum_start + header->csum_offset + 2U;

    if (needs_checksum(header) && checksum > length)
        length = checksum;
    return length > size || (length && length < FRAME_ETH) ? -PV_EINVAL : 0;
}

/*
 * Checks where the checksum is said to be. kind: an index of kinds, or KINDS if there is no segmentation. 0 or an
 * error; *data: where the data can begin at the earliest.
 */
static int check_place(const struct tap_header *header, size_t size, size_t kind, size_t *data)
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

/* Which segmentation is asked for. *gso stays 0 if the frame is no longer than one segment. */
static int check_gso(const struct tap_header *header, size_t size, uint8_t *gso)
{
    uint8_t type = header->gso_type & (uint8_t)~TAP_GSO_ECN;
    size_t kind = 0, data;

    while (kind < KINDS && kinds[kind].type != type)
        kind++;
    if (header->gso_type != TAP_GSO_NONE &&
        (kind == KINDS || !header->gso_size || header->gso_size == GSO_BY_FRAGS))
        return -PV_EINVAL;
    if (check_place(header, size, kind, &data))
        return -PV_EINVAL;
    if (kind < KINDS && size > data && size - data > segment_size(header))
        *gso = kinds[kind].gso;
    return 0;
}

static int settle_gso(const struct tap_header *header, const void *frame, size_t size,
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

static int settle_checksum(const struct tap_header *header, void *frame, size_t size,
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

int tap_settle(const struct tap_header *header, void *frame, size_t size,
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

void tap_describe(const struct pv_frame_info *info, struct tap_header *header)
{
    *header = (struct tap_header){ .gso_type = TAP_GSO_NONE };
    if (info->csum_blank) {
        header->flags = TAP_NEEDS_CSUM;
        header->csum_start = info->csum_start;
        header->csum_offset = info->csum_offset;
    } else if (info->csum_valid) {
        header->flags = TAP_DATA_VALID;
    }
    for (size_t kind = 0; kind < KINDS; kind++)
        if (info->gso == kinds[kind].gso) {
            header->gso_type = kinds[kind].type;
            header->gso_size = info->gso_size;
            header->header_size = info->header_size;
        }
}

/* ---- pieces ---- */

/* Whether the backend can do the rest. It cannot with a VLAN tag, nor with a frame that is too long for the ring. */
static bool backend_does(unsigned int offloads, const struct pv_frame_info *info, const uint8_t *frame, size_t size)
{
    struct frame_layout layout;

    if (size > XEN_NETIF_MAX_TX_SIZE || frame_parse(frame, size, false, &layout))
        return false;
    if (info->gso && (!layout.tcp || !(offloads & (layout.v6 ? PV_OFFLOAD_GSO6 : PV_OFFLOAD_GSO4))))
        return false;
    return offloads & (layout.v6 ? PV_OFFLOAD_CSUM6 : PV_OFFLOAD_CSUM4);
}

static bool reader_does(unsigned int offloads, const struct pv_frame_info *info)
{
    return offloads & (info->gso == XEN_NETIF_GSO_TYPE_TCPV6 ? PV_OFFLOAD_GSO6 : PV_OFFLOAD_GSO4);
}

static void write_checksum(struct tap_pieces *pieces)
{
    struct pv_frame_info *info = &pieces->info;

    frame_write_checksum(pieces->bytes, pieces->size, info->csum_start, info->csum_offset);
    info->csum_blank = false;
}

/* A piece's checksum may still have to be written: not every backend does both IPv4's and IPv6's. */
static void finish_out(struct tap_pieces *pieces, unsigned int offloads)
{
    if (pieces->info.csum_blank && !backend_does(offloads, &pieces->info, pieces->bytes, pieces->size))
        write_checksum(pieces);
}

static void finish_in(struct tap_pieces *pieces, unsigned int offloads)
{
    if (pieces->info.csum_blank && !(offloads & (PV_OFFLOAD_CSUM4 | PV_OFFLOAD_CSUM6)))
        write_checksum(pieces);
}

static void begin_whole(struct tap_pieces *pieces, const struct pv_frame_info *info, uint8_t *frame, size_t size)
{
    pieces->info = *info;
    pieces->bytes = frame;
    pieces->size = size;
    pieces->cutting = false;
}

static bool next(struct tap_pieces *pieces)
{
    struct frame_cut *cut = &pieces->cut;

    if (!pieces->cutting || !frame_cut_next(cut))
        return false;
    pieces->info = (struct pv_frame_info){
        .csum_blank = cut->blank,
        .csum_start = cut->layout.transport,
        .csum_offset = cut->layout.checksum,
    };
    pieces->bytes = cut->piece;
    pieces->size = cut->piece_size;
    return true;
}

/* The identification of a datagram's fragments: none that was used lately, and none that others can guess. */
static uint32_t new_ident(void)
{
    static uint32_t ident;

    if (pv_random(&ident, sizeof(ident)))
        ident++;
    return ident;
}

static int begin_cutting(struct tap_pieces *pieces)
{
    if (frame_cut_init(&pieces->cut, pieces->bytes, pieces->size, pieces->info.gso, pieces->info.gso_size))
        return -PV_EINVAL;
    pieces->cut.ident = new_ident();
    pieces->cutting = true;
    return next(pieces) ? 0 : -PV_EINVAL;
}

int tap_pieces_out(struct tap_pieces *pieces, unsigned int offloads, const struct pv_frame_info *info,
                   uint8_t *frame, size_t size)
{
    int rc = 0;

    begin_whole(pieces, info, frame, size);
    if (info->gso && !backend_does(offloads, info, frame, size))
        rc = begin_cutting(pieces);
    if (!rc)
        finish_out(pieces, offloads);
    return rc;
}

int tap_pieces_in(struct tap_pieces *pieces, unsigned int offloads, const struct pv_frame_info *info,
                  uint8_t *frame, size_t size)
{
    int rc = 0;

    begin_whole(pieces, info, frame, size);
    if (info->gso && !reader_does(offloads, info))
        rc = begin_cutting(pieces);
    if (!rc)
        finish_in(pieces, offloads);
    return rc;
}

bool tap_pieces_next_out(struct tap_pieces *pieces, unsigned int offloads)
{
    if (!next(pieces))
        return false;
    finish_out(pieces, offloads);
    return true;
}

bool tap_pieces_next_in(struct tap_pieces *pieces, unsigned int offloads)
{
    if (!next(pieces))
        return false;
    finish_in(pieces, offloads);
    return true;
}

bool tap_pieces_at_end(const struct tap_pieces *pieces)
{
    return !pieces->cutting || frame_cut_at_end(&pieces->cut);
}
