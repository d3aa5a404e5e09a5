// sources: launcher/stubdom-micro/dev-tap.c launcher/xen-layer/tap.c launcher/xen-layer/tap-frame.c
// sources: launcher/xen-layer/tap-queue.c launcher/xen-layer/frame-program.c launcher/xen-layer/nic.c
// sources: launcher/xen-layer/nic-ring.c
// sources: launcher/xen-layer/frame.c tests/unit/fake-micro.c tests/unit/fake-netback.c tests/unit/fake-pv-store.c
// sources: tests/unit/fake-pv.c launcher/xen-layer/text.c
/*
 * A tap as QEMU and the launcher use it, down to the backend: a frame that is written arrives there if the firewall
 * passes it, and a frame of the backend's can be read, with checksums and segments complete or left to others at either
 * end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "fake-micro.h"
#include "fake-netback.h"
#include "launcher/stubdom-micro/micro-abi.h"
#include "launcher/xen-layer/tap-queue.h"
#include "packets.h"

#include <linux/if_tun.h>
#include <linux/virtio_net.h>

#define EBADFD_ 77

struct request { char name[16]; int16_t flags; char rest[22]; };

static struct file *file;
static struct frame_filter filter;
static struct packet packet;
static const struct virtio_net_hdr no_header;
static size_t header_size; /* of the header that the test writes before each frame */

static int setup(void **state)
{
    fake_micro_reset();
    fake_pv_reset();
    fake_store_drop();
    netback_reset();
    frame_filter_build_open(&filter);
    header_size = sizeof(struct virtio_net_hdr);
    file = NULL;
    assert_int_equal(dev_tap_init(), 0);
    return 0;
}

static void close_tap(void)
{
    if (file)
        file_put(file);
    file = NULL;
    netback_run_thread();
    netback_run_thread();
}

static int teardown(void **state)
{
    close_tap();
    netback_reset();
    assert_int_equal(fake_grants_used(), 0);
    assert_int_equal(fake_heap_used, 0);
    assert_int_equal(fake_pages_used, 0);
    fake_store_drop();
    return 0;
}

static long call(unsigned int command, const void *arg)
{
    return file->ops->ioctl(file, command, (uintptr_t)arg);
}

static void open_tap(void)
{
    assert_int_equal(fake_device_open("/dev/net/tun", O_RDWR | O_NONBLOCK, &file), 0);
}

