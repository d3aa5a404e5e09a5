/*
 * firmware: the files of a guest's firmware. See firmware.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "firmware.h"

#include <libxl.h>
#include <stdbool.h>
#include <string.h>

#include "host-file.h"

/* As xl decides it: abbreviations of these two count. */
static bool is_kind(const char *value)
{
    libxl_bios_type type;

    return !libxl_bios_type_from_string(value, &type) || !strncmp(value, "uefi", strlen(value)) ||
           !strncmp(value, "bios", strlen(value));
}

int firmware_check(XLU_Config *xlu, const char *source, const char *folder, struct fault *fault)
{
    /* The first two name an hvmloader, and libxl looks for it in Xen's boot directory; for the others where xl runs. */
    static const struct { const char *key; bool boot, may_be_kind; } files[] = {
        {"firmware", true, true}, {"firmware_override", true, false}, {"bios_path_override", false, false},
        {"acpi_firmware", false, false}, {"smbios_firmware", false, false},
    };
    const char *name;
    int rc = 0;

    /* xl goes on without a list. */
    for (size_t i = 0; !rc && i < sizeof(files) / sizeof(files[0]); i++)
        if (!xlu_cfg_get_string(xlu, files[i].key, &name, 1) && !(files[i].may_be_kind && is_kind(name)))
            rc = host_file_check(files[i].boot ? folder : NULL, name, files[i].boot ? HOST_FILE_BOOTS : HOST_FILE_LOADS,
                                 fault, "%s: %s = \"%s\"", source, files[i].key, name);
    return rc;
}
