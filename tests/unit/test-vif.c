// sources: launcher/vif/vif.c launcher/hotplug/stock.c launcher/hotplug/hotplug.c tests/unit/fake-xs.c
// wrap: execv open
// cflags: -Ilauncher/stubdom-init
/*
 * The hotplug script of NICs: what it does for libxl's arguments and xenstore's nodes, and in which order. The test
 * plays the kernel and execv(). test-vif-bridge.c tests bridge.c.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "fake-xs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static char folder[] = "/tmp/test-vif-XXXXXX", stock[64];

#define XEN_SCRIPT_DIR folder
#define STOCK_FILES { "vif-bridge", 0xaf63dc4c8601ec8c }, { "vif-common.sh", 0xaf63df4c8601f1a5 }, \
                    { "xen-network-common.sh", 0xaf63de4c8601eff2 }, { "xen-hotplug-common.sh", 0xaf63d94c8601e773 }
#define main vif_main
#include "../../launcher/vif/main.c"
#undef main

#define BACK "/local/domain/0/backend/vif/7/0/"

static char calls[2048];
static int failing_guard, failing_rename, failing_join;
static bool bridged;
static struct frame_filter installed;

static void note(const char *format, ...)
{
    va_list args;
    size_t len = strlen(calls);

    va_start(args, format);
    vsnprintf(calls + len, sizeof(calls) - len, format, args);
    va_end(args);
}

struct xs_handle *xs_open(unsigned long flags)
{
    return fake_xs_open();
}

bool bridge_is_one(const char *name)
{
    return bridged && !strcmp(name, "br0");
}

int bridge_index(const char *interface)
{
    return strcmp(interface, "vif7.0") ? 0 : 5;
}

int bridge_mtu(const char *interface)
{
    return 1500;
}

int bridge_rename(const char *interface, const char *name)
{
    note("rename %s %s;", interface, name);
    return failing_rename;
}

int bridge_join(const char *bridge, const char *interface, unsigned int mtu)
{
    note("join %s %s %u;", bridge, interface, mtu);
    return failing_join;
}

void bridge_leave(const char *bridge, const char *interface)
{
    note("leave %s %s;", bridge, interface);
}

int linux_tc_guard(int interface, const struct frame_filter *filter)
{
    installed = *filter;
    note("guard %d;", interface);
    return failing_guard;
}

int __real_open(const char *path, int flags, ...);

/* The log is not opened. */
int __wrap_open(const char *path, int flags, ...)
{
    return strcmp(path, HOTPLUG_LOG) ? __real_open(path, flags) : -1;
}

int __wrap_execv(const char *path, char *const argv[])
{
    note("run %s", path);
    for (int i = 1; argv[i]; i++)
        note(" %s", argv[i]);
    note(" script=%s;", getenv("script"));
    assert_string_equal(path, argv[0]);
    errno = ENOENT;
    return -1;
}

static void put(const char *name, const char *text)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int setup(void **state)
{
    fake_xs_reset(0);
    setenv("XENBUS_PATH", "backend/vif/7/0", 1);
    setenv("vif", "vif7.0", 1);
    unsetenv("script");
    fake_xs_set(BACK "mac", "00:16:3e:00:00:0a");
    fake_xs_set(BACK "bridge", "br0");
    fake_xs_set("/local/domain/7/image/device-model-domid", "8");
    bridged = true;
    failing_guard = failing_rename = failing_join = 0;
    memset(&installed, 0, sizeof(installed));
    put("vif-bridge", "a");
    put("vif-common.sh", "b");
    put("xen-network-common.sh", "c");
    put("xen-hotplug-common.sh", "d");
    snprintf(stock, sizeof(stock), "%s/vif-bridge", folder);
    return 0;
}

/* Runs the script. `calls` has what it did. */
static int run_as(const char *name, const char *action, const char *type)
{
    char program[64], verb[16], kind[32], *argv[] = {program, verb, kind, NULL};
    int status;

    snprintf(program, sizeof(program), "/usr/libexec/xen-stubdom/%s", name);
    snprintf(verb, sizeof(verb), "%s", action);
    snprintf(kind, sizeof(kind), "%s", type);
    calls[0] = '\0';
    status = vif_main(3, argv);
    assert_int_equal(fake_xs_open_handles(), 0);
    return status;
}

static int online(void)
{
    return run_as("stubdom-vif", "online", "type_if=vif");
}

static void assert_calls(const char *format, ...)
{
    char expected[512];
    va_list args;

    va_start(args, format);
    vsnprintf(expected, sizeof(expected), format, args);
    va_end(args);
    assert_string_equal(calls, expected);
}

static void assert_failed(const char *error)
{
    assert_string_equal(fake_xs_get(BACK "hotplug-status"), "error");
    assert_non_null(strstr(fake_xs_get(BACK "hotplug-error"), error));
}

