// sources: tests/unit/fake-xs.c tests/unit/fake-vchan.c
/*
 * The device model's life, on a platform that the test plays: the start, everything that may be missing, and each way
 * to end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "device-model.h"
#include "fake-vchan.h"
#include "fake-xs.h"
#include "log.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <xenstore.h>

#define ARGV "/vm/uuid/image/dm-argv/"
#define QMP_PATH "/local/domain/3/device-model/7/qmp-vchan"
#define VNC_PATH "/local/domain/3/device-model/7/vnc-vchan/"

static struct loop loop;
static struct device_model dm;
static int64_t clock_ms;
static char log_text[16384];

/* What the platform returns, and how it was called. */
static struct {
    struct platform base;
    int disk_rc, nic_rc, chardev_rc, open_rc, start_rc, confine_rc, crash_rc, inherit_rc;
    int starts, confines, crashes, power_offs, removals, opened[8], open_count;
    unsigned int crashed_guest, s_state;
    int sleep_rc;
    char argv[4096];
    struct frame_filter_rules rules;
    int connects[2], sockets[32], socket_count, monitor;
    int consoles[3], pipes[2], pipe_count; /* consoles: dom0's ends; pipes: QEMU's ends, for restore and save */
} host;

static int64_t now_ms(void)
{
    return clock_ms;
}

static void collect_log(void *data, enum log_level level, const char *line)
{
    size_t used = strlen(log_text);

    snprintf(log_text + used, sizeof(log_text) - used, "%s\n", line);
}

static int fake_console_open(struct platform *p, unsigned int n, int *fd)
{
    int ends[2];

    if (host.open_rc)
        return host.open_rc;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    host.opened[host.open_count++] = n;
    host.consoles[n] = ends[0];
    *fd = ends[1];
    return 0;
}

static int fake_console_chardev(struct platform *p, unsigned int n, char *chardev, size_t size)
{
    snprintf(chardev, size, "/dev/fake%u", n);
    return host.chardev_rc;
}

static int fake_nic_attach(struct platform *p, unsigned int devid,
                           const struct frame_filter_rules *rules, char *backend, size_t size)
{
    host.rules = *rules;
    snprintf(backend, size, "tap,fd=9");
    return host.nic_rc;
}

static int fake_disk_check(struct platform *p, unsigned int disk)
{
    return host.disk_rc;
}

static int fake_qemu_start(struct platform *p, char *const argv[])
{
    host.starts++;
    host.argv[0] = '\0';
    for (; *argv; argv++)
        sprintf(host.argv + strlen(host.argv), "%s ", *argv);
    return host.start_rc;
}

/* Gets QEMU's end of our monitor, or of a pipe for its state. */
static int fake_qemu_inherit(struct platform *p, int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    if (S_ISFIFO(st.st_mode)) {
        host.pipes[host.pipe_count++] = fd;
        return 0;
    }
    host.monitor = fd;
    return host.inherit_rc;
}

static int fake_qemu_confine(struct platform *p)
{
    host.confines++;
    return host.confine_rc;
}

/* Returns one end of a socket pair in place of QEMU's socket; nothing comes from the other end. */
static int fake_qemu_connect(struct platform *p, enum qemu_socket which)
{
    int ends[2];

    host.connects[which]++;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    host.sockets[host.socket_count++] = ends[0];
    return ends[1];
}

static int fake_guest_crash(struct platform *p, unsigned int guest)
{
    host.crashes++;
    host.crashed_guest = guest;
    return host.crash_rc;
}

static int fake_guest_sleep(struct platform *p, unsigned int guest, unsigned int s_state)
{
    assert_int_equal(guest, 7);
    host.s_state = s_state;
    return host.sleep_rc;
}

static void fake_power_off(struct platform *p)
{
    host.power_offs++;
}

static uint64_t fake_memory_available(struct platform *p)
{
    return 64 << 20;
}

static int fake_file_create(struct platform *p, unsigned int n, uint64_t bytes, char *path, size_t size)
{
    snprintf(path, size, "/tmp/boot-%u", n);
    return 0;
}

static int fake_file_write(struct platform *p, unsigned int n, const void *bytes, size_t size)
{
    return 0;
}

static void fake_files_remove(struct platform *p)
{
    host.removals++;
}

