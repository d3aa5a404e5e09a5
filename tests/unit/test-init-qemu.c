// sources: launcher/stubdom-init/linux-qemu.c
// wrap: device_model_qemu_said device_model_qemu_ended linux_sandbox_enter linux_sandbox_prepare mount chown chmod
/*
 * QEMU as a child of the Linux launcher; other programs play QEMU. Calls that would change the machine are wrapped.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "linux.h"
#include "log.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

static struct loop loop;
static struct linux_platform platform;
static char said[4096], changed[512];
static struct qemu_end end;
static int ends, sandbox_rc, mount_error;

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

void __wrap_device_model_qemu_said(struct device_model *dm, const char *bytes, size_t size)
{
    size_t used = strlen(said);

    if (used + size < sizeof(said))
        memcpy(said + used, bytes, size);
}

void __wrap_device_model_qemu_ended(struct device_model *dm, const struct qemu_end *how)
{
    end = *how;
    ends++;
    loop_stop(&loop);
}

int __wrap_linux_sandbox_prepare(struct linux_platform *of, int *socket)
{
    *socket = open("/dev/null", O_RDWR | O_CLOEXEC);
    return 0;
}

int __wrap_linux_sandbox_enter(int socket)
{
    return fcntl(socket, F_GETFD) < 0 ? -EBADF : sandbox_rc;
}

int __wrap_mount(const char *source, const char *target, const char *type, unsigned long flags,
                 const void *data)
{
    assert_true(flags == (MS_REMOUNT | MS_RDONLY));
    errno = mount_error;
    return mount_error ? -1 : 0;
}

static int note(const char *path)
{
    strcat(strcat(changed, path), " ");
    return 0;
}

int __wrap_chown(const char *path, uid_t uid, gid_t gid)
{
    return note(path);
}

int __wrap_chmod(const char *path, mode_t mode)
{
    assert_int_equal(mode, 0600);
    return 0;
}

static int setup(void **state)
{
    memset(said, 0, sizeof(said));
    changed[0] = '\0';
    ends = sandbox_rc = mount_error = 0;
    memset(&platform, 0, sizeof(platform));
    platform.loop = &loop;
    loop_init(&loop, now_ms);
    assert_int_equal(linux_qemu_init(&platform), 0);
    return 0;
}

static int teardown(void **state)
{
    if (platform.output.fd >= 0)
        close(platform.output.fd);
    close(platform.child_signal.fd);
    return 0;
}

static void run(char *const argv[])
{
    assert_int_equal(linux_qemu_start(&platform.base, argv), 0);
    assert_int_equal(loop_run(&loop), 0);
    assert_int_equal(ends, 1);
    assert_int_equal(platform.qemu_pid, 0);
}

static void exits(void **state)
{
    run((char *[]){ "/bin/sh", "-c", "echo out; echo err >&2; exit 3", NULL });
    assert_false(end.signalled);
    assert_int_equal(end.code, 3);
    assert_non_null(strstr(said, "out\n"));
    assert_non_null(strstr(said, "err\n"));
    assert_non_null(strstr(changed, "/dev/xen/privcmd"));
}

static void killed(void **state)
{
    run((char *[]){ "/bin/sh", "-c", "kill -11 $$", NULL });
    assert_true(end.signalled);
    assert_int_equal(end.code, SIGSEGV);
}

static void not_there(void **state)
{
    run((char *[]){ "/no/such/program", NULL });
    assert_int_equal(end.code, 127);
    assert_non_null(strstr(said, "cannot run /no/such/program: No such file"));
}

static void no_sandbox_no_qemu(void **state)
{
    sandbox_rc = -EPERM;
    run((char *[]){ "/bin/echo", "ran", NULL });
    assert_int_equal(end.code, 127);
    assert_null(strstr(said, "ran"));
    assert_non_null(strstr(said, "cannot drop privileges: Operation not permitted"));
}

/* It inherits the descriptors that are passed, and no others, whatever their close-on-exec flags are. */
static void inherits(void **state)
{
    char command[128];
    int passed = open("/dev/null", O_RDONLY | O_CLOEXEC), other = open("/dev/null", O_RDONLY);

    assert_int_equal(linux_pass_fd(&platform, passed), 0);
    snprintf(command, sizeof(command), "[ -e /proc/self/fd/%d ] && [ ! -e /proc/self/fd/%d ]",
             passed, other);
    run((char *[]){ "/bin/sh", "-c", command, NULL });
    assert_int_equal(end.code, 0);
    assert_int_equal(fcntl(passed, F_GETFD), -1); /* the launcher has closed its copy */
    close(other);
}

/* An orphan is reaped, and not taken for QEMU. */
static void other_children(void **state)
{
    pid_t other = fork();

    if (!other)
        _exit(9);
    run((char *[]){ "/bin/sh", "-c", "sleep 0.1; exit 4", NULL });
    assert_int_equal(end.code, 4);
}

static void much_output(void **state)
{
    run((char *[]){ "/bin/sh", "-c", "i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done",
                    NULL });
    assert_int_equal(end.code, 0);
}

static void confines(void **state)
{
    assert_int_equal(linux_qemu_confine(&platform.base), 0);
    assert_string_equal(changed, "/dev/xen/privcmd /dev/xen/hypercall /dev/xen/evtchn /dev/xen/xenbus "
                                 "/dev/xen/gntdev ");
    mount_error = EBUSY;
    assert_int_equal(linux_qemu_confine(&platform.base), -EBUSY);
}

static void connects(void **state)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int server = socket(AF_UNIX, SOCK_STREAM, 0), fd;
    char name[64], long_name[200];

    snprintf(name, sizeof(name), "/tmp/test-init-qemu.%d", getpid());
    strcpy(address.sun_path, name);
    assert_int_equal(bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
    platform.base.qmp_path = name;
    assert_int_equal(linux_qemu_connect(&platform.base, QEMU_SOCKET_QMP), -ECONNREFUSED);
    assert_int_equal(listen(server, 1), 0);
    fd = linux_qemu_connect(&platform.base, QEMU_SOCKET_QMP);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    close(fd);
    close(server);
    unlink(name);
    memset(long_name, 'x', sizeof(long_name));
    long_name[sizeof(long_name) - 1] = '\0';
    platform.base.vnc_path = long_name;
    assert_int_equal(linux_qemu_connect(&platform.base, QEMU_SOCKET_VNC), -ENAMETOOLONG);
}

/* A copy of linux-platform.c's, without the rest of that file. */
int linux_pass_fd(struct linux_platform *p, int fd)
{
    p->passed_fds[p->passed_count++] = fd;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(exits, setup, teardown),
        cmocka_unit_test_setup_teardown(killed, setup, teardown),
        cmocka_unit_test_setup_teardown(not_there, setup, teardown),
        cmocka_unit_test_setup_teardown(no_sandbox_no_qemu, setup, teardown),
        cmocka_unit_test_setup_teardown(inherits, setup, teardown),
        cmocka_unit_test_setup_teardown(other_children, setup, teardown),
        cmocka_unit_test_setup_teardown(much_output, setup, teardown),
        cmocka_unit_test_setup_teardown(confines, setup, teardown),
        cmocka_unit_test_setup_teardown(connects, setup, teardown),
    };

    return cmocka_run_group_tests_name("init-qemu", tests, NULL, NULL);
}
