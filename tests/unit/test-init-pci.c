// sources: launcher/stubdom-init/linux-pci.c launcher/stubdom-init/pci-device.c
// cflags: -DPCI_FOLDER="\"/tmp/test-init-pci\""
// wrap: xs_read pci_xen_init pci_xen_dispose pci_xen_map_frames pci_xen_map_ports pci_xen_map_intx pci_xen_map_msi
// wrap: pci_xen_unmap pci_xen_bind_intx pci_xen_bind_msi linux_pass_fd access
// libs: xenstore
/*
 * The broker of PCI passthrough: QEMU gets what belongs to its devices, and nothing else.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "linux.h"
#include "log.h"
#include "pci-device.h"
#include "pci-folder.h"
#include "pci-xen.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <xenstore.h>

#define GUEST 7

static struct loop loop;
static struct linux_platform platform;
static struct device_model model = { .guest = GUEST, .xs = (struct xs_handle *)&platform };
static int qemu;        /* its end of the socket */
static char calls[512]; /* Xen's calls since the last check */
static int next_pirq, xen_rc;
static int64_t clock_ms;

static int64_t now_ms(void)
{
    return clock_ms;
}

/* -------- Xen -------- */

#define CALL(...) call(guest, __VA_ARGS__)

static int call(unsigned int guest, const char *format, ...) PRINTF_LIKE(2, 3);

static int call(unsigned int guest, const char *format, ...)
{
    size_t used = strlen(calls);
    va_list args;

    assert_int_equal(guest, GUEST);
    va_start(args, format);
    vsnprintf(calls + used, sizeof(calls) - used, format, args);
    va_end(args);
    return xen_rc;
}

int __wrap_pci_xen_init(struct pci_xen *xen, unsigned int guest)
{
    xen->call = (struct xencall_handle *)&loop;
    return 0;
}

void __wrap_pci_xen_dispose(struct pci_xen *xen)
{
}

int __wrap_pci_xen_map_frames(struct pci_xen *xen, unsigned int guest, uint64_t gfn, uint64_t mfn, uint64_t count,
                              bool add)
{
    return CALL("frames %lx=%lx+%lx %d;", gfn, mfn, count, add);
}

int __wrap_pci_xen_map_ports(struct pci_xen *xen, unsigned int guest, uint32_t gport, uint32_t mport, uint32_t count,
                             bool add)
{
    return CALL("ports %x=%x+%x %d;", gport, mport, count, add);
}

int __wrap_pci_xen_map_intx(struct pci_xen *xen, unsigned int guest, unsigned int irq, int *pirq)
{
    *pirq = irq;
    return CALL("intx %u;", irq);
}

int __wrap_pci_xen_map_msi(struct pci_xen *xen, unsigned int guest, const struct pci_address *address, int entry,
                           uint64_t table, int *pirq)
{
    *pirq = next_pirq++;
    return CALL("msi %x:%x.%x %d %lx;", address->domain, address->bus, address->devfn, entry, table);
}

int __wrap_pci_xen_unmap(struct pci_xen *xen, unsigned int guest, int pirq)
{
    return CALL("unmap %d;", pirq);
}

int __wrap_pci_xen_bind_intx(struct pci_xen *xen, unsigned int guest, int pirq, const uint64_t where[3], bool bind)
{
    return CALL("intx %d at %lu.%lu.%lu %d;", pirq, where[0], where[1], where[2], bind);
}

int __wrap_pci_xen_bind_msi(struct pci_xen *xen, unsigned int guest, int pirq, const uint64_t message[3], bool bind)
{
    return CALL("msi %d to %lx %d;", pirq, message[0], bind);
}

/* -------- the stub domain -------- */

int __wrap_linux_pass_fd(struct linux_platform *p, int fd)
{
    qemu = fd;
    return 0;
}

int __real_access(const char *path, int mode);

int __wrap_access(const char *path, int mode)
{
    return strcmp(path, "/proc/bus/pci") ? __real_access(path, mode) : 0;
}

static void *value_of(const char *path)
{
    static const char *const nodes[][2] = {
        { "device/pci/0/backend", "/b" },
        { "/b/num_devs", "4" },
        { "/b/dev-0", "0000:00:10.0" }, { "/b/vdev-0", "0000:00:00.00" },
        { "/b/dev-2", "0001:af:1f.7" }, { "/b/vdev-2", "0000:00:01.07" }, /* dev-1 was detached */
        { "/b/dev-3", "0000:00:12.0" }, { "/b/vdev-3", "0000:00:02.00" }, /* not seen by the kernel yet */
    };

    for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
        if (!strcmp(nodes[i][0], path))
            return strdup(nodes[i][1]);
    return NULL;
}

