// sources: launcher/xl-stubdom/channels.c launcher/xl-stubdom/config.c launcher/xl-stubdom/fault.c
// sources: launcher/xl-stubdom/pci.c launcher/xl-stubdom/keys.c launcher/xl-stubdom/nics.c
// sources: launcher/xl-stubdom/serials.c launcher/dom0-daemon/outputs/output-spec.c
// sources: launcher/xl-stubdom/disks.c launcher/xl-stubdom/devices.c launcher/xl-stubdom/flavour.c
// sources: launcher/xl-stubdom/host-file.c launcher/xl-stubdom/firmware.c launcher/xl-stubdom/vnc.c
// sources: launcher/xl-stubdom/usb.c launcher/dom0-daemon/root/options.c launcher/dom0-daemon/both/vnc-port.c
// libs: xlutil xenlight
/*
 * channel= of a guest's config: values that would fail later, or be ignored, are refused. The parser is the real
 * libxlutil.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "channels.h"
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define GUEST "name = \"g\"\ntype = \"hvm\"\nstubdom_flavor = \"linux\"\n"
#define FOLDER "/tmp/xl-channels"

static struct fault fault;

static struct host_config host = { .here = true };

static int read_guest(const char *line)
{
    struct config config;
    char text[4096];
    int rc;

    fault.text[0] = '\0';
    snprintf(text, sizeof(text), GUEST "%s\n", line);
    rc = config_init_text(&config, "g.cfg", text, strlen(text), &host, &fault);
    config_dispose(&config);
    return rc;
}

static void test_served(void **state)
{
    static const char *const lines[] = {
        "", "channel = [ ]", "channel = [ 'connection=pty,name=org.qemu.guest_agent.0' ]",
        "channel = [ ' name = a b , connection = pty ,,' ]",
        "channel = [ 'name=a,connection=socket,path=" FOLDER "/a', 'name=a,path=" FOLDER "/b,connection=socket' ]",
        "channel = [ 'name=a,connection=socket,path=" FOLDER "/socket' ]", /* a socket that an earlier guest has left */
        "channel = [ 'name=a,connection=pty,backend=0', 'name=b,connection=pty,backend=Domain-0' ]",
        "channel = [ 'name=a,name=b,connection=socket,connection=pty' ]",
    };

    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (read_guest(lines[i]))
            fail_msg("%s: %s", lines[i], fault.text);
}

static void test_refused(void **state)
{
    static const struct { const char *entry, *reason; } cases[] = {
        { "", "name= is missing" }, { "connection=pty", "name= is missing" },
        { "name=a", "connection= is pty or socket" }, { "name=a,connection=PTY", "connection= is pty or socket" },
        { "name=a,connection=tcp", "connection= is pty or socket" },
        { "name=a,connection=socket", "connection=socket needs path=" },
        { "name=a,connection=pty,path=/a", "path= is for connection=socket" },
        { "name=a,connection=socket,path=a", "begins with \"/\"" },
        { "name=a,connection=socket,path=" FOLDER "/file", "something else than a socket" },
        { "name=a,connection=socket,path=" FOLDER "/none/a", "there is no folder" },
        { "name=a,connection=socket,path=" FOLDER "/file/a", "there is no folder" },
        { "name=a,connection=pty,backend=driver", "only dom0" }, { "name=a,connection=pty,backend=1", "only dom0" },
        { "name=a,connection=pty,mode=x", "its keys are" }, { "name=a,connection=pty,x", "key=value" },
        { "name=a,connection=pty, ", "key=value" },
        { "name=,connection=pty", "not empty" }, { "name= ,connection=pty", "not empty" },
        { "name=a=b,connection=pty", "no \"=\" in it" },
    };
    char line[300], expected[400];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        snprintf(line, sizeof(line), "channel = [ '%s' ]", cases[i].entry);
        snprintf(expected, sizeof(expected), "g.cfg: channel = \"%s\": ", cases[i].entry);
        if (read_guest(line) != -EINVAL || !strstr(fault.text, cases[i].reason))
            fail_msg("%s: %s", line, fault.text);
        assert_memory_equal(fault.text, expected, strlen(expected));
    }
}

static void test_refused_lists(void **state)
{
    char line[1000] = "channel = [ ", path[200];

    assert_int_equal(read_guest("channel = 'name=a,connection=pty'"), -EINVAL);
    assert_int_equal(read_guest("channel = [ [ 'name=a' ] ]"), -EINVAL);
    assert_int_equal(read_guest("channel = [ 'name=a,connection=socket,path=" FOLDER "/a', "
                                "'name=b,connection=socket,path=" FOLDER "/a' ]"), -EINVAL);
    assert_non_null(strstr(fault.text, "another one has this path="));
    for (int i = 0; i < CHANNELS_MAX; i++)
        strcat(line, "'name=a,connection=pty', ");
    strcat(line, "]");
    assert_int_equal(read_guest(line), 0);
    strcpy(strchr(line, ']'), "'name=a,connection=pty' ]");
    assert_int_equal(read_guest(line), -EINVAL);
    assert_non_null(strstr(fault.text, "9 of them"));
    memset(path, 'x', 108);
    memcpy(path, FOLDER "/", strlen(FOLDER "/"));
    path[107] = '\0';
    snprintf(line, sizeof(line), "channel = [ 'name=a,connection=socket,path=%s' ]", path);
    assert_int_equal(read_guest(line), 0);
    snprintf(line, sizeof(line), "channel = [ 'name=a,connection=socket,path=%sx' ]", path);
    assert_int_equal(read_guest(line), -EINVAL);
}

/* A guest that is not made on this host, whose config goes to another one, for example. */
static void test_elsewhere(void **state)
{
    static const char line[] = "channel = [ 'name=a,connection=socket,path=" FOLDER "/none/a', "
                               "'name=b,connection=socket,path=" FOLDER "/file' ]";

    host.here = false;
    assert_int_equal(read_guest(line), 0);
    assert_int_equal(read_guest("channel = [ 'name=a,connection=socket,path=a' ]"), -EINVAL);
    host.here = true;
    assert_int_equal(read_guest(line), -EINVAL);
}

static int start(void **state)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = FOLDER "/socket" };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), rc;

    mkdir(FOLDER, 0700);
    unlink(addr.sun_path);
    rc = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
    close(fd);
    fclose(fopen(FOLDER "/file", "w"));
    return rc;
}

static int finish(void **state)
{
    unlink(FOLDER "/file");
    unlink(FOLDER "/socket");
    return rmdir(FOLDER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_served), cmocka_unit_test(test_refused), cmocka_unit_test(test_refused_lists),
        cmocka_unit_test(test_elsewhere),
    };

    return cmocka_run_group_tests_name("xl-channels", tests, start, finish);
}
