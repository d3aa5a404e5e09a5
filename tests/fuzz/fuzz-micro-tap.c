// sources: launcher/stubdom-micro/dev-tap.c launcher/xen-layer/tap.c launcher/xen-layer/tap-frame.c
// sources: launcher/xen-layer/tap-queue.c launcher/xen-layer/frame-program.c launcher/xen-layer/nic.c
// sources: launcher/xen-layer/nic-ring.c
// sources: launcher/xen-layer/frame.c launcher/xen-layer/text.c tests/unit/fake-netback.c tests/unit/fake-pv-store.c
// sources: tests/unit/fake-pv.c tests/unit/fake-micro.c
// libs: cmocka
// cflags: -I../unit
/*
 * A QEMU that was taken over writes any header and any frame to its tap, and makes any ioctl. A frame that arrives at
 * dom0's backend must be one that the firewall passes, and must still be one after dom0 has filled in the checksum that
 * was left to dom0.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "input.h"

#include "fake-micro.h"
#include "fake-netback.h"
#include "launcher/xen-layer/frame-program.h"
#include "launcher/stubdom-micro/micro-abi.h"
#include "launcher/xen-layer/frame.h"

#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>

static struct input in;
static struct file *file;
static struct frame_filter filter;
static uint8_t buffer[70000];

static void make_filter(void)
{
    static const char *const ips[] = { NULL, "192.168.77.10", "192.168.77.10 2001:db8::a0a" };
    struct frame_filter_rules rules;

    MUST(!frame_filter_rules_init(&rules, NETBACK_MAC, ips[take(&in, 1) % 3]));
    MUST(!frame_filter_build(&rules, false, &filter));
}

static void start(void)
{
    struct { char name[16]; int16_t flags; char rest[22]; } request = {
        "tap0", take(&in, 1) % 8 ? IFF_TAP | IFF_NO_PI | IFF_VNET_HDR : IFF_TAP | IFF_NO_PI, { 0 }
    };
    struct micro_tap_join join = { .count = filter.count, .program = (uintptr_t)filter.insns };

    MUST(!fake_device_open("/dev/net/tun", O_RDWR | O_NONBLOCK, &file));
    MUST(!file->ops->ioctl(file, TUNSETIFF, (uintptr_t)&request));
    MUST(!file->ops->ioctl(file, MICRO_TAP_JOIN, (uintptr_t)&join));
    fake_uid = 100;
}

/* A packet that the firewall passes, before it is changed. */
static size_t make_packet(uint8_t *p)
{
    static const uint8_t ip4[] = "\xff\xff\xff\xff\xff\xff\x00\x16\x3e\x01\x02\x03\x08\x00\x45\x00\x00\x54\x12\x34\x00"
                                 "\x00\x40\x06\x00\x00\xc0\xa8\x4d\x0a\xc0\xa8\x4d\x0b";
    static const uint8_t ip6[] = "\x33\x33\x00\x00\x00\x01\x00\x16\x3e\x01\x02\x03\x86\xdd\x60\x00\x00\x00\x10\x00\x06"
                                 "\xff\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0a\x0a";
    size_t size = take(&in, 1) % 8 ? 60 + take(&in, 1) * 8 : take(&in, 2) % 65600;
    unsigned int changes = take(&in, 1) % 16;
    bool v6 = take(&in, 1) % 2;

    memcpy(p, v6 ? ip6 : ip4, v6 ? sizeof(ip6) : sizeof(ip4));
    p[v6 ? 66 : 46] = 0x50;
    while (changes--)
        p[take(&in, 1) % 120] = take(&in, 1);
    return size;
}

/* Most headers are valid ones, with a checksum's place near the packet's headers. */
static void make_header(struct virtio_net_hdr *header)
{
    unsigned int what = take(&in, 1);

    *header = (struct virtio_net_hdr){ .flags = what & 1 };
    header->csum_start = what & 2 ? 34 : what & 4 ? 54 : 20 + take(&in, 1) % 64;
    header->csum_offset = what & 8 ? 16 : take(&in, 1) % 32;
    if (what & 16) {
        header->gso_type = what & 32 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
        if (what & 64)
            header->gso_type = what & 32 ? VIRTIO_NET_HDR_GSO_UDP : VIRTIO_NET_HDR_GSO_UDP_L4;
        header->gso_size = take(&in, 1) * 8;
    }
    if ((what & 192) == 192) {
        header->flags = take(&in, 1);
        header->gso_type = take(&in, 1);
        header->hdr_len = take(&in, 1);
        header->csum_start = take(&in, 2);
        header->csum_offset = take(&in, 2);
    }
}

