// sources: launcher/xen-layer/frame.c tests/unit/fake-pv.c launcher/xen-layer/text.c
/*
 * Checksums and segments of frames (frame.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "frame.h"
#include "packets.h"

#include <xen/io/netif.h>

static struct packet packet;

/* Parses a copy in memory of exactly its size, so that ASan sees accesses beyond its end. */
static int parse(const uint8_t *octets, size_t size, bool behind_tags, struct frame_layout *layout)
{
    uint8_t *frame = malloc(size ? size : 1);
    int rc;

    memcpy(frame, octets, size);
    rc = frame_parse(frame, size, behind_tags, layout);
    if (!rc) {
        assert_true(layout->transport + layout->checksum + 2U <= size);
        assert_true(frame_tcp_header(frame, size, layout) < size);
    }
    free(frame);
    return rc;
}

static void finds_places(void **state)
{
    struct frame_layout layout;

    for (unsigned int i = 0; i < 48; i++) {
        packet = (struct packet){ .v6 = i & 1, .udp = i & 2, .tags = i / 4 % 3, .extra = i / 12 * 8 % 32,
                                  .data = 10 };
        packet_make(&packet);
        assert_int_equal(parse(packet.octets, packet.size, false, &layout), packet.tags ? -PV_EPROTO : 0);
        assert_int_equal(frame_is_tagged(packet.octets, packet.size), packet.tags > 0);
        assert_int_equal(parse(packet.octets, packet.size, true, &layout), 0);
        assert_int_equal(layout.network, packet.network);
        assert_int_equal(layout.transport, packet.transport);
        assert_int_equal(layout.checksum, checksum_offset(&packet));
        assert_int_equal(layout.v6, packet.v6);
        assert_int_equal(layout.tcp, !packet.udp);
        for (size_t n = 0; n < packet.size; n++)
            parse(packet.octets, n, true, &layout);
        assert_int_equal(parse(packet.octets, packet.transport + (packet.udp ? 7 : 19), true, &layout), -PV_EPROTO);
    }
}

/* Changes to a packet after which it has no place for a checksum. */
static void finds_none(void **state)
{
    static const struct { const char *what; bool v6; size_t at; uint8_t value; int rc; } list[] = {
        { "another type", false, 12, 9, -PV_EPROTO },
        { "three tags", false, 12, 0x81, -PV_EPROTO },
        { "more fragments", false, 20, 0x20, -PV_EPROTO },
        { "a later fragment", false, 21, 1, -PV_EPROTO },
        { "ICMP", false, 23, 1, -PV_EPROTO },
        { "an IPv4 header of 16 octets", false, 14, 0x44, -PV_EINVAL },
        { "an IPv4 header that ends outside", false, 14, 0x4f, -PV_EPROTO },
        { "ICMPv6", true, 20, 58, -PV_EPROTO },
        { "hop-by-hop options that end outside", true, 20, 0, -PV_EPROTO },
        { "authentication header that ends outside", true, 20, 51, -PV_EPROTO },
    };
    struct frame_layout layout;

    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        packet = (struct packet){ .v6 = list[i].v6, .data = 20 };
        packet_make(&packet);
        packet.octets[list[i].at] = list[i].value;
        if (parse(packet.octets, packet.size, true, &layout) != list[i].rc)
            fail_msg("%s", list[i].what);
    }
}

static void ip6_headers(void **state)
{
    struct frame_layout layout;

    packet = (struct packet){ .v6 = true, .extra = 24, .data = 30 };
    packet_make(&packet);
    /* A hop-by-hop header, a fragment header, and an authentication header of 8 octets, which is too short. */
    packet.octets[54] = 44;
    packet.octets[55] = 0;
    packet.octets[62] = 60;
    packet.octets[70] = 6;
    assert_int_equal(parse(packet.octets, packet.size, false, &layout), 0);
    assert_int_equal(layout.transport, packet.transport);
    packet.octets[65] = 1; /* more fragments */
    assert_int_equal(parse(packet.octets, packet.size, false, &layout), -PV_EPROTO);
    packet.octets[65] = 2; /* reserved bits only */
    assert_int_equal(parse(packet.octets, packet.size, false, &layout), 0);
    packet.octets[64] = 1; /* an offset */
    assert_int_equal(parse(packet.octets, packet.size, false, &layout), -PV_EPROTO);
    packet.octets[64] = 0;
    /* As on Linux, a header may extend beyond the payload's length, but not begin there. */
    put_be(packet.octets + 18, 16, 2);
    assert_int_equal(parse(packet.octets, packet.size, false, &layout), -PV_EPROTO);
    put_be(packet.octets + 18, 24, 2);
    assert_int_equal(parse(packet.octets, packet.size, false, &layout), 0);
    packet = (struct packet){ .v6 = true, .extra = 16, .data = 30 };
    packet_make(&packet);
    packet.octets[20] = 51; /* an authentication header has its length in units of 4 */
    packet.octets[55] = 2;
    assert_int_equal(parse(packet.octets, packet.size, false, &layout), 0);
    assert_int_equal(layout.transport, packet.transport);
}

