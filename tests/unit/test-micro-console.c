// sources: launcher/stubdom-micro/dev-console.c launcher/xen-layer/text.c tests/unit/fake-micro.c
// sources: tests/unit/fake-pv.c tests/unit/fake-pv-store.c
/*
 * /dev/hvcN: several files on one console, bytes in both directions, the terminal ioctls of QEMU and the launcher, and
 * a backend that comes late, goes, and comes back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "fake-micro.h"
#include "fake-pv-store.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <asm/termios.h>

/* -------- the layer's consoles -------- */

struct pv_console {
    bool open, gone, deserted;
    void (*changed)(void *arg);
    void *arg;
    char in[4096], out[4096];
    size_t in_size, out_size, room;
    unsigned int opens;
};

static struct pv_console consoles[16];
static int open_says;
static void (*while_opening)(void);

int pv_console_open(unsigned int n, void (*changed)(void *arg), void *arg, struct pv_console **console)
{
    struct pv_console *opened = &consoles[n];

    assert_in_range(n, 0, 15);
    assert_false(opened->open);
    if (while_opening)
        while_opening();
    if (open_says)
        return open_says;
    opened->open = true;
    opened->gone = false;
    opened->opens++;
    opened->changed = changed;
    opened->arg = arg;
    *console = opened;
    return 0;
}

void pv_console_close(struct pv_console *console)
{
    assert_true(console->open);
    console->open = false;
}

long pv_console_read(struct pv_console *console, void *to, size_t size)
{
    size_t n = size < console->in_size ? size : console->in_size;

    assert_true(console->open);
    if (!n && console->gone)
        return -PV_EIO;
    memcpy(to, console->in, n);
    console->in_size -= n;
    memmove(console->in, console->in + n, console->in_size);
    return (long)n;
}

long pv_console_write(struct pv_console *console, const void *from, size_t size)
{
    size_t n = size < console->room ? size : console->room;

    assert_true(console->open);
    if (console->gone)
        return -PV_EIO;
    memcpy(console->out + console->out_size, from, n);
    console->out_size += n;
    console->room -= n;
    return (long)(console->deserted ? size : n);
}

size_t pv_console_readable(struct pv_console *console) { return console->in_size; }
size_t pv_console_unsent(struct pv_console *console) { return console->out_size; }
bool pv_console_gone(struct pv_console *console) { return console->gone; }

size_t pv_console_writable(struct pv_console *console)
{
    return console->gone ? 0 : console->deserted ? 2048 : console->room;
}

static struct pv_console *hvc3 = &consoles[3];

static void arrives(const char *text)
{
    memcpy(hvc3->in + hvc3->in_size, text, strlen(text));
    hvc3->in_size += strlen(text);
    hvc3->changed(hvc3->arg);
}

static void goes(void)
{
    hvc3->gone = true;
    hvc3->changed(hvc3->arg);
}

/* -------- files -------- */

static unsigned int changes;
static struct file *changed_files[8];

void file_changed(struct file *file)
{
    changed_files[changes++ % 8] = file;
}

static struct file *open_file(const char *path)
{
    struct file *file;

    assert_int_equal(fake_device_open(path, O_RDWR | O_NONBLOCK, &file), 0);
    assert_int_equal(file->refs, 1);
    return file;
}

static unsigned int poll_file(struct file *file) { return file->ops->poll(file); }

static long ask(struct file *file, unsigned int command, void *arg)
{
    return file->ops->ioctl(file, command, (uintptr_t)arg);
}

static int setup(void **state)
{
    fake_pv_reset();
    fake_micro_reset();
    fake_store_drop();
    memset(consoles, 0, sizeof(consoles));
    for (size_t i = 0; i < ARRAY_LEN(consoles); i++)
        consoles[i].room = 2048;
    open_says = 0;
    while_opening = NULL;
    changes = 0;
    assert_int_equal(dev_console_init(), 0);
    return 0;
}

static int teardown(void **state)
{
    fake_micro_reset();
    fake_store_drop();
    fake_pv_reset();
    return 0;
}

/* -------- -------- */

