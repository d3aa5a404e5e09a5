/*
 * Linux's traffic control by rtnetlink (linux-tc.h).
 *
 * There are three kinds of messages, each with a few attributes, and the answer is one number. libmnl is not used: it
 * is 9 KB, and one more package to fetch and build. put() and begin() below do what it would be used for. The unit test
 * reads the messages back with libmnl.
 *
 * Sources: linux/rtnetlink.h, linux/pkt_cls.h, linux/tc_act/tc_mirred.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "linux-tc.h"

#include "util.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <string.h>
#include <sys/socket.h>

struct request {
    struct nlmsghdr header;
    struct tcmsg tc;
    /* The program, and less than 256 bytes around it. */
    uint8_t attributes[sizeof(((struct frame_filter *)NULL)->insns) + 256];
};
_Static_assert(offsetof(struct request, attributes) == NLMSG_ALIGN(offsetof(struct request, attributes)),
               "attributes start at a multiple of four");

static struct rtattr *put(struct request *request, unsigned short type, const void *data, size_t size)
{
    struct rtattr *attribute = (void *)((char *)request + request->header.nlmsg_len);

    attribute->rta_type = type;
    attribute->rta_len = RTA_LENGTH(size);
    if (size)
        memcpy(RTA_DATA(attribute), data, size);
    memset((char *)attribute + RTA_LENGTH(size), 0, RTA_SPACE(size) - RTA_LENGTH(size));
    request->header.nlmsg_len += RTA_SPACE(size);
    return attribute;
}

static void put_text(struct request *request, unsigned short type, const char *text)
{
    put(request, type, text, strlen(text) + 1);
}

/* Begins a nested attribute: what is put until end() is inside. */
static struct rtattr *begin(struct request *request, unsigned short type)
{
    return put(request, type, NULL, 0);
}

static void end(struct request *request, struct rtattr *nest)
{
    nest->rta_len = (char *)request + request->header.nlmsg_len - (char *)nest;
}

static void init(struct request *request, unsigned short type, int ifindex, const char *kind)
{
    request->header = (struct nlmsghdr){
        .nlmsg_len = offsetof(struct request, attributes),
        .nlmsg_type = type,
        .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
    };
    request->tc = (struct tcmsg){ .tcm_family = AF_UNSPEC, .tcm_ifindex = ifindex };
    put_text(request, TCA_KIND, kind);
}

/*
 * Sends the request and reads the answer, which the kernel has ready at once. Of a long answer only the head matters.
 */
static int ask(int netlink, const struct request *request)
{
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
    } answer;
    ssize_t got;

    if (send(netlink, request, request->header.nlmsg_len, 0) < 0)
        return -errno;
    got = recv(netlink, &answer, sizeof(answer), 0);
    if (got < 0)
        return -errno;
    if (got < (ssize_t)sizeof(answer) || answer.header.nlmsg_type != NLMSG_ERROR)
        return -EPROTO;
    return answer.error.error;
}

/* Adds the qdisc that carries filters for frames which the interface receives. */
static int add_hook(int netlink, int ifindex)
{
    struct request request;

    init(&request, RTM_NEWQDISC, ifindex, "clsact");
    request.tc.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
    request.tc.tcm_parent = TC_H_CLSACT;
    return ask(netlink, &request);
}

static void init_filter(struct request *request, int ifindex, unsigned int priority)
{
    init(request, RTM_NEWTFILTER, ifindex, "bpf");
    request->tc.tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
    request->tc.tcm_info = TC_H_MAKE(priority << 16, __builtin_bswap16(ETH_P_ALL));
}

static void put_program(struct request *request, const struct frame_filter *filter)
{
    uint16_t count = filter->count;

    put(request, TCA_BPF_OPS_LEN, &count, sizeof(count));
    put(request, TCA_BPF_OPS, filter->insns, count * sizeof(filter->insns[0]));
}

static void put_redirect(struct request *request, int to)
{
    struct tc_mirred mirred = { .action = TC_ACT_STOLEN, .eaction = TCA_EGRESS_REDIR, .ifindex = to };
    struct rtattr *actions = begin(request, TCA_BPF_ACT), *action = begin(request, 1), *parameters;

    put_text(request, TCA_ACT_KIND, "mirred");
    parameters = begin(request, TCA_ACT_OPTIONS);
    put(request, TCA_MIRRED_PARMS, &mirred, sizeof(mirred));
    end(request, parameters);
    end(request, action);
    end(request, actions);
}

/*
 * Frames that the program passes leave by the interface `to`. to 0: they go on as usual (TC_ACT_OK, without an action).
 */
static int add_pass(int netlink, int from, const struct frame_filter *filter, int to)
{
    struct request request;
    struct rtattr *options;

    init_filter(&request, from, 1);
    options = begin(&request, TCA_OPTIONS);
    put_program(&request, filter);
    if (to)
        put_redirect(&request, to);
    end(&request, options);
    return ask(netlink, &request);
}

/* Drops all other frames. This program's result is the verdict itself. */
static int add_drop(int netlink, int from)
{
    static const struct frame_filter verdict = { .insns = { { .code = 0x06, .k = TC_ACT_SHOT } }, .count = 1 };
    const uint32_t flags = TCA_BPF_FLAG_ACT_DIRECT;
    struct request request;
    struct rtattr *options;

    init_filter(&request, from, 2);
    options = begin(&request, TCA_OPTIONS);
    put_program(&request, &verdict);
    put(&request, TCA_BPF_FLAGS, &flags, sizeof(flags));
    end(&request, options);
    return ask(netlink, &request);
}

/*
 * hooked: the qdisc may exist already. The drop is installed first, so that no frame passes before the rules are
 * complete.
 */
static int install(int from, const struct frame_filter *filter, int to, bool hooked)
{
    cleanup_close int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int rc;

    if (netlink < 0)
        return -errno;
    rc = add_hook(netlink, from);
    if (rc == -EEXIST && hooked)
        rc = 0;
    if (!rc)
        rc = add_drop(netlink, from);
    return rc ? rc : add_pass(netlink, from, filter, to);
}

int linux_tc_connect(int from, const struct frame_filter *filter, int to)
{
    return install(from, filter, to, false);
}

int linux_tc_guard(int interface, const struct frame_filter *filter)
{
    return install(interface, filter, 0, true);
}
