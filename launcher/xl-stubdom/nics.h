/*
 * nics: what a stub domain makes of the vif list of a guest's config. xl itself parses it
 * (xl 4.20, parse_nic_config: fields between commas, the last of a kind counts), not libxlutil.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_NICS_H
#define XL_STUBDOM_NICS_H

#include <stdbool.h>

#include <libxlutil.h>

#include "fault.h"

struct nic_count {
    int all;      /* the stub domain has a vif for each */
    int emulated; /* and QEMU a PCI device for each of these */
};

/*
 * Counts them, and refuses what the stub domain would find out when the guest is half made: a model
 * that its QEMU has not, an ip= of which no firewall can be made (`firewall`: there is one). Returns
 * 0, or a negative errno with the fault described.
 */
int nics_read(XLU_Config *xlu, const char *source, bool firewall, struct nic_count *nics,
              struct fault *fault);

#endif
