// sources: launcher/stubdom-init/linux-tc.c
// libs: libmnl
/*
 * dom0's firewall in a real kernel: one end of a veth is guarded like a vif, the other end sends. It runs in a network
 * namespace of its own, and is skipped where that, veth or traffic control is not available.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "frame-filter-cases.h"
#include "frame-filter.h"
#include "linux-tc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define STEADY 128

static int sender = -1;

/* 0 or the kernel's -errno. */
static int make_veth(const char *name, const char *peer)
{
    uint8_t bytes[1024] = { 0 };
    struct nlmsghdr *request = mnl_nlmsg_put_header(bytes);
    struct mnl_socket *netlink = mnl_socket_open(NETLINK_ROUTE);
    struct nlattr *info, *data, *other;
    ssize_t got;
    int rc = -1;

    if (!netlink)
        return -errno;
    request->nlmsg_type = RTM_NEWLINK;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;
    mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(request, IFLA_IFNAME, name);
    info = mnl_attr_nest_start(request, IFLA_LINKINFO);
    mnl_attr_put_strz(request, IFLA_INFO_KIND, "veth");
    data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
    other = mnl_attr_nest_start(request, VETH_INFO_PEER);
    mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(request, IFLA_IFNAME, peer);
    mnl_attr_nest_end(request, other);
    mnl_attr_nest_end(request, data);
    mnl_attr_nest_end(request, info);
    if (mnl_socket_sendto(netlink, request, request->nlmsg_len) > 0 &&
        (got = mnl_socket_recvfrom(netlink, bytes, sizeof(bytes))) > 0)
        rc = mnl_cb_run(bytes, got, 0, mnl_socket_get_portid(netlink), NULL, NULL) < 0 ? -errno : 0;
    mnl_socket_close(netlink);
    return rc;
}

static int set_up(const char *name)
{
    struct ifreq request = { .ifr_flags = IFF_UP | IFF_PROMISC };
    int sock = socket(AF_UNIX, SOCK_DGRAM, 0), rc;

    strcpy(request.ifr_name, name);
    rc = ioctl(sock, SIOCSIFFLAGS, &request);
    close(sock);
    return rc;
}

static int open_packet(const char *interface, uint16_t protocol)
{
    struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(interface),
                                   .sll_protocol = htons(protocol) };
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (void *)&address, sizeof(address)), 0);
    return fd;
}

/* Makes a guarded vif and its guest's end. False: not possible here. */
static bool begin(const char *ip)
{
    static struct frame_filter filter;
    struct frame_filter_rules rules;
    int rc;

    if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
        return false;
    assert_int_equal(frame_filter_rules_init(&rules, MAC, ip), 0);
    rules.steady = STEADY;
    assert_int_equal(frame_filter_build(&rules, true, &filter), 0);
    if (make_veth("vif", "guest"))
        return false;
    rc = linux_tc_guard(if_nametoindex("vif"), &filter);
    if (rc == -ENOENT || rc == -EOPNOTSUPP)
        return false;
    assert_int_equal(rc, 0);
    assert_int_equal(set_up("vif") | set_up("guest"), 0);
    if (sender >= 0)
        close(sender);
    sender = open_packet("guest", 0);
    return true;
}

/* A packet socket for one protocol gets frames after traffic control. One for all protocols would get them before. */
static bool arrives(const uint8_t *frame, size_t size)
{
    uint8_t got[2048];
    int receiver = open_packet("vif", frame[12] << 8 | frame[13]);
    bool found = false;
    ssize_t len;

    assert_int_equal(send(sender, frame, size, 0), size);
    /* veth delivers in a softirq, which runs before send() returns, or soon after. */
    for (int i = 0; i < 20 && !found; i++) {
        while ((len = recv(receiver, got, sizeof(got), 0)) > 0)
            found |= (size_t)len == size && !memcmp(got, frame, size);
        if (!found)
            usleep(500);
    }
    close(receiver);
    return found;
}

/* Frames with a length in place of a type have other protocols in the kernel, and VLAN tags are removed. */
static bool has_protocol(const uint8_t *frame, size_t size)
{
    unsigned int type = size > 14 ? frame[12] << 8 | frame[13] : 0;

    return type >= 0x600 && type != 0x8100 && type != 0x88a8;
}

static void what_passes(void **state)
{
    unsigned int passed = 0, dropped = 0;

    for (size_t i = 0; i < ARRAY_LEN(filter_cases); i++) {
        if (!begin(filter_cases[i].ip))
            skip();
        for (size_t j = 0; j < filter_cases[i].count; j++) {
            const struct expectation *one = &filter_cases[i].list[j];
            uint8_t frame[2048];
            size_t size = make_frame(one->frame, frame);

            if (!has_protocol(frame, size))
                continue;
            if (arrives(frame, size) != one->pass)
                fail_msg("%s: %s", one->what, one->pass ? "was dropped" : "was let through");
            *(one->pass ? &passed : &dropped) += 1;
        }
    }
    assert_true(passed > 20 && dropped > 20);
}

/* The program ends early with 0, which as a verdict would be TC_ACT_OK. */
static void ends_early(void **state)
{
    uint8_t frame[2048];
    size_t size;

    if (!begin(both))
        skip();
    size = make_frame("$B $M " IP4 "$A $O 0800", frame);
    assert_true(arrives(frame, size));
    for (size_t shorter = 15; shorter < 30; shorter++)
        assert_false(arrives(frame, shorter));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_passes),
        cmocka_unit_test(ends_early),
    };

    return cmocka_run_group_tests_name("vif-kernel", tests, NULL, NULL);
}