static void make_tap(void)
{
    struct request request = { .name = "tap0", .flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

    open_tap();
    assert_int_equal(call(TUNSETIFF, &request), 0);
}

static long join(void)
{
    struct micro_tap_join request = { .vif = 0, .count = filter.count, .program = (uintptr_t)filter.insns };

    return call(MICRO_TAP_JOIN, &request);
}

static void start(void)
{
    netback_add(0);
    make_tap();
    assert_int_equal(join(), 0);
    netback_run_thread();
}

static void set_filter(const char *ip)
{
    struct frame_filter_rules rules;

    assert_int_equal(frame_filter_rules_init(&rules, NETBACK_MAC, ip), 0);
    assert_int_equal(frame_filter_build(&rules, false, &filter), 0);
}

static void use_virtio(void)
{
    int size = 12;

    assert_int_equal(call(TUNSETVNETHDRSZ, &size), 0);
    header_size = size;
}

static long put(const struct virtio_net_hdr *header, const void *frame, size_t size)
{
    uint8_t head[64] = { 0 };
    struct user_vec vecs[] = {
        { (uintptr_t)head, header_size }, { (uintptr_t)frame, size / 3 }, { 0, 0 },
        { (uintptr_t)frame + size / 3, size - size / 3 },
    };
    struct user_iter iter = { .vecs = vecs, .count = ARRAY_LEN(vecs), .left = header_size + size };
    long rc;

    memcpy(head, header, sizeof(*header));
    rc = file->ops->write(file, &iter, 0);
    if (rc >= 0) {
        assert_int_equal(rc, header_size + size);
        assert_int_equal(iter.left, 0);
        return 0;
    }
    assert_int_equal(iter.left, header_size + size); /* nothing was taken: the caller tries again */
    return rc;
}

/* The frame that was read, and its header. */
static uint8_t got[70000];
static struct virtio_net_hdr got_header;
static size_t got_size;

static long get_into(size_t room)
{
    static uint8_t all[70000];
    struct user_vec vec = { (uintptr_t)all, room };
    struct user_iter iter = { .vecs = &vec, .count = 1, .left = room };
    long n = file->ops->read(file, &iter, 0);

    if (n < (long)header_size)
        return n;
    memcpy(&got_header, all, sizeof(got_header));
    got_size = n - header_size;
    memcpy(got, all + header_size, got_size);
    return n;
}

static long get(void)
{
    long n = get_into(sizeof(got));

    return n < 0 ? n : 0;
}

static void check_sent(size_t i, const uint8_t *frame, size_t size, unsigned int flags)
{
    assert_true(i < netback_count);
    assert_int_equal(netback_frames[i].size, size);
    assert_memory_equal(netback_frames[i].data, frame, size);
    assert_int_equal(netback_frames[i].flags & (NETTXF_csum_blank | NETTXF_data_validated), flags);
}

#define BLANK (NETTXF_csum_blank | NETTXF_data_validated)

/* ---- ioctl ---- */

static void before_it_is_a_tap(void **state)
{
    unsigned int features = 0;
    int size = 12;

    open_tap();
    assert_int_equal(call(TUNGETFEATURES, &features), 0);
    assert_int_equal(features, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
    assert_int_equal(call(TUNSETVNETHDRSZ, &size), -EBADFD_);
    assert_int_equal(call(TUNGETIFF, &features), -EBADFD_);
    assert_int_equal(join(), -EBADFD_);
    assert_int_equal(call(0x1234, NULL), -EBADFD_);
    assert_int_equal(file->ops->poll(file), POLLERR);
    assert_int_equal(put(&no_header, packet.octets, 60), -EBADFD_);
    assert_int_equal(get(), -EBADFD_);
}

static void becomes_a_tap(void **state)
{
    static const int bad[] = { IFF_TUN | IFF_NO_PI, IFF_TAP, IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE, 0 };
    struct request request = { .name = "tap0" };

    open_tap();
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        request.flags = bad[i];
        assert_int_equal(call(TUNSETIFF, &request), -EINVAL);
    }
    request.flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    request.name[0] = '\0';
    assert_int_equal(call(TUNSETIFF, &request), -EINVAL);
    memset(request.name, 'x', sizeof(request.name));
    fake_uid = 100;
    assert_int_equal(call(TUNSETIFF, &request), -EPERM);
    fake_uid = 0;
    assert_int_equal(call(TUNSETIFF, (void *)FAKE_USER_BAD), -EFAULT);
    assert_int_equal(call(TUNSETIFF, &request), 0);
    assert_int_equal(call(TUNSETIFF, &request), -EEXIST);
    memset(&request, 0xff, sizeof(request));
    assert_int_equal(call(TUNGETIFF, &request), 0);
    assert_string_equal(request.name, "xxxxxxxxxxxxxxx");
    assert_int_equal(request.flags, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
    assert_int_equal(request.rest[21], 0);
    assert_int_equal(file->ops->poll(file), 0);
    assert_int_equal(put(&no_header, packet.octets, 60), -EIO);
    assert_int_equal(get(), -EAGAIN);
}

static void settings(void **state)
{
    static const struct { unsigned long offloads; int rc; } list[] = {
        { 0, 0 }, { TUN_F_CSUM, 0 }, { TUN_F_CSUM | TUN_F_TSO4, 0 },
        { TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN, 0 }, { TUN_F_TSO4, -EINVAL },
        { TUN_F_CSUM | TUN_F_TSO_ECN, -EINVAL }, { TUN_F_CSUM | TUN_F_UFO, 0 }, { TUN_F_UFO, -EINVAL },
        { TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6, 0 }, { TUN_F_CSUM | TUN_F_USO4, -EINVAL },
        { TUN_F_CSUM | TUN_F_UFO | TUN_F_TSO_ECN, -EINVAL }, { TUN_F_USO4 | TUN_F_USO6, -EINVAL },
        { 1UL << 32, -EINVAL },
    };
    static const struct { unsigned int set, get; int value, rc; } ints[] = {
        { TUNSETVNETHDRSZ, TUNGETVNETHDRSZ, 9, -EINVAL }, { TUNSETVNETHDRSZ, TUNGETVNETHDRSZ, 12, 0 },
        { TUNSETVNETHDRSZ, TUNGETVNETHDRSZ, 65, -EINVAL }, { TUNSETVNETHDRSZ, TUNGETVNETHDRSZ, -1, -EINVAL },
        { TUNSETSNDBUF, TUNGETSNDBUF, 0, -EINVAL }, { TUNSETSNDBUF, TUNGETSNDBUF, 1 << 20, 0 },
        { TUNSETVNETLE, TUNGETVNETLE, 1, 0 }, { TUNSETVNETLE, TUNGETVNETLE, 0, 0 },
    };

    make_tap();
    for (size_t i = 0; i < ARRAY_LEN(list); i++)
        assert_int_equal(call(TUNSETOFFLOAD, (void *)list[i].offloads), list[i].rc);
    for (size_t i = 0; i < ARRAY_LEN(ints); i++) {
        int before, value = ints[i].value;

        assert_int_equal(call(ints[i].get, &before), 0);
        assert_int_equal(call(ints[i].set, &value), ints[i].rc);
        assert_int_equal(call(ints[i].get, &value), 0);
        assert_int_equal(value, ints[i].rc ? before : ints[i].value);
        assert_int_equal(call(ints[i].get, (void *)FAKE_USER_BAD), -EFAULT);
        assert_int_equal(call(ints[i].set, (void *)FAKE_USER_BAD), -EFAULT);
    }
    assert_int_equal(call(TUNSETVNETBE, &header_size), -EINVAL);
    assert_int_equal(call(TUNSETQUEUE, &header_size), -EINVAL);
}

static void joins(void **state)
{
    struct micro_tap_join request = { .count = 1, .program = FAKE_USER_BAD };
    struct file *other;

    make_tap();
    assert_int_equal(join(), -EAGAIN);
    netback_run_thread();
    netback_add(0);
    fake_uid = 100;
    assert_int_equal(join(), -EPERM);
    fake_uid = 0;
    assert_int_equal(call(MICRO_TAP_JOIN, &request), -EFAULT);
    assert_int_equal(call(MICRO_TAP_JOIN, (void *)FAKE_USER_BAD), -EFAULT);
    request.count = 0;
    assert_int_equal(call(MICRO_TAP_JOIN, &request), -EINVAL);
    request.count = FRAME_FILTER_MAX_INSNS + 1;
    assert_int_equal(call(MICRO_TAP_JOIN, &request), -EINVAL);
    filter.insns[0].code = 0x34;
    assert_int_equal(join(), -EINVAL);
    frame_filter_build_open(&filter);
    assert_int_equal(join(), 0);
    assert_int_equal(join(), -EBUSY);
    assert_int_equal(file->ops->poll(file), POLLOUT | POLLWRNORM);
    other = file;
    make_tap();
    assert_int_equal(join(), -EBUSY);
    file_put(other);
    assert_int_equal(join(), -EAGAIN); /* the backend is closing */
    netback_run_thread();
    assert_int_equal(join(), 0);
}

static void fails_anywhere(void **state)
{
    size_t pages, heap;
    long n;

    netback_add(0);
    for (n = 0;; n++) {
        fake_alloc_fails = n;
        if (!fake_device_open("/dev/net/tun", O_RDWR, &file))
            break;
        assert_int_equal(fake_heap_used, 0);
    }
    assert_int_equal(n, 2);
    fake_alloc_fails = -1;
    close_tap();
    make_tap();
    heap = fake_heap_used;
    pages = fake_pages_used;
    for (n = 0;; n++) {
        fake_alloc_fails = n;
        if (!join())
            break;
        fake_alloc_fails = -1;
        netback_run_thread();
        netback_run_thread();
        assert_int_equal(fake_heap_used, heap);
        assert_true(fake_pages_used <= pages + 1); /* all taps share the buffer for writes */
    }
    fake_alloc_fails = -1;
    assert_true(n > 10);
}

static void tells_of_vifs(void **state)
{
    netback_add(3);
    fake_store_fire();
    assert_string_equal(fake_uevents, "change@/devices/vif\n");
}

/* ---- writing ---- */

static void writes_any_length(void **state)
{
    static uint8_t frame[65536];

    start();
    for (size_t i = 0; i < sizeof(frame); i++)
        frame[i] = i * 11;
    for (size_t size = 14; size <= 65535; size += size < 1600 ? 1 : size < 65000 ? 911 : 1) {
        assert_int_equal(put(&no_header, frame, size), 0);
        assert_int_equal(netback_take(), 1);
        check_sent(0, frame, size, 0);
        netback_answer(0, 0);
        netback_push();
        netback_forget();
    }
    assert_int_equal(put(&no_header, frame, 13), -EINVAL);
    assert_int_equal(put(&no_header, frame, 65536), -EINVAL);
    assert_int_equal(put(&no_header, frame, 65551), -EINVAL);
    header_size = 3;
    assert_int_equal(file->ops->write(file, &(struct user_iter){ .left = 3 }, 0), -EINVAL);
    assert_int_equal(netback_take(), 0);
}

static void without_header(void **state)
{
    struct request request = { .name = "tap0", .flags = IFF_TAP | IFF_NO_PI };
    struct user_vec vec = { (uintptr_t)packet.octets, 60 };
    struct user_iter iter = { .vecs = &vec, .count = 1, .left = 60 };

    netback_add(0);
    open_tap();
    assert_int_equal(call(TUNSETIFF, &request), 0);
    assert_int_equal(join(), 0);
    assert_int_equal(file->ops->write(file, &iter, 0), 60);
    netback_take();
    check_sent(0, packet.octets, 60, 0);
    netback_give(packet.octets, 60, 0, 0, 0);
    netback_push();
    header_size = 0;
    assert_int_equal(get_into(100), 60);
}

static void bad_memory(void **state)
{
    struct user_vec vec = { FAKE_USER_BAD, 100 };
    struct user_iter iter = { .vecs = &vec, .count = 1, .left = 100 };

    start();
    assert_int_equal(file->ops->write(file, &iter, 0), -EFAULT);
    assert_int_equal(netback_take(), 0);
    netback_give(packet.octets, 60, 0, 0, 0);
    netback_push();
    iter = (struct user_iter){ .vecs = &vec, .count = 1, .left = 100 };
    assert_int_equal(file->ops->read(file, &iter, 0), -EFAULT);
    assert_int_equal(get(), -EAGAIN);
}

static void firewall(void **state)
{
    set_filter(NULL);
    start();
    packet = (struct packet){ .data = 100 };
    packet_make(&packet);
    assert_int_equal(put(&no_header, packet.octets, packet.size), 0);
    assert_int_equal(netback_take(), 1);
    packet.octets[11]++;
    assert_int_equal(put(&no_header, packet.octets, packet.size), 0);
    assert_int_equal(netback_take(), 1);
}

/* Makes the writer's header for a packet. mss: of segments; 0: none. */
static struct virtio_net_hdr header_of(const struct packet *p, uint16_t mss)
{
    struct virtio_net_hdr header = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = p->transport, .csum_offset = checksum_offset(p),
        .hdr_len = p->header, .gso_size = mss,
    };

    if (mss)
        header.gso_type = p->v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
    return header;
}

static void checksum_by_headers(void **state)
{
    start();
    for (unsigned int i = 0; i < 8; i++) {
        struct virtio_net_hdr header;

        packet = (struct packet){ .v6 = i & 1, .udp = i & 2, .data = 500, .extra = i & 4 ? 8 : 0 };
        packet_make(&packet);
        header = header_of(&packet, 0);
        assert_int_equal(put(&header, packet.octets, packet.size), 0);
        /* The writer names another place. The place by the frame's headers counts. */
        header.csum_start = 26;
        header.csum_offset = 0;
        assert_int_equal(put(&header, packet.octets, packet.size), 0);
        assert_int_equal(netback_take(), 2);
        check_sent(0, packet.octets, packet.size, BLANK);
        check_sent(1, packet.octets, packet.size, BLANK);
        netback_answer_all();
        netback_push();
        netback_forget();
    }
}

/* If the headers have no place for a checksum, it is written at once, before the firewall looks. */
static void checksum_at_once(void **state)
{
    struct virtio_net_hdr header;

    start();
    packet = (struct packet){ .data = 101 };
    packet_make(&packet);
    packet.octets[23] = 1; /* a protocol that is neither TCP nor UDP */
    header = header_of(&packet, 0);
    assert_int_equal(put(&header, packet.octets, packet.size), 0);
    assert_int_equal(netback_take(), 1);
    assert_true(checksum_right(&packet, netback_frames[0].data, packet.size));
    assert_int_equal(netback_frames[0].flags, 0);
}

static void no_checksum_into_an_address(void **state)
{
    struct virtio_net_hdr header = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 26, .csum_offset = 2 };

    set_filter("192.168.77.10");
    start();
    packet = (struct packet){ .data = 100 };
    packet_make(&packet);
    packet.octets[23] = 1;
    assert_int_equal(put(&no_header, packet.octets, packet.size), 0);
    assert_int_equal(netback_take(), 1);
    /* The checksum would change the source address. The firewall sees that. */
    assert_int_equal(put(&header, packet.octets, packet.size), 0);
    assert_int_equal(netback_take(), 1);
    /* If the protocol is TCP, its header has the checksum's place. */
    packet.octets[23] = 6;
    assert_int_equal(put(&header, packet.octets, packet.size), 0);
    assert_int_equal(netback_take(), 2);
    check_sent(1, packet.octets, packet.size, BLANK);
}