static void test_nodes(void **state)
{
    struct file *file;

    assert_true(fake_device_exists("/dev/hvc0"));
    assert_true(fake_device_exists("/dev/hvc15"));
    assert_false(fake_device_exists("/dev/hvc16"));
    file = open_file("/dev/console");
    assert_int_equal(fake_write(file, "hi", 2), 2);
    assert_memory_equal(consoles[0].out, "hi", 2);
    file_put(file);
}

static void test_backend_is_not_there(void **state)
{
    struct file *file;

    open_says = -PV_EAGAIN;
    assert_int_equal(fake_device_open("/dev/hvc3", O_RDWR, &file), -ENODEV);
    open_says = -PV_ENOMEM;
    assert_int_equal(fake_device_open("/dev/hvc3", O_RDWR, &file), -ENOMEM);
    open_says = 0;
    for (long i = 0; i < 2; i++) {
        fake_alloc_fails = i;
        assert_int_equal(fake_device_open("/dev/hvc3", O_RDWR, &file), -ENOMEM);
        assert_false(hvc3->open);
    }
    fake_alloc_fails = -1;
    file_put(open_file("/dev/hvc3"));
}

static void test_shared(void **state)
{
    struct file *a = open_file("/dev/hvc3"), *b = open_file("/dev/hvc3"), *other = open_file("/dev/hvc4");
    char data[8];

    assert_int_equal(hvc3->opens, 1);
    arrives("xy");
    assert_int_equal(changes, 2);
    assert_true(changed_files[0] != changed_files[1] && changed_files[0] != other && changed_files[1] != other);
    assert_int_equal(fake_read(a, data, 1), 1);
    assert_int_equal(fake_read(b, data + 1, 1), 1);
    assert_memory_equal(data, "xy", 2);
    file_put(a);
    assert_true(hvc3->open);
    arrives("z");
    assert_ptr_equal(changed_files[2], b);
    assert_int_equal(changes, 3);
    file_put(b);
    assert_false(hvc3->open);
    file_put(other);
}

static void test_bytes(void **state)
{
    struct file *file = open_file("/dev/hvc3");
    char data[4096], back_again[4096];

    assert_int_equal(poll_file(file), POLLOUT);
    assert_int_equal(fake_read(file, data, 10), -EAGAIN);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)(i * 7);
    memcpy(hvc3->in, data, 1500);
    hvc3->in_size = 1500;
    assert_int_equal(poll_file(file), POLLIN | POLLOUT);
    assert_int_equal(fake_read(file, back_again, 1300), 1300);
    assert_int_equal(fake_read(file, back_again + 1300, 1300), 200);
    assert_memory_equal(back_again, data, 1500);

    assert_int_equal(fake_write(file, data, 1400), 1400);
    assert_int_equal(fake_write(file, data + 1400, 1400), 648);
    assert_memory_equal(hvc3->out, data, 2048);
    assert_int_equal(fake_write(file, data, 1), -EAGAIN);
    assert_int_equal(poll_file(file), 0);
    hvc3->deserted = true;
    assert_int_equal(poll_file(file), POLLOUT);
    assert_int_equal(fake_write(file, data, 4096), 4096);
    file_put(file);
}

static void test_bad_memory(void **state)
{
    struct file *file = open_file("/dev/hvc3");
    char data[1024];

    arrives("some");
    assert_int_equal(fake_read(file, (void *)FAKE_USER_BAD, 8), -EFAULT);
    assert_int_equal(fake_write(file, (void *)FAKE_USER_BAD, 8), -EFAULT);
    assert_int_equal(hvc3->out_size, 0);
    /* The second piece cannot be read: the first one counts. */
    fake_user_fails = 1;
    assert_int_equal(fake_write(file, data, sizeof(data)), 512);
    assert_int_equal(hvc3->out_size, 512);
    hvc3->in_size = 1024;
    fake_user_fails = 1;
    assert_int_equal(fake_read(file, data, sizeof(data)), 512);
    assert_int_equal(ask(file, TCGETS, (void *)FAKE_USER_BAD), -EFAULT);
    assert_int_equal(ask(file, TCSETS, (void *)FAKE_USER_BAD), -EFAULT);
    assert_int_equal(ask(file, TCSETSF, (void *)FAKE_USER_BAD), -EFAULT);
    assert_int_equal(ask(file, TIOCOUTQ, (void *)FAKE_USER_BAD), -EFAULT);
    file_put(file);
}

