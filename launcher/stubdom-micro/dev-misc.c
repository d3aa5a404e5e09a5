/*
 * /dev/null, zero, full, random; what the launcher reads in /proc; and the calls that say
 * what machine this is.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "files.h"

#include <linux/sysinfo.h>
#include <linux/utsname.h>

#define DEVICE(major, minor) ((major) << 8 | (minor))

/* ---- /dev ---- */

/* Reads nothing, takes everything. */
static long null_read(struct file *file, struct user_iter *to, uint64_t pos)
{
    return 0;
}

static long null_write(struct file *file, struct user_iter *from, uint64_t pos)
{
    return (long)from->left;
}

static const char zeros[PV_PAGE];

static long zero_read(struct file *file, struct user_iter *to, uint64_t pos)
{
    size_t done = 0;
    int rc = 0;

    while (to->left && !rc) {
        size_t piece = to->left < sizeof(zeros) ? to->left : sizeof(zeros);

        rc = iter_put(to, zeros, piece);
        if (!rc)
            done += piece;
    }
    return done ? (long)done : rc;
}

static long full_write(struct file *file, struct user_iter *from, uint64_t pos)
{
    return -ENOSPC;
}

/* At most this at once: a call must not keep the CPU for long. */
#define RANDOM_MAX (64UL << 10)

static long random_put(struct user_iter *to)
{
    size_t done = 0;
    uint8_t bytes[256];
    int rc = 0;

    while (to->left && done < RANDOM_MAX && !rc) {
        size_t piece = to->left < sizeof(bytes) ? to->left : sizeof(bytes);

        rc = pv_random(bytes, piece);
        if (!rc)
            rc = iter_put(to, bytes, piece);
        if (!rc)
            done += piece;
    }
    pv_zero(bytes, sizeof(bytes));
    return done ? (long)done : rc;
}

static long random_read(struct file *file, struct user_iter *to, uint64_t pos)
{
    return random_put(to);
}

/* seekable: lseek() works on these and goes nowhere, as on Linux; size 0. */
#define SIMPLE_OPS(name, reads, writes) \
    static const struct file_ops name = { .read = reads, .write = writes, .seekable = true }
SIMPLE_OPS(null_ops, null_read, null_write);
SIMPLE_OPS(zero_ops, zero_read, null_write);
SIMPLE_OPS(full_ops, zero_read, full_write);
/* Writes are ignored: no program may influence the random numbers. */
SIMPLE_OPS(random_ops, random_read, null_write);

static int simple_open(void *arg, int flags, struct file **file)
{
    *file = file_new(arg, flags, NULL);
    return *file ? 0 : -ENOMEM;
}

long sys_getrandom(const unsigned long a[6])
{
    struct io_buffers buffers;

    if (a[2] & ~7UL) /* GRND_NONBLOCK, RANDOM, INSECURE: all the same */
        return -EINVAL;
    io_buffers_one(&buffers, a[0], a[1]);
    return a[1] ? random_put(&buffers.iter) : 0;
}

/* ---- /proc: texts, made when they are opened ---- */

#define TEXT_MAX 2048U
struct text { size_t size; char bytes[TEXT_MAX]; };
typedef int text_fn(char *to, size_t size);

static long text_read(struct file *file, struct user_iter *to, uint64_t pos)
{
    struct text *text = file->data;
    size_t n;
    int rc;

    if (pos >= text->size)
        return 0;
    n = text->size - (size_t)pos < to->left ? text->size - (size_t)pos : to->left;
    rc = iter_put(to, text->bytes + pos, n);
    return rc ? rc : (long)n;
}

static void text_close(struct file *file)
{
    pv_free(file->data);
}

static void text_stat(struct file *file, struct stat *st)
{
    st->st_mode = S_IFREG | 0444; /* its size is 0, as on Linux */
}

static const struct file_ops text_ops = {
    .read = text_read,
    .stat = text_stat,
    .close = text_close,
    .seekable = true,
};

/* A setting that cannot be changed: a write succeeds, and does nothing. */
static const struct file_ops knob_ops = {
    .read = text_read,
    .write = null_write,
    .stat = text_stat,
    .close = text_close,
    .seekable = true,
};