static const struct platform_ops fake_ops = {
    .memory_available = fake_memory_available,
    .file_create = fake_file_create,
    .file_write = fake_file_write,
    .files_remove = fake_files_remove,
    .console_open = fake_console_open,
    .console_chardev = fake_console_chardev,
    .nic_attach = fake_nic_attach,
    .disk_check = fake_disk_check,
    .qemu_inherit = fake_qemu_inherit,
    .qemu_start = fake_qemu_start,
    .qemu_confine = fake_qemu_confine,
    .qemu_connect = fake_qemu_connect,
    .guest_crash = fake_guest_crash,
    .guest_sleep = fake_guest_sleep,
    .power_off = fake_power_off,
};

static void settle(void)
{
    for (int i = 0; i < 30; i++)
        assert_int_equal(loop_turn(&loop, 0), 0);
}

static void pass_ms(int64_t ms)
{
    clock_ms += ms;
    settle();
}

static void set_args(const char *const *args)
{
    char path[64];

    fake_xs_set("/local/domain/7/vm", "/vm/uuid");
    fake_xs_set("/vm/uuid/image/dm-argv", NULL);
    for (int i = 1; *args; i++, args++) {
        snprintf(path, sizeof(path), ARGV "%03d", i);
        fake_xs_set(path, *args);
    }
}

static int setup(void **state)
{
    memset(&host, 0, sizeof(host));
    host.monitor = -1;
    host.base = (struct platform){ .ops = &fake_ops, .qemu = "/qemu", .disk_options = "cache=none,aio=native",
                                   .qmp_path = "/run/qmp", .vnc_path = "/run/vnc", .least_memory = 22,
                                   .memory_signal = SIGKILL };
    clock_ms = 500;
    log_text[0] = '\0';
    fake_vchan_reset(3);
    fake_xs_set("domid", "3");
    fake_xs_set("memory/target", "32768");
    fake_xs_set("device/vif/0/mac", "00:16:3e:01:02:03");
    fake_xs_set("device/vif/0/backend", "/local/domain/0/backend/vif/3/0");
    host.base.firewall = true;
    set_args((const char *const[]){
        "-xen-domid", "7", "-netdev", "type=tap,id=net0,ifname=vif7.0-emu,br=xenbr0", "-serial",
        "/dev/hvc3", "-drive", "file=/dev/xvdb,if=ide", NULL });
    loop_init(&loop, now_ms);
    log_set_sink(collect_log, NULL);
    assert_int_equal(device_model_init(&dm, &loop, &host.base, fake_xs_open()), 0);
    return 0;
}

static int teardown(void **state)
{
    device_model_dispose(&dm);
    device_model_dispose(&dm);
    while (host.socket_count)
        close(host.sockets[--host.socket_count]);
    if (host.monitor >= 0)
        close(host.monitor);
    while (host.pipe_count)
        close(host.pipes[--host.pipe_count]);
    for (int i = 0; i < host.open_count; i++)
        close(host.consoles[host.opened[i]]);
    assert_int_equal(fake_xs_open_handles(), 0);
    assert_int_equal(fake_vchan_servers(), 0);
    fake_vchan_reset(3);
    return 0;
}

static void assert_logged(const char *text)
{
    if (!strstr(log_text, text))
        fail_msg("not in the log: %s\n%s", text, log_text);
}

/* Checks that it has ended, once, with this reason in the log and in xenstore, and that the guest was shut down. */
static void assert_ended(const char *reason)
{
    settle();
    assert_int_equal(dm.state, DM_ENDED);
    assert_int_equal(host.power_offs, 1);
    assert_int_equal(host.crashes, 1);
    assert_int_equal(host.crashed_guest, 7);
    assert_logged(reason);
    assert_non_null(fake_xs_get("device-model/7/error"));
    assert_non_null(strstr(fake_xs_get("device-model/7/error"), reason));
    assert_int_equal(fake_vchan_servers(), 0);
}

static void start_qemu(void)
{
    fake_xs_set("target", "7");
    device_model_start(&dm);
    settle();
    assert_int_equal(dm.state, DM_STARTING);
    assert_int_equal(host.starts, 1);
}

static void qemu_says(const char *line)
{
    assert_int_equal(write(host.monitor, line, strlen(line)), strlen(line));
    settle();
}

static void assert_asked(const char *what)
{
    char text[256] = "";

    settle();
    assert_true(read(host.monitor, text, sizeof(text) - 1) > 0);
    assert_non_null(strstr(text, what));
}

static void greet(void)
{
    assert_asked("qmp_capabilities");
    qemu_says("{\"QMP\": {}}\n{\"return\": {}}\n");
    assert_asked("query-status");
}

static void run_qemu(void)
{
    start_qemu();
    greet();
    assert_null(fake_xs_get("device-model/7/state"));
    qemu_says("{\"return\": {\"status\": \"running\", \"running\": true}}\n");
    assert_int_equal(dm.state, DM_RUNNING);
    assert_string_equal(fake_xs_get("device-model/7/state"), "running");
}

