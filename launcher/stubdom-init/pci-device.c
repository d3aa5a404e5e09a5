/*
 * A device that the toolstack has given to this domain (pci-device.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "pci-device.h"

#include "util.h"
#include "xs-read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#ifndef PCI_FOLDER
#define PCI_FOLDER "/sys/bus/pci/devices"
#endif

#define MAX_DEVICES 256
#define RESOURCE_IO 0x100
#define RESOURCE_MEMORY 0x200
#define PAGE_SHIFT 12

void pci_address_format(const struct pci_address *address, char text[PCI_ADDRESS_MAX])
{
    snprintf(text, PCI_ADDRESS_MAX, PCI_ADDRESS, address->domain, address->bus, address->devfn >> 3,
             address->devfn & 7);
}

/* As libxl and the kernel's backend write it: the function has one digit or two. */
static int parse_address(const char *text, struct pci_address *address)
{
    unsigned int domain, bus, slot, function;
    int used = 0;

    if (sscanf(text, "%4x:%2x:%2x.%2x%n", &domain, &bus, &slot, &function, &used) != 4 || text[used] ||
        slot > 31 || function > 7)
        return -EINVAL;
    *address = (struct pci_address){ .domain = domain, .bus = bus, .devfn = slot << 3 | function };
    return 0;
}

static int read_address(struct xs_handle *xs, const char *folder, const char *kind, unsigned int n,
                        struct pci_address *address)
{
    char path[XENSTORE_PATH_MAX];
    cleanup_free char *text = NULL;
    int rc = format_text(path, sizeof(path), "%s/%s-%u", folder, kind, n);

    if (!rc)
        rc = xenstore_read(xs, path, &text);
    return rc ? rc : parse_address(text, address);
}

/* The address that this domain's kernel has for the device. dom0's backend writes it to xenstore. */
static int find_local(struct xs_handle *xs, const struct pci_address *wanted, struct pci_address *local)
{
    char path[XENSTORE_PATH_MAX];
    cleanup_free char *backend = NULL;
    unsigned int count;
    int rc = xenstore_read(xs, "device/pci/0/backend", &backend);

    if (!rc)
        rc = format_text(path, sizeof(path), "%s/num_devs", backend);
    if (!rc)
        rc = xenstore_read_uint(xs, path, MAX_DEVICES, &count);
    for (unsigned int n = 0; !rc && n < count; n++) {
        struct pci_address address;

        /* The numbers have gaps where devices were detached. */
        if (read_address(xs, backend, "dev", n, &address) || memcmp(&address, wanted, sizeof(address)))
            continue;
        rc = read_address(xs, backend, "vdev", n, local);
        return rc == -ENOENT ? -EAGAIN : rc;
    }
    return rc ? rc : -ENOENT;
}

/* Reads a small file of sysfs as text. */
static int read_file(const struct pci_device *device, const char *name, char *text, size_t size)
{
    char path[sizeof(device->folder) + 32];
    cleanup_close int fd = -1;
    ssize_t got;
    int rc = format_text(path, sizeof(path), "%s/%s", device->folder, name);

    if (rc)
        return rc;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    got = read(fd, text, size - 1);
    if (got < 0)
        return -errno;
    text[got] = '\0';
    return 0;
}

static int read_number(const struct pci_device *device, const char *name, int base, unsigned int *value)
{
    char text[32], *end;
    int rc = read_file(device, name, text, sizeof(text));

    if (rc)
        return rc;
    *value = strtoul(text, &end, base);
    return end != text && *end == '\n' ? 0 : -EINVAL;
}

static int read_resources(struct pci_device *device)
{
    char text[1024];
    const char *line = text;
    int rc = read_file(device, "resource", text, sizeof(text)), used;

    for (int i = 0; !rc && i < PCI_RESOURCES; i++, line += used) {
        struct pci_resource *resource = &device->facts.resources[i];

        if (sscanf(line, "%" SCNx64 " %" SCNx64 " %" SCNx64 "%n", &resource->start, &resource->end,
                   &resource->flags, &used) != 3 || resource->end < resource->start)
            rc = -EINVAL;
    }
    return rc;
}

static int read_facts(struct pci_device *device)
{
    unsigned int vendor = 0, id = 0;
    char path[sizeof(device->folder) + 32];
    int rc = read_number(device, "vendor", 16, &vendor);

    rc = rc ?: read_number(device, "device", 16, &id);
    rc = rc ?: read_number(device, "class", 16, &device->facts.class_code);
    rc = rc ?: read_number(device, "irq", 10, &device->facts.irq);
    rc = rc ?: read_resources(device);
    device->facts.vendor = vendor;
    device->facts.device = id;
    snprintf(path, sizeof(path), "%s/physfn", device->folder);
    device->facts.is_virtfn = access(path, F_OK) == 0;
    return rc;
}

int pci_device_find(struct pci_device *device, struct xs_handle *xs, const struct pci_address *address)
{
    struct pci_address local;
    char name[PCI_ADDRESS_MAX];
    int rc = find_local(xs, address, &local);

    *device = (struct pci_device){ .facts.value = 0 };
    if (rc)
        return rc;
    pci_address_format(&local, name);
    rc = format_text(device->folder, sizeof(device->folder), "%s/%s", PCI_FOLDER, name);
    if (!rc && access(device->folder, F_OK))
        rc = -EAGAIN;
    return rc ? rc : read_facts(device);
}

static int open_file(const struct pci_device *device, const char *name, int flags)
{
    char path[sizeof(device->folder) + 32];
    int rc = format_text(path, sizeof(path), "%s/%s", device->folder, name), fd;

    if (rc)
        return rc;
    fd = open(path, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int pci_device_open_config(const struct pci_device *device)
{
    return open_file(device, "config", O_RDWR);
}

int pci_device_open_bar(const struct pci_device *device, unsigned int bar)
{
    char name[16];

    if (bar >= PCI_RESOURCES - 1 || !(device->facts.resources[bar].flags & RESOURCE_MEMORY))
        return -EINVAL;
    snprintf(name, sizeof(name), "resource%u", bar);
    return open_file(device, name, O_RDONLY);
}

static bool has_range(const struct pci_device *device, uint64_t kind, unsigned int shift, uint64_t first,
                      uint64_t count)
{
    uint64_t last = first + count - 1;

    if (!count || last < first)
        return false;
    for (int i = 0; i < PCI_RESOURCES; i++) {
        const struct pci_resource *resource = &device->facts.resources[i];

        if (resource->start && resource->flags & kind && first >= resource->start >> shift &&
            last <= resource->end >> shift)
            return true;
    }
    return false;
}

bool pci_device_has_frames(const struct pci_device *device, uint64_t first, uint64_t count)
{
    return has_range(device, RESOURCE_MEMORY, PAGE_SHIFT, first, count);
}

bool pci_device_has_ports(const struct pci_device *device, uint64_t first, uint64_t count)
{
    return has_range(device, RESOURCE_IO, 0, first, count);
}

bool pci_device_has_bar_at(const struct pci_device *device, uint64_t start)
{
    for (int i = 0; i < PCI_RESOURCES - 1; i++)
        if (device->facts.resources[i].flags & RESOURCE_MEMORY && device->facts.resources[i].start == start)
            return true;
    return false;
}
