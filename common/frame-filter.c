/*
 * The guest's firewall as a classic BPF program (frame-filter.h).
 *
 * A load beyond the frame's end makes the program return 0, so that a short frame
 * needs no checks: it is dropped. BPF can jump forward only. So loops over IPv6's headers and options are unrolled, and
 * a frame with more of them is dropped.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "frame-filter.h"

#include "frame-filter-insn.h"
#include "util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Linux: SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT of linux/filter.h. */
#define LINUX_TAG_PRESENT (-0x1000 + 48)

/* Offsets in the frame. */
enum {
    ETH_SOURCE = 6, ETH_TYPE = 12, ETH_DATA = 14,
    ARP_FORMAT = 14, ARP_LENGTHS = 18, ARP_OPERATION = 20, ARP_SENDER_MAC = 22,
    ARP_SENDER_IP = 28, ARP_TARGET_MAC = 32,
    IP4_VERSION = 14, IP4_FRAGMENT = 20, IP4_PROTOCOL = 23, IP4_SOURCE = 26, IP4_TARGET = 30,
    IP4_PORTS = 34,
    IP6_LENGTH = 18, IP6_NEXT = 20, IP6_SOURCE = 22, IP6_DATA = 54,
};
/* Offsets in an ICMPv6 message. */
enum { ND_TARGET = 8, ND_OPTIONS_ROUTER = 8, ND_OPTIONS_NEIGHBOUR = 24 };

enum { TYPE_IP4 = 0x0800, TYPE_ARP = 0x0806, TYPE_RARP = 0x8035, TYPE_IP6 = 0x86dd };
enum { ARP_REQUEST = 1, ARP_REPLY = 2, RARP_REQUEST = 3 };
enum { PROTOCOL_UDP = 17, PROTOCOL_FRAGMENT = 44, PROTOCOL_AH = 51, PROTOCOL_ICMP6 = 58 };
enum {
    MLD_REPORT = 131, MLD_DONE = 132, ROUTER_SOLICITATION = 133, ROUTER_ADVERTISEMENT = 134,
    NEIGHBOUR_SOLICITATION = 135, NEIGHBOUR_ADVERTISEMENT = 136, REDIRECT = 137,
    MLD2_REPORT = 143,
};

/* How far the program looks: into a header and the ICMPv6 message behind it, and into an option. */
enum { LONGEST_LOOK = ND_TARGET + 16, OPTION_LOOK = 8 };
_Static_assert(FRAME_FILTER_LEAST_STEADY == IP6_DATA + ND_OPTIONS_NEIGHBOUR + OPTION_LOOK, "one option");

#define MAX_HEADERS 6 /* extension headers of a packet */
#define MAX_OPTIONS 6 /* options of a neighbour discovery message */

/* Headers whose second octet is their length in units of 8 octets less one. */
static const uint8_t extensions[] = { 0, 43, 60, 135, 139, 140 };

/* The program's memory words. */
enum { M_END, M_NEXT, M_UNSPECIFIED, M_FRAGMENT };

/* Places that more than one instruction jumps to. */
enum label {
    L_IP4, L_ARP, L_IP6, L_UPPER, L_FRAGMENT, L_TARGET, L_OPTIONS, L_SOURCE, L_PASS, L_FIXED_COUNT,
    L_COUNT = L_FIXED_COUNT + 3 * (MAX_HEADERS + MAX_OPTIONS) + 2 * FRAME_FILTER_MAX_ADDRESSES + 4,
};

struct program {
    const struct frame_filter_rules *rules;
    struct frame_filter *out;
    unsigned int places[L_COUNT], next_label;
    bool full;
};

static void emit_jump(struct program *p, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
    if (p->out->count == FRAME_FILTER_MAX_INSNS)
        p->full = true;
    else
        p->out->insns[p->out->count++] =
            (struct frame_filter_insn){ .code = code, .jt = jt, .jf = jf, .k = k };
}

static void emit(struct program *p, uint16_t code, uint32_t k)
{
    emit_jump(p, code, k, 0, 0);
}

/* Jumps to a label. Until the program is complete, k is the label's number. */
static void go(struct program *p, unsigned int label)
{
    emit(p, JA, label);
}

static unsigned int new_label(struct program *p)
{
    return p->next_label++;
}

