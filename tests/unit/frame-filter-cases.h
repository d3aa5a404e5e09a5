/*
 * Honest and forged frames, and what the guest's firewall must do with each: for the tests of all that run its
 * programs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FRAME_FILTER_CASES_H
#define FRAME_FILTER_CASES_H

#include "unit.h"

#include <ctype.h>

#define MAC "00:16:3e:01:02:03"
/* The vif's ip= for all lists except by_mac_list. */
static const char both[] = "192.168.77.10 2001:db8::a0a";

/* A frame is written in hexadecimal digits, blanks, and these abbreviations. */
static const struct {
    char name;
    const char *hex;
} words[] = {
    { 'M', "00163e010203" }, { 'E', "00163e0000ee" }, { 'B', "ffffffffffff" },
    { 'N', "333300000001" },
    { 'A', "c0a84d0a" }, { 'O', "c0a84d0b" },
    { 'G', "20010db8000000000000000000000a0a" }, { 'H', "20010db8000000000000000000000b0b" },
    { 'L', "fe8000000000000002163efffe010203" }, { 'F', "fe8000000000000002163efffe0000ee" },
    { 'Z', "00000000000000000000000000000000" }, { 'R', "ff020000000000000000000000000001" },
};

static size_t add_hex(uint8_t *frame, size_t n, const char *hex)
{
    for (; hex[0]; hex += 2)
        assert_int_equal(sscanf(hex, "%2hhx", &frame[n++]), 1);
    return n;
}

/* '@' stands for the IPv6 payload's length: the octets behind the IPv6 header. */
static size_t make_frame(const char *text, uint8_t *frame)
{
    size_t n = 0, length_at = 0;

    for (; *text; text++) {
        char digits[3] = { text[0], text[0] ? text[1] : '\0' };

        if (*text == ' ')
            continue;
        if (*text == '@') {
            length_at = n;
            n += 2;
            continue;
        }
        if (*text == '$') {
            text++;
            for (size_t i = 0; i < ARRAY_LEN(words); i++)
                if (words[i].name == *text)
                    n = add_hex(frame, n, words[i].hex);
            continue;
        }
        assert_true(isxdigit(text[0]) && isxdigit(text[1]));
        n = add_hex(frame, n, digits);
        text++;
    }
    if (length_at) {
        frame[length_at] = (n - 54) >> 8;
        frame[length_at + 1] = n - 54;
    }
    return n;
}

struct expectation {
    bool pass;
    const char *what, *frame;
};

#define ARP "0001 0800 06 04 "
#define IP4 "0800 45 00 0054 1234 0000 40 01 0000 "
#define DHCP(flags, target, ports) "$B $M 0800 45 00 0148 0000 " flags " 40 11 0000 00000000 " target ports "0134 0000"
/* The frame's beginning, up to the source address. NEXT: the type of the next header. */
#define IP6(next) "$N $M 86dd 60000000 @ " next " ff "

static const struct expectation by_mac_list[] = {
    { true, "own MAC, IPv4 of anybody", "$B $M " IP4 "$O $A" },
    { true, "own MAC, ARP for anybody", "$B $M 0806 " ARP "0002 $E $O $B $A" },
    { true, "own MAC, VLAN", "$B $M 8100 0005 0800" },
    { true, "own MAC, unknown type", "$B $M 88cc 0207" },
    { true, "nothing but the header", "$B $M 0800" },
    { false, "another MAC", "$B $E " IP4 "$A $O" },
    { false, "the last octet differs", "$B 00163e010204 0800" },
    { false, "the first octet differs", "$B 02163e010203 0800" },
    { false, "the broadcast address as source", "$M $B 0800" },
    { false, "end in the source", "$B 00163e0102" },
};

