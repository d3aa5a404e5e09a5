/*
 * dm-args: what the config adds to QEMU's command line (device_model_args=, …_hvm=).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_DM_ARGS_H
#define XL_STUBDOM_DM_ARGS_H

#include "config.h"
#include "fault.h"

/*
 * Whether it can work in a stub domain, by the rules that the stub domain has itself
 * (common/dm-argv.c). 0, or a negative errno with the fault described.
 */
int dm_args_check(const struct config *config, struct fault *fault);

#endif
