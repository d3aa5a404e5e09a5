/*
 * vnc: does with a guest's VNC settings what dom0's daemon will do, by its own code. See vnc.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vnc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../dom0-daemon/both/vnc-port.h"
#include "../dom0-daemon/root/options.h"
#include "cleanup.h"

/* What libxl gives it behind -vnc (libxl_dm.c, libxl__build_device_model_args_new), malloc'd; NULL: no VNC. */
static int make_argument(XLU_Config *xlu, char **argument)
{
    const char *listen = "127.0.0.1", *to;
    long enabled = 1, display = 0, unused = 1;
    int n;

    *argument = NULL;
    xlu_cfg_get_long(xlu, "vnc", &enabled, 1);
    xlu_cfg_get_string(xlu, "vnclisten", &listen, 1);
    xlu_cfg_get_long(xlu, "vncdisplay", &display, 1);
    xlu_cfg_get_long(xlu, "vncunused", &unused, 1);
    to = unused ? ",to=99" : "";
    if (!enabled)
        return 0;
    /* A display in both is for xl to refuse. */
    n = strchr(listen, ':') ? asprintf(argument, "%s%s", listen, to) :
                              asprintf(argument, "%s:%ld%s", listen, display, to);
    if (n >= 0)
        return 0;
    *argument = NULL;
    return -ENOMEM;
}

static int look(const struct options_vnc *vnc, const char *source, struct fault *fault)
{
    cleanup_close int fd = vnc_port_open(vnc, 0);
    char place[128];

    if (fd >= 0)
        return 0;
    vnc_port_describe(vnc, place, sizeof(place));
    return fault_set(fault, fd, "%s: vnc: nobody can listen at %s: %s", source, place, strerror(-fd));
}

int vnc_check(XLU_Config *xlu, const char *source, struct fault *fault)
{
    cleanup_free char *argument = NULL;
    char error[256];
    struct options options;
    int rc = make_argument(xlu, &argument);
    char *const argv[] = {"stubdom-dm", "-xen-domid", "1", "-xen-attach", "-machine", "xenpv", "-vnc", argument};

    if (rc)
        return fault_set(fault, rc, "%s: out of memory", source);
    if (!argument)
        return 0;
    if (options_parse(&options, ARRAY_SIZE(argv), argv, error, sizeof(error)))
        return fault_set(fault, -EINVAL, "%s: vnclisten, vncdisplay: %s", source, error);
    return look(&options.vnc, source, fault);
}
