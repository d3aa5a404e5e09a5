/*
 * The broker of PCI passthrough. QEMU is restricted to its guest and has no privileges here. What it needs for the
 * devices that the toolstack has given to this domain it asks of us, through a socket (pci-wire.h). Each request names
 * one device. It is refused unless all that it names belongs to that device: frames and ports must be in its resources,
 * interrupts must have been mapped for it. Requests can only be for our guest.
 *
 * QEMU may have been taken over. With a device that its guest has anyway it can do no more through the broker than the
 * guest can. Xen and dom0's backend check again what we pass on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fd-passing.h"
#include "linux.h"
#include "log.h"
#include "pci-device.h"
#include "pci-xen.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define MAX_DEVICES 32
#define MAX_PIRQS 8192
/* The toolstack may be a moment ahead of this domain's kernel. */
#define LOOK_AGAIN_MS 20
#define LOOKS 250

struct slot {
    bool used;
    struct pci_address address;
    struct pci_device device;
    uint8_t pirqs[MAX_PIRQS / 8]; /* pirqs that were mapped for the device, a bit each */
};

static struct broker {
    struct linux_platform *platform;
    struct loop_fd socket;
    struct pci_xen xen;
    struct slot slots[MAX_DEVICES];
    struct pci_request request; /* waits until the kernel has found its device */
    struct loop_timer look_again;
    unsigned int looks;
} broker;

/* The answer to a request. fd, unless -1, is closed after it was sent. */
struct answer {
    struct pci_reply reply;
    int fd;
};

static unsigned int guest(void)
{
    return broker.platform->base.model->guest;
}

static struct slot *find_slot(const struct pci_address *address)
{
    for (size_t i = 0; i < ARRAY_SIZE(broker.slots); i++)
        if (broker.slots[i].used && !memcmp(&broker.slots[i].address, address, sizeof(*address)))
            return &broker.slots[i];
    return NULL;
}

static struct slot *find_free_slot(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(broker.slots); i++)
        if (!broker.slots[i].used)
            return &broker.slots[i];
    return NULL;
}

static bool has_pirq(const struct slot *slot, uint64_t pirq)
{
    return pirq < MAX_PIRQS && slot->pirqs[pirq / 8] & 1 << pirq % 8;
}

/* Devices may share the pirq of an INTx. */
static bool others_have_pirq(const struct slot *slot, uint64_t pirq)
{
    for (size_t i = 0; i < ARRAY_SIZE(broker.slots); i++)
        if (&broker.slots[i] != slot && has_pirq(&broker.slots[i], pirq))
            return true;
    return false;
}

static int note_pirq(struct slot *slot, int pirq)
{
    if (pirq < 0 || pirq >= MAX_PIRQS) {
        pci_xen_unmap(&broker.xen, guest(), pirq);
        return -ERANGE;
    }
    slot->pirqs[pirq / 8] |= 1 << pirq % 8;
    return pirq;
}

static void forget_pirq(struct slot *slot, uint64_t pirq)
{
    slot->pirqs[pirq / 8] &= ~(1 << pirq % 8);
}

/* -------- the operations: each returns the reply's value, or -errno -------- */

static int op_close(struct slot *slot, const uint64_t args[4], struct answer *answer)
{
    for (unsigned int pirq = 0; pirq < MAX_PIRQS; pirq++)
        if (has_pirq(slot, pirq) && !others_have_pirq(slot, pirq))
            pci_xen_unmap(&broker.xen, guest(), pirq);
    memset(slot, 0, sizeof(*slot));
    return 0;
}

static int op_open_bar(struct slot *slot, const uint64_t args[4], struct answer *answer)
{
    answer->fd = args[0] < PCI_RESOURCES ? pci_device_open_bar(&slot->device, args[0]) : -EINVAL;
    return MIN(answer->fd, 0);
}

/* No frame number is that large. So the sums below cannot overflow. */
static bool is_frame_range(uint64_t first, uint64_t count)
{
    return count && first < 1ULL << 40 && count < 1ULL << 40;
}

static int op_memory(struct slot *slot, const uint64_t args[4], struct answer *answer)
{
    if (!is_frame_range(args[0], args[2]) || args[3] > 1)
        return -EINVAL;
    if (!pci_device_has_frames(&slot->device, args[1], args[2]))
        return -EPERM;
    return pci_xen_map_frames(&broker.xen, guest(), args[0], args[1], args[2], args[3]);
}