static void all_the_way_up(void **state)
{
    char expected[600];

    run_qemu();
    snprintf(expected, sizeof(expected),
        "/qemu -xen-domid 7 -netdev tap,fd=9,id=net0 -serial /dev/fake3 -drive "
        "file=/dev/xvdb,if=ide,cache=none,aio=native -chardev "
        "socket,id=stubdom-qmp,path=/run/qmp,server=on,wait=off -mon "
        "chardev=stubdom-qmp,mode=control -chardev socket,id=stubdom-own,fd=%d -mon "
        "chardev=stubdom-own,mode=control -xen-domid-restrict -vnc none "
        "-add-fd fd=%d,set=1,opaque=save ", host.monitor, host.pipes[0]);
    assert_string_equal(host.argv, expected);
    assert_memory_equal(host.rules.mac, "\x00\x16\x3e\x01\x02\x03", 6);
    assert_false(host.rules.by_address);
    assert_int_equal(host.open_count, 1);
    assert_int_equal(host.opened[0], CONSOLE_SAVE);
    assert_int_equal(host.confines, 1);
    assert_non_null(fake_vchan_connect(QMP_PATH));
    assert_int_equal(host.power_offs, 0);
    pass_ms(1000000);
    assert_int_equal(host.power_offs, 0);
}

/* There is one free slot more than there are viewers, as long as there are slots. */
static void viewers(void **state)
{
    struct libxenvchan *clients[VNC_SLOTS];
    char path[80];

    fake_xs_set("device/vfb/0/backend", "/local/domain/0/backend/vfb/3/0");
    run_qemu();
    assert_non_null(strstr(host.argv, "-vnc unix:/run/vnc "));
    for (int i = 0; i < VNC_SLOTS; i++) {
        snprintf(path, sizeof(path), VNC_PATH "%d", i + 1);
        assert_null(fake_xs_get(path));
        snprintf(path, sizeof(path), VNC_PATH "%d", i);
        clients[i] = fake_vchan_connect(path);
        assert_non_null(clients[i]);
        settle();
        assert_int_equal(host.connects[QEMU_SOCKET_VNC], i + 1);
    }
    assert_null(fake_vchan_connect(VNC_PATH "3"));
    fake_vchan_leave(clients[3]);
    settle();
    assert_non_null(fake_vchan_connect(VNC_PATH "3"));
    settle();
    assert_int_equal(host.connects[QEMU_SOCKET_VNC], VNC_SLOTS + 1);
}

static void password(void **state)
{
    fake_xs_set("device/vfb/0/backend", "/local/domain/0/backend/vfb/3/0");
    fake_xs_set("/local/domain/0/backend/vfb/3/0/vncpasswd", "a\"\\\nb\xc3\xa9");
    start_qemu();
    assert_non_null(strstr(host.argv, "-vnc unix:/run/vnc,password=on "));
    assert_asked("qmp_capabilities");
    qemu_says("{\"QMP\": {}}\n{\"return\": {}}\n");
    assert_asked("{\"execute\":\"change-vnc-password\",\"arguments\":{\"password\":"
                 "\"a\\u0022\\u005c\\u000ab\xc3\xa9\"}}");
    qemu_says("{\"error\": {}}\n");
    assert_logged("no viewer can connect");
    assert_asked("query-status");
    for (size_t i = 0; i < sizeof(dm.vnc_password); i++)
        assert_int_equal(dm.vnc_password[i], 0);
}

static void password_too_long(void **state)
{
    char text[VNC_PASSWORD_MAX + 2];

    memset(text, '"', sizeof(text));
    text[VNC_PASSWORD_MAX + 1] = '\0';
    fake_xs_set("device/vfb/0/backend", "/b");
    fake_xs_set("/b/vncpasswd", text);
    fake_xs_set("target", "7");
    device_model_start(&dm);
    assert_int_equal(host.power_offs, 1);
    teardown(state);
    setup(state);
    text[VNC_PASSWORD_MAX] = '\0';
    fake_xs_set("device/vfb/0/backend", "/b");
    fake_xs_set("/b/vncpasswd", text);
    start_qemu();
}

static void no_display(void **state)
{
    run_qemu();
    assert_null(fake_xs_get(VNC_PATH "0"));
}

/* What dom0 gets through QMP while QEMU's state is on its way. */
static const char *qmp_says(struct libxenvchan *client)
{
    static char text[64];
    size_t len;

    settle();
    len = fake_vchan_client_read(client, text, sizeof(text) - 1);
    text[len] = '\0';
    return text;
}

