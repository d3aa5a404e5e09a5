/*
 * The stub domain's time stamp counter (see stub-clock.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "stub-clock.h"

#include "log.h"
#include "xen-control.h"

#include <errno.h>
#include <string.h>

void stub_clock_set(int stub)
{
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);

    if (!xc || xc_domain_set_tsc_info(xc, stub, XEN_CPUID_TSC_MODE_NEVER_EMULATE, 0, 0, 0))
        log_error("the stub domain's clock stays emulated: %s", strerror(errno));
    if (xc)
        xc_interface_close(xc);
}