void *__wrap_xs_read(struct xs_handle *xs, xs_transaction_t t, const char *path, unsigned int *len)
{
    char *value = value_of(path);

    *len = value ? strlen(value) : 0;
    errno = ENOENT;
    return value;
}

#define NONE "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
#define MEMORY "0x00000000fea00000 0x00000000fea03fff 0x0000000000140204\n"
#define PORTS "0x000000000000c000 0x000000000000c0ff 0x0000000000040101\n"
#define ROM "0x00000000fea80000 0x00000000feabffff 0x0000000000046200\n"

static const struct pci_address nvme = { 0, 0, 0x80 }, other = { 1, 0xaf, 0xff }, late = { 0, 0, 0x90 },
                                foreign = { 0, 0, 0x88 };

/* -------- QEMU -------- */

static struct pci_reply reply;
static int reply_fd;

static void hear(void)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {};
    struct iovec data = { .iov_base = &reply, .iov_len = sizeof(reply) };
    struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
                              .msg_controllen = sizeof(control) };

    if (reply_fd >= 0)
        close(reply_fd);
    reply_fd = -1;
    assert_int_equal(recvmsg(qemu, &message, MSG_DONTWAIT), sizeof(reply));
    if (CMSG_FIRSTHDR(&message))
        memcpy(&reply_fd, CMSG_DATA(&control.header), sizeof(reply_fd));
}

/* Sends a request. Returns the reply's error; `reply` has its value, `calls` the calls of Xen. */
static int ask(const struct pci_address *address, uint32_t op, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct pci_request request = { .op = op, .address = *address, .args = { a, b, c, d } };

    calls[0] = '\0';
    assert_int_equal(send(qemu, &request, sizeof(request), 0), sizeof(request));
    assert_int_equal(loop_turn(&loop, 0), 0);
    hear();
    return reply.error;
}

static int begin(void **state)
{
    char option[64];

    assert_int_equal(system("rm -rf " PCI_FOLDER), 0);
    assert_true(pci_device_put("0000:00:00.0", MEMORY NONE NONE PORTS NONE NONE ROM));
    assert_true(pci_device_put("0000:00:01.7", "0x00000000feb00000 0x00000000feb00fff 0x0000000000040200\n"
                               NONE NONE NONE NONE NONE NONE));
    next_pirq = 50;
    xen_rc = 0;
    reply_fd = -1;
    loop_init(&loop, now_ms);
    platform = (struct linux_platform){ .loop = &loop, .base.model = &model };
    assert_int_equal(linux_pci_init(&platform), 0);
    snprintf(option, sizeof(option), "xen-pci-passthrough.broker=%d", qemu);
    assert_string_equal(platform.base.qemu_options[0], "-global");
    assert_string_equal(platform.base.qemu_options[1], option);
    assert_int_equal(ask(&nvme, PCI_OP_OPEN, 0, 0, 0, 0), 0);
    return 0;
}

static int end(void **state)
{
    ask(&nvme, PCI_OP_CLOSE, 0, 0, 0, 0);
    ask(&other, PCI_OP_CLOSE, 0, 0, 0, 0);
    if (reply_fd >= 0)
        close(reply_fd);
    close(qemu);
    assert_int_equal(loop_turn(&loop, 0), 0); /* this one sees the end of the socket, the next one removes it */
    assert_int_equal(loop_turn(&loop, 0), 0);
    assert_int_equal(loop.fd_count, 0);
    return system("rm -rf " PCI_FOLDER);
}

static void test_open(void **state)
{
    char text[8] = "";

    assert_int_equal(reply.vendor, 0x1b36);
    assert_int_equal(reply.device, 0x10);
    assert_int_equal(reply.class_code, 0x10802);
    assert_int_equal(reply.irq, 16);
    assert_int_equal(reply.resources[0].start, 0xfea00000);
    assert_int_equal(reply.resources[0].end, 0xfea03fff);
    assert_int_equal(reply.resources[6].flags, 0x46200);
    assert_int_equal(pread(reply_fd, text, 3, 0), 3);
    assert_string_equal(text, "the");
    assert_int_equal(pwrite(reply_fd, "x", 1, 0), 1);
    assert_int_equal(ask(&nvme, PCI_OP_OPEN_BAR, 0, 0, 0, 0), 0);
    assert_int_equal(pread(reply_fd, text, 6, 0), 6);
    assert_int_equal(pwrite(reply_fd, "x", 1, 0), -1); /* it cannot be written */
    assert_int_equal(ask(&nvme, PCI_OP_OPEN_BAR, 1, 0, 0, 0), EINVAL);
    assert_int_equal(ask(&nvme, PCI_OP_OPEN_BAR, 3, 0, 0, 0), EINVAL); /* ports */
    assert_int_equal(ask(&nvme, PCI_OP_OPEN_BAR, 6, 0, 0, 0), EINVAL);
    assert_int_equal(ask(&nvme, PCI_OP_OPEN_BAR, 1ULL << 32, 0, 0, 0), EINVAL);
}

