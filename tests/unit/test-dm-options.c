// sources: launcher/dom0-daemon/root/options.c
/*
 * The command lines that libxl 4.20 gives to device_model_override, and wrong ones.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "options.h"

static int parse(struct options *options, char *const *argv, char error[400])
{
    int argc = 0;

    while (argv[argc])
        argc++;
    error[0] = '\0';
    return options_parse(options, argc, argv, error, 400);
}

#define PARSE(options, error, ...) \
    parse(options, (char *[]){ "stubdom-dm", __VA_ARGS__, NULL }, error)

#define REAL "-xen-domid", "7", "-xen-attach", "-machine", "xenpv"

static void test_probe(void **state)
{
    struct options o;
    char error[400];

    assert_int_equal(PARSE(&o, error, "-S", "-no-user-config", "-nodefaults", "-nographic",
                           "-machine", "none,accel=xen", "-chardev",
                           "socket,id=libxl-cmd,fd=23,server=on,wait=off", "-mon",
                           "chardev=libxl-cmd,mode=control"), 0);
    assert_true(o.probe && o.paused);
    assert_int_equal(o.monitor_count, 1);
    assert_int_equal(o.monitors[0].fd, 23);
    assert_int_equal(o.domid, -1);
}

static void test_real_run(void **state)
{
    struct options o;
    char error[400];

    assert_int_equal(PARSE(&o, error, "-xen-domid", "12", "-no-shutdown", "-chardev",
                           "socket,id=libxl-cmd,path=/var/run/xen/qmp-libxl-12,server=on,wait=off",
                           "-mon", "chardev=libxl-cmd,mode=control", "-chardev",
                           "socket,id=libxenstat-cmd,path=/var/run/xen/qmp-libxenstat-12,"
                           "server=on,wait=off", "-mon", "chardev=libxenstat-cmd,mode=control",
                           "-nodefaults", "-no-user-config", "-xen-attach", "-name", "guest-dm",
                           "-vnc", "127.0.0.1:0,password=on,to=99", "-display", "none", "-k", "de",
                           "-machine", "xenpv", "-m", "0"), 0);
    assert_false(o.probe || o.paused);
    assert_int_equal(o.domid, 12);
    assert_int_equal(o.monitor_count, 2);
    assert_string_equal(o.monitors[1].path, "/var/run/xen/qmp-libxenstat-12");
    assert_int_equal(o.monitors[1].fd, -1);
    assert_true(o.vnc.enabled && o.vnc.password);
    assert_string_equal(o.vnc.host, "127.0.0.1");
    assert_int_equal(o.vnc.display, 0);
    assert_int_equal(o.vnc.to, 99);
}

static void test_vnc_forms(void **state)
{
    static const struct {
        const char *text, *host;
        unsigned int display, to;
        bool password;
    } good[] = {
        { "0.0.0.0:5", "0.0.0.0", 5, 0, false },     { ":1", "", 1, 0, false },
        { "[::1]:2,to=3", "::1", 2, 3, false },      { "[::]:0,password=on", "::", 0, 0, true },
        { "host.example:59635", "host.example", 59635, 0, false },
    };
    static const char *const bad[] = { "", "x", "1.2.3.4", "a:b", "a:-1", "a:59636", "a:1,", "a:1,to",
                                       "a:1,to=", "a:1,to=x", "a:1,lossy", "a:1,to=65536",
                                       "a:1,password=off", "a: 1" };
    struct options o;
    char error[400];

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(PARSE(&o, error, REAL, "-vnc", (char *)good[i].text), 0);
        assert_true(o.vnc.enabled);
        assert_string_equal(o.vnc.host, good[i].host);
        assert_int_equal(o.vnc.display, good[i].display);
        assert_int_equal(o.vnc.to, good[i].to);
        assert_int_equal(o.vnc.password, good[i].password);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (PARSE(&o, error, REAL, "-vnc", (char *)bad[i]) != -EINVAL || !strstr(error, "-vnc"))
            fail_msg("'%s' was accepted", bad[i]);
    assert_int_equal(PARSE(&o, error, REAL, "-vnc", "none"), 0);
    assert_false(o.vnc.enabled);
}

static void test_wrong_lines_name_the_argument(void **state)
{
    static const struct {
        char *const argv[16];
        const char *says;
    } bad[] = {
        { { "x" }, "-xen-domid" },
        { { "x", "-xen-domid", "7" }, "-xen-attach" },
        { { "x", "-xen-domid" }, "-xen-domid" },
        { { "x", "-xen-domid", "0" }, "'0'" },
        { { "x", "-xen-domid", "32752" }, "'32752'" },
        { { "x", "-xen-domid", "7x" }, "'7x'" },
        { { "x", "-xen-domid", "" }, "''" },
        { { "x", "-xen-domid", "7", "-xen-attach", "-machine", "pc" }, "-machine xenpv" },
        { { "x", REAL, "-chardev", "socket,id=a" }, "path= and fd=" },
        { { "x", REAL, "-chardev", "socket,path=/a" }, "needs id=" },
        { { "x", REAL, "-chardev", "socket,id=a,path=/a,fd=3" }, "one of" },
        { { "x", REAL, "-chardev", "socket,id=a,fd=-3" }, "fd=-3" },
        { { "x", REAL, "-chardev", "socket,id=a,path=/a,server=off" }, "unknown" },
        { { "x", REAL, "-chardev", "socket,id=a,path=/a,telnet=on" }, "unknown" },
        { { "x", REAL, "-chardev", "socket,id=a,path=/a" }, "no -mon" },
        { { "x", "-machine", "none,accel=xen" }, "QMP" },
    };
    struct options o;
    char error[400];

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(parse(&o, bad[i].argv, error), -EINVAL);
        if (!strstr(error, bad[i].says))
            fail_msg("row %zu says: %s", i, error);
    }
}

/* device_model_args= comes after libxl's own options. The daemon must not read its own settings from there. */
static void test_what_matters_is_said_once(void **state)
{
    static const struct {
        char *const argv[16];
        const char *says;
    } bad[] = {
        { { "x", REAL, "-xen-domid", "5" }, "'-xen-domid'" },
        { { "x", REAL, "-xen-domid", "7" }, "'-xen-domid'" },
        { { "x", REAL, "-machine", "none,accel=xen" }, "'-machine'" },
        { { "x", REAL, "-machine", "xenpv" }, "'-machine'" },
        { { "x", REAL, "-vnc", "none", "-vnc", "0.0.0.0:1" }, "'-vnc'" },
        { { "x", REAL, "-vnc", "127.0.0.1:1", "-vnc", "none" }, "'-vnc'" },
        { { "x", REAL, "-chardev", "socket,id=a,path=/a", "-mon", "chardev=a,mode=control", "-chardev",
            "socket,id=a,path=/etc/x" }, "twice" },
    };
    struct options o;
    char error[400];

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (parse(&o, bad[i].argv, error) != -EINVAL || !strstr(error, bad[i].says))
            fail_msg("row %zu says: %s", i, error);
    }
}

