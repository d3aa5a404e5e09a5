// sources: launcher/stubdom-init/linux-pci.c launcher/stubdom-init/pci-device.c
// cflags: -DPCI_FOLDER="\"/tmp/fuzz-init-pci\"" -Daccess=stub_access
/*
 * A QEMU that was taken over sends any packets to the broker of PCI passthrough. The broker may make hypercalls for our
 * guest only: for memory, ports and messages of an open device, and for interrupts that were mapped for this device and
 * not unmapped since. Each request gets one answer, and a packet that is no request gets none. No descriptor comes with
 * an error. When all devices are closed no interrupt is mapped.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "input.h"
#include "../unit/pci-folder.h"
#include "linux.h"
#include "log.h"
#include "pci-device.h"
#include "pci-xen.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <xenstore.h>

#define GUEST 7
#define DEVICES 2
#define PIRQS 8192

static struct loop loop;
static struct device_model model = { .guest = GUEST };
static int qemu; /* its end of the socket */
static struct input in;
static unsigned int now;                    /* the device of the current request */
static bool open_now[DEVICES], has[DEVICES][PIRQS], mapped[PIRQS];

/* The last address has no device. */
static const struct pci_address addresses[DEVICES + 1] = { { 0, 0, 0x80 }, { 1, 0xaf, 0xff }, { 0, 0, 0x88 } };
static const uint64_t memory[DEVICES][2] = { { 0xfea00000, 0xfea03fff }, { 0x2000000000, 0x20000fffff } };
static const uint64_t ports[DEVICES][2] = { { 0xc000, 0xc0ff }, { 0, 0 } };
#define IRQ 16

/* -------- Xen -------- */

static int any_answer(void)
{
    return take(&in, 1) % 4 ? 0 : -EBUSY;
}

static void must_be_ours(unsigned int guest)
{
    MUST(guest == GUEST && now < DEVICES && open_now[now]);
}

int pci_xen_init(struct pci_xen *xen, unsigned int guest)
{
    MUST(guest == GUEST);
    xen->call = (struct xencall_handle *)&loop;
    return 0;
}

void pci_xen_dispose(struct pci_xen *xen)
{
    xen->call = NULL;
}

int pci_xen_map_frames(struct pci_xen *xen, unsigned int guest, uint64_t gfn, uint64_t mfn, uint64_t count, bool add)
{
    must_be_ours(guest);
    MUST(count && mfn >= memory[now][0] >> 12 && mfn <= memory[now][1] >> 12);
    MUST(count - 1 <= (memory[now][1] >> 12) - mfn && gfn + count > gfn);
    return any_answer();
}

int pci_xen_map_ports(struct pci_xen *xen, unsigned int guest, uint32_t gport, uint32_t mport, uint32_t count,
                      bool add)
{
    must_be_ours(guest);
    MUST(count && gport <= 0xffff && mport >= ports[now][0] && mport <= ports[now][1]);
    MUST(ports[now][0] && count - 1 <= ports[now][1] - mport);
    return any_answer();
}

static int map(int pirq)
{
    int rc = any_answer();

    if (!rc && pirq >= 0 && pirq < PIRQS)
        has[now][pirq] = mapped[pirq] = true;
    return rc;
}

int pci_xen_map_intx(struct pci_xen *xen, unsigned int guest, unsigned int irq, int *pirq)
{
    must_be_ours(guest);
    MUST(irq == IRQ);
    *pirq = IRQ;
    return map(*pirq);
}

/* Returns the interrupt that is asked for, or any free one, or an impossible number. */
int pci_xen_map_msi(struct pci_xen *xen, unsigned int guest, const struct pci_address *address, int entry,
                    uint64_t table, int *pirq)
{
    must_be_ours(guest);
    MUST(!memcmp(address, &addresses[now], sizeof(*address)));
    MUST(entry >= 0 && entry < 2048 && (!table || table == memory[now][0]));
    MUST(*pirq < 0 || (*pirq < PIRQS && !has[!now][*pirq]));
    if (*pirq < 0)
        *pirq = take(&in, 1) % 8 ? 50 + (int)(take(&in, 1) % 64) : (int)take(&in, 4);
    if (*pirq >= 0 && *pirq < PIRQS && mapped[*pirq])
        return -EEXIST;
    return map(*pirq);
}

int pci_xen_unmap(struct pci_xen *xen, unsigned int guest, int pirq)
{
    MUST(guest == GUEST && now < DEVICES);
    if (pirq < 0 || pirq >= PIRQS)
        return -EINVAL; /* the broker gives back an impossible number at once */
    MUST(mapped[pirq] && has[now][pirq] && !has[!now][pirq]);
    mapped[pirq] = has[now][pirq] = false;
    return any_answer();
}

static int bind_pirq(unsigned int guest, int pirq)
{
    must_be_ours(guest);
    MUST(pirq >= 0 && pirq < PIRQS && has[now][pirq]);
    return any_answer();
}

int pci_xen_bind_intx(struct pci_xen *xen, unsigned int guest, int pirq, const uint64_t where[3], bool add)
{
    MUST(where[0] < 256 && where[1] < 32 && where[2] < 4);
    return bind_pirq(guest, pirq);
}

int pci_xen_bind_msi(struct pci_xen *xen, unsigned int guest, int pirq, const uint64_t message[3], bool add)
{
    MUST(message[0] < 256 && message[1] <= UINT32_MAX);
    return bind_pirq(guest, pirq);
}

/* -------- the stub domain -------- */

int linux_pass_fd(struct linux_platform *p, int fd)
{
    qemu = fd;
    return 0;
}

