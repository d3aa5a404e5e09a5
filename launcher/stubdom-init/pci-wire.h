/*
 * QEMU's requests for devices that are passed through, and our replies: records of fixed size on a SOCK_SEQPACKET
 * socket. Numbers are in the machine's byte order.
 *
 * Source: qemu/patches/qemu/0016-xen-pci-passthrough-by-a-broker.patch, which has the same in xen_pt_broker.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PCI_WIRE_H
#define PCI_WIRE_H

#include <stdint.h>

#define PCI_ADDRESS "%04x:%02x:%02x.%u"
#define PCI_ADDRESS_MAX 32
#define PCI_RESOURCES 7 /* six BARs and the expansion ROM */

enum pci_op {
    /* The reply has all of its fields, and the descriptor of the configuration space. */
    PCI_OP_OPEN = 1,
    PCI_OP_CLOSE,
    PCI_OP_OPEN_BAR,  /* BAR; the reply has its descriptor, to be mapped and read */
    PCI_OP_MEMORY,    /* first guest frame, first of the machine's, how many, 1: map, 0: unmap */
    PCI_OP_PORTS,     /* likewise, I/O ports */
    PCI_OP_MAP_INTX,  /* the reply's value is the pirq */
    PCI_OP_MAP_MSI,   /* pirq that the guest wants or -1, entry, address of the table's BAR or 0: MSI; likewise */
    PCI_OP_UNMAP,     /* pirq */
    PCI_OP_BIND_INTX, /* pirq, guest's bus, slot, pin */
    PCI_OP_UNBIND_INTX,
    PCI_OP_BIND_MSI,  /* pirq, vector, flags, guest's address of the table */
    PCI_OP_UNBIND_MSI,
    PCI_OP_COUNT
};

/* A device's address on the machine. */
struct pci_address {
    uint16_t domain;
    uint8_t bus;
    uint8_t devfn;
};

struct pci_request {
    uint32_t op;
    struct pci_address address;
    uint64_t args[4];
};

struct pci_resource {
    uint64_t start, end, flags; /* as in Linux's sysfs */
};

struct pci_reply {
    int32_t error; /* errno, 0: done */
    int32_t value;
    uint16_t vendor, device;
    uint32_t class_code;
    uint32_t irq;
    uint32_t is_virtfn;
    struct pci_resource resources[PCI_RESOURCES];
};
_Static_assert(sizeof(struct pci_request) == 40 && sizeof(struct pci_reply) == 192, "as QEMU has it");

#endif