static void test_not_its_own(void **state)
{
    assert_int_equal(ask(&foreign, PCI_OP_OPEN, 0, 0, 0, 0), ENOENT);
    assert_int_equal(reply_fd, -1);
    assert_int_equal(ask(&foreign, PCI_OP_MEMORY, 0xf0000, 0xfea00, 1, 1), ENODEV);
    assert_int_equal(ask(&other, PCI_OP_MAP_INTX, 0, 0, 0, 0), ENODEV); /* it was not opened */
    assert_int_equal(ask(&nvme, 0, 0, 0, 0, 0), EINVAL);
    assert_int_equal(ask(&nvme, PCI_OP_COUNT, 0, 0, 0, 0), EINVAL);
    assert_int_equal(ask(&nvme, UINT32_MAX, 0, 0, 0, 0), EINVAL);
    assert_string_equal(calls, "");
}

static void test_memory_and_ports(void **state)
{
    static const uint64_t outside[][2] = {
        { 0xfe9ff, 1 }, { 0xfea04, 1 }, { 0xfea00, 5 }, { 0xfea00, 0x100000000 }, { 0, 1 }, { 0xfeb00, 1 },
        { UINT64_MAX, 2 }, { 0xfea00, UINT64_MAX }, { 0xfea00, 0 }, { 0xc, 1 },
    };

    assert_int_equal(ask(&nvme, PCI_OP_MEMORY, 0xf0000, 0xfea00, 4, 1), 0);
    assert_string_equal(calls, "frames f0000=fea00+4 1;");
    assert_int_equal(ask(&nvme, PCI_OP_MEMORY, 0xf0000, 0xfea03, 1, 0), 0);
    assert_int_equal(ask(&nvme, PCI_OP_MEMORY, 0xf0000, 0xfea80, 0x40, 1), 0); /* the ROM */
    for (size_t i = 0; i < ARRAY_SIZE(outside); i++) {
        assert_int_not_equal(ask(&nvme, PCI_OP_MEMORY, 0xf0000, outside[i][0], outside[i][1], 1), 0);
        assert_string_equal(calls, "");
    }
    assert_int_equal(ask(&nvme, PCI_OP_MEMORY, UINT64_MAX, 0xfea00, 1, 1), EINVAL);
    assert_int_equal(ask(&nvme, PCI_OP_MEMORY, 0xf0000, 0xfea00, 1, 2), EINVAL);
    assert_int_equal(ask(&nvme, PCI_OP_PORTS, 0xc100, 0xc000, 0x100, 1), 0);
    assert_string_equal(calls, "ports c100=c000+100 1;");
    assert_int_equal(ask(&nvme, PCI_OP_PORTS, 0xc100, 0xc000, 0x101, 1), EPERM);
    assert_int_equal(ask(&nvme, PCI_OP_PORTS, 0xc100, 0xcf8, 8, 1), EPERM);
    assert_int_equal(ask(&nvme, PCI_OP_PORTS, 0x10000, 0xc000, 1, 1), EINVAL);
    assert_string_equal(calls, "");
}

static void test_interrupts(void **state)
{
    assert_int_equal(ask(&nvme, PCI_OP_MAP_MSI, -1, 3, 0xfea00000, 0), 0);
    assert_string_equal(calls, "msi 0:0.80 3 fea00000;");
    assert_int_equal(reply.value, 50);
    assert_int_equal(ask(&nvme, PCI_OP_MAP_MSI, -1, 0, 0xfea04000, 0), EPERM);
    assert_int_equal(ask(&nvme, PCI_OP_MAP_MSI, -1, 2048, 0xfea00000, 0), EINVAL);
    assert_int_equal(ask(&nvme, PCI_OP_BIND_MSI, 50, 0x41, 0x1000, 0xf0000000), 0);
    assert_string_equal(calls, "msi 50 to 41 1;");
    assert_int_equal(ask(&nvme, PCI_OP_BIND_MSI, 51, 0x41, 0, 0), EPERM);
    assert_int_equal(ask(&nvme, PCI_OP_BIND_MSI, UINT64_MAX, 0x41, 0, 0), EPERM);
    assert_int_equal(ask(&nvme, PCI_OP_BIND_MSI, 50, 256, 0, 0), EINVAL);
    assert_int_equal(ask(&nvme, PCI_OP_UNMAP, 49, 0, 0, 0), EPERM);
    assert_int_equal(ask(&nvme, PCI_OP_UNMAP, 50, 0, 0, 0), 0);
    assert_string_equal(calls, "unmap 50;");
    assert_int_equal(ask(&nvme, PCI_OP_UNMAP, 50, 0, 0, 0), EPERM);
    xen_rc = -EBUSY;
    assert_int_equal(ask(&nvme, PCI_OP_MAP_MSI, -1, 0, 0xfea00000, 0), EBUSY);
    xen_rc = 0;
    assert_int_equal(ask(&nvme, PCI_OP_UNBIND_MSI, 51, 0x41, 0, 0), EPERM); /* this interrupt was not mapped */
}