static void refused_headers(void **state)
{
    static const struct { const char *what; struct virtio_net_hdr header; } list[] = {
        { "checksum behind the end", { .flags = 1, .csum_start = 3053, .csum_offset = 0 } },
        { "checksum far behind the end", { .flags = 1, .csum_start = 65535, .csum_offset = 65535 } },
        { "checksum in the MAC header", { .flags = 1, .csum_start = 19, .csum_offset = 7 } },
        { "headers longer than the frame", { .hdr_len = 3055 } },
        { "headers shorter than Ethernet's", { .hdr_len = 13 } },
        { "segments without a size", { .flags = 1, .gso_type = 1, .csum_start = 34, .csum_offset = 16 } },
        { "segments of 65535", { .flags = 1, .gso_type = 1, .gso_size = 65535, .csum_start = 34, .csum_offset = 16 } },
        { "segments of UDP", { .flags = 1, .gso_type = 3, .gso_size = 1448, .csum_start = 34, .csum_offset = 6 } },
        { "segments of UDP, new kind", { .flags = 1, .gso_type = 5, .gso_size = 1448, .csum_start = 34,
            .csum_offset = 6 } },
        { "ECN of nothing", { .gso_type = 0x80 } },
        { "unknown segments", { .flags = 1, .gso_type = 2, .gso_size = 1448, .csum_start = 34, .csum_offset = 16 } },
        { "segments without blank checksum", { .gso_type = 1, .gso_size = 1448 } },
        { "segments with UDP's checksum", { .flags = 1, .gso_type = 1, .gso_size = 1448, .csum_start = 34,
            .csum_offset = 6 } },
        { "segments of the other family", { .flags = 1, .gso_type = 4, .gso_size = 1448, .csum_start = 54,
            .csum_offset = 16 } },
    };

    start();
    packet = (struct packet){ .data = 3000 };
    packet_make(&packet);
    assert_int_equal(packet.size, 3054);
    for (size_t i = 0; i < ARRAY_LEN(list); i++)
        if (put(&list[i].header, packet.octets, packet.size) != -EINVAL)
            fail_msg("%s: is taken", list[i].what);
    packet.octets[14] = 0x44; /* an IPv4 header of 16 octets */
    assert_int_equal(put(&(struct virtio_net_hdr){ .flags = 1, .csum_start = 34, .csum_offset = 16 }, packet.octets,
                         packet.size), -EINVAL);
    packet.octets[14] = 0x45;
    packet.octets[46] = 0x40; /* a TCP header of 16 */
    assert_int_equal(put(&(struct virtio_net_hdr){ .flags = 1, .gso_type = 1, .gso_size = 1448, .csum_start = 34,
                                                   .csum_offset = 16 }, packet.octets, packet.size), -EINVAL);
    packet.octets[46] = 0x50;
    packet.octets[13] = 9; /* segmentation of a frame that is not IP */
    assert_int_equal(put(&(struct virtio_net_hdr){ .flags = 1, .gso_type = 1, .gso_size = 1448, .csum_start = 34,
                                                   .csum_offset = 16 }, packet.octets, packet.size), -EINVAL);
    assert_int_equal(netback_take(), 0);
}

