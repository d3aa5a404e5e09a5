/*
 * pci-host: what this host can give to a new guest now. See pci.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "pci.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenctrl.h>
#include <xenstore.h>

#include "cleanup.h"
#include "pci-backend.h"
#include "physinfo.h"
#include "xs-get.h"

#ifndef PCI_FOLDER
#define PCI_FOLDER "/sys/bus/pci"
#endif

/* The configuration space: PCI Local Bus Specification 3.0, chapter 6. */
#define CONFIG_STATUS 0x06
#define CONFIG_STATUS_LIST 0x10
#define CONFIG_LIST 0x34
#define CONFIG_PIN 0x3d
#define CAPABILITY_MSI 0x05
#define CAPABILITY_MSIX 0x11
#define MOST_CAPABILITIES 48 /* each has four octets at least: a list that is longer runs in a circle */

static int check_iommu(const char *source, struct fault *fault)
{
    int has = physinfo_has(XEN_SYSCTL_PHYSCAP_directio);

    if (has < 0)
        return fault_set(fault, has, "%s: pci: no Xen here, or not root", source);
    return has ? 0 : fault_set(fault, -ENODEV, "%s: pci: this host has no IOMMU, or Xen does not use it", source);
}

static bool is_there(const char *folder, const char *address)
{
    char path[200];

    snprintf(path, sizeof(path), PCI_FOLDER "/%s/%s", folder, address);
    return !access(path, F_OK);
}

/* The guest's, when that is its stub domain. Malloc'd, or NULL. */
static char *guest_name(struct xs_handle *xs, const char *domain)
{
    cleanup_free char *guest = xs_get(xs, "/local/domain/%s/target", domain);

    return xs_get(xs, "/local/domain/%s/name", guest ? guest : domain);
}

/* The name of the guest that has it, malloc'd, or NULL. */
static char *find_owner(struct xs_handle *xs, const char *address)
{
    unsigned int count = 0;
    cleanup_free char **domains = xs_directory(xs, XBT_NULL, PCI_BACKEND, &count);
    unsigned int domid;

    for (unsigned int i = 0; domains && i < count; i++)
        if (!parse_uint(domains[i], UINT16_MAX, &domid) && pci_backend_find(xs, XBT_NULL, domid, address) >= 0)
            return guest_name(xs, domains[i]);
    return NULL;
}

static int check_device(const struct pci_device *device, struct xs_handle *xs, const char *source,
                        struct fault *fault)
{
    cleanup_free char *owner = NULL;

    if (!is_there("devices", device->address))
        return fault_set(fault, -ENODEV, "%s: pci: there is no device %s", source, device->address);
    if (!is_there("drivers/pciback", device->address) && !device->seize)
        return fault_set(fault, -EBUSY, "%s: pci: %s is dom0's: xl pci-assignable-add %s", source, device->address,
                         device->address);
    owner = find_owner(xs, device->address);
    return owner ? fault_set(fault, -EBUSY, "%s: pci: %s has the device %s", source, owner, device->address) : 0;
}

int pci_check_host(const struct pci_devices *devices, const char *source, struct fault *fault)
{
    struct xs_handle *xs;
    int rc;

    if (!devices->wanted)
        return 0;
    rc = check_iommu(source, fault);
    if (rc)
        return rc;
    xs = xs_open(0);
    if (!xs)
        return fault_set(fault, -errno, "%s: pci: no xenstore: %s", source, strerror(errno));
    for (int i = 0; !rc && i < devices->count; i++)
        rc = check_device(&devices->list[i], xs, source, fault);
    xs_close(xs);
    return rc;
}

static bool has_messages(const uint8_t config[256])
{
    uint8_t at = config[CONFIG_STATUS] & CONFIG_STATUS_LIST ? config[CONFIG_LIST] & ~3 : 0;

    for (int i = 0; at && i < MOST_CAPABILITIES; i++, at = config[at + 1] & ~3)
        if (config[at] == CAPABILITY_MSI || config[at] == CAPABILITY_MSIX)
            return true;
    return false;
}

static bool has_only_a_pin(const char *address)
{
    uint8_t config[256];
    char path[200];
    ssize_t got = -1;
    int fd;

    snprintf(path, sizeof(path), PCI_FOLDER "/devices/%s/config", address);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        got = read(fd, config, sizeof(config));
        close(fd);
    }
    return got == sizeof(config) && config[CONFIG_PIN] && !has_messages(config);
}

/*
 * Whether Xen was told to mask such an interrupt until the guest has answered. Xen may do so by itself, and has no
 * call that tells.
 */
static bool xen_masks_pins(void)
{
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    xen_commandline_t line = "";
    bool masks = xc && xc_version(xc, XENVER_commandline, &line) >= 0 && strstr(line, "ioapic_ack=old");

    if (xc)
        xc_interface_close(xc);
    return masks;
}

bool pci_note_pin(const struct pci_devices *devices, const char *source, struct fault *note)
{
    for (int i = 0; i < devices->count; i++)
        if (has_only_a_pin(devices->list[i].address) && !xen_masks_pins()) {
            fault_set(note, 0, "%s: pci: %s has a pin for its interrupts, and no messages (MSI): a guest that does not "
                      "answer can stop dom0, but for a Xen with ioapic_ack=old (docs/pci.md)",
                      source, devices->list[i].address);
            return true;
        }
    return false;
}

bool pci_stub_may_have(unsigned int stub)
{
    struct xs_handle *xs = xs_open(0);
    cleanup_free char *vm = xs ? xs_get(xs, "/local/domain/%u/vm", stub) : NULL;
    cleanup_free char *kernel = vm ? xs_get(xs, "%s/image/kernel", vm) : NULL;
    const struct flavour *flavour = kernel ? flavour_of_kernel(kernel) : NULL;
    const char *slash = kernel ? strrchr(kernel, '/') : NULL;

    if (xs)
        xs_close(xs);
    return !flavour || (flavour->pci_kernel && !strcmp(slash ? slash + 1 : kernel, flavour->pci_kernel));
}

bool pci_stub_has_any(unsigned int stub)
{
    struct xs_handle *xs = xs_open(0);
    int count = xs ? pci_backend_count(xs, XBT_NULL, stub) : 0;

    if (xs)
        xs_close(xs);
    return count > 0;
}
