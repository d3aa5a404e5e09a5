/*
 * Answers ARP and ICMP echo requests, also those in IP fragments. dom0's ping compares the answers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "layer-test.h"

static const uint8_t address[4] = { 192, 168, 77, 20 };
static struct pv_nic *nic;
static uint8_t mac[6], answer[PV_FRAME_MAX];

static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }

static void swap(uint8_t *a, uint8_t *b, size_t n)
{
    while (n--) {
        uint8_t octet = *a;

        *a++ = *b;
        *b++ = octet;
    }
}

static void answer_arp(void)
{
    uint8_t *arp = answer + 14;

    arp[7] = 2;
    pv_copy(arp + 18, arp + 8, 10); /* the sender becomes the target */
    pv_copy(arp + 8, mac, 6);
    pv_copy(arp + 14, address, 4);
}

/*
 * Only a first fragment has the ICMP header. Its checksum is over the whole message, and changes by 8, as the type
 * does.
 */
static bool answer_echo(void)
{
    uint8_t *ip = answer + 14, *icmp = ip + (ip[0] & 15) * 4;
    uint32_t sum;

    if (ip[9] != 1 || pv_compare(ip + 16, address, 4))
        return false;
    swap(ip + 12, ip + 16, 4);
    if (get16(ip + 6) & 0x1fff)
        return true;
    if (icmp[0] != 8)
        return false;
    icmp[0] = 0;
    sum = get16(icmp + 2) + 0x800U;
    sum = (sum & 0xffff) + (sum >> 16);
    icmp[2] = (uint8_t)(sum >> 8);
    icmp[3] = (uint8_t)sum;
    return true;
}

static void got(void *arg, const struct pv_frame_info *info, const void *frame, size_t size)
{
    static const struct pv_frame_info plain;
    uint16_t type;

    if (size < 42)
        return;
    pv_copy(answer, frame, size);
    type = get16(answer + 12);
    if (type == 0x0806 && get16(answer + 20) == 1 && !pv_compare(answer + 38, address, 4))
        answer_arp();
    else if (type != 0x0800 || !answer_echo())
        return;
    pv_copy(answer, answer + 6, 6);
    pv_copy(answer + 6, mac, 6);
    if (pv_nic_send(nic, &plain, answer, size))
        pv_log("layer: a frame of %lu is not taken", size);
}

static void room(void *arg) { }

const char *test_nic(void)
{
    if (pv_nic_open(0, got, room, NULL, &nic))
        return "it does not come";
    pv_nic_mac(nic, mac);
    pv_nic_accept(nic, true);
    return NULL;
}