/*
 * No backend does UDP's segmentation: such frames leave as datagrams, or as fragments of a datagram with a complete
 * checksum.
 */
static void udp_in_pieces(void **state)
{
    static const struct { uint8_t type; uint16_t size; size_t data, pieces; } list[] = {
        { VIRTIO_NET_HDR_GSO_UDP_L4, 1472, 4000, 3 }, { VIRTIO_NET_HDR_GSO_UDP_L4, 1472, 1472, 1 },
        { VIRTIO_NET_HDR_GSO_UDP, 1480, 4000, 3 }, { VIRTIO_NET_HDR_GSO_UDP, 1480, 1473, 2 },
        { VIRTIO_NET_HDR_GSO_UDP, 1480, 1472, 1 },
    };

    start();
    for (size_t i = 0; i < 2 * ARRAY_LEN(list); i++) {
        bool fragments = list[i / 2].type == VIRTIO_NET_HDR_GSO_UDP && list[i / 2].pieces > 1;
        struct virtio_net_hdr header;
        size_t sum = 0;

        packet = (struct packet){ .v6 = i & 1, .udp = true, .data = list[i / 2].data };
        packet_make(&packet);
        header = header_of(&packet, list[i / 2].size);
        header.gso_type = list[i / 2].type;
        assert_int_equal(put(&header, packet.octets, packet.size), 0);
        assert_int_equal(netback_take(), list[i / 2].pieces);
        for (size_t n = 0; n < netback_count; n++) {
            const struct netback_frame *sent = &netback_frames[n];

            sum += sent->size - packet.transport - (fragments ? packet.v6 * 8 : 8);
            assert_int_equal(sent->gso, 0);
            assert_int_equal(sent->flags & NETTXF_csum_blank, fragments ? 0 : NETTXF_csum_blank);
            assert_true(sent->size <= packet.transport + 1480 + fragments * packet.v6 * 8);
        }
        assert_int_equal(sum, packet.data + (fragments ? 8 : 0));
        netback_answer_all();
        netback_push();
        netback_forget();
    }
    /* A datagram that cannot be fragmented. */
    packet = (struct packet){ .v6 = true, .extra = 8, .udp = true, .data = 4000 };
    packet_make(&packet);
    assert_int_equal(put(&(struct virtio_net_hdr){ .flags = 1, .gso_type = 3, .gso_size = 1480, .csum_start = 62,
                                                   .csum_offset = 6 }, packet.octets, packet.size), -EINVAL);
    assert_int_equal(netback_take(), 0);
}

