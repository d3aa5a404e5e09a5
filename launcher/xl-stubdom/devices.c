/*
 * devices: what a guest's vCPUs, disks and NICs take. See devices.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "devices.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* The i440fx's only bus. */
#define PCI_SLOTS 32

/*
 * Grant references, in version 1 of the table. Linux's netfront takes those of both rings, 256
 * entries and the ring itself, at its start; blkfront takes those of a request, 32 segments and an
 * indirect page, when there is one. The rest is for vchans (QMP, boot files, viewers) and consoles, and
 * makes two frames of it: with one the kernel does not come up.
 */
#define GRANTS_A_FRAME 512
#define GRANTS_A_NIC (2 * 257)
#define GRANTS_A_DISK 34
#define GRANTS_OTHERS 600

static long more(int have, int covered, long kib)
{
    return have > covered ? (have - covered) * kib : 0;
}

long devices_memory(const struct devices *devices, const struct flavour *flavour, int nics, int disks, int vcpus)
{
    long kib = more(devices->nics.all, nics, flavour->memory.nic_kib) +
               more(devices->disks.all, disks, flavour->memory.disk_kib) +
               more(devices->vcpus, vcpus, flavour->memory.vcpu_kib);

    return (kib + 1023) / 1024;
}

static const char *text_of(XLU_Config *xlu, const char *key)
{
    const char *value = "";

    xlu_cfg_get_string(xlu, key, &value, 1);
    return value;
}

static bool is_one_of(const char *value, const char *const *words)
{
    for (; *words; words++)
        if (!strcmp(value, *words))
            return true;
    return false;
}

/* Those that libxl and QEMU fill before the NICs come. The first two are the board's own. */
static int used_slots(const struct devices *devices, XLU_Config *xlu)
{
    static const char *const pci_sound[] = {"ac97", "es1370", "hda", NULL};
    static const char *const controllers[] = {"1", "2", "3", NULL};

    return 2 + (strcmp(text_of(xlu, "xen_platform_pci"), "0") != 0) +
           (strcmp(text_of(xlu, "vga"), "none") != 0) + devices->disks.scsi + devices->pci +
           !strcmp(text_of(xlu, "hdtype"), "ahci") +
           is_one_of(text_of(xlu, "usbversion"), controllers) +
           is_one_of(text_of(xlu, "soundhw"), pci_sound) +
           !strcmp(text_of(xlu, "vendor_device"), "xenserver");
}

static int check_slots(const struct devices *devices, XLU_Config *xlu, const char *source,
                       struct fault *fault)
{
    int room = PCI_SLOTS - used_slots(devices, xlu);

    if (devices->nics.emulated <= room)
        return 0;
    return fault_set(fault, -EINVAL,
                     "%s: vif: %d NICs, and QEMU's PCI bus has room for %d: those with type=vif, for the "
                     "guest's Xen drivers alone, are not on it",
                     source, devices->nics.emulated, room);
}

static int check_grants(const struct devices *devices, XLU_Config *xlu, const char *source, long of_host,
                        struct fault *fault)
{
    long grants = GRANTS_OTHERS + GRANTS_A_NIC * devices->nics.all + GRANTS_A_DISK * devices->disks.all;
    long needed = (grants + GRANTS_A_FRAME - 1) / GRANTS_A_FRAME, frames;
    bool given = !xlu_cfg_get_long(xlu, "max_grant_frames", &frames, 1);

    if (!given)
        frames = of_host;
    /* A negative one is for xl to refuse. */
    if (frames < needed && (given ? frames >= 0 : frames > 0))
        return fault_set(fault, -EINVAL,
                         "%s: max_grant_frames = %ld%s is too small: the stub domain gets as many, and needs "
                         "%ld for %d NICs and %d disks",
                         source, frames, given ? "" : ", of xl.conf,", needed, devices->nics.all, devices->disks.all);
    return 0;
}

int devices_check(const struct devices *devices, XLU_Config *xlu, const char *source, long of_host,
                  struct fault *fault)
{
    int rc = check_slots(devices, xlu, source, fault);

    return rc ? rc : check_grants(devices, xlu, source, of_host, fault);
}
