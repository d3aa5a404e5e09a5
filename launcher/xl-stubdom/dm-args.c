/*
 * dm-args: what the config adds to QEMU's command line. See dm-args.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "dm-args.h"

#include <errno.h>
#include <string.h>

#include "dm-argv.h"

int dm_args_check(const struct config *config, struct fault *fault)
{
    for (int key = 0; key < ARGS_COUNT; key++) {
        struct str_list list = {.items = config->args[key]};
        char error[DM_ERROR_MAX];
        int rc;

        while (list.items && list.items[list.count])
            list.count++;
        rc = dm_argv_check_extras(&list, error);
        if (rc)
            return fault_set(fault, rc, "%s: %s: %s", config->source, args_key_names[key],
                             rc == -EINVAL ? error : strerror(-rc));
    }
    return 0;
}
