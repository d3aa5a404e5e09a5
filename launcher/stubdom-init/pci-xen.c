/*
 * The hypercalls for a guest's devices (pci-xen.h). Source: Xen's public/domctl.h and public/physdev.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define __XEN_TOOLS__
#include "pci-xen.h"

#include "util.h"

#include <errno.h>
#include <string.h>
#include <xen/domctl.h>
#include <xen/physdev.h>
#include <xencall.h>

/* Xen 4.17; 4.18; 4.19 to 4.21; 4.22. What is used here is the same in all of them. */
static const uint32_t versions[] = { 0x15, 0x16, 0x17, 0x18 };

/* What Xen returns, 0 or more, or -errno. */
static int make_call(struct pci_xen *xen, unsigned int op, unsigned int command, void *data, size_t size)
{
    void *buffer = xencall_alloc_buffer(xen->call, size);
    int rc;

    if (!buffer)
        return -ENOMEM;
    memcpy(buffer, data, size);
    if (op == __HYPERVISOR_domctl)
        rc = xencall1(xen->call, op, (uintptr_t)buffer);
    else
        rc = xencall2(xen->call, op, command, (uintptr_t)buffer);
    rc = rc < 0 ? -errno : rc;
    memcpy(data, buffer, size);
    xencall_free_buffer(xen->call, buffer);
    return rc;
}

static int make_domctl(struct pci_xen *xen, unsigned int guest, uint32_t command, struct xen_domctl *domctl)
{
    domctl->cmd = command;
    domctl->interface_version = xen->version;
    domctl->domain = guest;
    return make_call(xen, __HYPERVISOR_domctl, 0, domctl, sizeof(*domctl));
}

/*
 * Tries each version with a harmless call, which unbinds an interrupt that is not bound: only a wrong version makes it
 * -EACCES.
 */
static int find_version(struct pci_xen *xen, unsigned int guest)
{
    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        struct xen_domctl domctl = { .u.bind_pt_irq.machine_irq = UINT32_MAX };

        xen->version = versions[i];
        if (make_domctl(xen, guest, XEN_DOMCTL_unbind_pt_irq, &domctl) != -EACCES)
            return 0;
    }
    return -ENOTSUP;
}

int pci_xen_init(struct pci_xen *xen, unsigned int guest)
{
    *xen = (struct pci_xen){ .call = xencall_open(NULL, 0) };
    return xen->call ? find_version(xen, guest) : -errno;
}

void pci_xen_dispose(struct pci_xen *xen)
{
    if (xen->call)
        xencall_close(xen->call);
    xen->call = NULL;
}

/* Xen may do only a part in one call, and returns how much. */
static int map_all(struct pci_xen *xen, unsigned int guest, uint64_t gfn, uint64_t mfn, uint64_t count, bool add)
{
    for (uint64_t done = 0; done < count;) {
        struct xen_domctl domctl = { .u.memory_mapping = {
            .first_gfn = gfn + done, .first_mfn = mfn + done, .nr_mfns = count - done, .add_mapping = add } };
        int rc = make_domctl(xen, guest, XEN_DOMCTL_memory_mapping, &domctl);

        if (rc < 0)
            return rc;
        if (!rc)
            break;
        done += rc;
    }
    return 0;
}

int pci_xen_map_frames(struct pci_xen *xen, unsigned int guest, uint64_t gfn, uint64_t mfn, uint64_t count, bool add)
{
    int rc = map_all(xen, guest, gfn, mfn, count, add);

    if (rc && add)
        map_all(xen, guest, gfn, mfn, count, false);
    return rc;
}

int pci_xen_map_ports(struct pci_xen *xen, unsigned int guest, uint32_t gport, uint32_t mport, uint32_t count,
                      bool add)
{
    struct xen_domctl domctl = { .u.ioport_mapping = {
        .first_gport = gport, .first_mport = mport, .nr_ports = count, .add_mapping = add } };

    return make_domctl(xen, guest, XEN_DOMCTL_ioport_mapping, &domctl);
}

static int map_pirq(struct pci_xen *xen, struct physdev_map_pirq *map, int *pirq)
{
    int rc = make_call(xen, __HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, map, sizeof(*map));

    if (!rc)
        *pirq = map->pirq;
    return rc;
}

int pci_xen_map_intx(struct pci_xen *xen, unsigned int guest, unsigned int irq, int *pirq)
{
    struct physdev_map_pirq map = { .domid = guest, .type = MAP_PIRQ_TYPE_GSI, .index = irq,
                                    .pirq = *pirq < 0 ? (int)irq : *pirq };

    return map_pirq(xen, &map, pirq);
}

int pci_xen_map_msi(struct pci_xen *xen, unsigned int guest, const struct pci_address *address, int entry,
                    uint64_t table, int *pirq)
{
    struct physdev_map_pirq map = { .domid = guest, .type = MAP_PIRQ_TYPE_MSI_SEG, .index = -1, .pirq = *pirq,
                                    .bus = address->domain << 16 | address->bus, .devfn = address->devfn,
                                    .entry_nr = entry, .table_base = table };

    return map_pirq(xen, &map, pirq);
}

int pci_xen_unmap(struct pci_xen *xen, unsigned int guest, int pirq)
{
    struct physdev_unmap_pirq unmap = { .domid = guest, .pirq = pirq };

    return make_call(xen, __HYPERVISOR_physdev_op, PHYSDEVOP_unmap_pirq, &unmap, sizeof(unmap));
}

static uint32_t bind_command(bool bind)
{
    return bind ? XEN_DOMCTL_bind_pt_irq : XEN_DOMCTL_unbind_pt_irq;
}

int pci_xen_bind_intx(struct pci_xen *xen, unsigned int guest, int pirq, const uint64_t where[3], bool bind)
{
    struct xen_domctl domctl = { .u.bind_pt_irq = {
        .machine_irq = pirq, .irq_type = PT_IRQ_TYPE_PCI,
        .u.pci = { .bus = where[0], .device = where[1], .intx = where[2] } } };

    return make_domctl(xen, guest, bind_command(bind), &domctl);
}

int pci_xen_bind_msi(struct pci_xen *xen, unsigned int guest, int pirq, const uint64_t message[3], bool bind)
{
    struct xen_domctl domctl = { .u.bind_pt_irq = {
        .machine_irq = pirq, .irq_type = PT_IRQ_TYPE_MSI,
        .u.msi = { .gvec = message[0], .gflags = message[1], .gtable = message[2] } } };

    return make_domctl(xen, guest, bind_command(bind), &domctl);
}
