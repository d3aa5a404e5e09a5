/*
 * What /dev/xen/gntdev and /dev/xen/gntalloc have in common.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "dev-xen.h"

#include <xen/sys/gntdev.h>

/* Holds the new port before it releases the old one, because they may be the same. */
int notify_set(struct unmap_notify *notify, uint32_t action, uint64_t offset, uint32_t port)
{
    if (action & ~(uint32_t)(UNMAP_NOTIFY_CLEAR_BYTE | UNMAP_NOTIFY_SEND_EVENT))
        return -PV_EINVAL;
    if (action & UNMAP_NOTIFY_SEND_EVENT && evtchn_hold(port))
        return -PV_EINVAL;
    if (notify->action & UNMAP_NOTIFY_SEND_EVENT)
        evtchn_release(notify->port);
    *notify = (struct unmap_notify){ .action = action, .offset = offset, .port = port };
    return 0;
}

void notify_send(struct unmap_notify *notify)
{
    if (notify->action & UNMAP_NOTIFY_SEND_EVENT) {
        pv_event_notify(notify->port);
        evtchn_release(notify->port);
    }
    notify->action = 0;
}

int dev_gnttab_init(void)
{
    int rc = dev_gntdev_init();

    return rc ? rc : dev_gntalloc_init();
}
