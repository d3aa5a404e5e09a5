// sources: launcher/stubdom-init/linux-tc.c
// libs: libmnl
// wrap: send recv
/*
 * The messages that install the firewall, parsed with libmnl, and how the kernel's answers are handled. The lab shows
 * that a kernel accepts them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "linux-tc.h"
#include "util.h"

#include <libmnl/libmnl.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>

static struct {
    _Alignas(struct nlmsghdr) uint8_t bytes[65536];
    size_t size;
} sent[8];
static unsigned int sent_count, failing;
static int answer_error;
static size_t answer_size;
static uint16_t answer_type;

ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags)
{
    assert_true(sent_count < ARRAY_LEN(sent) && size <= sizeof(sent[0].bytes));
    memcpy(sent[sent_count].bytes, bytes, size);
    sent[sent_count++].size = size;
    return size;
}

ssize_t __wrap_recv(int fd, void *bytes, size_t size, int flags)
{
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
    } answer = { .header.nlmsg_type = answer_type,
                 .error.error = sent_count == failing ? answer_error : 0 };

    memcpy(bytes, &answer, MIN(size, sizeof(answer)));
    return MIN(size, answer_size);
}

static int setup(void **state)
{
    sent_count = failing = 0;
    answer_size = sizeof(struct nlmsghdr) + sizeof(struct nlmsgerr);
    answer_type = NLMSG_ERROR;
    return 0;
}

static const struct nlmsghdr *message(unsigned int i, uint16_t type, uint32_t parent)
{
    const struct nlmsghdr *header = (void *)sent[i].bytes;
    const struct tcmsg *tc = mnl_nlmsg_get_payload(header);

    assert_true(mnl_nlmsg_ok(header, sent[i].size));
    assert_int_equal(header->nlmsg_len, sent[i].size);
    assert_int_equal(header->nlmsg_type, type);
    assert_int_equal(header->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
    assert_int_equal(tc->tcm_ifindex, 5);
    assert_int_equal(tc->tcm_parent, parent);
    return header;
}

static int take(const struct nlattr *attribute, void *data)
{
    const struct nlattr **table = data;

    assert_true(mnl_attr_get_type(attribute) < 16);
    table[mnl_attr_get_type(attribute)] = attribute;
    return MNL_CB_OK;
}

static void inside(const struct nlattr *nest, const struct nlattr *table[16])
{
    memset(table, 0, 16 * sizeof(*table));
    assert_non_null(nest);
    assert_int_equal(mnl_attr_parse_nested(nest, take, table), MNL_CB_OK);
}

/* The options of the filter in message i. */
static void filter_options(unsigned int i, unsigned int priority, const struct nlattr *table[16])
{
    const struct nlmsghdr *header = message(i, RTM_NEWTFILTER, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS));
    const struct tcmsg *tc = mnl_nlmsg_get_payload(header);

    assert_int_equal(tc->tcm_info, priority << 16 | 0x0300);
    memset(table, 0, 16 * sizeof(*table));
    assert_int_equal(mnl_attr_parse(header, sizeof(*tc), take, table), MNL_CB_OK);
    assert_string_equal(mnl_attr_get_str(table[TCA_KIND]), "bpf");
    inside(table[TCA_OPTIONS], table);
}

static void assert_program(const struct nlattr *table[16], const struct frame_filter *filter)
{
    assert_int_equal(mnl_attr_get_u16(table[TCA_BPF_OPS_LEN]), filter->count);
    assert_int_equal(mnl_attr_get_payload_len(table[TCA_BPF_OPS]), 8 * filter->count);
    assert_memory_equal(mnl_attr_get_payload(table[TCA_BPF_OPS]), filter->insns, 8 * filter->count);
}