static void place(struct program *p, unsigned int label)
{
    p->places[label] = p->out->count;
}

static void resolve(struct program *p)
{
    for (unsigned int i = 0; i < p->out->count; i++) {
        struct frame_filter_insn *insn = &p->out->insns[i];

        if (insn->code == JA)
            insn->k = p->places[insn->k] - i - 1;
    }
}

static void drop(struct program *p)
{
    emit(p, RET_K, 0);
}

static void pass(struct program *p)
{
    emit(p, RET_K, FRAME_FILTER_PASS);
}

/* Drops the frame unless A is k. */
static void require(struct program *p, uint32_t k)
{
    emit_jump(p, JEQ_K, k, 1, 0);
    drop(p);
}

static void go_if(struct program *p, uint32_t k, unsigned int label)
{
    emit_jump(p, JEQ_K, k, 0, 1);
    go(p, label);
}

static void go_unless(struct program *p, uint32_t k, unsigned int label)
{
    emit_jump(p, JEQ_K, k, 1, 0);
    go(p, label);
}

static void drop_if(struct program *p, uint32_t k)
{
    emit_jump(p, JEQ_K, k, 0, 1);
    drop(p);
}

static uint32_t get32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

/* The six octets at this offset (code: LD_W_ABS or LD_W_IND) are the vif's MAC. */
static void require_mac(struct program *p, uint16_t code, uint32_t offset)
{
    const uint8_t *mac = p->rules->mac;

    emit(p, code, offset);
    require(p, get32(mac));
    emit(p, code + (LD_H_ABS - LD_W_ABS), offset + 4);
    require(p, mac[4] << 8 | mac[5]);
}

static uint32_t mask_of(unsigned int prefix, unsigned int word)
{
    unsigned int bits = prefix <= 32 * word ? 0 : prefix - 32 * word;

    return bits >= 32 ? 0xffffffffU : bits ? ~(0xffffffffU >> bits) : 0;
}

/* Jumps if the address at this offset is that address, or in that network. */
static void go_if_address(struct program *p, const struct frame_filter_address *address,
                          uint16_t code, uint32_t offset, unsigned int label)
{
    unsigned int differs = new_label(p);

    for (unsigned int i = 0; i < (address->v6 ? 4 : 1); i++) {
        uint32_t mask = mask_of(address->prefix, i);

        if (!mask)
            break;
        emit(p, code, offset + 4 * i);
        if (mask != 0xffffffffU)
            emit(p, AND_K, mask);
        go_unless(p, get32(address->bytes + 4 * i), differs);
    }
    go(p, label);
    place(p, differs);
}

static void go_if_own(struct program *p, bool v6, uint16_t code, uint32_t offset,
                      unsigned int label)
{
    for (unsigned int i = 0; i < p->rules->address_count; i++)
        if (p->rules->addresses[i].v6 == v6)
            go_if_address(p, &p->rules->addresses[i], code, offset, label);
}

/* Passes DHCP of a client without an address: a broadcast, not fragmented. */
static void pass_if_dhcp(struct program *p)
{
    emit(p, LD_W_ABS, IP4_SOURCE);
    require(p, 0);
    emit(p, LD_W_ABS, IP4_TARGET);
    require(p, 0xffffffffU);
    emit(p, LD_B_ABS, IP4_VERSION);
    require(p, 0x45);
    emit(p, LD_B_ABS, IP4_PROTOCOL);
    require(p, PROTOCOL_UDP);
    emit(p, LD_H_ABS, IP4_FRAGMENT);
    emit_jump(p, JSET_K, 0x3fff, 0, 1);
    drop(p);
    emit(p, LD_W_ABS, IP4_PORTS);
    require(p, 68 << 16 | 67);
    pass(p);
}

static void check_ip4(struct program *p)
{
    place(p, L_IP4);
    go_if_own(p, false, LD_W_ABS, IP4_SOURCE, L_PASS);
    pass_if_dhcp(p);
}

/* For ARP and RARP: Ethernet and IPv4, and the sender's hardware address is our MAC. */
static void require_arp_sender(struct program *p)
{
    emit(p, LD_W_ABS, ARP_FORMAT);
    require(p, 1 << 16 | TYPE_IP4);
    emit(p, LD_H_ABS, ARP_LENGTHS);
    require(p, 6 << 8 | 4);
    require_mac(p, LD_W_ABS, ARP_SENDER_MAC);
}

