/*
 * Ethernet frames whose sender left work to others: a checksum to be written, a TCP segment or a UDP datagram to be cut
 * into smaller ones. These are pure functions over private memory: no other domain may be able to change it meanwhile.
 *
 * Sources: RFC 768, 791, 1071, 8200, 9293; Linux's skb_checksum_setup(), by which netback finds a
 * checksum's place, tcp_gso_segment(), udp4_ufo_fragment(), __udp_gso_segment().
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FRAME_H
#define FRAME_H

#include "pv.h"

#define FRAME_ETH 14U /* the Ethernet header; a frame has at least that */

static inline uint16_t frame_get16(const void *p)
{
    const uint8_t *octets = p;

    return (uint16_t)(octets[0] << 8 | octets[1]);
}

static inline void frame_put16(void *p, uint16_t value)
{
    uint8_t *octets = p;

    octets[0] = (uint8_t)(value >> 8);
    octets[1] = (uint8_t)value;
}

/* Where things are, from the frame's start. */
struct frame_layout {
    uint16_t network;   /* the IP header */
    uint16_t transport; /* the TCP or UDP header */
    uint16_t checksum;  /* the checksum: from transport */
    bool v6, tcp;
};

/*
 * Finds them by the frame's own headers; behind_tags: behind up to two VLAN tags, too. 0;
 * -PV_EPROTO: neither TCP nor UDP, a fragment, or too short for these headers; -PV_EINVAL: an
 * IPv4 header that claims less than its 20 octets. What is found lies within the frame: the
 * TCP header without its options, the UDP header.
 */
int frame_parse(const void *frame, size_t size, bool behind_tags, struct frame_layout *layout);
bool frame_is_tagged(const void *frame, size_t size);

/*
 * Writes the checksum of all octets from start on, to start + offset, where the pseudo header's sum must be. start +
 * offset + 2 <= size.
 */
void frame_write_checksum(void *frame, size_t size, uint16_t start, uint16_t offset);

/* Ways to cut that no backend knows, beside XEN_NETIF_GSO_TYPE_*: a UDP datagram's IP fragments; datagrams. */
enum { FRAME_GSO_FRAGMENTS = 0x80, FRAME_GSO_DATAGRAMS = 0x81 };
#define FRAME_GROWTH 8U /* octets behind a frame that cutting it into fragments may need */

/* Is this the family and the protocol of such a gso? */
bool frame_suits(const struct frame_layout *layout, uint8_t gso);
/*
 * How many octets the frame has up to the end of the TCP header with its options. 0: the header is cut off, or no data
 * follows it.
 */
size_t frame_tcp_header(const void *frame, size_t size, const struct frame_layout *layout);
/*
 * How many octets of headers each piece repeats. TCP: as above; datagrams: up to the end of the UDP header; fragments:
 * of the IP header. 0 as above.
 */
size_t frame_header(const void *frame, size_t size, const struct frame_layout *layout, uint8_t gso);

#define FRAME_HEADER_MAX 256U /* headers of a frame that can be cut */
#define FRAME_MSS_MIN 8U      /* Linux's TCP_MIN_GSO_SIZE: bounds how many pieces there are */

/* A frame under the knife. */
struct frame_cut {
    struct frame_layout layout;
    uint8_t gso;
    bool blank;          /* a piece's checksum field has the pseudo header's sum only */
    uint8_t *frame;
    size_t size, header;
    size_t next;         /* where the next piece's data begins */
    uint16_t mss, check; /* check: the pseudo header's sum, of all */
    uint32_t count;      /* pieces so far */
    uint32_t ident;      /* of IPv6 fragments: the caller's to choose, before the first piece */
    uint8_t *piece;      /* the current piece, within frame: its headers, then its data */
    size_t piece_size;
    uint8_t headers[FRAME_HEADER_MAX];
};

/*
 * Prepares to cut a frame whose checksum is of the pseudo header only into pieces with gso_size octets of data
 * each (but the last; fragments: a multiple of 8). 0, or -PV_EPROTO: it is not such a frame.
 * The headers of each piece are written into the frame in front of its data, over what is
 * in earlier pieces.
 */
int frame_cut_init(struct frame_cut *cut, void *frame, size_t size, uint8_t gso, uint16_t gso_size);
/*
 * Goes on to the next piece. False: there are no more. If cut->blank, its checksum field, at layout.transport +
 * layout.checksum, has the pseudo header's sum only.
 */
bool frame_cut_next(struct frame_cut *cut);
bool frame_cut_at_end(const struct frame_cut *cut);

#endif