static const struct expectation ip4_list[] = {
    { true, "own address", "$B $M " IP4 "$A $O 0800" },
    { false, "another's MAC", "$B $E " IP4 "$A $O 0800" },
    { false, "another's address", "$B $M " IP4 "$O $A 0800" },
    { false, "no address, not DHCP", "$B $M " IP4 "00000000 ffffffff" },
    { false, "end in the source", "$B $M 0800 45 00 0054 1234 0000 40 01 0000 c0a84d" },
    { true, "a fragment after the first", "$B $M 0800 45 00 0054 1234 2001 40 11 0000 $A $O 00" },
    { false, "another's fragment", "$B $M 0800 45 00 0054 1234 2001 40 11 0000 $O $A 00" },
    { true, "DHCP", DHCP("0000", "ffffffff", "00440043") },
    { true, "DHCP, not to be split", DHCP("4000", "ffffffff", "00440043") },
    { false, "DHCP from another's address",
      "$B $M 0800 45 00 0148 0000 0000 40 11 0000 $O ffffffff 00440043" },
    { false, "DHCP to one host", DHCP("0000", "$O", "00440043") },
    { false, "DHCP as a server", DHCP("0000", "ffffffff", "00430044") },
    { false, "DHCP, first fragment", DHCP("2000", "ffffffff", "00440043") },
    { false, "DHCP, later fragment", DHCP("0004", "ffffffff", "00440043") },
    { false, "DHCP behind IP options",
      "$B $M 0800 46 00 0148 0000 0000 40 11 0000 00000000 ffffffff 00440043 0134 0000 00000000" },
    { false, "DHCP by TCP",
      "$B $M 0800 45 00 0148 0000 0000 40 06 0000 00000000 ffffffff 00440043" },
    { false, "DHCP, too short", "$B $M 0800 45 00 0148 0000 0000 40 11 0000 00000000 ffffffff 0044" },
    { false, "VLAN", "$B $M 8100 0005 " IP4 "$A $O" },
    { false, "service VLAN", "$B $M 88a8 0005 " IP4 "$A $O" },
    { false, "two tags", "$B $M 8100 0005 8100 0006 " IP4 "$A $O" },
    { false, "LLC/SNAP", "$B $M 0040 aaaa03 000000 " IP4 "$A $O" },
    { false, "LLDP", "$B $M 88cc 0207" },
    { false, "unknown type that looks like an announcement", "$B $M 88cc " ARP "0003 $M 00000000 $M 00000000" },
    { false, "no data", "$B $M 0800" },
    { false, "no type", "$B $M 08" },
};

static const struct expectation arp_list[] = {
    { true, "question", "$B $M 0806 " ARP "0001 $M $A 000000000000 $O" },
    { true, "answer", "$E $M 0806 " ARP "0002 $M $A $E $O" },
    { true, "probe", "$B $M 0806 " ARP "0001 $M 00000000 000000000000 $A" },
    { true, "padded", "$B $M 0806 " ARP "0001 $M $A 000000000000 $O 000000000000" },
    { false, "answer for another", "$E $M 0806 " ARP "0002 $M $O $E $A" },
    { false, "gratuitous for another", "$B $M 0806 " ARP "0001 $M $O 000000000000 $O" },
    { false, "another's MAC inside", "$B $M 0806 " ARP "0002 $E $A $E $O" },
    { false, "another's MAC outside", "$B $E 0806 " ARP "0002 $M $A $E $O" },
    { false, "an answer from no address", "$B $M 0806 " ARP "0002 $M 00000000 $E $A" },
    { false, "other lengths, to shift the rest", "$B $M 0806 0001 0800 04 06 0002 $M $A $E $O" },
    { false, "other hardware", "$B $M 0806 0006 0800 06 04 0002 $M $A $E $O" },
    { false, "inverse ARP", "$B $M 0806 " ARP "0008 $M $A $E $O" },
    { false, "too short", "$B $M 0806 " ARP "0001 $M c0a84d" },
    { true, "announcement after a restore", "$B $M 8035 " ARP "0003 $M 00000000 $M 00000000" },
    { false, "announcement for another", "$B $M 8035 " ARP "0003 $M 00000000 $E 00000000" },
    { false, "announcement by another", "$B $M 8035 " ARP "0003 $E 00000000 $M 00000000" },
    { false, "announcement of an address", "$B $M 8035 " ARP "0003 $M $O $M 00000000" },
    { false, "reverse answer", "$B $M 8035 " ARP "0004 $M 00000000 $M 00000000" },
};