static void check_arp(struct program *p)
{
    place(p, L_ARP);
    require_arp_sender(p);
    emit(p, LD_H_ABS, ARP_OPERATION);
    emit_jump(p, JEQ_K, ARP_REQUEST, 2, 0);
    require(p, ARP_REPLY);
    go_if_own(p, false, LD_W_ABS, ARP_SENDER_IP, L_PASS);
    /* A probe, "does anybody have this address?", has no sender address. */
    emit(p, LD_H_ABS, ARP_OPERATION);
    require(p, ARP_REQUEST);
    emit(p, LD_W_ABS, ARP_SENDER_IP);
    require(p, 0);
    pass(p);
}

/* What QEMU itself sends after a restore, so that switches learn where the guest is. */
static void check_rarp(struct program *p)
{
    require_arp_sender(p);
    emit(p, LD_H_ABS, ARP_OPERATION);
    require(p, RARP_REQUEST);
    emit(p, LD_W_ABS, ARP_SENDER_IP);
    require(p, 0);
    require_mac(p, LD_W_ABS, ARP_TARGET_MAC);
    pass(p);
}

/* Drops the frame unless the COUNT octets from X on are the kernel's own copy. Changes A. */
static void require_steady(struct program *p, uint32_t count)
{
    if (!p->rules->steady)
        return;
    emit(p, TXA, 0);
    emit_jump(p, JGE_K, p->rules->steady - count + 1, 0, 1);
    drop(p);
}

/* X: offset of a header whose second octet is its length. Afterwards X: offset of the next one, A: its type. */
static void skip_header(struct program *p, unsigned int add, unsigned int shift)
{
    emit(p, LD_B_IND, 0);
    emit(p, ST, M_NEXT);
    emit(p, LD_B_IND, 1);
    emit(p, ADD_K, add);
    emit(p, LSH_K, shift);
    emit(p, ADD_X, 0);
    emit(p, TAX, 0);
    require_steady(p, LONGEST_LOOK);
    emit(p, LD_MEM, M_NEXT);
}

static void walk_headers(struct program *p)
{
    for (unsigned int i = 0; i < MAX_HEADERS; i++) {
        unsigned int extension = new_label(p), ah = new_label(p), next = new_label(p);

        for (size_t j = 0; j < ARRAY_SIZE(extensions); j++)
            go_if(p, extensions[j], extension);
        go_if(p, PROTOCOL_AH, ah);
        go_if(p, PROTOCOL_FRAGMENT, L_FRAGMENT);
        go(p, L_UPPER);
        place(p, ah);
        skip_header(p, 2, 2);
        go(p, next);
        place(p, extension);
        skip_header(p, 1, 3);
        place(p, next);
    }
}

static void drop_extensions(struct program *p)
{
    for (size_t j = 0; j < ARRAY_SIZE(extensions); j++)
        drop_if(p, extensions[j]);
    drop_if(p, PROTOCOL_AH);
    drop_if(p, PROTOCOL_FRAGMENT);
}

/*
 * Of later fragments only the source address can be checked. The first one must contain the upper protocol's header:
 * otherwise it could hide in the second.
 */
static void check_fragment(struct program *p)
{
    place(p, L_FRAGMENT);
    emit(p, LD_H_IND, 2);
    emit(p, AND_K, 0xfff8);
    go_unless(p, 0, L_SOURCE);
    emit(p, LD_IMM, 1);
    emit(p, ST, M_FRAGMENT);
    emit(p, LD_B_IND, 0);
    emit(p, ST, M_NEXT);
    emit(p, TXA, 0);
    emit(p, ADD_K, 8);
    emit(p, TAX, 0);
    require_steady(p, LONGEST_LOOK);
    emit(p, LD_MEM, M_NEXT);
    drop_extensions(p);
}

static void set_x(struct program *p, uint32_t add)
{
    emit(p, TXA, 0);
    emit(p, ADD_K, add);
    emit(p, TAX, 0);
}

