/*
 * stubdom-vif: the hotplug script of a guest's NICs in dom0. See stubdom-vif(8).
 *
 * libxl runs it as root for each vif of a guest with a stub domain, and of its stub domain, in the place of
 * vif-bridge. It installs the firewall on the vif. Then it does what vif-bridge does; or it runs the script that the
 * user wants, or the host's vif-bridge where that is not the script that we know.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenstore.h>

#include "bridge.h"
#include "frame-filter.h"
#include "hotplug.h"
#include "linux-tc.h"
#include "stock.h"
#include "util.h"
#include "vif.h"
#include "xs-read.h"

/* What decides what vif-bridge does; the same in Debian 12's Xen 4.17 and Debian 13's 4.20. */
#ifndef STOCK_FILES
#define STOCK_FILES \
    { "vif-bridge", 0x1a80579164b20605 }, { "vif-common.sh", 0x29fe8734ae3039ee }, \
    { "xen-network-common.sh", 0xca0bc131af2a772a }, { "xen-hotplug-common.sh", 0x102ca3dbe3b91f1b }
#endif
static const struct stock_file stock_files[] = { STOCK_FILES };

#define NAME "stubdom-vif"
#define STOCK "vif-bridge"

/*
 * netback copies so much of a frame. The rest are pages of the sender's, which it can change while dom0 looks.
 * XEN_NETBACK_TX_COPY_LEN of Linux's xen-netback.
 */
#define NETBACK_COPIES 128

struct job {
    struct hotplug hotplug;
    struct vif vif;
    char *script; /* what would run in our place */
};

static int install_firewall(const struct job *job)
{
    static struct frame_filter filter;
    const struct vif *vif = &job->vif;
    struct frame_filter_rules rules;
    int rc = vif_rules(vif, &rules);

    if (rc)
        return hotplug_fail(&job->hotplug, "no firewall can be made of mac %s and ip %s",
                            vif->mac ? vif->mac : "(none)", vif->ip ? vif->ip : "(none)");
    rules.steady = NETBACK_COPIES;
    rc = frame_filter_build(&rules, true, &filter);
    if (!rc) {
        int interface = bridge_index(job->hotplug.device);

        rc = interface ? linux_tc_guard(interface, &filter) : -ENODEV;
    }
    return rc ? hotplug_fail(&job->hotplug, "cannot install the firewall: %s", strerror(-rc)) : 0;
}

static int tell_mtu(const struct job *job, unsigned int mtu)
{
    char path[XENSTORE_PATH_MAX], text[16];
    int rc = format_text(path, sizeof(path), "/local/domain/%u/device/vif/%u/mtu", job->hotplug.domid,
                         job->hotplug.devid);

    if (!rc)
        rc = format_text(text, sizeof(text), "%u", mtu);
    return rc ? rc : xenstore_write(job->hotplug.xs, path, text);
}

static int join(const struct job *job)
{
    const struct vif *vif = &job->vif;
    const char *name = vif->name ? vif->name : job->hotplug.device;
    int mtu = vif->mtu ? (int)vif->mtu : bridge_mtu(vif->bridge), rc = 0;

    if (vif->name)
        rc = bridge_rename(job->hotplug.device, vif->name);
    if (rc == -EEXIST)
        return hotplug_fail(&job->hotplug, "cannot rename it: there is an interface %s already", vif->name);
    if (rc)
        return hotplug_fail(&job->hotplug, "cannot rename it to %s: %s", vif->name, strerror(-rc));
    rc = bridge_join(vif->bridge, name, mtu > 0 ? mtu : 0);
    if (rc)
        return hotplug_fail(&job->hotplug, "cannot make %s a port of %s: %s", name, vif->bridge, strerror(-rc));
    rc = mtu > 0 ? tell_mtu(job, mtu) : 0;
    if (rc)
        return hotplug_fail(&job->hotplug, "cannot write its mtu: %s", strerror(-rc));
    return hotplug_write(&job->hotplug, "hotplug-status", "connected") ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* vif-bridge would run, and we know what it does. */
static bool is_ours(const struct job *job)
{
    cleanup_free char *stock = stock_path(XEN_SCRIPT_DIR, STOCK);

    return stock && !strcmp(stock, job->script) && job->vif.bridge && bridge_is_one(job->vif.bridge) &&
           stock_is_known(XEN_SCRIPT_DIR, stock_files, ARRAY_SIZE(stock_files), "vif-post.d/*.hook");
}

static int go_online(const struct job *job)
{
    int rc = job->vif.firewall ? install_firewall(job) : 0;

    if (rc)
        return rc;
    if (!is_ours(job))
        return hotplug_run(&job->hotplug, job->script);
    return join(job);
}

/* The firewall goes with the vif. */
static int go_offline(const struct job *job)
{
    const struct vif *vif = &job->vif;

    if (!is_ours(job))
        return hotplug_run(&job->hotplug, job->script);
    bridge_leave(vif->bridge, vif->name ? vif->name : job->hotplug.device);
    return EXIT_SUCCESS;
}

static int run(struct job *job)
{
    int rc;

    job->hotplug.xs = xs_open(0);
    if (!job->hotplug.xs)
        return hotplug_fail(&job->hotplug, "no xenstore: %s", strerror(errno));
    rc = vif_read(&job->vif, &job->hotplug);
    if (rc)
        return hotplug_fail(&job->hotplug, "cannot read %s: %s", job->hotplug.path, strerror(-rc));
    job->script = stock_path(XEN_SCRIPT_DIR, job->vif.script && *job->vif.script ? job->vif.script : STOCK);
    if (!job->script)
        return hotplug_fail(&job->hotplug, "out of memory");
    switch (job->vif.action) {
    case VIF_ONLINE:
        return go_online(job);
    case VIF_OFFLINE:
        return go_offline(job);
    case VIF_OTHER:
        break;
    }
    return hotplug_run(&job->hotplug, job->script);
}

int main(int argc, char **argv)
{
    struct job job = {.hotplug = {.program = NAME, .argv = argv}};
    int status;

    hotplug_open_log();
    if (vif_init(&job.vif, &job.hotplug, argc, argv)) {
        fprintf(stderr, NAME ": libxl runs this: online|offline type_if=vif, with XENBUS_PATH and vif\n");
        return EXIT_FAILURE;
    }
    status = run(&job);
    free(job.script);
    vif_dispose(&job.vif);
    if (job.hotplug.xs)
        xs_close(job.hotplug.xs);
    return status;
}
