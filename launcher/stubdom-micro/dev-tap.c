/*
 * /dev/net/tun, as far as the launcher and QEMU's tap backend use it: taps, each joined to one
 * of the domain's vifs by MICRO_TAP_JOIN (micro-abi.h). What becomes of the frames is in ../xen-layer/tap.c.
 *
 * Sources: Linux's linux/if_tun.h, drivers/net/tun.c.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "micro.h"

#include "../xen-layer/tap.h"
#include "micro-abi.h"

#include <linux/errno.h>
#include <linux/if_tun.h>

#ifndef S_IFCHR
#define S_IFCHR 0020000
#endif
#define TUN_DEVICE (10 << 8 | 200)
#define NAME_SIZE 16                 /* IFNAMSIZ */
#define IFREQ_SIZE 40                /* sizeof(struct ifreq) */
#define FLAGS_NEEDED (IFF_TAP | IFF_NO_PI)
#define FLAGS_KNOWN (FLAGS_NEEDED | IFF_VNET_HDR)

/* The start of Linux's struct ifreq. */
struct tap_request { char name[NAME_SIZE]; int16_t flags; };

struct tap {
    struct pv_tap tap;               /* must be first; the reader sets its offloads and header_size */
    struct file *file;
    char name[NAME_SIZE];
    unsigned int flags;              /* IFF_*; 0: it is not a tap yet */
    int header_size, send_buffer, little_endian;
    bool joining;
    struct frame_filter_insn *program;
};

/* ---- reading and writing ---- */

static void changed(struct pv_tap *tap)
{
    file_changed(((struct tap *)tap)->file);
}

static int get(void *arg, void *to, size_t size)
{
    return iter_get(arg, to, size);
}

static int put(void *arg, const void *from, size_t size)
{
    return iter_put(arg, from, size);
}

static long tap_write(struct file *file, struct user_iter *from, uint64_t pos)
{
    struct tap *tap = file->data;
    struct user_iter iter = *from;
    long rc;

    if (!tap->flags)
        return -EBADFD;
    rc = pv_tap_write(&tap->tap, from->left, get, &iter);
    if (rc >= 0)
        from->left = 0;
    return rc;
}

static long tap_read(struct file *file, struct user_iter *to, uint64_t pos)
{
    struct tap *tap = file->data;

    return tap->flags ? pv_tap_read(&tap->tap, to->left, put, to) : -EBADFD;
}

static unsigned int tap_poll(struct file *file)
{
    struct tap *tap = file->data;

    if (!tap->flags)
        return POLLERR;
    return (pv_tap_readable(&tap->tap) ? POLLIN | POLLRDNORM : 0) |
           (pv_tap_writable(&tap->tap) ? POLLOUT | POLLWRNORM : 0);
}

/* ---- ioctl ---- */

static long get_features(struct tap *tap, uintptr_t arg)
{
    const unsigned int features = FLAGS_KNOWN;

    return user_write(arg, &features, sizeof(features));
}

static void use_header(struct tap *tap)
{
    tap->tap.header_size = tap->flags & IFF_VNET_HDR ? (size_t)tap->header_size : 0;
}

static long set_interface(struct tap *tap, uintptr_t arg)
{
    struct tap_request request;

    if (user_read(&request, arg, sizeof(request)))
        return -PV_EFAULT;
    if (tap->flags)
        return -PV_EEXIST;
    if (task_uid() != MICRO_ROOT)
        return -PV_EPERM;
    if ((request.flags & FLAGS_NEEDED) != FLAGS_NEEDED || request.flags & ~FLAGS_KNOWN ||
        !request.name[0])
        return -PV_EINVAL;
    pv_copy(tap->name, request.name, NAME_SIZE - 1);
    tap->flags = (unsigned int)request.flags;
    use_header(tap);
    return 0;
}

static long get_interface(struct tap *tap, uintptr_t arg)
{
    union { struct tap_request request; uint8_t octets[IFREQ_SIZE]; } reply = { .octets = { 0 } };

    pv_copy(reply.request.name, tap->name, NAME_SIZE);
    reply.request.flags = (int16_t)tap->flags;
    return user_write(arg, &reply, sizeof(reply));
}

/*
 * As on Linux, segments are taken only together with blank checksums. UFO and USO are accepted, although no backend
 * sends UDP segments: a reader that takes them may also write them. An unknown offload is refused: that is how QEMU
 * learns that it is missing.
 */
static long set_offloads(struct tap *tap, uintptr_t arg)
{
    const unsigned int tso = TUN_F_TSO4 | TUN_F_TSO6, uso = TUN_F_USO4 | TUN_F_USO6;

    if (arg & ~(uintptr_t)(TUN_F_CSUM | tso | TUN_F_TSO_ECN | TUN_F_UFO | uso) || (arg && !(arg & TUN_F_CSUM)) ||
        (arg & TUN_F_TSO_ECN && !(arg & tso)) || (arg & uso && (arg & uso) != uso))
        return -PV_EINVAL;
    tap->tap.offloads = (arg & TUN_F_CSUM ? PV_OFFLOAD_CSUM4 | PV_OFFLOAD_CSUM6 : 0U) |
                        (arg & TUN_F_TSO4 ? PV_OFFLOAD_GSO4 : 0U) | (arg & TUN_F_TSO6 ? PV_OFFLOAD_GSO6 : 0U);
    return 0;
}

static long get_int(int value, uintptr_t arg)
{
    return user_write(arg, &value, sizeof(value));
}