/* X: offset of an ICMPv6 message. */
static void check_icmp6(struct program *p)
{
    static const uint8_t unspecified[] = { MLD_REPORT, MLD_DONE, MLD2_REPORT,
                                           ROUTER_SOLICITATION, NEIGHBOUR_SOLICITATION };
    unsigned int discovery = new_label(p), neighbour = new_label(p);

    emit(p, LD_B_IND, 0);
    /* Only these messages may come from the unspecified address. */
    for (size_t i = 0; i < ARRAY_SIZE(unspecified); i++)
        emit_jump(p, JEQ_K, unspecified[i], ARRAY_SIZE(unspecified) - i, 0);
    emit_jump(p, JA, discovery, 0, 0);
    emit(p, LD_IMM, 1);
    emit(p, ST, M_UNSPECIFIED);
    emit(p, LD_B_IND, 0);
    place(p, discovery);
    /* The guest must not act as a router. */
    drop_if(p, ROUTER_ADVERTISEMENT);
    drop_if(p, REDIRECT);
    emit_jump(p, JGE_K, ROUTER_SOLICITATION, 1, 0);
    go(p, L_SOURCE);
    emit_jump(p, JGE_K, REDIRECT, 0, 1);
    go(p, L_SOURCE);
    emit(p, LD_MEM, M_FRAGMENT);
    require(p, 0);
    emit(p, LD_B_IND, 0);
    go_unless(p, ROUTER_SOLICITATION, neighbour);
    set_x(p, ND_OPTIONS_ROUTER);
    go(p, L_OPTIONS);
    place(p, neighbour);
    go_if(p, NEIGHBOUR_ADVERTISEMENT, L_TARGET);
}

/*
 * The guest may ask for any neighbour. A question from the unspecified address is about an address that it wants for
 * itself.
 */
static void check_solicitation(struct program *p)
{
    unsigned int known = new_label(p);

    for (unsigned int i = 0; i < 4; i++) {
        emit(p, LD_W_ABS, IP6_SOURCE + 4 * i);
        go_unless(p, 0, known);
    }
    go(p, L_TARGET);
    place(p, known);
    set_x(p, ND_OPTIONS_NEIGHBOUR);
    go(p, L_OPTIONS);
}

static void check_target(struct program *p)
{
    unsigned int own = new_label(p);

    place(p, L_TARGET);
    go_if_own(p, true, LD_W_IND, ND_TARGET, own);
    drop(p);
    place(p, own);
    set_x(p, ND_OPTIONS_NEIGHBOUR);
}

/* X: offset of the first option. Link-layer addresses (types 1 and 2) must be our MAC. */
static void check_options(struct program *p)
{
    place(p, L_OPTIONS);
    for (unsigned int i = 0; i < MAX_OPTIONS; i++) {
        unsigned int link = new_label(p), skip = new_label(p);

        emit(p, LD_MEM, M_END);
        emit_jump(p, JEQ_X, 0, 0, 1);
        go(p, L_SOURCE);
        require_steady(p, OPTION_LOOK);
        emit(p, LD_B_IND, 0);
        go_if(p, 1, link);
        go_unless(p, 2, skip);
        place(p, link);
        require_mac(p, LD_W_IND, 2);
        place(p, skip);
        emit(p, LD_B_IND, 1);
        emit(p, LSH_K, 3);
        emit(p, ADD_X, 0);
        emit(p, TAX, 0);
    }
    emit(p, LD_MEM, M_END);
    emit_jump(p, JEQ_X, 0, 1, 0);
    drop(p);
}

static void check_source(struct program *p)
{
    place(p, L_SOURCE);
    go_if_own(p, true, LD_W_ABS, IP6_SOURCE, L_PASS);
    emit(p, LD_MEM, M_UNSPECIFIED);
    require(p, 1);
    for (unsigned int i = 0; i < 4; i++) {
        emit(p, LD_W_ABS, IP6_SOURCE + 4 * i);
        require(p, 0);
    }
    place(p, L_PASS);
    pass(p);
}

static void check_ip6(struct program *p)
{
    place(p, L_IP6);
    emit(p, LD_IMM, 0);
    emit(p, ST, M_UNSPECIFIED);
    emit(p, ST, M_FRAGMENT);
    emit(p, LD_H_ABS, IP6_LENGTH);
    emit(p, ADD_K, IP6_DATA);
    emit(p, ST, M_END);
    emit(p, LDX_IMM, IP6_DATA);
    emit(p, LD_B_ABS, IP6_NEXT);
    walk_headers(p);
    drop_extensions(p);
    go(p, L_UPPER);
    check_fragment(p);
    place(p, L_UPPER);
    go_unless(p, PROTOCOL_ICMP6, L_SOURCE);
    check_icmp6(p);
    check_solicitation(p);
    check_target(p);
    check_options(p);
    check_source(p);
}