static const struct expectation ip6_list[] = {
    { true, "own address", IP6("11") "$G $H 0035" },
    { true, "UDP that looks like an advertisement", IP6("11") "$G $H 8600 0035" },
    { true, "own link-local address", IP6("11") "$L $F 0035" },
    { false, "another's address", IP6("11") "$H $G 0035" },
    { false, "another's link-local address", IP6("11") "$F $R 0035" },
    { false, "no address", IP6("11") "$Z $R 0035" },
    { false, "end in the source", "$N $M 86dd 60000000 0000 11 ff 20010db8" },
    { true, "echo", IP6("3a") "$G $H 8000 0000 0001 0001" },
    { false, "echo from no address", IP6("3a") "$Z $H 8000 0000 0001 0001" },
    { true, "listener report", IP6("00") "$L $R 3a00 0502 0000 0100 8f00 0000 0000 0001" },
    { true, "listener report from no address", IP6("00") "$Z $R 3a00 0502 0000 0100 8f00 0000 0000 0001" },
    { false, "listener report of another", IP6("00") "$F $R 3a00 0502 0000 0100 8f00 0000 0000 0001" },
    { true, "authentication header",
      IP6("33") "$G $H 3a04 0000 00000000 00000000 0000000000000000 00000000 8000 0000" },
    { true, "fragment", IP6("2c") "$G $H 1100 0001 00000001 0035 0035" },
    { true, "a later fragment", IP6("2c") "$G $H 3a00 0108 00000001 8800" },
    { false, "another's fragment", IP6("2c") "$H $G 1100 0108 00000001 0035 0035" },
    { true, "fragmented echo", IP6("2c") "$G $H 3a00 0001 00000001 8000 0000 0001 0001" },
};

#define NS(source, target) IP6("3a") source " $R 8700 0000 00000000 " target " "
#define NA(source, target) IP6("3a") source " $R 8800 0000 20000000 " target " "
#define NA_BODY "8800 0000 20000000 $H 0201 $M"

