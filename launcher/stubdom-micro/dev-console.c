/*
 * /dev/hvc0 to /dev/hvc15 (and /dev/console, which is the first): PV consoles as terminals. They are always raw. Other
 * settings are not obeyed, and TCGETS does not show them. Several open files share one console, as on Linux.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "micro.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <asm/termios.h>
#include <linux/errno.h>

#ifndef S_IFCHR
#define S_IFCHR 0020000
#endif
#define CONSOLES 16
#define PIECE 512U
#define RDEV(major, minor) ((major) << 8 | (minor))

/* An open file. */
struct hvc_file {
    struct hvc *hvc;
    struct file *file;
    struct hvc_file *next;
    bool hung_up;              /* the backend has gone; another file may have connected the console again */
};

struct hvc {
    unsigned int n;
    struct pv_console *console; /* NULL: no file is open, or all of them are hung up */
    struct hvc_file *files;
    struct termios termios;
    bool connecting;
    struct pv_queue connected;
};

static struct hvc hvcs[CONSOLES];

/* Linux's (tty_std_termios), but raw. */
static const struct termios raw_termios = {
    .c_cflag = B38400 | CS8 | CREAD | HUPCL,
    .c_cc[VMIN] = 1,
};

static void console_changed(void *arg)
{
    struct hvc *hvc = arg;

    for (struct hvc_file *open = hvc->files; open; open = open->next)
        file_changed(open->file);
}

/* ---- opening and closing ---- */

/* The backend has gone: all open files are at their end, and do not hold the console any more. */
static void hang_up(struct hvc *hvc)
{
    for (struct hvc_file *open = hvc->files; open; open = open->next)
        open->hung_up = true;
    pv_console_close(hvc->console);
    hvc->console = NULL;
    console_changed(hvc);
}

/* Connects the console unless it is connected. Sleeps. A second opener waits for the first. */
static int connect(struct hvc *hvc)
{
    int rc = 0;

    while (hvc->connecting)
        pv_queue_wait(&hvc->connected, PV_FOREVER);
    if (hvc->console && pv_console_gone(hvc->console))
        hang_up(hvc);
    if (!hvc->console) {
        hvc->connecting = true;
        hvc->termios = raw_termios;
        rc = pv_console_open(hvc->n, console_changed, hvc, &hvc->console);
        hvc->connecting = false;
        pv_queue_wake(&hvc->connected);
    }
    return rc == -PV_EAGAIN ? -ENODEV : rc;
}

static void disconnect_unused(struct hvc *hvc)
{
    for (struct hvc_file *open = hvc->files; open; open = open->next)
        if (!open->hung_up)
            return;
    if (hvc->console)
        pv_console_close(hvc->console);
    hvc->console = NULL;
}

static void hvc_close(struct file *file)
{
    struct hvc_file *closed = file->data, **at = &closed->hvc->files;

    while (*at != closed)
        at = &(*at)->next;
    *at = closed->next;
    disconnect_unused(closed->hvc);
    pv_free(closed);
}

static struct pv_console *console_of(const struct file *file)
{
    const struct hvc_file *open = file->data;

    return open->hung_up ? NULL : open->hvc->console;
}

/* ---- bytes ---- */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* If the backend has gone: first what it has written, then 0. */
static long hvc_read(struct file *file, struct user_iter *to, uint64_t pos)
{
    struct pv_console *console = console_of(file);
    char piece[PIECE];
    long done = 0, n;

    while (console && to->left) {
        n = pv_console_read(console, piece, least(to->left, PIECE));
        if (n < 0)
            return done;
        if (!n)
            return done ? done : -EAGAIN;
        if (iter_put(to, piece, (size_t)n))
            return done ? done : -EFAULT;
        done += n;
    }
    return done;
}

/* As long as there is room, the bytes of one call stay together. */
static long hvc_write(struct file *file, struct user_iter *from, uint64_t pos)
{
    struct pv_console *console = console_of(file);
    char piece[PIECE];
    long done = 0;

    while (console && from->left) {
        size_t n = least(least(from->left, pv_console_writable(console)), PIECE);

        if (!n) {
            if (pv_console_gone(console))
                break;
            return done ? done : -EAGAIN;
        }
        if (iter_get(from, piece, n))
            return done ? done : -EFAULT;
        /*
         * pv_console_write() may take less than n: pv_console_writable() says that all can be written when a backend
         * has gone, since it is dropped then, and this backend may have come back meanwhile.
         */
        if (pv_console_write(console, piece, n) < 0)
            break;
        done += (long)n;
    }
    return done ? done : -EIO;
}

static unsigned int hvc_poll(struct file *file)
{
    struct pv_console *console = console_of(file);
    unsigned int ready = 0;

    if (!console || pv_console_gone(console))
        return POLLIN | POLLOUT | POLLERR | POLLHUP;
    if (pv_console_readable(console))
        ready |= POLLIN;
    if (pv_console_writable(console))
        ready |= POLLOUT;
    return ready;
}

/* ---- ioctl ---- */

static long get_termios(struct hvc *hvc, uintptr_t arg)
{
    return user_write(arg, &hvc->termios, sizeof(hvc->termios));
}