/* libxl passes the user's options for QEMU to us, too. */
static void test_what_is_for_qemu_is_skipped(void **state)
{
    static char *const lines[][10] = {
        { "x", REAL, "-device", "e1000" },
        { "x", REAL, "e1000" },
        { "x", REAL, "-display", "sdl" },
        { "x", REAL, "-machine", "pc" },
        { "x", REAL, "-mon", "chardev=a,mode=control" },
        { "x", REAL, "-chardev", "ringbuf,id=a" },
    };
    struct options o;
    char error[400];

    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        assert_int_equal(parse(&o, lines[i], error), 0);
        assert_true(o.ignored > 0);
        assert_int_equal(o.domid, 7);
    }
    assert_int_equal(PARSE(&o, error, REAL), 0);
    assert_int_equal(o.ignored, 0);
}

static void test_long_values(void **state)
{
    char text[OPTIONS_MAX_TEXT + 64], error[400];
    struct options o;

    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(PARSE(&o, error, REAL, "-name", text), -EINVAL);
    text[OPTIONS_MAX_TEXT] = '\0';
    assert_int_equal(PARSE(&o, error, REAL, "-name", text), 0);
    memcpy(text, "socket,id=a,path=/", 18);
    assert_int_equal(PARSE(&o, error, REAL, "-chardev", text), -EINVAL);
    assert_true(strlen(error) < 300);
}

static void test_comma_in_path(void **state)
{
    struct options o;
    char error[400];

    assert_int_equal(PARSE(&o, error, REAL, "-chardev", "socket,id=a,path=/x,,y,wait=off", "-mon",
                           "chardev=a,mode=control"), 0);
    assert_string_equal(o.monitors[0].path, "/x,y");
}

static void test_too_many_monitors(void **state)
{
    struct options o;
    char error[400];

    assert_int_equal(PARSE(&o, error, "-chardev", "socket,id=a,fd=3", "-chardev",
                           "socket,id=b,fd=3", "-chardev", "socket,id=c,fd=3", "-chardev",
                           "socket,id=d,fd=3", "-chardev", "socket,id=e,fd=3"), -EINVAL);
    assert_non_null(strstr(error, "too many"));
}

static void test_help_and_version_need_nothing_else(void **state)
{
    struct options o;
    char error[400];

    assert_int_equal(PARSE(&o, error, "--help"), 0);
    assert_true(o.help);
    assert_int_equal(PARSE(&o, error, "--version"), 0);
    assert_true(o.version);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probe),
        cmocka_unit_test(test_real_run),
        cmocka_unit_test(test_vnc_forms),
        cmocka_unit_test(test_wrong_lines_name_the_argument),
        cmocka_unit_test(test_what_matters_is_said_once),
        cmocka_unit_test(test_what_is_for_qemu_is_skipped),
        cmocka_unit_test(test_long_values),
        cmocka_unit_test(test_comma_in_path),
        cmocka_unit_test(test_too_many_monitors),
        cmocka_unit_test(test_help_and_version_need_nothing_else),
    };

    return cmocka_run_group_tests_name("dm-options", tests, NULL, NULL);
}