static void dom0_gets(unsigned int console, const char *octets, size_t len)
{
    char got[64];

    settle();
    assert_int_equal(read(host.consoles[console], got, sizeof(got)), len);
    assert_memory_equal(got, octets, len);
}

static struct libxenvchan *save_state(void)
{
    struct libxenvchan *client;

    run_qemu();
    client = fake_vchan_connect(QMP_PATH);
    settle();
    assert_int_equal(write(host.sockets[0], "greeting", 8), 8);
    assert_string_equal(qmp_says(client), "greeting");
    assert_int_equal(write(host.pipes[0], "QEVM", 4), 4);
    assert_int_equal(write(host.sockets[0], "saved", 5), 5);
    assert_string_equal(qmp_says(client), "");
    dom0_gets(CONSOLE_SAVE, "XSst\4\0\0\0QEVMXSst\0\0\0\0", 20);
    return client;
}

static void saved_when_it_is_stored(void **state)
{
    struct libxenvchan *client = save_state();

    pass_ms(5000);
    assert_string_equal(qmp_says(client), "");
    assert_int_equal(write(host.consoles[CONSOLE_SAVE], "K", 1), 1);
    assert_string_equal(qmp_says(client), "saved");
    assert_int_equal(write(host.sockets[0], "more", 4), 4);
    assert_string_equal(qmp_says(client), "more");
}

/*
 * A soft reset: QEMU must end before the toolstack is told that its state is saved, because only its end frees its
 * ioreq server.
 */
static void saved_for_another_qemu(void **state)
{
    struct libxenvchan *client = save_state();

    assert_int_equal(write(host.consoles[CONSOLE_SAVE], "L", 1), 1);
    assert_string_equal(qmp_says(client), "");
    assert_asked("{\"execute\":\"quit\"}");
    qemu_says("{\"return\": {}}\n");
    shutdown(host.sockets[0], SHUT_RDWR);
    close(host.monitor);
    host.monitor = -1;
    assert_string_equal(qmp_says(client), "");
    device_model_qemu_ended(&dm, &(struct qemu_end){ .code = 0 });
    assert_string_equal(qmp_says(client), "saved");
    assert_true(fake_vchan_server_alive(client));
    assert_int_equal(host.power_offs, 0);
    assert_int_equal(host.crashes, 0);
}

static void not_stored(void **state)
{
    save_state();
    assert_int_equal(write(host.consoles[CONSOLE_SAVE], "F", 1), 1);
    settle();
    assert_logged("QEMU's state is not stored: hanging up on the toolstack");
    assert_int_equal(read(host.sockets[0], &(char){ 0 }, 1), 0);
    assert_int_equal(dm.state, DM_RUNNING);
    assert_non_null(fake_vchan_connect(QMP_PATH));
}

static void no_word_from_dom0(void **state)
{
    save_state();
    pass_ms(STATE_ANSWER_MS);
    assert_logged("dom0 does not say that it has stored it");
    assert_int_equal(read(host.sockets[0], &(char){ 0 }, 1), 0);
}

static void restores(void **state)
{
    char expected[32], got[8];

    set_args((const char *const[]){ "-incoming", "$STUBDOM_RESTORE_INCOMING_ARG", NULL });
    start_qemu();
    snprintf(expected, sizeof(expected), "-incoming fd:%d ", host.pipes[0]);
    assert_non_null(strstr(host.argv, expected));
    dom0_gets(CONSOLE_RESTORE, "R", 1);
    assert_int_equal(write(host.consoles[CONSOLE_RESTORE], "XSst\3\0\0\0abcXSst\0\0\0\0", 19), 19);
    settle();
    assert_int_equal(read(host.pipes[0], got, sizeof(got)), 3);
    assert_int_equal(read(host.pipes[0], got, sizeof(got)), 0);
    assert_logged("QEMU has all 3 bytes");
    assert_int_equal(host.power_offs, 0);
}

static void restores_nonsense(void **state)
{
    set_args((const char *const[]){ "-incoming", "$STUBDOM_RESTORE_INCOMING_ARG",
                                    "-xen-domid", "7", NULL });
    start_qemu();
    assert_int_equal(write(host.consoles[CONSOLE_RESTORE], "not a frame", 11), 11);
    assert_ended("restored state: not whole: 0 bytes came from dom0: Protocol error");
}

static void target_comes_late(void **state)
{
    device_model_start(&dm);
    pass_ms(3000);
    assert_int_equal(dm.state, DM_ARGS);
    fake_xs_set("target", "7");
    settle();
    assert_int_equal(dm.state, DM_STARTING);
}

