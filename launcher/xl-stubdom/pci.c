/*
 * pci: the devices of dom0's that a guest's config asks for. See pci.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "pci.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Why a device, as xl understands it, cannot be had; NULL: it can. */
static const char *why_not(const libxl_device_pci *pci, const char *entry)
{
    if (pci->name)
        return "by its address, not by a name";
    if (pci->vfunc_mask == LIBXL_PCI_FUNC_ALL)
        return "one function at a time: an entry for each";
    if (strstr(entry, "rdm_policy="))
        return "rdm_policy=: reserved memory of a device was never tried with a stub domain";
    if (pci->msitranslate)
        return "msitranslate=: QEMU in the stub domain has no such thing";
    return NULL;
}

static int read_one(XLU_Config *xlu, const char *source, const char *entry, struct pci_device *device,
                    struct fault *fault)
{
    libxl_device_pci pci;
    const char *reason = NULL;
    int rc = 0;

    libxl_device_pci_init(&pci);
    if (xlu_pci_parse_spec_string(xlu, &pci, entry))
        reason = "not a device: [DOMAIN:]BUS:SLOT.FUNCTION, perhaps with options, as in xl-pci-configuration(5)";
    else
        reason = why_not(&pci, entry);
    if (reason)
        rc = fault_set(fault, -EINVAL, "%s: pci = \"%s\": %s", source, entry, reason);
    snprintf(device->address, sizeof(device->address), "%04x:%02x:%02x.%x", pci.domain & 0xffff, pci.bus, pci.dev,
             pci.func);
    device->seize = pci.seize;
    libxl_device_pci_dispose(&pci);
    return rc;
}

static int check_twice(const struct pci_devices *devices, const char *source, struct fault *fault)
{
    const struct pci_device *last = &devices->list[devices->count];

    for (int i = 0; i < devices->count; i++)
        if (!strcmp(devices->list[i].address, last->address))
            return fault_set(fault, -EINVAL, "%s: pci: %s stands there twice", source, last->address);
    return 0;
}

/* libxl gives a guest that has no devices yet no page tables of the IOMMU's, and can never do so later. */
static const char *setting_for(XLU_Config *xlu, int count)
{
    const char *theirs;

    return count || !xlu_cfg_get_string(xlu, "passthrough", &theirs, 1) ? NULL : "passthrough=\"enabled\"";
}

int pci_read(XLU_Config *xlu, const char *source, const struct flavour *flavour, struct pci_devices *devices,
             struct fault *fault)
{
    XLU_ConfigList *list;
    int count, rc = 0;
    char having[64];
    long seize = 0;

    memset(devices, 0, sizeof(*devices));
    if (xlu_cfg_get_list(xlu, "pci", &list, &count, 1))
        return 0;
    flavour_list_pci(having, sizeof(having));
    if (!flavour->pci_kernel)
        return fault_set(fault, -EINVAL,
                         "%s: pci: stubdom_flavor = \"%s\" has no PCI passthrough, since %s; %s has", source,
                         flavour->name, flavour->no_pci, having);
    if (count > PCI_MAX_DEVICES)
        return fault_set(fault, -EINVAL, "%s: pci: %d devices, and at most %d can be had", source, count,
                         PCI_MAX_DEVICES);
    devices->wanted = true;
    devices->setting = setting_for(xlu, count);
    xlu_cfg_get_long(xlu, "pci_seize", &seize, 1);
    for (int i = 0; !rc && i < count; i++) {
        const char *entry = xlu_cfg_get_listitem(list, i);

        rc = read_one(xlu, source, entry ? entry : "(a list)", &devices->list[i], fault);
        devices->list[i].seize |= seize;
        rc = rc ? rc : check_twice(devices, source, fault);
        devices->count += !rc;
    }
    return rc;
}
