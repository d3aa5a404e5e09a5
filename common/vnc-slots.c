/*
 * VNC for several viewers (vnc-slots.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vnc-slots.h"

#include "util.h"

static int connect_vnc(void *data)
{
    struct vnc_slots *vnc = data;

    return vnc->connect(vnc->data);
}

/* A slot was taken. Publishes another one, unless one is free or all are in use. */
static void keep_one_free(void *data)
{
    struct vnc_slots *vnc = data;

    for (int i = 0; i < VNC_SLOTS; i++)
        if (vnc->slots[i].state == VCHAN_BRIDGE_WAITING ||
            vnc->slots[i].state == VCHAN_BRIDGE_RETRY)
            return;
    for (int i = 0; i < VNC_SLOTS; i++)
        if (vnc->slots[i].state == VCHAN_BRIDGE_OFF) {
            vchan_bridge_start(&vnc->slots[i]);
            return;
        }
}

int vnc_slots_init(struct vnc_slots *vnc, struct loop *loop, struct xs_handle *xs,
                   const char *folder, int (*connect)(void *data), void *data)
{
    char path[sizeof(vnc->slots[0].path)];
    int rc = 0;

    vnc->connect = connect;
    vnc->data = data;
    for (int i = 0; i < VNC_SLOTS && !rc; i++) {
        rc = format_text(path, sizeof(path), "%s/%d", folder, i);
        if (!rc)
            rc = vchan_bridge_init(&vnc->slots[i], &(struct vchan_bridge_config){
                .loop = loop, .xs = xs, .path = path, .name = "VNC",
                .client = 0, .read_ring = 2048, .write_ring = VNC_WRITE_RING,
                .connect = connect_vnc, .connected = keep_one_free, .data = vnc,
            });
    }
    vnc->initialised = !rc;
    return rc;
}

void vnc_slots_start(struct vnc_slots *vnc)
{
    if (vnc->initialised)
        keep_one_free(vnc);
}

void vnc_slots_stop(struct vnc_slots *vnc)
{
    for (int i = 0; i < VNC_SLOTS && vnc->initialised; i++)
        vchan_bridge_stop(&vnc->slots[i]);
}