static void segments_to_the_backend(void **state)
{
    start();
    for (unsigned int i = 0; i < 2; i++) {
        struct virtio_net_hdr header;

        packet = (struct packet){ .v6 = i, .data = 30000, .options = 12 };
        packet_make(&packet);
        header = header_of(&packet, 1448);
        header.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
        assert_int_equal(put(&header, packet.octets, packet.size), 0);
        assert_int_equal(netback_take(), 1);
        check_sent(0, packet.octets, packet.size, BLANK);
        assert_int_equal(netback_frames[0].gso, i ? XEN_NETIF_GSO_TYPE_TCPV6 : XEN_NETIF_GSO_TYPE_TCPV4);
        assert_int_equal(netback_frames[0].gso_size, 1448);
        netback_forget();
    }
    /* A frame that is a single segment needs no segmentation. */
    packet = (struct packet){ .data = 1448 };
    packet_make(&packet);
    assert_int_equal(put(&(struct virtio_net_hdr){ .flags = 1, .gso_type = 1, .gso_size = 1448, .csum_start = 34,
                                                   .csum_offset = 16 }, packet.octets, packet.size), 0);
    netback_take();
    assert_int_equal(netback_frames[0].gso, 0);
    netback_forget();
    /* Nor does it need a checksum then. Linux only guesses where the data begins. */
    packet = (struct packet){ .data = 1434 };
    packet_make(&packet);
    assert_int_equal(put(&(struct virtio_net_hdr){ .gso_type = 1, .gso_size = 1448 }, packet.octets, packet.size), 0);
    netback_take();
    check_sent(0, packet.octets, packet.size, 0);
}

/* Checks that all pieces of `packet` arrive at the backend, and answers each. */
static void check_pieces(size_t mss, bool complete)
{
    bool last = false;
    size_t n = 0;

    for (unsigned int rounds = 0; !last && rounds < 100000; rounds++) {
        netback_take();
        for (size_t i = 0; i < netback_count; i++) {
            assert_false(last);
            last = check_piece(&packet, n++, mss, netback_frames[i].data, netback_frames[i].size, complete);
            assert_int_equal(netback_frames[i].gso, 0);
            assert_int_equal(netback_frames[i].flags & NETTXF_csum_blank, complete ? 0 : NETTXF_csum_blank);
        }
        netback_answer_all();
        netback_push();
        netback_forget();
    }
    assert_true(last);
}

