/*
 * bridge: a vif becomes a port of a bridge. See bridge.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "bridge.h"

#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "util.h"

/* The largest MAC that is none of a group: a bridge takes the smallest of its ports'. */
static const char port_mac[] = "\xfe\xff\xff\xff\xff\xff";

static int ask(unsigned long what, struct ifreq *request, const char *interface)
{
    cleanup_close int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    size_t len = strlen(interface);

    if (sock < 0)
        return -errno;
    if (!len || len >= sizeof(request->ifr_name))
        return -EINVAL;
    memcpy(request->ifr_name, interface, len + 1);
    return ioctl(sock, what, request) < 0 ? -errno : 0;
}

bool bridge_is_one(const char *name)
{
    char path[sizeof("/sys/class/net//bridge") + IFNAMSIZ];

    return *name && !strchr(name, '/') && !format_text(path, sizeof(path), "/sys/class/net/%s/bridge", name) &&
           !access(path, F_OK);
}

int bridge_index(const char *interface)
{
    struct ifreq request = {0};

    return ask(SIOCGIFINDEX, &request, interface) ? 0 : request.ifr_ifindex;
}

int bridge_rename(const char *interface, const char *name)
{
    struct ifreq request = {0};

    if (format_text(request.ifr_newname, sizeof(request.ifr_newname), "%s", name))
        return -EINVAL;
    return ask(SIOCSIFNAME, &request, interface);
}

int bridge_mtu(const char *interface)
{
    struct ifreq request = {0};
    int rc = ask(SIOCGIFMTU, &request, interface);

    return rc ? rc : request.ifr_mtu;
}

static int set_up(const char *interface, bool up)
{
    struct ifreq request = {0};
    int rc = ask(SIOCGIFFLAGS, &request, interface);

    if (rc)
        return rc;
    request.ifr_flags = up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP;
    return ask(SIOCSIFFLAGS, &request, interface);
}

static int set_mac(const char *interface)
{
    struct ifreq request = {.ifr_hwaddr.sa_family = ARPHRD_ETHER};

    memcpy(request.ifr_hwaddr.sa_data, port_mac, sizeof(port_mac) - 1);
    return ask(SIOCSIFHWADDR, &request, interface);
}

static int change_port(unsigned long what, const char *bridge, const char *interface)
{
    struct ifreq request = {.ifr_ifindex = bridge_index(interface)};

    return request.ifr_ifindex ? ask(what, &request, bridge) : -ENODEV;
}

int bridge_join(const char *bridge, const char *interface, unsigned int mtu)
{
    struct ifreq request = {.ifr_mtu = mtu};
    int rc = set_up(interface, false);

    if (rc)
        return rc;
    /* As vif-bridge: neither of these two has to work. */
    set_mac(interface);
    if (mtu)
        ask(SIOCSIFMTU, &request, interface);
    rc = change_port(SIOCBRADDIF, bridge, interface);
    return rc ? rc : set_up(interface, true);
}

void bridge_leave(const char *bridge, const char *interface)
{
    set_up(interface, false);
    change_port(SIOCBRDELIF, bridge, interface);
}