/* The firewall is installed first. */
static void the_usual(void **state)
{
    assert_int_equal(online(), 0);
    assert_calls("guard 5;join br0 vif7.0 1500;");
    assert_string_equal(fake_xs_get(BACK "hotplug-status"), "connected");
    assert_string_equal(fake_xs_get("/local/domain/7/device/vif/0/mtu"), "1500");
    assert_true(installed.count > 3);
    assert_int_equal(run_as("stubdom-vif", "offline", "type_if=vif"), 0);
    assert_calls("leave br0 vif7.0;");
}

static void settings_of_the_user(void **state)
{
    fake_xs_set(BACK "vifname", "lan");
    fake_xs_set(BACK "mtu", "9000");
    assert_int_equal(online(), 0);
    assert_calls("guard 5;rename vif7.0 lan;join br0 lan 9000;");
    assert_string_equal(fake_xs_get("/local/domain/7/device/vif/0/mtu"), "9000");
    assert_int_equal(run_as("stubdom-vif", "offline", "type_if=vif"), 0);
    assert_calls("leave br0 lan;");
}

/* Which vifs get a firewall. */
static void who(void **state)
{
    static const struct {
        const char *cmdline;
        bool firewall;
    } cases[] = {
        { "console=hvc0", true }, { "console=hvc0 stubdom.firewall=0", false }, { "stubdom.firewall=0", false },
        { "stubdom.firewall=0 quiet", false }, { "stubdom.firewall=01", true }, { "a.stubdom.firewall=0", true },
        { "stubdom.firewall=00 stubdom.firewall=0", false }, { "", true }, { NULL, true },
    };

    fake_xs_set("/local/domain/8/vm", "/vm/1-2");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        fake_xs_set("/vm/1-2/image/cmdline", cases[i].cmdline);
        assert_int_equal(online(), 0);
        assert_string_equal(calls, &"guard 5;join br0 vif7.0 1500;"[cases[i].firewall ? 0 : 8]);
    }
    /* Vifs of a guest without a stub domain, and of a stub domain. */
    fake_xs_set("/local/domain/7/image/device-model-domid", NULL);
    assert_int_equal(online(), 0);
    assert_calls("join br0 vif7.0 1500;");
    fake_xs_set("/local/domain/7/target", "6");
    assert_int_equal(online(), 0);
    assert_calls("guard 5;join br0 vif7.0 1500;");
    fake_xs_set("/local/domain/7/vm", "/vm/7-8");
    fake_xs_set("/vm/7-8/image/cmdline", "stubdom.firewall=0");
    assert_int_equal(online(), 0);
    assert_calls("join br0 vif7.0 1500;");
    fake_xs_set("/local/domain/7/target", NULL);
    fake_xs_set("/local/domain/7/image/device-model-domid", "x");
    assert_int_equal(online(), 1);
    assert_calls("");
}

/* Another script runs after the firewall was installed. */
static void other_scripts(void **state)
{
    fake_xs_set(BACK "forwarddev", "/root/my-script");
    assert_int_equal(online(), 1);
    assert_calls("guard 5;run /root/my-script online type_if=vif script=/root/my-script;");
    assert_int_equal(run_as("stubdom-vif", "offline", "type_if=vif"), 1);
    assert_calls("run /root/my-script offline type_if=vif script=/root/my-script;");
    fake_xs_set(BACK "forwarddev", "vif-route");
    assert_int_equal(online(), 1);
    assert_calls("guard 5;run %s/vif-route online type_if=vif script=%s/vif-route;", folder, folder);
    assert_failed("vif-route: No such file or directory");
    /* Our own script is refused there: it would call itself for ever. */
    fake_xs_set(BACK "forwarddev", "/usr/libexec/xen-stubdom/stubdom-vif");
    assert_int_equal(online(), 1);
    assert_calls("guard 5;");
    assert_failed("is this program itself");
}

static void assert_stock_runs(void)
{
    assert_int_equal(online(), 1);
    assert_calls("guard 5;run %s online type_if=vif script=%s;", stock, stock);
    assert_int_equal(run_as("stubdom-vif", "offline", "type_if=vif"), 1);
    assert_calls("run %s offline type_if=vif script=%s;", stock, stock);
}

/* Xen's own script runs if ours might not do the same. */
static void the_stock_script(void **state)
{
    char hooks[64];

    bridged = false; /* the bridge is none of Linux's: Open vSwitch, eth0 for xenbr0, a wrong name */
    assert_stock_runs();
    bridged = true;
    fake_xs_set(BACK "bridge", NULL);
    assert_stock_runs();
    fake_xs_set(BACK "bridge", "br0");
    put("vif-common.sh", "changed");
    assert_stock_runs();
    setup(state);
    snprintf(hooks, sizeof(hooks), "%s/vif-post.d", folder);
    assert_int_equal(mkdir(hooks, 0700), 0);
    assert_int_equal(online(), 0);
    put("vif-post.d/a.hook", "");
    assert_stock_runs();
    put("vif-post.d/b", "");
    snprintf(hooks, sizeof(hooks), "%s/vif-post.d/a.hook", folder);
    unlink(hooks);
    assert_int_equal(online(), 0);
}