int stub_access(const char *path, int mode)
{
    return strcmp(path, "/proc/bus/pci") ? faccessat(AT_FDCWD, path, mode, 0) : 0;
}

void *xs_read(struct xs_handle *xs, xs_transaction_t t, const char *path, unsigned int *len)
{
    static const char *const nodes[][2] = {
        { "device/pci/0/backend", "/b" }, { "/b/num_devs", "2" },
        { "/b/dev-0", "0000:00:10.0" }, { "/b/vdev-0", "0000:00:00.00" },
        { "/b/dev-1", "0001:af:1f.7" }, { "/b/vdev-1", "0000:00:01.07" },
    };

    errno = ENOENT;
    for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
        if (!strcmp(nodes[i][0], path)) {
            *len = strlen(nodes[i][1]);
            return strdup(nodes[i][1]);
        }
    return NULL;
}

/* The broker writes nothing, and lists no folder: it knows the nodes' names. */
bool xs_write(struct xs_handle *xs, xs_transaction_t t, const char *path, const void *value, unsigned int len)
{
    MUST(false);
    return false;
}

char **xs_directory(struct xs_handle *xs, xs_transaction_t t, const char *path, unsigned int *count)
{
    MUST(false);
    return NULL;
}

static void make_device(const char *name, unsigned int n)
{
    char resources[512];

    snprintf(resources, sizeof(resources), "%#lx %#lx 0x140204\n%#lx %#lx %#x\n0 0 0\n0 0 0\n0 0 0\n0 0 0\n0 0 0\n",
             memory[n][0], memory[n][1], ports[n][0], ports[n][1], ports[n][1] ? 0x40101 : 0);
    MUST(pci_device_put(name, resources));
}

static void start_broker(void)
{
    static struct linux_platform platform;

    platform = (struct linux_platform){ .loop = &loop, .base.model = &model };
    loop_init(&loop, now_ms);
    MUST(!linux_pci_init(&platform));
}

/* -------- QEMU -------- */

/* Returns the error in the reply, or -1 if there is no reply. */
static int hear(void)
{
    struct pci_reply reply;
    union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(int))]; } control = {};
    struct iovec data = { .iov_base = &reply, .iov_len = sizeof(reply) };
    struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
                              .msg_controllen = sizeof(control) };
    ssize_t got;
    int fd;

    MUST(!loop_turn(&loop, 0));
    got = recvmsg(qemu, &message, MSG_DONTWAIT);
    if (got < 0)
        return -1;
    MUST(got == sizeof(reply) && reply.error >= 0);
    if (CMSG_FIRSTHDR(&message)) {
        memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
        close(fd);
        MUST(!reply.error);
    }
    return reply.error;
}

/* A number within or at the edges of what is allowed, or any other one. */
static uint64_t take_argument(unsigned int device)
{
    const uint64_t near[] = { 0, 1, 2, IRQ, 50 + take(&in, 1) % 64, memory[device][0], memory[device][0] >> 12,
                              memory[device][1] >> 12, ports[device][0], ports[device][1], UINT64_MAX, PIRQS - 1 };
    unsigned int kind = take(&in, 1) % 16;

    if (kind < ARRAY_SIZE(near))
        return near[kind] + take(&in, 1) % 4;
    return (uint64_t)take(&in, 4) << 32 * (kind % 2);
}

/* A device was closed: none of its interrupts is mapped any more. */
static void forget_all(unsigned int device)
{
    open_now[device] = false;
    memset(has[device], 0, sizeof(has[device]));
}

static int ask(const struct pci_request *request)
{
    bool was_open = now < DEVICES && open_now[now];
    int error;

    /* A device that is open and is opened again is closed first; opening alone makes no hypercall for the device. */
    MUST(send(qemu, request, sizeof(*request), 0) == sizeof(*request));
    error = hear();
    MUST(error >= 0 && (request->op == PCI_OP_OPEN || was_open || error));
    if (now < DEVICES && (request->op == PCI_OP_CLOSE || (request->op == PCI_OP_OPEN && !error)))
        forget_all(now);
    if (request->op == PCI_OP_OPEN)
        MUST(now < DEVICES || error);
    if (now < DEVICES && request->op == PCI_OP_OPEN && !error)
        open_now[now] = true;
    if (!error && request->op == PCI_OP_UNMAP)
        has[now][request->args[0]] = false;
    return error;
}

static void send_request(void)
{
    struct pci_request request = { .op = take(&in, 1) % (PCI_OP_COUNT + 1) };

    now = take(&in, 1) % (DEVICES + 1);
    request.address = addresses[now];
    for (int i = 0; i < 4; i++)
        request.args[i] = take_argument(now % DEVICES);
    ask(&request);
}

static void send_other(void)
{
    uint8_t packet[256] = { PCI_OP_OPEN };
    size_t len = 1 + take(&in, 1) % (sizeof(packet) - 1);

    if (len == sizeof(struct pci_request))
        len++;
    MUST(send(qemu, packet, len, 0) == (ssize_t)len && hear() == -1);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    log_set_sink(no_log, NULL);
    make_device("0000:00:00.0", 0);
    make_device("0000:00:01.7", 1);
    start_broker();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pci_request close_it = { .op = PCI_OP_CLOSE };

    in = (struct input){ data, size };
    while (in.size)
        if (take(&in, 1) % 8)
            send_request();
        else
            send_other();
    for (now = 0; now < DEVICES; now++) {
        close_it.address = addresses[now];
        ask(&close_it);
    }
    for (unsigned int pirq = 0; pirq < PIRQS; pirq++)
        MUST(!mapped[pirq]);
    return 0;
}