static int set_int(int *to, uintptr_t arg, int min, int max)
{
    int value;

    if (user_read(&value, arg, sizeof(value)))
        return -PV_EFAULT;
    if (value < min || value > max)
        return -PV_EINVAL;
    *to = value;
    return 0;
}

static long get_header_size(struct tap *tap, uintptr_t arg)
{
    return get_int(tap->header_size, arg);
}

static long get_send_buffer(struct tap *tap, uintptr_t arg)
{
    return get_int(tap->send_buffer, arg);
}

static long get_little_endian(struct tap *tap, uintptr_t arg)
{
    return get_int(!!tap->little_endian, arg);
}

static long set_header_size(struct tap *tap, uintptr_t arg)
{
    int rc = set_int(&tap->header_size, arg, sizeof(struct tap_header), PV_TAP_HEADER_MAX);

    use_header(tap);
    return rc;
}

/* The value is kept and not used: the NIC bounds what is under way. */
static long set_send_buffer(struct tap *tap, uintptr_t arg)
{
    return set_int(&tap->send_buffer, arg, 1, INT32_MAX);
}

/* The value is kept and not used: the machine is little-endian. */
static long set_little_endian(struct tap *tap, uintptr_t arg)
{
    return set_int(&tap->little_endian, arg, INT32_MIN, INT32_MAX);
}

static int read_program(const struct micro_tap_join *join, struct frame_filter_insn **program)
{
    size_t size = join->count * sizeof(**program);

    if (!join->count || join->count > FRAME_FILTER_MAX_INSNS)
        return -PV_EINVAL;
    *program = pv_alloc(size);
    if (!*program)
        return -PV_ENOMEM;
    if (user_read(*program, join->program, size))
        return -PV_EFAULT;
    return frame_program_valid(*program, join->count) ? 0 : -PV_EINVAL;
}

static int connect(struct tap *tap, const struct micro_tap_join *request)
{
    int rc = read_program(request, &tap->program);

    tap->tap.program = tap->program;
    return rc ? rc : pv_tap_open(&tap->tap, request->vif);
}

static void disconnect(struct tap *tap)
{
    pv_tap_close(&tap->tap);
    pv_free(tap->program);
    tap->program = NULL;
}

/* Sleeps. A second caller is refused meanwhile. */
static long join(struct tap *tap, uintptr_t arg)
{
    struct micro_tap_join request;
    int rc;

    if (task_uid() != MICRO_ROOT)
        return -PV_EPERM;
    if (tap->tap.nic || tap->joining)
        return -PV_EBUSY;
    if (user_read(&request, arg, sizeof(request)))
        return -PV_EFAULT;
    tap->joining = true;
    rc = connect(tap, &request);
    tap->joining = false;
    if (rc)
        disconnect(tap);
    else
        file_changed(tap->file);
    return rc;
}

static const struct {
    unsigned int command;
    bool early; /* allowed before TUNSETIFF, too */
    long (*run)(struct tap *tap, uintptr_t arg);
} commands[] = {
    { TUNGETFEATURES, true, get_features },
    { TUNSETIFF, true, set_interface },
    { TUNGETIFF, false, get_interface },
    { TUNSETOFFLOAD, false, set_offloads },
    { TUNGETVNETHDRSZ, false, get_header_size },
    { TUNSETVNETHDRSZ, false, set_header_size },
    { TUNGETSNDBUF, false, get_send_buffer },
    { TUNSETSNDBUF, false, set_send_buffer },
    { TUNGETVNETLE, false, get_little_endian },
    { TUNSETVNETLE, false, set_little_endian },
    { MICRO_TAP_JOIN, false, join },
};

static long tap_ioctl(struct file *file, unsigned int command, uintptr_t arg)
{
    struct tap *tap = file->data;

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (commands[i].command == command)
            return tap->flags || commands[i].early ? commands[i].run(tap, arg) : -EBADFD;
    return tap->flags ? -PV_EINVAL : -EBADFD;
}

/* ---- the device ---- */

static void tap_stat(struct file *file, struct stat *st)
{
    st->st_mode = S_IFCHR | 0600;
    st->st_rdev = TUN_DEVICE;
}

static void tap_close(struct file *file)
{
    struct tap *tap = file->data;

    disconnect(tap);
    pv_free(tap);
}

static const struct file_ops tap_ops = {
    .read = tap_read,
    .write = tap_write,
    .poll = tap_poll,
    .ioctl = tap_ioctl,
    .stat = tap_stat,
    .close = tap_close,
};

static int tap_open(void *arg, int flags, struct file **file)
{
    struct tap *tap = pv_alloc(sizeof(*tap));

    if (!tap)
        return -PV_ENOMEM;
    *file = file_new(&tap_ops, flags, tap);
    if (!*file) {
        pv_free(tap);
        return -PV_ENOMEM;
    }
    tap->file = *file;
    tap->tap.changed = changed;
    tap->header_size = sizeof(struct tap_header);
    tap->send_buffer = INT32_MAX;
    return 0;
}

/* A vif came or went. The launcher waits for the uevent. */
static void vifs_changed(void *arg, const char *path)
{
    static const char end[] = "/backend";
    size_t length = pv_strlen(path);

    if (length >= sizeof(end) && pv_streq(path + length - (sizeof(end) - 1), end))
        uevent_send("change@/devices/vif");
}

int dev_tap_init(void)
{
    static struct pv_watch *watch; /* never removed */
    int rc = device_add("/dev/net/tun", S_IFCHR | 0600, TUN_DEVICE, tap_open, NULL);

    return rc ? rc : pv_watch("device/vif", vifs_changed, NULL, &watch);
}