static void segments_cut_here(void **state)
{
    static const size_t sizes[] = { 2000, 30000, 65400 };

    netback_features.gso4 = netback_features.gso6 = false;
    netback_features.csum6 = false;
    start();
    for (size_t i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
        struct virtio_net_hdr header;

        packet = (struct packet){ .v6 = i & 1, .data = sizes[i / 2], .options = 12, .flags = 0x99 };
        packet_make(&packet);
        header = header_of(&packet, 1448);
        assert_int_equal(put(&header, packet.octets, packet.size), 0);
        check_pieces(1448, packet.v6);
    }
}

static void segments_behind_tags(void **state)
{
    for (unsigned int i = 0; i < 4; i++) {
        struct virtio_net_hdr header;

        if (!file)
            start();
        packet = (struct packet){ .v6 = i & 1, .tags = 1 + i / 2, .data = 20000 };
        packet_make(&packet);
        header = header_of(&packet, 1400);
        assert_int_equal(put(&header, packet.octets, packet.size), 0);
        check_pieces(1400, true);
        packet.octets[packet.network + (packet.v6 ? 6 : 9)] = 17;
        assert_int_equal(put(&header, packet.octets, packet.size), -EINVAL);
    }
    /* Without segmentation the writer's place counts, because nobody looks behind VLAN tags. */
    packet = (struct packet){ .tags = 1, .data = 100 };
    packet_make(&packet);
    assert_int_equal(put(&(struct virtio_net_hdr){ .flags = 1, .csum_start = 38, .csum_offset = 16 }, packet.octets,
                         packet.size), 0);
    netback_take();
    assert_true(checksum_right(&packet, netback_frames[0].data, packet.size));
    netback_forget();
}

/* A frame that is too long for the ring; and so many small pieces that not all fit at once. */
static void more_pieces_than_room(void **state)
{
    struct virtio_net_hdr header;

    start();
    use_virtio();
    packet = (struct packet){ .data = 65496, .flags = 0x18 };
    packet_make(&packet);
    assert_int_equal(packet.size, 65550);
    header = header_of(&packet, 1448);
    assert_int_equal(put(&header, packet.octets, packet.size), 0);
    check_pieces(1448, false);
    packet = (struct packet){ .tags = 1, .data = 20000 };
    packet_make(&packet);
    header = header_of(&packet, 1);
    assert_int_equal(put(&header, packet.octets, packet.size), 0);
    assert_int_equal(file->ops->poll(file), 0);
    assert_int_equal(put(&no_header, packet.octets, 60), -EAGAIN);
    check_pieces(8, true);
    assert_int_equal(file->ops->poll(file), POLLOUT | POLLWRNORM);
    assert_int_equal(put(&no_header, packet.octets, 60), 0);
}

static void closed_in_pieces(void **state)
{
    struct virtio_net_hdr header;

    start();
    packet = (struct packet){ .tags = 1, .data = 20000 };
    packet_make(&packet);
    header = header_of(&packet, 8);
    assert_int_equal(put(&header, packet.octets, packet.size), 0);
    assert_int_equal(file->ops->poll(file), 0);
}

static void gone_in_pieces(void **state)
{
    struct virtio_net_hdr header;

    start();
    use_virtio();
    packet = (struct packet){ .tags = 1, .data = 20000 };
    packet_make(&packet);
    header = header_of(&packet, 8);
    assert_int_equal(put(&header, packet.octets, packet.size), 0);
    netback_remove(0);
    netback_run_thread();
    assert_int_equal(file->ops->poll(file), POLLOUT | POLLWRNORM);
    assert_int_equal(put(&no_header, packet.octets, 60), 0); /* without an interface it is lost, as on Linux */
    assert_int_equal(put(&header, packet.octets, packet.size), 0);
}

static void full(void **state)
{
    size_t n = 0;

    start();
    use_virtio();
    packet = (struct packet){ .data = 1400 };
    packet_make(&packet);
    while (!put(&no_header, packet.octets, packet.size))
        n++;
    assert_int_equal(put(&no_header, packet.octets, packet.size), -EAGAIN);
    assert_int_equal(file->ops->poll(file), 0);
    assert_int_equal(netback_take(), n);
    netback_answer_all();
    netback_push();
    netback_forget();
    assert_int_equal(file->ops->poll(file), POLLOUT | POLLWRNORM);
    assert_int_equal(put(&no_header, packet.octets, packet.size), 0);
}

/* Checks that the backend's frames are the next ones of a numbered series. */
static void check_row(uint32_t *next)
{
    for (size_t i = 0; i < netback_count; i++) {
        assert_int_equal(netback_frames[i].size, 1000);
        assert_int_equal(get_be(netback_frames[i].data + 20, 4), (*next)++);
    }
    netback_answer_all();
    netback_push();
    netback_forget();
}

/* Some frames of the other models wait here, and the rest is lost: QEMU must not keep them. */
static void full_without_virtio(void **state)
{
    uint8_t frame[1000] = { 0 };
    uint32_t next = 0;

    start();
    for (unsigned int i = 0; i < 1000; i++) {
        put_be(frame + 20, i, 4);
        assert_int_equal(put(&no_header, frame, sizeof(frame)), 0);
    }
    while (netback_take())
        check_row(&next);
    assert_in_range(next, 200, 300);
    put_be(frame + 20, next, 4);
    assert_int_equal(put(&no_header, frame, sizeof(frame)), 0);
    assert_int_equal(netback_take(), 1);
    check_row(&next);
    /* The tap is closed while some frames wait. */
    for (unsigned int i = 0; i < 200; i++)
        assert_int_equal(put(&no_header, frame, sizeof(frame)), 0);
}

