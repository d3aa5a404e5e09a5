/*
 * Packets for tests: TCP and UDP over IPv4 and IPv6, with VLAN tags if wanted; made and checked octet by octet, after
 * RFC 1071 and not by the code under test.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PACKETS_H
#define PACKETS_H

#include "unit.h"

struct packet {
    bool v6, udp;
    unsigned int tags;    /* VLAN */
    unsigned int options; /* octets of TCP options, a multiple of 4 */
    unsigned int extra;   /* IPv4 options or an IPv6 hop-by-hop header, a multiple of 8 */
    size_t data;
    uint8_t flags;        /* TCP's */
    uint8_t octets[66000];
    size_t size, network, transport, header;
};

static inline void put_be(uint8_t *p, uint32_t value, unsigned int octets)
{
    while (octets--) {
        p[octets] = value;
        value >>= 8;
    }
}

static inline uint32_t get_be(const uint8_t *p, unsigned int octets)
{
    uint32_t value = 0;

    while (octets--)
        value = value << 8 | *p++;
    return value;
}

static inline uint32_t ones_sum(const uint8_t *p, size_t n, uint32_t sum)
{
    for (size_t i = 0; i < n; i++) {
        sum += i & 1 ? p[i] : p[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static inline uint32_t pseudo_sum(const struct packet *packet, size_t length)
{
    const uint8_t *ip = packet->octets + packet->network;
    uint32_t sum = ones_sum(packet->v6 ? ip + 8 : ip + 12, packet->v6 ? 32 : 8, packet->udp ? 17 : 6);

    sum += length;
    return (sum & 0xffff) + (sum >> 16);
}

static inline size_t checksum_offset(const struct packet *packet) { return packet->udp ? 6 : 16; }

static inline void packet_ip(struct packet *packet)
{
    uint8_t *ip = packet->octets + packet->network, protocol = packet->udp ? 17 : 6;
    size_t rest = packet->size - packet->network;

    if (packet->v6) {
        put_be(ip, 0x60000000, 4);
        put_be(ip + 4, rest - 40, 2);
        ip[6] = packet->extra ? 0 : protocol;
        ip[7] = 64;
        for (int i = 8; i < 40; i++)
            ip[i] = 0x20 + i;
        if (packet->extra) {
            ip[40] = protocol;
            ip[41] = packet->extra / 8 - 1;
        }
        return;
    }
    ip[0] = 0x45 + packet->extra / 4;
    put_be(ip + 2, rest, 2);
    put_be(ip + 4, 0xfffe, 2);
    put_be(ip + 6, 0x4000, 2);
    ip[8] = 64;
    ip[9] = protocol;
    put_be(ip + 12, 0xc0a84d0a, 4);
    put_be(ip + 16, 0xc0a84d0b, 4);
    put_be(ip + 10, 0, 2);
    put_be(ip + 10, ~ones_sum(ip, 20 + packet->extra, 0), 2);
}

/* Fills in all fields below `data`. The checksum field has the pseudo header's sum only. */
static inline void packet_make(struct packet *packet)
{
    uint8_t *p = packet->octets;

    memset(p, 0, 256);
    memcpy(p, "\xff\xff\xff\xff\xff\xff\x00\x16\x3e\x01\x02\x03", 12);
    for (unsigned int i = 0; i < packet->tags; i++)
        put_be(p + 12 + 4 * i, 0x81000005, 4);
    packet->network = 14 + 4 * packet->tags;
    put_be(p + packet->network - 2, packet->v6 ? 0x86dd : 0x0800, 2);
    packet->transport = packet->network + (packet->v6 ? 40 : 20) + packet->extra;
    packet->header = packet->transport + (packet->udp ? 8 : 20 + packet->options);
    packet->size = packet->header + packet->data;
    for (size_t i = 0; i < packet->data; i++)
        p[packet->header + i] = i * 7 + (i >> 8);
    packet_ip(packet);
    p += packet->transport;
    put_be(p, 0x12345678, 4);
    if (packet->udp) {
        put_be(p + 4, packet->size - packet->transport, 2);
    } else {
        put_be(p + 4, 0xffffff00, 4);
        p[12] = (20 + packet->options) / 4 << 4;
        p[13] = packet->flags;
    }
    put_be(p + checksum_offset(packet), pseudo_sum(packet, packet->size - packet->transport), 2);
}

/* Is the checksum in octets, which have packet's headers, complete and right? */
static inline bool checksum_right(const struct packet *packet, const uint8_t *octets, size_t size)
{
    size_t length = size - packet->transport;

    return ones_sum(octets + packet->transport, length, pseudo_sum(packet, length)) == 0xffff;
}

/* Is it the pseudo header's sum only? */
static inline bool checksum_blank(const struct packet *packet, const uint8_t *octets, size_t size)
{
    return get_be(octets + packet->transport + checksum_offset(packet), 2) % 0xffff ==
           pseudo_sum(packet, size - packet->transport) % 0xffff;
}

/*
 * Checks piece number n of a TCP packet that was cut into pieces of mss octets of data. complete: its checksum must be
 * complete. Returns whether it was the last piece.
 */
static inline bool check_piece(const struct packet *packet, size_t n, size_t mss, const uint8_t *octets, size_t size,
                               bool complete)
{
    size_t at = n * mss, data = packet->data - at < mss ? packet->data - at : mss;
    bool last = at + data == packet->data;
    const uint8_t *ip = octets + packet->network, *tcp = octets + packet->transport;

    assert_true(at < packet->data);
    assert_int_equal(size, packet->header + data);
    assert_memory_equal(octets + packet->header, packet->octets + packet->header + at, data);
    assert_memory_equal(octets, packet->octets, packet->network);
    if (packet->v6) {
        assert_int_equal(get_be(ip + 4, 2), size - packet->network - 40);
    } else {
        assert_int_equal(get_be(ip + 2, 2), size - packet->network);
        assert_int_equal(get_be(ip + 4, 2), (0xfffe + n) & 0xffff);
        assert_int_equal(ones_sum(ip, (ip[0] & 15) * 4, 0), 0xffff);
    }
    assert_int_equal(get_be(tcp + 4, 4), (uint32_t)(0xffffff00 + at));
    assert_int_equal(tcp[13], packet->flags & (n ? ~0x80 : 0xff) & (last ? 0xff : ~0x09));
    assert_true(complete ? checksum_right(packet, octets, size) : checksum_blank(packet, octets, size));
    return last;
}

#endif
