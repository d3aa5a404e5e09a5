/*
 * channels: the channel list of a guest's config, which dom0's daemon serves. xl itself parses it (xl 4.20,
 * parse_config_data), not libxlutil.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_CHANNELS_H
#define XL_STUBDOM_CHANNELS_H

#include <stdbool.h>

#include <libxlutil.h>

#include "fault.h"

#define CHANNELS_MAX 8 /* the daemon's MESSAGE_MAX_CHANNELS */

/*
 * Refuses what xl, libxl or the daemon would find out when the guest is half made, and what xl would ignore. If `here`,
 * it looks at the file system for where sockets are to be. 0, or -EINVAL with the fault described.
 */
int channels_check(XLU_Config *xlu, const char *source, bool here, struct fault *fault);

#endif