static const struct expectation discovery_list[] = {
    { true, "solicitation", NS("$G", "$H") "0101 $M" },
    { true, "solicitation without option", NS("$G", "$H") },
    { true, "solicitation with a nonce", NS("$G", "$H") "0e01 010203040506 0101 $M" },
    { false, "solicitation with another's MAC", NS("$G", "$H") "0101 $E" },
    { false, "another's MAC behind a nonce", NS("$G", "$H") "0e01 010203040506 0101 $E" },
    { false, "solicitation of another", NS("$H", "$G") "0101 $M" },
    { true, "is my address free?", NS("$Z", "$G") "0e01 010203040506" },
    { true, "is my link-local address free?", NS("$Z", "$L") },
    { false, "is another's address free?", NS("$Z", "$H") },
    { true, "advertisement", NA("$G", "$G") "0201 $M" },
    { true, "advertisement from the link-local address", NA("$L", "$G") "0201 $M" },
    { true, "advertisement without option", NA("$G", "$G") },
    { false, "advertisement for another", NA("$G", "$H") "0201 $M" },
    { false, "advertisement as another", NA("$H", "$G") "0201 $M" },
    { false, "advertisement with another's MAC", NA("$G", "$G") "0201 $E" },
    { false, "advertisement from no address", NA("$Z", "$G") "0201 $M" },
    { false, "advertisement, too short", IP6("3a") "$G $R 8800 0000 20000000 20010db8" },
    { false, "an option of length 0", NA("$G", "$G") "0200 $M" },
    { false, "an option beyond the end", NA("$G", "$G") "0e02 010203040506" },
    { false, "an option across the packet's end",
      "$N $M 86dd 60000000 001c 3a ff $G $R 8800 0000 20000000 $G 0201 $M" },
    { true, "as many options as are looked at",
      NA("$G", "$G") "0e01000000000000 0e01000000000000 0e01000000000000 0e01000000000000"
                     "0e01000000000000 0201 $M" },
    { false, "more options than are looked at",
      NA("$G", "$G") "0e01000000000000 0e01000000000000 0e01000000000000 0e01000000000000"
                     "0e01000000000000 0e01000000000000 0201 $E" },
    { false, "router advertisement", IP6("3a") "$L $R 8600 0000 40000708 00000000 00000000" },
    { false, "router advertisement with an option",
      IP6("3a") "$L $R 8600 0000 40000708 00000000 00000000 0101 $M" },
    { false, "redirect", IP6("3a") "$L $R 8900 0000 00000000 $H $G" },
    { true, "router solicitation", IP6("3a") "$L $R 8500 0000 00000000 0101 $M" },
    { true, "router solicitation from no address", IP6("3a") "$Z $R 8500 0000 00000000" },
    { false, "router solicitation with another's MAC", IP6("3a") "$L $R 8500 0000 00000000 0101 $E" },
    /* The same forgeries, behind other headers. */
    { false, "behind destination options", IP6("3c") "$G $R 3a00 0104 00000000 " NA_BODY },
    { false, "behind hop-by-hop options", IP6("00") "$G $R 3a00 0104 00000000 " NA_BODY },
    { false, "behind a routing header", IP6("2b") "$G $R 3a00 0000 00000000 " NA_BODY },
    { false, "behind an authentication header",
      IP6("33") "$G $R 3a04 0000 00000000 00000000 0000000000000000 00000000 " NA_BODY },
    { false, "behind five headers",
      IP6("3c") "$G $R 3c00010400000000 3c00010400000000 3c00010400000000 3c00010400000000"
                "3a00010400000000 " NA_BODY },
    { false, "behind more headers than are looked at",
      IP6("3c") "$G $R 3c00010400000000 3c00010400000000 3c00010400000000 3c00010400000000"
                "3c00010400000000 3c00010400000000 3a00010400000000 8000 0000 0001 0001" },
    { false, "in a fragment of one", IP6("2c") "$G $R 3a00 0000 00000001 " NA_BODY },
    { false, "honest, in a fragment of one",
      IP6("2c") "$G $R 3a00 0000 00000001 8800 0000 20000000 $G 0201 $M" },
    { false, "in a first fragment", IP6("2c") "$G $R 3a00 0001 00000001 " NA_BODY },
    { false, "a first fragment that ends in its headers, with something behind it",
      "$N $M 86dd 60000000 0010 2c ff $G $R 3c00 0001 00000001 3a00 0104 00000000 8000 0000" },
    { false, "a first fragment that begins with an authentication header",
      IP6("2c") "$G $R 3300 0001 00000001 3a04 0000 00000000 00000000 0000000000000000 00000000 " NA_BODY },
    { false, "two fragment headers", IP6("2c") "$G $R 2c00 0001 00000001 3a00 0000 00000001 " NA_BODY },
    { false, "a header that ends outside", IP6("3c") "$G $R 3aff 0104 00000000" },
};

static const struct {
    const char *ip;
    const struct expectation *list;
    size_t count;
} filter_cases[] = {
    { NULL, by_mac_list, ARRAY_LEN(by_mac_list) },
    { both, ip4_list, ARRAY_LEN(ip4_list) },
    { both, arp_list, ARRAY_LEN(arp_list) },
    { both, ip6_list, ARRAY_LEN(ip6_list) },
    { both, discovery_list, ARRAY_LEN(discovery_list) },
};

#endif
