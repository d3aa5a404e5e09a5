/*
 * A vif of the stub domain, joined to a descriptor that QEMU takes for a tap (platform.h). ../xen-layer/tap.c moves the
 * frames. QEMU reads and writes them here, without the rump kernel.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "rump.h"

#include "handle.h"
#include "log.h"
#include "tap.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/*
 * dom0 is notified of so many octets at once: 32 ordinary frames, of the 128 that the ring has room for, or one large
 * one.
 */
#define GATHER (32UL * 1514)

struct joint {
    struct host_handle handle;      /* must be first */
    struct pv_tap tap;
    unsigned int devid;
    struct frame_filter firewall;
};

/* ---- reading and writing ---- */

static struct pv_tap *tap_of(struct host_handle *handle)
{
    return &((struct joint *)handle)->tap;
}

/* Called by the layer. */
static void changed(struct pv_tap *tap)
{
    host_handle_wake((struct host_handle *)((char *)tap - offsetof(struct joint, tap)));
}

static short joint_ready(const struct host_handle *handle)
{
    const struct pv_tap *tap = &((const struct joint *)handle)->tap;

    return (short)((pv_tap_readable(tap) ? POLLIN | POLLRDNORM : 0) |
                   (pv_tap_writable(tap) ? POLLOUT | POLLWRNORM : 0));
}

static int put(void *arg, const void *from, size_t size)
{
    uint8_t **to = arg;

    memcpy(*to, from, size);
    *to += size;
    return 0;
}

static long joint_read(struct host_handle *handle, void *to, size_t size)
{
    return pv_tap_read(tap_of(handle), size, put, &to);
}

struct pieces { const struct iovec *iov; size_t done; };

/* pv_tap_write() asks for no more than there is. */
static int get(void *arg, void *to, size_t size)
{
    struct pieces *from = arg;

    while (size) {
        size_t n = from->iov->iov_len - from->done;

        if (n > size)
            n = size;
        if (n) /* an empty part may have no address */
            memcpy(to, (const char *)from->iov->iov_base + from->done, n);
        to = (char *)to + n;
        size -= n;
        from->done += n;
        if (from->done == from->iov->iov_len)
            *from = (struct pieces){ from->iov + 1, 0 };
    }
    return 0;
}

static long joint_write(struct host_handle *handle, const struct iovec *iov, int count)
{
    struct pieces from = { iov, 0 };
    size_t total = 0;

    for (int i = 0; i < count; i++)
        if (__builtin_add_overflow(total, iov[i].iov_len, &total))
            return -PV_EINVAL;
    return pv_tap_write(tap_of(handle), total, get, &from);
}

/* QEMU has closed the descriptor, or joining failed. */
static void dispose(struct host_handle *handle)
{
    pv_tap_close(tap_of(handle));
    free(handle);
}

static const struct host_handle_ops joint_ops = {
    .ready = joint_ready, .read = joint_read, .write = joint_write, .closed = dispose,
};

/* ---- what QEMU asks of a tap (the linker's --wrap, qemu/targets) ---- */

int __wrap_tap_probe_vnet_hdr(int fd, void *errp);
int __wrap_tap_probe_has_ufo(int fd);
int __wrap_tap_probe_has_uso(int fd);
void __wrap_tap_fd_set_vnet_hdr_len(int fd, int len);
void __wrap_tap_fd_set_offload(int fd, int csum, int tso4, int tso6, int ecn, int ufo, int uso4, int uso6);

/* NULL: the descriptor is no tap of ours. */
static struct pv_tap *find_tap(int fd)
{
    struct host_handle *handle = host_handle_find(fd);

    return handle && handle->ops == &joint_ops ? tap_of(handle) : NULL;
}

int __wrap_tap_probe_vnet_hdr(int fd, void *errp)
{
    return find_tap(fd) != NULL;
}

/*
 * A guest may send large UDP datagrams, which the layer cuts. If it could not, a guest that was saved on another
 * flavour could not be restored.
 */
int __wrap_tap_probe_has_ufo(int fd)
{
    return find_tap(fd) != NULL;
}

int __wrap_tap_probe_has_uso(int fd)
{
    return find_tap(fd) != NULL;
}

void __wrap_tap_fd_set_vnet_hdr_len(int fd, int len)
{
    struct pv_tap *tap = find_tap(fd);

    if (tap && len >= (int)sizeof(struct tap_header) && len <= (int)PV_TAP_HEADER_MAX)
        tap->header_size = (size_t)len;
}

/* ufo and uso need nothing: no backend sends large UDP datagrams. */
void __wrap_tap_fd_set_offload(int fd, int csum, int tso4, int tso6, int ecn, int ufo, int uso4, int uso6)
{
    struct pv_tap *tap = find_tap(fd);

    if (!tap)
        return;
    tap->offloads = 0;
    if (csum)
        tap->offloads = PV_OFFLOAD_CSUM4 | PV_OFFLOAD_CSUM6 | (tso4 ? PV_OFFLOAD_GSO4 : 0U) |
                        (tso6 ? PV_OFFLOAD_GSO6 : 0U);
}

/* ---- joining ---- */

static int build_firewall(const struct platform *base, const struct frame_filter_rules *rules,
                          struct frame_filter *firewall)
{
    int rc = 0;

    if (base->firewall)
        rc = frame_filter_build(rules, false, firewall);
    else
        frame_filter_build_open(firewall);
    if (!rc && !frame_program_valid(firewall->insns, firewall->count))
        rc = -EINVAL;
    return rc;
}

static int check_address(struct joint *joint, const struct frame_filter_rules *rules)
{
    uint8_t mac[FRAME_FILTER_MAC];

    pv_nic_mac(joint->tap.nic, mac);
    if (!memcmp(mac, rules->mac, sizeof(mac)))
        return 0;
    log_error("NIC %u: the vif has another address", joint->devid);
    return -EINVAL;
}

static int join(const struct platform *base, struct joint *joint, const struct frame_filter_rules *rules)
{
    int rc = build_firewall(base, rules, &joint->firewall);

    if (rc)
        return rc;
    joint->tap.program = joint->firewall.insns;
    joint->tap.header_size = sizeof(struct tap_header);
    joint->tap.changed = changed;
    rc = -host_errno(pv_tap_open(&joint->tap, joint->devid));
    if (rc)
        return rc;
    pv_nic_gather(joint->tap.nic, GATHER);
    return check_address(joint, rules);
}

int rump_nic_attach(struct platform *base, unsigned int devid, const struct frame_filter_rules *rules,
                    char *backend, size_t size)
{
    struct joint *joint = calloc(1, sizeof(*joint));
    int rc = -ENOMEM;

    if (joint && !host_handle_open(&joint->handle, &joint_ops)) {
        joint->devid = devid;
        rc = join(base, joint, rules);
        if (!rc)
            rc = format_text(backend, size, "tap,fd=%d", joint->handle.fd);
        if (!rc) {
            log_info("NIC %u: joined, firewall %s", devid,
                     !base->firewall ? "off" : rules->by_address ? "by MAC and addresses" : "by MAC");
            return 0;
        }
        host_handle_close(&joint->handle);
        dispose(&joint->handle);
    } else {
        free(joint);
    }
    if (rc != -EAGAIN)
        log_error("NIC %u: cannot join it: %s", devid, strerror(-rc));
    return rc;
}
