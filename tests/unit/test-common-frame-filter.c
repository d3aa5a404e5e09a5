// libs: pcap
/*
 * The guest's firewall with real frames, honest and forged. Each program is run twice: by libpcap's interpreter, and by
 * this machine's kernel, as the stub domain's does it (here as a socket's filter, which needs no privilege).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "frame-filter-cases.h"
#include "frame-filter.h"

#include <linux/filter.h>
#include <sys/socket.h>

/* libpcap's function. Its header cannot be included together with linux/filter.h. */
struct bpf_insn;
unsigned int bpf_filter(const struct bpf_insn *program, const unsigned char *frame,
                        unsigned int wire_len, unsigned int len);
int bpf_validate(const struct bpf_insn *program, int count);

static struct frame_filter_rules rules;
static struct frame_filter portable, linux_one;
static int ends[2] = { -1, -1 };

static void build_steady(const char *ip, unsigned int steady)
{
    struct sock_fprog program = { .filter = (struct sock_filter *)linux_one.insns };

    assert_int_equal(frame_filter_rules_init(&rules, MAC, ip), 0);
    rules.steady = steady;
    assert_int_equal(frame_filter_build(&rules, false, &portable), 0);
    assert_int_equal(frame_filter_build(&rules, true, &linux_one), 0);
    assert_true(bpf_validate((struct bpf_insn *)portable.insns, portable.count));
    program.len = linux_one.count;
    if (ends[0] < 0)
        assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
}

static void build(const char *ip)
{
    build_steady(ip, 0);
}

static int teardown(void **state)
{
    close(ends[0]);
    close(ends[1]);
    ends[0] = ends[1] = -1;
    return 0;
}

/* The sender gets no error for a frame that the filter drops. */
static bool run(const uint8_t *frame, size_t size)
{
    bool here = bpf_filter((struct bpf_insn *)portable.insns, frame, size, size) != 0;
    uint8_t got[2048];

    assert_int_equal(send(ends[0], frame, size, 0), size);
    assert_int_equal(recv(ends[1], got, sizeof(got), MSG_DONTWAIT), here ? (ssize_t)size : -1);
    return here;
}

static bool passes(const char *text)
{
    uint8_t frame[2048];

    return run(frame, make_frame(text, frame));
}

static void check_all(const struct expectation *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (passes(list[i].frame) != list[i].pass)
            fail_msg("%s: %s", list[i].what, list[i].pass ? "was dropped" : "was let through");
}

static void by_mac(void **state)
{
    build(NULL);
    check_all(by_mac_list, ARRAY_LEN(by_mac_list));
}

static void ip4(void **state)
{
    build(both);
    check_all(ip4_list, ARRAY_LEN(ip4_list));
}

static void arp(void **state)
{
    build(both);
    check_all(arp_list, ARRAY_LEN(arp_list));
}

static void ip6(void **state)
{
    build(both);
    check_all(ip6_list, ARRAY_LEN(ip6_list));
}

static void neighbour_discovery(void **state)
{
    build(both);
    check_all(discovery_list, ARRAY_LEN(discovery_list));
}

/* Every frame, cut at every length: no frame passes because it is short. */
static void cut_short(void **state)
{
    build(both);
    for (size_t i = 0; i < ARRAY_LEN(discovery_list); i++) {
        uint8_t frame[2048];
        size_t size = make_frame(discovery_list[i].frame, frame);

        for (size_t n = 1; n < size; n++)
            if (run(frame, n))
                assert_true(discovery_list[i].pass);
    }
}

static void one_family(void **state)
{
    build("192.168.77.10");
    assert_true(passes("$B $M " IP4 "$A $O"));
    assert_false(passes(IP6("11") "$G $H 0035"));
    assert_true(passes(IP6("11") "$L $F 0035"));
    build("2001:db8::a0a");
    assert_false(passes("$B $M " IP4 "$A $O"));
    assert_false(passes("$B $M 0806 " ARP "0001 $M $A 000000000000 $O"));
    assert_true(passes(IP6("11") "$G $H 0035"));
}

static void networks(void **state)
{
    build("192.168.77.1/24 2001:db8::/67");
    assert_true(passes("$B $M " IP4 "$O $A"));
    assert_false(passes("$B $M " IP4 "c0a84e0a $A"));
    assert_true(passes(IP6("11") "$H $G 0035"));
    assert_true(passes(IP6("11") "20010db8000000001fffffffffffffff $G 0035"));
    assert_false(passes(IP6("11") "20010db8000000002000000000000000 $G 0035"));
    build("0.0.0.0/0 ::/0");
    assert_true(passes("$B $M " IP4 "01020304 $A"));
    assert_true(passes(IP6("11") "$F $G 0035"));
    assert_false(passes("$B $M 8100 0005 0800"));
}