static void check_by_address(struct program *p, bool tag_aside)
{
    if (tag_aside) {
        emit(p, LD_W_ABS, LINUX_TAG_PRESENT);
        require(p, 0);
    }
    emit(p, LD_H_ABS, ETH_TYPE);
    go_if(p, TYPE_IP4, L_IP4);
    go_if(p, TYPE_IP6, L_IP6);
    go_if(p, TYPE_ARP, L_ARP);
    require(p, TYPE_RARP);
    check_rarp(p);
    check_arp(p);
    check_ip4(p);
    check_ip6(p);
}

int frame_filter_build(const struct frame_filter_rules *rules, bool tag_aside,
                       struct frame_filter *filter)
{
    struct program p = { .rules = rules, .out = filter, .next_label = L_FIXED_COUNT };

    filter->count = 0;
    require_mac(&p, LD_W_ABS, ETH_SOURCE);
    if (rules->by_address)
        check_by_address(&p, tag_aside);
    else
        pass(&p);
    if (p.full)
        return -E2BIG;
    resolve(&p);
    return 0;
}

void frame_filter_build_open(struct frame_filter *filter)
{
    struct program p = { .out = filter };

    filter->count = 0;
    pass(&p);
}

static int parse_mac(const char *text, uint8_t mac[FRAME_FILTER_MAC])
{
    for (unsigned int i = 0; i < FRAME_FILTER_MAC; i++, text += 3) {
        char end = i + 1 < FRAME_FILTER_MAC ? ':' : '\0';

        if (strspn(text, "0123456789abcdefABCDEF") != 2 || text[2] != end)
            return -EINVAL;
        mac[i] = strtoul(text, NULL, 16);
    }
    return 0;
}

static int parse_address(const char *text, size_t len, struct frame_filter_address *address)
{
    char copy[INET6_ADDRSTRLEN + sizeof("/128")], *slash;
    unsigned int bits;

    if (len >= sizeof(copy))
        return -EINVAL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    slash = strchr(copy, '/');
    if (slash)
        *slash++ = '\0';
    memset(address, 0, sizeof(*address));
    address->v6 = strchr(copy, ':') != NULL;
    bits = address->v6 ? 128 : 32;
    address->prefix = bits;
    if (inet_pton(address->v6 ? AF_INET6 : AF_INET, copy, address->bytes) != 1 ||
        (slash && parse_uint(slash, bits, &address->prefix)))
        return -EINVAL;
    for (unsigned int i = address->prefix; i < bits; i++)
        address->bytes[i / 8] &= ~(0x80 >> i % 8);
    return 0;
}

static int add_address(struct frame_filter_rules *rules, const struct frame_filter_address *address)
{
    if (rules->address_count == FRAME_FILTER_MAX_ADDRESSES)
        return -E2BIG;
    rules->addresses[rules->address_count++] = *address;
    return 0;
}

/* RFC 4291, appendix A: fe80::, then the MAC with one bit inverted and ff:fe in its middle. */
static int add_link_local(struct frame_filter_rules *rules)
{
    const uint8_t *m = rules->mac;
    struct frame_filter_address address = {
        .v6 = true,
        .bytes = { 0xfe, 0x80, [8] = m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5] },
        .prefix = 128,
    };

    return add_address(rules, &address);
}

int frame_filter_rules_init(struct frame_filter_rules *rules, const char *mac, const char *ip)
{
    static const char blanks[] = " \t\n";
    int rc;

    memset(rules, 0, sizeof(*rules));
    rc = parse_mac(mac, rules->mac);
    if (rc || !ip)
        return rc;
    for (ip += strspn(ip, blanks); *ip && !rc; ip += strspn(ip, blanks)) {
        size_t len = strcspn(ip, blanks);
        struct frame_filter_address address;

        rules->by_address = true;
        rc = parse_address(ip, len, &address);
        if (!rc)
            rc = add_address(rules, &address);
        ip += len;
    }
    if (!rc && !rules->by_address)
        rc = -EINVAL;
    return rc ? rc : add_link_local(rules);
}