/* ---- reading ---- */

static void give(unsigned int flags, uint16_t mss)
{
    assert_true(netback_give(packet.octets, packet.size, flags,
                             !mss ? 0 : packet.v6 ? XEN_NETIF_GSO_TYPE_TCPV6 : XEN_NETIF_GSO_TYPE_TCPV4, mss));
    netback_push();
}

#define RX_BLANK (NETRXF_csum_blank | NETRXF_data_validated)

static void reads_any_length(void **state)
{
    static uint8_t frame[65550];

    start();
    for (size_t i = 0; i < sizeof(frame); i++)
        frame[i] = i * 11;
    for (size_t size = 14; size <= 65550; size += size < 1600 ? 1 : size < 65000 ? 911 : 1) {
        assert_int_equal(get(), -EAGAIN);
        assert_true(netback_give(frame, size, 0, 0, 0));
        netback_push();
        assert_int_equal(file->ops->poll(file), POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
        assert_int_equal(get(), 0);
        assert_int_equal(got_size, size);
        assert_memory_equal(got, frame, size);
        assert_memory_equal(&got_header, &no_header, sizeof(no_header));
    }
}

static void too_little_room(void **state)
{
    start();
    packet = (struct packet){ .data = 1000 };
    packet_make(&packet);
    for (int i = 0; i < 3; i++)
        give(NETRXF_data_validated, 0);
    assert_int_equal(get_into(9), -EINVAL); /* no room for the header: the frame is lost */
    assert_int_equal(get_into(110), 110);
    assert_int_equal(got_size, 100);
    assert_memory_equal(got, packet.octets, 100);
    assert_int_equal(got_header.flags, VIRTIO_NET_HDR_F_DATA_VALID);
    use_virtio();
    assert_int_equal(get_into(3000), 12 + packet.size);
    assert_int_equal(get(), -EAGAIN);
}

static void reader_takes_all(void **state)
{
    start();
    assert_int_equal(call(TUNSETOFFLOAD, (void *)(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)), 0);
    for (unsigned int i = 0; i < 4; i++) {
        struct virtio_net_hdr expected;

        packet = (struct packet){ .v6 = i & 1, .data = 40000, .options = 12 };
        packet_make(&packet);
        expected = header_of(&packet, i & 2 ? 1448 : 0);
        if (!(i & 2))
            expected.hdr_len = 0;
        give(RX_BLANK, expected.gso_size);
        assert_int_equal(get(), 0);
        assert_int_equal(got_size, packet.size);
        assert_memory_equal(got, packet.octets, packet.size);
        assert_memory_equal(&got_header, &expected, sizeof(expected));
    }
}

static void reader_takes_no_blank_checksum(void **state)
{
    start();
    for (unsigned int i = 0; i < 4; i++) {
        packet = (struct packet){ .v6 = i & 1, .udp = i & 2, .data = 777 };
        packet_make(&packet);
        give(RX_BLANK, 0);
        assert_int_equal(get(), 0);
        assert_int_equal(got_size, packet.size);
        assert_true(checksum_right(&packet, got, got_size));
        assert_memory_equal(&got_header, &no_header, sizeof(no_header));
    }
}

static void reader_takes_no_segments(void **state)
{
    static const struct { unsigned long offloads; bool complete; } list[] = {
        { 0, true }, { TUN_F_CSUM, false }, { TUN_F_CSUM | TUN_F_TSO4, false },
    };

    start();
    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        bool last = false;

        packet = (struct packet){ .v6 = i == 2, .data = 60000, .options = 12, .flags = 0x99 };
        packet_make(&packet);
        assert_int_equal(call(TUNSETOFFLOAD, (void *)list[i].offloads), 0);
        give(RX_BLANK, 1448);
        give(RX_BLANK, 0);
        for (size_t n = 0; !last; n++) {
            assert_int_equal(file->ops->poll(file) & POLLIN, POLLIN);
            assert_int_equal(get(), 0);
            last = check_piece(&packet, n, 1448, got, got_size, list[i].complete);
            assert_int_equal(got_header.flags, list[i].complete ? 0 : VIRTIO_NET_HDR_F_NEEDS_CSUM);
            assert_int_equal(got_header.gso_type, 0);
        }
        assert_int_equal(get(), 0);
        assert_int_equal(got_size, packet.size);
        assert_int_equal(get(), -EAGAIN);
    }
}

/* A reader that changes its offloads between two pieces gets the rest of the frame in pieces. */
static void mind_changed(void **state)
{
    start();
    packet = (struct packet){ .data = 4000 };
    packet_make(&packet);
    give(RX_BLANK, 1448);
    assert_int_equal(get(), 0);
    assert_false(check_piece(&packet, 0, 1448, got, got_size, true));
    assert_int_equal(call(TUNSETOFFLOAD, (void *)(TUN_F_CSUM | TUN_F_TSO4)), 0);
    assert_int_equal(get(), 0);
    assert_false(check_piece(&packet, 1, 1448, got, got_size, false));
    assert_int_equal(get_into(5), -EINVAL); /* the last piece is lost */
    assert_int_equal(get(), -EAGAIN);
}

