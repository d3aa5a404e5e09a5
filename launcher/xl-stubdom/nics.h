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

/* What dom0 runs for a NIC's vifs. */
struct nic_scripts {
    const char *helper; /* ours, stubdom-vif; NULL: the config's list stays as it is */
    char *standard;     /* vif.default.script of xl.conf, or NULL; malloc'd */
    bool elsewhere;     /* vif.default.backend: a driver domain has the vifs, and we are not there */
    /* Where dom0 has its interfaces, and scripts that come without a path; NULL: nobody looks. */
    const char *interfaces, *folder;
    /* Whether a driver domain is not there: domains_lacks(); NULL: nobody looks. */
    bool (*lacks_domain)(const char *name);
};

struct nic_count {
    int all;      /* the stub domain has a vif for each */
    int emulated; /* and QEMU a PCI device for each of these */
};

/*
 * Counts them, and refuses what would be found out when the guest is half made: a model that the stub domain's QEMU
 * lacks, an ip= of which no firewall can be made (`firewall`: there is one), a bridge or a script that dom0 lacks, a
 * driver domain that is not there; and what xl would only say that it does not understand: a MAC, a type. *line is
 * "vif=[...]" that must replace the config's list, so that the helper runs for each (malloc'd), or NULL. The user's own
 * script goes along as forwarddev=, a word of COLO's that libxl otherwise only stores. Returns 0, or a negative errno
 * with the fault described.
 */
int nics_read(XLU_Config *xlu, const char *source, bool firewall, const struct nic_scripts *scripts,
              struct nic_count *nics, char **line, struct fault *fault);

/* Whether backend= names a driver domain, not dom0 (xl.conf's example is "0"). */
bool nic_backend_is_elsewhere(const char *backend);

/*
 * What is to be added to a NIC that has these fields, between commas, so that the helper runs for it:
 * "script=...,forwarddev=..." in *more (malloc'd), or NULL: nothing. 0, -ENOMEM, or -EINVAL: it has a
 * forwarddev= of its own.
 */
int nic_script(const char *fields, const struct nic_scripts *scripts, char **more);

#endif