static void writes_checksums(void **state)
{
    for (size_t data = 0; data < 70; data++)
        for (unsigned int i = 0; i < 4; i++) {
            packet = (struct packet){ .v6 = i & 1, .udp = i & 2, .data = data };
            packet_make(&packet);
            assert_true(checksum_blank(&packet, packet.octets, packet.size));
            frame_write_checksum(packet.octets, packet.size, packet.transport, checksum_offset(&packet));
            assert_true(checksum_right(&packet, packet.octets, packet.size));
        }
}

/* In UDP, a checksum of 0 means that there is none. */
static void checksum_is_never_zero(void **state)
{
    uint8_t octets[] = { 0xff, 0xff, 0, 0 };

    frame_write_checksum(octets, sizeof(octets), 0, 2);
    assert_int_equal(get_be(octets + 2, 2), 0xffff);
}

static void cut(const struct packet *whole, size_t mss, bool complete)
{
    uint8_t *frame = malloc(whole->size);
    struct frame_cut pieces;
    size_t n = 0;

    memcpy(frame, whole->octets, whole->size);
    assert_int_equal(frame_cut_init(&pieces, frame, whole->size, whole->v6 ? 2 : 1, mss), 0);
    while (frame_cut_next(&pieces)) {
        bool last;

        assert_true(pieces.piece >= frame && pieces.piece + pieces.piece_size <= frame + whole->size);
        if (complete)
            frame_write_checksum(pieces.piece, pieces.piece_size, pieces.layout.transport, pieces.layout.checksum);
        last = check_piece(whole, n++, mss < FRAME_MSS_MIN ? FRAME_MSS_MIN : mss, pieces.piece, pieces.piece_size,
            complete);
        assert_int_equal(last, frame_cut_at_end(&pieces));
    }
    assert_true(frame_cut_at_end(&pieces));
    free(frame);
}

static void cuts(void **state)
{
    static const size_t sizes[] = { 1, 7, 8, 9, 100, 1448, 1449, 2896, 40000, 65400 };
    static const size_t mss[] = { 1, 8, 11, 54, 536, 1448, 9000, 65535 };

    for (unsigned int i = 0; i < 16; i++)
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++)
            for (size_t m = 0; m < ARRAY_LEN(mss); m++) {
                packet = (struct packet){ .v6 = i & 1, .tags = i & 2, .options = i & 4 ? 12 : 0, .extra = i & 8,
                                          .data = sizes[s], .flags = 0xff };
                packet_make(&packet);
                cut(&packet, mss[m], m & 1);
            }
}

/* Cuts a UDP datagram into datagrams, and checks them. */
static void cut_datagrams(const struct packet *whole, size_t mss)
{
    uint8_t *frame = malloc(whole->size);
    struct frame_cut pieces;
    size_t at = 0, n = 0;

    memcpy(frame, whole->octets, whole->size);
    assert_int_equal(frame_cut_init(&pieces, frame, whole->size, FRAME_GSO_DATAGRAMS, mss), 0);
    for (; frame_cut_next(&pieces); n++) {
        size_t data = whole->data - at < mss ? whole->data - at : mss;
        size_t length = pieces.piece_size - whole->network - (whole->v6 ? 40 : 0);
        const uint8_t *ip = pieces.piece + whole->network;

        assert_true(pieces.blank);
        assert_int_equal(pieces.piece_size, whole->header + data);
        assert_memory_equal(pieces.piece + whole->header, whole->octets + whole->header + at, data);
        assert_int_equal(get_be(pieces.piece + whole->transport + 4, 2), 8 + data);
        assert_memory_equal(pieces.piece + whole->transport, whole->octets + whole->transport, 4);
        assert_int_equal(get_be(ip + (whole->v6 ? 4 : 2), 2), length);
        if (!whole->v6) {
            assert_int_equal(get_be(ip + 4, 2), (0xfffe + n) & 0xffff);
            assert_int_equal(ones_sum(ip, 20, 0), 0xffff);
        }
        assert_true(checksum_blank(whole, pieces.piece, pieces.piece_size));
        at += data;
    }
    assert_int_equal(at, whole->data);
    free(frame);
}