static void assert_raw(const struct termios *t)
{
    assert_int_equal(t->c_lflag & (ICANON | ECHO | ECHONL | ISIG | IEXTEN), 0);
    assert_int_equal(t->c_iflag & (ICRNL | INLCR | IGNCR | IXON | ISTRIP | BRKINT | PARMRK), 0);
    assert_int_equal(t->c_oflag & OPOST, 0);
    assert_int_equal(t->c_cc[VMIN], 1);
    assert_int_equal(t->c_cc[VTIME], 0);
}

static void test_termios(void **state)
{
    struct file *file = open_file("/dev/hvc3"), *other = open_file("/dev/hvc3");
    struct termios t, cooked;

    assert_int_equal(ask(file, TCGETS, &t), 0);
    assert_raw(&t);
    assert_int_equal(t.c_cflag & (CSIZE | CREAD | CBAUD), CS8 | CREAD | B38400);

    /* Settings that have no effect are not shown as set. */
    memset(&cooked, 0xff, sizeof(cooked));
    cooked.c_cflag = B115200 | CS7 | CREAD | PARENB;
    assert_int_equal(ask(file, TCSETS, &cooked), 0);
    assert_int_equal(ask(other, TCGETS, &t), 0);
    assert_raw(&t);
    assert_int_equal(t.c_cflag, cooked.c_cflag);

    arrives("typed ahead");
    assert_int_equal(ask(file, TCSETSW, &t), 0);
    assert_int_equal(hvc3->in_size, 11);
    assert_int_equal(ask(file, TCSETSF, &t), 0);
    assert_int_equal(hvc3->in_size, 0);

    /* When the last file is closed, the settings are reset. */
    file_put(file);
    file_put(other);
    file = open_file("/dev/hvc3");
    assert_int_equal(ask(file, TCGETS, &t), 0);
    assert_int_equal(t.c_cflag & CBAUD, B38400);
    file_put(file);
}

static void test_other_commands(void **state)
{
    struct file *file = open_file("/dev/hvc3");
    struct winsize size = { 1, 2, 3, 4 };
    int n = -1;

    assert_int_equal(fake_write(file, "unsent", 6), 6);
    assert_int_equal(ask(file, TIOCOUTQ, &n), 0);
    assert_int_equal(n, 6);
    arrives("abc");
    assert_int_equal(ask(file, FIONREAD, &n), 0);
    assert_int_equal(n, 3);
    assert_int_equal(ask(file, TCFLSH, (void *)TCOFLUSH), 0);
    assert_int_equal(hvc3->in_size, 3);
    assert_int_equal(ask(file, TCFLSH, (void *)TCIFLUSH), 0);
    assert_int_equal(hvc3->in_size, 0);
    arrives("abc");
    assert_int_equal(ask(file, TCFLSH, (void *)TCIOFLUSH), 0);
    assert_int_equal(hvc3->in_size, 0);
    assert_int_equal(ask(file, TCFLSH, (void *)7), -EINVAL);
    assert_int_equal(ask(file, TIOCGWINSZ, &size), 0);
    assert_int_equal(size.ws_row, 0);
    assert_int_equal(ask(file, TCSBRK, NULL), 0);
    assert_int_equal(ask(file, TCSBRK, (void *)1), 0);
    assert_int_equal(ask(file, TIOCMGET, &n), -EINVAL);
    assert_int_equal(ask(file, TIOCMSET, &n), -EINVAL);
    assert_int_equal(ask(file, TIOCSTI, &n), -ENOTTY);
    file_put(file);
}

