/*
 * Joins a vif of the stub domain to QEMU: a bridge with the vif's ethN and a tap,
 * whose descriptor QEMU inherits. No address, no script; nothing but forwarding.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "linux.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static void set_name(struct ifreq *request, const char *prefix, unsigned int n)
{
    memset(request, 0, sizeof(*request));
    snprintf(request->ifr_name, sizeof(request->ifr_name), "%s%u", prefix, n);
}

static int set_up(int sock, const char *prefix, unsigned int n)
{
    struct ifreq request;

    set_name(&request, prefix, n);
    if (ioctl(sock, SIOCGIFFLAGS, &request) < 0)
        return -errno;
    request.ifr_flags |= IFF_UP;
    return ioctl(sock, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

static int add_port(int sock, unsigned int bridge, const char *prefix, unsigned int n)
{
    struct ifreq request;
    int index;

    set_name(&request, prefix, n);
    if (ioctl(sock, SIOCGIFINDEX, &request) < 0)
        return -errno;
    index = request.ifr_ifindex;
    set_name(&request, "br", bridge);
    request.ifr_ifindex = index;
    if (ioctl(sock, SIOCBRADDIF, &request) < 0)
        return -errno;
    return set_up(sock, prefix, n);
}

/*
 * Which ethN has this address? Names follow the order of probing, which is not that
 * of the device numbers. Two vifs with one address get one ethN each.
 */
static int find_vif(struct linux_platform *platform, int sock, const char *mac, unsigned int *vif)
{
    for (unsigned int n = 0; n < DM_MAX_NICS; n++) {
        struct ifreq request;
        const unsigned char *a = (const unsigned char *)request.ifr_hwaddr.sa_data;
        char found[18];

        set_name(&request, "eth", n);
        if (platform->taken_vifs[n] || ioctl(sock, SIOCGIFHWADDR, &request) < 0)
            continue;
        snprintf(found, sizeof(found), "%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1], a[2], a[3],
                 a[4], a[5]);
        if (!strcasecmp(found, mac)) {
            *vif = n;
            return 0;
        }
    }
    return -EAGAIN;
}

static int open_tap(unsigned int devid)
{
    struct ifreq request;
    cleanup_close int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    set_name(&request, "tap", devid);
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if (ioctl(fd, TUNSETIFF, &request) < 0)
        return -errno;
    return steal_fd(&fd);
}

static int join(int sock, unsigned int devid, unsigned int vif)
{
    char bridge[IFNAMSIZ];
    int rc;

    snprintf(bridge, sizeof(bridge), "br%u", devid);
    if (ioctl(sock, SIOCBRADDBR, bridge) < 0)
        return -errno;
    rc = add_port(sock, devid, "eth", vif);
    if (!rc)
        rc = add_port(sock, devid, "tap", devid);
    return rc ? rc : set_up(sock, "br", devid);
}

int linux_nic_attach(struct platform *base, unsigned int devid, const char *mac,
                     char *backend, size_t size)
{
    struct linux_platform *platform = (struct linux_platform *)base;
    cleanup_close int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cleanup_close int tap = -1;
    unsigned int vif = 0;
    int rc;

    if (sock < 0)
        return -errno;
    rc = find_vif(platform, sock, mac, &vif);
    if (rc)
        return rc;
    tap = open_tap(devid);
    if (tap < 0)
        return tap;
    rc = join(sock, devid, vif);
    if (!rc)
        rc = format_text(backend, size, "tap,fd=%d", tap);
    if (!rc)
        rc = linux_pass_fd(platform, tap);
    if (rc)
        return rc;
    steal_fd(&tap);
    platform->taken_vifs[vif] = true;
    log_info("NIC %u: eth%u joined to tap%u", devid, vif, devid);
    return 0;
}
