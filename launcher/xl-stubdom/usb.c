/*
 * usb: a guest's USB controllers and devices. See usb.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "usb.h"

#include <errno.h>
#include <libxl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"

/* Where libxl looks for dom0's driver of Xen's USB. */
#ifndef USBBACK
#define USBBACK "/sys/bus/usb/drivers/usbback"
#endif

struct controller {
    libxl_usbctrl_type type;
    int version, ports; /* 0: not given */
};

/* As xl reads it: what it does not know it says, and makes no guest. False: that is so. */
static bool parse(struct controller *controller, char *entry)
{
    char *save = NULL;

    *controller = (struct controller){.type = LIBXL_USBCTRL_TYPE_AUTO};
    for (char *field = strtok_r(entry, ",", &save); field; field = strtok_r(NULL, ",", &save)) {
        field += strspn(field, " ");
        if (!strncmp(field, "version=", 8))
            controller->version = atoi(field + 8);
        else if (!strncmp(field, "ports=", 6))
            controller->ports = atoi(field + 6);
        else if (strncmp(field, "type=", 5) || libxl_usbctrl_type_from_string(field + 5, &controller->type))
            return false;
    }
    return true;
}

/* libxl's rules (libxl_usb.c, libxl__device_usbctrl_setdefault), and what nobody would serve. NULL: it can be had. */
static const char *judge(const struct controller *controller)
{
    int version = controller->version ? controller->version : 2, ports = controller->ports;

    if (controller->type == LIBXL_USBCTRL_TYPE_QUSB)
        return "type=qusb: its backend is a QEMU in dom0, and a guest with a stub domain has none";
    if (controller->type == LIBXL_USBCTRL_TYPE_PV) {
        if (version < 1 || version > 2)
            return "type=pv is version 1 or 2";
        if (ports < 0 || ports > 31)
            return "type=pv has up to 31 ports";
        return access(USBBACK, F_OK) ? "type=pv: its driver in dom0, usbback, is not loaded" : NULL;
    }
    if (version < 1 || version > 3)
        return "USB is version 1, 2 or 3";
    if (version == 3)
        return ports > 15 ? "version=3 has up to 15 ports" : NULL;
    if (ports && ports != (version == 1 ? 2 : 6))
        return version == 1 ? "version=1 has 2 ports" : "version=2 has 6 ports";
    return NULL;
}

static int check_controllers(XLU_ConfigList *list, int count, const char *source, struct fault *fault)
{
    struct controller controller;

    for (int i = 0; i < count; i++) {
        const char *entry = xlu_cfg_get_listitem(list, i), *why;
        cleanup_free char *copy = strdup(entry ? entry : "");

        if (!copy)
            return fault_set(fault, -ENOMEM, "%s: out of memory", source);
        why = parse(&controller, copy) ? judge(&controller) : NULL;
        if (why)
            return fault_set(fault, -EINVAL, "%s: usbctrl = \"%s\": %s", source, entry, why);
    }
    return 0;
}

/* Xen's own USB, type=pv, does not go through QEMU. */
static bool has_pv(XLU_ConfigList *list, int count)
{
    for (int i = 0; i < count; i++) {
        const char *entry = xlu_cfg_get_listitem(list, i);

        if (entry && strstr(entry, "type=pv"))
            return true;
    }
    return false;
}

int usb_check(XLU_Config *xlu, const char *source, bool afresh, struct fault *fault)
{
    XLU_ConfigList *controllers = NULL, *devices;
    int count = 0, n = 0;

    if (xlu_cfg_get_list(xlu, "usbctrl", &controllers, &count, 1))
        count = 0;
    if (!xlu_cfg_get_list(xlu, "usbdev", &devices, &n, 1) && n && !has_pv(controllers, count))
        return fault_set(fault, -EINVAL, "%s: usbdev: a USB device of dom0's, which QEMU in a stub domain cannot reach",
                         source);
    return afresh ? check_controllers(controllers, count, source, fault) : 0;
}