static void test_backend_goes(void **state)
{
    struct file *old = open_file("/dev/hvc3"), *new, *third;
    char data[8];
    int n;

    arrives("end");
    goes();
    assert_int_equal(changes, 2);
    assert_int_equal(poll_file(old), POLLIN | POLLOUT | POLLERR | POLLHUP);
    assert_int_equal(fake_write(old, "x", 1), -EIO);
    assert_int_equal(fake_read(old, data, 8), 3);
    assert_int_equal(fake_read(old, data, 8), 0);

    /* It cannot be connected now, and then it can. An old file does not get the new connection. */
    open_says = -PV_EAGAIN;
    assert_int_equal(fake_device_open("/dev/hvc3", O_RDWR, &new), -ENODEV);
    assert_int_equal(poll_file(old), POLLIN | POLLOUT | POLLERR | POLLHUP);
    open_says = 0;
    new = open_file("/dev/hvc3");
    third = open_file("/dev/hvc3");
    assert_int_equal(hvc3->opens, 2);
    arrives("new");
    assert_int_equal(fake_read(old, data, 8), 0);
    assert_int_equal(fake_write(old, "x", 1), -EIO);
    assert_int_equal(poll_file(old), POLLIN | POLLOUT | POLLERR | POLLHUP);
    assert_int_equal(ask(old, TIOCOUTQ, &n), -EIO);
    assert_int_equal(poll_file(new), POLLIN | POLLOUT);
    file_put(third);
    assert_int_equal(fake_read(new, data, 8), 3);
    file_put(new);
    assert_false(hvc3->open); /* the old file does not hold it */
    new = open_file("/dev/hvc3");
    file_put(old);
    assert_true(hvc3->open);
    file_put(new);
}

/* There is less room than pv_console_writable() said: no error, and nothing is written twice. */
static void test_gone_in_the_middle(void **state)
{
    struct file *file = open_file("/dev/hvc3");

    hvc3->deserted = true;
    hvc3->room = 0;
    assert_int_equal(fake_write(file, "lost", 4), 4);
    assert_int_equal(hvc3->out_size, 0);
    file_put(file);
}

static void open_within(void)
{
    struct file *closing;

    /* A hung-up file is closed while another opener connects. */
    while_opening = NULL;
    closing = fake_fds.slots[0].file;
    fake_fds.slots[0].file = NULL;
    file_put(closing);
}

static void test_close_while_connecting(void **state)
{
    struct file *file;

    fake_fds.slots[0].file = open_file("/dev/hvc3");
    goes();
    while_opening = open_within;
    file = open_file("/dev/hvc3");
    assert_true(hvc3->open);
    arrives("x");
    assert_int_equal(poll_file(file), POLLIN | POLLOUT);
    file_put(file);
}

/*
 * While the first opener connects, which sleeps, a second one comes: it waits, and then has the same console. The test
 * has one thread, so it leaves the second one's wait by a jump.
 */
static jmp_buf first_is_done;
static struct file *second;

static bool second_sleeps(void)
{
    longjmp(first_is_done, 1);
}

static void second_opens(void)
{
    while_opening = NULL;
    fake_on_sleep = second_sleeps;
    if (!setjmp(first_is_done)) {
        fake_device_open("/dev/hvc3", O_RDWR, &second);
        fail_msg("the second opener did not wait");
    }
    fake_on_sleep = NULL;
}

static void test_two_openers(void **state)
{
    struct file *first;

    while_opening = second_opens;
    first = open_file("/dev/hvc3");
    second = open_file("/dev/hvc3");
    assert_int_equal(hvc3->opens, 1);
    file_put(first);
    file_put(second);
}

static void test_uevents(void **state)
{
    fake_store_fire();
    assert_string_equal(fake_uevents, "");
    fake_store_set("device/console/3/backend", "/local/domain/0/backend/console/7/3");
    fake_store_fire();
    assert_string_equal(fake_uevents, "change@/devices/console\n");
    fake_store_set("device/console/3/ring-ref", "8");
    fake_store_fire();
    assert_string_equal(fake_uevents, "change@/devices/console\n");
    fake_store_set("device/console/3/state", "4");
    fake_store_fire();
    assert_string_equal(fake_uevents, "change@/devices/console\nchange@/devices/console\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nodes), TEST(test_backend_is_not_there), TEST(test_shared), TEST(test_bytes), TEST(test_bad_memory),
        TEST(test_termios), TEST(test_other_commands), TEST(test_backend_goes), TEST(test_gone_in_the_middle),
        TEST(test_close_while_connecting), TEST(test_two_openers), TEST(test_uevents),
    };

    return cmocka_run_group_tests_name("micro-console", tests, NULL, NULL);
}