static void as_many_as_fit(void **state)
{
    char text[1024] = "";

    for (int i = 1; i < FRAME_FILTER_MAX_ADDRESSES; i++)
        sprintf(text + strlen(text), " 2001:db8:1:2:3:4:5:%x/127", 16 * i);
    build(text);
    assert_true(passes(IP6("11") "20010db8000100020003000400050011 $G 0035"));
    assert_true(passes(IP6("3a") "$L $R 8800 0000 20000000 20010db80001000200030004000500a0"));
    build_steady(text, 128);
    strcat(text, " 192.168.77.10");
    assert_int_equal(frame_filter_rules_init(&rules, MAC, text), -E2BIG);
}

/* Octets that the sender can still change must not decide. */
static void steady_octets(void **state)
{
    /* 54 octets of headers, then 8 for each destination options header. */
    static const struct {
        const char *frame;
        bool pass;
    } cases[] = {
        { IP6("11") "$G $H 0035", true },
        { IP6("3a") "$G $R 8800 0000 20000000 $G 0201 $M", true },
        { IP6("3a") "$G $R 8800 0000 20000000 $G 0201 $M 0201 $M 0e01 000000000000 0e01 000000000000 0e01 000000000000"
          " 0201 $M", true },
        { IP6("3c") "$G $R 3a00 0104 00000000 8800 0000 20000000 $G 0201 $M", true },
        { IP6("3c") "$G $R 3a05 0104 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000"
          " 00000000 00000000 8800 0000 20000000 $G 0201 $M", false },
        /* A frame whose options end at the 128th octet, and one with an octet more. */
        { IP6("3c") "$G $R 3a00 0104 00000000 8800 0000 20000000 $G 0e05 0000 00000000 00000000 00000000 00000000"
          " 00000000 00000000 00000000 00000000 00000000 0201 $M", false },
        { IP6("3c") "$G $R 1106 0104 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000"
          " 00000000 00000000 00000000 00000000 0035 0035", false },
        { IP6("2c") "$G $H 1100 0001 00000001 0035 0035", true },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        /* All of them pass if the whole frame is a copy. */
        build(both);
        if (!passes(cases[i].frame))
            fail_msg("%zu is dropped anyway", i);
        build_steady(both, 128);
        if (passes(cases[i].frame) != cases[i].pass)
            fail_msg("%zu: %s", i, cases[i].pass ? "was dropped" : "was let through");
    }
    build_steady(both, FRAME_FILTER_LEAST_STEADY);
    assert_true(passes(cases[1].frame));
    assert_false(passes(cases[3].frame));
}

static void refuses(void **state)
{
    static const char *const macs[] = { "", "00:16:3e:01:02", "00:16:3e:01:02:03:04", "0:16:3e:01:02:03",
                                        "00-16-3e-01-02-03", "00:16:3e:01:02:0g", "+0:16:3e:01:02:03" };
    static const char *const ips[] = { "nonsense", "192.168.77", "192.168.77.10/33", "::/129", "1.2.3.4/",
                                       "1.2.3.4,1.2.3.5", "2001:db8::1%eth0", "1.2.3.4/-1", "1.2.3.4 x",
                                       "1234:1234:1234:1234:1234:1234:123.123.123.123/128000",
                                       "", " \t\n" };

    for (size_t i = 0; i < ARRAY_LEN(macs); i++)
        assert_int_equal(frame_filter_rules_init(&rules, macs[i], NULL), -EINVAL);
    for (size_t i = 0; i < ARRAY_LEN(ips); i++)
        assert_int_equal(frame_filter_rules_init(&rules, MAC, ips[i]), -EINVAL);
}

/* The program looks for a VLAN tag that Linux keeps aside, but only where that matters. */
static void tags_aside(void **state)
{
    bool asked = false;

    build(both);
    assert_int_equal(linux_one.count, portable.count + 3);
    for (unsigned int i = 0; i < linux_one.count; i++)
        asked |= linux_one.insns[i].code == (BPF_LD | BPF_W | BPF_ABS) &&
                 linux_one.insns[i].k == (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT);
    assert_true(asked);
    build(NULL);
    assert_int_equal(linux_one.count, portable.count);
}

static void off(void **state)
{
    frame_filter_build_open(&portable);
    assert_int_equal(portable.count, 1);
    assert_true(bpf_filter((struct bpf_insn *)portable.insns, (uint8_t *)"x", 1, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(by_mac, teardown),
        cmocka_unit_test_teardown(ip4, teardown),
        cmocka_unit_test_teardown(arp, teardown),
        cmocka_unit_test_teardown(ip6, teardown),
        cmocka_unit_test_teardown(neighbour_discovery, teardown),
        cmocka_unit_test_teardown(cut_short, teardown),
        cmocka_unit_test_teardown(one_family, teardown),
        cmocka_unit_test_teardown(networks, teardown),
        cmocka_unit_test_teardown(as_many_as_fit, teardown),
        cmocka_unit_test(refuses),
        cmocka_unit_test_teardown(steady_octets, teardown),
        cmocka_unit_test_teardown(tags_aside, teardown),
        cmocka_unit_test(off),
    };

    return cmocka_run_group_tests_name("common-frame-filter", tests, NULL, NULL);
}