/* Keeps the settings, but the line stays raw, and speeds mean nothing. */
static long set_termios(struct hvc *hvc, uintptr_t arg)
{
    struct termios wanted;
    int rc = user_read(&wanted, arg, sizeof(wanted));

    if (rc)
        return rc;
    hvc->termios = raw_termios;
    hvc->termios.c_cflag = wanted.c_cflag;
    return 0;
}

static long discard_input(struct hvc *hvc)
{
    char piece[PIECE];

    /* At most as much as is there now: the backend may go on writing. */
    for (size_t left = pv_console_readable(hvc->console); left;) {
        long n = pv_console_read(hvc->console, piece, least(left, PIECE));

        if (n <= 0)
            break;
        left -= (size_t)n;
    }
    return 0;
}

static long set_termios_and_flush(struct hvc *hvc, uintptr_t arg)
{
    long rc = set_termios(hvc, arg);

    return rc ? rc : discard_input(hvc);
}

/* TCOFLUSH cannot take back what is in the ring already. */
static long flush(struct hvc *hvc, uintptr_t arg)
{
    if (arg == TCOFLUSH)
        return 0;
    return arg == TCIFLUSH || arg == TCIOFLUSH ? discard_input(hvc) : -EINVAL;
}

static long put_number(uintptr_t arg, size_t number)
{
    int value = (int)number;

    return user_write(arg, &value, sizeof(value));
}

static long get_unsent(struct hvc *hvc, uintptr_t arg)
{
    return put_number(arg, pv_console_unsent(hvc->console));
}

static long get_unread(struct hvc *hvc, uintptr_t arg)
{
    return put_number(arg, pv_console_readable(hvc->console));
}

/* 0 by 0: nobody knows the size. */
static long get_size(struct hvc *hvc, uintptr_t arg)
{
    struct winsize size = { 0 };

    return user_write(arg, &size, sizeof(size));
}

/* Sending a break does nothing on this line. Draining does not wait: what was written is in the ring. */
static long do_nothing(struct hvc *hvc, uintptr_t arg)
{
    return 0;
}

/* There are no modem lines. This is the error of Linux's driver. */
static long no_lines(struct hvc *hvc, uintptr_t arg)
{
    return -EINVAL;
}

static const struct { unsigned int command; long (*run)(struct hvc *hvc, uintptr_t arg); } commands[] = {
    { TCGETS, get_termios },
    { TCSETS, set_termios },
    { TCSETSW, set_termios },
    { TCSETSF, set_termios_and_flush },
    { TCFLSH, flush },
    { TIOCOUTQ, get_unsent },
    { FIONREAD, get_unread },
    { TIOCGWINSZ, get_size },
    { TCSBRK, do_nothing },
    { TCSBRKP, do_nothing },
    { TIOCMGET, no_lines },
    { TIOCMSET, no_lines },
    { TIOCMBIS, no_lines },
    { TIOCMBIC, no_lines },
};

static long hvc_ioctl(struct file *file, unsigned int command, uintptr_t arg)
{
    struct hvc_file *open = file->data;

    if (!console_of(file))
        return -EIO;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (commands[i].command == command)
            return commands[i].run(open->hvc, arg);
    return -ENOTTY;
}

/* ---- the devices ---- */

static const struct file_ops hvc_ops = {
    .read = hvc_read,
    .write = hvc_write,
    .poll = hvc_poll,
    .ioctl = hvc_ioctl,
    .close = hvc_close,
};

static int hvc_open(void *arg, int flags, struct file **file)
{
    struct hvc *hvc = arg;
    struct hvc_file *open;
    int rc = connect(hvc);

    if (rc)
        return rc;
    open = pv_alloc(sizeof(*open));
    *file = open ? file_new(&hvc_ops, flags, open) : NULL;
    if (!*file) {
        pv_free(open);
        disconnect_unused(hvc);
        return -ENOMEM;
    }
    *open = (struct hvc_file){ .hvc = hvc, .file = *file, .next = hvc->files };
    hvc->files = open;
    return 0;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = pv_strlen(text), wanted = pv_strlen(end);

    return length >= wanted && pv_streq(text + length - wanted, end);
}

/*
 * Looks for new consoles. A console's nodes change when libxl adds it, and again when it connects.
 */
static void devices_changed(void *arg, const char *path)
{
    if (ends_with(path, "/backend") || ends_with(path, "/state"))
        uevent_send("change@/devices/console");
}

int dev_console_init(void)
{
    static struct pv_watch *watch; /* never removed */

    for (unsigned int n = 0; n < CONSOLES; n++) {
        char path[16];
        int rc;

        hvcs[n].n = n;
        hvcs[n].termios = raw_termios;
        pv_format(path, sizeof(path), "/dev/hvc%u", n);
        rc = device_add(path, S_IFCHR | 0600, RDEV(229, n), hvc_open, &hvcs[n]);
        if (rc)
            return rc;
    }
    return device_add("/dev/console", S_IFCHR | 0600, RDEV(5, 1), hvc_open, &hvcs[0]) ?:
           pv_watch("device/console", devices_changed, NULL, &watch);
}
