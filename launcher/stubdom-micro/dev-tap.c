/*
 * /dev/net/tun, as far as the launcher and QEMU's tap backend use it: taps, each joined to one
 * of the domain's vifs by MICRO_TAP_JOIN (micro-abi.h). Between the two there are a firewall's
 * program, for what is written, and a queue, for what arrives; nothing learns or reads addresses.
 *
 * What virtio-net leaves to others (checksums, TCP segments) is left to dom0 as far as its
 * backend does it, and done here otherwise, as what is UDP's always is; the same for what the reader
 * does not take (TUNSETOFFLOAD).
 *
 * A full NIC: virtio-net, whose frames wait in the guest, waits for room. All other models'
 * frames are lost, as on Linux: QEMU would keep up to 10000 of them in its own memory. What
 * tells them apart is the size of the header, which virtio-net changes.
 *
 * Sources: Linux's linux/if_tun.h, linux/virtio_net.h, drivers/net/tun.c.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "micro.h"

#include "../xen-layer/frame.h"
#include "frame-program.h"
#include "micro-abi.h"
#include "tap-frame.h"
#include "tap-queue.h"

#include <linux/errno.h>
#include <linux/if_tun.h>
#include <xen/io/netif.h>

#ifndef S_IFCHR
#define S_IFCHR 0020000
#endif
#define TUN_DEVICE (10 << 8 | 200)
#define NAME_SIZE 16                 /* IFNAMSIZ */
#define IFREQ_SIZE 40                /* sizeof(struct ifreq) */
#define HEADER_MAX 64                /* in front of a frame: struct virtio_net_hdr and more */
#define FLAGS_NEEDED (IFF_TAP | IFF_NO_PI)
#define FLAGS_KNOWN (FLAGS_NEEDED | IFF_VNET_HDR)
#define FRAME_PAGES ((PV_FRAME_MAX + FRAME_GROWTH + PV_PAGE - 1) / PV_PAGE)

/* The start of Linux's struct ifreq. */
struct tap_request { char name[NAME_SIZE]; int16_t flags; };

struct tap {
    struct file *file;
    char name[NAME_SIZE];
    unsigned int flags;              /* IFF_*; 0: it is not a tap yet */
    unsigned int offloads;           /* TUN_F_*: what the reader takes */
    int header_size, send_buffer, little_endian;
    bool joining;
    struct pv_nic *nic;              /* NULL: not joined */
    struct frame_filter_insn *program;
    struct tap_queue queue;
    bool cutting;                    /* the queue's first frame is being read in pieces */
    struct frame_cut in;
    bool blocked;                    /* the NIC had no room; it will tell */
    uint8_t *out_frame;              /* being sent in pieces; NULL: none is */
    struct frame_cut out;
    struct pv_frame_info out_info;   /* of the present piece */
};

/*
 * What is written is copied here before anybody looks at it. One for all taps, as writing does not
 * sleep; a tap whose frame does not leave at once keeps it, and the next writer gets another.
 */
static uint8_t *spare_frame;
static unsigned int taps;

static uint8_t *frame_take(void)
{
    uint8_t *frame = spare_frame ? spare_frame : pv_pages_alloc(FRAME_PAGES, 1);

    spare_frame = NULL;
    return frame;
}

static void frame_give(uint8_t *frame)
{
    if (!frame)
        return;
    if (spare_frame || !taps)
        pv_pages_put(frame);
    else
        spare_frame = frame;
}

static size_t header_size(const struct tap *tap)
{
    return tap->flags & IFF_VNET_HDR ? (size_t)tap->header_size : 0;
}

/* ---- from the writer ---- */

/* VLAN tags, and frames that are too long for the ring, are beyond backends. */
static bool backend_does(const struct tap *tap, const struct pv_frame_info *info,
                         const uint8_t *frame, size_t size)
{
    unsigned int offloads = pv_nic_offloads(tap->nic);
    struct frame_layout layout;

    if (size > XEN_NETIF_MAX_TX_SIZE || frame_parse(frame, size, false, &layout))
        return false;
    if (info->gso && (!layout.tcp || !(offloads & (layout.v6 ? PV_OFFLOAD_GSO6 : PV_OFFLOAD_GSO4))))
        return false;
    return offloads & (layout.v6 ? PV_OFFLOAD_CSUM6 : PV_OFFLOAD_CSUM4);
}