/* Nobody reads: frames stay in the backend, in order, and none is lost. */
static void queue_full(void **state)
{
    static const size_t sizes[] = { 60, 1514, 65535, 300, 9000 };
    size_t given = 0, read = 0, waiting;
    static uint8_t frame[65550];
    unsigned int seed = 1;

    start();
    while (read < 3000) {
        size_t size = sizes[(given * 7) % ARRAY_LEN(sizes)];

        memset(frame, given, size);
        if (netback_give(frame, size, 0, 0, 0))
            given++;
        netback_push();
        for (unsigned int i = rand_r(&seed) % 40 == 0 ? 100 : rand_r(&seed) % 2; i && !get(); i--, read++) {
            assert_int_equal(got_size, sizes[(read * 7) % ARRAY_LEN(sizes)]);
            assert_int_equal(got[0], (uint8_t)read);
            assert_int_equal(got[got_size - 1], (uint8_t)read);
        }
        if (given - read > 300)
            fail_msg("no end of room");
    }
    for (waiting = given - read; !get(); waiting--)
        ;
    assert_int_equal(waiting, 0);
}

static void check_first(struct tap_queue *queue, size_t n, size_t size)
{
    struct tap_frame *first = tap_queue_first(queue);

    assert_non_null(first);
    assert_int_equal(first->size, size);
    assert_int_equal(first->info.gso_size, (uint16_t)n);
    for (size_t i = 0; i < size; i += i < 50 ? 1 : 997)
        assert_int_equal(first->octets[i], (uint8_t)n);
    assert_int_equal(first->octets[size - 1], (uint8_t)n);
    tap_queue_drop_first(queue);
}

/* The queue alone: frames come out in order, also across the memory's end, and has_room() is right. */
static void queue_against_a_model(void **state)
{
    static uint8_t frame[PV_FRAME_MAX];
    static size_t sizes[20001];
    size_t put_count = 0, taken = 0, wraps = 0;
    unsigned int seed = 7;
    struct tap_queue queue;

    assert_int_equal(tap_queue_init(&queue), 0);
    assert_true(tap_queue_has_room(&queue));
    while (put_count < 20000) {
        size_t size = 1 + rand_r(&seed) % (rand_r(&seed) % 16 ? 9000 : PV_FRAME_MAX);
        struct pv_frame_info info = { .gso_size = put_count };
        bool room = tap_queue_has_room(&queue), wrapped = queue.wrapped;

        memset(frame, put_count, size);
        if (tap_queue_put(&queue, &info, frame, size))
            sizes[put_count++] = size;
        else
            assert_false(room);
        wraps += queue.wrapped && !wrapped;
        while (taken < put_count && rand_r(&seed) % 16 < (put_count / 100 % 2 ? 4 : 9)) {
            check_first(&queue, taken, sizes[taken]);
            taken++;
        }
    }
    for (; taken < put_count; taken++)
        check_first(&queue, taken, sizes[taken]);
    assert_null(tap_queue_first(&queue));
    assert_true(tap_queue_has_room(&queue));
    assert_true(wraps > 100);
    assert_false(tap_queue_put(&queue, &(struct pv_frame_info){ 0 }, frame, PV_FRAME_MAX + 1));
    tap_queue_dispose(&queue);
}

static void two_taps(void **state)
{
    struct file *first;
    struct micro_tap_join request = { .vif = 1, .count = filter.count, .program = (uintptr_t)filter.insns };
    struct virtio_net_hdr header;

    start();
    first = file;
    /* The first tap keeps the buffer for writes, the second one gets a new one. */
    packet = (struct packet){ .tags = 1, .data = 20000 };
    packet_make(&packet);
    header = header_of(&packet, 8);
    assert_int_equal(put(&header, packet.octets, packet.size), 0);
    netback_add(1);
    make_tap();
    assert_int_equal(call(MICRO_TAP_JOIN, &request), 0);
    assert_int_equal(put(&no_header, packet.octets, 60), 0);
    assert_int_equal(netback_take(), 1);
    check_sent(0, packet.octets, 60, 0);
    file_put(first);
    assert_int_equal(put(&no_header, packet.octets, 60), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(before_it_is_a_tap), TEST(becomes_a_tap), TEST(settings), TEST(joins), TEST(fails_anywhere),
        TEST(tells_of_vifs), TEST(writes_any_length), TEST(without_header), TEST(bad_memory), TEST(firewall),
        TEST(checksum_by_headers), TEST(checksum_at_once), TEST(no_checksum_into_an_address), TEST(refused_headers),
        TEST(segments_to_the_backend), TEST(udp_in_pieces), TEST(segments_cut_here), TEST(segments_behind_tags),
        TEST(more_pieces_than_room), TEST(closed_in_pieces), TEST(gone_in_pieces), TEST(full),
        TEST(full_without_virtio), TEST(reads_any_length), TEST(too_little_room), TEST(reader_takes_all),
        TEST(reader_takes_no_blank_checksum), TEST(reader_takes_no_segments), TEST(mind_changed),
            TEST(queue_full), TEST(queue_against_a_model),
        TEST(two_taps),
    };

    return cmocka_run_group_tests_name("micro-tap", tests, NULL, NULL);
}