/* A tap of a QEMU in dom0. */
static void taps(void **state)
{
    assert_int_equal(run_as("stubdom-vif", "add", "type_if=tap"), 1);
    assert_calls("run %s add type_if=tap script=%s;", stock, stock);
    assert_int_equal(run_as("stubdom-vif", "online", "type_if=tap"), 1);
    assert_calls("run %s online type_if=tap script=%s;", stock, stock);
}

/* A vif whose firewall cannot be installed is not set up. */
static void fails_closed(void **state)
{
    static const struct {
        const char *node, *value;
    } bad[] = {
        { "mac", NULL }, { "mac", "" }, { "mac", "00:16:3e" }, { "mac", "00:16:3e:00:00:0a " },
        { "ip", "" }, { "ip", "  " }, { "ip", "10.0.0.1/33" }, { "ip", "10.0.0.1,10.0.0.2" }, { "ip", "any" },
        { "mtu", "x" }, { "mtu", "-1" }, { "mtu", "99999999999999999999" },
    };
    char huge[5000];

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        setup(state);
        fake_xs_set(BACK "hotplug-status", NULL);
        fake_xs_set(bad[i].node[0] == 'm' && bad[i].node[1] == 'a' ? BACK "mac" :
                    bad[i].node[0] == 'i' ? BACK "ip" : BACK "mtu", bad[i].value);
        assert_int_equal(online(), 1);
        assert_calls("");
        assert_string_equal(fake_xs_get(BACK "hotplug-status"), "error");
    }
    setup(state);
    memset(huge, '1', sizeof(huge) - 1);
    huge[sizeof(huge) - 1] = '\0';
    fake_xs_set(BACK "ip", huge);
    assert_int_equal(online(), 1);
    assert_calls("");
    setup(state);
    fake_xs_set_bytes(BACK "ip", "10.0.0.1\0 any", 13);
    assert_int_equal(online(), 1);
    assert_calls("");
    setup(state);
    failing_guard = -EOPNOTSUPP;
    assert_int_equal(online(), 1);
    assert_calls("guard 5;");
    assert_failed("cannot install the firewall: Operation not supported");
}

static void the_kernel_refuses(void **state)
{
    failing_join = -EBUSY;
    assert_int_equal(online(), 1);
    assert_failed("cannot make vif7.0 a port of br0: Device or resource busy");
    fake_xs_set(BACK "vifname", "lan");
    failing_rename = -EEXIST;
    assert_int_equal(online(), 1);
    assert_calls("guard 5;rename vif7.0 lan;");
    assert_failed("there is an interface lan already");
}

/* Calls that cannot be libxl's are refused before xenstore is read. */
static void strange_callers(void **state)
{
    static const char *const paths[] = { "", "backend/vif/", "backend/vif/7", "backend/vif//0", "backend/vif/7/",
                                         "backend/vif/7/0/x", "backend/vif/-7/0", "backend/vif/7/0x1",
                                         "/local/domain/0/backend/vif/7/0", "backend/vif/../7/0",
                                         "backend/vif/99999999999999999999/0", "backend/vbd/7/0",
                                         "backend/vif/7/65536" };
    char *alone[] = {(char *)"stubdom-vif", NULL};

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        setenv("XENBUS_PATH", paths[i], 1);
        assert_int_equal(online(), 1);
        assert_calls("");
    }
    unsetenv("XENBUS_PATH");
    assert_int_equal(online(), 1);
    setup(state);
    setenv("vif", "../eth0", 1);
    assert_int_equal(online(), 1);
    unsetenv("vif");
    assert_int_equal(online(), 1);
    assert_null(fake_xs_get(BACK "hotplug-status"));
    setup(state);
    assert_int_equal(vif_main(1, alone), 1);
    assert_calls("");
}

static void no_xenstore(void **state)
{
    fake_xs_fail(EIO);
    assert_int_equal(online(), 1);
    fake_xs_fail(0);
    assert_calls("");
}

static int begin(void **state)
{
    return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_usual, setup),
        cmocka_unit_test_setup(settings_of_the_user, setup),
        cmocka_unit_test_setup(who, setup),
        cmocka_unit_test_setup(other_scripts, setup),
        cmocka_unit_test_setup(the_stock_script, setup),
        cmocka_unit_test_setup(taps, setup),
        cmocka_unit_test_setup(fails_closed, setup),
        cmocka_unit_test_setup(the_kernel_refuses, setup),
        cmocka_unit_test_setup(strange_callers, setup),
        cmocka_unit_test_setup(no_xenstore, setup),
    };

    return cmocka_run_group_tests_name("vif", tests, begin, end);
}
