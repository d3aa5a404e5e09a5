/*
 * stubdom-vif: the hotplug script of a guest's NICs in dom0. See stubdom-vif(8).
 *
 * libxl runs it as root for each vif of a guest with a stub domain, and of its stub domain, where it would run
 * vif-bridge. It hangs the firewall on the vif, then does what vif-bridge does, or runs the script that the user
 * wants, or vif-bridge itself where that is not the one that we know.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenstore.h>

#include "bridge.h"
#include "frame-filter.h"
#include "linux-tc.h"
#include "stock.h"
#include "util.h"
#include "vif.h"
#include "xs-read.h"

#ifndef XEN_SCRIPT_DIR
#define XEN_SCRIPT_DIR "/etc/xen/scripts"
#endif
#ifndef HOTPLUG_LOG
#define HOTPLUG_LOG "/var/log/xen/xen-hotplug.log"
#endif

#define NAME "stubdom-vif"

/*
 * Of a frame, netback copies so much; the rest are pages of the sender's, which it can change while dom0
 * looks. XEN_NETBACK_TX_COPY_LEN of Linux's xen-netback.
 */
#define NETBACK_COPIES 128

struct job {
    struct vif vif;
    struct xs_handle *xs;
    char *script; /* what would run in our place */
    char **argv;
};

/* As Xen's scripts: what is said goes to their log. */
static void open_log(void)
{
    int fd = open(HOTPLUG_LOG, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

    if (fd >= 0) {
        dup2(fd, STDERR_FILENO);
        close(fd);
    }
}

static void write_node(const struct job *job, const char *node, const char *value)
{
    char path[XENSTORE_PATH_MAX];

    if (format_text(path, sizeof(path), "%s/%s", job->vif.path, node) || xenstore_write(job->xs, path, value))
        fprintf(stderr, NAME ": %s: cannot write %s\n", job->vif.device, node);
}

/* libxl shows it to the user, and gives the start up. */
PRINTF_LIKE(2, 3) static int give_up(const struct job *job, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    fprintf(stderr, NAME ": %s: %s\n", job->vif.device, text);
    if (job->xs) {
        write_node(job, "hotplug-error", text);
        write_node(job, "hotplug-status", "error");
    }
    return EXIT_FAILURE;
}

static int install_firewall(const struct job *job)
{
    static struct frame_filter filter;
    const struct vif *vif = &job->vif;
    struct frame_filter_rules rules;
    int rc = vif_rules(vif, &rules);

    if (rc)
        return give_up(job, "no firewall can be made of mac %s and ip %s", vif->mac ? vif->mac : "(none)",
                    vif->ip ? vif->ip : "(none)");
    rules.steady = NETBACK_COPIES;
    rc = frame_filter_build(&rules, true, &filter);
    if (!rc) {
        int interface = bridge_index(vif->device);

        rc = interface ? linux_tc_guard(interface, &filter) : -ENODEV;
    }
    return rc ? give_up(job, "cannot install the firewall: %s", strerror(-rc)) : 0;
}

/* Only returns on failure. */
static int run_script(const struct job *job)
{
    const char *slash = strrchr(job->script, '/');

    if (!strcmp(slash ? slash + 1 : job->script, NAME))
        return give_up(job, "script %s is this program itself", job->script);
    setenv("script", job->script, 1);
    job->argv[0] = job->script;
    execv(job->script, job->argv);
    return give_up(job, "cannot run %s: %s", job->script, strerror(errno));
}

static int tell_mtu(const struct job *job, unsigned int mtu)
{
    char path[XENSTORE_PATH_MAX], text[16];
    int rc = format_text(path, sizeof(path), "/local/domain/%u/device/vif/%u/mtu", job->vif.domid, job->vif.devid);

    if (!rc)
        rc = format_text(text, sizeof(text), "%u", mtu);
    return rc ? rc : xenstore_write(job->xs, path, text);
}

static int join(const struct job *job)
{
    const struct vif *vif = &job->vif;
    const char *name = vif->name ? vif->name : vif->device;
    int mtu = vif->mtu ? (int)vif->mtu : bridge_mtu(vif->bridge), rc = 0;

    if (vif->name)
        rc = bridge_rename(vif->device, vif->name);
    if (rc == -EEXIST)
        return give_up(job, "cannot rename it: there is an interface %s already", vif->name);
    if (rc)
        return give_up(job, "cannot rename it to %s: %s", vif->name, strerror(-rc));
    rc = bridge_join(vif->bridge, name, mtu > 0 ? mtu : 0);
    if (rc)
        return give_up(job, "cannot make %s a port of %s: %s", name, vif->bridge, strerror(-rc));
    rc = mtu > 0 ? tell_mtu(job, mtu) : 0;
    if (rc)
        return give_up(job, "cannot write its mtu: %s", strerror(-rc));
    write_node(job, "hotplug-status", "connected");
    return EXIT_SUCCESS;
}

static int go_online(const struct job *job)
{
    int rc = job->vif.firewall ? install_firewall(job) : 0;

    if (rc)
        return rc;
    if (!job->vif.bridge || !bridge_is_one(job->vif.bridge) || !stock_is_known(XEN_SCRIPT_DIR, job->script))
        return run_script(job);
    return join(job);
}

/* The firewall goes with the vif. */
static int go_offline(const struct job *job)
{
    const struct vif *vif = &job->vif;

    if (!vif->bridge || !bridge_is_one(vif->bridge) || !stock_is_known(XEN_SCRIPT_DIR, job->script))
        return run_script(job);
    bridge_leave(vif->bridge, vif->name ? vif->name : vif->device);
    return EXIT_SUCCESS;
}

static int run(struct job *job)
{
    int rc;

    job->xs = xs_open(0);
    if (!job->xs)
        return give_up(job, "no xenstore: %s", strerror(errno));
    rc = vif_read(&job->vif, job->xs);
    if (rc)
        return give_up(job, "cannot read %s: %s", job->vif.path, strerror(-rc));
    job->script = stock_path(XEN_SCRIPT_DIR, job->vif.script);
    if (!job->script)
        return give_up(job, "out of memory");
    switch (job->vif.action) {
    case VIF_ONLINE:
        return go_online(job);
    case VIF_OFFLINE:
        return go_offline(job);
    case VIF_OTHER:
        break;
    }
    return run_script(job);
}

int main(int argc, char **argv)
{
    struct job job = {.argv = argv};
    int status;

    open_log();
    if (vif_init(&job.vif, argc, argv)) {
        fprintf(stderr, NAME ": libxl runs this: online|offline type_if=vif, with XENBUS_PATH and vif\n");
        return EXIT_FAILURE;
    }
    status = run(&job);
    free(job.script);
    vif_dispose(&job.vif);
    if (job.xs)
        xs_close(job.xs);
    return status;
}
