/*
 * QEMU's arguments as an attacker of the toolstack might write them: one argument a
 * line. The rewriting must always end and stay within its buffers. It must never let through a tap of dom0, another
 * guest's domid or a kernel file of dom0.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "input.h"
#include "dm-argv.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/*
 * The argument after one of these options is its value, whatever that looks like. These are all options of dm-argv.c
 * that take a value, apart from those checked below.
 */
static bool has_value(const char *option)
{
    static const char *const options[] = {
        "-netdev", "-net", "-nic", "-drive", "-blockdev", "-hda", "-hdb", "-hdc", "-hdd", "-cdrom", "-fda",
        "-fdb", "-sd", "-mtdblock", "-pflash", "-serial", "-parallel", "-debugcon", "-chardev", "-monitor",
        "-qmp", "-qmp-pretty", "-qtest", "-gdb", "-incoming", "-add-fd", "-bios", "-dtb", "-option-rom",
        "-readconfig", "-mem-path", "-pidfile", "-plugin", "-dump-vmstate", "-boot", "-loadvm", "-fsdev",
        "-virtfs", "-tpmdev", "-object", "-fw_cfg", "-smbios", "-acpitable", "-trace", "-device",
        "-usbdevice", "-display", "-spice", "-audiodev", "-audio", "-runas", "-chroot", "-run-with",
        "-machine", "-vnc", "-name", "-append",
    };

    for (size_t i = 0; i < ARRAY_SIZE(options); i++)
        if (!strcmp(options[i], option))
            return true;
    return false;
}

static void check_output(const struct str_list *out)
{
    for (size_t i = 1; i + 1 < out->count; i++) {
        if (has_value(out->items[i]))
            i++;
        else if (!strcmp(out->items[i], "-xen-domid"))
            MUST(atoi(out->items[i + 1]) == 7);
        else if (!strcmp(out->items[i], "-kernel") || !strcmp(out->items[i], "-initrd"))
            MUST(!strncmp(out->items[i + 1], "/run/files/", 11));
    }
    MUST(!out->items[out->count]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dm_extras extras = { .guest = 7, .qemu = "qemu", .disk_options = "cache=none,aio=native",
                                .qmp_path = "/run/qmp", .own_qmp_fd = 6, .save_fd = 5 };
    cleanup_str_list struct str_list in, out;
    char *text = strndup((const char *)data, size), *rest = text, *line;
    char error[DM_ERROR_MAX];
    struct dm_needs needs;

    str_list_init(&in);
    str_list_init(&out);
    while ((line = strsep(&rest, "\n")))
        MUST(!str_list_add(&in, line));
    if (dm_argv_check_extras(&in, error))
        MUST(error[0]);
    if (dm_argv_scan(&in, &needs, error)) {
        MUST(error[0]);
    } else {
        for (unsigned int i = 0; i < needs.nic_count; i++)
            strcpy(needs.nics[i].backend, "tap,fd=9");
        for (unsigned int i = 0; i < needs.serial_count; i++)
            strcpy(needs.serials[i].chardev, "/dev/hvc3");
        for (unsigned int i = 0; i < DM_FILES; i++)
            if (needs.files[i].name)
                snprintf(needs.files[i].path, sizeof(needs.files[i].path), "/run/files/%u", i);
        if (!dm_argv_rewrite(&in, &needs, &extras, &out, error))
            check_output(&out);
        else
            MUST(error[0]);
    }
    free(text);
    return 0;
}