static void no_target(void **state)
{
    device_model_start(&dm);
    pass_ms(9999);
    assert_int_equal(host.power_offs, 0);
    pass_ms(1);
    assert_int_equal(host.power_offs, 1);
    assert_int_equal(host.crashes, 0); /* no guest is known yet */
    assert_logged("waited 10 s for the toolstack to write target and dm-argv");
}

static void bad_target(void **state)
{
    fake_xs_set("target", "seven");
    device_model_start(&dm);
    assert_int_equal(host.power_offs, 1);
    assert_logged("cannot read target and dm-argv");
}

static void no_argv(void **state)
{
    fake_xs_set("target", "7");
    fake_xs_set("/vm/uuid/image/dm-argv", NULL);
    device_model_start(&dm);
    assert_ended("cannot read target and dm-argv");
}

static void refused_argument(void **state)
{
    fake_xs_set("target", "7");
    set_args((const char *const[]){ "-bios", "/boot/bios", NULL });
    device_model_start(&dm);
    assert_ended("-bios /boot/bios: a file of dom0");
}

#define FILES_PATH "/local/domain/3/device-model/7/files/"

/* The kernel is fetched before QEMU is started, and removed when QEMU has read it. */
static void boot_file(void **state)
{
    static const char bytes[] = { 4, 0, 0, 0, 0, 0, 0, 0, 'b', 'o', 'o', 't' };

    set_args((const char *const[]){ "-kernel", "/boot/vmlinuz", NULL });
    fake_xs_set("target", "7");
    device_model_start(&dm);
    settle();
    assert_int_equal(dm.state, DM_FETCHING);
    assert_int_equal(host.starts, 0);
    fake_vchan_client_write(fake_vchan_connect(FILES_PATH "0"), bytes, sizeof(bytes));
    settle();
    assert_int_equal(dm.state, DM_STARTING);
    assert_non_null(strstr(host.argv, "-kernel /tmp/boot-0 "));
    assert_int_equal(host.removals, 0);
    greet();
    qemu_says("{\"return\": {\"status\": \"running\", \"running\": true}}\n");
    assert_int_equal(dm.state, DM_RUNNING);
    assert_int_equal(host.removals, 1);
}

static void boot_file_does_not_come(void **state)
{
    set_args((const char *const[]){ "-initrd", "/boot/initrd", NULL });
    fake_xs_set("target", "7");
    device_model_start(&dm);
    pass_ms(24000);
    assert_int_equal(host.power_offs, 0);
    pass_ms(1001);
    assert_ended("waited 25 s for the guest's ramdisk, dom0's /boot/initrd, of which 0 KiB");
}

static void boot_file_too_big(void **state)
{
    static const char bytes[] = { 0, 0, 0, 8, 0, 0, 0, 0 };

    set_args((const char *const[]){ "-kernel", "/boot/vmlinuz", NULL });
    fake_xs_set("target", "7");
    device_model_start(&dm);
    fake_vchan_client_write(fake_vchan_connect(FILES_PATH "0"), bytes, sizeof(bytes));
    settle();
    assert_ended("the guest's kernel, dom0's /boot/vmlinuz: too big for the stub domain");
    assert_int_equal(host.starts, 0);
}

static void another_guests_arguments(void **state)
{
    fake_xs_set("target", "7");
    set_args((const char *const[]){ "-xen-domid", "8", NULL });
    device_model_start(&dm);
    assert_ended("this stub domain is for guest 7");
}

/* Each device appears late. Either an event reports it, or it is found by looking again. */
static void late_devices(void **state)
{
    int *const answers[] = { &host.disk_rc, &host.nic_rc, &host.chardev_rc, &host.open_rc };

    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        *answers[i] = -EAGAIN;
    fake_xs_set("target", "7");
    device_model_start(&dm);
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        pass_ms(500);
        assert_int_equal(dm.state, DM_DEVICES);
        *answers[i] = 0;
        if (i % 2)
            device_model_devices_changed(&dm);
        else
            pass_ms(100);
    }
    assert_int_equal(dm.state, DM_STARTING);
    device_model_devices_changed(&dm);
    assert_int_equal(host.starts, 1);
}

static void missing_devices(void **state)
{
    static const char *const names[] = { "disk xvdb", "NIC 0", "console 3 (serial)",
                                         "console 1 (save)" };
    int *const answers[] = { &host.disk_rc, &host.nic_rc, &host.chardev_rc, &host.open_rc };

    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        char expected[80];

        *answers[i] = -EAGAIN;
        fake_xs_set("target", "7");
        device_model_start(&dm);
        pass_ms(14999);
        assert_int_equal(host.power_offs, 0);
        pass_ms(1);
        snprintf(expected, sizeof(expected), "waited 15 s for %s: giving up", names[i]);
        assert_ended(expected);
        teardown(state);
        setup(state);
    }
}