static int op_ports(struct slot *slot, const uint64_t args[4], struct answer *answer)
{
    if (args[0] > UINT16_MAX || args[2] > UINT16_MAX || args[3] > 1)
        return -EINVAL;
    if (!pci_device_has_ports(&slot->device, args[1], args[2]))
        return -EPERM;
    return pci_xen_map_ports(&broker.xen, guest(), args[0], args[1], args[2], args[3]);
}

static int op_map_intx(struct slot *slot, const uint64_t args[4], struct answer *answer)
{
    int pirq = -1;
    int rc = slot->device.facts.irq ? pci_xen_map_intx(&broker.xen, guest(), slot->device.facts.irq, &pirq) : -ENODEV;

    return rc ? rc : note_pirq(slot, pirq);
}

static int op_map_msi(struct slot *slot, const uint64_t args[4], struct answer *answer)
{
    int pirq = args[0] < MAX_PIRQS ? (int)args[0] : -1;
    int rc;

    if (args[1] > 2047)
        return -EINVAL;
    if (args[2] && !pci_device_has_bar_at(&slot->device, args[2]))
        return -EPERM;
    if (pirq >= 0 && others_have_pirq(slot, pirq))
        return -EBUSY;
    rc = pci_xen_map_msi(&broker.xen, guest(), &slot->address, args[1], args[2], &pirq);
    return rc ? rc : note_pirq(slot, pirq);
}

static int op_unmap(struct slot *slot, const uint64_t args[4], struct answer *answer)
{
    if (!has_pirq(slot, args[0]))
        return -EPERM;
    forget_pirq(slot, args[0]);
    return others_have_pirq(slot, args[0]) ? 0 : pci_xen_unmap(&broker.xen, guest(), args[0]);
}

static int bind_intx(struct slot *slot, const uint64_t args[4], bool bind)
{
    if (!has_pirq(slot, args[0]))
        return -EPERM;
    if (args[1] > UINT8_MAX || args[2] > 31 || args[3] > 3)
        return -EINVAL;
    return pci_xen_bind_intx(&broker.xen, guest(), args[0], args + 1, bind);
}

static int op_bind_intx(struct slot *slot, const uint64_t args[4], struct answer *answer)
{
    return bind_intx(slot, args, true);
}

static int op_unbind_intx(struct slot *slot, const uint64_t args[4], struct answer *answer)
{
    return bind_intx(slot, args, false);
}

static int bind_msi(struct slot *slot, const uint64_t args[4], bool bind)
{
    if (!has_pirq(slot, args[0]))
        return -EPERM;
    if (args[1] > UINT8_MAX || args[2] > UINT32_MAX)
        return -EINVAL;
    return pci_xen_bind_msi(&broker.xen, guest(), args[0], args + 1, bind);
}

static int op_bind_msi(struct slot *slot, const uint64_t args[4], struct answer *answer)
{
    return bind_msi(slot, args, true);
}

static int op_unbind_msi(struct slot *slot, const uint64_t args[4], struct answer *answer)
{
    return bind_msi(slot, args, false);
}

TABLE_BEGINS(operations);
static int (*const operations[])(struct slot *, const uint64_t args[4], struct answer *) = {
    TABLE_ROW(0) = NULL,
    TABLE_ROW(PCI_OP_OPEN) = NULL, /* has no slot yet: serve_open() */
    TABLE_ROW(PCI_OP_CLOSE) = op_close,
    TABLE_ROW(PCI_OP_OPEN_BAR) = op_open_bar,
    TABLE_ROW(PCI_OP_MEMORY) = op_memory,
    TABLE_ROW(PCI_OP_PORTS) = op_ports,
    TABLE_ROW(PCI_OP_MAP_INTX) = op_map_intx,
    TABLE_ROW(PCI_OP_MAP_MSI) = op_map_msi,
    TABLE_ROW(PCI_OP_UNMAP) = op_unmap,
    TABLE_ROW(PCI_OP_BIND_INTX) = op_bind_intx,
    TABLE_ROW(PCI_OP_UNBIND_INTX) = op_unbind_intx,
    TABLE_ROW(PCI_OP_BIND_MSI) = op_bind_msi,
    TABLE_ROW(PCI_OP_UNBIND_MSI) = op_unbind_msi,
};
TABLE_ENDS(operations, PCI_OP_COUNT);

