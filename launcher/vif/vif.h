/*
 * vif: what libxl and xenstore say of the vif whose script we are.
 *
 * All that is read is libxl's, in folders of xenstore where no guest writes. It is checked
 * nevertheless, since some of it ends in paths and in messages to the kernel.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef VIF_H
#define VIF_H

#include <stdbool.h>

#include "frame-filter.h"
#include "hotplug.h"

enum vif_action {
    VIF_ONLINE,
    VIF_OFFLINE,
    VIF_OTHER, /* for the tap of a QEMU in dom0, or what we do not know: Xen's script's affair */
};

struct vif {
    enum vif_action action;
    /* From xenstore; NULL: there is none. */
    char *name;               /* vifname= */
    char *bridge, *mac, *ip, *script; /* script: the user's, which xl-stubdom writes as forwarddev= */
    unsigned int mtu;         /* 0: none */
    bool firewall; /* it is a stub domain's, or of a guest that has one, and that has not turned it off */
};

/*
 * Reads libxl's arguments (`online type_if=vif`) and its environment (XENBUS_PATH, vif), to which hotplug then
 * points. 0, or -EINVAL: they are not libxl's.
 */
int vif_init(struct vif *vif, struct hotplug *hotplug, int argc, char **argv);

/* Reads the rest. 0, or -errno. Dispose afterwards in either case. */
int vif_read(struct vif *vif, const struct hotplug *hotplug);
void vif_dispose(struct vif *vif);

/* Its firewall's rules. 0, -EINVAL (no MAC, too), or -E2BIG, as frame_filter_rules_init(). */
int vif_rules(const struct vif *vif, struct frame_filter_rules *rules);

#endif