static int text_new(const struct file_ops *ops, text_fn *fn, int flags, struct file **file)
{
    struct text *text = pv_alloc(sizeof(*text));
    int n;

    if (!text)
        return -ENOMEM;
    n = fn(text->bytes, sizeof(text->bytes));
    text->size = n < 0 ? 0 : (size_t)n < sizeof(text->bytes) ? (size_t)n : sizeof(text->bytes) - 1;
    *file = file_new(ops, flags, text);
    if (*file)
        return 0;
    pv_free(text);
    return -ENOMEM;
}

static int cmdline_text(char *to, size_t size)
{
    return pv_format(to, size, "%s\n", pv_command_line());
}

/* There is no cache, so free memory is all that is available. */
static int meminfo_text(char *to, size_t size)
{
    unsigned long free = pv_pages_free() * (PV_PAGE / 1024);
    unsigned long total = pv_pages_total() * (PV_PAGE / 1024);

    return pv_format(to, size,
                     "MemTotal:       %8lu kB\n"
                     "MemFree:        %8lu kB\n"
                     "MemAvailable:   %8lu kB\n", total, free, free);
}

/* Memory is overcommitted: a page is allocated when it is touched. */
static int overcommit_text(char *to, size_t size)
{
    return pv_format(to, size, "1\n");
}

struct proc_file { const char *path; const struct file_ops *ops; unsigned int mode; text_fn *text; };

static const struct proc_file proc_files[] = {
    { "/proc/cmdline", &text_ops, 0444, cmdline_text },
    { "/proc/meminfo", &text_ops, 0444, meminfo_text },
    { "/proc/sys/vm/overcommit_memory", &knob_ops, 0644, overcommit_text },
};

static int proc_open(void *arg, int flags, struct file **file)
{
    const struct proc_file *proc = arg;

    return text_new(proc->ops, proc->text, flags, file);
}

/* ---- what machine this is ---- */

static void set_word(char to[65], const char *word)
{
    pv_format(to, 65, "%s", word);
}

long sys_uname(const unsigned long a[6])
{
    struct new_utsname name;

    pv_zero(&name, sizeof(name));
    set_word(name.sysname, "Linux");
    set_word(name.nodename, "(none)");
    set_word(name.release, "6.12.0-micro");
    set_word(name.version, "#1 micro");
    set_word(name.machine, "x86_64");
    set_word(name.domainname, "(none)");
    return user_write(a[0], &name, sizeof(name));
}

long sys_sysinfo(const unsigned long a[6])
{
    struct sysinfo info;

    pv_zero(&info, sizeof(info));
    info.uptime = (long)(pv_clock() / PV_SECOND);
    info.totalram = pv_pages_total() * PV_PAGE;
    info.freeram = pv_pages_free() * PV_PAGE;
    info.procs = 1;
    info.mem_unit = 1;
    return user_write(a[0], &info, sizeof(info));
}

/* ---- all of it ---- */

struct device { const char *path; uint64_t number; const struct file_ops *ops; };

static const struct device devices[] = {
    { "/dev/null", DEVICE(1, 3), &null_ops },
    { "/dev/zero", DEVICE(1, 5), &zero_ops },
    { "/dev/full", DEVICE(1, 7), &full_ops },
    { "/dev/random", DEVICE(1, 8), &random_ops },
    { "/dev/urandom", DEVICE(1, 9), &random_ops },
};

/* Marks a folder as a mount of its own, which stays writable when the root becomes read-only. */
static void mark_mount(const char *path_in_it)
{
    const char *name;
    struct node *folder = node_make_folders(path_in_it, &name);

    if (folder)
        folder->mounted = true;
}

int dev_misc_init(void)
{
    int rc = 0;

    mark_mount("/dev/null");
    mark_mount("/proc/cmdline");
    for (size_t i = 0; !rc && i < sizeof(devices) / sizeof(devices[0]); i++)
        rc = device_add(devices[i].path, S_IFCHR | 0666, devices[i].number, simple_open,
                        (void *)(uintptr_t)devices[i].ops);
    for (size_t i = 0; !rc && i < sizeof(proc_files) / sizeof(proc_files[0]); i++)
        rc = device_add(proc_files[i].path, S_IFREG | proc_files[i].mode, 0, proc_open,
                        (void *)(uintptr_t)&proc_files[i]);
    return rc;
}