static void assert_messages(const struct frame_filter *filter)
{
    static const struct frame_filter drop = { .insns = { { .code = 0x06, .k = TC_ACT_SHOT } }, .count = 1 };
    const struct nlattr *table[16] = { NULL };
    const struct nlmsghdr *hook = message(0, RTM_NEWQDISC, TC_H_CLSACT);
    const struct tc_mirred *mirred;

    assert_int_equal(sent_count, 3);
    mnl_attr_parse(hook, sizeof(struct tcmsg), take, table);
    assert_string_equal(mnl_attr_get_str(table[TCA_KIND]), "clsact");
    /* The rule that drops is installed first. */
    filter_options(1, 2, table);
    assert_program(table, &drop);
    assert_int_equal(mnl_attr_get_u32(table[TCA_BPF_FLAGS]), TCA_BPF_FLAG_ACT_DIRECT);
    filter_options(2, 1, table);
    assert_program(table, filter);
    inside(table[TCA_BPF_ACT], table);
    inside(table[1], table);
    assert_string_equal(mnl_attr_get_str(table[TCA_ACT_KIND]), "mirred");
    inside(table[TCA_ACT_OPTIONS], table);
    assert_int_equal(mnl_attr_get_payload_len(table[TCA_MIRRED_PARMS]), sizeof(*mirred));
    mirred = mnl_attr_get_payload(table[TCA_MIRRED_PARMS]);
    assert_int_equal(mirred->eaction, TCA_EGRESS_REDIR);
    assert_int_equal(mirred->ifindex, 9);
    assert_int_equal(mirred->action, TC_ACT_STOLEN);
}

static void small(void **state)
{
    struct frame_filter filter;

    frame_filter_build_open(&filter);
    assert_int_equal(linux_tc_connect(5, &filter, 9), 0);
    assert_messages(&filter);
}

static void as_large_as_it_gets(void **state)
{
    static struct frame_filter filter;

    filter.count = FRAME_FILTER_MAX_INSNS;
    memset(filter.insns, 0x5a, sizeof(filter.insns));
    assert_int_equal(linux_tc_connect(5, &filter, 9), 0);
    assert_messages(&filter);
}

static void refused(void **state)
{
    struct frame_filter filter;

    frame_filter_build_open(&filter);
    answer_error = -EOPNOTSUPP;
    for (failing = 1; failing <= 3; failing++) {
        sent_count = 0;
        assert_int_equal(linux_tc_connect(5, &filter, 9), -EOPNOTSUPP);
        assert_int_equal(sent_count, failing);
    }
}

/* In dom0: a frame that passes goes on as usual, without an action. */
static void guard(void **state)
{
    const struct nlattr *table[16];
    struct frame_filter filter;

    frame_filter_build_open(&filter);
    assert_int_equal(linux_tc_guard(5, &filter), 0);
    assert_int_equal(sent_count, 3);
    message(0, RTM_NEWQDISC, TC_H_CLSACT);
    filter_options(1, 2, table);
    assert_int_equal(mnl_attr_get_u32(table[TCA_BPF_FLAGS]), TCA_BPF_FLAG_ACT_DIRECT);
    filter_options(2, 1, table);
    assert_program(table, &filter);
    assert_null(table[TCA_BPF_ACT]);
    /* The program's result must not be the verdict: it is 0 for a frame that is too short, which would be TC_ACT_OK. */
    assert_null(table[TCA_BPF_FLAGS]);
}

/* The qdisc may exist already, made by others. */
static void guard_beside_others(void **state)
{
    struct frame_filter filter;

    frame_filter_build_open(&filter);
    answer_error = -EEXIST;
    failing = 1;
    assert_int_equal(linux_tc_guard(5, &filter), 0);
    assert_int_equal(sent_count, 3);
    sent_count = 0;
    assert_int_equal(linux_tc_connect(5, &filter, 9), -EEXIST);
    for (failing = 2; failing <= 3; failing++) {
        sent_count = 0;
        assert_int_equal(linux_tc_guard(5, &filter), -EEXIST);
        assert_int_equal(sent_count, failing);
    }
}

static void strange_answers(void **state)
{
    struct frame_filter filter;

    frame_filter_build_open(&filter);
    answer_size = sizeof(struct nlmsghdr);
    assert_int_equal(linux_tc_connect(5, &filter, 9), -EPROTO);
    setup(state);
    answer_type = NLMSG_DONE;
    assert_int_equal(linux_tc_connect(5, &filter, 9), -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(small, setup),
        cmocka_unit_test_setup(as_large_as_it_gets, setup),
        cmocka_unit_test_setup(refused, setup),
        cmocka_unit_test_setup(guard, setup),
        cmocka_unit_test_setup(guard_beside_others, setup),
        cmocka_unit_test_setup(strange_answers, setup),
    };

    return cmocka_run_group_tests_name("init-tc", tests, NULL, NULL);
}
