/*
 * frame.h
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "frame.h"

#include <xen/io/netif.h>

enum { TYPE_IP4 = 0x0800, TYPE_IP6 = 0x86dd, TYPE_VLAN = 0x8100, TYPE_SERVICE_VLAN = 0x88a8 };
enum { HOP_BY_HOP = 0, TCP = 6, UDP = 17, ROUTING = 43, FRAGMENT = 44, AH = 51, DESTINATION = 60 };
enum { IP4_SIZE = 20, IP6_SIZE = 40, TCP_SIZE = 20, UDP_SIZE = 8 };
enum { TCP_CHECK = 16, UDP_CHECK = 6 };
enum { IP4_MORE = 0x2000 };
enum { TCP_FIN = 0x01, TCP_PSH = 0x08, TCP_CWR = 0x80 };

/* ---- where things are ---- */

static bool is_tag(uint16_t type)
{
    return type == TYPE_VLAN || type == TYPE_SERVICE_VLAN;
}

bool frame_is_tagged(const void *frame, size_t size)
{
    return size >= FRAME_ETH && is_tag(frame_get16((const uint8_t *)frame + 12));
}

static int found(struct frame_layout *layout, size_t size, uint8_t protocol, size_t at)
{
    size_t header = protocol == TCP ? TCP_SIZE : UDP_SIZE;

    if ((protocol != TCP && protocol != UDP) || at + header > size || at + header > UINT16_MAX)
        return -PV_EPROTO;
    layout->transport = (uint16_t)at;
    layout->tcp = protocol == TCP;
    layout->checksum = layout->tcp ? TCP_CHECK : UDP_CHECK;
    return 0;
}

static int parse_ip4(const uint8_t *frame, size_t size, struct frame_layout *layout)
{
    const uint8_t *ip = frame + layout->network;
    unsigned int header;

    if (size < layout->network + (size_t)IP4_SIZE)
        return -PV_EPROTO;
    header = (ip[0] & 15) * 4U;
    if (header < IP4_SIZE)
        return -PV_EINVAL;
    if (frame_get16(ip + 6) & 0x3fff)
        return -PV_EPROTO;
    return found(layout, size, ip[9], layout->network + header);
}

/* Size of an extension header at p, of which `left` octets are there; 0: it is none, or cut off. */
static size_t extension_size(uint8_t kind, const uint8_t *p, size_t left)
{
    switch (kind) {
    case HOP_BY_HOP:
    case ROUTING:
    case DESTINATION:
        return left < 2 ? 0 : (p[1] + 1U) * 8;
    case AH:
        return left < 12 ? 0 : (p[1] + 2U) * 4;
    case FRAGMENT: /* one whose offset is 0 and that no other follows is the whole datagram */
        return left < 8 || frame_get16(p + 2) & 0xfff9 ? 0 : 8;
    default:
        return 0;
    }
}

static int parse_ip6(const uint8_t *frame, size_t size, struct frame_layout *layout)
{
    size_t at = layout->network + (size_t)IP6_SIZE, end;
    uint8_t kind;

    if (size < at)
        return -PV_EPROTO;
    layout->v6 = true;
    kind = frame[layout->network + 6];
    end = at + frame_get16(frame + layout->network + 4);
    while (at <= end) {
        size_t skip = at < size ? extension_size(kind, frame + at, size - at) : 0;

        if (!skip)
            return found(layout, size, kind, at);
        kind = frame[at];
        at += skip;
    }
    return -PV_EPROTO;
}

int frame_parse(const void *p, size_t size, bool behind_tags, struct frame_layout *layout)
{
    const uint8_t *frame = p;
    size_t at = FRAME_ETH;
    uint16_t type;

    *layout = (struct frame_layout){ 0 };
    if (size < FRAME_ETH)
        return -PV_EPROTO;
    type = frame_get16(frame + 12);
    for (unsigned int tags = 0; behind_tags && tags < 2 && is_tag(type) && at + 4 <= size; tags++) {
        type = frame_get16(frame + at + 2);
        at += 4;
    }
    layout->network = (uint16_t)at;
    if (type == TYPE_IP4)
        return parse_ip4(frame, size, layout);
    return type == TYPE_IP6 ? parse_ip6(frame, size, layout) : -PV_EPROTO;
}