static void write_one(void)
{
    struct virtio_net_hdr header;
    int header_size = 0;
    struct user_vec vecs[2];
    struct user_iter iter;
    size_t size;
    long rc;

    memset(buffer, 0, 300);
    file->ops->ioctl(file, TUNGETVNETHDRSZ, (uintptr_t)&header_size);
    make_header(&header);
    memcpy(buffer, &header, sizeof(header));
    size = header_size + make_packet(buffer + header_size);
    vecs[0] = (struct user_vec){ (uintptr_t)buffer, take(&in, 1) < size ? take(&in, 1) % size : size };
    vecs[1] = (struct user_vec){ (uintptr_t)buffer + vecs[0].size, size - vecs[0].size };
    iter = (struct user_iter){ .vecs = vecs, .count = 2, .left = size };
    rc = file->ops->write(file, &iter, 0);
    MUST(rc == (long)size ? !iter.left : rc < 0);
}

static void check_sent(void)
{
    netback_take();
    for (size_t i = 0; i < netback_count; i++) {
        struct netback_frame *sent = &netback_frames[i];
        struct frame_layout layout;

        MUST(frame_program_passes(filter.insns, sent->data, sent->size));
        if (!(sent->flags & NETTXF_csum_blank))
            continue;
        MUST(!frame_parse(sent->data, sent->size, false, &layout));
        frame_write_checksum(sent->data, sent->size, layout.transport, layout.checksum);
        MUST(frame_program_passes(filter.insns, sent->data, sent->size));
    }
    if (take(&in, 1) % 4)
        netback_answer_all();
    netback_push();
    if (netback_count > 400 || take(&in, 1) % 2) {
        netback_answer_all();
        netback_push();
        netback_forget();
    }
}

static void give_one(void)
{
    static const struct { unsigned int flags; uint8_t gso; } kinds[] = {
        { 0, 0 }, { NETRXF_csum_blank, 0 }, { NETRXF_csum_blank, 1 }, { NETRXF_csum_blank, 2 },
    };
    unsigned int kind = take(&in, 1) % 4;
    size_t size = make_packet(buffer);

    netback_give(buffer, size > PV_FRAME_MAX ? PV_FRAME_MAX : size, kinds[kind].flags, kinds[kind].gso,
                 1 + take(&in, 2) % 3000);
    netback_push();
}

static void read_one(void)
{
    size_t room = take(&in, 1) % 4 ? sizeof(buffer) : 1 + take(&in, 1);
    uint8_t *to = malloc(room);
    struct user_vec vec = { (uintptr_t)to, room };
    struct user_iter iter = { .vecs = &vec, .count = 1, .left = room };
    long rc = file->ops->read(file, &iter, 0);

    MUST(rc <= (long)room && rc);
    free(to);
}

static void control(void)
{
    static const unsigned int commands[] = {
        TUNSETIFF, TUNGETIFF, TUNSETVNETHDRSZ, TUNSETSNDBUF, TUNSETVNETLE, TUNSETVNETBE, MICRO_TAP_JOIN,
    };
    uint32_t words[12] = { take(&in, 1) };

    if (take(&in, 1) % 2)
        file->ops->ioctl(file, TUNSETOFFLOAD, take(&in, 1));
    else
        file->ops->ioctl(file, commands[take(&in, 1) % 7], (uintptr_t)words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned int features;

    in = (struct input){ data, size };
    fake_micro_reset();
    fake_pv_reset();
    fake_store_drop();
    netback_reset();
    MUST(!dev_tap_init());
    features = take(&in, 1);
    netback_features = (struct netback_features){ .rx_copy = true, .sg = features & 3, .gso4 = features & 4,
                                                  .gso6 = features & 8, .no_csum4 = features & 16,
                                                      .csum6 = features & 32 };
    netback_add(0);
    make_filter();
    start();
    while (in.size) {
        switch (take(&in, 1) % 8) {
        case 0: case 1: write_one(); break;
        case 2: give_one(); break;
        case 3: read_one(); break;
        case 4: control(); break;
        case 5: netback_run_thread(); break;
        default: check_sent();
        }
        MUST(!(file->ops->poll(file) & POLLERR));
    }
    file_put(file);
    for (unsigned int i = 0; i < 2; i++)
        netback_run_thread();
    netback_reset();
    MUST(!fake_grants_used() && !fake_heap_used && !fake_pages_used);
    return 0;
}
