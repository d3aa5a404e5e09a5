/*
 * The guest's firewall: which frames may leave the stub domain, as a classic BPF
 * program. Pure functions: nothing here opens, waits or logs. Something in each flavour runs the program and must drop
 * each frame for which it returns 0: on Linux cls_bpf at the tap's ingress, on micro and rump
 * launcher/xen-layer/frame-program.c.
 *
 * What may pass (docs/stub-domain.md says it for people):
 *   - the source MAC must be the vif's; without ip= that is all;
 *   - with ip=: IPv4 and IPv6 from these addresses, ARP and neighbour discovery for these, DHCP requests and duplicate
 *   address detection. The IPv6 link-local address that follows from the MAC is allowed, too. No other ethertype
 *   passes.
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
#define FRAME_FILTER_MAX_ADDRESSES 17 /* including the link-local one */
#define FRAME_FILTER_LEAST_STEADY 86 /* the fixed headers, and the longest look behind them */
#define FRAME_FILTER_MAX_INSNS 1536 /* Linux allows 4096 */

/* The program's result for a frame that may pass. As a length, which is what BPF returns, it is the whole frame. */
#define FRAME_FILTER_PASS 0xffffffffU

/* An address or a network: struct in_addr or in6_addr. Bits behind the prefix are 0. */
struct frame_filter_address {
    bool v6;
    uint8_t bytes[16];
    unsigned int prefix;
};

struct frame_filter_rules {
    uint8_t mac[FRAME_FILTER_MAC];
    bool by_address; /* the vif has ip=, though maybe without an address of one of the two families */
    struct frame_filter_address addresses[FRAME_FILTER_MAX_ADDRESSES];
    unsigned int address_count;
    /*
     * So many octets at the frame's start, at least FRAME_FILTER_LEAST_STEADY, are the kernel's own copy. The sender
     * can still change what follows. So the program does not look at it, and drops a frame that cannot be judged
     * without it. 0, the value that frame_filter_rules_init() sets: the whole frame is a copy.
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
 * Parses the toolstack's values. mac: aa:bb:cc:dd:ee:ff. ip: as a vif's ip=, IPv4 and IPv6 addresses separated by
 * blanks, a network with /PREFIX; NULL: the MAC only. 0; -EINVAL, also for a blank ip, since somebody meant to name
 * addresses; or -E2BIG: more than FRAME_FILTER_MAX_ADDRESSES.
 */
int frame_filter_rules_init(struct frame_filter_rules *rules, const char *mac, const char *ip);

/*
 * Writes the program. tag_aside: the kernel removes a frame's VLAN tag before the program sees the frame, and Linux's
 * ancillary load tells whether there was one. 0, or -E2BIG.
 */
int frame_filter_build(const struct frame_filter_rules *rules, bool tag_aside,
                       struct frame_filter *filter);

/* Writes a program that passes everything, for when the firewall is off. */
void frame_filter_build_open(struct frame_filter *filter);

#endif
