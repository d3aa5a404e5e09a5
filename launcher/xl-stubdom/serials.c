/*
 * serials: the guest's serial ports. See serials.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "serials.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../dom0-daemon/outputs/output-spec.h"

#define PORTS 4 /* COM1 to COM4: QEMU would leave out the others without a word */

/* The daemon makes a file; its folder must be there. */
static int look(const struct output_spec *spec)
{
    const char *slash = strrchr(spec->path, '/');
    char folder[sizeof(spec->path)] = "";

    switch (spec->kind) {
    case OUTPUT_DEVICE:
        return access(spec->path, R_OK | W_OK);
    case OUTPUT_FILE:
        if (slash)
            memcpy(folder, spec->path, slash - spec->path + 1);
        return slash ? access(folder, F_OK) : 0;
    default:
        return 0;
    }
}

static int check(const char *source, const char *text, bool here, struct fault *fault)
{
    struct output_spec spec;
    const char *why = output_spec_read(&spec, text);

    if (!why && spec.kind == OUTPUT_PIPE)
        why = "pipe: is not served; use unix:";
    if (!why && here && look(&spec))
        why = strerror(errno);
    return why ? fault_set(fault, -EINVAL, "%s: serial = \"%s\": %s", source, text, why) : 0;
}

int serials_check(XLU_Config *xlu, const char *source, bool here, struct fault *fault)
{
    XLU_ConfigList *list;
    const char *text;
    int count, rc = 0;

    if (!xlu_cfg_get_string(xlu, "serial", &text, 1))
        return check(source, text, here, fault);
    if (xlu_cfg_get_list(xlu, "serial", &list, &count, 1))
        return 0;
    if (count > PORTS)
        return fault_set(fault, -EINVAL, "%s: serial: %d ports, and a guest has %d", source, count, PORTS);
    for (int i = 0; !rc && i < count; i++) {
        text = xlu_cfg_get_listitem(list, i);
        rc = text ? check(source, text, here, fault) : 0;
    }
    return rc;
}