static void settle_checksum(const struct tap *tap, struct pv_frame_info *info, uint8_t *frame,
                            size_t size)
{
    if (!info->csum_blank || backend_does(tap, info, frame, size))
        return;
    frame_write_checksum(frame, size, info->csum_start, info->csum_offset);
    info->csum_blank = false;
}

static bool next_piece(struct tap *tap)
{
    struct frame_cut *out = &tap->out;

    if (!frame_cut_next(out))
        return false;
    tap->out_info = (struct pv_frame_info){
        .csum_blank = out->blank,
        .csum_start = out->layout.transport,
        .csum_offset = out->layout.checksum,
    };
    settle_checksum(tap, &tap->out_info, out->piece, out->piece_size);
    return true;
}

/* As many pieces as there is room for. A NIC that has gone loses the rest. */
static void send_pieces(struct tap *tap)
{
    const struct frame_cut *out = &tap->out;

    do {
        int rc = pv_nic_send(tap->nic, &tap->out_info, out->piece, out->piece_size);

        tap->blocked = rc == -PV_EAGAIN;
        if (tap->blocked)
            return;
    } while (next_piece(tap));
    frame_give(tap->out_frame);
    tap->out_frame = NULL;
}

/* Of a datagram's fragments: not the same as of others of late, and nobody's to guess. */
static uint32_t new_ident(void)
{
    static uint32_t ident;

    if (pv_random(&ident, sizeof(ident)))
        ident++;
    return ident;
}

/* Takes the frame over. */
static int send_in_pieces(struct tap *tap, const struct pv_frame_info *info, uint8_t *frame,
                          size_t size)
{
    if (frame_cut_init(&tap->out, frame, size, info->gso, info->gso_size)) {
        frame_give(frame);
        return -PV_EINVAL;
    }
    tap->out_frame = frame;
    tap->out.ident = new_ident();
    next_piece(tap);
    send_pieces(tap);
    return 0;
}

/* Takes the frame over. 0, also when it is lost; -PV_EAGAIN; -PV_EINVAL. */
static int send_frame(struct tap *tap, struct pv_frame_info *info, uint8_t *frame, size_t size)
{
    int rc;

    if (info->gso && !backend_does(tap, info, frame, size))
        return send_in_pieces(tap, info, frame, size);
    settle_checksum(tap, info, frame, size);
    rc = pv_nic_send(tap->nic, info, frame, size);
    frame_give(frame);
    tap->blocked = rc == -PV_EAGAIN;
    return rc == -PV_ENODEV ? 0 : rc;
}

/* The NIC has room again, or has gone. */
static void room(void *arg)
{
    struct tap *tap = arg;

    tap->blocked = false;
    if (tap->out_frame)
        send_pieces(tap);
    if (!tap->blocked)
        file_changed(tap->file);
}

static int gather(const struct tap *tap, struct user_iter *from, struct virtio_net_hdr *header,
                  uint8_t *frame)
{
    size_t left = header_size(tap);
    uint8_t rest[HEADER_MAX];
    int rc = 0;

    *header = (struct virtio_net_hdr){ 0 };
    if (left)
        rc = iter_get(from, header, sizeof(*header));
    if (!rc && left > sizeof(*header))
        rc = iter_get(from, rest, left - sizeof(*header));
    return rc ? rc : iter_get(from, frame, from->left);
}

/* 0: it has left, or was not to. */
static int write_frame(struct tap *tap, struct user_iter *from)
{
    size_t size = from->left - header_size(tap);
    struct virtio_net_hdr header;
    struct pv_frame_info info;
    uint8_t *frame = frame_take();
    bool pass;
    int rc;

    if (!frame)
        return -PV_ENOMEM;
    rc = gather(tap, from, &header, frame);
    if (!rc)
        rc = tap_settle(&header, frame, size, &info);
    pass = !rc && frame_program_passes(tap->program, frame, size);
    if (pass)
        return send_frame(tap, &info, frame, size);
    frame_give(frame);
    return rc;
}

