/*
 * domains: a running guest and its stub domain, as the user names the guest; and whether there is a domain.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_DOMAINS_H
#define XL_STUBDOM_DOMAINS_H

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"

/*
 * NAME: a name or a number. 0, or a negative errno with the fault described: -ENODEV, there is such a domain, and its
 * device model is not in a stub domain; -ENOENT, no such domain; -EIO, no Xen, or no answer.
 */
int domains_find(const char *name, uint32_t *guest, uint32_t *stub, struct fault *fault);

/* NAME, likewise, is no domain's. False, too, if nobody can tell. */
bool domains_lacks(const char *name);

#endif