/* Cuts a datagram into fragments, and checks that these make the datagram with its checksum. */
static void cut_fragments(const struct packet *whole, size_t mss)
{
    size_t extra = whole->v6 ? 8 : 0, head = whole->transport + extra, size = 0;
    uint8_t *frame = malloc(whole->size + FRAME_GROWTH), *together = calloc(1, whole->size);
    struct frame_cut pieces;
    bool last = false;

    memcpy(frame, whole->octets, whole->size);
    memcpy(together, whole->octets, whole->transport);
    assert_int_equal(frame_cut_init(&pieces, frame, whole->size, FRAME_GSO_FRAGMENTS, mss), 0);
    assert_false(pieces.blank);
    pieces.ident = 0x12345678;
    while (frame_cut_next(&pieces)) {
        const uint8_t *ip = pieces.piece + whole->network, *fragment = pieces.piece + whole->transport;
        size_t data = pieces.piece_size - head, offset;

        assert_false(last);
        assert_true(data && data <= (mss < 8 ? 8 : mss));
        assert_memory_equal(pieces.piece, whole->octets, whole->network);
        if (whole->v6) {
            assert_int_equal(get_be(ip + 4, 2), data + 8);
            assert_int_equal(ip[6], 44);
            assert_int_equal(get_be(fragment, 2), 17 << 8);
            offset = get_be(fragment + 2, 2) & ~7U;
            last = !(get_be(fragment + 2, 2) & 1);
            assert_int_equal(get_be(fragment + 4, 4), 0x12345678);
            assert_memory_equal(ip + 7, whole->octets + whole->network + 7, 33);
        } else {
            assert_int_equal(get_be(ip + 2, 2), pieces.piece_size - whole->network);
            assert_int_equal(get_be(ip + 4, 2), 0xfffe);
            offset = (get_be(ip + 6, 2) & 0x1fff) * 8;
            last = !(get_be(ip + 6, 2) & 0x2000);
            assert_int_equal(ones_sum(ip, (ip[0] & 15) * 4, 0), 0xffff);
        }
        assert_int_equal(offset, size);
        memcpy(together + whole->transport + offset, pieces.piece + head, data);
        size += data;
    }
    assert_true(last);
    assert_int_equal(size, whole->size - whole->transport);
    assert_true(checksum_right(whole, together, whole->size));
    assert_memory_equal(together + whole->header, whole->octets + whole->header, whole->data);
    free(together);
    free(frame);
}

static void cuts_udp(void **state)
{
    static const size_t sizes[] = { 1, 8, 9, 1472, 1473, 4000, 65400 };
    static const size_t mss[] = { 8, 536, 1472, 1480, 9001 };

    for (unsigned int i = 0; i < 4; i++)
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++)
            for (size_t m = 0; m < ARRAY_LEN(mss); m++) {
                packet = (struct packet){ .v6 = i & 1, .udp = true, .tags = i & 2, .data = sizes[s] };
                packet_make(&packet);
                cut_datagrams(&packet, mss[m]);
                cut_fragments(&packet, mss[m]);
            }
}

static void does_not_cut_udp(void **state)
{
    static const uint8_t both[] = { FRAME_GSO_FRAGMENTS, FRAME_GSO_DATAGRAMS };
    struct frame_cut pieces;

    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        packet = (struct packet){ .data = 3000 };
        packet_make(&packet);
        assert_int_equal(frame_cut_init(&pieces, packet.octets, packet.size, both[i], 1448), -PV_EPROTO);
    }
    packet = (struct packet){ .udp = true, .v6 = true, .extra = 8, .data = 3000 };
    packet_make(&packet);
    assert_int_equal(frame_cut_init(&pieces, packet.octets, packet.size, FRAME_GSO_FRAGMENTS, 1448), -PV_EPROTO);
    assert_int_equal(frame_cut_init(&pieces, packet.octets, packet.header, FRAME_GSO_DATAGRAMS, 1448), -PV_EPROTO);
    assert_int_equal(frame_cut_init(&pieces, packet.octets, packet.size, 0x82, 1448), -PV_EPROTO);
}

static void does_not_cut(void **state)
{
    struct frame_cut pieces;

    packet = (struct packet){ .udp = true, .data = 3000 };
    packet_make(&packet);
    assert_int_equal(frame_cut_init(&pieces, packet.octets, packet.size, XEN_NETIF_GSO_TYPE_TCPV4, 1448), -PV_EPROTO);
    packet = (struct packet){ .data = 3000 };
    packet_make(&packet);
    assert_int_equal(frame_cut_init(&pieces, packet.octets, packet.size, XEN_NETIF_GSO_TYPE_TCPV6, 1448), -PV_EPROTO);
    assert_int_equal(frame_cut_init(&pieces, packet.octets, packet.header, XEN_NETIF_GSO_TYPE_TCPV4, 1448), -PV_EPROTO);
    packet.octets[packet.transport + 12] = 0x40;
    assert_int_equal(frame_cut_init(&pieces, packet.octets, packet.size, XEN_NETIF_GSO_TYPE_TCPV4, 1448), -PV_EPROTO);
    packet = (struct packet){ .v6 = true, .extra = 208, .data = 3000 };
    packet_make(&packet); /* 14 + 40 + 208 + 20 of headers */
    assert_int_equal(frame_cut_init(&pieces, packet.octets, packet.size, XEN_NETIF_GSO_TYPE_TCPV6, 1448), -PV_EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_places), cmocka_unit_test(finds_none), cmocka_unit_test(ip6_headers),
        cmocka_unit_test(writes_checksums), cmocka_unit_test(checksum_is_never_zero), cmocka_unit_test(cuts),
        cmocka_unit_test(does_not_cut), cmocka_unit_test(cuts_udp), cmocka_unit_test(does_not_cut_udp),
    };

    return cmocka_run_group_tests_name("pv-frame", tests, NULL, NULL);
}