static long tap_write(struct file *file, struct user_iter *from, uint64_t pos)
{
    struct tap *tap = file->data;
    struct user_iter iter = *from;
    size_t total = from->left;
    int rc;

    if (!tap->flags)
        return -EBADFD;
    if (!tap->nic)
        return -PV_EIO; /* Linux's answer for an interface that is down */
    if (total < header_size(tap) + FRAME_ETH || total - header_size(tap) > PV_FRAME_MAX)
        return -PV_EINVAL;
    rc = tap->blocked ? -PV_EAGAIN : write_frame(tap, &iter);
    if (rc == -PV_EAGAIN && tap->header_size == sizeof(struct virtio_net_hdr))
        rc = 0;
    if (rc)
        return rc;
    from->left = 0;
    return (long)total;
}

/* ---- to the reader ---- */

static void got(void *arg, const struct pv_frame_info *info, const void *frame, size_t size)
{
    struct tap *tap = arg;
    bool was_empty = !tap_queue_first(&tap->queue);

    if (tap_queue_put(&tap->queue, info, frame, size) && was_empty)
        file_changed(tap->file);
    if (!tap_queue_has_room(&tap->queue))
        pv_nic_accept(tap->nic, false);
}

static bool reader_takes_segments(const struct tap *tap, uint8_t gso)
{
    return tap->offloads & (gso == XEN_NETIF_GSO_TYPE_TCPV6 ? TUN_F_TSO6 : TUN_F_TSO4);
}

static void drop_first(struct tap *tap)
{
    tap->cutting = false;
    tap_queue_drop_first(&tap->queue);
}

/* What is read by one call. */
struct portion { struct pv_frame_info info; uint8_t *octets; size_t size; };

/* False: nothing of this frame can be read. */
static bool cut_first(struct tap *tap, struct tap_frame *first, struct portion *portion)
{
    struct frame_cut *in = &tap->in;

    if (!tap->cutting &&
        frame_cut_init(in, first->octets, first->size, first->info.gso, first->info.gso_size))
        return false;
    tap->cutting = true;
    if (!frame_cut_next(in))
        return false;
    *portion = (struct portion){
        .info = {
            .csum_blank = true,
            .csum_start = in->layout.transport,
            .csum_offset = in->layout.checksum,
        },
        .octets = in->piece,
        .size = in->piece_size,
    };
    return true;
}

/*
 * What the next read gets; false: nothing is there. A frame that was begun in pieces ends so,
 * whatever the reader says meanwhile.
 */
static bool next_portion(struct tap *tap, struct portion *portion)
{
    struct tap_frame *first;

    while ((first = tap_queue_first(&tap->queue))) {
        *portion = (struct portion){ first->info, first->octets, first->size };
        if (!tap->cutting && (!first->info.gso || reader_takes_segments(tap, first->info.gso)))
            break;
        if (cut_first(tap, first, portion))
            break;
        drop_first(tap);
    }
    if (!first)
        return false;
    if (portion->info.csum_blank && !(tap->offloads & TUN_F_CSUM)) {
        frame_write_checksum(portion->octets, portion->size, portion->info.csum_start,
                             portion->info.csum_offset);
        portion->info.csum_blank = false;
    }
    return true;
}

/* The portion has been read, or is lost. Its memory may be used anew from here on. */
static void portion_done(struct tap *tap)
{
    if (!tap->cutting || frame_cut_at_end(&tap->in))
        drop_first(tap);
    if (tap_queue_has_room(&tap->queue))
        pv_nic_accept(tap->nic, true);
}

static int put_portion(const struct tap *tap, const struct portion *portion, struct user_iter *to)
{
    union { struct virtio_net_hdr header; uint8_t octets[HEADER_MAX]; } head = { .octets = { 0 } };
    size_t before = header_size(tap);
    int rc = 0;

    if (to->left < before)
        return -PV_EINVAL;
    tap_describe(&portion->info, &head.header);
    if (before)
        rc = iter_put(to, &head, before);
    if (rc)
        return rc;
    return iter_put(to, portion->octets, portion->size < to->left ? portion->size : to->left);
}

/* A reader with too little room gets the beginning. */
static long tap_read(struct file *file, struct user_iter *to, uint64_t pos)
{
    struct tap *tap = file->data;
    size_t room_for = to->left, total;
    struct portion portion;
    int rc;

    if (!tap->flags)
        return -EBADFD;
    if (!tap->nic || !next_portion(tap, &portion))
        return -PV_EAGAIN;
    rc = put_portion(tap, &portion, to);
    portion_done(tap);
    if (rc)
        return rc;
    total = header_size(tap) + portion.size;
    return (long)(total < room_for ? total : room_for);
}

