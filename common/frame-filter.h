/*
 * The guest's firewall: which frames may leave the stub domain, as a classic BPF
 * program. Pure functions: nothing here opens, waits or logs. A flavour hands the
 * program to what its kernel has for it (Linux: cls_bpf on the tap's ingress; NetBSD:
 * bpf), which must drop every frame for which it returns 0.
 *
 * What may pass (docs/stub-domain.md says it for people):
 *   - source MAC is the vif's; nothing else is asked for when the vif has no ip=;
 *   - with ip=: IPv4 and IPv6 from these addresses, ARP and neighbour discovery that
 *     speak for these, DHCP requests and duplicate address detection; the IPv6
 *     link-local address made from the MAC counts as one; no other ethertype.
 *
 * Sources: RFC 826, 903, 2131, 4861, 4862, 6980 (no fragmented neighbour discovery),
 * 7112 (a fragment holds the whole header chain).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FRAME_FILTER_H
#define FRAME_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_FILTER_MAC 6
#define FRAME_FILTER_MAX_ADDRESSES 17 /* one of them the link-local one */
#define FRAME_FILTER_LEAST_STEADY 86 /* the fixed headers, and the longest look behind them */
#define FRAME_FILTER_MAX_INSNS 1536 /* Linux takes 4096; NetBSD 512: some four addresses */

/* Returned for a frame that may pass: all of it, to those who count. */
#define FRAME_FILTER_PASS 0xffffffffU

/* One address or network: struct in_addr or in6_addr, what prefix leaves out being 0. */
struct frame_filter_address {
    bool v6;
    uint8_t bytes[16];
    unsigned int prefix;
};

struct frame_filter_rules {
    uint8_t mac[FRAME_FILTER_MAC];
    bool by_address; /* the vif has ip=, even if it names no address of one family */
    struct frame_filter_address addresses[FRAME_FILTER_MAX_ADDRESSES];
    unsigned int address_count;
    /*
     * So many octets at the frame's start, at least FRAME_FILTER_LEAST_STEADY, are the kernel's own copy. The sender
     * may still change what follows, so nothing is decided by that: a frame that cannot be judged without it is
     * dropped. 0, as frame_filter_rules_init() leaves it: the whole frame is a copy.
     */
    unsigned int steady;
};

/* One instruction: the layout of Linux's struct sock_filter and BSD's struct bpf_insn. */
struct frame_filter_insn {
    uint16_t code;
    uint8_t jt, jf;
    uint32_t k;
};

struct frame_filter {
    struct frame_filter_insn insns[FRAME_FILTER_MAX_INSNS];
    unsigned int count;
};

/*
 * Reads what the toolstack says: mac as aa:bb:cc:dd:ee:ff; ip as in a vif's ip=, blank
 * separated IPv4 and IPv6 addresses, with /PREFIX for a whole network; NULL: MAC only. 0,
 * -EINVAL, also for a blank ip (somebody meant to name addresses), or -E2BIG for more than
 * FRAME_FILTER_MAX_ADDRESSES.
 */
int frame_filter_rules_init(struct frame_filter_rules *rules, const char *mac, const char *ip);

/*
 * Writes the program. tag_aside: the kernel takes a frame's VLAN tag out before the
 * program sees the frame, and tells it by Linux's ancillary load. 0, or -E2BIG.
 */
int frame_filter_build(const struct frame_filter_rules *rules, bool tag_aside,
                       struct frame_filter *filter);

/* A program that passes everything: the firewall is off. */
void frame_filter_build_open(struct frame_filter *filter);

#endif
