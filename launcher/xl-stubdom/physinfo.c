/*
 * physinfo: what this host's Xen can do. See physinfo.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "physinfo.h"

#include <errno.h>
#include <xenctrl.h>

int physinfo_has(uint32_t capability)
{
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    xc_physinfo_t info = {0};
    int rc = -EIO;

    if (xc && !xc_physinfo(xc, &info))
        rc = !!(info.capabilities & capability);
    if (xc)
        xc_interface_close(xc);
    return rc;
}