/* Xen's handle is opened with the first device. */
static int open_device(const struct pci_address *address, struct answer *answer)
{
    struct slot *slot = find_slot(address);
    char name[PCI_ADDRESS_MAX];
    int rc = broker.xen.call ? 0 : pci_xen_init(&broker.xen, guest());

    if (rc) {
        pci_xen_dispose(&broker.xen);
        return rc;
    }
    if (slot)
        op_close(slot, NULL, NULL);
    slot = find_free_slot();
    if (!slot)
        return -ENOSPC;
    rc = pci_device_find(&slot->device, broker.platform->base.model->xs, address);
    if (!rc)
        rc = answer->fd = pci_device_open_config(&slot->device);
    if (rc < 0)
        return rc;
    slot->used = true;
    slot->address = *address;
    answer->reply = slot->device.facts;
    pci_address_format(address, name);
    log_info("PCI device %s: %04x:%04x, opened for QEMU", name, answer->reply.vendor, answer->reply.device);
    return 0;
}

/* -------- the socket -------- */

static void send_answer(const struct answer *answer)
{
    /* QEMU waits for each answer before it asks again. If it does not, an answer may be lost. */
    int rc = fd_send(broker.socket.fd, &answer->reply, sizeof(answer->reply), answer->fd,
                     MSG_DONTWAIT | MSG_NOSIGNAL);

    if (rc)
        log_warning("PCI: QEMU does not take an answer: %s", strerror(-rc));
}

static const char *name_of(const struct pci_request *request)
{
    static char name[PCI_ADDRESS_MAX];

    pci_address_format(&request->address, name);
    return name;
}

static void finish(const struct pci_request *request, int rc, struct answer *answer)
{
    cleanup_close int fd = answer->fd;

    if (rc < 0)
        log_warning("PCI device %s: request %u (%#" PRIx64 ", %#" PRIx64 ", %#" PRIx64 ", %#" PRIx64 "): %s",
                    name_of(request), request->op, request->args[0], request->args[1], request->args[2],
                    request->args[3], strerror(-rc));
    answer->reply.error = rc < 0 ? -rc : 0;
    answer->reply.value = rc < 0 ? 0 : rc;
    send_answer(answer);
}

static void serve_open(void)
{
    struct answer answer = { .fd = -1 };
    int rc = open_device(&broker.request.address, &answer);

    /* Until then no other request is read. */
    if (rc == -EAGAIN && broker.looks++ < LOOKS &&
        !loop_start_timer(broker.platform->loop, &broker.look_again, LOOK_AGAIN_MS)) {
        broker.socket.events = 0;
        return;
    }
    broker.socket.events = POLLIN;
    finish(&broker.request, rc, &answer);
}

static void look_again(void *data)
{
    serve_open();
}

static void serve(const struct pci_request *request)
{
    struct answer answer = { .fd = -1 };
    struct slot *slot = find_slot(&request->address);
    int rc;

    if (request->op == PCI_OP_OPEN) {
        broker.request = *request;
        broker.looks = 0;
        serve_open();
        return;
    }
    if (request->op >= PCI_OP_COUNT || !operations[request->op])
        rc = -EINVAL;
    else
        rc = slot ? operations[request->op](slot, request->args, &answer) : -ENODEV;
    finish(request, rc, &answer);
}

static void socket_ready(void *data, short revents)
{
    struct pci_request request;
    ssize_t got = recv(broker.socket.fd, &request, sizeof(request), MSG_DONTWAIT | MSG_TRUNC);

    if (got == sizeof(request)) {
        serve(&request);
    } else if (got > 0) {
        log_warning("PCI: QEMU sent %zd bytes, which is no request", got);
    } else if (!got || errno != EAGAIN) {
        loop_remove_fd(broker.platform->loop, &broker.socket);
        close(broker.socket.fd);
        broker.socket.fd = -1;
    }
}

bool linux_pci_possible(void)
{
    return access("/proc/bus/pci", F_OK) == 0;
}

/* libxl adds devices through QEMU's monitor, and does not know of the broker. So -global tells each device of it. */
static void tell_qemu(struct linux_platform *platform, int fd)
{
    static char option[64];
    static const char *const options[] = { "-global", option, NULL };

    snprintf(option, sizeof(option), "xen-pci-passthrough.broker=%d", fd);
    platform->base.qemu_options = options;
}

int linux_pci_init(struct linux_platform *platform)
{
    int ends[2], rc;

    if (!linux_pci_possible())
        return 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    broker.platform = platform;
    broker.look_again = (struct loop_timer){ .fired = look_again };
    broker.socket = (struct loop_fd){ .fd = ends[0], .events = POLLIN, .ready = socket_ready };
    rc = loop_add_fd(platform->loop, &broker.socket);
    if (!rc)
        rc = linux_pass_fd(platform, ends[1]);
    if (!rc)
        tell_qemu(platform, ends[1]);
    return rc;
}