static unsigned int tap_poll(struct file *file)
{
    struct tap *tap = file->data;

    if (!tap->flags)
        return POLLERR;
    if (!tap->nic)
        return 0;
    return (tap_queue_first(&tap->queue) ? POLLIN | POLLRDNORM : 0) |
           (tap->blocked ? 0 : POLLOUT | POLLWRNORM);
}

/* ---- ioctl ---- */

static long get_features(struct tap *tap, uintptr_t arg)
{
    const unsigned int features = FLAGS_KNOWN;

    return user_write(arg, &features, sizeof(features));
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
 * Whoever takes segments takes blank checksums. UDP's never come from a backend, but whoever takes them is one
 * that may write them. Asking for what is not here is how QEMU learns that.
 */
static long set_offloads(struct tap *tap, uintptr_t arg)
{
    const unsigned int tso = TUN_F_TSO4 | TUN_F_TSO6, uso = TUN_F_USO4 | TUN_F_USO6;

    if (arg & ~(uintptr_t)(TUN_F_CSUM | tso | TUN_F_TSO_ECN | TUN_F_UFO | uso) || (arg && !(arg & TUN_F_CSUM)) ||
        (arg & TUN_F_TSO_ECN && !(arg & tso)) || (arg & uso && (arg & uso) != uso))
        return -PV_EINVAL;
    tap->offloads = (unsigned int)arg;
    return 0;
}

static long get_int(int value, uintptr_t arg)
{
    return user_write(arg, &value, sizeof(value));
}

static long set_int(int *to, uintptr_t arg, int min, int max)
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
    return set_int(&tap->header_size, arg, sizeof(struct virtio_net_hdr), HEADER_MAX);
}

/* Nothing follows from it: what is under way is bounded by the NIC. */
static long set_send_buffer(struct tap *tap, uintptr_t arg)
{
    return set_int(&tap->send_buffer, arg, 1, INT32_MAX);
}

/* Nor from this: so is the machine. */
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

/* There is a frame to write into, or none could ever be written. */
static int reserve_frame(void)
{
    frame_give(frame_take());
    return spare_frame ? 0 : -PV_ENOMEM;
}

static int connect(struct tap *tap, const struct micro_tap_join *request)
{
    struct pv_nic *nic = NULL;
    int rc = read_program(request, &tap->program);

    if (!rc)
        rc = reserve_frame();
    if (!rc)
        rc = tap_queue_init(&tap->queue);
    if (!rc)
        rc = pv_nic_open(request->vif, got, room, tap, &nic);
    if (rc)
        return rc;
    tap->nic = nic;
    pv_nic_accept(nic, true);
    return 0;
}

static void disconnect(struct tap *tap)
{
    if (tap->nic)
        pv_nic_close(tap->nic);
    tap->nic = NULL;
    tap_queue_dispose(&tap->queue);
    pv_free(tap->program);
    tap->program = NULL;
}

/* Sleeps: of two callers the second one is refused. */
static long join(struct tap *tap, uintptr_t arg)
{
    struct micro_tap_join request;
    int rc;

    if (task_uid() != MICRO_ROOT)
        return -PV_EPERM;
    if (tap->nic || tap->joining)
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
    bool early; /* before TUNSETIFF, too */
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
    taps--;
    frame_give(tap->out_frame);
    pv_free(tap);
    if (!taps && spare_frame) {
        pv_pages_put(spare_frame);
        spare_frame = NULL;
    }
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
    tap->header_size = sizeof(struct virtio_net_hdr);
    tap->send_buffer = INT32_MAX;
    taps++;
    return 0;
}

/* A vif came or went: the launcher waits for those that its guest has. */
static void vifs_changed(void *arg, const char *path)
{
    static const char end[] = "/backend";
    size_t length = pv_strlen(path);

    if (length >= sizeof(end) && pv_streq(path + length - (sizeof(end) - 1), end))
        uevent_send("change@/devices/vif");
}

int dev_tap_init(void)
{
    static struct pv_watch *watch; /* for ever */
    int rc = device_add("/dev/net/tun", S_IFCHR | 0600, TUN_DEVICE, tap_open, NULL);

    return rc ? rc : pv_watch("device/vif", vifs_changed, NULL, &watch);
}
