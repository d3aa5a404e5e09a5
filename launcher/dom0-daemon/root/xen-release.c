/*
 * Whether our libxenctrl is the running hypervisor's (see xen-release.h).
 *
 * A domctl carries the version of its interface, which changes from one release of Xen to the next; the hypervisor
 * refuses every other one with EACCES. It refuses root for no other reason.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen-release.h"

#include "log.h"
#include "xen-control.h"

#include <errno.h>
#include <string.h>

static int complain(xc_interface *xc, int error)
{
    /* This one is a stable interface. */
    int running = xc ? xc_version(xc, XENVER_version, NULL) : -1;

    if (error != EACCES || running < 0)
        log_error("cannot ask the hypervisor: %s", strerror(error));
    else
        log_error("this program is not for the Xen that runs, %d.%d: its libxenctrl is another release's; "
                  "install the xen-stubdom that is made for it", running >> 16, running & 0xffff);
    return -error;
}

int xen_release_check(void)
{
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    xc_domaininfo_t info;
    int rc = 0;

    if (!xc || xc_domain_getinfo_single(xc, 0, &info))
        rc = complain(xc, errno);
    if (xc)
        xc_interface_close(xc);
    return rc;
}