/* The toolstack left the disk to a QEMU in dom0, which does not exist. This is an error at once. */
static void unserved_disk(void **state)
{
    host.disk_rc = -EAGAIN;
    fake_xs_set("device/vbd/51728/backend", "/local/domain/0/backend/qdisk/8/51728");
    fake_xs_set("target", "7");
    device_model_start(&dm);
    assert_ended("disk xvdb: backend qdisk, not backendtype=phy: ");
}

static void broken_device(void **state)
{
    host.nic_rc = -EPERM;
    fake_xs_set("target", "7");
    device_model_start(&dm);
    assert_ended("NIC 0: Operation not permitted");
}

static void vif_without_address(void **state)
{
    fake_xs_set("device/vif/0/mac", NULL);
    fake_xs_set("target", "7");
    device_model_start(&dm);
    pass_ms(15000);
    assert_ended("waited 15 s for NIC 0");
}

static void nic_addresses(void **state)
{
    fake_xs_set("/local/domain/0/backend/vif/3/0/ip", "192.168.77.10 2001:db8::1");
    run_qemu();
    assert_true(host.rules.by_address);
    assert_int_equal(host.rules.address_count, 3);
}

/* QEMU is not started if the firewall's rules cannot be read. */
static void bad_nic_addresses(void **state)
{
    fake_xs_set("/local/domain/0/backend/vif/3/0/ip", "192.168.77.10,192.168.77.11");
    fake_xs_set("target", "7");
    device_model_start(&dm);
    assert_logged("NIC 0: firewall: mac=00:16:3e:01:02:03, ip=192.168.77.10,192.168.77.11: not IPv4 or IPv6");
    assert_ended("NIC 0: Invalid argument");
    teardown(state);
    setup(state);
    host.base.firewall = false;
    fake_xs_set("/local/domain/0/backend/vif/3/0/ip", "rubbish");
    run_qemu();
}

/* A NIC without a backend in xenstore: its addresses are not known yet, so it is waited for. */
static void nic_without_backend(void **state)
{
    fake_xs_set("device/vif/0/backend", NULL);
    fake_xs_set("target", "7");
    device_model_start(&dm);
    pass_ms(15000);
    assert_ended("waited 15 s for NIC 0");
}

static void qemu_does_not_start(void **state)
{
    host.start_rc = -ENOEXEC;
    fake_xs_set("target", "7");
    device_model_start(&dm);
    assert_ended("cannot start QEMU: Exec format error");
}

static void qemu_exits_at_once(void **state)
{
    start_qemu();
    device_model_qemu_said(&dm, "warning: x\nbad op", 17);
    device_model_qemu_said(&dm, "tion", 4);
    device_model_qemu_ended(&dm, &(struct qemu_end){ .code = 1 });
    assert_logged("qemu: warning: x\n");
    assert_logged("qemu: bad option\n");
    assert_ended("QEMU ended with status 1 before it was running; its last words: bad option");
}

static void qemu_is_killed(void **state)
{
    run_qemu();
    device_model_qemu_said(&dm, "long ago\n", 9);
    pass_ms(1001);
    device_model_qemu_ended(&dm, &(struct qemu_end){ .signalled = true, .code = 9 });
    assert_ended("stubdom_memory is 32 MiB, it may need more: QEMU was killed by signal 9");
    assert_null(strstr(fake_xs_get("device-model/7/error"), "long ago"));
    assert_logged("arguments, ");
    assert_logged("KiB of memory are left");
    device_model_qemu_ended(&dm, &(struct qemu_end){ .code = 0 });
    assert_int_equal(host.power_offs, 1);
}

/*
 * If xl-stubdom's refusal was bypassed, or the guest needs more than the least, one line of the log has the numbers.
 * Only the signal for lack of memory leads to that line: Linux sends SIGBUS for a page of the guest's, too.
 */