bool frame_suits(const struct frame_layout *layout, uint8_t gso)
{
    if (gso == FRAME_GSO_FRAGMENTS || gso == FRAME_GSO_DATAGRAMS)
        return !layout->tcp;
    return layout->tcp && gso == (layout->v6 ? XEN_NETIF_GSO_TYPE_TCPV6 : XEN_NETIF_GSO_TYPE_TCPV4);
}

size_t frame_tcp_header(const void *p, size_t size, const struct frame_layout *layout)
{
    const uint8_t *frame = p;
    size_t header;

    if (!layout->tcp)
        return 0;
    header = (frame[layout->transport + 12] >> 4) * 4U;
    if (header < TCP_SIZE || layout->transport + header >= size)
        return 0;
    return layout->transport + header;
}

size_t frame_header(const void *frame, size_t size, const struct frame_layout *layout, uint8_t gso)
{
    size_t header = layout->transport + (gso == FRAME_GSO_DATAGRAMS ? (size_t)UDP_SIZE : 0);

    if (layout->tcp)
        return frame_tcp_header(frame, size, layout);
    /*
     * Datagrams with extension headers are not cut: some of these headers would be repeated in each fragment, others
     * not.
     */
    if (gso == FRAME_GSO_FRAGMENTS && layout->v6 && header - layout->network != IP6_SIZE)
        return 0;
    return header < size ? header : 0;
}

/* ---- checksums ---- */

static uint16_t fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static uint16_t sum_of(const uint8_t *p, size_t n)
{
    uint64_t sum = 0;
    uint32_t word;

    /* A one's complement sum can be made in any byte order; only the result has to be swapped. */
    for (; n >= 4; n -= 4, p += 4) {
        __builtin_memcpy(&word, p, 4);
        sum += word;
    }
    word = 0;
    __builtin_memcpy(&word, p, n & 3);
    return __builtin_bswap16(fold(sum + word));
}

void frame_write_checksum(void *p, size_t size, uint16_t start, uint16_t offset)
{
    uint8_t *frame = p;
    uint16_t sum = (uint16_t)~sum_of(frame + start, size - start);

    frame_put16(frame + start + offset, sum ? sum : 0xffff); /* 0 would mean "none" in UDP */
}

/* ---- pieces ---- */

/*
 * All fragments share the datagram's one checksum. In IPv6 each has a fragment header, so the data moves on to make
 * room for it.
 */
static void prepare_fragments(struct frame_cut *cut)
{
    uint8_t *network = cut->headers + cut->layout.network;

    frame_write_checksum(cut->frame, cut->size, cut->layout.transport, UDP_CHECK);
    cut->mss &= (uint16_t)~7U;
    if (!cut->layout.v6)
        return;
    for (size_t i = cut->size; i-- > cut->layout.transport;)
        cut->frame[i + FRAME_GROWTH] = cut->frame[i];
    cut->size += FRAME_GROWTH;
    network[6] = FRAGMENT;
    pv_zero(cut->headers + cut->header, FRAME_GROWTH);
    cut->headers[cut->header] = UDP;
    cut->header = cut->next = cut->header + FRAME_GROWTH;
}

int frame_cut_init(struct frame_cut *cut, void *frame, size_t size, uint8_t gso, uint16_t gso_size)
{
    struct frame_layout layout;
    size_t header;

    if (size > PV_FRAME_MAX || frame_parse(frame, size, true, &layout) || !frame_suits(&layout, gso))
        return -PV_EPROTO;
    header = frame_header(frame, size, &layout, gso);
    if (!header || header > FRAME_HEADER_MAX - FRAME_GROWTH)
        return -PV_EPROTO;
    *cut = (struct frame_cut){
        .layout = layout, .gso = gso, .blank = gso != FRAME_GSO_FRAGMENTS, .frame = frame, .size = size,
        .header = header, .next = header, .mss = gso_size < FRAME_MSS_MIN ? FRAME_MSS_MIN : gso_size,
        .check = frame_get16((uint8_t *)frame + layout.transport + layout.checksum),
    };
    pv_copy(cut->headers, frame, header);
    if (gso == FRAME_GSO_FRAGMENTS)
        prepare_fragments(cut);
    return 0;
}