/* Two devices share an INTx. An interrupt of one's own is not the other's. */
static void test_shared_interrupt(void **state)
{
    assert_int_equal(ask(&other, PCI_OP_OPEN, 0, 0, 0, 0), 0);
    assert_int_equal(ask(&nvme, PCI_OP_MAP_INTX, 0, 0, 0, 0), 0);
    assert_int_equal(reply.value, 16);
    assert_int_equal(ask(&other, PCI_OP_BIND_INTX, 16, 0, 5, 0), EPERM);
    assert_int_equal(ask(&other, PCI_OP_MAP_INTX, 0, 0, 0, 0), 0);
    assert_int_equal(ask(&nvme, PCI_OP_BIND_INTX, 16, 0, 5, 0), 0);
    assert_string_equal(calls, "intx 16 at 0.5.0 1;");
    assert_int_equal(ask(&nvme, PCI_OP_BIND_INTX, 16, 0, 32, 0), EINVAL);
    assert_int_equal(ask(&nvme, PCI_OP_BIND_INTX, 16, 0, 5, 4), EINVAL);
    assert_int_equal(ask(&nvme, PCI_OP_UNMAP, 16, 0, 0, 0), 0);
    assert_string_equal(calls, ""); /* the other device still has it */
    assert_int_equal(ask(&nvme, PCI_OP_MAP_MSI, -1, 0, 0xfea00000, 0), 0);
    assert_int_equal(ask(&other, PCI_OP_MAP_MSI, 50, 0, 0xfeb00000, 0), EBUSY);
    assert_int_equal(ask(&other, PCI_OP_CLOSE, 0, 0, 0, 0), 0);
    assert_string_equal(calls, "unmap 16;");
    assert_int_equal(ask(&nvme, PCI_OP_CLOSE, 0, 0, 0, 0), 0);
    assert_string_equal(calls, "unmap 50;");
}

/* QEMU may ask for a device before the kernel has found it. */
static void test_device_that_comes_late(void **state)
{
    struct pci_request request = { .op = PCI_OP_OPEN, .address = late };

    assert_int_equal(send(qemu, &request, sizeof(request), 0), sizeof(request));
    assert_int_equal(loop_turn(&loop, 0), 0);
    assert_int_equal(recv(qemu, &reply, sizeof(reply), MSG_DONTWAIT), -1);
    assert_true(pci_device_put("0000:00:02.0", MEMORY NONE NONE NONE NONE NONE NONE));
    clock_ms += 20;
    assert_int_equal(loop_turn(&loop, 0), 0);
    hear();
    assert_int_equal(reply.error, 0);
    assert_int_equal(ask(&late, PCI_OP_CLOSE, 0, 0, 0, 0), 0);

    assert_int_equal(system("rm -r " PCI_FOLDER "/0000:00:02.0"), 0);
    assert_int_equal(send(qemu, &request, sizeof(request), 0), sizeof(request));
    for (int i = 0; i < 251; i++, clock_ms += 20)
        assert_int_equal(loop_turn(&loop, 0), 0);
    hear();
    assert_int_equal(reply.error, EAGAIN);
}

static void test_no_request(void **state)
{
    char long_one[100] = { PCI_OP_OPEN };

    assert_int_equal(send(qemu, long_one, 1, 0), 1);
    assert_int_equal(send(qemu, long_one, sizeof(long_one), 0), sizeof(long_one));
    assert_int_equal(loop_turn(&loop, 0), 0);
    assert_int_equal(loop_turn(&loop, 0), 0);
    assert_int_equal(recv(qemu, &reply, sizeof(reply), MSG_DONTWAIT), -1);
    assert_int_equal(ask(&nvme, PCI_OP_MEMORY, 0xf0000, 0xfea00, 4, 1), 0);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_open),
        TEST(test_not_its_own),
        TEST(test_memory_and_ports),
        TEST(test_interrupts),
        TEST(test_shared_interrupt),
        TEST(test_device_that_comes_late),
        TEST(test_no_request),
    };

    return cmocka_run_group_tests_name("init-pci", tests, NULL, NULL);
}