static void memory_is_too_small(void **state)
{
    static const struct {
        const char *target; /* KiB; NULL: not in xenstore */
        bool running;
        int memory_signal; /* linux: SIGKILL, micro: SIGBUS, rump: 0 */
        struct qemu_end end;
        const char *reason;
    } rows[] = {
        { "16384", false, SIGKILL, { true, 9 },
          "stubdom_memory is 16 MiB, it needs at least 22: QEMU was killed by signal 9 before it was running" },
        { "22527", false, SIGBUS, { true, 7 },
          "stubdom_memory is 21 MiB, it needs at least 22: QEMU was killed by signal 7 before it was running" },
        { "16384", false, SIGKILL, { false, 1 },
          "stubdom_memory is 16 MiB, it needs at least 22: QEMU ended with status 1 before it was running" },
        { "22528", false, SIGBUS, { true, 7 },
          "stubdom_memory is 22 MiB, it may need more: QEMU was killed by signal 7 before it was running" },
        { "22528", false, SIGKILL, { true, 9 },
          "stubdom_memory is 22 MiB, it may need more: QEMU was killed by signal 9 before it was running" },
        { "22528", false, SIGKILL, { true, 7 }, "QEMU was killed by signal 7 before it was running" },
        { "22528", true, SIGBUS, { true, 9 }, "QEMU was killed by signal 9" },
        { "16384", true, SIGKILL, { true, 7 }, "QEMU was killed by signal 7" },
        { "22528", true, 0, { true, 9 }, "QEMU was killed by signal 9" },
        { "22528", false, SIGKILL, { false, SIGKILL }, "QEMU ended with status 9 before it was running" },
        { "22528", false, SIGKILL, { false, 1 }, "QEMU ended with status 1 before it was running" },
        { "22528", false, SIGKILL, { true, 11 }, "QEMU was killed by signal 11 before it was running" },
        { NULL, false, SIGKILL, { true, 9 }, "QEMU was killed by signal 9 before it was running" },
        { "16384", true, SIGKILL, { false, 1 }, "QEMU ended with status 1" },
        { "16384", true, SIGKILL, { true, 9 },
          "stubdom_memory is 16 MiB, it needs at least 22: QEMU was killed by signal 9" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        fake_xs_set("memory/target", rows[i].target);
        host.base.memory_signal = rows[i].memory_signal;
        if (rows[i].running)
            run_qemu();
        else
            start_qemu();
        device_model_qemu_ended(&dm, &rows[i].end);
        assert_ended(rows[i].reason);
        assert_string_equal(fake_xs_get("device-model/7/error"), rows[i].reason);
        teardown(state);
        setup(state);
    }
}

static void guest_is_gone(void **state)
{
    run_qemu();
    host.crash_rc = -ESRCH;
    device_model_qemu_ended(&dm, &(struct qemu_end){ .code = 0 });
    assert_logged("guest 7 is gone");
    assert_int_equal(host.power_offs, 1);
}

static void guest_cannot_be_shut_down(void **state)
{
    run_qemu();
    host.crash_rc = -EPERM;
    device_model_qemu_ended(&dm, &(struct qemu_end){ .code = 0 });
    assert_logged("cannot shut down guest 7: Operation not permitted");
    assert_int_equal(host.power_offs, 1);
}

/* It is logged, but is not the end: libxl's own timeout decides. */
static void slow_qemu(void **state)
{
    start_qemu();
    pass_ms(10000);
    assert_logged("waited 10 s for QEMU to say that it is running; still waiting");
    assert_int_equal(host.power_offs, 0);
    greet();
    qemu_says("{\"return\": {\"status\": \"running\", \"running\": true}}\n");
    assert_int_equal(dm.state, DM_RUNNING);
}

/* An incoming guest runs later than QEMU does. */
static void incoming_guest(void **state)
{
    start_qemu();
    greet();
    qemu_says("{\"return\": {\"status\": \"inmigrate\", \"running\": false}}\n");
    assert_int_equal(dm.state, DM_STARTING);
    qemu_says("{\"timestamp\": {}, \"event\": \"OTHER\"}\n");
    qemu_says("{\"timestamp\": {}, \"event\": \"RESUME\"}\n");
    assert_asked("query-status");
    qemu_says("{\"return\": {\"status\": \"running\", \"running\": true}}\n");
    assert_int_equal(dm.state, DM_RUNNING);
}

static void guest_sleeps(void **state)
{
    run_qemu();
    qemu_says("{\"timestamp\": {}, \"event\": \"SUSPEND_DISK\"}\n");
    assert_int_equal(host.s_state, 0);
    qemu_says("{\"timestamp\": {}, \"event\": \"SUSPEND\"}\n");
    assert_int_equal(host.s_state, 3);
    host.sleep_rc = -EPERM;
    qemu_says("{\"timestamp\": {}, \"event\": \"WAKEUP\"}\n");
    assert_int_equal(host.s_state, 0);
    assert_logged("cannot put guest 7 into ACPI state S0: Operation not permitted");
    assert_int_equal(host.power_offs, 0);
}

static void status_refused(void **state)
{
    start_qemu();
    greet();
    qemu_says("{\"error\": {\"desc\": \"\\\"status\\\": \\\"running\\\"\"}}\n");
    assert_int_equal(dm.state, DM_STARTING);
}

static void no_descriptor_for_the_monitor(void **state)
{
    host.inherit_rc = -ENOSPC;
    fake_xs_set("target", "7");
    device_model_start(&dm);
    host.monitor = -1; /* not taken over */
    assert_ended("No space left on device");
}

static void state_cannot_be_written(void **state)
{
    start_qemu();
    greet();
    fake_xs_fail(EACCES);
    qemu_says("{\"return\": {\"status\": \"running\"}}\n");
    assert_int_equal(host.power_offs, 1);
    assert_logged("cannot write device-model/7/state to xenstore: Permission denied");
}

static void not_confined(void **state)
{
    host.confine_rc = -EBUSY;
    start_qemu();
    greet();
    qemu_says("{\"return\": {\"status\": \"running\"}}\n");
    assert_int_equal(host.power_offs, 1);
    assert_logged("QEMU keeps the privileges that it needed only to start: Device or resource busy");
    /* So libxl does not unpause the guest. */
    assert_null(fake_xs_get("device-model/7/state"));
}

static void xenstore_fails(void **state)
{
    device_model_dispose(&dm);
    struct xs_handle *xs = fake_xs_open();

    fake_xs_fail(EIO);
    assert_int_equal(device_model_init(&dm, &loop, &host.base, xs), -EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_the_way_up, setup, teardown),
        cmocka_unit_test_setup_teardown(viewers, setup, teardown),
        cmocka_unit_test_setup_teardown(password, setup, teardown),
        cmocka_unit_test_setup_teardown(password_too_long, setup, teardown),
        cmocka_unit_test_setup_teardown(no_display, setup, teardown),
        cmocka_unit_test_setup_teardown(saved_when_it_is_stored, setup, teardown),
        cmocka_unit_test_setup_teardown(saved_for_another_qemu, setup, teardown),
        cmocka_unit_test_setup_teardown(not_stored, setup, teardown),
        cmocka_unit_test_setup_teardown(no_word_from_dom0, setup, teardown),
        cmocka_unit_test_setup_teardown(restores, setup, teardown),
        cmocka_unit_test_setup_teardown(restores_nonsense, setup, teardown),
        cmocka_unit_test_setup_teardown(target_comes_late, setup, teardown),
        cmocka_unit_test_setup_teardown(no_target, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_target, setup, teardown),
        cmocka_unit_test_setup_teardown(no_argv, setup, teardown),
        cmocka_unit_test_setup_teardown(refused_argument, setup, teardown),
        cmocka_unit_test_setup_teardown(boot_file, setup, teardown),
        cmocka_unit_test_setup_teardown(boot_file_does_not_come, setup, teardown),
        cmocka_unit_test_setup_teardown(boot_file_too_big, setup, teardown),
        cmocka_unit_test_setup_teardown(another_guests_arguments, setup, teardown),
        cmocka_unit_test_setup_teardown(late_devices, setup, teardown),
        cmocka_unit_test_setup_teardown(missing_devices, setup, teardown),
        cmocka_unit_test_setup_teardown(unserved_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_device, setup, teardown),
        cmocka_unit_test_setup_teardown(vif_without_address, setup, teardown),
        cmocka_unit_test_setup_teardown(nic_addresses, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_nic_addresses, setup, teardown),
        cmocka_unit_test_setup_teardown(nic_without_backend, setup, teardown),
        cmocka_unit_test_setup_teardown(qemu_does_not_start, setup, teardown),
        cmocka_unit_test_setup_teardown(qemu_exits_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(qemu_is_killed, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_is_too_small, setup, teardown),
        cmocka_unit_test_setup_teardown(guest_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(guest_cannot_be_shut_down, setup, teardown),
        cmocka_unit_test_setup_teardown(slow_qemu, setup, teardown),
        cmocka_unit_test_setup_teardown(incoming_guest, setup, teardown),
        cmocka_unit_test_setup_teardown(guest_sleeps, setup, teardown),
        cmocka_unit_test_setup_teardown(status_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(no_descriptor_for_the_monitor, setup, teardown),
        cmocka_unit_test_setup_teardown(state_cannot_be_written, setup, teardown),
        cmocka_unit_test_setup_teardown(not_confined, setup, teardown),
        cmocka_unit_test_setup_teardown(xenstore_fails, setup, teardown),
    };

    return cmocka_run_group_tests_name("device-model", tests, NULL, NULL);
}
