// sources: launcher/xen-layer/nic.c launcher/xen-layer/nic-ring.c launcher/xen-layer/frame.c
// sources: launcher/xen-layer/text.c tests/unit/fake-netback.c tests/unit/fake-pv-store.c tests/unit/fake-pv.c
// libs: cmocka
// cflags: -I../unit
/*
 * A network frontend sends, receives and refuses frames while its backend writes anything to rings, buffers and
 * xenstore at any time. Each input byte is an operation. What the frontend passes on must be a frame, and its
 * description must be true.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "input.h"

#include "fake-netback.h"

#include <stdlib.h>
#include <string.h>

static struct input in;
static struct pv_nic *nic;
static uint32_t rx_cons; /* the backend's own */
static uint8_t frame[PV_FRAME_MAX + 10];

static void got(void *arg, const struct pv_frame_info *info, const void *octets, size_t size)
{
    uint8_t *copy = malloc(size);

    MUST(size >= 14 && size <= PV_FRAME_MAX);
    memcpy(copy, octets, size);
    free(copy);
    MUST(!info->csum_blank || info->csum_start + info->csum_offset + 2U <= size);
    MUST(!info->gso || (info->csum_blank && info->gso_size && info->header_size < size));
    MUST(!(info->csum_blank && info->csum_valid));
    if (take(&in, 1) % 16 == 0)
        pv_nic_accept(nic, false);
}

static void room(void *arg) { }

static void open_nic(void)
{
    if (!nic && !pv_nic_open(0, got, room, NULL, &nic))
        pv_nic_accept(nic, true);
    rx_cons = 0;
}

static void close_nic(void)
{
    if (nic)
        pv_nic_close(nic);
    nic = NULL;
    for (unsigned int i = 0; i < 3; i++) {
        netback_run_thread();
        fake_now += 6 * PV_SECOND;
    }
    netback_tx = NULL;
}

/* Makes a frame that looks like a real one. */
static size_t make_frame(void)
{
    static const uint8_t heads[][16] = {
        { 0x08, 0x00, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6 }, { 0x08, 0x00, 0x46, 0, 0, 0, 0, 0, 0, 0, 64, 17 },
        { 0x86, 0xdd, 0x60, 0, 0, 0, 0xff, 0xff, 6, 64 }, { 0x86, 0xdd, 0x60, 0, 0, 0, 0xff, 0xff, 0, 64 },
    };
    unsigned int changes = take(&in, 1) % 8;

    memcpy(frame + 12, heads[take(&in, 1) % 4], 16);
    frame[46] = frame[66] = 0x50;
    while (changes--)
        frame[12 + take(&in, 1) % 80] = take(&in, 1);
    return take(&in, 2) % (sizeof(frame) + 1);
}

static void send(void)
{
    size_t size = take(&in, 1) % 4 ? 14 + take(&in, 1) * 20 : make_frame();
    struct pv_frame_info info = { 0 };

    if (take(&in, 1) % 2) {
        info = (struct pv_frame_info){ .csum_blank = true, .csum_start = take(&in, 1), .csum_offset = take(&in,
            1) % 2 ? 16 : 6,
                                       .gso = take(&in, 1) % 4, .gso_size = take(&in, 2) };
    }
    if (nic)
        pv_nic_send(nic, &info, frame, size);
}

/* Responds in the next slot, and writes to the request's page if the request is still in the ring. */
static void respond(void)
{
    union netif_rx_sring_entry *slot = &netback_rx->ring[rx_cons++ % 256];
    uint8_t *page = fake_grant_page(slot->req.gref);
    struct netif_rx_response rsp = { .id = (rx_cons - 1) % 256 };
    size_t size = make_frame() % 4097;

    if (page && !fake_grant_readonly(slot->req.gref) && page != (void *)netback_rx && page != (void *)netback_tx)
        memcpy(page, frame, size);
    rsp.status = size;
    rsp.flags = take(&in, 1) % 16;
    if (take(&in, 1) % 8 == 0)
        rsp.offset = take(&in, 2);
    if (take(&in, 1) % 8 == 0)
        rsp.status = take(&in, 2);
    slot->rsp = rsp;
    if (rsp.flags & NETRXF_extra_info && take(&in, 1) % 8) {
        struct netif_extra_info extra = { .type = take(&in, 1) % 5, .flags = take(&in, 1) % 8 == 0 };

        extra.u.gso.type = take(&in, 1) % 4;
        extra.u.gso.size = take(&in, 2);
        memcpy(&netback_rx->ring[rx_cons++ % 256], &extra, sizeof(extra));
    }
}

static void scribble(void *page)
{
    uint32_t at = take(&in, 2) % (PV_PAGE - 4), value = take(&in, 4);

    memcpy((uint8_t *)page + at, &value, 4);
}

static void operate(void)
{
    switch (take(&in, 1) % 16) {
    case 0: case 1: send(); break;
    case 2: netback_say_tx(take(&in, 1), take(&in, 1) % 3); break;
    case 3: netback_tx->rsp_prod += take(&in, 1) % 4; break;
    case 4: case 5: case 6: respond(); break;
    case 7: case 8: netback_rx->rsp_prod = rx_cons; break;
    case 9: scribble(take(&in, 1) % 2 ? (void *)netback_tx : (void *)netback_rx); break;
    case 10: netback_push(); break;
    case 11: if (nic) pv_nic_accept(nic, take(&in, 1) % 4); break;
    case 12: netback_set_state(0, take(&in, 1) % 8); break;
    case 13: fake_now += take(&in, 1) * PV_SECOND / 8; netback_run_thread(); break;
    case 14: close_nic(); break;
    default: fake_event_fire(netback_port);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    in = (struct input){ data, size };
    fake_pv_reset();
    fake_store_reset();
    netback_reset();
    netback_add(0);
    while (in.size) {
        if (!netback_tx)
            open_nic();
        if (!netback_tx) {
            take(&in, 1);
            continue;
        }
        operate();
        /* Without a grant the fake backend must not write to a page either. */
        if (!fake_grants_used())
            close_nic();
        fake_log[0] = '\0';
    }
    close_nic();
    netback_reset();
    MUST(!fake_grants_used() && !fake_heap_used && !fake_pages_used && !fake_store_watches());
    return 0;
}
