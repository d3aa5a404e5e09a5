// sources: launcher/dom0-daemon/outputs/output-spec.c
/*
 * Console outputs as libxl and xl.cfg(5) write them, and those that are refused.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "output-spec.h"

static void test_accepted(void **state)
{
    static const struct {
        const char *text;
        enum output_kind kind;
        const char *path, *host, *port;
        bool server, append;
    } rows[] = {
        { NULL, OUTPUT_NULL, "", "", "", false, false },
        { "", OUTPUT_NULL, "", "", "", false, false },
        { "null", OUTPUT_NULL, "", "", "", false, false },
        { "none", OUTPUT_NULL, "", "", "", false, false },
        { "/dev/null", OUTPUT_NULL, "", "", "", false, false },
        { "pty", OUTPUT_PTY, "", "", "", false, false },
        { "stdio", OUTPUT_STDIO, "", "", "", false, false },
        { "file:/var/log/xen/qemu-dm-g.log", OUTPUT_FILE, "/var/log/xen/qemu-dm-g.log", "", "",
          false, false },
        { "file:a,b", OUTPUT_FILE, "a,b", "", "", false, false },
        { "file:/x,append=on", OUTPUT_FILE, "/x", "", "", false, true },
        { "pipe:/var/lib/xen/qemu-resume.3", OUTPUT_PIPE, "/var/lib/xen/qemu-resume.3", "", "",
          false, false },
        { "/dev/ttyS0", OUTPUT_DEVICE, "/dev/ttyS0", "", "", false, false },
        { "tcp:127.0.0.1:4444", OUTPUT_TCP, "", "127.0.0.1", "4444", false, false },
        { "tcp::4444,server,nowait", OUTPUT_TCP, "", "", "4444", true, false },
        { "tcp:[::1]:4444,server=on,wait=off,nodelay", OUTPUT_TCP, "", "::1", "4444", true, false },
        { "tcp:h:1,server=off", OUTPUT_TCP, "", "h", "1", false, false },
        { "unix:/run/s", OUTPUT_UNIX, "/run/s", "", "", false, false },
        { "unix:/run/s,nowait,server", OUTPUT_UNIX, "/run/s", "", "", true, false },
    };
    struct output_spec spec;
    char error[400];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (output_spec_parse(&spec, rows[i].text, error, sizeof(error)))
            fail_msg("%s: %s", rows[i].text, error);
        assert_int_equal(spec.kind, rows[i].kind);
        assert_string_equal(spec.path, rows[i].path);
        assert_string_equal(spec.host, rows[i].host);
        assert_string_equal(spec.port, rows[i].port);
        assert_int_equal(spec.server, rows[i].server);
        assert_int_equal(spec.append, rows[i].append);
    }
}

static void test_refused_with_a_reason(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        { "tcp::4444,server", "nowait" },      { "unix:/run/s,server", "nowait" },
        { "tcp::4444,server,wait", "wrong" },  { "telnet::4444,server,nowait", "telnet" },
        { "udp::4444", "udp" },                { "vc:80Cx24C", "pty" },
        { "mon:stdio", "monitor" },            { "chardev:libxl-channel0", "QEMU's" },
        { "/dev/parport0", "parallel" },       { "websocket::1", "websocket" },
        { "/dev/nullx", "wrong" },             { "/dev/null,x", "wrong" },
        { "file:", "wrong" },                  { "pipe:", "wrong" },
        { "unix:", "wrong" },                  { "tcp:", "wrong" },
        { "tcp:1", "wrong" },                  { "tcp:h:", "wrong" },
        { "tcp:h:0", "wrong" },                { "tcp:h:65536", "wrong" },
        { "tcp:h:ssh", "wrong" },              { "tcp:h:1,", "wrong" },
        { "pty:x", "wrong" },                  { "nullx", "wrong" },
        { "msmouse", "not a kind" },           { "File:/x", "not a kind" },
        { " pty", "not a kind" },
    };
    struct output_spec spec;
    char error[400];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        error[0] = '\0';
        if (output_spec_parse(&spec, rows[i].text, error, sizeof(error)) != -EINVAL)
            fail_msg("%s was accepted", rows[i].text);
        if (!strstr(error, rows[i].says) || !strstr(error, rows[i].text))
            fail_msg("%s: %s", rows[i].text, error);
    }
}

static void test_long_text(void **state)
{
    char text[OUTPUT_SPEC_MAX + 10], error[400];
    struct output_spec spec;

    for (size_t len = 200; len < sizeof(text); len++) {
        memset(text, 'x', len);
        memcpy(text, "file:", 5);
        text[len] = '\0';
        assert_int_equal(output_spec_parse(&spec, text, error, sizeof(error)),
                         len - 5 < sizeof(spec.path) ? 0 : -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused_with_a_reason),
        cmocka_unit_test(test_long_text),
    };

    return cmocka_run_group_tests_name("dm-output-spec", tests, NULL, NULL);
}