bool frame_cut_at_end(const struct frame_cut *cut)
{
    return cut->next >= cut->size;
}

/* before: octets of data in earlier pieces. */
static void finish_ip4(const struct frame_cut *cut, size_t before)
{
    uint8_t *ip = cut->piece + cut->layout.network;

    frame_put16(ip + 2, (uint16_t)(cut->piece_size - cut->layout.network));
    if (cut->gso == FRAME_GSO_FRAGMENTS)
        frame_put16(ip + 6, (uint16_t)(before / 8 | (frame_cut_at_end(cut) ? 0 : IP4_MORE)));
    else
        frame_put16(ip + 4, (uint16_t)(frame_get16(ip + 4) + cut->count));
    frame_put16(ip + 10, 0);
    frame_put16(ip + 10, (uint16_t)~sum_of(ip, (ip[0] & 15) * 4U));
}

static void finish_ip6(const struct frame_cut *cut, size_t before)
{
    uint8_t *ip = cut->piece + cut->layout.network, *fragment = cut->piece + cut->layout.transport;

    frame_put16(ip + 4, (uint16_t)(cut->piece_size - cut->layout.network - IP6_SIZE));
    if (cut->gso != FRAME_GSO_FRAGMENTS)
        return;
    frame_put16(fragment + 2, (uint16_t)(before | !frame_cut_at_end(cut)));
    frame_put16(fragment + 4, (uint16_t)(cut->ident >> 16));
    frame_put16(fragment + 6, (uint16_t)cut->ident);
}

static void finish_tcp(const struct frame_cut *cut, size_t before)
{
    uint8_t *tcp = cut->piece + cut->layout.transport;
    uint32_t sequence = (uint32_t)frame_get16(tcp + 4) << 16 | frame_get16(tcp + 6);

    sequence += (uint32_t)before;
    frame_put16(tcp + 4, (uint16_t)(sequence >> 16));
    frame_put16(tcp + 6, (uint16_t)sequence);
    if (!frame_cut_at_end(cut))
        tcp[13] &= (uint8_t)~(TCP_FIN | TCP_PSH);
    if (cut->count)
        tcp[13] &= (uint8_t)~TCP_CWR;
}

/* The pseudo header's sum contains the length: the whole frame's is replaced by the piece's. */
static void finish_transport(const struct frame_cut *cut, size_t before)
{
    uint8_t *transport = cut->piece + cut->layout.transport;
    uint16_t all = (uint16_t)(cut->size - cut->layout.transport);
    uint16_t own = (uint16_t)(cut->piece_size - cut->layout.transport);

    if (cut->layout.tcp)
        finish_tcp(cut, before);
    else
        frame_put16(transport + 4, own);
    frame_put16(transport + cut->layout.checksum, fold((uint64_t)cut->check + (uint16_t)~all + own));
}

bool frame_cut_next(struct frame_cut *cut)
{
    size_t at = cut->next, data = cut->size - at, before = at - cut->header;

    if (frame_cut_at_end(cut))
        return false;
    if (data > cut->mss)
        data = cut->mss;
    if (cut->piece)
        cut->count++;
    cut->next = at + data;
    cut->piece = cut->frame + before;
    cut->piece_size = cut->header + data;
    pv_copy(cut->piece, cut->headers, cut->header);
    if (cut->layout.v6)
        finish_ip6(cut, before);
    else
        finish_ip4(cut, before);
    if (cut->blank)
        finish_transport(cut, before);
    return true;
}
